"""Two results side by side."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from engine.metrics.comparison import compare_results, compare_rules, figure_differences
from engine.metrics.summary import summarize
from engine.rules.tree import RuleSet
from tests.builders_result import RULES, make_result

RULE_SET = RuleSet(interval="1d", rules=RULES)


@pytest.fixture(scope="module")
def result():
    return make_result(sessions=200)


def compare(old, new, variants=()):
    return compare_results(old, new, RULE_SET, RULE_SET, variants)


def test_a_result_compared_with_itself_differs_nowhere(result):
    comparison = compare(result, result)
    assert comparison.identical
    assert comparison.first_equity_difference is None
    assert comparison.first_order_difference is None
    assert comparison.only_old.is_empty()
    assert comparison.only_new.is_empty()
    assert comparison.resized == 0
    assert {row.difference for row in comparison.differences} <= {0, None}


def test_the_first_differing_session_is_found_in_equity(result):
    equity = result.equity.with_columns(
        equity=pl.when(pl.int_range(pl.len()) >= 120).then(pl.col("equity") + 1).otherwise(pl.col("equity"))
    )
    comparison = compare(result, replace(result, equity=equity))
    assert comparison.first_equity_difference == result.equity["session"][120]
    assert comparison.first_order_difference is None


def test_a_row_that_only_one_run_has_is_a_difference(result):
    shorter = replace(result, equity=result.equity.head(150))
    for pair in ((result, shorter), (shorter, result)):
        assert compare(*pair).first_equity_difference == result.equity["session"][150]
        assert not compare(*pair).same_inputs


def test_a_market_order_without_a_price_equals_itself_and_a_resized_order_does_not(result):
    assert result.orders["price"].null_count()
    orders = result.orders.with_columns(
        quantity=pl.when(pl.col("id") == 10).then(pl.col("quantity") + 1).otherwise(pl.col("quantity"))
    )
    comparison = compare(result, replace(result, orders=orders))
    assert comparison.first_order_difference == result.orders["session_sent"][9]


def test_trades_of_one_run_only_and_resized_trades_are_told_apart(result):
    fewer = replace(result, trades=result.trades.slice(1))
    comparison = compare(result, fewer)
    assert comparison.only_old.rows() == result.trades.head(1).rows()
    assert comparison.only_new.is_empty()
    back = compare(fewer, result)
    assert back.only_new.rows() == result.trades.head(1).rows()
    larger = replace(result, trades=result.trades.with_columns(quantity=pl.col("quantity") * 2))
    assert compare(result, larger).resized == len(result.trades)


def test_two_parts_sold_on_one_day_are_two_trades(result):
    doubled = replace(result, trades=pl.concat([result.trades.head(1), result.trades]))
    comparison = compare(doubled, result)
    assert len(comparison.only_old) == 1
    assert comparison.only_new.is_empty()


def test_other_data_or_configuration_is_reported_but_another_prompt_is_not(result):
    assert not compare(result, replace(result, data=result.data | {"content_hash": "ff"})).same_inputs
    assert not compare(result, replace(result, config=result.config | {"path": "high_first"})).same_inputs
    assert compare(result, replace(result, config=result.config | {"prompt_hash": "ff"})).same_inputs


def test_runs_with_other_warmups_are_rated_over_the_same_sessions(result):
    longer = replace(result, equity=result.equity.with_columns(warmup=pl.int_range(pl.len()) < 60))
    assert summarize(longer).volatility != summarize(result).volatility
    comparison = compare(result, longer, [("~ x", result)])
    assert comparison.rated_from == result.equity["session"][60]
    assert comparison.old.rated_sessions == comparison.new.rated_sessions == 140
    assert comparison.effects[0].metrics.rated_sessions == 140
    for name in ("volatility", "sharpe", "total_return", "benchmark_return", "max_drawdown"):
        assert getattr(comparison.old, name) == getattr(comparison.new, name)
    assert compare(result, result).rated_from is None


def test_a_difference_needs_two_finite_values(result):
    idle = make_result(sessions=200, trade_probability=0.0)
    rows = {row.name: row for row in figure_differences(summarize(result), summarize(idle))}
    assert rows["win_rate"].new is None
    assert rows["win_rate"].difference is None
    assert rows["trades"].difference == -len(result.trades)


def test_each_change_is_run_alone_and_the_only_change_is_not_run_twice():
    new = replace(RULE_SET, rules=RULES[:-1])
    runs = []

    def run(rules):
        runs.append(rules)
        return make_result(sessions=40, rules=rules.rules)

    comparison = compare_rules(RULE_SET, new, run)
    assert runs == [RULE_SET, new]
    assert [effect.label for effect in comparison.effects] == ["- max-weight"]
    runs.clear()
    labels = []
    two_fewer = replace(RULE_SET, rules=RULES[:-2])
    comparison = compare_rules(RULE_SET, two_fewer, run, announce=labels.append)
    assert labels == ["old", "new", "- ma20-break", "- max-weight"]
    assert [rules.rules for rules in runs[2:]] == [(*RULES[:4], RULES[5]), RULES[:5]]
    assert compare_rules(RULE_SET, two_fewer, run, effects=False).effects == ()
