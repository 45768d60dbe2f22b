"""Text to tree and back."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import RuleError
from engine.rules.format import format_action, format_node
from engine.rules.parse import MAX_DEPTH, MAX_LENGTH, parse_action, parse_expression
from engine.rules.problem import RuleProblem
from engine.rules.tree import Arithmetic, Buy, Comparison, Logic, Name, Negative, Not, Number, OrderKind, Span, Unit
from tests.rule_strategies import any_trees, market_conditions, market_numbers

A, B, C, D = Name("a"), Name("b"), Name("c"), Name("d")


@settings(max_examples=300, deadline=None)
@given(any_trees())
def test_text_of_any_tree_reads_back_as_the_same_tree(tree: object) -> None:
    assert parse_expression(format_node(tree)) == tree  # type: ignore[arg-type]


@settings(max_examples=50, deadline=None)
@given(st.one_of(market_numbers(), market_conditions()))
def test_formatting_twice_changes_nothing(tree: object) -> None:
    text = format_node(tree)  # type: ignore[arg-type]
    assert format_node(parse_expression(text)) == text


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet="close<>=!+-*/(),. 0123456789%만원\"'index andnotr\t&", max_size=40),
    st.sampled_from([parse_expression, parse_action]),
)
def test_any_text_parses_or_is_refused_with_its_place(text: str, parse: object) -> None:
    try:
        parse(text, 7, 3)  # type: ignore[operator]
    except RuleProblem as problem:
        assert problem.line == 7
        assert 3 <= problem.column <= 3 + len(text)
        assert problem.message


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a or b and c", Logic("or", (A, Logic("and", (B, C))))),
        ("a or b or c", Logic("or", (A, B, C))),
        ("(a or b) or c", Logic("or", (Logic("or", (A, B)), C))),
        ("not a and b", Logic("and", (Not(A), B))),
        ("not a < b", Not(Comparison("<", A, B))),
        ("a + b * c", Arithmetic("+", A, Arithmetic("*", B, C))),
        ("a - b - c", Arithmetic("-", Arithmetic("-", A, B), C)),
        ("a / b * c", Arithmetic("*", Arithmetic("/", A, B), C)),
        ("-a * b", Arithmetic("*", Negative(A), B)),
        ("a - -b", Arithmetic("-", A, Negative(B))),
        ("a + b > c and d", Logic("and", (Comparison(">", Arithmetic("+", A, B), C), D))),
        ("A AND b", Logic("and", (Name("A"), B))),
        ("andclose", Name("andclose")),
    ],
)
def test_precedence(text: str, tree: object) -> None:
    assert parse_expression(text) == tree


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("7%", Fraction(7, 100), Unit.RATIO),
        ("0.15 %", Fraction(15, 10_000), Unit.RATIO),
        ("1.5", Fraction(3, 2), Unit.COUNT),
        ("10_000", Fraction(10_000), Unit.COUNT),
        ("500만", Fraction(5_000_000), Unit.WON),
        ("1.5억원", Fraction(150_000_000), Unit.WON),
        ("3천만원", Fraction(30_000_000), Unit.WON),
        ("70_000원", Fraction(70_000), Unit.WON),
        ("100주", Fraction(100), Unit.SHARES),
        ("5 days", Fraction(5), Unit.DAYS),
        ("5일", Fraction(5), Unit.DAYS),
        ("14:50", Fraction(14 * 60 + 50), Unit.TIME),
        ("fri", Fraction(4), Unit.WEEKDAY),
        ("월요일", Fraction(0), Unit.WEEKDAY),
    ],
)
def test_literals_are_exact_and_carry_a_unit(text: str, value: Fraction, unit: Unit) -> None:
    assert parse_expression(text) == Number(value, unit=unit)


@pytest.mark.parametrize(
    ("text", "code", "column", "hint"),
    [
        ("close > 10,000", "unexpected", 11, "10_000"),
        ("1 < close < 3", "chain", 1, "1 < close and close < 3"),
        ("close = open", "character", 7, "`==`"),
        ("close > open && close > 3", "character", 14, "`and`"),
        ("close ≥ open", "character", 7, "`>=`"),
        ("close >", "ends_early", 8, "값"),
        ("index(KOSPI).close > 3", "unexpected", 7, 'index("KOSPI").close'),
        ("close[1] > 3", "character", 6, "lag(close, 1)"),
        ("returns(1) > .5", "unexpected", 14, "`0.5`"),
        ("close open", "unexpected", 7, "and"),
        ("(close > 3", "ends_early", 11, ")"),
        ("time > 25:00", "clock", 8, "14:50"),
        ("  ", "empty", 1, "mean"),
        ("close > 1" + "0" * 30, "huge_number", 9, "18"),
    ],
)
def test_unreadable_text_names_the_column_and_what_to_write(text: str, code: str, column: int, hint: str) -> None:
    with pytest.raises(RuleProblem) as caught:
        parse_expression(text, line=12, column=1)
    assert (caught.value.code, caught.value.line, caught.value.column) == (code, 12, column)
    assert hint in caught.value.suggestion


def test_a_span_points_into_the_line_of_the_file() -> None:
    tree = parse_expression("close > open + 3", line=5, column=11)
    assert isinstance(tree, Comparison)
    assert tree.right.span == Span(5, 19, 5, 27)


def test_many_parentheses_around_one_thing_are_not_deep() -> None:
    assert parse_expression("(" * 500 + "close > 1" + ")" * 500) == parse_expression("close > 1")


@pytest.mark.parametrize("text", ["-" * 900 + "1 > 0", "not " * 400 + "close > 1", "1" + " + 1" * (MAX_DEPTH + 5)])
def test_deep_text_is_refused_and_not_a_crash(text: str) -> None:
    with pytest.raises(RuleProblem) as caught:
        parse_expression(text)
    assert caught.value.code == "too_deep"


def test_long_text_is_refused() -> None:
    with pytest.raises(RuleProblem, match=str(MAX_LENGTH)):
        parse_expression("1" + " + 1" * MAX_LENGTH)


@pytest.mark.parametrize(
    "text",
    [
        "buy",
        "buy 10% of equity",
        "buy 500만",
        "buy 10% of equity at limit 0.98 * close",
        "buy 20% of equity at stop session_open + 0.5 * (high - low)",
        "buy 1억 at limit close add",
        "require",
        "rank by returns(20)",
        "rank by rank(returns(20)) + rank(volume) ascending",
        "sell all",
        "sell 33.3%",
        "size 10% of equity",
        "size volatility target 1% over 20",
        "size risk 1% at stop 7%",
        "block buys",
        "halt",
        "limit position 10%",
        "limit positions 20",
        "limit sector 30%",
        "limit day loss 2%",
    ],
)
def test_every_form_of_an_action_reads_back(text: str) -> None:
    assert format_action(parse_action(text)) == text


def test_words_that_change_nothing_are_read_and_left_out() -> None:
    assert parse_action("BUY 10% of equity at market") == Buy(ratio=Fraction(1, 10), kind=OrderKind.MARKET)
    assert format_action(parse_action("rank by close descending")) == "rank by close"


@pytest.mark.parametrize(
    ("text", "column", "hint"),
    [
        ("buy 10%", 8, "buy [10% of equity"),
        ("buy 10", 5, "buy [10% of equity"),
        ("sell half", 6, "`sell 50%`"),
        ("limit 10%", 7, "limit position 10%"),
        ("purchase", 1, "`halt`"),
        ("매수", 1, "buy"),
        ("buyy", 1, "buy"),
        ("block", 6, "block buys"),
        ("rank by close > 3", 15, "수입니다"),
        ("buy 0원", 5, "500만"),
        ("limit positions 2.5", 17, "limit positions"),
    ],
)
def test_unreadable_action_shows_the_forms_that_can_be_written(text: str, column: int, hint: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_action(text)
    assert caught.value.column == column
    assert hint in caught.value.suggestion
