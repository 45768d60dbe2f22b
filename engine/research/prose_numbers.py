"""The numbers that a rule's sentence names, in Korean and in English: `1.5배`, `15퍼센트`, `20일선`, `절반`, `1억 원`.

Reading is careful rather than complete: what is surely a quantity is told apart from what may be one ("다섯 종목",
"52주", "RSI14"), and dates, index names and list marks are left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction


class Kind(Enum):
    """What a number in a sentence says of itself."""

    PERCENT = "percent"  # value is the share: 7 % is 7/100
    SHARE = "share"  # 절반, 3분의 1, half
    TIMES = "times"  # 1.5배, twice
    BARS = "bars"  # 20일, 3봉, 5 sessions
    TIME = "time of day"  # value in minutes
    CALENDAR = "calendar"  # 52주, 한 달, half a year: about so many bars
    PLAIN = "plain"  # 30, 10억 원, 100주


@dataclass(frozen=True, slots=True, kw_only=True)
class ProseNumber:
    """One number of a sentence.

    Attributes:
        value: exact; for CALENDAR the number in front of the word.
        text: as it stands in the sentence (letters in their usual width).
        sure: whether it is surely a quantity of the rule.
        unit: for BARS "day", "minute" or "bar"; for CALENDAR "week", "month", "year" or "quarter".
    """

    value: Fraction
    kind: Kind
    text: str
    sure: bool = True
    unit: str = ""


def prose_numbers(text: str) -> tuple[ProseNumber, ...]:
    """The numbers of a sentence, from left to right.

    >>> [(number.text, number.kind.value) for number in prose_numbers("20일 평균의 1.5배이면 절반을 산다")]
    [('20일', 'bars'), ('1.5배', 'times'), ('절반', 'share')]
    """
    rest = unicodedata.normalize("NFKC", text)
    found: list[tuple[int, ProseNumber]] = []
    for pattern, read in _READERS:
        for match in pattern.finditer(rest):
            found += [(match.start(), number) for number in read(match)]
        # What one pattern has read is blanked out, so that a later and looser one does not read it again.
        rest = pattern.sub(lambda match: "\0" * len(match.group()), rest)
    return tuple(number for _, number in sorted(found, key=lambda pair: pair[0]))


# words

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+(?:_\d+)*)(?:\.\d+)?"
_NATIVE = {
    "한": 1,
    "두": 2,
    "세": 3,
    "네": 4,
    "다섯": 5,
    "여섯": 6,
    "일곱": 7,
    "여덟": 8,
    "아홉": 9,
    "열": 10,
    "열한": 11,
    "열두": 12,
    "열다섯": 15,
    "스무": 20,
    "스물": 20,
    "서른": 30,
    "마흔": 40,
    "쉰": 50,
    "예순": 60,
    "백": 100,
}
_DAYS = {
    "하루": 1,
    "이틀": 2,
    "사흘": 3,
    "나흘": 4,
    "닷새": 5,
    "엿새": 6,
    "여드레": 8,
    "아흐레": 9,
    "열흘": 10,
}
_SINO = {"일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "육": 6, "칠": 7, "팔": 8, "구": 9}
_SINO_PLACES = {"십": 10, "백": 100, "천": 1000}
_AMOUNTS = {
    "천": 10**3,
    "만": 10**4,
    "십만": 10**5,
    "백만": 10**6,
    "천만": 10**7,
    "억": 10**8,
    "십억": 10**9,
    "백억": 10**10,
    "천억": 10**11,
    "조": 10**12,
}
_ENGLISH = {
    "a": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "twelve": 12,
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "sixty": 60,
}
_ENGLISH_AMOUNTS = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_UNITS = {
    "일": "day",
    "거래일": "day",
    "영업일": "day",
    "세션": "day",
    "day": "day",
    "session": "day",
    "분": "minute",
    "minute": "minute",
    "봉": "bar",
    "bar": "bar",
    "주": "week",
    "week": "week",
    "개월": "month",
    "달": "month",
    "month": "month",
    "년": "year",
    "year": "year",
    "분기": "quarter",
    "quarter": "quarter",
}


def _words(table: dict[str, int]) -> str:
    return "|".join(sorted(table, key=len, reverse=True))


def _value(digits: str) -> Fraction:
    return Fraction(digits.replace(",", "").replace("_", ""))


def _sino(word: str) -> int:
    """`십오` is 15, `백이십` is 120."""
    total, digit = 0, 0
    for letter in word:
        if letter in _SINO_PLACES:
            total += (digit or 1) * _SINO_PLACES[letter]
            digit = 0
        else:
            digit = _SINO[letter]
    return total + digit


# readers: a match becomes no, one or several numbers

Reader = Callable[[re.Match[str]], Iterator[ProseNumber]]


def _nothing(match: re.Match[str]) -> Iterator[ProseNumber]:
    yield from ()


def _clock(match: re.Match[str]) -> Iterator[ProseNumber]:
    hours, minutes = int(match["hours"]), match["minutes"]
    if match["half"] == "오후" and hours < 12:
        hours += 12
    value = Fraction(hours * 60 + (30 if minutes == "반" else int(minutes or 0)))
    yield ProseNumber(value=value, kind=Kind.TIME, text=match.group().strip())


def _part_of(match: re.Match[str]) -> Iterator[ProseNumber]:
    whole, part = _value(match["whole"]), _value(match["part"])
    if whole:
        yield ProseNumber(value=part / whole, kind=Kind.SHARE, text=match.group())


def _half(match: re.Match[str]) -> Iterator[ProseNumber]:
    yield ProseNumber(value=Fraction(1, 2), kind=Kind.SHARE, text=match.group())


def _percents(match: re.Match[str]) -> Iterator[ProseNumber]:
    for digits in (match["low"], match["high"]):
        if digits:
            yield ProseNumber(value=_value(digits) / 100, kind=Kind.PERCENT, text=f"{digits}%")


def _word_percent(match: re.Match[str]) -> Iterator[ProseNumber]:
    yield ProseNumber(value=Fraction(_word_value(match["word"]), 100), kind=Kind.PERCENT, text=match.group())


def _basis_points(match: re.Match[str]) -> Iterator[ProseNumber]:
    yield ProseNumber(value=_value(match["digits"]) / 10_000, kind=Kind.PERCENT, text=match.group())


def _tenths(match: re.Match[str]) -> Iterator[ProseNumber]:
    yield ProseNumber(value=_value(match["digits"]) / 10, kind=Kind.PERCENT, text=match.group())


def _times(match: re.Match[str]) -> Iterator[ProseNumber]:
    groups = match.groupdict()
    value = _value(groups["digits"]) if groups.get("digits") else Fraction(_word_value(groups["word"]))
    if value != 1:
        yield ProseNumber(value=value, kind=Kind.TIMES, text=match.group())


def _twice(match: re.Match[str]) -> Iterator[ProseNumber]:
    value = 3 if match.group().lower().startswith(("tripl", "thrice")) else 2
    yield ProseNumber(value=Fraction(value), kind=Kind.TIMES, text=match.group())


def _amount(match: re.Match[str]) -> Iterator[ProseNumber]:
    total = Fraction(0)
    for piece in _AMOUNT_PIECE.finditer(match["pieces"]):
        if not piece.group().strip():
            continue
        total += _value(piece["digits"] or "1") * _AMOUNTS.get(piece["word"] or "", 1)
    yield ProseNumber(value=total, kind=Kind.PLAIN, text=match.group().strip())


def _english_amount(match: re.Match[str]) -> Iterator[ProseNumber]:
    value = _value(match["digits"]) * _ENGLISH_AMOUNTS[match["word"].lower()]
    yield ProseNumber(value=value, kind=Kind.PLAIN, text=match.group())


def _bars(match: re.Match[str]) -> Iterator[ProseNumber]:
    unit = _UNITS[match["unit"].lower().rstrip("s")]
    for digits in re.findall(_NUMBER, match["list"]):
        yield ProseNumber(value=_value(digits), kind=Kind.BARS, text=f"{digits}{match['unit']}", unit=unit)


def _day_word(match: re.Match[str]) -> Iterator[ProseNumber]:
    yield ProseNumber(value=Fraction(_DAYS[match.group()]), kind=Kind.BARS, text=match.group(), unit="day")


def _calendar(match: re.Match[str]) -> Iterator[ProseNumber]:
    groups = match.groupdict()
    half_a_year = bool(groups.get("half"))
    value = Fraction(1, 2) if half_a_year else _value(groups["digits"])
    unit = "year" if half_a_year else _UNITS[groups["unit"].lower().rstrip("s")]
    yield ProseNumber(value=value, kind=Kind.CALENDAR, text=match.group(), sure=False, unit=unit)


def _calendar_words(match: re.Match[str]) -> Iterator[ProseNumber]:
    word, unit = match["word"] or match["word_en"], match["unit"] or match["unit_en"]
    value, name = Fraction(_word_value(word)), _UNITS[unit.lower().rstrip("s")]
    yield ProseNumber(value=value, kind=Kind.CALENDAR, text=match.group(), sure=False, unit=name)


def _counted(match: re.Match[str]) -> Iterator[ProseNumber]:
    value = Fraction(_word_value(match["word"]))
    if value != 1:
        yield ProseNumber(value=value, kind=Kind.PLAIN, text=match.group(), sure=False)


def _unsure(match: re.Match[str]) -> Iterator[ProseNumber]:
    value = _value(match["digits"] or match["hours"])
    yield ProseNumber(value=value, kind=Kind.PLAIN, text=match.group(), sure=False)


def _plain(match: re.Match[str]) -> Iterator[ProseNumber]:
    yield ProseNumber(value=_value(match.group()), kind=Kind.PLAIN, text=match.group())


def _word_value(word: str) -> int:
    known = {**_NATIVE, **_ENGLISH}
    return known[word.lower()] if word.lower() in known else _sino(word)


_AMOUNT_PIECE = re.compile(rf"(?P<digits>{_NUMBER})?\s*(?P<word>{_words(_AMOUNTS)})?")
_START = r"(?<![가-힣A-Za-z])"  # of a word
_HALF_DAY = r"(?:(?P<half>오전|오후)\s*)?"
_PRO = r"프로(?![가-힣]*(?:그램|젝트))"  # 7프로 is seven per cent, 프로그램 is a program
_ANY_WORD = _words({word: value for word, value in {**_NATIVE, **_ENGLISH}.items() if word not in ("a", "one")})


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# From the strictest to the loosest; IGNORECASE is for English.
_READERS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (_compiled(r"\d{4}-\d{1,2}-\d{1,2}|\d{4}년(?:\s*\d{1,2}월)?(?:\s*\d{1,2}일)?|\d{1,2}월\s*\d{1,2}일"), _nothing),
    (_compiled(r"(?:KOSPI|코스피|KOSDAQ|코스닥|KRX)\s?(?:50|100|150|200|300)(?!\s*(?:\d|일|봉|원|%|-?day))"), _nothing),
    (_compiled(r"\bT\+\d|제\s?\d+|\d+(?:차|번째|단계|등급)|^\s*\(?\d{1,2}[.)]\s"), _nothing),
    (_compiled(rf"{_HALF_DAY}(?<!\d)(?P<hours>\d{{1,2}}):(?P<minutes>\d{{2}})(?!\d)"), _clock),
    (
        _compiled(
            rf"{_HALF_DAY}(?<!\d)(?P<hours>\d{{1,2}})시(?!간|장|점|세)(?:\s*(?P<minutes>\d{{1,2}}(?=분)|반)분?)?"
        ),
        _clock,
    ),
    (_compiled(rf"(?P<whole>{_NUMBER})\s*분의\s*(?P<part>{_NUMBER})"), _part_of),
    (_compiled(r"(?P<part>\d+)\s*/\s*(?P<whole>\d+)(?!\s*(?:\d|/|일|봉|분|-?\s*day))"), _part_of),
    (_compiled(r"절반|\bhalf\b(?!\s+a?\s*year)"), _half),
    (
        _compiled(
            rf"(?:(?P<low>{_NUMBER})\s*%?\s*[~∼–-]\s*)?(?P<high>{_NUMBER})\s*"
            rf"(?:%p?|퍼센트(?:포인트)?|{_PRO}|per\s?cents?\b)"
        ),
        _percents,
    ),
    (_compiled(rf"{_START}(?P<word>[일이삼사오육칠팔구십백]+)\s*(?:퍼센트|{_PRO})"), _word_percent),
    (_compiled(rf"{_START}(?P<word>{_words(_ENGLISH)})\s+per\s?cent\b"), _word_percent),
    (_compiled(rf"(?P<digits>{_NUMBER})\s*(?:bps?\b|베이시스\s?포인트)"), _basis_points),
    (_compiled(rf"(?P<digits>{_NUMBER})\s*할(?!인)"), _tenths),
    (_compiled(rf"(?P<digits>{_NUMBER})\s*(?:배(?!당)|[x×](?![A-Za-z])|times\b|-?\s?fold\b)"), _times),
    (_compiled(rf"{_START}(?P<word>{_ANY_WORD})\s*(?:배(?!당|경|열)|times\b|-?fold\b)"), _times),
    (_compiled(r"갑절|곱절|\btwice\b|\bdoubl\w+|\btripl\w+|\bthrice\b"), _twice),
    (_compiled(rf"(?P<digits>{_NUMBER})\s*(?P<word>{_words(_ENGLISH_AMOUNTS)})\b(?:\s*won)?"), _english_amount),
    (
        _compiled(
            rf"(?P<pieces>(?:{_NUMBER}\s*(?:{_words(_AMOUNTS)})\s*)+(?:{_NUMBER})?|{_NUMBER}(?=\s*원)|"
            rf"{_START}(?:{_words(_AMOUNTS)})(?=\s*원))\s*원?"
        ),
        _amount,
    ),
    (
        _compiled(
            rf"(?P<list>{_NUMBER}(?:\s*(?:[,/·~∼]|와|과|및|and)\s*{_NUMBER})*)\s*-?\s*"
            r"(?P<unit>거래일|영업일|세션|일|봉|분(?!기|할|의)|days?\b|sessions?\b|bars?\b|minutes?\b)"
        ),
        _bars,
    ),
    (_compiled(_words(_DAYS)), _day_word),
    (_compiled(r"(?P<half>반년|half\s+a?\s*year)"), _calendar),
    (
        _compiled(
            rf"(?P<digits>{_NUMBER})\s*-?\s*(?P<unit>주|개월|달|년|분기|weeks?\b|months?\b|years?\b|quarters?\b)"
        ),
        _calendar,
    ),
    (
        _compiled(
            rf"{_START}(?!이달)(?P<word>{_words(_NATIVE)}|[일이삼사오육구십]+)\s*(?P<unit>개월|달|년|분기|주(?=일|간|\s))"
            r"|\b(?P<word_en>a|one|two|three|six|twelve)[\s-](?P<unit_en>weeks?|months?|years?|quarters?)\b"
        ),
        _calendar_words,
    ),
    (
        _compiled(rf"{_START}(?P<word>{_ANY_WORD})\s*(?:종목|봉|날|번(?!째)|회|개|건|names?\b|bars?\b|days?\b)"),
        _counted,
    ),
    (_compiled(rf"(?<=[A-Za-z])(?P<digits>{_NUMBER})|(?P<hours>{_NUMBER})\s*(?:시간|hours?\b)"), _unsure),
    (_compiled(_NUMBER), _plain),
)
