"""Dates moved by whole weeks into another century, in values and in texts.

Every real date lies in 1950 to 2049 and every masked one later, so that a text shows by itself which it holds, and no
model can remember a crash at a masked date. Whole weeks keep the weekday; nobody needs more of a calendar.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar

from engine.errors import BadInput
from engine.planning.near import matches_around, matches_near, places_in

FIRST_REAL, LAST_REAL = 1950, 2049
# 100 years and a day or more, so that 1 January 1950 leaves the century; up to 20 years further by the seed.
LEAST_WEEKS, CHOICE_WEEKS = 5_218, 1_043

Moment = TypeVar("Moment", date, datetime)

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january", "feb february", "mar march", "apr april", "may", "jun june",
            "jul july", "aug august", "sep sept september", "oct october", "nov november", "dec december",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip

_Y = r"(?:19[5-9]\d|2[01]\d\d)"
_M, _D = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_MON = r"(?:" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")"
# The first that matches at a place counts, so the longest notations stand first.
_NOTATIONS = (
    rf"(?<!\d)(?P<iso_y>{_Y})\s?[-./]\s?(?P<iso_m>{_M})\s?[-./]\s?(?P<iso_d>{_D})(?!\d)",
    rf"(?<!\d)(?P<packed_y>{_Y})(?P<packed_m>0[1-9]|1[0-2])(?P<packed_d>0[1-9]|[12]\d|3[01])(?=\d{{6}}(?!\d)|(?!\d))",
    rf"(?<!\d)(?P<ko_y>{_Y})\s?년\s?(?P<ko_m>{_M})\s?월\s?(?P<ko_d>{_D})\s?일",
    rf"(?<!\d)['’]?(?P<short_y>\d\d)\s?년\s?(?P<short_m>{_M})\s?월(?:\s?(?P<short_d>{_D})\s?일)?",
    rf"(?<!\d)(?P<kom_y>{_Y})\s?년\s?(?P<kom_m>{_M})\s?월",
    rf"(?<!\d)(?P<last_d>{_D})[-./](?P<last_m>{_M})[-./](?P<last_y>{_Y})(?!\d)",
    rf"(?<!\d)(?P<us_m>{_M})[-./](?P<us_d>{_D})[-./](?P<us_y>{_Y})(?!\d)",
    rf"(?<!\w)(?P<eng_mon>{_MON})\.?\s{{1,3}}(?:(?P<eng_d>{_D})(?:st|nd|rd|th)?,?\s{{1,3}})?(?P<eng_y>{_Y})(?!\d)",
    rf"(?<!\d)(?P<brit_d>{_D})(?:st|nd|rd|th)?\s{{1,3}}(?P<brit_mon>{_MON})\.?,?\s{{1,3}}(?P<brit_y>{_Y})(?!\d)",
    r"(?<![\d.,])(?P<two_y>\d\d)(?P<two_mark>[-./])(?P<two_m>0[1-9]|1[0-2])(?P=two_mark)"
    r"(?P<two_d>0[1-9]|[12]\d|3[01])(?![\d.]*\d)",
    rf"(?<!\d)(?P<ym_y>{_Y})[-/](?P<ym_m>0[1-9]|1[0-2])(?!\d)",
    rf"(?<!\d)(?P<quarter_y>{_Y})\s?[Qq](?=[1-4])",
    rf"(?<!\d)(?P<year_y>{_Y})(?=\s?년)",
    rf"(?:(?<=^)|(?<=[\s\"'“‘~(])|(?<=[가-힣]))(?P<bare_y>{_Y})(?=$|[\s\"'”’~]|-?'?s\b|[.!?](?:\s|$)|,\s)"
    r"(?!\s?(?:원|주|개|종목|포인트|shares|won|bars|points|ticks|KRW|%|[<>=*/+]))",
    rf"(?<=\()(?P<bracket_y>{_Y})(?=\))",
    rf"(?<!\d)(?P<nameless_m>{_M})\s?월\s?(?P<nameless_d>{_D})\s?일",
)
_PATTERN = re.compile("|".join(f"(?:{notation})" for notation in _NOTATIONS), re.IGNORECASE)
# No date is without one of these; only their surroundings are read closely, which is ten times as fast. A year stands
# behind no digit, and the decimals of 0.2013 in a list are none. The pattern begins with a set of letters, which lets a
# search skip everything else.
_ANCHOR = re.compile(
    r"[\d월](?:(?<=월)"
    r"|(?<!\d\d)(?:(?<=1)9[5-9]\d|(?<=2)[01]\d\d)(?!(?<=\D0\.\d{4})[,}\]])"
    r"|\d[-./]\d\d[-./]\d\d)"
)

_ANCHOR_SHAPES = (b"9999", b"9-99-99")
"""The same in a text of ASCII letters, see `places_in`."""


@dataclass(frozen=True, slots=True)
class FoundDate:
    """A date in a text; a month or a year is one too.

    Args:
        start: first character.
        end: behind the last character.
        text: as it stands there.
        year: four digits; None where only month and day stand there.
        month: None where only a year stands there.
        day: None where only a month stands there.
    """

    start: int
    end: int
    text: str
    year: int | None
    month: int | None
    day: int | None

    @property
    def is_real(self) -> bool:
        """Of the century in which real dates lie; a day without a year is taken for one."""
        return self.year is None or FIRST_REAL <= self.year <= LAST_REAL


def dates_in(text: str) -> Iterator[FoundDate]:
    """All dates of a text in Korean, ISO, packed, two-digit and English notations, real and masked.

    >>> [found.text for found in dates_in("2024년 3월 5일과 24.03.06, Mar 7, 2024; 20240308T0900, 2024년")]
    ['2024년 3월 5일', '24.03.06', 'Mar 7, 2024', '20240308', '2024']
    """
    places = places_in(text, *_ANCHOR_SHAPES)
    near = matches_near(_ANCHOR, _PATTERN, text) if places is None else matches_around(places, _PATTERN, text)
    for match in near:
        parts = {name.split("_")[1]: value for name, value in match.groupdict().items() if value is not None}
        month = MONTHS[parts["mon"].lower()] if "mon" in parts else int(parts.get("m", 0)) or None
        year = int(parts["y"]) if "y" in parts else None
        if year is not None and year < 100:
            year += 2000 if year < 50 else 1900
        yield FoundDate(match.start(), match.end(), match[0], year, month, int(parts.get("d", 0)) or None)


class DateShift:
    """Moves dates by a number of weeks that the seed of the run decides.

    >>> shift = DateShift(seed=7)
    >>> day = date(2024, 3, 5)
    >>> shift.back(shift.ahead(day)) == day, shift.ahead(day).weekday() == day.weekday()
    (True, True)
    """

    def __init__(self, seed: int) -> None:
        drawn = hashlib.blake2b(b"weeks", key=f"geoul dates {seed}".encode()[:64], digest_size=8).digest()
        self.weeks = LEAST_WEEKS + int.from_bytes(drawn) % CHOICE_WEEKS
        self._by = timedelta(weeks=self.weeks)

    def ahead(self, real: Moment) -> Moment:
        """The masked date or time.

        Raises:
            BadInput: the date lies outside the century of real dates.
        """
        if not FIRST_REAL <= real.year <= LAST_REAL:
            raise BadInput(f"{real.isoformat()} cannot be masked: real dates lie in {FIRST_REAL} to {LAST_REAL}.")
        return real + self._by

    def back(self, masked: Moment) -> Moment:
        """The real date or time.

        Raises:
            BadInput: no real date of 1950 to 2049 is masked so.
        """
        real = masked - self._by
        if not FIRST_REAL <= real.year <= LAST_REAL:
            raise BadInput(
                f"{masked.isoformat()} is no masked date of this run. Use dates as they stand in the context."
            )
        return real

    def hide_in(self, text: str) -> str:
        """The text with its real dates masked: days as ISO, months and years in the middle of what they may mean.

        A day without a year cannot be moved and is blanked.
        """
        return _rewrite(text, lambda found: self._hidden(found) if found.is_real else None)

    def show_in(self, text: str) -> str:
        """The text with its masked dates as real ones."""
        return _rewrite(text, lambda found: None if found.is_real else self._shown(found))

    def _hidden(self, found: FoundDate) -> str:
        if found.year is None:
            return "○월 ○일"
        return _spelled(found, _middle(found) + self._by)

    def _shown(self, found: FoundDate) -> str | None:
        try:
            return _spelled(found, self.back(_middle(found)))
        except BadInput:
            return None


def _middle(found: FoundDate) -> date:
    """The day that a date means, or the middle of its month or year; 31 February becomes the end of that month."""
    assert found.year is not None
    if found.month is None:
        return date(found.year, 7, 1)
    if found.day is None:
        return date(found.year, found.month, 15)
    for day in range(found.day, 0, -1):
        try:
            return date(found.year, found.month, day)
        except ValueError:
            continue
    raise AssertionError("every month has a first day")


def _spelled(found: FoundDate, day: date) -> str:
    korean = "월" in found.text
    if found.month is None:
        return str(day.year) + ("Q" if found.text[-1] in "Qq" else "")
    if found.day is None:
        return f"{day.year}년 {day.month}월" if korean else f"{day:%Y-%m}"
    return f"{day.year}년 {day.month}월 {day.day}일" if korean else day.isoformat()


def _rewrite(text: str, spell: Callable[[FoundDate], str | None]) -> str:
    if _ANCHOR.search(text) is None:
        return text
    parts, last = [], 0
    for found in dates_in(text):
        spelled = spell(found)
        if spelled is not None:
            parts += [text[last : found.start], spelled]
            last = found.end
    return "".join([*parts, text[last:]]) if parts else text
