"""Records of the wire: a frozen dataclass whose fields say under which name and in which form KIS sends them.

    class Holding(Record):
        ticker: Annotated[str, Wire("pdno")]                              no default: a blank is an error
        price: Annotated[int | None, Wire("prpr")] = None                 a blank is None
        average: Annotated[Decimal | None, Wire("pchs_avg_pric", places=4)] = None

The adapter reads with `read`, the KIS-compatible server writes with `to_wire`, and read(to_wire(x)) == x.
On the wire every value is text; keys come in upper or lower case, texts are padded with blanks, and a number that
is absent is "" (conventions of the official samples, read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import date, time
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from brokers.kis.errors import BadAnswer

_WHOLE = re.compile(r"([+-]?[0-9]{1,25})(?:\.0*)?")
# An average may have any number of digits, and must not make a whole list unreadable.
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,25}\.?[0-9]{0,40}|\.[0-9]{1,40})")
_NO_DATE = frozenset({"0", "00000000"})


@dataclass(frozen=True, slots=True)
class Wire:
    """How a field travels.

    Args:
        name: on the wire, in the case in which KIS sends it; reading ignores the case.
        places: decimals written, None = as many as the value has.
        alias: another name under which it has been seen, "" if none.
        count: number of fields of a numbered family, whose name then holds "{}"; 0 = a single field.
    """

    name: str
    places: int | None = None
    alias: str = ""
    count: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Every name this field has on the wire."""
        return tuple(self.name.format(number) for number in range(1, self.count + 1)) if self.count else (self.name,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Base of everything that has a place in an answer of KIS."""


R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One field of a record, ready to be read and written."""

    attribute: str
    wire: Wire
    type: type
    required: bool
    default: object


def columns(record: type[Record]) -> tuple[Column, ...]:
    """The fields of a record class in order."""
    key: Any = record
    return _plan(key)


@cache
def _plan(record: Any) -> tuple[Column, ...]:
    hints = get_type_hints(record, include_extras=True)
    plan = []
    for field in fields(record):
        if get_origin(hints[field.name]) is not Annotated:
            raise TypeError(f"{record.__name__}.{field.name} does not say how it travels: annotate it with Wire")
        hint, wire = get_args(hints[field.name])
        if wire.count:
            hint = int
        elif get_origin(hint) in (Union, UnionType):
            hint = next(part for part in get_args(hint) if part is not NoneType)
        required = field.default is MISSING and not wire.count
        default = None if field.default is MISSING else field.default
        plan.append(Column(attribute=field.name, wire=wire, type=hint, required=required, default=default))
    return tuple(plan)


def wire_names(record: type[Record]) -> tuple[str, ...]:
    """Every name that a record has on the wire, in order."""
    return tuple(name for column in columns(record) for name in column.wire.names)


def read(record: type[R], row: object, where: str, hide: Sequence[str] = ()) -> R:
    """A record from one JSON object.

    Args:
        record: what to make.
        row: the object; keys in any case, values padded as they come. Unknown keys are ignored.
        where: call and block, for the error.
        hide: values that an error must not show.

    Raises:
        BadAnswer: the row is no object, a required field is blank, or a value has the wrong form.
    """
    if not isinstance(row, Mapping):
        raise BadAnswer(where, "", row, "an object", hide)
    given = {str(key).lower(): value for key, value in row.items()}
    values: dict[str, object] = {}
    for column in columns(record):
        if column.wire.count:
            values[column.attribute] = tuple(
                _value(column, given.get(name.lower()), where, name, hide) or 0 for name in column.wire.names
            )
            continue
        raw = given.get(column.wire.name.lower())
        if raw is None and column.wire.alias:
            raw = given.get(column.wire.alias.lower())
        values[column.attribute] = _value(column, raw, where, column.wire.name, hide)
    return record(**values)


def to_wire(record: Record) -> dict[str, str]:
    """The record as KIS sends it: all values text, an absent one blank."""
    row: dict[str, str] = {}
    for column in columns(type(record)):
        value = getattr(record, column.attribute)
        if column.wire.count:
            row.update(zip(column.wire.names, map(str, value), strict=True))
        else:
            row[column.wire.name] = "" if value is None else _WRITE[column.type](value, column.wire)
    return row


def is_blank(row: object) -> bool:
    """Whether a row says nothing: an empty object, or blanks only."""
    if not isinstance(row, Mapping):
        return row is None or row == ""
    return all(value is None or (isinstance(value, str) and not value.strip()) for value in row.values())


def _value(column: Column, raw: object, where: str, name: str, hide: Sequence[str]) -> object:
    kind, convert = _READ[column.type]
    if raw is None or isinstance(raw, str):
        text = (raw or "").strip()
    elif isinstance(raw, int | Decimal) and not isinstance(raw, bool) and column.type in (int, Decimal, str):
        text = str(raw)  # everything should be text, but a number is no less clear
    else:
        raise BadAnswer(where, name, raw, kind, hide)
    value = None
    if text:
        try:
            value = convert(text)
        except ValueError:
            raise BadAnswer(where, name, raw, kind, hide) from None
    if value is None:
        if column.required:
            raise BadAnswer(where, name, raw, kind, hide)
        return column.default
    return value


def _whole(text: str) -> int:
    match = _WHOLE.fullmatch(text)
    if match is None:
        raise ValueError
    return int(match.group(1))


def _decimal(text: str) -> Decimal:
    if _DECIMAL.fullmatch(text) is None:
        raise ValueError
    return Decimal(text)


def _date(text: str) -> date | None:
    if text in _NO_DATE:
        return None
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        raise ValueError
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _time(text: str) -> time:
    if len(text) != 6 or not (text.isascii() and text.isdigit()):
        raise ValueError
    return time(int(text[:2]), int(text[2:4]), int(text[4:]))


def _yes(text: str) -> bool:
    if text.upper() not in ("Y", "N"):
        raise ValueError
    return text.upper() == "Y"


_READ: Mapping[type, tuple[str, Callable[[str], object]]] = {
    int: ("a whole number", _whole),
    Decimal: ("a decimal number", _decimal),
    str: ("a text", str),
    date: ("a day YYYYMMDD", _date),
    time: ("a time HHMMSS", _time),
    bool: ("Y or N", _yes),
}

_WRITE: Mapping[type, Callable[..., str]] = {
    int: lambda value, wire: str(value),
    Decimal: lambda value, wire: f"{value:f}" if wire.places is None else f"{value:.{wire.places}f}",
    str: lambda value, wire: value,
    date: lambda value, wire: f"{value.year:04}{value.month:02}{value.day:02}",
    time: lambda value, wire: f"{value.hour:02}{value.minute:02}{value.second:02}",
    bool: lambda value, wire: "Y" if value else "N",
}
