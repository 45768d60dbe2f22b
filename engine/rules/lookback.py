"""How many bars of history a value needs."""

from __future__ import annotations

from engine.rules.functions import FIELDS, FUNCTIONS, Kind
from engine.rules.tree import Call, IndexField, Name, Node, Number, Scope
from engine.rules.walk import children, walk


def windows_of(call: Call) -> tuple[int, ...]:
    """The window arguments of a call, in order."""
    parameters = FUNCTIONS[call.function].parameters
    return tuple(
        int(argument.value)
        for argument, parameter in zip(call.arguments, parameters, strict=False)
        if parameter.kind is Kind.WINDOW and isinstance(argument, Number)
    )


def lookback_bars(node: Node) -> int:
    """Rows needed before the first known value, today's row included; 0 for a constant.

    >>> from engine.rules.parse import parse_expression
    >>> [lookback_bars(parse_expression(text)) for text in ("close", "mean(returns(5), 10)")]
    [1, 15]
    """
    match node:
        case Number():
            return 0
        case Name():
            field = FIELDS.get(node.name)
            return 0 if field is not None and field.scope is Scope.CONSTANT else 1
        case IndexField():
            return 1
        case Call():
            inner = max((lookback_bars(argument) for argument in node.arguments), default=0)
            function = FUNCTIONS[node.function]
            return function.rows(max(inner, 1), windows_of(node))
        case _:
            return max((lookback_bars(child) for child in children(node)), default=0)


def is_recursive(node: Node) -> bool:
    """Whether a recursive function (ema, rsi_wilder, atr, macd) stands in the tree."""
    return any(isinstance(part, Call) and FUNCTIONS[part.function].recursive for part in walk(node))
