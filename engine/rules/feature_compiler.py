"""From typed trees to the steps of the feature graph; equal parts of all rules become one step.

A step is found again by what it computes (kernel, inputs, parameters), so `highest(x, 20)` and `max(x, 20)` are one
step too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import BrokenInvariant
from engine.rules import kernels_cross as cross
from engine.rules import kernels_elementwise as elementwise
from engine.rules import kernels_recursive as recursive
from engine.rules import kernels_window as windows
from engine.rules.feature_slots import MarketArrays, Slot, Source
from engine.rules.feature_steps import Fill, Kernel, Recursion, Restatement, Step
from engine.rules.functions import BARS_SINCE_WINDOW, RESTART_FACTOR
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
)

MINUTES_PER_DAY = 1440
MINUTES_PER_SESSION = 390
SESSIONS_PER_YEAR = 252
DIRECT_WINDOW = 8  # up to here looking at the whole window is as fast as carrying its extremes

PRICES = {"open": 0, "high": 1, "low": 2, "close": 3}
VOLUME = 4
INDEX_FIELDS = ("open", "high", "low", "close")
KST_MINUTES = 540

Value = Slot | Fraction | bool | None  # None: a constant that is unknown, such as 1 / 0

PAIRS: dict[str, Kernel] = {
    "+": elementwise.add,
    "-": elementwise.subtract,
    "*": elementwise.multiply,
    "/": elementwise.divide,
    ">": elementwise.greater,
    ">=": elementwise.greater_equal,
    "==": elementwise.equal,
    "!=": elementwise.not_equal,
}
CONSTANTS: dict[str, Kernel] = {
    ">": elementwise.greater_constant,
    ">=": elementwise.greater_equal_constant,
    "<": elementwise.less_constant,
    "<=": elementwise.less_equal_constant,
    "==": elementwise.equal_constant,
    "!=": elementwise.not_equal_constant,
}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
COMPARE: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def restart_rule(window: int, bars_per_year: float) -> tuple[int, int]:
    """When a recursion of declared length `window` restarts, and how many rows back its value can reach.

    Returns:
        span: it restarts where ordinal // span changes; at least `window` bars lie in one span. Minute ordinals have
        gaps
            overnight, so there a span is whole sessions.
        lookback: rows after which nothing of an older start is left: two spans.
    """
    bars_per_session = bars_per_year / SESSIONS_PER_YEAR
    if bars_per_session <= 1:
        return window, 2 * window
    minutes = round(MINUTES_PER_SESSION / bars_per_session)
    sessions = math.ceil(window / bars_per_session)
    rows = math.ceil(bars_per_session) + 2  # auctions before and after the continuous session may be bars of their own
    return sessions * (MINUTES_PER_DAY // minutes), 2 * sessions * rows


class Compiler:
    """Lowers trees one after the other into `steps`, in an order in which they can be run."""

    def __init__(self, market: MarketArrays, start_of: NDArray[np.int64]) -> None:
        self.columns = market.columns
        self.scale = market.price_scale
        self.bars_per_year = market.bars_per_year
        self.start_of = start_of  # first row that will be read; known only once the look-back is
        self.steps: list[Step | Fill] = []
        self.slots: list[Slot] = []
        self.sources: list[Source] = []
        self._values: dict[Node, Value] = {}
        self._found: dict[Hashable, Slot] = {}
        self._sources: dict[str, Source] = {}

    # ---- trees

    def slot(self, node: Node) -> Slot:
        """The slot that holds a tree's values; constants get one cell a row."""
        return self._materialise(self.value(node))

    def value(self, node: Node) -> Value:
        if node not in self._values:
            self._values[node] = self._lower(node)
        return self._values[node]

    def _lower(self, node: Node) -> Value:
        match node:
            case Number():
                return node.value
            case Name():
                return self._name(node.name)
            case IndexField():
                return self._index(node.index, node.field)
            case Negative():
                return self._arithmetic("*", self.value(node.operand), Fraction(-1))
            case Arithmetic():
                return self._arithmetic(node.operator, self.value(node.left), self.value(node.right))
            case Comparison():
                return self._comparison(node.operator, self.value(node.left), self.value(node.right))
            case Logic():
                return self._logic(node.operator, [self.slot(operand) for operand in node.operands])
            case Not():
                operand = self.slot(node.operand)
                return self._step(elementwise.negate, (operand,), dtype=np.int8)
            case Call():
                return self._call(node)
        raise BrokenInvariant(f"The feature graph met a {type(node).__name__}, which is no expression.")

    def _name(self, name: str) -> Value:
        if name == "always":
            return True
        if name in PRICES:
            return self._won(name)
        match name:
            case "volume":
                return self._volume()
            case "value":
                traded = self._source("value", lambda market: _or_unknown(market.value, market))
                return self._step(elementwise.load, (traded, self._age()), (1,))
            case "market_cap":
                close, shares = (
                    self._price("close"),
                    self._source("shares", lambda market: _or_unknown(market.shares, market)),
                )
                return self._step(elementwise.market_cap, (close, shares, self._age()), (self.scale,))
            case "weekday":
                return self._fill("weekday", lambda market, begin, end: (market.session[begin:end] + 3) % 7)
            case "time":
                return self._fill("time", _minute_of_day)
        raise BrokenInvariant(f"{name!r} depends on the position or the portfolio, not on the market alone.")

    def _index(self, index: str, field: str) -> Slot:
        row = INDEX_FIELDS.index(field)

        def read(market: MarketArrays, begin: int, end: int) -> Any:
            return market.indices[index][row, begin:end] if index in market.indices else np.nan

        return self._fill(("index", index, field), read)

    # ---- the panel

    def _source(self, key: str, array_of: Callable[[MarketArrays], Any], width: int = -1, degree: int = 0) -> Source:
        if key not in self._sources:
            self._sources[key] = Source(array_of, self.columns if width < 0 else width, degree)
            self.sources.append(self._sources[key])
        return self._sources[key]

    def _price(self, name: str) -> Source:
        return self._source(name, lambda market: market.bars[PRICES[name]], degree=1)

    def _volumes(self) -> Source:
        return self._source("volume", lambda market: market.bars[VOLUME], degree=-1)

    def _age(self) -> Slot:
        state = self._source("state", lambda market: market.state)
        first = self._source("first_row", lambda market: market.first_row, width=0)
        return self._step(elementwise.ages, (state, first), (self.start_of,), dtype=np.int32)

    def _session_age(self) -> Slot:
        start_of = self.start_of
        return self._fill("rows", lambda market, begin, end: np.arange(begin, end) - start_of[0] + 1, dtype=np.int32)

    def _won(self, name: str) -> Slot:
        return self._step(elementwise.load, (self._price(name), self._age()), (self.scale,), degree=1)

    def _units(self, name: str) -> Slot:
        """Price units as floats: integers, so that a quotient of differences is rounded once."""
        return self._step(elementwise.load, (self._price(name), self._age()), (1,), degree=1)

    def _volume(self) -> Slot:
        return self._step(elementwise.load, (self._volumes(), self._age()), (1,), degree=-1)

    def _integers(self, node: Node) -> tuple[Source, int] | None:
        """The integer column behind a plain bar field and its scale: sums of it are exact."""
        if isinstance(node, Name) and node.name in PRICES:
            return self._price(node.name), self.scale
        if isinstance(node, Name) and node.name == "volume":
            return self._volumes(), 1
        return None

    # ---- operators

    def _arithmetic(self, operator: str, left: Value, right: Value) -> Value:
        if left is None or right is None:
            return None
        if isinstance(left, Slot) and isinstance(right, Slot):
            degree = _joined_degree(operator, left.degree, right.degree)
            return self._step(PAIRS[operator], self._same_width(left, right), degree=degree)
        if isinstance(left, Slot):
            return self._with_constant_right(operator, left, Fraction(right))  # type: ignore[arg-type]
        if isinstance(right, Slot):
            return self._with_constant_left(operator, Fraction(left), right)
        return _fold(operator, Fraction(left), Fraction(right))

    def _with_constant_right(self, operator: str, left: Slot, right: Fraction) -> Value:
        if operator == "/":
            return (
                self._step(elementwise.divide_by_constant, (left,), (float(right),), degree=left.degree)
                if right
                else None
            )
        kernel = elementwise.multiply_constant if operator == "*" else elementwise.add_constant
        return self._step(kernel, (left,), (float(-right if operator == "-" else right),), degree=left.degree)

    def _with_constant_left(self, operator: str, left: Fraction, right: Slot) -> Value:
        match operator:
            case "-":
                return self._step(elementwise.subtract_from_constant, (right,), (float(left),), degree=right.degree)
            case "/":
                return self._step(elementwise.divide_constant, (right,), (float(left),), degree=-right.degree)
        return self._with_constant_right(operator, right, left)

    def _comparison(self, operator: str, left: Value, right: Value) -> Value:
        if left is None or right is None:
            return None
        if isinstance(left, Slot) and isinstance(right, Slot):
            if operator.startswith("<"):
                left, right, operator = right, left, MIRRORED[operator]
            return self._step(PAIRS[operator], self._same_width(left, right), dtype=np.int8)
        if isinstance(left, Slot):
            return self._step(CONSTANTS[operator], (left,), (float(right),), dtype=np.int8)  # type: ignore[arg-type]
        if isinstance(right, Slot):
            return self._step(CONSTANTS[MIRRORED[operator]], (right,), (float(left),), dtype=np.int8)
        return COMPARE[operator](Fraction(left), Fraction(right))

    def _logic(self, operator: str, operands: list[Slot]) -> Slot:
        kernel = elementwise.both if operator == "and" else elementwise.either
        result = operands[0]
        for operand in operands[1:]:
            result = self._step(kernel, self._same_width(result, operand), dtype=np.int8)
        return result

    def _same_width(self, *slots: Slot) -> tuple[Slot, ...]:
        width = max(slot.width for slot in slots)
        return tuple(slot if slot.width == width else self._spread(slot) for slot in slots)

    def _spread(self, slot: Slot) -> Slot:
        return self._step(
            elementwise.spread, (slot,), dtype=slot.values.dtype.type, degree=slot.degree, width=self.columns
        )

    def _materialise(self, value: Value) -> Slot:
        if isinstance(value, Slot):
            return value
        if value is None:
            return self._fill("unknown", lambda market, begin, end: np.nan)
        number = float(value)
        dtype = np.int8 if isinstance(value, bool) else np.float64
        return self._fill(("constant", number), lambda market, begin, end: number, dtype=dtype)

    # ---- functions

    def _call(self, node: Call) -> Value:
        name, arguments = node.function, node.arguments
        lower = getattr(self, f"_call_{_FAMILY.get(name, name)}", None)
        if lower is None:
            raise BrokenInvariant(f"The feature graph has no function {name!r}.")
        return lower(name, *arguments)

    def _call_sum(self, name: str, x: Node, n: Node) -> Slot:
        window = _whole(n)
        integers = self._integers(x)
        if integers is None:
            series = self.slot(x)
            divisor = float(window if name == "mean" else 1)
            return self._window(windows.float_window, (series,), (window, divisor), window - 1, series.degree)
        column, scale = integers
        total = self._cumulated(recursive.cumulate, column, history=window)
        divisor = float(scale * (window if name == "mean" else 1))
        direct = Restatement(windows.float_window, (column,), (window, divisor), window - 1)
        return self._step(
            windows.integer_window,
            (total, self._age()),
            (window, divisor),
            degree=column.degree,
            lookback=window - 1,
            restatement=direct,
        )

    def _cumulated(
        self, kernel: Kernel, column: Source | Slot, parameters: tuple[Any, ...] = (), *, history: int
    ) -> Slot:
        total = self._step(kernel, (column,), parameters, dtype=np.int64, width=column.width)
        total.keep(max(history, 1))
        return total

    def _call_max(self, name: str, x: Node, n: Node) -> Slot:
        window, series = _whole(n), self.slot(x)
        sign = 1.0 if name in ("max", "highest") else -1.0
        if window <= DIRECT_WINDOW:
            return self._window(windows.extreme_direct, (series,), (window, sign), window - 1, series.degree)
        direct = Restatement(windows.extreme_direct, (series,), (window, sign), window - 1)
        series.keep(window - 1)
        return self._step(
            recursive.extreme,
            (series,),
            (window, sign),
            degree=series.degree,
            lookback=window - 1,
            restatement=direct,
            state=lambda width: (np.zeros(width), np.full((window, width), np.nan), np.zeros(1, np.int64)),
        )

    def _call_median(self, name: str, x: Node, n: Node) -> Slot:
        window, series = _whole(n), self.slot(x)
        direct = Restatement(recursive.median_direct, (series,), (window,), window - 1)
        series.keep(window)
        return self._step(
            recursive.median,
            (series,),
            (window,),
            degree=series.degree,
            lookback=window,
            restatement=direct,
            state=lambda width: (np.full((width, window), np.inf), np.full(width, window, np.int64)),
        )

    def _call_std(self, name: str, x: Node, n: Node) -> Slot:
        window, series = _whole(n), self.slot(x)
        degree = series.degree if name == "std" else 0
        return self._window(windows.deviation, (series,), (window, name == "zscore"), window - 1, degree)

    def _call_ts_rank(self, name: str, x: Node, n: Node) -> Slot:
        window = _whole(n)
        return self._window(windows.ts_rank, (self.slot(x),), (window,), window - 1, 0)

    def _call_corr(self, name: str, x: Node, y: Node, n: Node) -> Slot:
        window = _whole(n)
        left, right = self._same_width(self.slot(x), self.slot(y))
        degree = left.degree - right.degree if name == "beta" else 0
        return self._window(windows.codeviation, (left, right), (window, name == "beta"), window - 1, degree)

    def _call_lag(self, name: str, x: Node, n: Node) -> Slot:
        window, series = _whole(n), self.slot(x)
        kernel = windows.lag if name == "lag" else windows.delta
        return self._window(kernel, (series,), (window,), window, series.degree)

    def _call_returns(self, name: str, n: Node) -> Slot:
        return self._returns(_whole(n))

    def _returns(self, window: int) -> Slot:
        return self._window(windows.returns, (self._units("close"),), (window,), window, 0)

    def _call_volatility(self, name: str, n: Node) -> Slot:
        window, daily = _whole(n), self._returns(1)
        deviation = self._window(windows.deviation, (daily,), (window, False), window - 1, 0)
        return self._step(elementwise.multiply_constant, (deviation,), (math.sqrt(self.bars_per_year),))

    def _call_volume_ratio(self, name: str, n: Node) -> Slot:
        window, volume = _whole(n), self._volumes()
        total = self._cumulated(recursive.cumulate, volume, history=window + 1)
        direct = Restatement(windows.volume_ratio_direct, (volume,), (window,), window)
        inputs = (volume, total, self._age())
        return self._step(windows.volume_ratio, inputs, (window,), lookback=window, restatement=direct)

    def _call_rsi(self, name: str, n: Node) -> Slot:
        window, close = _whole(n), self._price("close")
        gains = self._cumulated(recursive.cumulate_gains, close, (1,), history=window)
        losses = self._cumulated(recursive.cumulate_gains, close, (-1,), history=window)
        direct = Restatement(windows.rsi_direct, (close,), (window,), window)
        inputs = (gains, losses, self._age())
        return self._step(windows.rsi, inputs, (window,), lookback=window, restatement=direct)

    def _call_count_if(self, name: str, condition: Node, n: Node) -> Slot:
        window, verdicts = _whole(n), self.slot(condition)
        total = self._cumulated(recursive.cumulate_true, verdicts, history=window)
        age = self._age_of(verdicts)
        return self._step(windows.count_true, (total, age), (window,), lookback=window - 1)

    def _call_bars_since(self, name: str, condition: Node, n: Node | None = None) -> Slot:
        window, verdicts = BARS_SINCE_WINDOW if n is None else _whole(n), self.slot(condition)
        inputs = (verdicts, self._age_of(verdicts))
        return self._step(
            recursive.bars_since,
            inputs,
            (window,),
            lookback=window - 1,
            state=lambda width: (np.full(width, np.nan),),
        )

    def _call_crosses_above(self, name: str, a: Node, b: Node) -> Value:
        left, right = self.value(a), self.value(b)
        above = name == "crosses_above"
        if left is None or right is None:
            return None
        if isinstance(left, Slot) and isinstance(right, Slot):
            pair = self._same_width(left, right) if above else self._same_width(right, left)
            return self._window(elementwise.crosses_above, pair, (), 1, 0, dtype=np.int8)
        if not isinstance(left, Slot):
            left, right, above = right, left, not above
        if not isinstance(left, Slot):
            return False  # two constants never cross
        kernel = elementwise.crosses_above_constant if above else elementwise.crosses_below_constant
        return self._window(kernel, (left,), (float(right),), 1, 0, dtype=np.int8)  # type: ignore[arg-type]

    # ---- recursions

    def _call_ema(self, name: str, x: Node, n: Node) -> Slot:
        window = _whole(n)
        return self._ema(self.slot(x), window, RESTART_FACTOR * window)

    def _ema(self, x: Slot, window: int, restart: int) -> Slot:
        return self._smooth(x, 2 / (window + 1), 1, window, restart)

    def _wilder(self, x: Slot, window: int) -> Slot:
        return self._smooth(x, 1 / window, window, window, RESTART_FACTOR * window)

    def _smooth(self, x: Slot, alpha: float, seed: int, least: int, restart: int) -> Slot:
        span, lookback = restart_rule(restart, self.bars_per_year)
        return self._step(
            recursive.smooth,
            (x,),
            (span, alpha, seed, least),
            degree=x.degree,
            lookback=lookback,
            state=lambda width: (*(np.zeros(width) for _ in range(4)), np.full(1, -1, np.int64)),
        )

    def _call_macd(self, name: str, fast: Node, slow: Node, signal: Node | None = None) -> Value:
        lengths = [_whole(fast), _whole(slow)] + ([_whole(signal)] if signal is not None else [])
        restart = RESTART_FACTOR * max(lengths)
        close = self._won("close")
        line = self._arithmetic("-", *(self._ema(close, length, restart) for length in lengths[:2]))
        if len(lengths) == 2 or not isinstance(line, Slot):
            return line
        return self._arithmetic("-", line, self._ema(line, lengths[2], restart))

    def _call_atr(self, name: str, n: Node) -> Slot:
        bars = tuple(self._won(field) for field in ("high", "low", "close"))
        return self._wilder(self._window(recursive.true_range, bars, (), 1, 1), _whole(n))

    def _call_rsi_wilder(self, name: str, n: Node) -> Slot:
        window, close = _whole(n), self._units("close")
        changes = (self._window(recursive.gain, (close,), (sign,), 1, 1) for sign in (1.0, -1.0))
        rise, fall = (self._wilder(change, window) for change in changes)
        return self._step(recursive.strength, (rise, fall))

    # ---- across the instruments of a row

    def _call_rank(self, name: str, x: Node) -> Slot:
        return self._ranked(x, 0)

    def _ranked(self, x: Node, top: int) -> Slot:
        series = self.slot(x)
        if series.width != self.columns:
            series = self._spread(series)
        return self._step(cross.rank, (series, self._age()), (top,))

    def _call_top(self, name: str, x: Node, n: Node) -> Slot:
        return self._step(elementwise.greater_constant, (self._ranked(x, _whole(n)),), (0.5,), dtype=np.int8)

    def _call_breadth(self, name: str, condition: Node) -> Slot:
        verdicts = self.slot(condition)
        if verdicts.width != self.columns:
            verdicts = self._spread(verdicts)
        return self._step(cross.breadth, (verdicts, self._age()), (self.columns,), width=1)

    # ---- steps

    def _age_of(self, slot: Slot) -> Slot:
        return self._age() if slot.width == self.columns else self._session_age()

    def _window(
        self,
        kernel: Kernel,
        inputs: tuple[Slot, ...],
        parameters: tuple[Any, ...],
        span: int,
        degree: int,
        dtype: type = np.float64,
    ) -> Slot:
        """A step that reads `span` rows before today and evaluates each window anew, so it restates itself."""
        for slot in inputs:
            slot.keep(span)
        scaled = span > 0 and any(slot.degree for slot in inputs)
        direct = Restatement(kernel, inputs, parameters, span) if scaled else None
        return self._step(kernel, inputs, parameters, dtype=dtype, degree=degree, lookback=span, restatement=direct)

    def _step(
        self,
        kernel: Kernel,
        inputs: tuple[Slot | Source, ...],
        parameters: tuple[Any, ...] = (),
        *,
        dtype: type = np.float64,
        degree: int = 0,
        width: int = -1,
        lookback: int = 0,
        restatement: Restatement | None = None,
        state: Callable[[int], tuple[Any, ...]] | None = None,
    ) -> Slot:
        key = (kernel, *map(id, inputs), *(id(p) if p is self.start_of else p for p in parameters))
        if key in self._found:
            return self._found[key]
        if width < 0:
            width = max(column.width for column in inputs)
        before = max((column.lookback for column in inputs if isinstance(column, Slot)), default=0)
        out = self._add_slot(key, Slot(width, dtype, before + lookback, degree))
        if state is not None:
            parameters = (*parameters, *state(width))
        if kernel is recursive.smooth:
            (x,) = inputs
            ordinal = self._source("ordinal", lambda market: market.ordinal, width=1)
            self.steps.append(Recursion(kernel, out, x, ordinal, parameters))  # type: ignore[arg-type]
        else:
            self.steps.append(Step(kernel, out, inputs, parameters, restatement))
        return out

    def _fill(
        self, key: Hashable, values_of: Callable[[MarketArrays, int, int], Any], dtype: type = np.float64
    ) -> Slot:
        key = ("fill", dtype, key)
        if key not in self._found:
            self.steps.append(Fill(self._add_slot(key, Slot(1, dtype, 0, 0)), values_of))
        return self._found[key]

    def _add_slot(self, key: Hashable, slot: Slot) -> Slot:
        self._found[key] = slot
        self.slots.append(slot)
        return slot


_FAMILY = {
    "mean": "sum",
    "min": "max",
    "highest": "max",
    "lowest": "max",
    "zscore": "std",
    "beta": "corr",
    "delta": "lag",
    "crosses_below": "crosses_above",
}


def _whole(node: Node) -> int:
    if not isinstance(node, Number) or node.value.denominator != 1 or node.value < 1:
        raise BrokenInvariant(f"A window length must be a whole number of at least 1, not {node}.")
    return int(node.value)


def _fold(operator: str, left: Fraction, right: Fraction) -> Fraction | None:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    return left / right if right else None


def _joined_degree(operator: str, left: int, right: int) -> int:
    """Degree of a combination; a sum of unlike degrees (price + value) has none, its history is left as it was."""
    match operator:
        case "*":
            return left + right
        case "/":
            return left - right
    return left if left == right else 0


def _minute_of_day(market: MarketArrays, begin: int, end: int) -> Any:
    return (market.closed_at_ns[begin:end] // 60_000_000_000 + KST_MINUTES) % MINUTES_PER_DAY


def _or_unknown(array: Any, market: MarketArrays) -> Any:
    return array if array is not None else np.full(market.state.shape, -1, np.int64)
