"""Placebo worlds are legal markets with the returns of their source and without anything to predict."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import catalog
from engine.data.import_options import ImportOptions
from engine.data.importer import Prepared, import_dataset
from engine.data.panel import CLOSE, HIGH, LOW, OPEN, VOLUME, Panel, State, load_panel
from engine.data.quality import check
from engine.data.sample import make_sample
from engine.errors import BadInput
from engine.research.placebo_worlds import PlaceboKind, placebo_world, sources
from tests.builders_panel import HALT, Bar, flat, make_panel, run_rules
from tests.random_panels import panels

PERMUTED, FLIPPED = PlaceboKind.PERMUTED, PlaceboKind.FLIPPED
FINE = 10_000_000  # a price at which one unit is no more than rounding


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    """A synthetic market with listings, delistings, halts, splits and distributions."""
    folder = tmp_path_factory.mktemp("placebo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEOUL_CACHE", str(folder / "cache"))
        make_sample(folder / "market", tickers=80, years=3, seed=3)
        return load_panel(folder / "market")


def random_walk(rows: int, names: int = 1, seed: int = 0, **options: Any) -> Panel:
    """Names on adjusted prices so fine that rounding does not show; every move is under ten percent."""
    generator = np.random.default_rng(seed)
    bars: dict[str, list[Bar]] = {}
    for number in range(names):
        close, made = FINE, []
        for step in generator.normal(0, 0.02, rows).clip(-0.08, 0.08):
            opened = round(close * (1 + step * generator.random()))
            close = round(close * (1 + step))
            wick = 1 + 0.01 * generator.random(2)
            high, low = round(max(opened, close) * wick[0]), round(min(opened, close) / wick[1])
            made.append((opened, high, low, close, int(generator.integers(1, 10**6))))
        bars[f"{number:06d}"] = [*made]
    return make_panel(bars, adjusted=True, **options)


def returns(panel: Panel, col: int = 0) -> np.ndarray:
    close = panel.bars[CLOSE, :, col].astype(float)
    return close[1:] / close[:-1] - 1


def prepared(panel: Panel) -> Prepared:
    """A panel as the rows of a dataset, for the checks that every dataset must pass."""
    row, col = np.nonzero(panel.state)
    cells = (row, col)
    traded = (panel.state[cells] & State.TRADED) > 0
    prices = {
        name: np.where(traded | (index == CLOSE), panel.bars[index][cells], 0)
        for index, name in enumerate(("open", "high", "low", "close"))
    }
    times = pl.Series(panel.closed_at_ns // 1000).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone("Asia/Seoul")
    bars = pl.DataFrame(
        {
            "time": times.gather(row),
            "ticker": pl.Series(panel.tickers).gather(col),
            **prices,
            "volume": panel.bars[VOLUME][cells],
            "base_price": np.where(panel.base[cells] > 0, panel.base[cells], 0),
            "status": np.where((panel.state[cells] & State.LIQUIDATION) > 0, "liquidation", "normal"),
        }
    ).with_columns(pl.when(pl.col("base_price") > 0).then("base_price"))
    return Prepared(
        manifest=panel.manifest,
        bars=catalog.conform(bars, catalog.BARS_SCHEMA),
        instruments=panel.instruments,
        actions=pl.DataFrame(schema=catalog.ACTIONS_SCHEMA),
        indices={},
        market_changes=pl.DataFrame(schema=catalog.MARKET_CHANGES_SCHEMA),
        dividends=pl.DataFrame(schema=catalog.DIVIDENDS_SCHEMA),
    )


def assert_legal(source: Panel, world: Panel) -> None:
    """Everything that a panel promises, and everything that the exchange demands."""
    assert world.bars.shape == source.bars.shape and world.bars.dtype == np.int64
    present, traded = (world.state & State.PRESENT) > 0, (world.state & State.TRADED) > 0
    np.testing.assert_array_equal(present, (source.state & State.PRESENT) > 0)
    np.testing.assert_array_equal(traded.sum(axis=0), ((source.state & State.TRADED) > 0).sum(axis=0))
    opened, high, low, close, volume = world.bars
    assert (high >= np.maximum(opened, close)).all() and (low <= np.minimum(opened, close)).all()
    assert (low[traded] > 0).all() and (volume[traded] > 0).all()
    quiet = present & ~traded
    assert (volume[~traded] == 0).all() and (world.bars[:, ~present] == 0).all() and (world.base[~present] == 0).all()
    assert all((world.bars[index][quiet] == close[quiet]).all() for index in (OPEN, HIGH, LOW))
    for array in (world.bars, world.state, world.base):
        assert array.flags.c_contiguous and not array.flags.writeable
    assert len(world.actions) == 0
    assert not (world.state[1:] & State.UNTRADABLE)[source.first_row.max() :].any()
    report = check(prepared(world))
    assert report.errors == 0, report.findings


@pytest.mark.parametrize("kind", PlaceboKind)
@pytest.mark.parametrize(("seed", "block"), [(0, None), (1, 1), (2, 20)])
def test_a_world_passes_every_check_of_a_real_dataset(
    sample: Panel, kind: PlaceboKind, seed: int, block: int | None
) -> None:
    world = placebo_world(sample, kind, seed, block=block)
    assert_legal(sample, world)
    assert sample.value is not None and sample.shares is not None
    assert world.value is not None and world.shares is not None
    traded = (world.state & State.TRADED) > 0
    _, high, low, _, volume = world.bars
    assert (world.value[traded] <= (high * volume)[traded]).all()
    assert (world.value[traded] >= (low * volume)[traded]).all()
    assert (world.shares[(world.state & State.PRESENT) > 0] > 0).all()


@settings(max_examples=60)
@given(panels(), st.sampled_from(PlaceboKind), st.integers(0, 10), st.integers(1, 2))
def test_any_panel_makes_a_legal_world_that_can_be_traded(
    panel: Panel, kind: PlaceboKind, seed: int, block: int
) -> None:
    if panel.interval != "1d":
        with pytest.raises(BadInput, match="days or weeks"):
            placebo_world(panel, kind, seed, block=block)
        return
    world = placebo_world(panel, kind, seed, block=block)
    high, low = world.bars[HIGH], world.bars[LOW]
    assert (high >= world.bars[[OPEN, CLOSE]].max(axis=0)).all()
    assert (low <= world.bars[[OPEN, CLOSE]].min(axis=0)).all()
    assert (world.bars >= 0).all() and world.bars.shape == panel.bars.shape
    found = {finding.code for finding in check(prepared(world)).findings if finding.severity == "error"}
    own = {finding.code for finding in check(prepared(panel)).findings if finding.severity == "error"}
    # A first row that broke a rule in the source begins the path of the world.
    assert found <= own & {"limit_breach", "off_grid"}
    result = run_rules(world, ("entry", "close > 0", "buy 30% of equity"), ("exit", "days_held >= 2", "sell all"))
    assert result.equity.height == panel.rows


def test_a_seed_makes_the_same_bytes_and_another_seed_or_kind_another_world(sample: Panel) -> None:
    def everything(world: Panel) -> bytes:
        arrays = (world.bars, world.state, world.base, world.value, world.shares, *world.indices.values())
        return b"".join(array.tobytes() for array in arrays if array is not None)

    first, again = placebo_world(sample, PERMUTED, 1), placebo_world(sample, PERMUTED, 1)
    assert everything(first) == everything(again) and first.manifest == again.manifest
    others = [
        placebo_world(sample, PERMUTED, 2),
        placebo_world(sample, FLIPPED, 1),
        placebo_world(sample, FLIPPED, 2),
        placebo_world(sample, PERMUTED, 1, block=6),
    ]
    assert len({everything(world) for world in (first, *others)}) == 5
    assert len({world.manifest.content_hash for world in (first, *others)} - {sample.manifest.content_hash}) == 5
    assert all(world.manifest.synthetic for world in others)
    assert first.manifest.name == "market placebo permuted seed=1"
    assert "위약" in first.manifest.notes[0].ko and "nothing in it can be predicted" in first.manifest.notes[0].en


def test_permuting_keeps_every_return_the_shape_of_every_bar_and_the_end_of_the_path() -> None:
    panel = random_walk(300)
    world = placebo_world(panel, PERMUTED, 4)
    assert not np.array_equal(world.bars, panel.bars)
    np.testing.assert_allclose(np.sort(returns(world)), np.sort(returns(panel)), atol=1e-6)
    assert world.bars[CLOSE, -1, 0] == pytest.approx(panel.bars[CLOSE, -1, 0], abs=2)
    assert sorted(world.bars[VOLUME, 1:, 0]) == sorted(panel.bars[VOLUME, 1:, 0])

    def shapes(market: Panel) -> np.ndarray:
        bars = market.bars[:, :, 0].astype(float)
        ratios = bars[[OPEN, HIGH, LOW, CLOSE], 1:] / bars[CLOSE, :-1]
        return ratios[:, np.argsort(bars[VOLUME, 1:], kind="stable")]

    np.testing.assert_allclose(shapes(world), shapes(panel), atol=1e-6)


def test_permuting_moves_whole_blocks() -> None:
    panel = random_walk(301, seed=7)
    world = placebo_world(panel, PERMUTED, 4, block=10)
    place = {volume: row for row, volume in enumerate(panel.bars[VOLUME, :, 0])}
    came_from = np.array([place[volume] for volume in world.bars[VOLUME, :, 0]])
    torn = np.flatnonzero(np.diff(came_from) != 1)
    assert 25 <= len(torn) <= 31  # thirty blocks of ten, some next to their old neighbour


def ways(panel: Panel, col: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns from close to open and from open to close, row 1 on."""
    opened, close = panel.bars[OPEN, :, col].astype(float), panel.bars[CLOSE, :, col].astype(float)
    return opened[1:] / close[:-1] - 1, close[1:] / opened[1:] - 1


def test_flipping_turns_the_way_to_the_open_and_the_way_to_the_close_by_a_coin_each() -> None:
    panel = random_walk(400)
    world = placebo_world(panel, FLIPPED, 4)
    turned = []
    for before, after in zip(ways(panel), ways(world), strict=True):
        np.testing.assert_allclose(np.abs(after), np.abs(before), atol=1e-6)
        turned.append(after * before < 0)
    assert all(150 < way.sum() < 250 for way in turned)
    assert 60 < (turned[0] & turned[1]).sum() < 140  # two coins, not one
    np.testing.assert_array_equal(world.bars[VOLUME], panel.bars[VOLUME])


def test_a_flipped_session_ends_at_its_far_end_after_less_than_as_far_a_way_to_the_other_side() -> None:
    bars = placebo_world(random_walk(400), FLIPPED, 4).bars[:, 1:, 0]
    opened, high, low, close, _ = bars.astype(float)
    np.testing.assert_array_equal(np.where(close > opened, high, low)[close != opened], close[close != opened])
    reach = (np.where(close > opened, opened - low, high - opened) / np.abs(close - opened))[close != opened]
    assert (reach >= -1e-3).all() and (reach < 1.001).all()
    # Above a third of the way with probability (1 - 1/3) / (1 + 1/3).
    assert abs((reach > 1 / 3).mean() - 0.5) < 0.08


@pytest.mark.parametrize("down", [True, False])
def test_inside_a_flipped_session_no_price_level_tells_where_the_close_will_be(down: bool) -> None:
    # The highs and lows of this market turn back before the close, so that stops are regretted and limits are not.
    panel = random_walk(600, names=8, seed=2)

    def from_level(market: Panel) -> np.ndarray:
        opened, high, low, close, _ = market.bars[:, 1:].astype(float)
        level = opened * (0.995 if down else 1.005)
        reached = low < level if down else high > level
        return (close[reached] / level[reached] - 1) * (1 if down else -1)

    source = from_level(panel)
    assert source.mean() > 4 * source.std() / np.sqrt(len(source))
    world = np.concatenate([from_level(placebo_world(panel, FLIPPED, seed)) for seed in range(6)])
    assert len(world) > 3_000
    # The coins turn the eight names together, so that perhaps only every eighth value is new.
    assert abs(world.mean()) < 3 * world.std() / np.sqrt(len(world) / 8)


def test_a_flipped_low_or_high_is_the_last_price_on_the_grid_that_the_path_has_reached() -> None:
    # A session goes five to fifteen of the smallest units, so that rounding to the nearest would show many extremes
    # that the path has not come to.
    generator = np.random.default_rng(8)
    closes = 12_000 + generator.integers(5, 16, 900) * generator.choice([-1, 1], 900)
    panel = make_panel({"000001": [(12_000, max(c, 12_000), min(c, 12_000), int(c)) for c in closes]}, adjusted=True)
    opened, high, low, close, _ = placebo_world(panel, FLIPPED, 3).bars[:, 1:, 0]
    ways = np.abs(close - opened)
    reach = np.where(close > opened, opened - low, high - opened) / ways

    def mean_of(shift: float) -> float:
        """Mean share of the way that is shown if a way of so many units less `shift` shows as so many."""
        return float(np.mean([sum(beyond((tick - shift) / way) for tick in range(1, way + 1)) / way for way in ways]))

    error = reach.std() / np.sqrt(len(reach))
    assert abs(reach.mean() - mean_of(0.0)) < 3 * error
    assert reach.mean() < mean_of(0.5) - 3 * error  # rounded to the nearest


def beyond(share: float) -> float:
    """Probability that a session goes further than this share of its way to the other side."""
    return (1 - share) / (1 + share)


def test_one_day_stays_one_day_for_all_names_and_the_index() -> None:
    panel = random_walk(200, names=3)
    index = panel.bars[[OPEN, HIGH, LOW, CLOSE], :, 1] / 1_000
    panel = dataclasses.replace(panel, indices={"KOSPI": index})
    permuted = placebo_world(panel, PERMUTED, 9)
    points = permuted.indices["KOSPI"][3]
    np.testing.assert_allclose(points[1:] / points[:-1] - 1, returns(permuted, 1), atol=1e-5)
    old, new = (np.stack([returns(market, col) for col in range(3)], axis=1) for market in (panel, permuted))
    np.testing.assert_allclose(old[np.lexsort(old.T)], new[np.lexsort(new.T)], atol=1e-6)

    flipped = placebo_world(panel, FLIPPED, 9)
    points = flipped.indices["KOSPI"]
    np.testing.assert_allclose(points[0, 1:] / points[3, :-1] - 1, ways(flipped, 1)[0], atol=2e-5)
    for row, name in enumerate((OPEN, HIGH, LOW, CLOSE)):
        np.testing.assert_allclose(points[row], flipped.bars[name, :, 1] / 1_000, rtol=2e-5)
    for way in range(2):
        signs = [np.sign(ways(flipped, col)[way] * ways(panel, col)[way]) for col in range(3)]
        assert all((np.minimum.reduce(signs) != -1) | (np.maximum.reduce(signs) != 1))


@pytest.mark.parametrize(("kind", "block"), [(FLIPPED, 1), (PERMUTED, 1), (PERMUTED, 5)])
def test_a_planted_pattern_is_gone(kind: PlaceboKind, block: int) -> None:
    generator = np.random.default_rng(11)
    close, direction, bars = FINE, 1, []
    for _ in range(1_500):
        direction = direction if generator.random() < 0.9 else -direction  # up comes after up, nine times in ten
        close = round(close * (1 + direction * generator.uniform(0.001, 0.01)))
        bars.append((close,) * 4)
    panel = make_panel({"000001": bars}, adjusted=True, start=datetime.date(2018, 1, 2))

    def agreement(market: Panel, distance: int) -> float:
        sign = np.sign(returns(market))
        return float((sign[distance:] * sign[:-distance]).mean())

    distance = 1 if block == 1 else block
    assert agreement(panel, distance) > 0.3
    worlds = [placebo_world(panel, kind, seed, block=block) for seed in range(4)]
    assert abs(np.mean([agreement(world, distance) for world in worlds])) < 0.06


def test_blocks_longer_than_the_pattern_keep_it() -> None:
    panel = make_panel({"000001": [(FINE + row % 2 * 100_000,) * 4 for row in range(400)]}, adjusted=True)
    kept = placebo_world(panel, PERMUTED, 1, block=50)
    turns = np.diff(np.sign(returns(kept))) != 0
    assert turns.mean() > 0.9


def test_corporate_actions_are_taken_out() -> None:
    before, after = flat(50_000, 10, volume=600), flat(10_000, 10, volume=3_000)
    panel = make_panel({"000001": [*before, *after]}, splits=[(10, "000001", 5, 1)], cash=[(15, "000001", 300)])
    panel = dataclasses.replace(panel, shares=np.array([[1_000]] * 10 + [[5_000]] * 10))
    world = placebo_world(panel, PERMUTED, 2, block=1)
    assert (world.bars[VOLUME] == 600).all()
    assert world.shares is not None and (world.shares == 1_000).all()
    # Unchanged on the day of the distribution, the name gained what it paid.
    assert sorted(set(world.bars[CLOSE, :, 0])) == [50_000, pytest.approx(50_000 * 10_000 / 9_700, abs=100)]
    assert len(world.actions) == 0


def test_the_gap_of_a_jump_without_a_known_cause_is_left_out_and_the_row_trades() -> None:
    bars: list[Bar] = [*flat(50_000, 5), (10_000, 10_500, 10_000, 10_500), *flat(10_500, 5)]
    panel = make_panel({"000001": bars}, state={(5, "000001"): State.UNTRADABLE})
    world = placebo_world(panel, PERMUTED, 1, block=1)
    assert (world.state == State.PRESENT | State.TRADED).all()
    assert sorted(set(world.bars[CLOSE, :, 0])) == [50_000, 52_500]


def test_halts_stay_halts_and_first_days_and_liquidation_stay_in_place() -> None:
    generator = np.random.default_rng(3)
    ordinary: list[Bar] = [(int(price),) * 4 for price in 50_000 + 100 * generator.integers(-20, 20, 40)]
    ordinary[7], ordinary[20] = HALT, HALT
    late: list[Bar] = [*[None] * 10, *ordinary[10:-3], (20_000,) * 4, (15_000,) * 4, (9_000,) * 4]
    state = {(10, "000002"): State.FIRST_DAY, **{(row, "000002"): State.LIQUIDATION for row in (37, 38, 39)}}
    panel = make_panel({"000001": ordinary, "000002": late}, state=state, delisted=["000002"])
    world = placebo_world(panel, PERMUTED, 5, block=2)
    traded = (world.state & State.TRADED) > 0
    assert (~traded[:, 0]).sum() == 2
    bound = State.FIRST_DAY | State.LIQUIDATION
    np.testing.assert_array_equal(world.state & bound, panel.state & bound)
    np.testing.assert_array_equal(world.bars[:, 10, 1], panel.bars[:, 10, 1])
    crash = [20_000 / 48_000, 15_000 / 20_000, 9_000 / 15_000]
    close = world.bars[CLOSE, :, 1]
    assert close[38] / close[37] == pytest.approx(crash[1], abs=0.01)
    assert close[39] / close[38] == pytest.approx(crash[2], abs=0.01)
    assert world.bars[CLOSE, -1, 1] == pytest.approx(panel.bars[CLOSE, -1, 1], abs=100)
    np.testing.assert_array_equal(world.last_row, panel.last_row)


def test_a_move_that_its_new_date_forbids_follows_in_the_next_sessions() -> None:
    # 15 % until 2015-06-12, 30 % from 2015-06-15: a gain of 29 % may come to lie before that day.
    quiet = flat(100_000, 21)
    panel = make_panel({"000001": [*quiet, *flat(129_000, 9)]}, start=datetime.date(2015, 5, 14))
    early = 0
    for seed in range(12):
        world = placebo_world(panel, PERMUTED, seed, block=1)
        assert check(prepared(world)).errors == 0
        close = world.bars[CLOSE, :, 0]
        steps = np.flatnonzero(np.diff(close))
        assert close[-1] == 129_000 or steps[-1] >= 26
        if len(steps) > 1:
            early += 1
            assert close[steps[0] + 1] == 115_000 and close[steps[1] + 1] == 129_000
    assert early > 3


@given(st.lists(st.booleans(), min_size=2, max_size=40), st.randoms(use_true_random=False))
def test_every_movable_bar_is_used_once_and_in_step_with_the_market_where_it_can_be(
    movable: list[bool], shuffler: Any
) -> None:
    rest = list(range(1, len(movable)))
    shuffler.shuffle(rest)
    order, can = np.array([0, *rest]), np.array([False, *movable[1:]])
    rows = sources(can, order)
    np.testing.assert_array_equal(np.sort(rows[can]), np.flatnonzero(can))
    np.testing.assert_array_equal(rows[~can], np.flatnonzero(~can))
    in_step = can & can[order]
    np.testing.assert_array_equal(rows[in_step], order[in_step])


def test_an_index_with_unknown_days_keeps_them_unknown() -> None:
    index = np.array([np.nan, 100.0, 110.0, np.nan, 121.0, 121.0])
    panel = dataclasses.replace(
        random_walk(6), indices={"KOSPI": np.tile(index, (4, 1)), "none": np.full((4, 6), np.nan)}
    )
    world = placebo_world(panel, PERMUTED, 3, block=1)
    points = world.indices["KOSPI"][3]
    np.testing.assert_array_equal(np.isnan(points), np.isnan(index))
    assert (points[1], points[5]) == (100.0, 121.0)
    assert np.isnan(world.indices["none"]).all()


@pytest.mark.parametrize(("seed", "block", "words"), [(-1, 5, "negative"), (1, 0, "moves nothing"), (1, 19, "1 to 18")])
def test_impossible_worlds_are_refused(seed: int, block: int, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        placebo_world(random_walk(20), PERMUTED, seed, block=block)


def test_worlds_of_the_real_market_are_legal(krx_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOUL_CACHE", str(tmp_path / "cache"))
    (raw,) = sorted((krx_data / "krx_daily_long").glob("unadjusted_100tk*"))
    import_dataset([str(raw)], tmp_path / "real", ImportOptions())
    panel = load_panel(tmp_path / "real")
    for kind in PlaceboKind:
        assert_legal(panel, placebo_world(panel, kind, 1))


def test_the_dividends_of_the_market_are_left_behind_with_their_count(sample: Panel) -> None:
    paying = dataclasses.replace(sample, manifest=sample.manifest.model_copy(update={"dividends": 3}))
    world = placebo_world(paying, PlaceboKind.FLIPPED, 1)
    assert len(world.dividends) == 0
    assert world.manifest.dividends == 0
