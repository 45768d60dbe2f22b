"""Rules close to a rule: its constants moved a little, a few at a time.

A rule that holds only at one exact setting was fitted to the past; its neighbours tell. They are no trials: nobody
chooses among them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from engine.rules.constants import Constant, constants_of, with_constants
from engine.rules.grid import Point
from engine.rules.problem import RuleProblem
from engine.rules.tree import RuleSet, Unit

if TYPE_CHECKING:
    import numpy as np

STEP = Fraction(1, 20)  # 5 % of a constant: finer steps hardly change which days a rule fires on
PERCENT_GRID = Fraction(1, 1000)  # per cents move by 0.1 %
MOST_MOVED = 3  # constants at once; a rule of ten numbers that are all moved is another rule, not a neighbour
_MINUTES = 10  # times of day move by ten minutes
_EXHAUSTIVE = 4  # up to this many times the wanted number all neighbours are made, then some are drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Neighbours of some rules.

    Attributes:
        points: new values by constant, all different, none the original; each gives a rule set that is allowed.
        wanted: how many were asked for.
        fixed: names of constants that cannot be moved (0 has no size, a window of 1 bar may have nothing near it).
    """

    points: tuple[Point, ...]
    wanted: int
    fixed: tuple[str, ...]

    @property
    def fewer(self) -> bool:
        """Whether there were fewer than asked for; `points` are then all that exist."""
        return len(self.points) < self.wanted


def neighbours(
    rules: RuleSet,
    rule_ids: Collection[str],
    count: int,
    generator: np.random.Generator,
    spread: Fraction = Fraction(2, 5),
) -> Neighbours:
    """Rule sets around a rule set: the constants of some rules moved by up to `spread`, at most three at once.

    Numbers move by steps of 5 % of themselves to round values: whole numbers by at least one, per cents on a grid of
    0.1 %, times by ten minutes; none changes its sign. Where few exist all are given, those that move one constant
    first; where many exist they are drawn.

    Args:
        rules: a checked rule set.
        rule_ids: the rules whose constants move.
        count: how many neighbours are wanted.
        generator: seeded by the caller; equal states give equal neighbours.
        spread: the farthest move, as a share of the constant, below 1.

    Raises:
        RuleProblem: a rule of that id does not exist.
    """
    known = {rule.id: rule for rule in rules.rules}
    for rule_id in rule_ids:
        if rule_id not in known:
            raise RuleProblem("unknown_rule", found=rule_id, expected=", ".join(known) or "–")
    constants = [constant for rule in rules.rules if rule.id in rule_ids for constant in constants_of(rule)]
    levels = {constant.name: _allowed(rules, constant, near_values(constant, spread)) for constant in constants}
    moving = {name: found for name, found in levels.items() if found}
    fixed = tuple(name for name, found in levels.items() if not found)
    if _count_of(moving) <= _EXHAUSTIVE * count:
        points = [point for point in _all(moving) if _works(rules, point)]
        if len(points) > count:
            order = generator.permutation(len(points))[:count]
            points = [points[place] for place in sorted(order)]
    else:
        points = _drawn(rules, moving, count, generator)
    return Neighbours(points=tuple(points), wanted=count, fixed=fixed)


def near_values(constant: Constant, spread: Fraction) -> tuple[Fraction, ...]:
    """Values around a constant, nearest first, never its own.

    >>> from engine.rules.prompt import load_rules_text
    >>> rules = load_rules_text('''## 투자 원칙 및 규칙
    ... ### Entry Criteria: surge
    ... **규칙**: 거래량이 3일 평균의 1.5배이면 산다
    ... **조건**: `volume_ratio(3) >= 1.5`
    ... **행동**: `buy 10% of equity`
    ... **우선순위**: 5/10
    ... ''')
    >>> window, ratio, size = constants_of(rules.rules[0])
    >>> [window.write(value) for value in near_values(window, Fraction(2, 5))]
    ['2', '4']
    >>> [ratio.write(value) for value in near_values(ratio, Fraction(1, 5))]
    ['1.4', '1.6', '1.3', '1.7', '1.2', '1.8']
    """
    value = constant.value
    found: dict[Fraction, None] = {}
    for near in _around(constant, spread):
        inside = constant.low <= near <= constant.high and not (constant.low_open and near == constant.low)
        # A number that changes its sign says something else; Monday, which is 0, does not.
        same_sign = value == 0 or near * value > 0 or constant.unit in (Unit.WEEKDAY, Unit.TIME)
        if inside and near != value and same_sign:
            found[near] = None
    return tuple(sorted(found, key=lambda near: (abs(near - value), near)))


def _around(constant: Constant, spread: Fraction) -> Iterator[Fraction]:
    value = constant.value
    if constant.unit is Unit.WEEKDAY:
        yield from (Fraction(day) for day in range(5))
        return
    if constant.unit is Unit.TIME:
        most = int(spread * 60 / _MINUTES)
        yield from (value + sign * _MINUTES * step for step in range(1, most + 1) for sign in (-1, 1))
        return
    if value == 0:
        # Nothing has no size of which five per cent could be taken; only the units say what a small step is.
        if constant.whole:
            yield from (Fraction(1), Fraction(2))
        elif constant.literal.unit is Unit.RATIO:
            yield from (sign * step * Fraction(5, 1000) for step in range(1, 5) for sign in (-1, 1))
        return
    if constant.whole and value.denominator == 1:
        # Five per cent of 5 is no bar at all: a whole number has neighbours as soon as it is above 1.
        yield from (value - 1, value + 1)
    grid = _grid_of(constant)
    for step in range(1, int(spread / STEP) + 1):
        for sign in (-1, 1):
            yield _rounded(value * (1 + sign * step * STEP), grid)


def _grid_of(constant: Constant) -> Fraction:
    """What the neighbours of a constant are multiples of."""
    if constant.whole and constant.value.denominator == 1:
        return Fraction(1)
    if constant.literal.unit is Unit.RATIO:
        # A share that is written finer than 0.1 % moves on the grid it is written on.
        grid = PERCENT_GRID
        while (constant.value / grid).denominator != 1:
            grid /= 10
        return grid
    # Two digits: 1.5 moves by 0.1, 30 by 1, 10억 by 1억.
    digits = math.floor(math.log10(abs(constant.value)))
    return Fraction(10) ** (digits - 1)


def _rounded(value: Fraction, grid: Fraction) -> Fraction:
    return round(value / grid) * grid


def _allowed(rules: RuleSet, constant: Constant, values: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    """Values that may stand there when nothing else moves, or that only their partners forbid."""
    possible = []
    for value in values:
        try:
            with_constants(rules, {constant.name: value})
        except RuleProblem as problem:
            # `macd(12, 26)` may become (30, 60) although (30, 26) is none; the whole point is tried later.
            if problem.code != "constant_rule":
                continue
        possible.append(value)
    return tuple(possible)


def _works(rules: RuleSet, point: Mapping[str, Fraction]) -> bool:
    try:
        with_constants(rules, point)
    except RuleProblem:
        return False
    return True


def _count_of(levels: Mapping[str, tuple[Fraction, ...]]) -> int:
    """How many points move one to three constants: sums of products, without making the points."""
    sums = [1, *[0] * MOST_MOVED]
    for values in levels.values():
        for moved in range(MOST_MOVED, 0, -1):
            sums[moved] += sums[moved - 1] * len(values)
    return sum(sums[1:])


def _all(levels: Mapping[str, tuple[Fraction, ...]]) -> Iterator[Point]:
    """All points, those that move one constant first."""
    for moved in range(1, MOST_MOVED + 1):
        for names in itertools.combinations(levels, moved):
            for values in itertools.product(*(levels[name] for name in names)):
                yield dict(zip(names, values, strict=True))


def _drawn(
    rules: RuleSet, levels: Mapping[str, tuple[Fraction, ...]], count: int, generator: np.random.Generator
) -> list[Point]:
    """Different points drawn at random: first how many constants move, then which, then where to."""
    names = list(levels)
    points: list[Point] = []
    seen: set[tuple[tuple[str, Fraction], ...]] = set()
    # Far more room than points, so few draws repeat; the bound ends the search where the rule allows almost nothing.
    for _ in range(50 * count):
        if len(points) == count:
            break
        moved = 1 + int(generator.integers(min(MOST_MOVED, len(names))))
        chosen = sorted(generator.choice(len(names), size=moved, replace=False))
        point = {
            names[place]: levels[names[place]][int(generator.integers(len(levels[names[place]])))] for place in chosen
        }
        key = tuple(point.items())
        if key not in seen:
            seen.add(key)
            if _works(rules, point):
                points.append(point)
    return points
