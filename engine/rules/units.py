"""Unit algebra: which units can be compared, added, multiplied and divided, and what comes out.

A quantity has a unit and a split power. The split power says how the quantity moves when shares are split: a
price per share has power 1 (it falls by the ratio), a number of shares has -1 (it rises), an amount of money or
a ratio 0. So a price and an amount, both in won, are never mixed up: `close > value` is an error,
`close * volume > value` is not.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.rules.tree import Unit

# Both are numbers without dimension; a ratio is the one that is spoken of in per cent.
PURE = frozenset({Unit.RATIO, Unit.COUNT})
NUMERIC = frozenset({Unit.WON, Unit.SHARES, Unit.RATIO, Unit.DAYS, Unit.COUNT, Unit.POINTS})
# A plain literal takes these units in a comparison: `close > 10000`, `days_held >= 5`, `weekday == 4`.
TAKEN_BY_LITERAL = frozenset({Unit.WON, Unit.SHARES, Unit.DAYS, Unit.POINTS, Unit.WEEKDAY})
# In a sum only where no mistake hides: `mean(close, 20) + 0.05` is meant as 5 % and would add 0.05 won.
ADDED_BY_LITERAL = frozenset({Unit.DAYS, Unit.POINTS})


@dataclass(frozen=True, slots=True)
class Quantity:
    """Unit and split power of an expression; `constant` when no data goes into it."""

    unit: Unit
    split_power: int = 0
    constant: bool = False

    @property
    def numeric(self) -> bool:
        return self.unit in NUMERIC

    def same_power(self, other: Quantity) -> bool:
        """Whether the two move alike in a split; a constant goes with anything."""
        return self.constant or other.constant or self.split_power == other.split_power


def add(left: Quantity, right: Quantity) -> Quantity | None:
    """Sum or difference; None when it has no meaning."""
    if left.unit == right.unit:
        unit = left.unit
    elif left.unit in PURE and right.unit in PURE:
        unit = Unit.RATIO
    else:
        return None
    # A constant beside a price takes the price's power.
    power = right.split_power if left.constant else left.split_power
    return Quantity(unit, power, left.constant and right.constant)


def multiply(left: Quantity, right: Quantity) -> Quantity | None:
    """Product; None when it has no meaning."""
    power = left.split_power + right.split_power
    constant = left.constant and right.constant
    units = {left.unit, right.unit}
    if units <= PURE:
        return Quantity(Unit.COUNT if units == {Unit.COUNT} else Unit.RATIO, power, constant)
    if units & PURE:
        return Quantity((units - PURE).pop(), power, constant)
    if units == {Unit.WON, Unit.SHARES} and (power == 0 or left.constant or right.constant):
        return Quantity(Unit.WON, power, constant)
    return None


def divide(left: Quantity, right: Quantity) -> Quantity | None:
    """Quotient; None when it has no meaning."""
    power = left.split_power - right.split_power
    constant = left.constant and right.constant
    if left.unit in PURE and right.unit in PURE:
        # Numbers stay plain among literals (1 / 2); counts of something become a share (count_if(…) / 20).
        plain = constant and left.unit == right.unit == Unit.COUNT
        return Quantity(Unit.COUNT if plain else Unit.RATIO, power, constant)
    if left.unit == right.unit:
        return Quantity(Unit.RATIO, power, constant)
    if right.unit in PURE or right.unit is Unit.DAYS:
        return Quantity(left.unit, power, constant)
    if left.unit is Unit.WON and right.unit is Unit.SHARES and (power == 1 or left.constant or right.constant):
        return Quantity(Unit.WON, power, constant)
    if left.unit is Unit.WON and right.unit is Unit.POINTS:
        # An index is a pure measure: a price divided by it is a price with the market's part taken out.
        return Quantity(Unit.WON, power, constant)
    return None


def comparable(left: Quantity, right: Quantity) -> bool:
    """Whether the two units can be compared (split powers apart)."""
    if left.unit == right.unit:
        return left.unit is not Unit.BOOL
    if not (left.unit in PURE and right.unit in PURE):
        return False
    # `rsi(14) < 30%` is a slip for 30: a per cent literal does not go with a count of something.
    return not (
        (left.unit is Unit.RATIO and left.constant and not right.constant)
        or (right.unit is Unit.RATIO and right.constant and not left.constant)
    )
