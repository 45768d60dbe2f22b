"""A panel holds what the dataset says, filled by rule, and comes back from the cache bit for bit."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import panel_cache
from engine.data.dense import make_dense
from engine.data.panel import CLOSE, HIGH, LOW, OPEN, VOLUME, Panel, State, load_panel, load_part
from engine.data.timeline import close_times
from engine.errors import DataError
from engine.krx.sessions import sessions_between

DAYS = [str(day) for day in sessions_between(datetime.date(2024, 1, 2), datetime.date(2024, 12, 30))]
ARRAYS = ("bars", "state", "base", "closed_at_ns", "session", "ordinal", "first_row", "last_row", "delisted_known")
A, B = "000020", "005930"


def flat(ticker: str, first: int, last: int, price: int = 10_000, *rest: int) -> list[tuple[object, ...]]:
    return [(DAYS[row], ticker, price, price, price, price, 100, *rest) for row in range(first, last)]


def states(panel: Panel, ticker: str) -> list[State]:
    return [State(int(value)) for value in panel.state[:, panel.tickers.index(ticker)]]


def test_cache_gives_the_same_panel_mapped_and_read_only(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = load_panel(sample)
    monkeypatch.setattr("engine.data.panel_build.build", None)
    again = load_panel(sample)
    for name in (*ARRAYS, "value", "shares"):
        one, other = getattr(built, name), getattr(again, name)
        assert np.array_equal(one, other), name
        assert other.flags.c_contiguous and not other.flags.writeable
    assert isinstance(again.bars, np.memmap)
    assert (again.tickers, again.interval, again.manifest) == (built.tickers, built.interval, built.manifest)
    assert again.instruments.equals(built.instruments)
    for field in dataclasses.fields(built.actions):
        assert np.array_equal(getattr(built.actions, field.name), getattr(again.actions, field.name))
    assert {name: series.shape for name, series in again.indices.items()} == {
        "KOSDAQ": (4, built.rows),
        "KOSPI": (4, built.rows),
    }


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "meta", "no meta"])
def test_a_damaged_cache_is_built_again(sample: Path, damage: str) -> None:
    before = load_panel(sample).bars.copy()  # a copy: the panel itself is mapped from the file to be damaged
    entry = next(path for path in panel_cache.cache_folder().iterdir())
    bars = entry / "bars.npy"
    content = bytearray(bars.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 0xFF
        bars.write_bytes(content)
    elif damage == "cut":
        bars.write_bytes(content[:-8])
    elif damage == "remove":
        bars.unlink()
    elif damage == "no meta":
        (entry / "panel.json").unlink()
    else:
        (entry / "panel.json").write_text("{}")
    again = load_panel(sample)
    assert np.array_equal(before, again.bars)
    assert (entry / "bars.npy").stat().st_size == len(content)


def test_a_changed_dataset_is_refused(sample: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(sample, folder)
    load_panel(folder)
    path = next(folder.glob("bars/*/year=2023/bars.parquet"))
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match="was changed or cut short"):
        load_panel(folder)
    path.write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    with pytest.raises(DataError, match="differs from its hash"):
        load_panel(folder)
    path.unlink()
    with pytest.raises(DataError, match="is missing"):
        load_panel(folder)


def test_a_folder_without_a_manifest_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no manifest\.json.*geoul data import"):
        load_panel(tmp_path)


def test_selection_is_a_cut_of_the_whole(sample: Path) -> None:
    whole = load_panel(sample)
    start, end = datetime.date(2022, 3, 2), datetime.date(2023, 5, 31)
    first = int(np.searchsorted(whole.session, (start - datetime.date(1970, 1, 1)).days))
    last = int(np.searchsorted(whole.session, (end - datetime.date(1970, 1, 1)).days, side="right"))
    part = load_panel(sample, start=start, end=end)
    cols = [whole.tickers.index(ticker) for ticker in part.tickers]
    assert np.array_equal(part.session, whole.session[first:last])
    for name in ("state", "base", "value", "shares"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[first:last, cols]), name
    assert np.array_equal(part.bars, whole.bars[:, first:last, cols])
    assert np.array_equal(part.indices["KOSPI"], whole.indices["KOSPI"][:, first:last])
    inside = [(r - first, whole.tickers[c]) for r, c in zip(whole.actions.row, whole.actions.col, strict=True)]
    wanted = [(row, ticker) for row, ticker in inside if 0 <= row < last - first]
    got = [(int(r), part.tickers[c]) for r, c in zip(part.actions.row, part.actions.col, strict=True)]
    assert got == wanted
    few = load_panel(sample, tickers=[whole.tickers[5], whole.tickers[1]])
    assert few.tickers == (whole.tickers[1], whole.tickers[5])
    assert np.array_equal(few.bars[:, :, 1], whole.bars[:, :, 5])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"tickers": ["999999"]}, "has no 999999"),
        ({"tickers": []}, "No tickers"),
        ({"start": datetime.date(2030, 1, 2)}, "has bars from"),
        ({"start": datetime.date(2022, 1, 3), "end": datetime.date(2021, 1, 4)}, "lies after the end"),
        ({"interval": "5m"}, "5m bars cannot be made"),
        ({"interval": "7q"}, "'7q' is not known"),
    ],
)
def test_impossible_selections_are_errors(sample: Path, options: dict[str, object], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        load_panel(sample, **options)  # type: ignore[arg-type]


def test_gaps_of_the_whole_dataset_need_a_decision(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    from engine.data.importer import import_dataset  # noqa: PLC0415

    lines = "date,ticker,open,high,low,close,volume\n" + "".join(
        f"{DAYS[row]},{B},10000,10000,10000,10000,5\n" for row in [*range(10), *range(60, 70)]
    )
    import_dataset([str(write_csv(lines, "raw.csv"))], tmp_path / "out")
    with pytest.raises(DataError, match=rf"no bars for the 50 sessions between {DAYS[9]} and {DAYS[60]}.*--from"):
        load_panel(tmp_path / "out")
    panel = load_panel(tmp_path / "out", allow_gaps=True)
    assert panel.rows == 20
    assert np.diff(panel.ordinal).tolist() == [1] * 9 + [51] + [1] * 9
    later = datetime.date.fromisoformat(DAYS[60])
    assert load_panel(tmp_path / "out", start=later).rows == 10
    # A run inside one part looks back over all of that part, whatever day of it it starts on.
    whole = [datetime.date.fromisoformat(DAYS[row]) for row in (3, 5, 30, 65)]
    assert load_part(tmp_path / "out", whole[0], whole[1]).session_date(0).isoformat() == DAYS[0]
    assert load_part(tmp_path / "out", whole[2]).session_date(0).isoformat() == DAYS[60]
    assert load_part(tmp_path / "out", whole[0], whole[1]).rows == 10
    with pytest.raises(DataError, match="--allow-gaps"):
        load_part(tmp_path / "out", whole[1], whole[3])


def test_halted_and_missing_rows_carry_the_close(make_dataset: Callable[..., Path]) -> None:
    rows = [
        *flat(A, 0, 6),
        (DAYS[0], B, 100, 120, 90, 110, 7),
        (DAYS[1], B, 0, 0, 0, 110, 0),
        (DAYS[2], B, 0, 0, 0, 111, 177),  # block trade during a halt
        (DAYS[4], B, 112, 115, 112, 113, 5),
    ]
    panel = load_panel(make_dataset(rows))
    b = panel.tickers.index(B)
    assert panel.bars[:, :, b].T.tolist() == [
        [100, 120, 90, 110, 7],
        [110, 110, 110, 110, 0],
        [111, 111, 111, 111, 0],
        [111, 111, 111, 111, 0],
        [112, 115, 112, 113, 5],
        [0, 0, 0, 0, 0],
    ]
    quiet = State.PRESENT
    assert states(panel, B) == [
        State.PRESENT | State.TRADED,
        quiet,
        quiet,
        quiet | State.FILLED,
        State.PRESENT | State.TRADED,
        State.ABSENT,
    ]
    assert panel.base[:, b].tolist() == [0, 110, 110, 111, 111, 0]
    assert (panel.first_row[b], panel.last_row[b], bool(panel.delisted_known[b])) == (0, 4, False)


PRESENCE = st.lists(st.lists(st.sampled_from(["row", "zeros", "none"]), min_size=8, max_size=8), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(PRESENCE, st.randoms(use_true_random=False))
def test_filling_keeps_every_instrument_present_from_first_to_last(presence: list[list[str]], random: object) -> None:
    rows = []
    for n, cells in enumerate(presence):
        for t, cell in enumerate(cells):
            if cell == "row":
                price = 1000 + 10 * t + n
                rows.append((DAYS[t], f"00000{n}", price, price + 5, price - 5, price, 1 + t))
            elif cell == "zeros":
                rows.append((DAYS[t], f"00000{n}", 0, 0, 0, 500 + t, 0))
    if not rows:
        return
    frame = pl.DataFrame(rows, schema=["date", "ticker", "open", "high", "low", "close", "volume"], orient="row")
    frame = frame.with_columns(pl.col("date").str.to_date())
    frame = frame.with_columns(close_times(frame["date"]).alias("time")).sort("time", "ticker")
    names = tuple(sorted(set(frame["ticker"])))
    used = sorted(set(frame["date"]))
    dense = make_dense(frame, names)
    for col, name in enumerate(names):
        own = dict(frame.filter(pl.col("ticker") == name).select("date", "close").rows())
        first, last = used.index(min(own)), used.index(max(own))
        assert (dense.first_row[col], dense.last_row[col]) == (first, last)
        carried = 0
        for row, day in enumerate(used):
            state, bar = State(int(dense.state[row, col])), dense.bars[:, row, col]
            assert (State.PRESENT in state) == (first <= row <= last)
            assert (State.FILLED in state) == (first <= row <= last and day not in own)
            if State.PRESENT not in state:
                assert not bar.any() and state == State.ABSENT
                continue
            carried = own.get(day, carried)
            assert bar[CLOSE] == carried
            if State.TRADED not in state:
                assert bar[[OPEN, HIGH, LOW]].tolist() == [carried] * 3 and bar[VOLUME] == 0


def test_first_days_come_from_the_listing_date_or_a_late_start(make_dataset: Callable[..., Path]) -> None:
    panel = load_panel(make_dataset([*flat(A, 0, 5), *flat(B, 2, 5)]))
    assert [State.FIRST_DAY in state for state in states(panel, B)] == [False, False, True, False, False]
    assert not any(State.FIRST_DAY in state for state in states(panel, A))


def test_many_new_names_on_one_day_are_a_source_that_starts(make_dataset: Callable[..., Path]) -> None:
    rows = flat(A, 0, 4)
    for n in range(20):
        rows += flat(f"1000{n:02d}", 2, 4)
    panel = load_panel(make_dataset(rows))
    assert not ((panel.state & State.FIRST_DAY) > 0).any()


def liquidation_rows(extra: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """A stock that falls by 60 % within one session of ordinary trading, on row 5."""
    return [*flat(A, 0, 25), *flat(B, 0, 5), (DAYS[5], B, 6_000, 6_000, 3_900, 4_000, 10), *extra]


def test_liquidation_is_marked_from_the_next_session_for_ten(make_dataset: Callable[..., Path]) -> None:
    rows = liquidation_rows([*flat(B, 6, 25, 4_000)])
    rows = [(*row, 10_000 if index < 31 or row[1] == A else 4_000) for index, row in enumerate(rows)]
    panel = load_panel(make_dataset(rows))
    marked = [State.LIQUIDATION in state for state in states(panel, B)]
    assert marked == [False] * 6 + [True] * 10 + [False] * 9
    assert not any(State.LIQUIDATION in state for state in states(panel, A))


def test_marks_use_no_later_row(sample: Path, tmp_path: Path) -> None:
    """Cutting the data after a row changes no state at or before it."""
    whole = load_panel(sample)
    for share in (0.3, 0.55, 0.8):
        row = int(whole.rows * share)
        cut = load_panel(sample, end=whole.session_date(row))
        cols = [whole.tickers.index(ticker) for ticker in cut.tickers]
        past = whole.state[: row + 1, cols]
        # Presence ends with the data; what is known on present rows must not change.
        present = (cut.state & State.PRESENT) > 0
        assert np.array_equal(np.where(present, past, 0), cut.state)
        assert np.array_equal(whole.bars[:, : row + 1, cols] * present, cut.bars)


def test_an_unexplained_jump_makes_its_row_untradable(
    make_dataset: Callable[..., Path], split_action: Callable[..., pl.DataFrame]
) -> None:
    action = split_action(DAYS[5], B, 1, 1, "unexplained")
    panel = load_panel(make_dataset(liquidation_rows(flat(B, 6, 25, 4_000)), actions=action))
    found = states(panel, B)
    assert State.UNTRADABLE in found[5] and State.UNTRADABLE not in found[6]
    assert State.LIQUIDATION in found[6]
    assert panel.base[4:7, panel.tickers.index(B)].tolist() == [10_000, 0, 4_000]
    assert len(panel.actions) == 0


def test_base_price_after_a_split_and_after_an_off_grid_close(
    make_dataset: Callable[..., Path], split_action: Callable[..., pl.DataFrame]
) -> None:
    rows = [*flat(A, 0, 10), *flat(B, 0, 5), *flat(B, 5, 10, 3_345)]
    panel = load_panel(make_dataset(rows, actions=split_action(DAYS[5], B, 3, 1)))
    b = panel.tickers.index(B)
    # 10,000 / 3 = 3,333.3: the fraction is dropped, then up to the 5-won grid.
    assert panel.base[4:7, b].tolist() == [10_000, 3_335, 3_345]
    assert [int(panel.actions.row[0]), int(panel.actions.col[0]), int(panel.actions.numerator[0])] == [5, b, 3]
    late = [str(day) for day in sessions_between(datetime.date(2025, 3, 4), datetime.date(2025, 3, 7))]
    mid = load_panel(make_dataset([(day, B, 30_025, 30_025, 30_025, 30_025, 1) for day in late], "mid"))
    assert mid.base[:, 0].tolist() == [0, 30_050, 30_050, 30_050]
    early = load_panel(make_dataset([(day, B, 30_025, 30_025, 30_025, 30_025, 1) for day in DAYS[:3]], "early"))
    assert early.base[:, 0].tolist() == [0, 30_025, 30_025]


def test_a_split_that_reopened_elsewhere_has_no_proved_base(
    make_dataset: Callable[..., Path], split_action: Callable[..., pl.DataFrame]
) -> None:
    rows = [*flat(B, 0, 5), *flat(B, 5, 10, 9_000)]
    panel = load_panel(make_dataset(rows, actions=split_action(DAYS[5], B, 5, 1)))
    assert panel.base[4:7, 0].tolist() == [10_000, 0, 9_000]


def test_an_action_without_a_price_waits_for_the_next_one(
    make_dataset: Callable[..., Path], split_action: Callable[..., pl.DataFrame]
) -> None:
    rows = [*flat(A, 0, 10), *flat(B, 0, 4), *flat(B, 7, 10, 2_000)]
    panel = load_panel(make_dataset(rows, actions=split_action(DAYS[5], B, 5, 1)))
    assert panel.actions.row.tolist() == [7]
    assert panel.bars[CLOSE, :, panel.tickers.index(B)].tolist() == [10_000] * 7 + [2_000] * 3


def test_delisting_is_known_only_from_the_data(make_dataset: Callable[..., Path]) -> None:
    rows = [*flat(A, 0, 10), *flat(B, 0, 5), *flat("000040", 0, 5)]
    panel = load_panel(make_dataset(rows, delisted={B: datetime.date.fromisoformat(DAYS[4])}))
    assert dict(zip(panel.tickers, panel.delisted_known.tolist(), strict=True)) == {A: False, "000040": False, B: True}


def test_weeks_join_days_and_restate_a_split_inside(
    make_dataset: Callable[..., Path], split_action: Callable[..., pl.DataFrame]
) -> None:
    # 2024-01-08 is a Monday; the split comes on Wednesday 2024-01-10.
    days = ["2024-01-08", "2024-01-09", "2024-01-10", "2024-01-11", "2024-01-12", "2024-01-15"]
    prices = [10_000, 12_000, 2_200, 2_300, 2_100, 2_000]
    rows = [
        (day, B, price, price + 100, price - 100, price, 10, price) for day, price in zip(days, prices, strict=True)
    ]
    folder = make_dataset(rows, actions=split_action("2024-01-10", B, 5, 1))
    panel = load_panel(folder, interval="1w")
    assert panel.bars[:, 0, 0].tolist() == [2_000, 2_420, 1_980, 2_100, 50 + 50 + 30]
    assert panel.bars[:, 1, 0].tolist() == [2_000, 2_100, 1_900, 2_000, 10]
    assert panel.session_date(0).isoformat() == "2024-01-12"
    assert panel.actions.row.tolist() == [0]
    assert np.diff(panel.ordinal).tolist() == [1]


def minute_dataset(tmp_path: Path, write_csv: Callable[..., Path], closes: list[int]) -> Path:
    """Three bars a session of B at these closes; A trades beside it at 10,000."""
    from engine.data.importer import import_dataset  # noqa: PLC0415

    lines = "datetime,ticker,open,high,low,close,volume\n"
    for row, close in enumerate(closes):
        for minute in range(3):
            for ticker, price in ((A, 10_000), (B, close)):
                lines += f"{DAYS[row]} 09:0{minute},{ticker},{price},{price},{price},{price},5\n"
    import_dataset([str(write_csv(lines, "raw.csv"))], tmp_path / "minutes")
    return tmp_path / "minutes"


def test_minute_bars_have_the_base_of_their_session(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    panel = load_panel(minute_dataset(tmp_path, write_csv, [10_000, 10_500, 11_000]))
    b = panel.tickers.index(B)
    assert panel.base[:, b].tolist() == [0] * 3 + [10_000] * 3 + [10_500] * 3
    assert not ((panel.state & (State.UNTRADABLE | State.LIQUIDATION)) > 0).any()


def test_minute_bars_are_marked_by_session(write_csv: Callable[..., Path], tmp_path: Path) -> None:
    panel = load_panel(minute_dataset(tmp_path, write_csv, [10_000, 4_000, *[4_000] * 12]))
    found = states(panel, B)
    assert [State.UNTRADABLE in state for state in found] == [False] * 3 + [True] * 3 + [False] * 36
    assert [State.LIQUIDATION in state for state in found] == [False] * 6 + [True] * 30 + [False] * 6
    assert panel.base[:9, panel.tickers.index(B)].tolist() == [0] * 3 + [0] * 3 + [4_000] * 3


def test_minutes_join_into_coarser_bars(tmp_path: Path) -> None:
    from engine.data.sample_minutes import make_minute_sample  # noqa: PLC0415

    make_minute_sample(tmp_path / "minutes", tickers=2, years=1, bars=1_200, seed=5)
    minute = load_panel(tmp_path / "minutes")
    assert minute.rows == 1_200
    for interval, minutes in (("5m", 5), ("30m", 30), ("1d", 1440)):
        joined = load_panel(tmp_path / "minutes", interval=interval)
        kst = minute.closed_at_ns + 9 * 3600 * 10**9
        group = -(-kst // (minutes * 60 * 10**9)) if minutes < 1440 else minute.session
        edges = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
        assert joined.rows == len(edges)
        for col in range(2):
            bars = minute.bars[:, :, col]
            assert np.array_equal(joined.bars[OPEN, :, col], bars[OPEN][edges])
            assert np.array_equal(joined.bars[HIGH, :, col], np.maximum.reduceat(bars[HIGH], edges))
            assert np.array_equal(joined.bars[LOW, :, col], np.minimum.reduceat(bars[LOW], edges))
            assert np.array_equal(joined.bars[VOLUME, :, col], np.add.reduceat(bars[VOLUME], edges))
            assert np.array_equal(joined.bars[CLOSE, :, col], bars[CLOSE][np.append(edges[1:], len(group)) - 1])
        assert (np.diff(joined.ordinal) > 0).all()
        last = np.append(edges[1:], len(group)) - 1
        assert (joined.closed_at_ns >= minute.closed_at_ns[last]).all()


def test_adjusted_ranges_are_widened_to_hold_open_and_close(make_dataset: Callable[..., Path]) -> None:
    panel = load_panel(make_dataset([(DAYS[0], B, 100, 104, 100, 105, 1)], adjusted=True))
    assert panel.bars[:, 0, 0].tolist() == [100, 105, 100, 105, 1]
    assert panel.instruments["ticker"].to_list() == [B]


def test_the_cache_forgets_what_was_used_least(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_panel(sample, end=datetime.date(2021, 1, 29))
    kept = load_panel(sample, end=datetime.date(2021, 2, 26))
    monkeypatch.setattr(panel_cache, "MAX_CACHE_BYTES", kept.bars.nbytes)
    load_panel(sample, end=datetime.date(2021, 3, 31))
    assert len(list(panel_cache.cache_folder().iterdir())) == 1


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("GEOUL_CACHE", str(tmp_path / "file"))
    panel = load_panel(sample, end=datetime.date(2020, 12, 30))
    assert panel.rows > 200 and not panel.bars.flags.writeable
