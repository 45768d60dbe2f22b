"""One text for one value: canonical JSON, so that equal facts have equal bytes and equal hashes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from fractions import Fraction
from functools import cache
from operator import attrgetter
from typing import Any

from engine.clock import KST, in_seoul
from engine.errors import BadInput


def stamp(time: datetime) -> str:
    """A time as text of fixed width in Asia/Seoul, so that texts sort as times do."""
    return in_seoul(time).isoformat(timespec="microseconds")


def unstamp(text: str) -> datetime:
    """The time that `stamp` wrote."""
    return datetime.fromisoformat(text).astimezone(KST)


def plain(value: Any) -> Any:
    """The value as what JSON can hold; a NaN is unknown and becomes null, an infinity raises `BadInput`."""
    kind: type = type(value)
    # Nearly all that is written down is one of these; asking for the exact type takes a third of the time.
    if kind in _AS_IT_IS:
        return value
    if kind is float and -_INFINITE < value < _INFINITE:
        return value
    if kind is dict:
        return {
            name if type(name) is str else str(plain(name)): item if type(item) in _AS_IT_IS else plain(item)
            for name, item in value.items()
        }
    if kind is tuple or kind is list:
        return [item if type(item) in _AS_IT_IS else plain(item) for item in value]
    names = _field_names(kind)
    if names is not None:
        return {name: item if type(item := getattr(value, name)) in _AS_IT_IS else plain(item) for name in names}
    if value is None or isinstance(value, str | bool | int):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, float):
        if math.isinf(value):
            raise BadInput("An infinite number cannot be written down. Give None for an unknown value.")
        return None if math.isnan(value) else value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, Set):
        return sorted(plain(item) for item in value)
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    if isinstance(value, Fraction):
        return str(value)
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return plain(value.tolist())
    raise BadInput(f"A {type(value).__name__} cannot be written into the ledger. Turn it into plain values.")


_INFINITE = float("inf")
_AS_IT_IS = frozenset({str, int, bool, type(None)})


@cache
def _field_names(kind: type) -> tuple[str, ...] | None:
    """The fields of a dataclass; None for every other type."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else None


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces; Korean stays readable.

    >>> canonical_json({"나": 1, "a": (1.5, None)})
    '{"a":[1.5,null],"나":1}'
    """
    try:
        _require_text_keys(value)
        return _dump_records(value)
    except (_Unusual, TypeError, ValueError):  # numpy, sets, a NaN, …
        return _dump(plain(value))


def dump_plain(value: Any) -> str:
    """As `canonical_json`, for a value that is plain already."""
    return _dump(value)


class _Unusual(Exception):
    """A value that only `plain` turns into what JSON can hold."""


def _record(value: Any) -> Any:
    """What the encoder does not know by itself, one level deep: it walks through the rest faster than Python does."""
    kind: type = type(value)
    getter = _getter(kind)
    if getter is not None:
        names, get = getter
        parts = get(value)
        for part in parts:
            if type(part) not in _SCALARS:
                _require_text_keys(part)
        return dict(zip(names, parts, strict=True))
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return stamp(value)
    raise _Unusual


def _require_text_keys(value: Any) -> None:
    """The encoder spells and sorts keys that are no texts in a way of its own."""
    if isinstance(value, dict):
        if not _TEXT.issuperset(map(type, value)):
            raise _Unusual
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return
    for part in value:
        if type(part) not in _SCALARS:
            _require_text_keys(part)


_TEXT = frozenset({str})
_SCALARS = _AS_IT_IS | {float}


@cache
def _getter(kind: type) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]] | None:
    """The fields of a dataclass, sorted, and what reads them all; None for every other type."""
    names = tuple(sorted(_field_names(kind) or ()))
    if len(names) > 1:
        return names, attrgetter(*names)
    return None


_FORM: dict[str, Any] = {
    "sort_keys": True,
    "ensure_ascii": False,
    "separators": (",", ":"),
    "allow_nan": False,
    "check_circular": False,  # nothing that is written down holds itself
}
_dump = json.JSONEncoder(**_FORM).encode
_dump_records = json.JSONEncoder(**_FORM, default=_record).encode


def digest(*parts: str) -> str:
    """sha256 over the parts, hexadecimal; the separator keeps ("ab", "c") apart from ("a", "bc")."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
