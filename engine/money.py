"""Won as integers: rates in parts per billion, explicit rounding, and how amounts are written for people.

Python integers do not overflow, so nothing here needs a bound; the kernels state their own.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Literal

from engine.errors import BadInput

PPB = 1_000_000_000  # parts per billion in one
UNKNOWN_TEXT = "–"  # how a value that the data cannot give is shown

Language = Literal["ko", "en"]


class Rounding(Enum):
    """Which way a broken won goes; DOWN is toward zero and UP away from it, so a refund mirrors its
    charge."""

    DOWN = "down"
    UP = "up"
    NEAREST = "nearest"  # a half goes away from zero


def divide(numerator: int, denominator: int, rounding: Rounding = Rounding.DOWN) -> int:
    """`numerator / denominator` as an integer, rounded in the named direction.

    >>> divide(7, 2), divide(-7, 2), divide(7, 2, Rounding.UP), divide(5, 2, Rounding.NEAREST)
    (3, -3, 4, 3)
    """
    if denominator <= 0:
        raise BadInput(f"Cannot divide {numerator:,} by {denominator:,}: the denominator must be positive.")
    whole, rest = divmod(abs(numerator), denominator)
    if (rounding is Rounding.UP and rest) or (rounding is Rounding.NEAREST and 2 * rest >= denominator):
        whole += 1
    return whole if numerator >= 0 else -whole


def multiply_ppb(amount: int, rate_ppb: int, *, step: int = 1, rounding: Rounding = Rounding.DOWN) -> int:
    """`amount * rate_ppb / 10^9`, rounded to a multiple of `step` won.

    Args:
        amount: won.
        rate_ppb: parts per billion; 140_527 is 0.0140527 %.
        step: brokers drop broken won (1) or the last digit (10).
        rounding: the direction; brokers round their charges down unless they say otherwise.

    >>> multiply_ppb(1_000_000, 140_527), multiply_ppb(1_000_000, 1_800_000, step=10)
    (140, 1800)
    """
    if step <= 0:
        raise BadInput(f"A rounding step of {step} won is impossible. Use 1 or 10.")
    return divide(amount * rate_ppb, PPB * step, rounding) * step


def ppb_from_percent(percent: str) -> int:
    """Parts per billion of a rate written in percent; a rate finer than that raises `BadInput`.

    >>> ppb_from_percent("0.0140527"), ppb_from_percent("0.18")
    (140527, 1800000)
    """
    whole, _, fraction = percent.strip().partition(".")
    sign, whole = (-1, whole[1:]) if whole.startswith("-") else (1, whole)
    digits = fraction.ljust(7, "0")
    if not (whole + fraction).isdecimal() or digits[7:].strip("0"):
        raise BadInput(f'"{percent}" is not a rate in percent with at most 7 decimals, such as "0.0140527".')
    return sign * (int(whole or "0") * 10_000_000 + int(digits[:7]))


def format_won(amount: float | None, lang: Language = "ko", *, signed: bool = False) -> str:
    """An amount with separators and its unit; None is shown as unknown.

    >>> format_won(12_345_678), format_won(-500, "en"), format_won(500, signed=True), format_won(None)
    ('12,345,678원', '-500 won', '+500원', '–')
    """
    if amount is None:
        return UNKNOWN_TEXT
    digits = 0 if amount == int(amount) else 2
    number = f"{amount:{'+' if signed and amount else ''},.{digits}f}"
    return f"{number}원" if lang == "ko" else f"{number} won"


def format_won_short(amount: float | None, lang: Language = "ko") -> str:
    """A large amount in the words people use for it, cut to about four digits.

    >>> format_won_short(1_234_567_890), format_won_short(1_234_567_890, "en"), format_won_short(9_876)
    ('12.35억원', '1.235 bn won', '9,876원')
    """
    if amount is None:
        return UNKNOWN_TEXT
    steps: tuple[tuple[float, str], ...]
    if lang == "ko":
        steps = ((1e12, "조원"), (1e8, "억원"), (1e4, "만원"))
    else:
        steps = ((1e12, " tn won"), (1e9, " bn won"), (1e6, " m won"))
    for size, name in steps:
        if abs(amount) >= size * (10 if name == "만원" else 1):
            return f"{_four_digits(amount / size)}{name}"
    return format_won(round(amount), lang)


def _four_digits(number: float) -> str:
    whole = len(str(int(abs(number))))
    return f"{number:,.{max(0, 4 - whole)}f}"


def format_percent(ratio: float | None, digits: int = 2, *, signed: bool = False) -> str:
    """A ratio as percent; None and NaN are shown as unknown.

    >>> format_percent(0.0712), format_percent(0.15, 0, signed=True), format_percent(float("nan"))
    ('7.12 %', '+15 %', '–')
    """
    if ratio is None or math.isnan(ratio):
        return UNKNOWN_TEXT
    return f"{ratio * 100:{'+' if signed else ''},.{digits}f} %"
