"""The price of an order: a part known at the decision and, perhaps, the opening price of the execution bar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from engine.rules.problem import RuleProblem
from engine.rules.tree import Arithmetic, Name, Negative, Node, Number, Scope, Unit
from engine.rules.walk import walk

SESSION_OPEN = "session_open"


@dataclass(frozen=True, slots=True)
class OrderPrice:
    """`session_open + offset` when `from_session_open`, else `offset` alone; the offset is in won per share."""

    from_session_open: bool
    offset: Node


def split_order_price(price: Node) -> OrderPrice:
    """Take `session_open` out of a typed order price that `check_session_open` has accepted.

    >>> from engine.rules.annotate import annotate_price
    >>> from engine.rules.format import format_node
    >>> from engine.rules.parse import parse_expression
    >>> price = split_order_price(annotate_price(parse_expression("session_open + 0.5 * (high - low)")))
    >>> price.from_session_open, format_node(price.offset)
    (True, '0.5 * (high - low)')
    """
    if not _mentions(price):
        return OrderPrice(False, price)
    rest = _without(price)
    nothing = Number(Fraction(0), unit=Unit.WON, scope=Scope.CONSTANT, span=price.span)
    return OrderPrice(True, nothing if rest is None else rest)


def check_session_open(price: Node) -> None:
    """Refuse a price in which `session_open` is anything but one plain term of a sum."""
    names = [part for part in walk(price) if isinstance(part, Name) and part.name == SESSION_OPEN]
    if names and (len(names) > 1 or not _plain_term(price)):
        raise RuleProblem("session_open_linear", names[0].span)


def _mentions(node: Node) -> bool:
    return any(isinstance(part, Name) and part.name == SESSION_OPEN for part in walk(node))


def _plain_term(node: Node) -> bool:
    """Whether the node is a sum in which `session_open` is added once, not subtracted or scaled."""
    match node:
        case Name():
            return node.name == SESSION_OPEN
        case Arithmetic(operator="+"):
            return _plain_term(node.left if _mentions(node.left) else node.right)
        case Arithmetic(operator="-"):
            return _mentions(node.left) and _plain_term(node.left)
        case _:
            return False


def _without(node: Node) -> Node | None:
    """The sum without its term `session_open`; None when nothing is left."""
    if not isinstance(node, Arithmetic):
        return None
    if not _mentions(node.left):
        left, right = node.left, _without(node.right)
    else:
        left_rest = _without(node.left)
        if left_rest is None:
            return _signed(node)
        left, right = left_rest, node.right
    if right is None:
        return left
    return replace(node, left=left, right=right, scope=max(left.scope, right.scope))


def _signed(node: Arithmetic) -> Node:
    if node.operator == "+":
        return node.right
    return Negative(node.right, unit=node.right.unit, scope=node.right.scope, span=node.right.span)
