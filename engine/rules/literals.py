"""The numbers of a rule as they are written: where each stands, in which form, and the rule with others in their place.

A minus directly before a number belongs to it: the number of `pnl <= -7%` is −7 %. A changed number keeps its form: a
per cent stays a per cent, 억 stays 억.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from engine.rules.annotate import annotate, annotate_condition, annotate_price
from engine.rules.format import format_action, format_node, format_number
from engine.rules.parse import WON_WORDS, action_numbers, parse_action, parse_expression
from engine.rules.problem import RuleProblem
from engine.rules.tree import (
    Action,
    Arithmetic,
    Buy,
    Call,
    Comparison,
    Limit,
    LimitKind,
    Logic,
    Negative,
    Node,
    Not,
    Number,
    RankBy,
    Rule,
    Sell,
    Size,
    SizeMethod,
    Span,
    Unit,
)
from engine.rules.walk import action_expressions, children

_DIGITS = re.compile(r"[0-9][0-9_]*(?:\.[0-9]+)?")
_KOREAN_WEEKDAYS = "월화수목금토"


@dataclass(frozen=True, slots=True)
class Literal:
    """One written number.

    Attributes:
        start, end: its place in the text of the condition or action, 0-based, the sign included.
        text: as written, without the sign.
        value: exact, with the sign.
        unit: of the literal alone: `10000` is a plain number although it stands beside a price.
        field: the field of the action that holds it; empty inside an expression.
    """

    start: int
    end: int
    text: str
    value: Fraction
    unit: Unit
    field: str = ""

    def write(self, value: Fraction) -> str:
        """Another value in the same form.

        >>> Literal(0, 5, "1.5억원", Fraction(150_000_000), Unit.WON).write(Fraction(20_000_000))
        '0.2억원'
        """
        sign, size = "-" if value < 0 else "", abs(value)
        if self.unit is Unit.WEEKDAY and self.text.endswith("요일"):
            return f"{_KOREAN_WEEKDAYS[int(size)]}요일"
        if self.unit in (Unit.TIME, Unit.WEEKDAY):
            return format_number(size, self.unit)
        suffix = _DIGITS.sub("", self.text, count=1)
        return f"{sign}{format_number(size / _scale(suffix), Unit.COUNT)}{suffix}"


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """A rule as it was parsed: texts, trees without and with units, and numbers in reading order."""

    condition_source: str
    action_source: str
    condition: Node
    action: Action
    condition_literals: tuple[Literal, ...]
    action_literals: tuple[Literal, ...]
    typed_condition: Node
    typed_action: Action

    @property
    def literals(self) -> tuple[Literal, ...]:
        return self.condition_literals + self.action_literals

    def changed(self, values: Mapping[int, Fraction]) -> tuple[str, Node, str, Action]:
        """Text and tree of the condition, then of the action, with other numbers.

        Args:
            values: new value by place in `literals`, 0-based; values that are the old ones change nothing.
        """
        first = len(self.condition_literals)
        in_condition = _new_values(self.condition_literals, values, 0)
        in_action = _new_values(self.action_literals, values, first)
        condition = _with_numbers(self.condition, {literal.start + 1: value for literal, value in in_condition})
        return (
            _with_texts(self.condition_source, in_condition),
            condition,
            _with_texts(self.action_source, in_action),
            _with_action_numbers(self.action, in_action),
        )


def written(rule: Rule) -> Written:
    """The numbers of a checked rule.

    A rule that was built in Python, so that its texts are empty or say something else, gets the texts that the
    printer gives it.
    """
    with contextlib.suppress(RuleProblem):
        found = _written(rule.condition_source, rule.action_source)
        if found.typed_condition == rule.condition and found.typed_action == rule.action:
            return found
    return _written(format_node(rule.condition), format_action(rule.action))


# Parsing is a hundred times as slow as putting numbers in, and a sweep asks for the same rule again and again.
@functools.lru_cache(maxsize=1024)
def _written(condition_source: str, action_source: str) -> Written:
    condition, action = parse_expression(condition_source), parse_action(action_source)
    places = zip(_fields(action), action_numbers(action_source), strict=False)
    own = [_field_literal(action, field, action_source, start, end) for field, (start, end) in places]
    inside = [literal for node in action_expressions(action) for literal in _literals(node, action_source)]
    return Written(
        condition_source,
        action_source,
        condition,
        action,
        tuple(_literals(condition, condition_source)),
        tuple(sorted(own + inside, key=lambda literal: literal.start)),
        annotate_condition(condition),
        _typed_action(action),
    )


def _typed_action(action: Action) -> Action:
    if isinstance(action, Buy) and action.price is not None:
        return replace(action, price=annotate_price(action.price))
    return replace(action, key=annotate(action.key)) if isinstance(action, RankBy) else action


def signed(node: Node) -> tuple[Number, Fraction] | None:
    """The number below any signs and its value with them; None when the node is something else."""
    sign = 1
    while isinstance(node, Negative):
        node, sign = node.operand, -sign
    return (node, sign * node.value) if isinstance(node, Number) else None


def _literals(node: Node, source: str) -> list[Literal]:
    found = signed(node)
    if found is None:
        return [literal for child in children(node) for literal in _literals(child, source)]
    number, value = found
    text = source[number.span.column - 1 : number.span.end_column - 1]
    return [Literal(node.span.column - 1, node.span.end_column - 1, text, value, number.unit)]


def _fields(action: Action) -> tuple[str, ...]:
    match action:
        case Buy():
            return ("won",) if action.won is not None else ("ratio",)
        case Sell():
            return ("fraction",)
        case Size(method=SizeMethod.VOLATILITY):
            return ("ratio", "window_bars")
        case Size(method=SizeMethod.RISK):
            return ("ratio", "stop")
        case Limit(kind=LimitKind.POSITIONS):
            return ("count",)
        case Size() | Limit():
            return ("ratio",)
        case _:
            return ()


def _field_literal(action: Action, field: str, source: str, start: int, end: int) -> Literal:
    unit = Unit.WON if field == "won" else Unit.COUNT if field in ("count", "window_bars") else Unit.RATIO
    return Literal(start, end, source[start:end], Fraction(getattr(action, field)), unit, field)


def _scale(suffix: str) -> Fraction:
    """What the digits before a suffix are multiplied by."""
    word = suffix.strip().removesuffix("원").strip()
    if word == "%":
        return Fraction(1, 100)
    return Fraction(WON_WORDS.get(word, 1))


# putting numbers in


def _new_values(
    literals: tuple[Literal, ...], values: Mapping[int, Fraction], first: int
) -> list[tuple[Literal, Fraction]]:
    pairs = ((literal, values.get(first + place)) for place, literal in enumerate(literals))
    return [(literal, value) for literal, value in pairs if value is not None and value != literal.value]


def _with_texts(source: str, changes: list[tuple[Literal, Fraction]]) -> str:
    for literal, value in reversed(changes):
        before, number = source[: literal.start], literal.write(value)
        # `and-3` without its minus would become one word.
        gap = " " if before and (before[-1].isalnum() or before[-1] == "_") and number[0] != "-" else ""
        source = before + gap + number + source[literal.end :]
    return source


def _with_numbers(node: Node, values: Mapping[int, Fraction]) -> Node:
    """The tree with other numbers, each given by the column at which it starts, sign included."""
    if not values:
        return node
    found = signed(node)
    if found is not None:
        value = values.get(node.span.column)
        return node if value is None else _number(value, found[0].unit, node.span)
    match node:
        case Call():
            return replace(node, arguments=tuple(_with_numbers(argument, values) for argument in node.arguments))
        case Negative() | Not():
            return replace(node, operand=_with_numbers(node.operand, values))
        case Arithmetic() | Comparison():
            return replace(node, left=_with_numbers(node.left, values), right=_with_numbers(node.right, values))
        case Logic():
            return replace(node, operands=tuple(_with_numbers(operand, values) for operand in node.operands))
        case _:
            return node


def _number(value: Fraction, unit: Unit, span: Span) -> Node:
    number = Number(abs(value), unit=unit, span=span)
    return Negative(number, span=span) if value < 0 else number


def _with_action_numbers(action: Action, changes: list[tuple[Literal, Fraction]]) -> Action:
    fields = {
        literal.field: int(value) if literal.field in ("won", "count", "window_bars") else value
        for literal, value in changes
        if literal.field
    }
    inside = {literal.start + 1: value for literal, value in changes if not literal.field}
    if isinstance(action, Buy) and action.price is not None:
        return replace(action, price=_with_numbers(action.price, inside), **fields)  # type: ignore[arg-type]
    if isinstance(action, RankBy):
        return replace(action, key=_with_numbers(action.key, inside))
    return replace(action, **fields) if fields else action  # type: ignore[arg-type]
