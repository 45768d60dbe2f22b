"""Figures of whole results: they agree with each other, with their tables and with the calendar."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from engine.metrics.curve import rated_curve
from engine.metrics.summary import Metrics, summarize
from engine.metrics.undefined import Undefined
from tests.builders_result import make_result


@pytest.fixture(scope="module")
def result():
    return make_result()


@pytest.fixture(scope="module")
def metrics(result) -> Metrics:
    return summarize(result)


def test_closed_and_open_and_other_profit_add_up_to_the_change_of_equity(result, metrics):
    change = result.equity["equity"][-1] - result.initial_cash
    assert metrics.closed_pnl + metrics.open_pnl + metrics.other_pnl == pytest.approx(change)
    # All that is left over in these books are the buying fees of the open positions.
    assert -30_000 < metrics.other_pnl <= 0


def test_profits_of_the_rules_add_up_to_the_profit_of_all_trades(metrics):
    assert sum(rule.opened_pnl for rule in metrics.rules) == pytest.approx(metrics.closed_pnl)
    assert sum(rule.closed_pnl for rule in metrics.rules) == pytest.approx(metrics.closed_pnl)
    assert sum(rule.closed for rule in metrics.rules) == metrics.trades


def test_rules_stand_in_the_order_of_the_file_also_when_they_did_nothing(result, metrics):
    assert [rule.rule_id for rule in metrics.rules] == [rule.id for rule in result.rules]
    assert metrics.rules[-1].orders == 0


def test_ids_that_no_rule_has_are_shown_after_the_rules(result):
    outcomes = summarize(replace(result, rules=())).rules
    assert [rule.rule_id for rule in outcomes] == sorted(rule.rule_id for rule in outcomes)
    assert {rule.category for rule in outcomes} == {""}


def test_costs_by_kind_are_the_sums_of_the_fills(result, metrics):
    for kind, column in (("fees", "fee"), ("stt", "stt"), ("rural", "rural")):
        assert getattr(metrics, kind) == result.fills[column].sum()
    assert metrics.costs == metrics.fees + metrics.stt + metrics.rural
    assert metrics.slippage == result.fills["slippage"].sum()


def test_months_of_a_year_compound_to_the_year_and_years_to_the_total(metrics):
    years = {row.year: row.value for row in metrics.months if row.month == 0}
    for year, value in years.items():
        months = [row.value for row in metrics.months if row.year == year and row.month]
        assert np.prod([1 + month for month in months]) - 1 == pytest.approx(value)
    assert np.prod([1 + value for value in years.values()]) - 1 == pytest.approx(metrics.total_return)


def test_idle_days_of_the_warmup_change_no_ratio(result):
    first = result.equity.row(0, named=True)
    extra = pl.DataFrame(
        [first | {"session": date(2020, 12, day), "equity": 100_000_000, "warmup": True} for day in range(1, 29)],
        schema=result.equity.schema,
    )
    longer = summarize(replace(result, equity=pl.concat([extra, result.equity])))
    plain = summarize(result)
    assert longer.warmup_sessions == plain.warmup_sessions + 28
    assert longer.rated_sessions == plain.rated_sessions
    for name in ("sharpe", "volatility", "annual_return", "exposure", "turnover", "mean_positions"):
        assert getattr(longer, name) == getattr(plain, name)


def test_counting_the_warmup_would_have_changed_the_ratios(result, metrics):
    counted = summarize(replace(result, equity=result.equity.with_columns(warmup=pl.lit(False))))
    assert counted.warmup_sessions == 0
    assert counted.volatility < metrics.volatility
    assert counted.exposure < metrics.exposure


def test_annual_return_counts_calendar_days(metrics):
    years = (date(2023, 11, 17) - date(2021, 1, 29)).days / 365
    assert metrics.annual_return == pytest.approx((1 + metrics.total_return) ** (1 / years) - 1)


def test_a_first_day_loss_is_a_drawdown_and_a_return():
    result = make_result(sessions=30, warmup=0, trade_probability=0.0)
    equity = result.equity.with_columns(equity=pl.lit(90_000_000), cash=pl.lit(90_000_000))
    metrics = summarize(replace(result, equity=equity))
    assert metrics.total_return == pytest.approx(-0.1)
    assert metrics.max_drawdown == pytest.approx(-0.1)
    assert metrics.deepest_drawdown.peak_session is None
    assert metrics.deepest_drawdown.recovery_session is None


def test_every_figure_without_a_value_has_a_reason_and_only_those():
    reasons = {reason.value for reason in Undefined}
    cases = [
        make_result(sessions=40),
        make_result(sessions=20, warmup=20),
        make_result(sessions=300, trade_probability=0.0),
    ]
    without_index = make_result(sessions=300)
    empty = make_result(sessions=300)
    cases.append(
        replace(
            without_index,
            equity=without_index.equity.with_columns(benchmark=pl.lit(None, dtype=pl.Float64)),
        )
    )
    cases.append(replace(empty, **{name: getattr(empty, name).clear() for name in TABLES}))
    for case in cases:
        metrics = summarize(case)
        missing = {
            field.name
            for field in fields(metrics)
            if getattr(metrics, field.name) is None and field.name not in NOT_FIGURES
        }
        assert missing == set(metrics.undefined)
        assert set(metrics.undefined.values()) <= reasons
        assert missing


TABLES = ("equity", "orders", "fills", "trades", "positions")
NOT_FIGURES = {"deepest_drawdown", "longest_drawdown", "first_session", "last_session"}


def test_bars_inside_a_day_are_reduced_to_the_last_of_the_day_for_ratios_but_not_for_drawdowns():
    daily = make_result(sessions=100, warmup=5)
    double = (
        pl.concat(
            [
                daily.equity.with_columns(equity=pl.col("equity") * 9 // 10, part=0),
                daily.equity.with_columns(part=1),
            ]
        )
        .sort("session", "part", maintain_order=True)
        .drop("part")
    )
    double = double.with_columns(warmup=pl.int_range(pl.len()) < 10)
    intraday = summarize(replace(daily, equity=double, interval="30m"))
    plain = summarize(daily)
    assert intraday.sharpe == plain.sharpe
    assert intraday.rated_sessions == plain.rated_sessions == 95
    assert intraday.max_drawdown < plain.max_drawdown - 0.05


def test_the_curve_starts_with_the_equity_of_the_last_warmup_bar(result):
    curve = rated_curve(result)
    assert curve.equity[0] == result.initial_cash
    assert len(curve.equity) == len(curve.sessions) + 1 == 731
    assert curve.start == result.equity["session"][19]
    assert curve.benchmark[0] == result.equity["benchmark"][19]
