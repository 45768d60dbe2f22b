"""Conditions whose answer is known without looking at any data: those that are never or always true.

Two kinds of knowledge: the range of every value (`rsi` lies in 0 to 100, `drawdown_from_peak` is never above 0),
and what stands above what (`highest(close, 20)` includes today, so `close` cannot exceed it).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from engine.rules.format import format_node, format_number
from engine.rules.lookback import windows_of
from engine.rules.messages import Text
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
from engine.rules.walk import children

Bound = Fraction | float  # a float is only ever an infinity
_INFINITY = math.inf
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


@dataclass(frozen=True, slots=True)
class Interval:
    """All values an expression can take; an open end is not reached."""

    low: Bound = -_INFINITY
    high: Bound = _INFINITY
    low_open: bool = False
    high_open: bool = False

    @property
    def empty(self) -> bool:
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    def within(self, other: Interval) -> Interval:
        """The values that lie in both."""
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, high_closed = min((self.high, not self.high_open), (other.high, not other.high_open))
        return Interval(low, high, low_open, not high_closed)

    def below(self, other: Interval) -> bool:
        """Whether every value lies below every value of the other."""
        touching = self.high == other.low and (self.high_open or other.low_open)
        return self.high < other.low or touching

    def at_most(self, other: Interval) -> bool:
        """Whether no value lies above any value of the other."""
        return self.high <= other.low


_NOTHING = Text("", "")


class Truth(Enum):
    NEVER = "never"
    ALWAYS = "always"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a condition; `culprit` is the part that decides it."""

    truth: Truth
    culprit: Node | None = None
    reason: Text = _NOTHING
    hint: Text = _NOTHING


_OPEN = Verdict(Truth.OPEN)
_POSITIVE = Interval(Fraction(0), low_open=True)
_NOT_NEGATIVE = Interval(Fraction(0))
_SHARE = Interval(Fraction(0), Fraction(1))
_LOSS = Interval(Fraction(-1), Fraction(0))
_GAIN = Interval(Fraction(-1))

_FIELD_RANGES = {
    "open": _POSITIVE,
    "high": _POSITIVE,
    "low": _POSITIVE,
    "close": _POSITIVE,
    "volume": _NOT_NEGATIVE,
    "value": _NOT_NEGATIVE,
    "market_cap": _NOT_NEGATIVE,
    "weekday": Interval(Fraction(0), Fraction(5)),
    "time": Interval(Fraction(0), Fraction(1440)),
    "pnl": _GAIN,
    "days_held": _NOT_NEGATIVE,
    "drawdown_from_peak": _LOSS,
    "entry_price": _POSITIVE,
    "weight": _SHARE,
    "bars_since_exit": _NOT_NEGATIVE,
    "equity": _NOT_NEGATIVE,
    "cash_ratio": _SHARE,
    "positions": _NOT_NEGATIVE,
    "day_pnl": _GAIN,
    "month_pnl": _GAIN,
    "drawdown": _LOSS,
    "consecutive_losses": _NOT_NEGATIVE,
}
_CALL_RANGES = {
    "std": _NOT_NEGATIVE,
    "rsi": Interval(Fraction(0), Fraction(100)),
    "rsi_wilder": Interval(Fraction(0), Fraction(100)),
    "atr": _NOT_NEGATIVE,
    "returns": _GAIN,
    "volatility": _NOT_NEGATIVE,
    "corr": Interval(Fraction(-1), Fraction(1)),
    "volume_ratio": _NOT_NEGATIVE,
    "rank": Interval(Fraction(0), Fraction(1), low_open=True),
    "breadth": _SHARE,
}
# The value lies between the smallest and the largest value of the series.
_INSIDE = frozenset({"mean", "median", "min", "max", "highest", "lowest", "ema", "lag"})
_UPPER = frozenset({"max", "highest"})
_LOWER = frozenset({"min", "lowest"})


def decide(node: Node) -> Verdict:
    """What is known of a typed condition. Unknown values are left aside: "always" means whenever it is known.

    >>> from engine.rules.annotate import annotate
    >>> from engine.rules.parse import parse_expression
    >>> decide(annotate(parse_expression("close > highest(close, 252)"))).truth.name
    'NEVER'
    """
    match node:
        case Comparison():
            return _decide_comparison(node)
        case Call(function="crosses_above" | "crosses_below"):
            return _decide_crossing(node)
        case Name(name="always"):
            return Verdict(Truth.ALWAYS, node)
        case Not():
            return _flip(decide(node.operand))
        case Logic(operator="and"):
            return _decide_all(node)
        case Logic():
            return _decide_any(node)
        case _:
            return _OPEN


def idle_parts(node: Node) -> list[Verdict]:
    """Parts of an undecided condition that never matter: always true inside `and`, never true inside `or`."""
    match node:
        case Logic():
            idle = Truth.ALWAYS if node.operator == "and" else Truth.NEVER
            verdicts = [(operand, decide(operand)) for operand in node.operands]
            found = [verdict for _, verdict in verdicts if verdict.truth is idle]
            for operand, verdict in verdicts:
                if verdict.truth is Truth.OPEN:
                    found += idle_parts(operand)
            return found
        case Not():
            return idle_parts(node.operand)
        case _:
            return []


def interval_of(node: Node) -> Interval:
    """All values that a typed number can take."""
    match node:
        case Number():
            return Interval(node.value, node.value)
        case Name():
            return _FIELD_RANGES.get(node.name, Interval())
        case IndexField():
            return _POSITIVE
        case Negative():
            return _negative(interval_of(node.operand))
        case Arithmetic():
            return _arithmetic(node.operator, interval_of(node.left), interval_of(node.right))
        case Call():
            return _call_interval(node)
        case _:
            return Interval()


# ranges


def _call_interval(node: Call) -> Interval:
    name, windows = node.function, windows_of(node)
    if name in _CALL_RANGES:
        return _CALL_RANGES[name]
    if name in _INSIDE:
        return interval_of(node.arguments[0])
    match name:
        case "sum":
            return _scaled(interval_of(node.arguments[0]), Fraction(windows[0]))
        case "zscore":
            # The furthest one of n values can lie from their mean is (n-1)/√n standard deviations.
            n = windows[0]
            furthest = Fraction((n - 1) / math.sqrt(n)) * (1 + Fraction(1, 10**9))
            return Interval(-furthest, furthest)
        case "ts_rank":
            return Interval(Fraction(1, windows[0]), Fraction(1))
        case "count_if":
            inner = decide(node.arguments[0]).truth
            low = windows[0] if inner is Truth.ALWAYS else 0
            return Interval(Fraction(low), Fraction(0 if inner is Truth.NEVER else windows[0]))
        case "bars_since":
            return Interval(Fraction(0), Fraction(windows[0] - 1) if windows else Fraction(251))
        case "delta":
            inner_range = interval_of(node.arguments[0])
            return _arithmetic("-", inner_range, inner_range)
        case _:
            return Interval()


def _negative(value: Interval) -> Interval:
    return Interval(-value.high, -value.low, value.high_open, value.low_open)


def _scaled(value: Interval, factor: Fraction) -> Interval:
    if factor == 0:
        return Interval(Fraction(0), Fraction(0))
    if factor < 0:
        return _scaled(_negative(value), -factor)
    low = value.low if isinstance(value.low, float) else value.low * factor
    high = value.high if isinstance(value.high, float) else value.high * factor
    return Interval(low, high, value.low_open, value.high_open)


def _arithmetic(operator: str, left: Interval, right: Interval) -> Interval:
    if operator in "+-":
        if operator == "-":
            right = _negative(right)
        return Interval(
            left.low + right.low,
            left.high + right.high,
            left.low_open or right.low_open,
            left.high_open or right.high_open,
        )
    if operator == "*" and left.low == left.high:
        left, right = right, left
    if isinstance(right.low, Fraction) and right.low == right.high:
        if operator == "*":
            return _scaled(left, right.low)
        return _scaled(left, 1 / right.low) if right.low else Interval()
    both_positive = left.low >= 0 and right.low >= 0
    return _NOT_NEGATIVE if both_positive else Interval()


# comparisons


def _decide_comparison(node: Comparison) -> Verdict:
    by_order = _decide_by_order(node)
    if by_order.truth is not Truth.OPEN:
        return by_order
    truth = _compare_ranges(node.operator, interval_of(node.left), interval_of(node.right))
    return _OPEN if truth is Truth.OPEN else _range_verdict(node, truth)


def _compare_ranges(operator: str, left: Interval, right: Interval) -> Truth:
    match operator:
        case "<":
            return _pick(left.below(right), right.at_most(left))
        case "<=":
            return _pick(left.at_most(right), right.below(left))
        case ">" | ">=":
            return _compare_ranges(_MIRROR[operator], right, left)
        case "==":
            apart = left.below(right) or right.below(left)
            same_point = left.low == left.high == right.low == right.high
            return _pick(same_point, apart)
        case _:
            return _opposite(_compare_ranges("==", left, right))


def _pick(always: bool, never: bool) -> Truth:
    if always:
        return Truth.ALWAYS
    return Truth.NEVER if never else Truth.OPEN


def _opposite(truth: Truth) -> Truth:
    return {Truth.ALWAYS: Truth.NEVER, Truth.NEVER: Truth.ALWAYS, Truth.OPEN: Truth.OPEN}[truth]


def _decide_by_order(node: Comparison) -> Verdict:
    """Decide from what stands above what; needs no ranges."""
    left, right, operator = node.left, node.right, node.operator
    if node.scope is Scope.CONSTANT:
        return _OPEN
    truth = Truth.OPEN
    if operator in ("==", "!="):
        if left == right:
            truth = Truth.ALWAYS if operator == "==" else Truth.NEVER
    else:
        if operator in ("<", "<="):
            left, right, operator = right, left, _MIRROR[operator]
        # Now the question is whether left > right or left >= right.
        if operator == ">" and _never_above(left, right):
            truth = Truth.NEVER
        elif operator == ">=" and _never_above(right, left):
            truth = Truth.ALWAYS
    return _OPEN if truth is Truth.OPEN else _order_verdict(node, truth)


def _never_above(small: Node, large: Node) -> bool:
    """Whether `small <= large` holds on every bar, because of what the two are."""
    if small == large:
        return True
    if isinstance(small, Name) and isinstance(large, Name):
        return (small.name, large.name) in _BAR_ORDER
    if isinstance(large, Call) and large.function in _UPPER:
        top = large.arguments[0]
        if _never_above(small, top) or _inside_window(small, top, windows_of(large)[0]):
            return True
    if isinstance(small, Call) and small.function in _LOWER:
        bottom = small.arguments[0]
        if _never_above(bottom, large) or _inside_window(large, bottom, windows_of(small)[0]):
            return True
    factor, base = _scaled_by(large)
    if factor is not None and factor >= 1 and interval_of(base).low >= 0 and _never_above(small, base):
        return True
    factor, base = _scaled_by(small)
    return factor is not None and 0 <= factor <= 1 and interval_of(base).low >= 0 and _never_above(base, large)


_BAR_ORDER = frozenset({("low", "open"), ("low", "close"), ("low", "high"), ("open", "high"), ("close", "high")})


def _inside_window(node: Node, series: Node, window: int) -> bool:
    """Whether `node` is an average, an extreme or an earlier value of `series` from inside its last `window` bars."""
    if not isinstance(node, Call) or not node.arguments or node.arguments[0] != series:
        return False
    own = windows_of(node)
    if node.function == "lag":
        return own[0] < window
    return node.function in _INSIDE - {"ema", "lag"} and own[0] <= window


def _scaled_by(node: Node) -> tuple[Fraction | None, Node]:
    if isinstance(node, Arithmetic) and node.operator == "*":
        for number, other in ((node.left, node.right), (node.right, node.left)):
            value = interval_of(number)
            if isinstance(value.low, Fraction) and value.low == value.high:
                return value.low, other
    return None, node


def _decide_crossing(node: Call) -> Verdict:
    left, right = node.arguments
    if node.function == "crosses_below":
        left, right = right, left
    # `left` has to be above `right` today and not above it on the bar before.
    if _never_above(left, right):
        return _order_verdict(node, Truth.NEVER)
    left_range, right_range = interval_of(left), interval_of(right)
    if left_range.at_most(right_range) or right_range.below(left_range):
        return _range_verdict(node, Truth.NEVER)
    return _OPEN


# and, or, not


def _flip(verdict: Verdict) -> Verdict:
    return Verdict(_opposite(verdict.truth), verdict.culprit, verdict.reason, verdict.hint)


def _decide_all(node: Logic) -> Verdict:
    verdicts = [decide(operand) for operand in node.operands]
    for verdict in verdicts:
        if verdict.truth is Truth.NEVER:
            return verdict
    if all(verdict.truth is Truth.ALWAYS for verdict in verdicts):
        return verdicts[0]
    return _contradiction(node)


def _decide_any(node: Logic) -> Verdict:
    verdicts = [decide(operand) for operand in node.operands]
    for verdict in verdicts:
        if verdict.truth is Truth.ALWAYS:
            return verdict
    if all(verdict.truth is Truth.NEVER for verdict in verdicts):
        return verdicts[0]
    # not (a or b) is (not a) and (not b): the whole is always true when that is a contradiction.
    opposite = _contradiction(Logic("and", tuple(Not(operand) for operand in node.operands)))
    if opposite.truth is Truth.OPEN:
        return _OPEN
    reason = Text("두 조건 가운데 하나는 언제나 참입니다.", "One of its parts is true whatever happens.")
    return Verdict(Truth.ALWAYS, node, reason, opposite.hint)


def _contradiction(node: Logic) -> Verdict:
    """Comparisons of the same value that exclude each other: `rsi(14) < 30 and rsi(14) > 70`."""
    allowed: dict[object, Interval] = {}
    for part in _flat_and(node):
        key, interval = _constraint(part)
        if key is None:
            continue
        allowed[key] = allowed.get(key, Interval()).within(interval)
        if allowed[key].empty:
            text = format_node(node)
            return Verdict(
                Truth.NEVER,
                node,
                Text(f"`{text}`의 조건들이 서로 어긋납니다.", f"The parts of `{text}` exclude each other."),
                Text("`or`를 뜻하셨습니까?", "Did you mean `or`?"),
            )
    return _OPEN


def _flat_and(node: Node) -> list[Comparison]:
    match node:
        case Comparison():
            return [node]
        case Not(operand=Comparison() as inner):
            return [Comparison(_OPPOSITE[inner.operator], inner.left, inner.right)]
        case Not(operand=Not() as inner):
            return _flat_and(inner.operand)
        case Logic(operator="and"):
            return [comparison for operand in node.operands for comparison in _flat_and(operand)]
        case _:
            return []


def _constraint(node: Comparison) -> tuple[object, Interval]:
    """The value that a comparison speaks of, and the interval it leaves to it."""
    left, right, operator = node.left, node.right, node.operator
    if operator == "!=":
        return None, Interval()
    left_range, right_range = interval_of(left), interval_of(right)
    if left_range.low == left_range.high:
        left, right, right_range, operator = right, left, left_range, _MIRROR[operator]
    if isinstance(right_range.low, Fraction) and right_range.low == right_range.high:
        return left, _half_line(operator, right_range.low)
    if format_node(left) > format_node(right):
        left, right, operator = right, left, _MIRROR[operator]
    return (left, right), _half_line(operator, Fraction(0))  # of the difference left - right


def _half_line(operator: str, value: Fraction) -> Interval:
    match operator:
        case "<":
            return Interval(high=value, high_open=True)
        case "<=":
            return Interval(high=value)
        case ">":
            return Interval(low=value, low_open=True)
        case ">=":
            return Interval(low=value)
        case _:
            return Interval(value, value)


# reasons


def _order_verdict(node: Node, truth: Truth) -> Verdict:
    text = format_node(node)
    reason = Text(f"`{text}`은(는) 두 값의 뜻만으로 정해집니다.", f"`{text}` is decided by what the two values are.")
    hint = Text("두 값을 다시 살펴보십시오.", "Look at the two values again.")
    for part in children(node):
        if isinstance(part, Call) and part.function in _UPPER | _LOWER:
            extreme = format_node(part)
            reason = Text(
                f"`{extreme}`은(는) 오늘 값을 포함하므로 `{text}`의 답이 정해져 있습니다.",
                f"`{extreme}` includes today's value, which decides `{text}`.",
            )
            hint = Text(
                f"어제까지와 비교하려면 `lag({extreme}, 1)`을 쓰십시오.",
                f"To compare with the bars before today write `lag({extreme}, 1)`.",
            )
    return Verdict(truth, node, reason, hint)


def _range_verdict(node: Comparison | Call, truth: Truth) -> Verdict:
    left, right = (node.left, node.right) if isinstance(node, Comparison) else node.arguments
    if interval_of(left).low == interval_of(left).high:
        left, right = right, left
    text, value = format_node(node), format_node(left)
    limits = _describe(interval_of(left), left)
    reason = Text(
        f"`{value}`의 값은 {limits.ko}이므로 `{text}`의 답이 정해져 있습니다.",
        f"`{value}` is {limits.en}, which decides `{text}`.",
    )
    if interval_of(left) == Interval(interval_of(left).low, interval_of(left).low):
        reason = Text(f"`{text}`에는 변하는 값이 없습니다.", f"Nothing in `{text}` ever changes.")
    return Verdict(truth, node, reason, _range_hint(node, left, right))


def _range_hint(node: Comparison | Call, left: Node, right: Node) -> Text:
    general = Text("값의 범위에 맞게 고치십시오.", "Use a value inside the range.")
    if not isinstance(node, Comparison) or not isinstance(node.left, Name | Call):
        return general
    bound = interval_of(right)
    if not isinstance(bound.low, Fraction) or bound.low != bound.high or left.unit is not Unit.RATIO:
        return general
    value, operator, series = bound.low, node.operator, format_node(left)
    better = ""
    if interval_of(left).high == 0 and value > 0:
        # `drawdown >= 10%` is meant as a fall of 10 %, and falls are negative.
        better = f"{series} {_MIRROR[operator]} -{_literal(value)}"
        if operator in ("<", "<="):
            better = f"{series} {operator} -{_literal(value)}"
    elif abs(value) >= 1 and value.denominator == 1 and abs(value) <= 100:
        sign = "-" if value < 0 else ""
        better = f"{series} {operator} {sign}{_literal(abs(value) / 100)}"
    return Text(f"`{better}`을(를) 뜻하셨습니까?", f"Did you mean `{better}`?") if better else general


def _literal(value: Fraction) -> str:
    return format_number(value, Unit.RATIO)


def _describe(interval: Interval, node: Node) -> Text:
    def show(bound: Bound) -> str:
        if isinstance(bound, float):
            return ""
        unit = node.unit if node.unit in (Unit.RATIO, Unit.WON) else Unit.COUNT
        sign = "-" if bound < 0 else ""
        digits = round(abs(bound), 6)
        return sign + format_number(digits, unit)

    low, high = show(interval.low), show(interval.high)
    if low and high:
        return Text(f"{low}부터 {high}까지", f"between {low} and {high}")
    if low:
        return Text(f"{low} 이상", f"at least {low}")
    return Text(f"{high} 이하", f"at most {high}")
