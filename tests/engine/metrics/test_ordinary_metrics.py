"""Answers of the ordinary metrics on a series that any language can rebuild from its generator."""

from __future__ import annotations

import math

import empyrical
import numpy as np
import pytest

from engine.metrics.drawdown import deepest_fall, drawdowns
from engine.metrics.ratios import against_benchmark, calmar, sharpe, sortino, volatility
from engine.metrics.returns import annual_return, simple_returns, total_return
from engine.metrics.trades import profit_factor, wilson_interval, win_rate
from engine.metrics.undefined import Undefined

Array = np.ndarray


def generated_returns(count: int = 252, state: int = 12_345) -> Array:
    """r = (sum of twelve uniforms - 6) * 0.01 + 0.0005; the seed itself is not emitted."""
    sums = []
    for _ in range(count):
        total = 0.0
        for _ in range(12):
            state = (1_103_515_245 * state + 12_345) % 2**31
            total += state / 2**31
        sums.append(total)
    return (np.array(sums) - 6) * 0.01 + 0.0005


def curve_of(returns: Array, capital: float = 1.0) -> Array:
    return capital * np.concatenate(([1.0], np.cumprod(1 + returns)))


@pytest.fixture(scope="module")
def returns() -> Array:
    return generated_returns()


def test_the_series_is_the_published_one(returns):
    assert returns[:3] == pytest.approx([-0.00600481, 0.01847809, -0.00800147], abs=5e-9)


@pytest.mark.parametrize(
    ("figure", "answer"),
    [
        (lambda r: total_return(curve_of(r)), 0.1805243553),
        (lambda r: sharpe(r, 252), 1.2046502073),
        (lambda r: sortino(r, 252), 1.8139505305),
        (lambda r: volatility(r, 252), 0.1467002760),
        (lambda r: deepest_fall(curve_of(r)).depth, -0.0707522527),
        (lambda r: annual_return(total_return(curve_of(r)), 252 / 252), 0.1805243553),
        (profit_factor, 1.2084559824),
    ],
)
def test_figure_has_the_published_answer(returns, figure, answer):
    assert figure(returns) == pytest.approx(answer, abs=1e-9)


def test_calmar_has_the_published_answer(returns):
    growth = annual_return(total_return(curve_of(returns)), 1.0)
    assert calmar(growth, deepest_fall(curve_of(returns)).depth) == pytest.approx(2.5514997538, abs=1e-9)


def test_figures_agree_with_empyrical(returns):
    assert sharpe(returns, 252) == pytest.approx(empyrical.sharpe_ratio(returns), abs=1e-12)
    assert sortino(returns, 252) == pytest.approx(empyrical.sortino_ratio(returns), abs=1e-12)
    assert volatility(returns, 252) == pytest.approx(empyrical.annual_volatility(returns), abs=1e-12)
    assert deepest_fall(curve_of(returns)).depth == pytest.approx(empyrical.max_drawdown(returns), abs=1e-12)
    assert simple_returns(curve_of(returns)) == pytest.approx(returns, abs=1e-12)


def test_alpha_and_beta_agree_with_empyrical(returns):
    benchmark = generated_returns(state=777)
    versus = against_benchmark(returns, benchmark, 252)
    alpha, beta = empyrical.alpha_beta(returns, benchmark)
    assert versus.beta == pytest.approx(beta, abs=1e-12)
    # Ours is the plain sum over a year; theirs compounds the same daily alpha.
    assert (1 + versus.alpha / 252) ** 252 - 1 == pytest.approx(alpha, abs=1e-12)
    assert versus.correlation == pytest.approx(np.corrcoef(returns, benchmark)[0, 1], abs=1e-12)
    excess = empyrical.excess_sharpe(returns, benchmark) * math.sqrt(252)
    assert versus.information_ratio == pytest.approx(excess, abs=1e-12)


def test_risk_free_rate_lowers_sharpe_by_its_share_of_volatility(returns):
    lower = sharpe(returns, 252) - 0.03 / volatility(returns, 252)
    assert sharpe(returns, 252, risk_free=0.03) == pytest.approx(lower, abs=1e-12)


def test_drawdown_of_the_textbook_curve_is_a_quarter():
    fall = deepest_fall(np.array([100.0, 110, 99, 120, 90, 130]))
    assert (fall.depth, fall.peak, fall.trough, fall.recovery) == (-0.25, 3, 4, 5)


def test_a_loss_on_the_first_bar_counts_because_the_capital_stands_before_it():
    assert drawdowns(np.array([100.0, 80.0])).tolist() == pytest.approx([0.0, -0.2])


def test_profit_factor_of_the_textbook_trades():
    assert profit_factor(np.array([500.0, -200, 300, -100, -50, 400])) == pytest.approx(3.428571, abs=1e-6)


def test_profit_factor_without_losers_is_infinite_and_without_trades_is_undefined():
    assert profit_factor(np.array([1.0, 2.0])) == math.inf
    assert profit_factor(np.array([])) is Undefined.NO_TRADES
    assert profit_factor(np.array([0.0])) is Undefined.NO_WINNERS


@pytest.mark.parametrize(
    ("wins", "trades", "interval"),
    [(7, 10, (0.396778, 0.892209)), (60, 100, (0.502003, 0.690599))],
)
def test_wilson_interval_has_the_published_answer(wins, trades, interval):
    assert wilson_interval(wins, trades) == pytest.approx(interval, abs=1e-6)


def test_wilson_interval_stays_inside_zero_and_one():
    assert wilson_interval(0, 5)[0] == 0.0
    assert wilson_interval(5, 5)[1] == 1.0
    assert wilson_interval(0, 0) is Undefined.NO_TRADES


def test_a_trade_at_zero_is_not_a_win():
    assert win_rate(np.array([0.0, 1.0, -1.0, 2.0])) == 0.5
