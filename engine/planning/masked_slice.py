"""The context of one decision behind a mask, a list of like entries at a time.

What an entry is made of decides how it is shown, so that is worked out once for each set of fields; then whole columns
are turned: all tickers into aliases, all prices into ratios. What a price or a sum is compared with stands in the
context itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any, Protocol

from engine.clock import KST
from engine.errors import BadInput
from engine.planning.context import FIELDS, RATIO_DECIMALS, Context

Entry = Mapping[str, Any]
Column = list[Any]

_SCALARS = frozenset({str, int, float, bool, type(None)})
_LEFT_OUT = frozenset({"shares", "name"})  # the weight and the alias say it
_SAID_OTHERWISE = frozenset(
    {
        "previous_close_won",  # 1, as prices are compared with it
        "total_won",  # 1, as sums are compared with it
        "value_won",  # the weight
        "mean_20",  # 1, as the level is compared with it
        "advancers",  # their share stands beside it
    }
)


class Hides(Protocol):
    """What a mask does with single values."""

    def leaf(self, name: str, value: Any) -> Any:
        """One value whose kind alone says how it is shown."""
        ...

    def expression(self, what: str) -> tuple[str, bool]:
        """What a rule compares as the model sees it, and whether that is a sum of money, not a price."""
        ...

    def day(self, real: date) -> date:
        """The masked day."""
        ...

    def tenths(self, kind: str, moment: datetime) -> Sequence[float]:
        """Borders of the tenths of the market; empty where nothing is known."""
        ...


class MaskedSlice:
    """Hides one context.

    Args:
        mask: of the run.
        context: of the decision.
    """

    def __init__(self, mask: Hides, context: Context) -> None:
        self.mask = mask
        when, portfolio, index = context["time"], context["portfolio"], context["market"]["index"]
        day = date.fromisoformat(when["date"])
        self._moment = datetime.combine(day, time.fromisoformat(when["clock"]), tzinfo=KST)
        self.total = portfolio["total_won"]
        self._index, self._level, self.mean = index["code"], index["level"], index["mean_20"]
        self._tenths: dict[str, Sequence[float]] = {}

    def hide(self, name: str, value: Any, beside: Entry) -> Any:
        """A part of the context.

        Args:
            name: of the field.
            value: of the field.
            beside: the entry of the instrument to which it belongs.
        """
        if isinstance(value, dict):
            return self._entries((value,), beside)[0]
        if not isinstance(value, list):
            return self.mask.leaf(name, value)
        fields = tuple(value[0]) if value and type(value[0]) is dict else None
        if fields is not None and all(type(entry) is dict and tuple(entry) == fields for entry in value):
            return self._entries(value, beside)
        return [self.hide(name, item, beside) for item in value]

    def tenths(self, kind: str) -> Sequence[float]:
        """Borders of the tenths at the time of the context."""
        if kind not in self._tenths:
            self._tenths[kind] = self.mask.tenths(kind, self._moment)
        return self._tenths[kind]

    def _entries(self, entries: Sequence[Entry], beside: Entry) -> list[Context]:
        """Entries that have the same fields in the same order."""
        fields = tuple(entries[0])
        if "what" in fields:
            return [self._figure(entry, beside) for entry in entries]
        is_instrument = "ticker" in fields
        besides: Sequence[Entry] = entries if is_instrument else [beside] * len(entries)
        shown_as, columns = [], []
        for name, shown, turn in _form(fields, "previous_close_won" in besides[0]):
            column = [entry[name] for entry in entries]
            if not _SCALARS.issuperset(map(type, column)):
                column = [self.hide(name, item, its) for item, its in zip(column, besides, strict=True)]
            elif turn is not None:  # half of all columns are ratios, which are told as they are
                column = turn(self, name, column, entries, besides)
            shown_as.append(shown)
            columns.append(column)
        if not columns:
            return [{} for _ in entries]
        return [dict(zip(shown_as, row, strict=True)) for row in zip(*columns, strict=True)]

    def _figure(self, entry: Entry, beside: Entry) -> Context:
        """What a rule compared: prices and index levels as ratios; sums and shares are not told."""
        value, unit, source = entry["value"], entry["unit"], str(entry["what"])
        what, is_sum = self.mask.expression(source)
        if unit == "won":
            told = None if is_sum else ratio_to(value, beside.get("previous_close_won"))
            return {"what": what, "value": told, "unit": "ratio to previous close"}
        if unit == "index points":
            told = ratio_to(value, self._level) if f'"{self._index}"' in source else None
            return {"what": what, "value": told, "unit": "ratio to index level"}
        if unit == "shares":
            return {"what": what, "value": None, "unit": "hidden"}
        return {"what": what, "value": value, "unit": unit}


Turn = Callable[[MaskedSlice, str, Column, Sequence[Entry], Sequence[Entry]], Column]
"""(slice, field, its column, entries, for each the entry of its instrument) -> the column as it is shown."""


@lru_cache(maxsize=256)  # there are a dozen kinds of entries
def _form(fields: tuple[str, ...], has_base: bool) -> tuple[tuple[str, str, Turn | None], ...]:
    """How entries with these fields are shown: field, its name behind the mask, what is done with its column.

    Args:
        fields: of an entry, in order.
        has_base: whether prices can be compared with a previous close.
    """
    form: list[tuple[str, str, Turn | None]] = []
    for name in fields:
        kind = FIELDS.get(name, "")
        if kind in _LEFT_OUT or name in _SAID_OTHERWISE or (kind == "price" and not has_base):
            continue
        ending, turn = _TURNS.get(kind, ("", _leaves))
        stem = name.removesuffix("_won").removesuffix("s") if kind == "count" else name.removesuffix("_won")
        form.append((name, stem + ending if ending else name, turn))
    return tuple(form)


def ratio_to(value: Any, base: Any) -> float | int | None:
    """Rounded to the decimals of all ratios; None where one of the two is unknown."""
    if value is None or not base:
        return None
    ratio: float = round(value / base, RATIO_DECIMALS)
    whole = int(ratio)
    return whole if ratio == whole else ratio


def kind_of(name: str) -> str:
    """The kind of a field.

    Raises:
        BadInput: nobody said what it is, so it cannot be shown.
    """
    try:
        return FIELDS[name]
    except KeyError:
        raise BadInput(
            f"The context has a field {name!r} that no mask knows. Say in `engine.planning.context.FIELDS` what it is."
        ) from None


def _leaves(slice_: MaskedSlice, name: str, column: Column, *_: Sequence[Entry]) -> Column:
    kind_of(name)
    leaf = slice_.mask.leaf
    return [None if value is None else leaf(name, value) for value in column]


def _prices(_: MaskedSlice, __: str, column: Column, ___: Sequence[Entry], besides: Sequence[Entry]) -> Column:
    return [ratio_to(value, entry["previous_close_won"]) for value, entry in zip(column, besides, strict=True)]


def _sizes(slice_: MaskedSlice, name: str, column: Column, *_: Sequence[Entry]) -> Column:
    """Volumes and market values as tenths of the market."""
    borders = slice_.tenths(FIELDS[name])
    if not borders:
        return [None] * len(column)
    return [None if value is None else bisect_right(borders, value) + 1 for value in column]


def _sums(slice_: MaskedSlice, name: str, column: Column, *_: Sequence[Entry]) -> Column:
    """Money as a share of the account."""
    shares = [ratio_to(value, slice_.total) for value in column]
    if name == "max_order_won":  # a limit beyond the account would tell its size
        return [None if share is None else min(share, 1) for share in shares]
    return shares


def _levels(slice_: MaskedSlice, _: str, column: Column, *__: Sequence[Entry]) -> Column:
    return [ratio_to(value, slice_.mean) for value in column]


def _shares_of_names(_: MaskedSlice, __: str, column: Column, entries: Sequence[Entry], ___: Sequence[Entry]) -> Column:
    """Numbers of names as shares of all that are counted in the same entry."""
    counts = [[entry.get(name) for name in ("advancers", "decliners", "unchanged")] for entry in entries]
    return [
        None if value is None or None in all_ else ratio_to(value, sum(all_))
        for value, all_ in zip(column, counts, strict=True)
    ]


def _days(slice_: MaskedSlice, _: str, column: Column, *__: Sequence[Entry]) -> Column:
    return [slice_.mask.day(date.fromisoformat(value)).isoformat() for value in column]


_TURNS: Mapping[str, tuple[str, Turn | None]] = {
    "ratio": ("", None),
    "plain": ("", None),
    "price": ("_ratio", _prices),
    "volume": ("_decile", _sizes),
    "market_cap": ("_decile", _sizes),
    "money": ("_share", _sums),
    "index": ("_to_mean_20", _levels),
    "count": ("_share", _shares_of_names),
    "date": ("", _days),
}
"""Kind -> ending of the name behind the mask, and what turns a column; a kind that is not here is shown leaf by leaf,
and one that nobody knows is an error there."""
