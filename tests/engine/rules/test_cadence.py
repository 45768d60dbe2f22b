"""When a rule is evaluated, and the price level of an intraday exit."""

from __future__ import annotations

from fractions import Fraction

import pytest

from engine.rules.annotate import annotate_condition
from engine.rules.cadence import PriceLevel, constant_value, level_of_condition
from engine.rules.edit import RuleEntry, add_rule
from engine.rules.parse import parse_expression
from engine.rules.problem import RuleProblem
from engine.rules.prompt import load_rules_text
from engine.rules.tree import Cadence, Category, Rule


def rule_of(
    condition: str, action: str = "sell all", cadence: Cadence | None = None, category: Category = Category.EXIT
) -> Rule:
    entry = RuleEntry(
        id="r", category=category, text="규칙", condition=condition, action=action, priority=5, cadence=cadence
    )
    return load_rules_text(add_rule("", entry)).rules[0]


@pytest.mark.parametrize(
    ("text", "kind", "operator", "ratio"),
    [
        ("pnl <= -7%", "pnl", "<=", Fraction(-7, 100)),
        ("pnl <= -0.07", "pnl", "<=", Fraction(-7, 100)),
        ("pnl >= 15%", "pnl", ">=", Fraction(15, 100)),
        ("-7% >= pnl", "pnl", "<=", Fraction(-7, 100)),
        ("pnl + 7% < 0", "pnl", "<", Fraction(-7, 100)),
        ("-pnl > 7%", "pnl", "<", Fraction(-7, 100)),
        ("2 * pnl > 10% + 5%", "pnl", ">", Fraction(75, 1000)),
        ("drawdown_from_peak <= -8%", "drawdown", "<=", Fraction(-8, 100)),
        ("-8% > drawdown_from_peak", "drawdown", "<", Fraction(-8, 100)),
        ("close <= entry_price * 0.93", "pnl", "<=", Fraction(-7, 100)),
        ("close <= (1 - 7%) * entry_price", "pnl", "<=", Fraction(-7, 100)),
        ("entry_price * 1.15 <= close", "pnl", ">=", Fraction(15, 100)),
        ("close / entry_price <= 0.93", "pnl", "<=", Fraction(-7, 100)),
        ("close / entry_price - 1 <= -7%", "pnl", "<=", Fraction(-7, 100)),
        ("close - entry_price > 10% * entry_price", "pnl", ">", Fraction(10, 100)),
    ],
)
def test_conditions_that_reduce_to_an_exact_price_level(text: str, kind: str, operator: str, ratio: Fraction) -> None:
    level = level_of_condition(annotate_condition(parse_expression(text)))
    assert level == PriceLevel(kind, operator, ratio)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "pnl <= -7% and days_held >= 3",
        "pnl <= -7% or pnl >= 15%",
        "not (pnl > -7%)",
        "pnl == 0",
        "pnl < drawdown_from_peak",
        "drawdown_from_peak >= -3%",
        "pnl / days_held <= -1%",
        "close < mean(close, 20)",
        "close <= entry_price * 0.93 - 100원",
        "close <= entry_price - atr(14)",
        "close <= entry_price / 3",
        "days_held >= 5",
    ],
)
def test_conditions_that_do_not_reduce(text: str) -> None:
    assert level_of_condition(annotate_condition(parse_expression(text))) is None


@pytest.mark.parametrize(
    ("condition", "cadence"),
    [
        ("pnl <= -7%", Cadence.INTRADAY),
        ("drawdown_from_peak <= -8%", Cadence.INTRADAY),
        ("pnl <= -7% and days_held >= 3", Cadence.CLOSE),
        ("close <= entry_price * 0.93", Cadence.CLOSE),
        ("close < mean(close, 20)", Cadence.CLOSE),
    ],
)
def test_exits_on_profit_or_fall_are_intraday_by_default(condition: str, cadence: Cadence) -> None:
    rule = rule_of(condition)
    assert (rule.cadence, rule.cadence_given) == (cadence, False)


def test_the_prompt_can_choose_the_cadence() -> None:
    assert rule_of("pnl <= -7%", cadence=Cadence.CLOSE).cadence is Cadence.CLOSE
    chosen = rule_of("close <= entry_price * 0.93", cadence=Cadence.INTRADAY)
    assert (chosen.cadence, chosen.cadence_given) == (Cadence.INTRADAY, True)


def test_intraday_is_refused_where_there_is_no_level() -> None:
    with pytest.raises(RuleProblem) as caught:
        rule_of("close < mean(close, 20)", cadence=Cadence.INTRADAY)
    assert caught.value.code == "cadence_level"
    with pytest.raises(RuleProblem) as caught:
        rule_of("close > open", "buy 10% of equity", Cadence.INTRADAY, Category.ENTRY)
    assert caught.value.code == "cadence_action"


def test_constants_are_folded_exactly() -> None:
    assert constant_value(parse_expression("1 - 7% * 2")) == Fraction(86, 100)
    assert constant_value(parse_expression("1 / (2 - 2)")) is None
    assert constant_value(parse_expression("close")) is None
