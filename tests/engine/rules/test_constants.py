"""The numbers of rules by name, and rule sets with other numbers."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules.constants import Constant, all_constants, constants_of, with_constants
from engine.rules.edit import RuleEntry, add_rule
from engine.rules.format import format_action, format_node
from engine.rules.literals import written
from engine.rules.number_uses import Role
from engine.rules.problem import RuleProblem
from engine.rules.prompt import load_rules, load_rules_text
from engine.rules.tree import Cadence, Category, Comparison, Number, RuleSet, Unit
from tests.rule_strategies import rule_sets

ROOT = Path(__file__).parents[3]
FILES = [*sorted((ROOT / "strategies").glob("*.md")), ROOT / "prompts" / "core_decision_prompt.md"]


def one_rule(condition: str, action: str, category: Category = Category.ENTRY, **extra: object) -> RuleSet:
    entry = RuleEntry(id="a", category=category, text="시험", condition=condition, action=action, priority=5)
    return load_rules_text(add_rule("", replace(entry, **extra)))  # type: ignore[arg-type]


def printed(rules: RuleSet) -> str:
    """The prompt of a rule set from the texts of its rules."""
    text = f"## 투자 원칙 및 규칙\n**주기**: {rules.interval}\n"
    for rule in rules.rules:
        entry = RuleEntry(
            id=rule.id,
            category=rule.category,
            text=rule.text,
            condition=rule.condition_source,
            action=rule.action_source,
            priority=rule.priority,
            rationale=rule.rationale,
            added=rule.added,
            cadence=rule.cadence if rule.cadence_given else None,
        )
        text = add_rule(text, entry)
    return text


def shown(rules: RuleSet) -> list[tuple[str, str, Role]]:
    return [(constant.name, constant.text, constant.role) for constant in all_constants(rules).values()]


def some_value(draw: st.DrawFn, constant: Constant) -> Fraction:
    """A value that may stand at a constant, often far from the present one."""
    if constant.integer:
        low, high = max(int(constant.low), -10_000), min(int(constant.high), 10_000)
        return Fraction(draw(st.integers(low, high)))
    if constant.low_open:
        return Fraction(draw(st.integers(1, 10_000)), 10_000)
    return Fraction(draw(st.integers(-10_000, 10_000)), draw(st.sampled_from([1, 10, 1000])))


def test_the_constants_of_the_default_prompt() -> None:
    assert shown(load_rules(FILES[-1])) == [
        ("position-limit.1", "10%", Role.LIMIT),
        ("day-loss-limit.1", "2%", Role.LIMIT),
        ("volume-filter.1", "20", Role.WINDOW),
        ("volume-filter.2", "1.5", Role.THRESHOLD),
        ("rising-first.1", "20", Role.WINDOW),
        ("cross-above-mean.1", "20", Role.WINDOW),
        ("cross-above-mean.2", "10%", Role.SIZE),
        ("stop-loss.1", "-7%", Role.THRESHOLD),
        ("take-half.1", "15%", Role.THRESHOLD),
        ("take-half.2", "50%", Role.PART_SOLD),
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_constant_stands_where_it_says_it_does(path: Path) -> None:
    for rule in load_rules(path).rules:
        for constant in constants_of(rule):
            source = rule.condition_source if constant.part == "condition" else rule.action_source
            assert source[constant.literal.start : constant.literal.end] == constant.text
            constant.check(constant.value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_number_of_a_file_can_be_moved_and_moved_back(path: Path) -> None:
    rules = load_rules(path)
    for name, constant in all_constants(rules).items():
        # A little more, or one more; a whole share can only shrink.
        step = Fraction(1) if constant.whole else constant.value / 10
        moved = with_constants(rules, {name: constant.value + step})
        assert moved != rules
        assert load_rules_text(printed(moved)).rules == moved.rules
        assert all_constants(moved)[name].value == constant.value + step
        assert with_constants(moved, {name: constant.value}) == rules


@settings(max_examples=120, deadline=None)
@given(st.data(), rule_sets())
def test_a_variant_is_what_its_text_says(data: st.DataObject, rules: RuleSet) -> None:
    constants = list(all_constants(rules).values())
    chosen = data.draw(st.lists(st.sampled_from(constants), min_size=1, max_size=4, unique_by=lambda c: c.name))
    values = {constant.name: data.draw(st.composite(some_value)(constant)) for constant in chosen}  # type: ignore[arg-type]
    try:
        variant = with_constants(rules, values)
    except RuleProblem as problem:
        assert problem.code in ("constant_rule", "ratio_fine")
        return
    again = load_rules_text(printed(variant))
    assert again.rules == variant.rules
    found = all_constants(variant)
    assert list(found) == [constant.name for constant in constants]
    assert {name: found[name].value for name in values} == values
    untouched = [constant for constant in constants if constant.name not in values]
    assert all(found[constant.name].text == constant.text for constant in untouched)


@settings(max_examples=60, deadline=None)
@given(st.data(), rule_sets())
def test_a_variant_that_is_refused_is_refused_as_a_file_too(data: st.DataObject, rules: RuleSet) -> None:
    constant = data.draw(st.sampled_from(list(all_constants(rules).values())))
    value = data.draw(st.composite(some_value)(constant))  # type: ignore[arg-type]
    rule = next(rule for rule in rules.rules if rule.id == constant.rule_id)
    condition_source, _, action_source, _ = written(rule).changed({constant.position - 1: value})
    wanted = replace(rule, condition_source=condition_source, action_source=action_source)
    text = printed(replace(rules, rules=tuple(wanted if one.id == rule.id else one for one in rules.rules)))
    try:
        from_file = load_rules_text(text)
    except RuleProblem:
        with pytest.raises(RuleProblem):
            with_constants(rules, {constant.name: value})
    else:
        assert from_file.rules == with_constants(rules, {constant.name: value}).rules


@pytest.mark.parametrize(
    ("condition", "constants", "values", "wanted"),
    [
        ("zscore(close, 20) > - ( 2 )", ["20", "-2"], {"a.2": 3}, "zscore(close, 20) > 3"),
        ("close > open and-3 < zscore(low, 9)", ["-3", "9"], {"a.1": 2}, "close > open and 2 < zscore(low, 9)"),
        ("zscore(close, 20) > --2", ["20", "2"], {"a.2": -2}, "zscore(close, 20) > -2"),
        ("mean(value, 20) >= 1.5억 원", ["20", "1.5억 원"], {"a.2": "2000만"}, "mean(value, 20) >= 0.2억 원"),
        ("close > 10_000", ["10_000"], {"a.1": "12500원"}, "close > 12_500"),
        ("volume > 100 주", ["100 주"], {"a.1": "25000주"}, "volume > 25_000 주"),
        ("weekday != 금요일", ["금요일"], {"a.1": "mon"}, "weekday != 월요일"),
        ("weekday == fri", ["fri"], {"a.1": "월요일"}, "weekday == mon"),
        ("weekday == 4", ["4"], {"a.1": 3}, "weekday == 3"),
        ("time >= 9:05", ["09:05"], {"a.1": "14:50"}, "time >= 14:50"),
        ("returns(5) > 7 %", ["5", "7 %"], {"a.2": "12.5%"}, "returns(5) > 12.5 %"),
        ("macd(12, 26, 9) > 0원", ["12", "26", "9", "0원"], {"a.4": "-3원"}, "macd(12, 26, 9) > -3원"),
        ("top(mean(value, 20), 100)", ["20", "100"], {"a.2": 50}, "top(mean(value, 20), 50)"),
        ("returns(5) > 1.50%", ["5", "1.5%"], {"a.1": 6}, "returns(6) > 1.50%"),
    ],
)
def test_a_number_keeps_its_form(
    condition: str, constants: list[str], values: dict[str, str | int], wanted: str
) -> None:
    rules = one_rule(condition, "require")
    assert [constant.text for constant in all_constants(rules).values()] == constants
    variant = with_constants(rules, values)
    assert variant.rules[0].condition_source == wanted
    assert load_rules_text(printed(variant)).rules == variant.rules


@pytest.mark.parametrize(
    ("action", "category", "constants"),
    [
        ("buy 10% of equity", Category.ENTRY, [("10%", Role.SIZE)]),
        ("buy 500만", Category.ENTRY, [("500만", Role.SIZE)]),
        (
            "buy 20% of equity at stop session_open + 0.5 * (high - lag(low, 2)) add",
            Category.ENTRY,
            [("20%", Role.SIZE), ("0.5", Role.PRICE), ("2", Role.WINDOW)],
        ),
        ("rank by 2 * returns(20) ascending", Category.ENTRY, [("2", Role.FACTOR), ("20", Role.WINDOW)]),
        ("require", Category.ENTRY, []),
        ("sell all", Category.EXIT, []),
        ("sell 100%", Category.EXIT, [("100%", Role.PART_SOLD)]),
        ("size 5% of equity", Category.SIZING, [("5%", Role.SIZE)]),
        ("size volatility target 1% over 20", Category.SIZING, [("1%", Role.SIZE), ("20", Role.WINDOW)]),
        ("size risk 1% at stop 7%", Category.SIZING, [("1%", Role.SIZE), ("7%", Role.STOP)]),
        ("limit positions 20", Category.SIZING, [("20", Role.LIMIT)]),
        ("limit sector 30%", Category.SIZING, [("30%", Role.LIMIT)]),
        ("limit day loss 2%", Category.RISK, [("2%", Role.LIMIT)]),
        ("block buys", Category.RISK, []),
    ],
)
def test_the_numbers_of_an_action(action: str, category: Category, constants: list[tuple[str, Role]]) -> None:
    condition = "drawdown <= -15%" if action in ("block buys", "require") else "always"
    if category is Category.EXIT:
        condition = "close < open"
    rules = one_rule(condition if action != "require" else "close > open", action, category)
    found = [constant for constant in constants_of(rules.rules[0]) if constant.part == "action"]
    assert [(constant.text, constant.role) for constant in found] == constants
    for constant in found:
        value = constant.value / 2 if constant.literal.unit is Unit.RATIO else constant.value + 1
        variant = with_constants(rules, {constant.name: value})
        assert load_rules_text(printed(variant)).rules == variant.rules
        assert format_action(variant.rules[0].action) != format_action(rules.rules[0].action)


@pytest.mark.parametrize(
    ("name", "value", "code", "says"),
    [
        ("volume-filter.3", 1, "unknown_constant", "volume-filter.1 (20), volume-filter.2 (1.5)"),
        ("nothing.1", 1, "unknown_constant", "take-half.2 (50%)"),
        ("volume-filter", 1, "unknown_constant", "volume-filter.2 (1.5)"),
        ("volume-filter.01", 1, "unknown_constant", "volume-filter.1"),
        ("stop-loss.1", "7", "constant_unit", "-7%"),
        ("volume-filter.2", "150%", "constant_unit", "1.5"),
        ("volume-filter.1", "20 days", "constant_unit", "20"),
        ("stop-loss.1", "close", "constant_text", "-7%"),
        ("stop-loss.1", "", "constant_text", "-7%"),
        ("stop-loss.1", float("nan"), "constant_text", "-7%"),
        ("stop-loss.1", float("inf"), "constant_text", "-7%"),
        ("volume-filter.1", 0, "constant_range", "from 1 to 2500"),
        ("volume-filter.1", 2501, "constant_range", "from 1 to 2500"),
        ("volume-filter.1", 2.5, "constant_range", "a whole number"),
        ("position-limit.1", "0%", "constant_range", "above 0% and up to 100%"),
        ("position-limit.1", "-10%", "constant_range", "above 0% and up to 100%"),
        ("position-limit.1", "101%", "constant_range", "above 0% and up to 100%"),
        ("position-limit.1", "0.00000001%", "ratio_fine", "0.0000001 %"),
        ("stop-loss.1", Fraction(1, 3), "constant_range", "up to 30 decimals"),
        ("stop-loss.1", Fraction(-1, 2**2000), "constant_range", "up to 30 decimals"),
        ("stop-loss.1", 10**18, "constant_range", "10 to the power of 18"),
        ("stop-loss.1", "-100.5%", "constant_rule", "stop-loss.1=-100.5%"),
    ],
)
def test_a_value_that_cannot_stand_there_is_refused(name: str, value: str | int | float, code: str, says: str) -> None:
    with pytest.raises(RuleProblem) as caught:
        with_constants(load_rules(FILES[-1]), {name: value})
    assert caught.value.code == code
    assert says in caught.value.in_language("en")
    assert caught.value.in_language("ko") != caught.value.in_language("en")


def test_what_only_the_whole_rule_forbids_is_told_with_the_reason() -> None:
    rules = one_rule("macd(12, 26) > 0원", "require")
    with pytest.raises(RuleProblem, match="macd") as caught:
        with_constants(rules, {"a.1": 30})
    assert "a.1=30" in caught.value.in_language("en")
    assert "below the slow length" in caught.value.in_language("en")
    # Both together are fine.
    assert with_constants(rules, {"a.1": 30, "a.2": 60}).rules[0].condition_source == "macd(30, 60) > 0원"


def test_a_text_that_grows_too_long_is_refused_as_in_a_file() -> None:
    condition = " and ".join(["returns(5) > 0.1%"] * 80)
    rules = one_rule(condition, "require")
    values = {f"a.{position}": Fraction(position, 10**12) for position in range(2, 161, 2)}
    with pytest.raises(RuleProblem) as caught:
        with_constants(rules, values)
    assert "2000" in caught.value.in_language("en")


def test_a_float_means_the_decimal_that_it_shows() -> None:
    rules = load_rules(FILES[-1])
    variant = with_constants(rules, {"stop-loss.1": -0.1, "volume-filter.2": 1.7})
    assert [rule.condition_source for rule in variant.rules if rule.id in ("stop-loss", "volume-filter")] == [
        "volume_ratio(20) >= 1.7",
        "pnl <= -10%",
    ]


def test_the_present_value_changes_nothing() -> None:
    rules = load_rules(FILES[-1])
    same = {name: constant.value for name, constant in all_constants(rules).items()}
    assert with_constants(rules, same) == rules
    assert with_constants(rules, {}) is rules


def test_a_level_that_is_too_fine_moves_to_the_close_as_it_would_in_a_file() -> None:
    rules = one_rule("pnl <= -7%", "sell all", Category.EXIT)
    assert rules.rules[0].cadence is Cadence.INTRADAY
    assert with_constants(rules, {"a.1": "-7.00000001%"}).rules[0].cadence is Cadence.CLOSE
    given = one_rule("pnl <= -7%", "sell all", Category.EXIT, cadence=Cadence.INTRADAY)
    with pytest.raises(RuleProblem, match="장중"):
        with_constants(given, {"a.1": "-7.00000001%"})


def test_a_rule_built_in_python_gets_its_text_from_the_printer() -> None:
    rules = one_rule("close > 1000", "buy 10% of equity")
    rule = rules.rules[0]
    assert isinstance(rule.condition, Comparison)
    assert isinstance(rule.condition.right, Number)
    other = replace(rule.condition, right=replace(rule.condition.right, value=Fraction(2000)))
    bare = replace(rules, rules=(replace(rule, condition=other, condition_source="", action_source=""),))
    stale = replace(rules, rules=(replace(rule, condition=other),))
    for ruleset in (bare, stale):
        assert shown(ruleset)[0] == ("a.1", "2000원", Role.THRESHOLD)
        variant = with_constants(ruleset, {"a.1": 3000})
        assert variant.rules[0].condition_source == "close > 3000원"
        assert format_node(variant.rules[0].condition) == "close > 3000원"


def test_which_numbers_must_or_may_as_well_be_whole() -> None:
    rules = one_rule("count_if(close > open, 5) >= 4 and rsi(14) < 30 and volume > 100주 and close > 5", "require")
    found = [(constant.text, constant.integer, constant.whole) for constant in constants_of(rules.rules[0])]
    assert found == [
        ("5", True, True),
        ("4", False, True),
        ("14", True, True),
        ("30", False, False),
        ("100주", True, True),
        ("5", False, False),
    ]
