"""Whether a rule does what its sentence says: the numbers of the text against those of the condition and action.

A model that writes "1.5배" and computes 2.5 has not noticed what it tests, and the person who approves the sentence
approves another rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

from engine.research.prose_numbers import Kind, ProseNumber, prose_numbers
from engine.rules.constants import Constant, constants_of
from engine.rules.interval import MINUTES_PER_SESSION
from engine.rules.tree import Call, Rule, Sell, Unit
from engine.rules.walk import rule_expressions, walk

# Sessions in a calendar span, least and most: holidays and the writer's rounding (a month is 20 or 22, 52 weeks are 240
# to 260) are allowed for.
_SESSIONS: dict[str, tuple[Fraction | int, int]] = {
    "week": (Fraction(23, 5), 5),
    "month": (20, 22),
    "quarter": (60, 66),
    "year": (240, 262),
}
# These need no words: "어제" is a lag of 1, "오르면" is a comparison with 0.
_SELF_EVIDENT = frozenset({Fraction(0), Fraction(1)})
_THIRD = Fraction(1, 200)  # a third is written 33 % or 33.3 %


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberComparison:
    """What the text and the rule say of numbers.

    Attributes:
        missing: surely numbers of the text, but not of the rule.
        unsure: perhaps numbers of the text, without a counterpart in the rule.
        unmentioned: numbers of the rule that the text does not name.
        said, written: how many numbers the text and the rule have.
    """

    missing: tuple[str, ...]
    unsure: tuple[str, ...]
    unmentioned: tuple[str, ...]
    said: int
    written: int


@dataclass(frozen=True, slots=True)
class _Where:
    """What of the rule decides how numbers compare: its bar length, and whether it ranks or counts shares."""

    interval: str
    ranks: bool


def compare_numbers(rule: Rule, interval: str) -> NumberComparison:
    """Compare a rule's sentence with its condition and action.

    A number of the text has a counterpart if some number of the rule means the same: "상위 10%" is `rank(…) >= 90%`,
    "2% 낮은 값" is `close * 0.98`, "한 달" is 20 to 22 daily bars. Signs are left aside.

    Args:
        rule: a checked rule.
        interval: the bar length that its windows count.
    """
    said, constants = prose_numbers(rule.text), constants_of(rule)
    calls = {node.function for tree in rule_expressions(rule) for node in walk(tree) if isinstance(node, Call)}
    where = _Where(interval, bool(calls & {"rank", "ts_rank", "breadth"}))
    heard = [number for number in said if number.value not in _SELF_EVIDENT or number.kind is Kind.CALENDAR]
    without = [
        number
        for number in heard
        if not any(_agree(number, constant, where) for constant in constants) and not _implied(number, rule, interval)
    ]
    unnamed = [
        constant
        for constant in constants
        if abs(constant.value) not in _SELF_EVIDENT
        and constant.unit is not Unit.WEEKDAY
        and not any(_agree(number, constant, where) for number in said)
    ]
    return NumberComparison(
        missing=_once(number.text for number in without if number.sure and not _other_bars(number, interval)),
        unsure=_once(number.text for number in without if not number.sure or _other_bars(number, interval)),
        unmentioned=_once(constant.text for constant in unnamed),
        said=len(said),
        written=len(constants),
    )


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _implied(number: ProseNumber, rule: Rule, interval: str) -> bool:
    """Numbers that a rule means without writing them: its bar length, and 100 % of `sell all`."""
    if number.kind is Kind.BARS and number.unit == "minute":
        return interval == f"{number.value}m"
    return number.kind is Kind.PERCENT and number.value == 1 and isinstance(rule.action, Sell)


def _agree(number: ProseNumber, constant: Constant, where: _Where) -> bool:
    value = abs(constant.value)
    if (constant.unit is Unit.TIME) != (number.kind is Kind.TIME):
        return False
    return _RELATIONS[number.kind](number, value, constant, where)


def _from_whole(share: Fraction, constant: Constant, where: _Where) -> bool:
    """Whether a constant is what a share leaves of the whole: 2 % below is 0.98, the top 10 % rank from 90 %."""
    told_so = constant.literal.unit is not Unit.RATIO or where.ranks
    return told_so and constant.value > 0 and abs(constant.value - (1 - share)) < _THIRD / 100


def _percent(number: ProseNumber, value: Fraction, constant: Constant, where: _Where) -> bool:
    # An index from 0 to 100 is spoken of in per cent too.
    plain = constant.literal.unit is not Unit.RATIO
    rest = _from_whole(number.value, constant, where)
    return number.value == value or value == 1 + number.value or (plain and number.value * 100 == value) or rest


def _share(number: ProseNumber, value: Fraction, constant: Constant, where: _Where) -> bool:
    return abs(value - number.value) < _THIRD or _from_whole(number.value, constant, where)


def _times(number: ProseNumber, value: Fraction, constant: Constant, where: _Where) -> bool:
    return value == number.value or value * number.value == 1


def _bars(number: ProseNumber, value: Fraction, constant: Constant, where: _Where) -> bool:
    if value == number.value:
        return True
    interval = where.interval
    if not interval.endswith("m"):
        return interval == "1w" and number.unit == "day" and value * 5 == number.value
    minutes = number.value * (MINUTES_PER_SESSION if number.unit == "day" else 1)
    return number.unit != "bar" and value * int(interval.removesuffix("m")) == minutes


def _calendar(number: ProseNumber, value: Fraction, constant: Constant, where: _Where) -> bool:
    # 주 is a week and a share, so "100주" may be just that number.
    if value == number.value and number.unit == "week":
        return True
    least, most = _SESSIONS[number.unit]
    interval = where.interval
    bars_per_session = Fraction(1, 5) if interval == "1w" else Fraction(1)
    if interval.endswith("m"):
        bars_per_session = Fraction(MINUTES_PER_SESSION, int(interval.removesuffix("m")))
    return least * number.value * bars_per_session <= value <= most * number.value * bars_per_session


def _time(number: ProseNumber, value: Fraction, constant: Constant, where: _Where) -> bool:
    # "2시 50분" in the afternoon is said without 오후.
    return value in (number.value, number.value + 12 * 60)


def _plain(number: ProseNumber, value: Fraction, constant: Constant, where: _Where) -> bool:
    return value == number.value or (constant.literal.unit is Unit.RATIO and value * 100 == number.value)


_RELATIONS: dict[Kind, Callable[[ProseNumber, Fraction, Constant, _Where], bool]] = {
    Kind.PERCENT: _percent,
    Kind.SHARE: _share,
    Kind.TIMES: _times,
    Kind.BARS: _bars,
    Kind.CALENDAR: _calendar,
    Kind.TIME: _time,
    Kind.PLAIN: _plain,
}


def _other_bars(number: ProseNumber, interval: str) -> bool:
    """Whether a length is told in another unit than the bars of the rule, so that it can only be compared roughly."""
    own = {"d": "day", "w": "week", "m": "minute"}[interval[-1]]
    return number.kind is Kind.BARS and number.unit not in (own, "bar")
