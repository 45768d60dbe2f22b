"""The rule language by its definitions, in exact rational arithmetic: slow, plain, and apart from the kernels.

Every value is asked for at a row, for one instrument, *as of* a row: bars before a corporate action that had happened
by then are restated by its ratio. Unknown is None.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

from engine.rules.feature_compiler import restart_rule
from engine.rules.features import MarketArrays
from engine.rules.tree import Arithmetic, Call, Comparison, IndexField, Logic, Name, Negative, Node, Not, Number

FIELDS = ("open", "high", "low", "close")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
Exact = Fraction | None
Reached = dict[tuple[int, int], tuple[int, Fraction]]  # first row and row of a recursion -> values seen, level


def square_root(x: Fraction) -> Fraction:
    """Good to 30 digits whatever the size."""
    if x == 0:
        return Fraction(0)
    scale = 10 ** (60 + 2 * max(0, -math.floor(math.log10(x))))
    return Fraction(math.isqrt(x.numerator * scale // x.denominator), math.isqrt(scale))


class ExactFeatures:
    """Evaluates trees over one market; `value` for numbers, `verdict` for conditions."""

    def __init__(self, market: MarketArrays) -> None:
        self.market = market
        self.memo: dict[Any, Any] = {}
        self.actions = list(
            zip(
                market.actions.row.tolist(),
                market.actions.col.tolist(),
                market.actions.numerator.tolist(),
                market.actions.denominator.tolist(),
                strict=True,
            )
        )

    # ---- bars

    def present(self, row: int, column: int) -> bool:
        return row >= 0 and bool(self.market.state[row, column] & 1)

    def ratio(self, row: int, column: int, as_of: int) -> Fraction:
        """What the prices of `row` are multiplied by as of the other row."""
        product = Fraction(1)
        for when, whose, numerator, denominator in self.actions:
            if whose == column and row < when <= as_of:
                product *= Fraction(denominator, numerator)
        return product

    def price(self, field: str, row: int, column: int, as_of: int) -> Exact:
        if not self.present(row, column):
            return None
        units = int(self.market.bars[FIELDS.index(field), row, column])
        return Fraction(units, self.market.price_scale) * self.ratio(row, column, as_of)

    def volume(self, row: int, column: int, as_of: int) -> Exact:
        if not self.present(row, column):
            return None
        return Fraction(int(self.market.bars[4, row, column])) / self.ratio(row, column, as_of)

    def name(self, name: str, row: int, column: int, as_of: int) -> Exact:
        if name in FIELDS:
            return self.price(name, row, column, as_of)
        if name == "volume":
            return self.volume(row, column, as_of)
        if row < 0:
            return None
        if name == "weekday":
            return Fraction((int(self.market.session[row]) + 3) % 7)
        assert name == "value"
        assert self.market.value is not None
        value = int(self.market.value[row, column])
        return Fraction(value) if self.present(row, column) and value >= 0 else None

    # ---- trees

    def value(self, node: Node, row: int, column: int, as_of: int | None = None) -> Exact:
        as_of = row if as_of is None else as_of
        key = (node, row, column, as_of)
        if key not in self.memo:
            self.memo[key] = self._value(node, row, column, as_of)
        return self.memo[key]  # type: ignore[no-any-return]

    def _value(self, node: Node, row: int, column: int, as_of: int) -> Exact:
        match node:
            case Number():
                return node.value
            case Name():
                return self.name(node.name, row, column, as_of)
            case IndexField():
                points = float(self.market.indices[node.index][FIELDS.index(node.field), row]) if row >= 0 else math.nan
                return None if math.isnan(points) else Fraction(points)
            case Negative():
                inner = self.value(node.operand, row, column, as_of)
                return None if inner is None else -inner
            case Arithmetic():
                left, right = self.value(node.left, row, column, as_of), self.value(node.right, row, column, as_of)
                if left is None or right is None or (node.operator == "/" and right == 0):
                    return None
                return {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}[node.operator](
                    left, right
                )
            case Call():
                return self.call(node.function, node.arguments, row, column, as_of)
        raise AssertionError(node)

    def verdict(self, node: Node, row: int, column: int, as_of: int | None = None) -> bool | None:
        as_of = row if as_of is None else as_of
        match node:
            case Comparison():
                left, right = self.value(node.left, row, column, as_of), self.value(node.right, row, column, as_of)
                return None if left is None or right is None else COMPARE[node.operator](left, right)
            case Logic():
                found = [self.verdict(operand, row, column, as_of) for operand in node.operands]
                decided = node.operator == "or"
                return decided if decided in found else (None if None in found else not decided)
            case Not():
                inner = self.verdict(node.operand, row, column, as_of)
                return None if inner is None else not inner
            case Call(function="crosses_above" | "crosses_below", arguments=(a, b)):
                now, before = (">", "<=") if node.function == "crosses_above" else ("<", ">=")
                halves = []
                for sign, when in ((now, row), (before, row - 1)):
                    x, y = self.value(a, when, column, as_of), self.value(b, when, column, as_of)
                    halves.append(None if x is None or y is None else COMPARE[sign](x, y))
                return False if False in halves else (None if None in halves else True)
            case Call(function="top", arguments=(x, n)):
                mine = self.value(x, row, column)
                if mine is None:
                    return None
                others = [(self.value(x, row, other), other) for other in range(self.market.columns)]
                better = [1 for value, other in others if value is not None and (-value, other) < (-mine, column)]
                return len(better) < whole(n)
        raise AssertionError(node)

    def window(self, x: Node, n: int, row: int, column: int, as_of: int) -> list[Fraction] | None:
        values = [self.value(x, when, column, as_of) for when in range(row - n + 1, row + 1)]
        known = [value for value in values if value is not None]
        return known if len(known) == n else None

    def call(self, function: str, arguments: tuple[Node, ...], row: int, column: int, as_of: int) -> Exact:
        close = Name(name="close")
        match function:
            case "mean" | "sum" | "min" | "max" | "lowest" | "highest" | "median" | "std" | "zscore" | "ts_rank":
                values = self.window(arguments[0], whole(arguments[1]), row, column, as_of)
                return None if values is None else STATISTICS[function](values)
            case "corr" | "beta":
                n = whole(arguments[2])
                x, y = (self.window(argument, n, row, column, as_of) for argument in arguments[:2])
                return None if x is None or y is None else correlation(x, y, function == "beta")
            case "lag":
                return self.value(arguments[0], row - whole(arguments[1]), column, as_of)
            case "delta":
                now, before = (self.value(arguments[0], r, column, as_of) for r in (row, row - whole(arguments[1])))
                return None if now is None or before is None else now - before
            case "returns":
                now, before = (self.value(close, r, column, as_of) for r in (row, row - whole(arguments[0])))
                return None if now is None or not before else (now - before) / before
            case "volatility":
                one = Call(function="returns", arguments=(Number(value=Fraction(1)),))
                values = self.window(one, whole(arguments[0]), row, column, as_of)
                year = Fraction(self.market.bars_per_year)
                return None if values is None else deviation(values) * square_root(year)
            case "volume_ratio":
                volumes = self.window(Name(name="volume"), whole(arguments[0]) + 1, row, column, as_of)
                if volumes is None or sum(volumes[:-1]) == 0:
                    return None
                return volumes[-1] / mean(volumes[:-1])
            case "rsi":
                closes = self.window(close, whole(arguments[0]) + 1, row, column, as_of)
                return None if closes is None else relative_strength(*gains_and_losses(closes))
            case "count_if":
                found = [
                    self.verdict(arguments[0], r, column, as_of) if self.present(r, column) else None
                    for r in range(row - whole(arguments[1]) + 1, row + 1)
                ]
                return None if None in found else Fraction(sum(map(bool, found)))
            case "bars_since":
                for back in range(whole(arguments[1])):
                    found_now = (
                        self.verdict(arguments[0], row - back, column, as_of)
                        if self.present(row - back, column)
                        else None
                    )
                    if found_now is not False:
                        return Fraction(back) if found_now else None
                return None
            case "rank":
                mine = self.value(arguments[0], row, column)
                everyone = [self.value(arguments[0], row, other) for other in range(self.market.columns)]
                known = [value for value in everyone if value is not None]
                if mine is None:
                    return None
                less, equal = sum(v < mine for v in known), sum(v == mine for v in known)
                return (less + Fraction(equal + 1, 2)) / len(known)
            case "breadth":
                verdicts = [
                    self.verdict(arguments[0], row, c) for c in range(self.market.columns) if self.present(row, c)
                ]
                decided = [verdict for verdict in verdicts if verdict is not None]
                return Fraction(sum(decided), len(decided)) if decided else None
            case _:
                return self.recursion(function, arguments, row, column, as_of)

    # ---- recursions

    def recursion(self, function: str, arguments: tuple[Node, ...], row: int, column: int, as_of: int) -> Exact:
        close = Name(name="close")
        lengths = [whole(argument) for argument in arguments if isinstance(argument, Number)]
        restart = 10 * max(lengths)

        def exponential(series: Callable[[int], Exact], n: int, at: int, reached: Reached | None = None) -> Exact:
            first, other = Fraction(1), Fraction(2, n + 1)
            return self.smoothed(series, at, restart, n, lambda k: first if k == 1 else other, reached)

        def wilder(series: Callable[[int], Exact], n: int) -> Exact:
            return self.smoothed(series, row, restart, n, lambda k: Fraction(1, min(k, n)))

        def closing(when: int) -> Exact:
            return self.value(close, when, column, as_of)

        def change(when: int) -> Exact:
            now, before = closing(when), closing(when - 1)
            return None if now is None or before is None else now - before

        match function:
            case "ema":
                return exponential(lambda r: self.value(arguments[0], r, column, as_of), lengths[0], row)
            case "macd":
                averages: dict[int, Reached] = {n: {} for n in lengths[:2]}

                def line(when: int) -> Exact:
                    fast, slow = (exponential(closing, n, when, averages[n]) for n in lengths[:2])
                    return None if fast is None or slow is None else fast - slow

                here = line(row)
                if len(lengths) == 2:
                    return here
                signal = exponential(line, lengths[2], row)
                return None if here is None or signal is None else here - signal
            case "rsi_wilder":
                rise, fall = (
                    wilder(lambda r, s=sign: None if (c := change(r)) is None else max(s * c, Fraction(0)), lengths[0])  # type: ignore[misc]
                    for sign in (1, -1)
                )
                return None if rise is None or fall is None else relative_strength(rise, fall)
        assert function == "atr"

        def true_range(when: int) -> Exact:
            high, low, before = (
                self.price("high", when, column, as_of),
                self.price("low", when, column, as_of),
                closing(when - 1),
            )
            return None if high is None or low is None or before is None else max(high, before) - min(low, before)

        return wilder(true_range, lengths[0])

    def smoothed(
        self,
        series: Callable[[int], Exact],
        row: int,
        restart: int,
        least: int,
        weight: Callable[[int], Fraction],
        reached: Reached | None = None,
    ) -> Exact:
        """The recursion that began with the previous stretch of the calendar, or at the first known value after it.

        `reached` keeps how far it has come, for whoever asks for many rows of one series.
        """
        reached = {} if reached is None else reached
        span, _ = restart_rule(restart, self.market.bars_per_year)
        stretch = (self.market.ordinal // span).tolist()
        anchors = [r for r in range(1, row + 1) if stretch[r] != stretch[r - 1]]
        start = anchors[-2] if len(anchors) > 1 else 0
        done = next((when for when in range(row, start - 1, -1) if (start, when) in reached), start - 1)
        seen, level = reached.get((start, done), (0, Fraction(0)))
        for when in range(done + 1, row + 1):
            value = series(when)
            if value is None:
                seen, level = 0, Fraction(0)
            else:
                seen += 1
                level += weight(seen) * (value - level)
            reached[start, when] = seen, level
        return level if seen >= least else None


def whole(node: Node) -> int:
    assert isinstance(node, Number)
    return int(node.value)


def mean(values: list[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def deviation(values: list[Fraction]) -> Fraction:
    middle = mean(values)
    return square_root(sum(((v - middle) ** 2 for v in values), Fraction(0)) / (len(values) - 1))


def zscore(values: list[Fraction]) -> Exact:
    spread = deviation(values)
    return (values[-1] - mean(values)) / spread if spread else None


def median(values: list[Fraction]) -> Fraction:
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2


def ts_rank(values: list[Fraction]) -> Fraction:
    less, equal = sum(v < values[-1] for v in values), sum(v == values[-1] for v in values)
    return (less + Fraction(equal + 1, 2)) / len(values)


def correlation(x: list[Fraction], y: list[Fraction], slope: bool) -> Exact:
    mean_x, mean_y = mean(x), mean(y)
    product = sum(((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)), Fraction(0))
    square_x = sum(((a - mean_x) ** 2 for a in x), Fraction(0))
    square_y = sum(((b - mean_y) ** 2 for b in y), Fraction(0))
    if not square_x or not square_y:
        return None
    return product / square_y if slope else product / square_root(square_x * square_y)


def gains_and_losses(closes: list[Fraction]) -> tuple[Fraction, Fraction]:
    changes = [b - a for a, b in pairwise(closes)]
    return sum((c for c in changes if c > 0), Fraction(0)), -sum((c for c in changes if c < 0), Fraction(0))


def relative_strength(gain: Fraction, loss: Fraction) -> Exact:
    return 100 * gain / (gain + loss) if gain + loss else None


STATISTICS: dict[str, Callable[[list[Fraction]], Exact]] = {
    "mean": mean,
    "sum": lambda values: sum(values, Fraction(0)),
    "min": min,
    "lowest": min,
    "max": max,
    "highest": max,
    "median": median,
    "std": deviation,
    "zscore": zscore,
    "ts_rank": ts_rank,
}
