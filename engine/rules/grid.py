"""A sweep's specification: which constants take which values, as a grid that is never written out.

One axis is `name=from:to:step` or `name=value,value`, in the unit of the constant: `volume-surge.2=1.2:3.0:0.1`,
`volume-surge.1=10,20,40`, `stop-loss.1=-15%:-5%:1%`. Constants joined by a plus sign move together and are one axis:
`golden-cross.1+dead-cross.1=5:50:5`. Points are counted and drawn without making the others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from engine.rules.constants import Constant, find_constant
from engine.rules.messages import UNIT_NAMES
from engine.rules.problem import RuleProblem
from engine.rules.tree import RuleSet, Unit

if TYPE_CHECKING:
    import numpy as np

Point = dict[str, Fraction]

# Drawing with repetition and throwing repeats away is quick while the sample is a small part of the grid.
_SPARSE = 4
# What is left of `close > 10,000` after the comma: a second value that begins with a zero is none.
_THOUSANDS = re.compile(r"0[0-9]+(?:\D.*)?")


@dataclass(frozen=True, slots=True)
class Steps(Sequence[Fraction]):
    """Values at equal distance, computed when they are asked for; the end is among them when a step meets it."""

    low: Fraction
    step: Fraction
    size: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, place: int) -> Fraction:  # type: ignore[override]
        if not 0 <= place < self.size:
            raise IndexError(place)
        return self.low + place * self.step


@dataclass(frozen=True, slots=True)
class Axis:
    """One constant and the values it takes, in the order given; `also` are constants that take the same value."""

    constant: Constant
    values: Sequence[Fraction]
    also: tuple[Constant, ...] = ()

    @property
    def name(self) -> str:
        return "+".join(constant.name for constant in self.constants)

    @property
    def constants(self) -> tuple[Constant, ...]:
        return (self.constant, *self.also)

    @property
    def size(self) -> int:
        # len() ends at 2**63; a range may be longer.
        return self.values.size if isinstance(self.values, Steps) else len(self.values)

    @property
    def labels(self) -> list[str]:
        """The values as they are written in the rule."""
        return [self.constant.write(value) for value in self.values]

    def place_of(self, value: Fraction) -> int | None:
        """Which of the values this is, 0-based; None if it is none of them."""
        if not isinstance(self.values, Steps):
            return self.values.index(value) if value in self.values else None
        place = (value - self.values.low) / self.values.step
        return int(place) if place.denominator == 1 and 0 <= place < self.values.size else None


@dataclass(frozen=True, slots=True)
class Grid:
    """All combinations of the values of some constants; the last axis turns fastest."""

    axes: tuple[Axis, ...]

    @property
    def size(self) -> int:
        """How many points there are; nothing is made to count them."""
        return math.prod(axis.size for axis in self.axes)

    def point(self, index: int) -> Point:
        """The point at a place in the fixed order, 0-based.

        Raises:
            IndexError: the grid has no such place.
        """
        return {
            constant.name: axis.values[place]
            for axis, place in zip(self.axes, self.places(index), strict=True)
            for constant in axis.constants
        }

    def places(self, index: int) -> tuple[int, ...]:
        """Which value of each axis a point takes, 0-based.

        Raises:
            IndexError: the grid has no such point.
        """
        if not 0 <= index < self.size:
            raise IndexError(index)
        places = []
        for axis in reversed(self.axes):
            index, place = divmod(index, axis.size)
            places.append(place)
        return tuple(reversed(places))

    def index_of(self, point: Mapping[str, Fraction]) -> int | None:
        """The place of a point in the fixed order; None if the grid does not have it."""
        index = 0
        for axis in self.axes:
            values = {point[constant.name] for constant in axis.constants}
            place = axis.place_of(values.pop()) if len(values) == 1 else None
            if place is None:
                return None
            index = index * axis.size + place
        return index

    def points(self) -> Iterator[Point]:
        """All points, one after another, in the fixed order."""
        index = 0
        while index < self.size:
            yield self.point(index)
            index += 1

    def sample(self, count: int, seed: int) -> list[Point]:
        """Different points drawn at random, in the order of drawing, so that any first part is a sample too.

        Args:
            count: how many; a grid that has no more is given whole, in its own order.
            seed: equal seeds give equal samples.
        """
        return [self.point(index) for index in self.draw(count, seed)]

    def draw(self, count: int, seed: int) -> list[int]:
        """The places of a sample's points in the fixed order; arguments as for `sample`."""
        from numpy.random import default_rng  # noqa: PLC0415 - not for the command line that only counts

        return list(range(self.size)) if count >= self.size else self._draw(count, default_rng(seed))

    def _draw(self, count: int, generator: np.random.Generator) -> list[int]:
        if self.size <= _SPARSE * count:
            return [int(index) for index in generator.permutation(self.size)[:count]]
        drawn: dict[int, None] = {}
        sizes = [axis.size for axis in self.axes]
        while len(drawn) < count:
            index = 0
            # Axis by axis, because the number of points may not fit into 64 bits.
            for size in sizes:
                index = index * size + _below(size, generator)
            drawn[index] = None
        return list(drawn)


def parse_grid(rules: RuleSet, axes: Sequence[str]) -> Grid:
    """The grid of a specification.

    Every value is checked alone; whether two go together (`macd` needs fast below slow) is known when
    `engine.rules.constants.with_constants` puts them in.

    Args:
        rules: the rule set whose constants vary.
        axes: one text for each constant.

    Raises:
        RuleProblem: no axis, a text that cannot be read, a range that runs backwards or has no step, an unknown
            constant, a value of another unit or one that cannot stand there.

    >>> from engine.rules.prompt import load_rules_text
    >>> rules = load_rules_text('''## 투자 원칙 및 규칙
    ... ### Exit Criteria: stop
    ... **규칙**: 손실이 7%에 이르면 판다
    ... **조건**: `pnl <= -7%`
    ... **행동**: `sell all`
    ... **우선순위**: 5/10
    ... ''')
    >>> grid = parse_grid(rules, ["stop.1=-15%:-5%:2.5%"])
    >>> grid.size, grid.axes[0].labels
    (5, ['-15%', '-12.5%', '-10%', '-7.5%', '-5%'])
    """
    found = [_axis(rules, text) for text in axes]
    if not found:
        raise RuleProblem("grid_empty")
    names: set[str] = set()
    for axis in found:
        for constant in axis.constants:
            if constant.name in names:
                raise RuleProblem("grid_twice", found=constant.name)
            names.add(constant.name)
    return Grid(tuple(found))


def _below(size: int, generator: np.random.Generator) -> int:
    """A whole number from 0 to size - 1, each equally likely, however large the size."""
    bits = size.bit_length()
    if bits < 63:
        return int(generator.integers(size))
    while True:
        number = int.from_bytes(generator.bytes((bits + 7) // 8), "little") >> (-bits % 8)
        if number < size:
            return number


def _axis(rules: RuleSet, text: str) -> Axis:
    name, equals, values = (part.strip() for part in text.partition("="))
    if not (name and equals and values):
        raise RuleProblem("grid_form", found=text)
    first, *also = (find_constant(rules, part.strip()) for part in name.split("+"))
    found = _values(first, text, values)
    for constant in also:
        # Each says for itself whether the values can stand there; what they are read as is the same for all.
        _values(constant, text, values)
    return Axis(first, found, tuple(also))


def _values(constant: Constant, text: str, values: str) -> Sequence[Fraction]:
    pieces = [piece.strip() for piece in values.split(",")]
    if len(pieces) == 1 and ":" in values and constant.unit is not Unit.TIME:
        return _range(constant, text, values)
    return _list(constant, text, pieces)


def _list(constant: Constant, text: str, pieces: list[str]) -> tuple[Fraction, ...]:
    if constant.unit is not Unit.TIME and any(_THOUSANDS.fullmatch(piece) for piece in pieces[1:]):
        joined = text.replace(",", "_").replace(" ", "")
        raise RuleProblem("grid_comma", rule_id=constant.rule_id, found=text, suggestion=joined)
    values: list[Fraction] = []
    for piece in pieces:
        if not piece or (":" in piece and constant.unit is not Unit.TIME):
            raise RuleProblem("grid_form", rule_id=constant.rule_id, found=text)
        value = constant.read(piece)
        constant.check(value)
        if value in values:
            raise RuleProblem("grid_twice", rule_id=constant.rule_id, found=f"{constant.name}={piece}")
        values.append(value)
    return tuple(values)


def _range(constant: Constant, text: str, values: str) -> Steps:
    pieces = [piece.strip() for piece in values.split(":")]
    if constant.unit is Unit.WEEKDAY:
        unit = UNIT_NAMES[constant.unit]
        example = f"{constant.name}=mon,wed,fri"
        raise RuleProblem("grid_range_of", rule_id=constant.rule_id, name=constant.name, unit=unit, example=example)
    if len(pieces) != 3 or not all(pieces):
        raise RuleProblem("grid_form", rule_id=constant.rule_id, found=text)
    low, high, step = (constant.read(piece) for piece in pieces)
    if step <= 0:
        example = f"{constant.name}={pieces[0]}:{pieces[1]}:{pieces[2].lstrip('-')}"
        if step == 0:
            example = f"{constant.name}={constant.text}"
        raise RuleProblem("grid_step", rule_id=constant.rule_id, name=constant.name, found=pieces[2], example=example)
    if low > high:
        raise RuleProblem(
            "grid_reverse",
            rule_id=constant.rule_id,
            name=constant.name,
            low=pieces[0],
            high=pieces[1],
            suggestion=f"{constant.name}={pieces[1]}:{pieces[0]}:{pieces[2]}",
        )
    steps = Steps(low, step, int((high - low) / step) + 1)
    # The first two decide for all: equal steps between whole numbers stay whole, and all lie between the ends.
    constant.check(low)
    constant.check(high)
    for place in range(1, min(steps.size, 2)):
        constant.check(steps[place])
    return steps
