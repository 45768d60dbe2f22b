"""The last look at a prompt before it leaves: nothing in it tells a real name, date or price, nothing is of later.

The scanner does not trust the mask. It reads the finished messages, whatever they were made of: prompt files, rules,
context, complaints about an answer. A find ends the run, because what a model has been told cannot be taken back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from engine.model.asking import Asks
from engine.model.reply import ModelReply
from engine.model.request import Message, ModelRequest
from engine.operating.desk import StopsTheRun
from engine.planning.date_shift import FoundDate, dates_in
from engine.planning.masking import Mask
from engine.planning.near import matches_around, places_in
from engine.planning.text_mask import money_in

# Patterns that begin with what they look for skip the rest of a text fast; what stands before is looked at afterwards.
_NUMBER = re.compile(r"\d(?<![\w.,]\d)(?:\d{0,2}(?:,\d{3})+|\d{3,})(?:\.\d+)?(?!\w)")
_MOST_KEPT = 256
# A number of a JSON document that is no string: 20,490,720 won are no day of 2049.
_BARE_NUMBER = re.compile(r"[-\d](?<=[:,\[].)(?:(?<=-)\d+|(?<=\d)\d*)(?:\.\d+)?(?=[,\]}])", re.DOTALL)
# A number of a JSON document too short for a year, a ticker or a hidden price, with the signs around it. No find
# goes beyond these signs, so a text holds one exactly if it holds one without such numbers.
_SHORT_NUMBER = re.compile(r':-?\d{1,3}(?:\.\d{1,4})?(?=,"|[}\]])')
# Funds are named after years to come (TDF 2050); a name was known when its instrument was listed.
_NAME = re.compile(r'"name":"(?:[^"\\]|\\.)*"')


class Leak(StopsTheRun):
    """A prompt shows what it must not: a real name, date or price behind a mask, or something of later."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something that a prompt must not hold.

    Args:
        kind: "name", "ticker", "date", "money" or "number".
        text: as it stands there.
        line: 1-based.
        column: 1-based.
    """

    kind: str
    text: str
    line: int
    column: int


class LeakScanner:
    """Reads texts of a masked run.

    Args:
        mask: of the run; its names are looked for, and the numbers that its last context hid.
    """

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._clean: dict[str, None] = {}  # long texts that come back unchanged, such as instructions and rules

    def find(self, text: str, numbers: Collection[str] = ()) -> list[Found]:
        """Everything in a text that tells where or when it was.

        Args:
            text: any text.
            numbers: prices and sums in won, without separators, that must not stand there.
        """
        plain = compatible(text)
        found = [*self._always(plain), *_numbers(plain, numbers)]
        return [_placed(kind, words, plain, start) for kind, words, start in sorted(found, key=lambda item: item[2])]

    def is_clean(self, text: str) -> bool:
        """Whether `find` finds nothing in a text, numbers of the last context included.

        Most of a prompt are short numbers, which tell nothing: without them it is read in a third of the time.
        """
        plain = compatible(text)
        short = plain if self._mask.names.lie_in_numbers else without_short_numbers(plain)
        if any(day.is_real for day in days_of(short)):
            return False
        if next(self._mask.names.find(short), None) is not None or money_in(short):
            return False
        return not any(number in self._mask.hidden for number, _ in _long_numbers(short, days_of(short)))

    def require_clean(self, messages: Collection[Message]) -> None:
        """Pass the messages of a request, or raise. What the model itself has said before it may be told again.

        Raises:
            Leak: a real name, ticker, date or price, with its place.
        """
        said = "\n".join(message.content for message in messages if message.role == "assistant")
        for number, message in enumerate(messages, 1):
            if message.role == "assistant" or message.content in self._clean:
                continue
            if message.role != "system" and self.is_clean(message.content):
                continue
            found = [one for one in self.find(message.content, self._mask.hidden) if one.text not in said]
            if found:
                first = found[0]
                more = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
                raise Leak(
                    f"A masked prompt shows the real {first.kind} {first.text!r}{more} (message {number}, "
                    f"{message.role}, line {first.line}, column {first.column}). Nothing was sent. Take it out of the "
                    "prompt file or the rule that holds it, or run with --plain, which is no evidence."
                )
            if message.role == "system":
                self._keep(message.content)

    def _keep(self, text: str) -> None:
        if len(self._clean) >= _MOST_KEPT:
            self._clean.clear()
        self._clean[text] = None

    def _always(self, text: str) -> Iterator[tuple[str, str, int]]:
        for name in self._mask.names.find(text):
            yield "ticker" if name.text == name.ticker else "name", name.text, name.start
        for day in dates_in(text):
            if day.is_real:
                yield "date", day.text, day.start
        for amount in money_in(text):
            yield "money", amount, text.index(amount)


def _numbers(text: str, hidden: Collection[str]) -> Iterator[tuple[str, str, int]]:
    if hidden:
        for number, match in _long_numbers(text, list(dates_in(text))):
            if number in hidden:
                yield "number", match[0], match.start()


def _long_numbers(text: str, days: Collection[FoundDate]) -> Iterator[tuple[str, re.Match[str]]]:
    """Numbers of four digits or more, without separators; 2125 in a masked date is none."""
    places = places_in(text, b"9999", b"9,999")
    for match in _NUMBER.finditer(text) if places is None else matches_around(places, _NUMBER, text):
        if not any(day.start <= match.start() < day.end for day in days):
            yield match[0].replace(",", ""), match


def compatible(text: str) -> str:
    """The text in letters that are compared: full-width digits are digits."""
    return text if unicodedata.is_normalized("NFKC", text) else unicodedata.normalize("NFKC", text)


@lru_cache(maxsize=4)  # two look at each prompt, one after the other
def without_short_numbers(text: str) -> str:
    """What tells something in a text that holds a JSON document.

    >>> without_short_numbers('{"weight":0.1234,"price":70100,"ticker":"005930"}')
    '{"weight":0,"price":70100,"ticker":"005930"}'
    """
    return _SHORT_NUMBER.sub(":0", text)


@lru_cache(maxsize=4)
def days_of(text: str) -> tuple[FoundDate, ...]:
    """All dates of a text."""
    return tuple(dates_in(text))


def _placed(kind: str, words: str, text: str, start: int) -> Found:
    before = text[:start]
    return Found(kind, words, before.count("\n") + 1, start - (before.rfind("\n") + 1) + 1)


Day = tuple[int, int, int]


def last_day_in(text: str, *, masked: bool) -> tuple[Day, str] | None:
    """The latest date of a text and how it stands there; of a month or a year its first day counts.

    Args:
        text: of a prompt.
        masked: look at masked dates, not at real ones.
    """
    days = [
        ((found.year, found.month or 1, found.day or 1), found.text)
        for found in days_of(text)
        if found.year is not None and found.is_real != masked
    ]
    return max(days, default=None)


class GuardedAsks:
    """Looks at every request before it is passed on.

    Args:
        asks: answers what is clean.
        mask: of a masked run; without one only dates after the decision are looked for.
    """

    def __init__(self, asks: Asks, mask: Mask | None) -> None:
        self._asks, self._mask = asks, mask
        self._scanner = None if mask is None else LeakScanner(mask)
        self._last_days: dict[str, tuple[Day, str] | None] = {}  # of first messages, which stay the same

    def ask(self, request: ModelRequest, *, decision_id: str = "") -> ModelReply:
        """As the transport does.

        Raises:
            Leak: the prompt shows something real in a masked run, or a date that lies after the decision.
            ModelFailure: see `Asks`.
        """
        if self._scanner is not None:
            self._scanner.require_clean(request.messages)
        moment = decided_at(decision_id)
        if moment is not None:
            self._require_known(request.messages, moment)
        return self._asks.ask(request, decision_id=decision_id)

    def _require_known(self, messages: Collection[Message], moment: datetime) -> None:
        day = moment.date() if self._mask is None else self._mask.dates.ahead(moment.date())
        for number, message in enumerate(messages, 1):
            last = None if message.role == "assistant" else self._later_day(message, (day.year, day.month, day.day))
            if last is not None:
                raise Leak(
                    f"The prompt of the decision of {moment:%Y-%m-%d %H:%M} holds {last[1]!r} (message {number}, "
                    f"{message.role}), which lies after it: the model would be told the future. Nothing was sent. "
                    "Take the date out of the rule or the prompt file, or start the run after it."
                )

    def _later_day(self, message: Message, day: Day) -> tuple[Day, str] | None:
        """The latest date of a message if it lies after a day."""
        masked, text = self._mask is not None, message.content
        if message.role == "system":
            if text not in self._last_days:
                if len(self._last_days) >= _MOST_KEPT:
                    self._last_days.clear()
                self._last_days[text] = last_day_in(text, masked=masked)
            last = self._last_days[text]
        else:
            # A masked prompt has been searched for dates already; a plain one is full of amounts that look like some.
            last = last_day_in(without_short_numbers(text), masked=True) if masked else None
            if not masked or (last is not None and last[0] > day):  # unless it is a name or an amount
                last = last_day_in(_BARE_NUMBER.sub("0", _NAME.sub("", text)), masked=masked)
        return last if last is not None and last[0] > day else None


def decided_at(decision_id: str) -> datetime | None:
    """The time that the graph puts into the number of a decision; None for other numbers.

    >>> decided_at("2024-03-05T15:30"), decided_at("reflection-3")
    (datetime.datetime(2024, 3, 5, 15, 30), None)
    """
    try:
        return datetime.fromisoformat(decision_id)
    except ValueError:
        return None
