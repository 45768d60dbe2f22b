"""Tree to text, with as few parentheses as keep the tree: `parse_expression(format_node(tree)) == tree`."""

from __future__ import annotations

from fractions import Fraction

from engine.rules.tree import (
    Action,
    Arithmetic,
    BlockBuys,
    Buy,
    Call,
    Comparison,
    Halt,
    IndexField,
    Limit,
    LimitKind,
    Logic,
    Name,
    Negative,
    Node,
    Not,
    Number,
    OrderKind,
    RankBy,
    Require,
    Sell,
    Size,
    SizeMethod,
    Unit,
)

# How tightly a node holds together, as in grammar.lark; a part that holds less tightly than its place
# asks for needs parentheses.
_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _UNARY, _ATOM = range(8)

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat")


def format_node(node: Node) -> str:
    """The expression as text.

    >>> from engine.rules.parse import parse_expression
    >>> format_node(parse_expression("close>(1 + 10000)*mean(close,20)"))
    'close > (1 + 10_000) * mean(close, 20)'
    """
    match node:
        case Number():
            return format_number(node.value, node.unit)
        case Name():
            return node.name
        case IndexField():
            return f'index("{node.index}").{node.field}'
        case Call():
            return f"{node.function}({', '.join(map(format_node, node.arguments))})"
        case Negative():
            return f"-{_place(node.operand, _UNARY)}"
        case Arithmetic():
            own = _tightness(node)
            # a - (b - c) is another tree than a - b - c, so the right side needs one level more.
            return f"{_place(node.left, own)} {node.operator} {_place(node.right, own + 1)}"
        case Comparison():
            return f"{_place(node.left, _SUM)} {node.operator} {_place(node.right, _SUM)}"
        case Not():
            # Not needed around a comparison, but `not close > open` reads like `(not close) > open`.
            operand = node.operand
            return (
                f"not ({format_node(operand)})" if isinstance(operand, Comparison) else f"not {_place(operand, _NOT)}"
            )
        case Logic():
            return f" {node.operator} ".join(_place(operand, _tightness(node) + 1) for operand in node.operands)
        case _:
            raise TypeError(f"{type(node).__name__} is not a node of the rule language.")


def format_action(action: Action) -> str:
    """The action as text.

    >>> format_action(Sell(Fraction(1, 2)))
    'sell 50%'
    """
    match action:
        case Buy():
            return _format_buy(action)
        case Require():
            return "require"
        case RankBy():
            return f"rank by {format_node(action.key)}{' ascending' if action.ascending else ''}"
        case Sell():
            return "sell all" if action.fraction == 1 else f"sell {format_percent(action.fraction)}"
        case Size():
            return _format_size(action)
        case BlockBuys():
            return "block buys"
        case Halt():
            return "halt"
        case Limit(kind=LimitKind.POSITIONS):
            return f"limit positions {action.count}"
        case Limit():
            return f"limit {action.kind.value} {format_percent(action.ratio or Fraction(0))}"


def format_number(value: Fraction, unit: Unit) -> str:
    """A literal of the language: `7%`, `1.5`, `10_000`, `500만`, `14:50`, `fri`."""
    match unit:
        case Unit.RATIO:
            return format_percent(value)
        case Unit.WON:
            for size, word in ((10**8, "억"), (10**4, "만")):
                if value and value % size == 0:
                    return f"{_decimal(value / size)}{word}"
            return f"{_decimal(value)}원"
        case Unit.SHARES:
            return f"{_decimal(value)}주"
        case Unit.DAYS:
            return f"{_decimal(value)} days"
        case Unit.TIME:
            hours, minutes = divmod(int(value), 60)
            return f"{hours:02d}:{minutes:02d}"
        case Unit.WEEKDAY:
            return _WEEKDAYS[int(value)]
        case _:
            return _decimal(value)


def format_percent(ratio: Fraction) -> str:
    """`Fraction(7, 100)` as `7%`."""
    return f"{_decimal(ratio * 100)}%"


def _decimal(value: Fraction) -> str:
    """Exact decimal digits; a literal of the language always has finitely many."""
    places = 0
    scaled = value
    while scaled.denominator != 1:
        scaled *= 10
        places += 1
        if places > 1000:
            raise ValueError(f"{value} has no finite decimal form, so it cannot be a literal of the rule language.")
    digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
    whole, fraction = (digits[:-places], digits[-places:]) if places else (digits, "")
    # Four digits read well without a separator.
    whole = f"{int(whole):_}" if len(whole) > 4 else whole
    return f"{'-' if value < 0 else ''}{whole}{'.' if fraction else ''}{fraction}"


def _format_buy(action: Buy) -> str:
    text = "buy"
    if action.ratio is not None:
        text += f" {format_percent(action.ratio)} of equity"
    elif action.won is not None:
        text += f" {format_number(Fraction(action.won), Unit.WON)}"
    if action.kind is not OrderKind.MARKET and action.price is not None:
        text += f" at {action.kind.value} {format_node(action.price)}"
    return f"{text} add" if action.add else text


def _format_size(action: Size) -> str:
    ratio = format_percent(action.ratio)
    match action.method:
        case SizeMethod.FIXED:
            return f"size {ratio} of equity"
        case SizeMethod.VOLATILITY:
            return f"size volatility target {ratio} over {action.window_bars}"
        case SizeMethod.RISK:
            return f"size risk {ratio} at stop {format_percent(action.stop)}"


def _place(node: Node, needed: int) -> str:
    text = format_node(node)
    return text if _tightness(node) >= needed else f"({text})"


def _tightness(node: Node) -> int:
    match node:
        case Logic():
            return _OR if node.operator == "or" else _AND
        case Not():
            return _NOT
        case Comparison():
            return _COMPARISON
        case Arithmetic():
            return _SUM if node.operator in "+-" else _PRODUCT
        case Negative():
            return _UNARY
        case _:
            return _ATOM
