"""Recorded trades as a panel: a row a trade in the recorded order, the days before from the dataset, refusals."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.clock import from_nanoseconds
from engine.data import catalog, tick_panel
from engine.data.panel import CLOSE, SPLIT, VOLUME, State
from engine.data.recorded_trades import is_recording, read_trades
from engine.data.tick_panel import load_recording
from engine.errors import DataError
from engine.krx.sessions import next_session
from tests.builders_recording import TUESDAY, trades_of_day, write_daily, write_recording, write_records

WEDNESDAY = next_session(TUESDAY)
SAMSUNG, HYNIX = "005930", "000660"
BARS = {
    SAMSUNG: [(9_800, 9_900, 9_700, 9_850, 40), (9_850, 10_000, 9_800, 9_900, 50)],
    HYNIX: [(20_000, 20_000, 20_000, 20_000, 30), (20_000, 20_100, 19_900, 20_050, 60)],
}
PREVIOUS = {SAMSUNG: 9_900, HYNIX: 20_050}
TICKS = [
    (SAMSUNG, "09:00:02", 10_000, 7),
    (HYNIX, "09:00:02", 20_000, 3),
    (SAMSUNG, "09:00:02", 10_010, 1),
    (SAMSUNG, "09:00:05", 9_990, 12),
    (HYNIX, "15:30:20", 20_100, 9),
]


@pytest.fixture
def daily(tmp_path: Path) -> Path:
    return write_daily(tmp_path / "daily", BARS)


def test_each_trade_is_a_row_in_its_order_behind_the_bars_of_the_days_before(tmp_path: Path, daily: Path) -> None:
    panel = load_recording(write_recording(tmp_path / "r", TICKS, TUESDAY, PREVIOUS), daily)
    assert (panel.tickers, panel.trades_from, panel.interval) == ((HYNIX, SAMSUNG), 2, "tick")
    assert panel.bars[:, :2, 1].T.tolist() == [list(bar) for bar in BARS[SAMSUNG]]
    rows = panel.rows - 2
    assert rows == len(TICKS)
    cells = [
        (int(col), int(panel.bars[CLOSE, 2 + row, col]), int(panel.bars[VOLUME, 2 + row, col]))
        for row in range(rows)
        for col in np.flatnonzero(panel.state[2 + row] & State.TRADED)
    ]
    assert cells == [(panel.tickers.index(ticker), price, shares) for ticker, _, price, shares in TICKS]
    assert panel.bars[CLOSE, 2:, 0].tolist() == [20_050, 20_000, 20_000, 20_000, 20_100]  # carried between its trades
    assert (panel.bars[VOLUME, 2:] > 0).sum(axis=1).tolist() == [1] * rows
    times = [from_nanoseconds(int(stamp)) for stamp in panel.closed_at_ns[2:]]
    assert [f"{moment:%H:%M:%S}" for moment in times] == [clock for _, clock, _, _ in TICKS]
    assert (np.diff(panel.closed_at_ns) > 0).all() and (np.diff(panel.ordinal) > 0).all()
    assert panel.base[2:].tolist() == [[20_050, 9_900]] * rows
    assert panel.value is not None and panel.value[2:].sum(axis=0).tolist() == [
        3 * 20_000 + 9 * 20_100,
        70_000 + 10_010 + 12 * 9_990,
    ]
    assert panel.session_date(1) == datetime.date(2024, 3, 4) and panel.session_date(2) == TUESDAY


def test_what_is_no_trade_of_the_session_is_left_out_and_counted(tmp_path: Path) -> None:
    good = trades_of_day(TICKS, TUESDAY, PREVIOUS)
    early, late = (
        trades_of_day([(SAMSUNG, clock, 9_900, 4)], TUESDAY, PREVIOUS)[0] for clock in ("08:35:00", "15:45:00")
    )
    records = [
        early._replace(cumulative_volume=0),
        good[0],
        good[0],  # told twice
        *good[1:3],
        good[3]._replace(tr_id="H0NXCNT0"),
        good[3]._replace(hour_code="A"),  # an expected price
        good[3]._replace(cumulative_volume=good[3].cumulative_volume + 6),  # six shares nobody recorded
        good[4],
        late._replace(cumulative_volume=99),
    ]
    found = read_trades(write_records(tmp_path, records))
    assert found.table.select("ticker", "price", "volume").rows() == [(t, p, v) for t, _, p, v in TICKS]
    assert (found.outside, found.other_venues, found.repeated, found.unseen) == (2, 1, 1, 6)


def test_the_content_decides_the_hash(tmp_path: Path, daily: Path) -> None:
    one = load_recording(write_recording(tmp_path / "a", TICKS, TUESDAY, PREVIOUS), daily)
    same = load_recording(write_recording(tmp_path / "b", TICKS, TUESDAY, PREVIOUS), daily)
    other = load_recording(
        write_recording(tmp_path / "c", [*TICKS[:-1], (HYNIX, "15:30:20", 20_100, 8)], TUESDAY, PREVIOUS), daily
    )
    assert one.manifest.content_hash == same.manifest.content_hash != other.manifest.content_hash


def test_two_days_have_base_prices_of_their_own_and_a_quiet_name_its_last_price(tmp_path: Path, daily: Path) -> None:
    first = trades_of_day(TICKS, TUESDAY, PREVIOUS)
    second = trades_of_day([(SAMSUNG, "09:00:00", 10_100, 5)], WEDNESDAY, {SAMSUNG: 9_990})
    folder = write_records(tmp_path / "r", [*first, *second])
    panel = load_recording(folder, daily)
    assert panel.base[-1].tolist() == [20_100, 9_990]
    assert panel.bars[CLOSE, -1].tolist() == [20_100, 10_100]
    assert load_recording(folder, daily, end=TUESDAY).rows == panel.rows - 1
    assert load_recording(folder, daily, tickers=[SAMSUNG]).tickers == (SAMSUNG,)


def test_a_split_takes_effect_before_the_first_trade_of_its_day(tmp_path: Path) -> None:
    row = (TUESDAY, SAMSUNG, "split", 2, 1, 0, "test", "high")
    actions = pl.DataFrame([row], schema=catalog.ACTIONS_SCHEMA, orient="row")
    daily = write_daily(tmp_path / "daily", BARS, actions=actions)
    ticks = [(HYNIX, "09:00:00", 20_000, 3), (SAMSUNG, "09:00:02", 5_000, 7)]
    panel = load_recording(write_recording(tmp_path / "r", ticks, TUESDAY, {**PREVIOUS, SAMSUNG: 4_950}), daily)
    assert (panel.actions.row.tolist(), panel.actions.kind.tolist()) == ([2], [SPLIT])
    assert panel.bars[CLOSE, 1:, 1].tolist() == [9_900, 4_950, 5_000]


def refusal(folder: Path, daily: Path, **selection: object) -> str:
    with pytest.raises(DataError) as error:
        load_recording(folder, daily, **selection)  # type: ignore[arg-type]
    return str(error.value)


def test_what_cannot_be_replayed_is_refused_with_what_to_do(tmp_path: Path, daily: Path) -> None:
    folder = write_recording(tmp_path / "r", TICKS, TUESDAY, PREVIOUS)
    assert "holds no recorded trades" in refusal(tmp_path / "nothing", daily)
    assert "has no trade of 999999" in refusal(folder, daily, tickers=["999999"])
    assert "between 2024-03-06" in refusal(folder, daily, start=WEDNESDAY)
    stranger = write_recording(tmp_path / "s", [("123456", "09:00:00", 100, 1)], TUESDAY, {"123456": 100})
    assert "does not know 123456" in refusal(stranger, daily)
    old = write_daily(tmp_path / "old", BARS, before=datetime.date(2024, 3, 4))
    assert "begins on 2024-03-05: the sessions between them are missing" in refusal(folder, old)
    assert load_recording(folder, old, allow_gaps=True).trades_from == 2
    adjusted = write_daily(tmp_path / "adjusted", BARS, adjusted=True)
    assert "raw prices" in refusal(folder, adjusted)
    unsaid = write_daily(tmp_path / "unsaid", BARS, boards={SAMSUNG: (None, None)})
    assert "market and product of 005930" in refusal(folder, unsaid)
    later = write_daily(tmp_path / "later", BARS, before=datetime.date(2024, 3, 20))
    assert "daily bars before 2024-03-05" in refusal(folder, later)


def test_records_that_contradict_each_other_are_refused(tmp_path: Path, daily: Path) -> None:
    good = trades_of_day(TICKS, TUESDAY, PREVIOUS)

    def told(name: str, *records: object) -> str:
        return refusal(write_records(tmp_path / name, list(records)), daily)  # type: ignore[arg-type]

    assert "day's volume is less" in told("total", *good[:2], good[2]._replace(cumulative_volume=3))
    assert "price must be positive" in told("price", good[0]._replace(price=0))
    assert "volume cannot be negative" in told("volume", good[0]._replace(volume=-1))
    assert "different base prices, 9,800 to 9,900" in told("base", good[0], good[2]._replace(previous_close=9_800))
    assert "no record of 005930 on 2024-03-05 tells its change" in told("none", good[0]._replace(previous_close=None))
    sunday = trades_of_day(TICKS[:1], datetime.date(2024, 3, 3), PREVIOUS)
    assert "2024-03-03, on which KRX did not trade" in told("sunday", *sunday)
    hole = trades_of_day(TICKS[:1], next_session(WEDNESDAY), PREVIOUS)
    assert "2024-03-06 was not recorded" in told("hole", *good, *hole)
    assert "no trade of KRX" in told("other", good[0]._replace(tr_id="H0UNCNT0"))
    assert "inside a regular session" in told("night", *trades_of_day([(SAMSUNG, "18:00:00", 1, 1)], TUESDAY, PREVIOUS))


@pytest.mark.parametrize("damage", [b"", b"PAR1 and nothing more", None])
def test_a_damaged_file_is_named(tmp_path: Path, daily: Path, damage: bytes | None) -> None:
    folder = write_recording(tmp_path / "r", TICKS, TUESDAY, PREVIOUS)
    (path,) = folder.rglob("trades-*.parquet")
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    assert "day=2024-03-05 cannot be read" in refusal(folder, daily)


def test_a_file_with_other_columns_is_refused(tmp_path: Path, daily: Path) -> None:
    folder = write_recording(tmp_path / "r", TICKS, TUESDAY, PREVIOUS)
    (path,) = folder.rglob("trades-*.parquet")
    table = pl.read_parquet(path, hive_partitioning=False)
    table.drop("volume").write_parquet(path)
    assert "no column volume" in refusal(folder, daily)
    table.with_columns(price=pl.lit("dear")).write_parquet(path)
    assert "not of its type" in refusal(folder, daily)
    table.with_columns(ticker=pl.lit(None, pl.String)).write_parquet(path)
    assert "5 recorded trades have no ticker" in refusal(folder, daily)


def test_more_than_memory_can_hold_is_refused(tmp_path: Path, daily: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_recording(tmp_path / "r", TICKS, TUESDAY, PREVIOUS)
    monkeypatch.setattr(tick_panel, "BYTES_PER_CELL", 10**12)
    assert "7 trades of 2 tickers need" in refusal(folder, daily)


def test_a_recording_is_told_from_a_dataset(tmp_path: Path, daily: Path) -> None:
    assert is_recording(write_recording(tmp_path / "r", TICKS, TUESDAY, PREVIOUS))
    assert not is_recording(daily) and not is_recording(tmp_path / "nowhere")
