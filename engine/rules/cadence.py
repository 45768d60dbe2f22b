"""When a rule is evaluated: on the finished bar, or at one price level inside it.

A condition reduces to a price level when it says nothing but where the price stands against the purchase price or
against the highest close since: then the level is known before the bar and can be tested along its path.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from engine.rules.tree import (
    Action,
    Arithmetic,
    Cadence,
    Comparison,
    Name,
    Negative,
    Node,
    Number,
    Rule,
    Sell,
)
from engine.rules.walk import walk

_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
PPB = 10**9
_GAIN = "close / entry_price"


@dataclass(frozen=True, slots=True)
class PriceLevel:
    """`pnl OPERATOR ratio`, or `drawdown_from_peak OPERATOR ratio`; the ratio is exact."""

    kind: Literal["pnl", "drawdown"]
    operator: str
    ratio: Fraction


def price_level(rule: Rule) -> PriceLevel | None:
    """The price level of a selling rule's condition, or None when it does not reduce to one."""
    return level_of_condition(rule.condition) if isinstance(rule.action, Sell) else None


def level_of_condition(condition: Node) -> PriceLevel | None:
    """As `price_level`, for a condition alone.

    >>> from engine.rules.parse import parse_expression
    >>> level_of_condition(parse_expression("close <= entry_price * (1 - 7%)"))
    PriceLevel(kind='pnl', operator='<=', ratio=Fraction(-7, 100))
    """
    if not isinstance(condition, Comparison) or condition.operator not in _MIRROR:
        return None
    left, right = _linear(condition.left), _linear(condition.right)
    if left is None or right is None:
        return None
    terms = {name: left.get(name, Fraction(0)) - right.get(name, Fraction(0)) for name in left | right}
    constant = terms.pop("", Fraction(0))
    terms = {name: factor for name, factor in terms.items() if factor}
    match sorted(terms):
        case ["pnl"]:
            return _level("pnl", condition.operator, terms["pnl"], -constant / terms["pnl"])
        case ["drawdown_from_peak"]:
            factor = terms["drawdown_from_peak"]
            level = _level("drawdown", condition.operator, factor, -constant / factor)
            # A rise back to the peak cannot be waited for inside a bar: the peak moves with it.
            return level if level is not None and level.operator in ("<", "<=") else None
        case [name] if name == _GAIN:
            return _level("pnl", condition.operator, terms[_GAIN], -constant / terms[_GAIN] - 1)
        case ["close", "entry_price"] if constant == 0:
            factor = terms["close"]
            return _level("pnl", condition.operator, factor, -terms["entry_price"] / factor - 1)
        case _:
            return None


def default_cadence(condition: Node, action: Action) -> Cadence:
    """Intraday for exits on `pnl` or `drawdown_from_peak` that reduce to a price level, close for all else."""
    names = {part.name for part in walk(condition) if isinstance(part, Name)}
    if not isinstance(action, Sell) or not names & {"pnl", "drawdown_from_peak"}:
        return Cadence.CLOSE
    return Cadence.INTRADAY if level_of_condition(condition) else Cadence.CLOSE


def is_exact(ratio: Fraction) -> bool:
    """Whether a ratio is a whole number of parts per billion, as the step keeps ratios."""
    return (ratio * PPB).denominator == 1


def constant_value(node: Node) -> Fraction | None:
    """The exact value of an expression of literals; None when data goes into it or it divides by zero."""
    terms = _linear(node)
    if terms is None or any(factor for name, factor in terms.items() if name):
        return None
    return terms.get("", Fraction(0))


def _level(kind: Literal["pnl", "drawdown"], operator: str, factor: Fraction, ratio: Fraction) -> PriceLevel | None:
    # Levels are kept in parts per billion; one that is finer would not be tested where it was written.
    return PriceLevel(kind, operator if factor > 0 else _MIRROR[operator], ratio) if is_exact(ratio) else None


def _linear(node: Node) -> dict[str, Fraction] | None:
    """Factor of each name, and the constant under the empty name; None when the node is not linear."""
    match node:
        case Number():
            return {"": node.value}
        case Name(name="pnl" | "drawdown_from_peak" | "close" | "entry_price"):
            return {node.name: Fraction(1)}
        case Negative():
            operand = _linear(node.operand)
            return None if operand is None else {name: -factor for name, factor in operand.items()}
        case Arithmetic(operator="/", left=Name(name="close"), right=Name(name="entry_price")):
            return {_GAIN: Fraction(1)}
        case Arithmetic():
            left, right = _linear(node.left), _linear(node.right)
            return None if left is None or right is None else _combine(node.operator, left, right)
        case _:
            return None


def _combine(operator: str, left: dict[str, Fraction], right: dict[str, Fraction]) -> dict[str, Fraction] | None:
    if operator in "+-":
        sign = 1 if operator == "+" else -1
        zero = Fraction(0)
        return {name: left.get(name, zero) + sign * right.get(name, zero) for name in left | right}
    if operator == "*" and set(left) == {""}:
        left, right = right, left
    if set(right) != {""} or (operator == "/" and right[""] == 0):
        return None
    scale = right[""] if operator == "*" else 1 / right[""]
    return {name: factor * scale for name, factor in left.items()}
