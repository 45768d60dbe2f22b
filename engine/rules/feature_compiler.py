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
from engine.rules.feature_slots import PRICE, PURE, SHARES, Dimension, MarketArrays, Slot, Source
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

    def output(self, node: Node) -> Slot:
        """The slot that holds a tree's values, in won where it is money; constants get one cell a row."""
        return self._in_won(self.slot(node))

    def slot(self, node: Node) -> Slot:
        """The slot that holds a tree's values, in the unit of its `power`."""
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
            return self._units(name)
        match name:
            case "volume":
                return self._volume()
            case "value":
                traded = self._source("value", lambda market: _or_unknown(market.value, market))
                return self._step(elementwise.load, (traded, self._age()))
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

    def _source(
        self, key: str, array_of: Callable[[MarketArrays], Any], dimension: Dimension = PURE, width: int = -1
    ) -> Source:
        if key not in self._sources:
            self._sources[key] = Source(array_of, self.columns if width < 0 else width, dimension)
            self.sources.append(self._sources[key])
        return self._sources[key]

    def _price(self, name: str) -> Source:
        return self._source(name, lambda market: market.bars[PRICES[name]], PRICE)

    def _volumes(self) -> Source:
        return self._source("volume", lambda market: market.bars[VOLUME], SHARES)

    def _age(self) -> Slot:
        state = self._source("state", lambda market: market.state)
        first = self._source("first_row", lambda market: market.first_row, width=0)
        return self._step(elementwise.ages, (state, first), (self.start_of,), dtype=np.int32)

    def _session_age(self) -> Slot:
        start_of = self.start_of
        return self._fill("rows", lambda market, begin, end: np.arange(begin, end) - start_of[0] + 1, dtype=np.int32)

    def _units(self, name: str) -> Slot:
        """Price units as floats: whole numbers, so that a quotient of differences is rounded once."""
        return self._step(elementwise.load, (self._price(name), self._age()), dimension=PRICE)

    def _volume(self) -> Slot:
        return self._step(elementwise.load, (self._volumes(), self._age()), dimension=SHARES)

    def _integers(self, node: Node) -> Source | None:
        """The integer column behind a plain bar field: sums of it are exact."""
        if isinstance(node, Name) and node.name in PRICES:
            return self._price(node.name)
        return self._volumes() if isinstance(node, Name) and node.name == "volume" else None

    def _in_won(self, slot: Slot) -> Slot:
        degree, power = slot.dimension
        if power == 0 or self.scale == 1:
            return slot
        kernel = elementwise.divide_by_constant if power > 0 else elementwise.multiply_constant
        return self._step(kernel, (slot,), (float(self.scale ** abs(power)),), dimension=Dimension(degree, 0))

    def _units_per_won(self, slot: Slot) -> Fraction:
        return Fraction(self.scale) ** slot.dimension.power

    def _same_unit(self, left: Slot, right: Slot) -> tuple[Slot, ...]:
        """Both in the same width, and in won unless they share another unit."""
        if left.dimension.power != right.dimension.power:
            left, right = self._in_won(left), self._in_won(right)
        return self._same_width(left, right)

    # ---- operators

    def _arithmetic(self, operator: str, left: Value, right: Value) -> Value:
        if left is None or right is None:
            return None
        if isinstance(left, Slot) and isinstance(right, Slot):
            return self._pair(operator, left, right)
        if isinstance(left, Slot):
            return self._with_constant_right(operator, left, Fraction(right))  # type: ignore[arg-type]
        if isinstance(right, Slot):
            return self._with_constant_left(operator, Fraction(left), right)
        return _fold(operator, Fraction(left), Fraction(right))

    def _pair(self, operator: str, left: Slot, right: Slot) -> Slot:
        if operator in "+-":
            left, right = self._same_unit(left, right)
            # Unlike degrees (a price and a traded amount) have none together: their history is left as it was.
            alike = left.dimension == right.dimension
            dimension = left.dimension if alike else Dimension(0, left.dimension.power)
        else:
            left, right = self._same_width(left, right)
            join = left.dimension.times if operator == "*" else left.dimension.over
            dimension = join(right.dimension)
        return self._step(PAIRS[operator], (left, right), dimension=dimension)

    def _with_constant_right(self, operator: str, left: Slot, right: Fraction) -> Value:
        if operator == "/" and right == 0:
            return None
        kernel, number = {
            "+": (elementwise.add_constant, right * self._units_per_won(left)),
            "-": (elementwise.add_constant, -right * self._units_per_won(left)),
            "*": (elementwise.multiply_constant, right),
            "/": (elementwise.divide_by_constant, right),
        }[operator]
        return self._step(kernel, (left,), (float(number),), dimension=left.dimension)

    def _with_constant_left(self, operator: str, left: Fraction, right: Slot) -> Value:
        if operator == "-":
            units = float(left * self._units_per_won(right))
            return self._step(elementwise.subtract_from_constant, (right,), (units,), dimension=right.dimension)
        if operator == "/":
            dimension = PURE.over(right.dimension)
            return self._step(elementwise.divide_constant, (right,), (float(left),), dimension=dimension)
        return self._with_constant_right(operator, right, left)

    def _comparison(self, operator: str, left: Value, right: Value) -> Value:
        if left is None or right is None:
            return self._unknown_verdict()
        if isinstance(left, Slot) and isinstance(right, Slot):
            if operator.startswith("<"):
                left, right, operator = right, left, MIRRORED[operator]
            return self._step(PAIRS[operator], self._same_unit(left, right), dtype=np.int8)
        if isinstance(left, Slot):
            return self._compare_constant(operator, left, right)
        if isinstance(right, Slot):
            return self._compare_constant(MIRRORED[operator], right, left)
        return COMPARE[operator](Fraction(left), Fraction(right))

    def _compare_constant(self, operator: str, x: Slot, constant: Value) -> Slot:
        return self._step(CONSTANTS[operator], (x,), (self._in_units(constant, x),), dtype=np.int8)

    def _in_units(self, constant: Value, like: Slot) -> float:
        """A literal in the unit in which a slot's values stand."""
        assert isinstance(constant, Fraction | bool)
        return float(constant * self._units_per_won(like))

    def _unknown_verdict(self) -> Slot:
        return self._fill("unknown", lambda market, begin, end: -1, dtype=np.int8)

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
            elementwise.spread,
            (slot,),
            dtype=slot.values.dtype.type,
            dimension=slot.dimension,
            width=self.columns,
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
        divisor = float(window if name == "mean" else 1)
        integers = self._integers(x)
        if integers is None:
            series = self.slot(x)
            return self._window(
                windows.float_window, (series,), (window, divisor), window - 1, dimension=series.dimension
            )
        total = self._cumulated(recursive.cumulate, integers, history=window)
        direct = Restatement(windows.float_window, (integers,), (window, divisor), window - 1)
        return self._step(
            windows.integer_window,
            (total, self._age()),
            (window, divisor),
            dimension=integers.dimension,
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
            return self._window(
                windows.extreme_direct, (series,), (window, sign), window - 1, dimension=series.dimension
            )
        direct = Restatement(windows.extreme_direct, (series,), (window, sign), window - 1)
        series.keep(window - 1)
        return self._step(
            recursive.extreme,
            (series,),
            (window, sign),
            dimension=series.dimension,
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
            dimension=series.dimension,
            lookback=window,
            restatement=direct,
            state=lambda width: (np.full((width, window), np.inf), np.full(width, window, np.int64)),
        )

    def _call_std(self, name: str, x: Node, n: Node) -> Slot:
        window, series = _whole(n), self.slot(x)
        dimension = series.dimension if name == "std" else PURE
        return self._window(windows.deviation, (series,), (window, name == "zscore"), window - 1, dimension=dimension)

    def _call_ts_rank(self, name: str, x: Node, n: Node) -> Slot:
        window = _whole(n)
        return self._window(windows.ts_rank, (self.slot(x),), (window,), window - 1)

    def _call_corr(self, name: str, x: Node, y: Node, n: Node) -> Slot:
        window = _whole(n)
        left, right = self._same_width(self.slot(x), self.slot(y))
        slope = name == "beta"
        dimension = left.dimension.over(right.dimension) if slope else PURE
        return self._window(windows.codeviation, (left, right), (window, slope), window - 1, dimension=dimension)

    def _call_lag(self, name: str, x: Node, n: Node) -> Slot:
        window, series = _whole(n), self.slot(x)
        kernel = windows.lag if name == "lag" else windows.delta
        return self._window(kernel, (series,), (window,), window, dimension=series.dimension)

    def _call_returns(self, name: str, n: Node) -> Slot:
        return self._returns(_whole(n))

    def _returns(self, window: int) -> Slot:
        return self._window(windows.returns, (self._units("close"),), (window,), window)

    def _call_volatility(self, name: str, n: Node) -> Slot:
        window, daily = _whole(n), self._returns(1)
        deviation = self._window(windows.deviation, (daily,), (window, False), window - 1)
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
            return self._unknown_verdict()
        if isinstance(left, Slot) and isinstance(right, Slot):
            pair = self._same_unit(left, right) if above else self._same_unit(right, left)
            return self._window(elementwise.crosses_above, pair, (), 1, dtype=np.int8)
        if not isinstance(left, Slot):
            left, right, above = right, left, not above
        if not isinstance(left, Slot):
            return False  # two constants never cross
        kernel = elementwise.crosses_above_constant if above else elementwise.crosses_below_constant
        return self._window(kernel, (left,), (self._in_units(right, left),), 1, dtype=np.int8)

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
            dimension=x.dimension,
            lookback=lookback,
            state=lambda width: (*(np.zeros(width) for _ in range(4)), np.full(1, -1, np.int64)),
        )

    def _call_macd(self, name: str, fast: Node, slow: Node, signal: Node | None = None) -> Value:
        lengths = [_whole(fast), _whole(slow)] + ([_whole(signal)] if signal is not None else [])
        restart = RESTART_FACTOR * max(lengths)
        close = self._units("close")
        line = self._arithmetic("-", *(self._ema(close, length, restart) for length in lengths[:2]))
        if len(lengths) == 2 or not isinstance(line, Slot):
            return line
        return self._arithmetic("-", line, self._ema(line, lengths[2], restart))

    def _call_atr(self, name: str, n: Node) -> Slot:
        bars = tuple(self._units(field) for field in ("high", "low", "close"))
        return self._wilder(self._window(recursive.true_range, bars, (), 1, dimension=PRICE), _whole(n))

    def _call_rsi_wilder(self, name: str, n: Node) -> Slot:
        window, close = _whole(n), self._units("close")
        changes = (self._window(recursive.gain, (close,), (sign,), 1, dimension=PRICE) for sign in (1.0, -1.0))
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
        *,
        dimension: Dimension = PURE,
        dtype: type = np.float64,
    ) -> Slot:
        """A step that reads `span` rows before today and evaluates each window anew, so it restates itself."""
        for slot in inputs:
            slot.keep(span)
        scaled = span > 0 and any(slot.dimension.degree for slot in inputs)
        direct = Restatement(kernel, inputs, parameters, span) if scaled else None
        return self._step(
            kernel, inputs, parameters, dtype=dtype, dimension=dimension, lookback=span, restatement=direct
        )

    def _step(
        self,
        kernel: Kernel,
        inputs: tuple[Slot | Source, ...],
        parameters: tuple[Any, ...] = (),
        *,
        dtype: type = np.float64,
        dimension: Dimension = PURE,
        width: int = -1,
        lookback: int = 0,
        restatement: Restatement | None = None,
        state: Callable[[int], tuple[Any, ...]] | None = None,
    ) -> Slot:
        key = (kernel, dimension, *map(id, inputs), *(id(p) if p is self.start_of else p for p in parameters))
        if key in self._found:
            return self._found[key]
        if restatement is not None and not any(column.dimension.degree for column in restatement.inputs):
            restatement = None  # nothing in it scales with an action; and a series of the bar alone has no such columns
        if width < 0:
            width = max(column.width for column in inputs)
        before = max((column.lookback for column in inputs if isinstance(column, Slot)), default=0)
        out = self._add_slot(key, Slot(width, dtype, before + lookback, dimension))
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
            self.steps.append(Fill(self._add_slot(key, Slot(1, dtype, 0, PURE)), values_of))
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


def _minute_of_day(market: MarketArrays, begin: int, end: int) -> Any:
    return (market.closed_at_ns[begin:end] // 60_000_000_000 + KST_MINUTES) % MINUTES_PER_DAY


def _or_unknown(array: Any, market: MarketArrays) -> Any:
    return array if array is not None else np.full(market.state.shape, -1, np.int64)
