"""Numbers as people read them. None is "–": a figure without a value is never shown as zero."""

from __future__ import annotations

from datetime import date, datetime
from math import isinf

from engine.reports.language import Lang

DASH = "–"


def percent(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    """A ratio in percent.

    >>> percent(0.1234), percent(-0.05, signed=True), percent(None)
    ('12.34%', '-5.00%', '–')
    """
    if value is None:
        return DASH
    rounded = _no_negative_zero(value * 100, digits)
    return f"{rounded:{'+' if signed and rounded else ''},.{digits}f}%"


def won(value: float | None, lang: Lang = "ko", *, signed: bool = False) -> str:
    """Money in full won; the account is exact, so its display is not shortened.

    >>> won(1234567), won(-500, "en", signed=True)
    ('1,234,567원', '-₩500')
    """
    if value is None:
        return DASH
    rounded = round(value)
    if lang == "ko":
        return f"{rounded:{'+' if signed and rounded else ''},}원"
    sign = "-" if rounded < 0 else "+" if signed and rounded else ""
    return f"{sign}₩{abs(rounded):,}"


def short_won(value: float, lang: Lang) -> str:
    """Money for the axis of a picture.

    >>> short_won(123_000_000, "ko"), short_won(45_000, "ko"), short_won(123_000_000, "en")
    ('1.23억', '4.5만', '₩123M')
    """
    units = KOREAN_UNITS if lang == "ko" else ENGLISH_UNITS
    sign = "-" if value < 0 else ""
    size = abs(value)
    prefix = "" if lang == "ko" else "₩"
    for unit, name in units:
        if size >= unit:
            return f"{sign}{prefix}{_trim(size / unit)}{name}"
    return f"{sign}{prefix}{_trim(size)}"


KOREAN_UNITS = ((10**12, "조"), (10**8, "억"), (10**4, "만"))
ENGLISH_UNITS = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K"))


def number(value: float | None, digits: int = 2) -> str:
    """A plain number; infinity as a sign.

    >>> number(1.5), number(float("inf")), number(None)
    ('1.50', '∞', '–')
    """
    if value is None:
        return DASH
    if isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{_no_negative_zero(value, digits):,.{digits}f}"


def count(value: int | None) -> str:
    """A whole number."""
    return DASH if value is None else f"{value:,}"


def day(value: date | datetime | None) -> str:
    """A session as 2024-01-31."""
    return DASH if value is None else value.isoformat()[:10]


def price(value: float | None) -> str:
    """Won per share; decimals only where the price has any.

    >>> price(70000.0), price(70123.456)
    ('70,000', '70,123.46')
    """
    if value is None:
        return DASH
    return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"


def _trim(value: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _no_negative_zero(value: float, digits: int) -> float:
    return round(value, digits) + 0.0
