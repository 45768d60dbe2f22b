"""The benchmarks' written rules on markets small enough to check by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks import reference
from benchmarks.fills import as_fills, first_difference
from benchmarks.market import CLOSE, HIGH, LOW, OPEN, VOLUME, minute_bars, tick_of, whole_market
from benchmarks.reference import SurgeRules

# Closes 100, 100, 120 on volumes 10, 10, 100 surge and cross a mean of two bars on row 2.
FIRES = {"close": [100, 100, 120], "volume": [10, 10, 100]}
RULES = SurgeRules(window_bars=2, weight_percent=10)


def make_bars(*tickers: dict[str, list[int]]) -> np.ndarray:
    """Bars of tickers given by close, volume and (else equal to the close) open."""
    rows = len(tickers[0]["close"])
    bars = np.zeros((5, rows, len(tickers)), np.int64)
    for column, ticker in enumerate(tickers):
        bars[CLOSE, :, column] = ticker["close"]
        bars[OPEN, :, column] = ticker.get("open", ticker["close"])
        bars[VOLUME, :, column] = ticker["volume"]
    return bars


def quiet(rows: int) -> list[int]:
    return [10] * rows


@pytest.mark.parametrize(("close_won", "sold"), [(115, True), (114, False), (94, False), (93, True), (92, True)])
def test_exits_at_exactly_seven_percent_down_and_fifteen_percent_up(close_won: int, sold: bool) -> None:
    bars = make_bars(
        {
            "close": [*FIRES["close"], close_won, close_won],
            "open": [100, 100, 100, 100, 77],
            "volume": [*FIRES["volume"], *quiet(2)],
        }
    )
    bought = [[3, 0, 1, 10]]  # 10 % of 12,000 won at the close of 120
    assert reference.surge(bars, RULES, 12_000).tolist() == bought + ([[4, 0, -1, 10]] if sold else [])


def test_a_purchase_is_cut_to_the_cash_at_the_open_and_nothing_is_left_for_the_next() -> None:
    ticker = {
        "close": [*FIRES["close"], 150],
        "open": [100, 100, 120, 150],
        "volume": [*FIRES["volume"], 10],
    }
    everything = dataclasses.replace(RULES, weight_percent=100)
    # Wanted: 100 shares each at 120. At 150 won the cash pays 80 of the first ticker.
    assert reference.surge(make_bars(ticker, ticker), everything, 12_000).tolist() == [[3, 0, 1, 80]]


def test_a_sale_pays_for_a_purchase_at_the_same_open() -> None:
    sold = {
        "close": [*FIRES["close"], 150, 150],
        "open": [100, 100, 120, 120, 150],
        "volume": [*FIRES["volume"], *quiet(2)],
    }
    bought = {"close": [100, 100, 100, 120, 120], "volume": [10, 10, 10, 100, 10]}
    everything = dataclasses.replace(RULES, weight_percent=100)
    fills = reference.surge(make_bars(sold, bought), everything, 12_000)
    # Row 3: 100 shares at 120, worth 15,000 at its close, where the second ticker is wanted: 15,000 / 120.
    assert fills.tolist() == [[3, 0, 1, 100], [4, 0, -1, 100], [4, 1, 1, 125]]


@pytest.mark.parametrize(("row", "fills_of_second"), [(3, []), (4, [[5, 1, 1, 10]])])
def test_a_sale_frees_its_place_only_when_it_has_filled(row: int, fills_of_second: list[list[int]]) -> None:
    sold = {
        "close": [*FIRES["close"], 138, 120, 120],
        "open": [100, 100, 120, 120, 120, 120],
        "volume": [*FIRES["volume"], *quiet(3)],
    }
    close, volume = [100] * 6, quiet(6)
    close[row:], volume[row] = [120] * (6 - row), 100
    one_place = dataclasses.replace(RULES, most_positions=1)
    fills = reference.surge(make_bars(sold, {"close": close, "volume": volume}), one_place, 12_000)
    assert [fill for fill in fills.tolist() if fill[1] == 1] == fills_of_second


def test_crossing_averages_buy_above_and_sell_below_at_the_next_open() -> None:
    bars = make_bars({"close": [100, 100, 100, 130, 130, 70, 70, 70], "volume": quiet(8)})
    fills = reference.moving_average_cross(bars, fast_bars=1, slow_bars=3)
    # 1,000,000 won at 130; the close falls below its mean of three on row 5.
    assert fills.tolist() == [[4, 0, 1, 7_692], [6, 0, -1, 7_692]]


def test_first_difference_names_the_fill_that_differs() -> None:
    ours = as_fills([3, 5], [0, 1], [1, -1], [10, 7])
    theirs = as_fills([3, 5], [0, 1], [1, -1], [10, 8])
    assert first_difference(ours, ours) == ""
    assert "[5, 1, -1, 7] here and [5, 1, -1, 8] there" in first_difference(ours, theirs)
    assert first_difference(ours, theirs, columns=3) == ""
    assert "2 fills here, 1 there" in first_difference(ours, theirs[:1])


def test_fractions_of_a_share_are_refused() -> None:
    with pytest.raises(ValueError, match="fraction of a share"):
        as_fills([0], [0], [1], [1.5])


@pytest.mark.parametrize("bars", [whole_market(60, 40, seed=7), minute_bars(2_000, seed=7)], ids=["daily", "minute"])
def test_markets_are_on_the_grid_inside_the_limits_and_never_locked(bars: np.ndarray) -> None:
    for field in (OPEN, HIGH, LOW, CLOSE):
        assert not (bars[field] % tick_of(bars[field])).any()
    assert (bars[HIGH] > np.maximum(bars[OPEN], bars[CLOSE])).all()
    assert (bars[LOW] < np.minimum(bars[OPEN], bars[CLOSE])).all()
    assert (bars[VOLUME] > 0).all()
    before = bars[CLOSE, :-1]
    assert (bars[HIGH, 1:] < 1.26 * before).all()
    assert (bars[LOW, 1:] > 0.74 * before).all()
