"""Units and scopes: an untyped tree in, a typed tree out, or the reason why it has no meaning."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import Any

from engine.rules import units
from engine.rules.format import format_node, format_number
from engine.rules.functions import (
    FIELDS,
    FUNCTIONS,
    INDEX_FIELDS,
    INDICES,
    MAX_WINDOW,
    SPELLINGS,
    Across,
    Function,
    Kind,
    Parameter,
    UnitOf,
)
from engine.rules.lookback import lookback_bars
from engine.rules.messages import UNIT_NAMES, Text
from engine.rules.problem import RuleProblem
from engine.rules.tree import (
    Arithmetic,
    Call,
    Comparison,
    IndexField,
    Logic,
    Name,
    Negative,
    Node,
    Not,
    Number,
    Scope,
    Unit,
)
from engine.rules.units import Quantity
from engine.rules.walk import children, walk

MAX_HISTORY = 5000  # rows; windows inside windows add up

# Per-share prices fall by the ratio of a split, share counts rise; everything else stays.
_SPLIT_POWERS = {
    "open": 1,
    "high": 1,
    "low": 1,
    "close": 1,
    "session_open": 1,
    "entry_price": 1,
    "volume": -1,
}
_IMPLICIT_PRICE = frozenset({"atr", "macd"})
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True, slots=True)
class _Typed:
    node: Node
    quantity: Quantity


def annotate(node: Node) -> Node:
    """The same tree with unit and scope on every node.

    A plain number compared with won, shares, days, points or a weekday takes that unit.

    Raises:
        RuleProblem: an unknown name, a wrong argument, or units that do not agree.

    >>> from engine.rules.parse import parse_expression
    >>> annotate(parse_expression("close / mean(close, 20) - 1")).unit.name
    'RATIO'
    """
    typed = _annotate(node).node
    rows = lookback_bars(typed)
    if rows > MAX_HISTORY:
        raise RuleProblem("long_history", node.span, rows=rows, limit=MAX_HISTORY)
    return typed


def annotate_condition(node: Node) -> Node:
    """As `annotate`, and the result is true or false."""
    typed = annotate(node)
    if typed.unit is not Unit.BOOL:
        raise _condition_wanted(typed)
    return typed


def annotate_price(node: Node) -> Node:
    """As `annotate`, and the result is a price per share; a plain number is taken as won."""
    typed = _with_unit(_annotate(node), Unit.WON)
    quantity = typed.quantity
    if quantity.unit is not Unit.WON or not (quantity.constant or quantity.split_power == 1):
        unit = UNIT_NAMES[quantity.unit]
        if quantity.unit is Unit.WON:
            unit = Text("전체 금액(원)", "an amount of won, not a price")
        raise RuleProblem("order_price", node.span, found=format_node(node), unit=unit)
    return typed.node


def varies_by_instrument(node: Node) -> bool:
    """Whether a typed expression can differ between two instruments of the same bar.

    >>> from engine.rules.parse import parse_expression
    >>> [varies_by_instrument(parse_expression(text)) for text in ("close > open", "breadth(close > open) > 60%")]
    [True, False]
    """
    if isinstance(node, Call):
        function = FUNCTIONS[node.function]
        if function.across is not Across.TIME or function.reads:
            return function.across is not Across.SESSION
    if isinstance(node, Name):
        return node.name in FIELDS and FIELDS[node.name].scope in (
            Scope.MARKET,
            Scope.POSITION,
            Scope.EXECUTION,
        )
    return any(varies_by_instrument(child) for child in children(node))


def split_power(node: Node) -> int:
    """How the value of an expression moves in a split: 1 like a price, -1 like shares, 0 not at all.

    >>> from engine.rules.parse import parse_expression
    >>> [split_power(parse_expression(text)) for text in ("mean(close, 5)", "volume", "close * volume")]
    [1, -1, 0]
    """
    return _annotate(node).quantity.split_power


def _annotate(node: Node) -> _Typed:
    match node:
        case Number():
            return _typed(node, Quantity(node.unit, constant=True), Scope.CONSTANT)
        case Name():
            return _name(node)
        case IndexField():
            return _index_field(node)
        case Call():
            return _call(node)
        case Negative():
            operand = _number_operand(node.operand)
            return _typed(replace(node, operand=operand.node), operand.quantity, operand.node.scope)
        case Arithmetic():
            return _arithmetic(node)
        case Comparison():
            left, right = _compared(node.left, node.right, node.operator, node)
            return _bool(replace(node, left=left.node, right=right.node), left, right)
        case Not():
            operand = _condition_operand(node.operand)
            return _bool(replace(node, operand=operand.node), operand)
        case Logic():
            operands = [_condition_operand(operand) for operand in node.operands]
            return _bool(replace(node, operands=tuple(operand.node for operand in operands)), *operands)
        case _:
            raise TypeError(f"{type(node).__name__} is not a node of the rule language.")


def _typed(node: Node, quantity: Quantity, scope: Scope) -> _Typed:
    return _Typed(replace(node, unit=quantity.unit, scope=scope), quantity)


def _bool(node: Node, *parts: _Typed) -> _Typed:
    scope = max(part.node.scope for part in parts)
    return _typed(node, Quantity(Unit.BOOL, constant=scope is Scope.CONSTANT), scope)


# names


def _name(node: Name) -> _Typed:
    field = FIELDS.get(node.name)
    if field is None:
        raise _unknown_name(node)
    quantity = Quantity(field.unit, _SPLIT_POWERS.get(node.name, 0), field.scope is Scope.CONSTANT)
    return _typed(node, quantity, field.scope)


def _unknown_name(node: Name) -> RuleProblem:
    function = FUNCTIONS.get(node.name)
    if function is not None:
        return RuleProblem(
            "function_without_arguments",
            node.span,
            found=node.name,
            signature=function.signature,
            example=function.example,
        )
    return RuleProblem("unknown_name", node.span, found=node.name, hint=_name_hint(node.name))


def _name_hint(name: str) -> Text:
    words = [*FIELDS, *FUNCTIONS]
    known = SPELLINGS.get(name) or SPELLINGS.get(name.lower())
    near = [known] if known else difflib.get_close_matches(name.lower(), words, n=1, cutoff=0.6)
    if not near:
        return Text(
            "이름 목록은 `geoul rules functions`로 볼 수 있습니다.",
            "`geoul rules functions` lists all names.",
        )
    spelling = FUNCTIONS[near[0]].signature if near[0] in FUNCTIONS else near[0]
    return Text(f"`{spelling}`을(를) 뜻하셨습니까?", f"Did you mean `{spelling}`?")


def _index_field(node: IndexField) -> _Typed:
    if node.index not in INDICES:
        raise RuleProblem("unknown_index", node.span, found=node.index, expected=", ".join(INDICES))
    if node.field not in INDEX_FIELDS:
        raise RuleProblem("unknown_index_field", node.span, found=node.field)
    return _typed(node, Quantity(Unit.POINTS), Scope.SESSION)


# functions


def _call(node: Call) -> _Typed:
    function = FUNCTIONS.get(node.function)
    if function is None:
        raise _unknown_function(node)
    if not function.least_arguments <= len(node.arguments) <= len(function.parameters):
        raise _arity(node, function)
    if function.name in ("crosses_above", "crosses_below"):
        return _crossing(node, function)
    arguments = [
        _argument(argument, parameter, function)
        for argument, parameter in zip(node.arguments, function.parameters, strict=False)
    ]
    if function.name == "macd":
        _check_macd(arguments, node)
    scope = _call_scope(function, arguments)
    typed = replace(node, arguments=tuple(argument.node for argument in arguments))
    return _typed(typed, _call_quantity(function, arguments, node), scope)


def _unknown_function(node: Call) -> RuleProblem:
    if node.function in FIELDS:
        lone = node.arguments[0] if len(node.arguments) == 1 else None
        wanted = node.function
        if isinstance(lone, Number):
            wanted = f"lag({node.function}, {format_node(lone)})"
        hint = Text(f"`{wanted}`로 쓰십시오.", f"Write `{wanted}`.")
        return RuleProblem("field_with_arguments", node.span, found=node.function, hint=hint)
    return RuleProblem("unknown_function", node.span, found=node.function, hint=_name_hint(node.function))


def _arity(node: Call, function: Function) -> RuleProblem:
    least, most = function.least_arguments, len(function.parameters)
    return RuleProblem(
        "arity",
        node.span,
        found=function.name,
        given=len(node.arguments),
        wanted=str(most) if least == most else f"{least}~{most}",
        signature=function.signature,
        example=function.example,
    )


def _argument(node: Node, parameter: Parameter, function: Function) -> _Typed:
    if parameter.kind in (Kind.WINDOW, Kind.NAMES):
        return _whole_number(node, parameter, function)
    typed = _condition_operand(node) if parameter.kind is Kind.CONDITION else _number_operand(node)
    _check_history(typed.node, function)
    if typed.node.scope is Scope.CONSTANT:
        raise RuleProblem("constant_series", node.span, function=function.name, found=format_node(node))
    if function.across is not Across.TIME and typed.node.scope is not Scope.MARKET:
        raise RuleProblem(
            "same_for_all",
            node.span,
            function=function.name,
            found=format_node(node),
            example=function.example,
        )
    return typed


def _check_history(node: Node, function: Function) -> None:
    if node.scope > Scope.MARKET:
        culprit = next(part for part in walk(node) if isinstance(part, Name) and part.scope == node.scope)
        if culprit.scope is Scope.EXECUTION:
            raise RuleProblem("session_open", culprit.span)
        raise RuleProblem("no_history", culprit.span, function=function.name, found=culprit.name)


def _whole_number(node: Node, parameter: Parameter, function: Function) -> _Typed:
    number = node.operand if isinstance(node, Negative) else node
    if not isinstance(number, Number) or number.unit is not Unit.COUNT or number.value.denominator != 1:
        raise RuleProblem(
            "window_literal",
            node.span,
            function=function.name,
            parameter=parameter.name,
            example=function.example,
        )
    if isinstance(node, Negative) and function.name in ("lag", "delta"):
        suggestion = f"{function.name}(…, {int(number.value)})"
        raise RuleProblem("look_ahead", node.span, function=function.name, suggestion=suggestion)
    if isinstance(node, Negative) or not parameter.minimum <= number.value <= MAX_WINDOW:
        raise RuleProblem(
            "window_range",
            node.span,
            function=function.name,
            parameter=parameter.name,
            low=parameter.minimum,
            high=MAX_WINDOW,
            found=format_node(node),
            example=function.example,
        )
    return _annotate(number)


def _crossing(node: Call, function: Function) -> _Typed:
    operator = ">" if function.name == "crosses_above" else "<"
    left, right = _compared(node.arguments[0], node.arguments[1], operator, node)
    for side in (left, right):
        _check_history(side.node, function)
    scope = max(left.node.scope, right.node.scope)
    if scope is Scope.CONSTANT:
        raise RuleProblem("constant_series", node.span, function=function.name, found=format_node(left.node))
    return _typed(replace(node, arguments=(left.node, right.node)), Quantity(Unit.BOOL), scope)


def _check_macd(arguments: list[_Typed], node: Call) -> None:
    fast, slow = arguments[0].node, arguments[1].node
    if isinstance(fast, Number) and isinstance(slow, Number) and fast.value >= slow.value:
        raise RuleProblem("macd_order", node.span, fast=int(fast.value), slow=int(slow.value))


def _call_scope(function: Function, arguments: list[_Typed]) -> Scope:
    if function.across is Across.SESSION:
        return Scope.SESSION
    if function.reads or function.across is Across.UNIVERSE:
        return Scope.MARKET
    return max(argument.node.scope for argument in arguments)


def _call_quantity(function: Function, arguments: list[_Typed], node: Call) -> Quantity:
    if function.unit is UnitOf.FIRST:
        return replace(arguments[0].quantity, constant=False)
    if function.unit is UnitOf.QUOTIENT:
        first, second = arguments[0], arguments[1]
        quotient = units.divide(first.quantity, second.quantity)
        if quotient is None:
            raise _multiply_problem(node, "/", first, second)
        return quotient
    return Quantity(function.unit, 1 if function.name in _IMPLICIT_PRICE else 0)


# operators


def _arithmetic(node: Arithmetic) -> _Typed:
    left, right = _number_operand(node.left), _number_operand(node.right)
    if node.operator in "+-":
        left, right = _add_literals(left, right)
        quantity = units.add(left.quantity, right.quantity)
        if quantity is None:
            raise _add_problem(node, left, right)
        if not left.quantity.same_power(right.quantity):
            raise _power_problem(node, left, right)
    else:
        combine = units.multiply if node.operator == "*" else units.divide
        combined = combine(left.quantity, right.quantity)
        if combined is None:
            raise _multiply_problem(node, node.operator, left, right)
        if (
            combined.unit is Unit.RATIO
            and left.quantity.unit is Unit.WON
            and not left.quantity.same_power(right.quantity)
        ):
            raise _power_problem(node, left, right)
        quantity = combined
    typed = replace(node, left=left.node, right=right.node)
    return _typed(typed, quantity, max(left.node.scope, right.node.scope))


def _add_literals(left: _Typed, right: _Typed) -> tuple[_Typed, _Typed]:
    if right.quantity.unit in units.ADDED_BY_LITERAL:
        left = _with_unit(left, right.quantity.unit)
    if left.quantity.unit in units.ADDED_BY_LITERAL:
        right = _with_unit(right, left.quantity.unit)
    return left, right


def _compared(left_node: Node, right_node: Node, operator: str, whole: Node) -> tuple[_Typed, _Typed]:
    left, right = _annotate(left_node), _annotate(right_node)
    if Unit.BOOL in (left.quantity.unit, right.quantity.unit):
        raise RuleProblem("bool_compare", whole.span, left=format_node(left_node), right=format_node(right_node))
    if right.quantity.unit in units.TAKEN_BY_LITERAL:
        left = _with_unit(left, right.quantity.unit)
    if left.quantity.unit in units.TAKEN_BY_LITERAL:
        right = _with_unit(right, left.quantity.unit)
    if not units.comparable(left.quantity, right.quantity):
        raise _compare_problem(left, right, operator, whole)
    if not left.quantity.same_power(right.quantity):
        raise _power_problem(whole, left, right)
    return left, right


def _with_unit(typed: _Typed, unit: Unit) -> _Typed:
    """A plain literal, or its negative, in the unit of what stands beside it; anything else as it is."""
    node = typed.node
    if isinstance(node, Negative):
        inner = _with_unit(_Typed(node.operand, typed.quantity), unit)
        if inner.quantity == typed.quantity or unit is Unit.WEEKDAY:
            return typed
        return _typed(replace(node, operand=inner.node), inner.quantity, Scope.CONSTANT)
    if not isinstance(node, Number) or node.unit is not Unit.COUNT:
        return typed
    if unit is Unit.WEEKDAY and (node.value.denominator != 1 or node.value > 5):
        raise RuleProblem("weekday_number", node.span, found=format_node(node))
    return _typed(node, Quantity(unit, constant=True), Scope.CONSTANT)


def _number_operand(node: Node) -> _Typed:
    typed = _annotate(node)
    if not typed.quantity.numeric:
        raise _number_wanted(typed)
    return typed


def _condition_operand(node: Node) -> _Typed:
    if isinstance(node, Name) and node.name == "always":
        raise RuleProblem("always_alone", node.span)
    typed = _annotate(node)
    if typed.quantity.unit is not Unit.BOOL:
        raise _condition_wanted(typed.node)
    return typed


# problems


def _number_wanted(typed: _Typed) -> RuleProblem:
    hint = Text(
        "`weekday == fri`, `time >= 14:50`처럼 비교하십시오.",
        "Compare it, as in `weekday == fri` or `time >= 14:50`.",
    )
    if typed.quantity.unit is Unit.BOOL:
        hint = Text(
            "조건의 횟수는 `count_if(조건, 20)`, 비율은 `breadth(조건)`로 셉니다.",
            "Count a condition with `count_if(condition, 20)` or `breadth(condition)`.",
        )
    return RuleProblem(
        "number_wanted",
        typed.node.span,
        found=format_node(typed.node),
        unit=UNIT_NAMES[typed.quantity.unit],
        hint=hint,
    )


def _condition_wanted(node: Node) -> RuleProblem:
    text = format_node(node)
    examples = {
        Unit.WON: f"{text} > mean({text}, 20)" if node.scope is Scope.MARKET else f"{text} >= 1000만",
        Unit.SHARES: f"{text} > mean({text}, 20)",
        Unit.POINTS: f"{text} > mean({text}, 20)",
        Unit.RATIO: f"{text} >= 5%",
        Unit.DAYS: f"{text} >= 5",
        Unit.COUNT: f"{text} >= 5",
        Unit.TIME: f"{text} >= 14:50",
        Unit.WEEKDAY: f"{text} == fri",
    }
    return RuleProblem(
        "condition_wanted",
        node.span,
        found=text,
        unit=UNIT_NAMES[node.unit],
        example=examples.get(node.unit, "always"),
    )


def _sides(left: _Typed, right: _Typed) -> dict[str, Any]:
    return {
        "left": format_node(left.node),
        "right": format_node(right.node),
        "left_unit": UNIT_NAMES[left.quantity.unit],
        "right_unit": UNIT_NAMES[right.quantity.unit],
    }


def _compare_problem(left: _Typed, right: _Typed, operator: str, whole: Node) -> RuleProblem:
    return RuleProblem("compare_units", whole.span, hint=_compare_hint(left, right, operator), **_sides(left, right))


def _compare_hint(left: _Typed, right: _Typed, operator: str) -> Text:
    if left.quantity.constant and not right.quantity.constant:
        left, right, operator = right, left, _MIRROR[operator]
    series, literal = format_node(left.node), format_node(right.node)
    unit, other = left.quantity.unit, right.quantity.unit
    better = ""
    if unit is Unit.TIME:
        better = f"{series} {operator} 14:50"
    elif unit is Unit.COUNT and other is Unit.RATIO and isinstance(right.node, Number):
        better = f"{series} {operator} {format_number(right.node.value * 100, Unit.COUNT)}"
    elif other in units.PURE and unit is Unit.WON and left.node.scope is Scope.MARKET:
        better = f"{series} / mean({series}, 20) - 1 {operator} {literal}"
        if isinstance(left.node, Name) and left.quantity.split_power == 1:
            better = f"returns(1) {operator} {literal}"
    elif other in units.PURE and unit is Unit.SHARES:
        better = f"volume_ratio(20) {operator} 1.5"
    elif other in units.PURE and unit is Unit.POINTS:
        better = f"delta({series}, 1) / lag({series}, 1) {operator} {literal}"
    elif unit is Unit.RATIO and other is Unit.DAYS:
        better = f"{series} / days_held {operator} 1%"
    if better:
        return Text(f"`{better}`을(를) 뜻하셨습니까?", f"Did you mean `{better}`?")
    return Text(
        "같은 단위로 맞추거나, 나누어 비율로 만들어 비교하십시오.",
        "Bring both to one unit, or divide to compare ratios.",
    )


def _add_problem(node: Arithmetic, left: _Typed, right: _Typed) -> RuleProblem:
    if left.quantity.constant and not right.quantity.constant:
        left, right = right, left
    series, literal = format_node(left.node), format_node(right.node)
    hint = Text("같은 단위끼리만 더하고 뺍니다.", "Only equal units are added or subtracted.")
    if right.quantity.constant and right.quantity.unit in units.PURE:
        share = f"{series} * (1 {node.operator} {literal})"
        hint = Text(f"`{share}`을(를) 뜻하셨습니까?", f"Did you mean `{share}`?")
        if right.quantity.unit is Unit.COUNT and left.quantity.unit in (Unit.WON, Unit.SHARES):
            suffix = "원" if left.quantity.unit is Unit.WON else "주"
            hint = Text(
                f"비율이면 `{share}`, 그대로 더하려면 `{literal}{suffix}`로 쓰십시오.",
                f"Write `{share}` for a share of it, or `{literal}{suffix}` for the plain amount.",
            )
    return RuleProblem("add_units", node.span, hint=hint, **_sides(left, right))


def _multiply_problem(node: Node, operator: str, left: _Typed, right: _Typed) -> RuleProblem:
    hint = Text(
        "가격 × 주식 수 = 금액, 같은 단위끼리 나누면 비율입니다.",
        "Price × shares is an amount; equal units divided give a ratio.",
    )
    return RuleProblem("multiply_units", node.span, operator=operator, hint=hint, **_sides(left, right))


def _power_problem(node: Node, left: _Typed, right: _Typed) -> RuleProblem:
    return RuleProblem("price_and_amount", node.span, left=format_node(left.node), right=format_node(right.node))
