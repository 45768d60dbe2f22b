"""How many bars of history a value needs."""

from __future__ import annotations

from engine.rules.functions import FIELDS, FUNCTIONS, RESTART_FACTOR, Kind
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


def history_bars(node: Node) -> int:
    """Rows that decide the value bit for bit, today's row included.

    Equal to `lookback_bars` for finite windows. A recursive function of length n runs in two lanes that restart
    every 10 n bars, and its value comes from the older lane: it depends on at most the last 20 n rows.
    """
    if not isinstance(node, Call):
        parts = children(node)
        return max(map(history_bars, parts)) if parts else lookback_bars(node)
    function = FUNCTIONS[node.function]
    inner = max(1, *(history_bars(argument) for argument in node.arguments))
    windows = windows_of(node)
    if not function.recursive:
        return function.rows(inner, windows)
    # True range and change also read the close before the first row of the lane.
    before = 1 if function.name in ("atr", "rsi_wilder") else 0
    rows = inner - 1 + before
    if function.name == "macd" and len(windows) == 3:
        rows += 2 * RESTART_FACTOR * windows[2] - 1  # the signal is a second recursion over the first
        windows = windows[:2]
    return rows + 2 * RESTART_FACTOR * max(windows)


def restart_bars(node: Node) -> int:
    """Rows after which a live start and a backtest agree bit for bit; 0 without a recursive function."""
    return history_bars(node) if is_recursive(node) else 0
