"""Numbers of a context that its masked form must not hold, for whoever looks at the finished prompt.

The mask changes or drops every price, sum, volume and index level; a ratio of 1,250 it tells as it is. So a number is
hidden if it stands for one of the former and no number that is told reads the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.planning.context import FIELDS, RATIO_DECIMALS, Context

HIDDEN = frozenset({"price", "money", "volume", "market_cap", "index", "shares"})
"""Kinds whose numbers a masked prompt must not hold."""
_HIDDEN_UNITS = frozenset({"won", "index points", "shares"})
_NO_NUMBERS_TOLD = frozenset({"count", "date", "name"})
LEAST = 1_000  # a smaller number can be anything


def hidden_numbers(context: Context) -> frozenset[str]:
    """Numbers of four digits or more, without separators."""
    hidden: set[float] = set()
    told: set[float] = set()
    for is_hidden, value in _numbers("", {name: part for name, part in context.items() if name != "cut"}):
        (hidden if is_hidden else told).add(value)
    told.update(context.get("cut", {}).values())
    return frozenset(map(plain_number, hidden)) - frozenset(map(plain_number, told))


def _numbers(name: str, value: Any) -> Iterator[tuple[bool, float]]:
    """Every large number of a part of the context, and whether it is hidden."""
    if isinstance(value, dict):
        if "what" in value:
            yield from _large(value["value"], value["unit"] in _HIDDEN_UNITS)
        else:
            for key, item in value.items():
                yield from _numbers(key, item)
    elif isinstance(value, list):
        for item in value:
            yield from _numbers(name, item)
    else:
        kind = FIELDS.get(name, "")
        if kind not in _NO_NUMBERS_TOLD:
            yield from _large(value, kind in HIDDEN)


def _large(value: Any, is_hidden: bool) -> Iterator[tuple[bool, float]]:
    if isinstance(value, (int, float)) and abs(value) >= LEAST:
        yield is_hidden, abs(value)


def plain_number(value: float) -> str:
    """A number as it may stand in a text, without separators.

    >>> plain_number(70_100.0), plain_number(2650.12)
    ('70100', '2650.12')
    """
    whole = int(value)
    return str(whole) if value == whole else repr(round(value, RATIO_DECIMALS))
