"""Units and scopes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from engine.rules.annotate import annotate, annotate_condition, annotate_price, split_power, varies_by_instrument
from engine.rules.format import format_node
from engine.rules.functions import FUNCTIONS, MAX_WINDOW, Kind
from engine.rules.parse import parse_expression
from engine.rules.problem import RuleProblem
from engine.rules.tree import Comparison, Node, Number, Scope, Unit
from engine.rules.walk import walk
from tests.rule_strategies import market_conditions, market_numbers


def problem_of(text: str) -> RuleProblem:
    with pytest.raises(RuleProblem) as caught:
        annotate_condition(parse_expression(text, line=3, column=10))
    return caught.value


@settings(max_examples=100, deadline=None)
@given(market_conditions())
def test_checking_again_what_was_printed_gives_the_same_typed_tree(tree: Node) -> None:
    assert annotate(parse_expression(format_node(tree))) == tree


@settings(max_examples=100, deadline=None)
@given(market_numbers())
def test_every_node_gets_a_unit_and_the_highest_scope_of_its_parts(tree: Node) -> None:
    assert all(part.unit is not Unit.UNKNOWN for part in walk(tree))
    assert tree.scope in (Scope.SESSION, Scope.MARKET)
    assert tree.scope is (Scope.MARKET if varies_by_instrument(tree) else Scope.SESSION)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("close > 7%", "returns(1) > 7%"),
        ("7% < close", "returns(1) > 7%"),
        ("mean(close, 5) > 7%", "mean(close, 5) / mean(mean(close, 5), 20) - 1 > 7%"),
        ("volume > 50%", "volume_ratio(20) > 1.5"),
        ("rsi(14) < 30%", "rsi(14) < 30"),
        ('index("KOSPI").close > 1%', 'delta(index("KOSPI").close, 1) / lag(index("KOSPI").close, 1) > 1%'),
        ("time > 900", "time > 14:50"),
        ("pnl < 1% * days_held", "pnl / days_held < 1%"),
        ("close > mean(close, 20) + 5%", "mean(close, 20) * (1 + 5%)"),
        ("close > mean(close, 20) + 100", "100원"),
        ("종가 > 시가", "`close`"),
        ("clsoe > open", "`close`"),
        ("sma(close, 20) > open", "mean(x, n)"),
        ("rsi > 30", "rsi(14) < 30"),
        ("close(1) > open", "lag(close, 1)"),
        ("returns(close, 20) > 5%", "returns(n)"),
        ("lag(close, -1) > open", "lag(…, 1)"),
        ("close", "close > mean(close, 20)"),
    ],
)
def test_a_mistake_is_told_with_what_was_probably_meant(text: str, suggestion: str) -> None:
    problem = problem_of(text)
    assert suggestion in problem.suggestion
    assert problem.line == 3
    assert problem.column >= 10


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("close > value", "price_and_amount"),
        ("market_cap < close", "price_and_amount"),
        ("close + value > value", "price_and_amount"),
        ("close * close > 3", "multiply_units"),
        ("close * value > 3", "multiply_units"),
        ("volume * volume > 3", "multiply_units"),
        ("1 / close > 3", "multiply_units"),
        ("close > volume", "compare_units"),
        ("weekday > close", "compare_units"),
        ("weekday == 7", "weekday_number"),
        ("weekday == -1", "compare_units"),
        ("beta(close, volume, 20) > 1", "multiply_units"),
        ("close / market_cap > 1%", "price_and_amount"),
        ("weekday + 1 > 3", "number_wanted"),
        ("mean(weekday, 3) > 3", "number_wanted"),
        ("(close > open) == (open > close)", "bool_compare"),
        ("mean(close > open, 3) > 1", "number_wanted"),
        ("count_if(close, 3) > 1", "condition_wanted"),
        ("close and close > open", "condition_wanted"),
        ("not close", "condition_wanted"),
        ("abs(close) > 3", "unknown_function"),
        ("foo > 3", "unknown_name"),
        ('index("KOPSI").close > 1', "unknown_index"),
        ('index("KOSPI").volume > 1', "unknown_index_field"),
        ("mean(close) > 1", "arity"),
        ("mean(close, 3, 4) > 1", "arity"),
        ("rsi() > 1", "arity"),
        ("mean(close, 0) > 1", "window_range"),
        ("mean(close, -3) > 1", "window_range"),
        ("std(close, 1) > 1", "window_range"),
        (f"mean(close, {MAX_WINDOW + 1}) > 1", "window_range"),
        ("mean(close, 2.5) > 1", "window_literal"),
        ("mean(close, 5 days) > 1", "window_literal"),
        ("mean(close, 2 + 3) > 1", "window_literal"),
        ("mean(close, close) > 1", "window_literal"),
        ("lag(close, -1) > 1", "look_ahead"),
        ("delta(close, -1) > 1", "look_ahead"),
        ("mean(5, 20) > 1", "constant_series"),
        ("crosses_above(1, 2)", "constant_series"),
        ("mean(pnl, 20) > 1%", "no_history"),
        ("crosses_above(pnl, 5%)", "no_history"),
        ("rank(equity) > 50%", "no_history"),
        ("mean(session_open, 3) > 1", "session_open"),
        ('rank(index("KOSPI").close) > 50%', "same_for_all"),
        ("breadth(weekday == mon) > 50%", "same_for_all"),
        ("macd(26, 12) > 0원", "macd_order"),
        ("mean(mean(mean(close, 2500), 2500), 2500) > close", "long_history"),
        ("count_if(always, 3) > 1", "always_alone"),
        ("always and close > open", "always_alone"),
    ],
)
def test_expressions_without_meaning_are_refused(text: str, code: str) -> None:
    assert problem_of(text).code == code


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("close * volume", Unit.WON),
        ("value / volume", Unit.WON),
        ("close / open", Unit.RATIO),
        ("volume / lag(volume, 1)", Unit.RATIO),
        ("7% * close", Unit.WON),
        ("2 * rsi(14)", Unit.COUNT),
        ("close / mean(close, 20) - 1", Unit.RATIO),
        ("pnl / days_held", Unit.RATIO),
        ("count_if(close > open, 20) / 20", Unit.RATIO),
        ("1 / 2", Unit.COUNT),
        ('close / index("KOSPI").close', Unit.WON),
        ("beta(returns(1), returns(5), 20)", Unit.RATIO),
        ("beta(value, volume, 20)", Unit.WON),
        ("days_held + 1", Unit.DAYS),
        ("rank(close)", Unit.RATIO),
        ("-close", Unit.WON),
    ],
)
def test_units_of_results(text: str, unit: Unit) -> None:
    assert annotate(parse_expression(text)).unit is unit


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("close > 10000", Unit.WON),
        ("volume > 100", Unit.SHARES),
        ("days_held >= 5", Unit.DAYS),
        ("weekday == 4", Unit.WEEKDAY),
        ('index("KOSPI").close > 2500', Unit.POINTS),
        ("volume_ratio(20) >= 1.5", Unit.COUNT),
        ("pnl <= -0.07", Unit.COUNT),
        ("macd(12, 26) > -50", Unit.WON),
        ("delta(volume, 1) < -1000", Unit.SHARES),
    ],
)
def test_a_plain_literal_takes_the_unit_of_what_it_is_compared_with(text: str, unit: Unit) -> None:
    tree = annotate_condition(parse_expression(text))
    assert isinstance(tree, Comparison)
    assert next(part for part in walk(tree.right) if isinstance(part, Number)).unit is unit


@pytest.mark.parametrize(
    ("text", "power"),
    [("close", 1), ("mean(high - low, 5)", 1), ("atr(14)", 1), ("volume", -1), ("value", 0), ("close * volume", 0),
     ("value / volume", 1), ("close / open", 0), ("equity", 0), ("close + 100원", 1), ("100원 + close", 1),
     ('close / index("KOSPI").close', 1), ("zscore(close, 5)", 0)],
)  # fmt: skip
def test_split_power_tells_prices_from_amounts(text: str, power: int) -> None:
    assert split_power(parse_expression(text)) == power


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("1 < 2", Scope.CONSTANT),
        ('index("KOSPI").close > mean(index("KOSPI").close, 20)', Scope.SESSION),
        ("breadth(close > open) > 50%", Scope.SESSION),
        ("weekday == fri", Scope.SESSION),
        ("close > open", Scope.MARKET),
        ("rsi(14) > 30 and weekday == fri", Scope.MARKET),
        ("close > open and drawdown < -5%", Scope.PORTFOLIO),
        ("pnl < -7% and drawdown < -5%", Scope.POSITION),
    ],
)
def test_scope_is_the_highest_of_the_parts(text: str, scope: Scope) -> None:
    assert annotate(parse_expression(text)).scope is scope


def test_order_prices_are_won_per_share() -> None:
    assert annotate_price(parse_expression("50000")) == annotate(parse_expression("50_000원"))
    for text in ("volume", "value", "returns(1)", "close > open"):
        with pytest.raises(RuleProblem) as caught:
            annotate_price(parse_expression(text))
        assert caught.value.code == "order_price"


def test_no_argument_of_any_function_can_reach_into_the_future() -> None:
    for function in FUNCTIONS.values():
        for index, parameter in enumerate(function.parameters):
            if parameter.kind is not Kind.WINDOW:
                continue
            series = {Kind.SERIES: "close", Kind.CONDITION: "close > open", Kind.WINDOW: "3", Kind.NAMES: "3"}
            arguments = [series[each.kind] for each in function.parameters]
            arguments[index] = "-1"
            with pytest.raises(RuleProblem):
                annotate(parse_expression(f"{function.name}({', '.join(arguments)})"))
