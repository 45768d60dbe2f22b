"""The parts of a tree, for everything that has to visit all nodes."""

from __future__ import annotations

from collections.abc import Iterator

from engine.rules.tree import (
    Action,
    Arithmetic,
    Buy,
    Call,
    Comparison,
    Logic,
    Negative,
    Node,
    Not,
    RankBy,
    Rule,
)


def children(node: Node) -> tuple[Node, ...]:
    """The direct parts of a node."""
    match node:
        case Call():
            return node.arguments
        case Negative() | Not():
            return (node.operand,)
        case Arithmetic() | Comparison():
            return (node.left, node.right)
        case Logic():
            return node.operands
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and all nodes below it, from left to right, without recursion."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(children(current)))


def action_expressions(action: Action) -> tuple[Node, ...]:
    """The expressions inside an action: the price of an order, the key of a ranking."""
    if isinstance(action, Buy):
        return (action.price,) if action.price is not None else ()
    return (action.key,) if isinstance(action, RankBy) else ()


def rule_expressions(rule: Rule) -> tuple[Node, ...]:
    """All expressions of a rule: its condition, then those of its action."""
    return (rule.condition, *action_expressions(rule.action))
