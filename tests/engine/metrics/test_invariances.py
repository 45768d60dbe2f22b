"""What must not change a figure, and what must leave it without a value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.metrics.drawdown import deepest_fall, drawdowns, longest_fall
from engine.metrics.ratios import against_benchmark, calmar, sharpe, sortino, volatility
from engine.metrics.returns import annual_return, simple_returns, total_return
from engine.metrics.undefined import Undefined

# Whole parts per million: a return of 1e-160 underflows when squared, and no market has one.
steps = st.lists(st.integers(-300_000, 300_000).map(lambda parts: parts / 1e6), min_size=3, max_size=60)
scales = st.floats(1e-3, 1e6, allow_nan=False)


def curve_of(changes: list[float]) -> np.ndarray:
    return 1e8 * np.concatenate(([1.0], np.cumprod(1 + np.array(changes))))


def close(left: object, right: object) -> bool:
    if isinstance(left, Undefined) or isinstance(right, Undefined):
        return left is right
    return left == pytest.approx(right, rel=1e-6, abs=1e-9)


@given(steps, scales)
def test_the_size_of_the_account_changes_no_ratio(changes, scale):
    equity = curve_of(changes)
    small, large = simple_returns(equity), simple_returns(equity * scale)
    assert close(total_return(equity), total_return(equity * scale))
    assert drawdowns(equity * scale) == pytest.approx(drawdowns(equity), abs=1e-12)
    if np.std(changes) > 1e-6:
        assert close(sharpe(small, 252), sharpe(large, 252))
        assert close(volatility(small, 252), volatility(large, 252))


@given(steps, st.floats(0.1, 5))
def test_leverage_of_returns_moves_volatility_but_not_sharpe(changes, factor):
    returns = np.array(changes)
    if returns.std() < 1e-6:
        return
    assert close(sharpe(returns * factor, 252), sharpe(returns, 252))
    assert close(volatility(returns * factor, 252), volatility(returns, 252) * factor)
    assert close(sortino(returns * factor, 252), sortino(returns, 252))


@given(steps)
def test_a_drawdown_lies_between_minus_one_and_zero_and_has_its_parts_in_order(changes):
    equity = curve_of(changes)
    depths = drawdowns(equity)
    assert ((depths <= 0) & (depths >= -1)).all()
    for fall in (deepest_fall(equity), longest_fall(equity)):
        if fall is None:
            assert (np.diff(equity) >= 0).all()
            continue
        assert fall.peak < fall.trough <= fall.end
        assert equity[fall.trough] == equity[fall.peak : fall.end + 1].min()
        assert fall.depth == pytest.approx(equity[fall.trough] / equity[fall.peak] - 1)
        if fall.recovery is not None:
            assert equity[fall.recovery] >= equity[fall.peak]


@given(steps)
def test_the_longest_fall_is_at_least_as_long_as_the_deepest(changes):
    equity = curve_of(changes)
    deepest, longest = deepest_fall(equity), longest_fall(equity)
    if deepest is not None:
        assert longest.end - longest.peak >= deepest.end - deepest.peak - 1


@given(steps)
def test_a_strategy_equal_to_its_benchmark_has_beta_one_and_no_alpha(changes):
    returns = np.array(changes)
    if returns.std() < 1e-6:
        return
    versus = against_benchmark(returns, returns, 252)
    assert versus.beta == pytest.approx(1.0)
    assert versus.alpha == pytest.approx(0.0, abs=1e-9)
    assert versus.correlation == pytest.approx(1.0)
    assert versus.information_ratio is Undefined.NO_VARIATION
    assert versus.tracking_error == 0.0


@given(steps, st.floats(-0.01, 0.01))
def test_a_constant_gain_over_the_benchmark_is_all_alpha(changes, gain):
    benchmark = np.array(changes)
    if benchmark.std() < 1e-6:
        return
    versus = against_benchmark(benchmark + gain, benchmark, 252)
    assert versus.beta == pytest.approx(1.0, abs=1e-6)
    assert versus.alpha == pytest.approx(gain * 252, abs=1e-6)


def test_a_flat_account_has_no_sharpe_and_no_calmar():
    flat = np.full(50, 1e8)
    returns = simple_returns(flat)
    assert total_return(flat) == 0.0
    assert volatility(returns, 252) == 0.0
    assert sharpe(returns, 252) is Undefined.NO_VARIATION
    assert sortino(returns, 252) is Undefined.NO_LOSING_SESSION
    assert calmar(0.0, 0.0) is Undefined.NO_DRAWDOWN
    assert deepest_fall(flat) is None
    assert longest_fall(flat) is None


def test_a_constant_return_has_no_sharpe_although_rounding_leaves_a_spread():
    assert sharpe(simple_returns(1e8 * 1.001 ** np.arange(200)), 252) is Undefined.NO_VARIATION


def test_sessions_without_a_known_benchmark_are_left_out_of_the_comparison():
    own = np.array([0.01, -0.02, 0.03, 0.005])
    market = np.array([0.02, np.nan, 0.01, -0.01])
    known = np.isfinite(market)
    assert against_benchmark(own, market, 252) == against_benchmark(own[known], market[known], 252)
    assert against_benchmark(own, np.full(4, np.nan), 252).beta is Undefined.NO_BENCHMARK


def test_one_session_gives_no_spread():
    assert volatility(np.array([0.01]), 252) is Undefined.TOO_FEW_SESSIONS
    assert sharpe(np.array([]), 252) is Undefined.TOO_FEW_SESSIONS


def test_less_than_a_year_is_not_annualised():
    assert annual_return(0.05, 0.5) is Undefined.UNDER_A_YEAR
    assert annual_return(0.05, 1.0) == pytest.approx(0.05)


def test_a_lost_account_loses_everything_per_year_and_has_no_volatility():
    ruined = np.array([100.0, 50.0, 0.0, 0.0])
    assert annual_return(total_return(ruined), 3.0) == -1.0
    assert volatility(simple_returns(ruined), 252) is Undefined.RUINED
