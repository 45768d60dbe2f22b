"""Texts behind a mask: names and tickers become aliases, dates move, sums of won and other levels are blanked."""

from __future__ import annotations

import re

from engine.errors import BadInput
from engine.planning.aliases import PATTERN as ALIAS
from engine.planning.aliases import Aliases, looks_like_alias
from engine.planning.date_shift import DateShift, dates_in
from engine.planning.names_in_text import FoundName, NamesInText, normal
from engine.planning.near import matches_near

BLANK = "○"
_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_UNIT = "(?:십|백|천|만|억|조)"
# Money in any spelling; hundreds of millions and more count without the word for won too: 거래대금 10억 이상.
_MONEY = re.compile(
    rf"(?:₩|￦|\bKRW)\s?{_NUMBER}"
    rf"|{_NUMBER}\s?(?:{_UNIT}\s?)*(?:{_NUMBER}\s?(?:{_UNIT}\s?)+)*원(?!칙)"
    rf"|(?<!제){_NUMBER}\s?[십백천만]*\s?[억조](?:\s?{_NUMBER}\s?{_UNIT}+)*"
    rf"|{_NUMBER}\s?(?:(?:thousand|million|billion|trillion)\s)?(?:won|KRW)\b",
    re.IGNORECASE,
)
# Without IGNORECASE, so that it begins with a set of letters, which lets a search skip the rest; U+212A is a K too.
_MONEY_MARK = re.compile("[₩￦원억조wWkK\u212a](?:(?<=[₩￦원억조])|(?<=[wW])[oO][nN]|(?<=[kK\u212a])[rR][wW])")
_LEVEL = re.compile(r"(?<![\w.,○])(?:\d{4,}|\d{1,3}(?:,\d{3})+)(?:\.\d+)?(?![\w]|,\d)")


class TextMask:
    """Hides and shows texts of one run.

    Args:
        names: finds names and tickers.
        aliases: of the same universe.
        dates: the shift of the run.
        labels: ticker -> how an instrument is called in a text that is shown again.
    """

    def __init__(self, names: NamesInText, aliases: Aliases, dates: DateShift, labels: dict[str, str]) -> None:
        self._names, self._aliases, self._dates, self._labels = names, aliases, dates, labels
        self._expressions: dict[str, str] = {}  # the same few for a whole run

    def hide(self, text: str) -> str:
        """The text without names, tickers, real dates, amounts of won and levels of four digits or more."""
        return _without_levels(self._dates.hide_in(self._without_names(normal(text))))

    def hide_expression(self, source: str) -> str:
        """A condition or an action without amounts and levels; its names are those of the language."""
        if source not in self._expressions:
            self._expressions[source] = _without_levels(self._without_names(source))
        return self._expressions[source]

    def show(self, text: str) -> str:
        """The text with names for aliases and real dates for masked ones; what was blanked stays blank."""
        shown = ALIAS.sub(lambda match: self._label(match[0]), text)
        return self._dates.show_in(shown)

    def _label(self, alias: str) -> str:
        return self._labels[self._aliases.ticker(alias)] if self._aliases.knows(alias) else alias

    def _without_names(self, text: str) -> str:
        parts, last = [], 0
        before: FoundName | None = None
        for found in self._names.find(text):
            between = text[last : found.start]
            if before is not None and before.ticker == found.ticker and between == "(" and text[found.end :][:1] == ")":
                last = found.end + 1  # the ticker in brackets behind its name is the same mention
                continue
            parts += [between, self._aliases.of(found.ticker)]
            last, before = found.end, found
        return "".join([*parts, text[last:]]) if parts else text


def _without_levels(text: str) -> str:
    masked = [(found.start, found.end) for found in dates_in(text) if not found.is_real]
    text = _blanked(_MONEY, text, BLANK + "원", masked)
    masked = [(found.start, found.end) for found in dates_in(text) if not found.is_real]
    return _blanked(_LEVEL, text, BLANK, masked)


def _blanked(pattern: re.Pattern[str], text: str, blank: str, kept: list[tuple[int, int]]) -> str:
    """The text with all matches blanked that lie in no kept stretch."""

    def replace(match: re.Match[str]) -> str:
        inside = any(start < match.end() and match.start() < end for start, end in kept)
        return match[0] if inside else blank

    return pattern.sub(replace, text)


def money_in(text: str) -> list[str]:
    """Amounts of money in a text.

    >>> money_in("거래대금 10억 원, 주가 50,000원, ₩3,000, 3만 원, 2천만원, 1.5배, 20일")
    ['10억 원', '50,000원', '₩3,000', '3만 원', '2천만원']
    """
    if text.isascii() and not any(word in text.lower() for word in ("won", "krw")):
        return []  # without a look at every letter
    return [match[0].strip() for match in matches_near(_MONEY_MARK, _MONEY, text)]


def require_no_alias(text: str, where: str = "This rule") -> None:
    """Refuse what holds an alias, a masked date or a blank: outside its run it means nothing, or something else.

    Raises:
        BadInput: what was found, and what to write instead.
    """
    found = looks_like_alias(text) + [date.text for date in dates_in(text) if not date.is_real]
    found += [BLANK] if BLANK in text else []
    if found:
        raise BadInput(
            f"{where} holds {', '.join(map(repr, dict.fromkeys(found)))}, which exist only behind the mask of one run. "
            "Write the rule about what such names and days have in common, in ratios, without naming one."
        )
