"""Texts of a real-time record as values, strictly: whole numbers, decimals, times of day; and back.

On the wire a missing value is blank or the word "(null)". Python's own `int` and `float` would let "1_000", "٣" and
"nan" pass, so each text is looked at before it is converted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

from brokers.kis.frames import FrameError
from brokers.kis.realtime_fields import TABLES
from engine.clock import KST, in_seoul

_MOST_DIGITS = 18  # what is larger fits no int64 column and no account
_LONGEST_CODE = 12

_WHOLE = re.compile(r"(-?[0-9]{1,18})(?:\.0{0,8})?|-?0*([0-9]{1,18})")
_DECIMAL = re.compile(r"-?(?:[0-9]{1,15}(?:\.[0-9]{0,8})?|\.[0-9]{1,8})")
_HALF_DAY_SECONDS = 12 * 3600


def wrong_field(tr_id: str, values: Sequence[str], index: int, needed: str) -> FrameError:
    """The error for one field, named after its table."""
    table = TABLES.get(tr_id)
    layout = (table.layout(len(values)) if table else None) or ()
    name = layout[index] if index < len(layout) else f"number {index}"
    value = values[index] if index < len(values) else ""
    return FrameError(f"{needed} is needed", where=f"field {name}", data=value, tr_id=tr_id)


def text(value: str) -> str:
    """A code or a name: without padding, "" where it is missing."""
    value = value.strip()
    return "" if value == "(null)" else value


def code(tr_id: str, values: Sequence[str], index: int) -> str:
    """A ticker or the code of an index: letters and digits."""
    value = values[index].strip()
    if not (value.isascii() and value.isalnum() and len(value) <= _LONGEST_CODE):
        raise wrong_field(tr_id, values, index, "a code of letters and digits")
    return value


def wholes(values: Sequence[str]) -> tuple[int, ...] | None:
    """All of them as whole numbers, quickly; None if one of them needs a closer look with `whole`."""
    joined = "".join(values)
    if joined.isdigit() and joined.isascii() and "" not in values and len(max(values, key=len)) <= _MOST_DIGITS:
        return tuple(map(int, values))
    return None


def whole(tr_id: str, values: Sequence[str], index: int, blank: int | None = None, signed: bool = False) -> int:
    """A whole number below 10^18; a blank is `blank`, or an error if that is None."""
    value = text(values[index])
    if not value and blank is not None:
        return blank
    match = _WHOLE.fullmatch(value)
    if match is None or (value.startswith("-") and not signed):
        raise wrong_field(tr_id, values, index, "a whole number")
    number = int(match.group(1) or match.group(2))
    return -abs(number) if value.startswith("-") else number


def decimal(tr_id: str, values: Sequence[str], index: int) -> float | None:
    """A decimal number, None where it is blank."""
    value = text(values[index])
    if not value:
        return None
    if _DECIMAL.fullmatch(value) is None:
        raise wrong_field(tr_id, values, index, "a decimal number")
    return float(value)


def instant(
    tr_id: str, values: Sequence[str], time_index: int, received_at: datetime, date_index: int = -1
) -> datetime:
    """A time of day of the exchange as an instant in Asia/Seoul, whole seconds.

    The day comes from the record where it has one. Otherwise it is the one that brings the time nearest to
    `received_at`: a message of 23:59:59 that arrives after midnight belongs to the day before.
    """
    day = text(values[date_index]) if date_index >= 0 else ""
    try:
        if day and day.strip("0"):
            return _instant(day, values[time_index])
        return _nearest(values[time_index], received_at)
    except ValueError:
        if day and not _is_day(day):
            raise wrong_field(tr_id, values, date_index, "a day YYYYMMDD") from None
        raise wrong_field(tr_id, values, time_index, "a time HHMMSS") from None


def time_text(time: datetime) -> str:
    """HHMMSS in Asia/Seoul."""
    return in_seoul(time).strftime("%H%M%S")


def day_text(time: datetime) -> str:
    """YYYYMMDD in Asia/Seoul."""
    return in_seoul(time).strftime("%Y%m%d")


def row(tr_id: str, known: dict[str, str], length: int | None, others: dict[str, str] | None) -> list[str]:
    """The fields of a record in wire order.

    Args:
        tr_id: which table.
        known: what the record says, by field name.
        length: of the layout; None = the newest.
        others: fields that the record does not hold, by name; they win over the neutral value.

    Raises:
        FrameError: no layout has that length.
    """
    table = TABLES[tr_id]
    layout = table.layout(length or len(table.fields))
    if layout is None or len(layout) != (length or len(layout)):
        raise FrameError(f"no layout has {length} fields", where="payload", tr_id=tr_id)
    given = {**known, **(others or {})}
    return [given.get(name, _neutral(name)) for name in layout]


def _neutral(name: str) -> str:
    """What stands in a field about which nothing is known: a number is 0, a comparison is 보합 (unchanged)."""
    if name.endswith("_SIGN"):
        return "3"
    if name.endswith("_HOUR"):
        return "000000"
    return "" if name.endswith(("_CODE", "_CNTT", "_CLS", "_DATE", "FILLER", "_ISNM", "_ISNM40")) else "0"


@lru_cache(maxsize=8192)  # a second of a busy market holds thousands of trades with one and the same time
def _instant(day: str, time: str) -> datetime:
    return datetime.combine(_day(day), datetime.min.time(), KST) + timedelta(seconds=_seconds(time))


@lru_cache(maxsize=8192)
def _on(day: date, time: str) -> datetime:
    return datetime.combine(day, datetime.min.time(), KST) + timedelta(seconds=_seconds(time))


def _nearest(time: str, received_at: datetime) -> datetime:
    received = in_seoul(received_at)
    away = _seconds(time) - (received.hour * 3600 + received.minute * 60 + received.second)
    day = received.date()
    if away > _HALF_DAY_SECONDS:
        day -= timedelta(days=1)
    elif away < -_HALF_DAY_SECONDS:
        day += timedelta(days=1)
    return _on(day, time)


@lru_cache(maxsize=8192)
def _seconds(time: str) -> int:
    """Seconds since midnight; a leading zero may be missing."""
    time = time.strip()
    if len(time) not in (5, 6) or not (time.isascii() and time.isdigit()):
        raise ValueError
    hours, minutes, seconds = int(time[:-4]), int(time[-4:-2]), int(time[-2:])
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError
    return hours * 3600 + minutes * 60 + seconds


def _is_day(day: str) -> bool:
    try:
        _day(day)
    except ValueError:
        return False
    return True


def _day(day: str) -> date:
    if len(day) != 8 or not (day.isascii() and day.isdigit()):
        raise ValueError
    return date(int(day[:4]), int(day[4:6]), int(day[6:]))
