"""What each number of a rule does in it, what it means, and which values may stand in its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from engine.rules.functions import FUNCTIONS, MAX_WINDOW, Kind
from engine.rules.literals import Literal, Written, signed
from engine.rules.parse import MAX_NUMBER
from engine.rules.tree import Action, Arithmetic, Buy, Call, Comparison, Limit, Name, Node, Sell, Unit
from engine.rules.walk import action_expressions, children


class Role(Enum):
    """What a number does in its rule."""

    WINDOW = "window"  # bars that a function looks back
    NAMES = "names"  # how many instruments
    THRESHOLD = "threshold"  # what something is compared with
    FACTOR = "factor"  # multiplies or divides
    OFFSET = "offset"  # added or taken away
    PRICE = "price offset"  # inside the price of an order
    SIZE = "size"  # how much is bought
    STOP = "stop distance"
    PART_SOLD = "part sold"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Use:
    """Role, unit and bounds of a number, found by walking the typed tree."""

    role: Role
    unit: Unit
    low: Fraction = Fraction(1 - MAX_NUMBER)
    high: Fraction = Fraction(MAX_NUMBER - 1)
    integer: bool = False
    whole: bool = False
    low_open: bool = False


def uses(found: Written) -> tuple[Use, ...]:
    """How each of a rule's numbers is used, in the order of `Written.literals`."""
    condition = tuple(_uses(found.typed_condition, Role.FACTOR))
    inside = (use for node in action_expressions(found.typed_action) for use in _uses(node, _role_inside(found)))
    action = tuple(
        _use_of_field(found.action, literal) if literal.field else next(inside) for literal in found.action_literals
    )
    return condition + action


def _role_inside(found: Written) -> Role:
    return Role.PRICE if isinstance(found.action, Buy) else Role.FACTOR


def _uses(node: Node, role: Role, whole: bool = False) -> Iterator[Use]:
    """How each number of a typed tree is used, from left to right."""
    number = signed(node)
    if number is not None:
        yield _plain_use(node.unit, role, whole)
        return
    match node:
        case Call():
            yield from _uses_in_call(node, role)
        case Comparison():
            yield from _compared(node.left, node.right)
        case Arithmetic():
            inner = role if role is Role.PRICE else Role.OFFSET if node.operator in "+-" else Role.FACTOR
            for child in children(node):
                yield from _uses(child, inner)
        case _:
            for child in children(node):
                yield from _uses(child, role)


def _uses_in_call(node: Call, role: Role) -> Iterator[Use]:
    if node.function in ("crosses_above", "crosses_below"):
        yield from _compared(node.arguments[0], node.arguments[1])
        return
    for argument, parameter in zip(node.arguments, FUNCTIONS[node.function].parameters, strict=False):
        if parameter.kind in (Kind.WINDOW, Kind.NAMES):
            kind = Role.WINDOW if parameter.kind is Kind.WINDOW else Role.NAMES
            low, high = Fraction(parameter.minimum), Fraction(MAX_WINDOW)
            yield Use(kind, Unit.COUNT, low, high, integer=True)
        else:
            yield from _uses(argument, role)


def _compared(left: Node, right: Node) -> Iterator[Use]:
    yield from _uses(left, Role.THRESHOLD, _counts(right))
    yield from _uses(right, Role.THRESHOLD, _counts(left))


_COUNTING = frozenset({"positions", "consecutive_losses", "bars_since_exit", "count_if", "bars_since"})


def _counts(node: Node) -> bool:
    """Whether a value is always a whole number."""
    return (isinstance(node, Name) and node.name in _COUNTING) or (
        isinstance(node, Call) and node.function in _COUNTING
    )


def _plain_use(unit: Unit, role: Role, whole: bool) -> Use:
    match unit:
        case Unit.TIME:
            return Use(role, unit, Fraction(0), Fraction(24 * 60 - 1), integer=True)
        case Unit.WEEKDAY:
            return Use(role, unit, Fraction(0), Fraction(5), integer=True)
        case _:
            return Use(role, unit, whole=whole)


def _use_of_field(action: Action, literal: Literal) -> Use:
    zero, one = Fraction(0), Fraction(1)
    match literal.field:
        case "won":
            return Use(Role.SIZE, Unit.WON, one, Fraction(MAX_NUMBER - 1), integer=True)
        case "window_bars":
            return Use(Role.WINDOW, Unit.COUNT, Fraction(2), Fraction(MAX_WINDOW), integer=True)
        case "count":
            return Use(Role.LIMIT, Unit.COUNT, one, Fraction(MAX_WINDOW), integer=True)
        case "stop":
            return Use(Role.STOP, Unit.RATIO, zero, one, low_open=True)
        case "fraction" if isinstance(action, Sell):
            return Use(Role.PART_SOLD, Unit.RATIO, zero, one, low_open=True)
        case _:
            role = Role.LIMIT if isinstance(action, Limit) else Role.SIZE
            return Use(role, Unit.RATIO, zero, one, low_open=True)
