"""What time it really is: nothing is traded by a clock that is wrong, for orders would be filed under another day.

    require_right_clock(rest)     at a start: raises if this machine's clock is not KIS's
    is_right(1.0)                 at every turn, a `RightClock`: whether the time is known; if not, after a second

While a trader runs, its machine's clock may be set to any time; `SteadyClock` then goes on by the seconds that pass.
Which of the two is right is asked of KIS, once for each jump. If neither is, or KIS cannot be asked, nothing is decided
or sent, and it is asked again every half a minute, and when the machine's clock is set.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from brokers.kis.errors import KisError
from brokers.kis.rest import KisRest
from engine.errors import ConfigError, NotNow
from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.ledger import Ledger
from engine.order import OrderRequest, RefusalReason, Refused
from engine.reports.language import Lang, Text
from engine.steady_clock import MOST_FOLLOWED, SteadyClock

JUMPED, FOLLOWED, UNKNOWN, RIGHT = "clock_jumped", "clock_followed", "clock_unknown", "clock_right"
_AGAIN_SECONDS = 30.0
_NONE = timedelta(0)
_TEXTS = {
    JUMPED: Text(
        "이 컴퓨터의 시계가 {minutes:+,}분 어긋났습니다. 거래는 흐른 시간으로 계속하며 KIS의 시각과 맞습니다. 시계를 "
        "맞추세요(timedatectl set-ntp true). 그 전에는 다시 시작할 수 없고, 백업과 성찰도 기다립니다.",
        "This machine's clock has jumped by {minutes:+,} minutes. Trading goes on by the time that has passed, which "
        "is KIS's. Set the clock (timedatectl set-ntp true): until then no restart is possible, and backups and "
        "reflections wait.",
    ),
    FOLLOWED: Text(
        "이 컴퓨터가 멈춰 있었습니다: 시각이 {minutes:+,}분 옮겨졌고 KIS의 시각과 맞습니다. 거래를 계속합니다.",
        "This machine has stood still: its time has moved by {minutes:+,} minutes and is KIS's. Trading goes on.",
    ),
    UNKNOWN: Text(
        "지금이 몇 시인지 알 수 없습니다({why}). 그동안 판단도 주문도 하지 않으며 보유 종목이 지켜지지 않습니다. 이 "
        "컴퓨터의 시계를 맞추세요(timedatectl set-ntp true). {seconds}초마다 다시 확인합니다.",
        "Nobody knows what time it is ({why}). Until then nothing is decided or sent, and holdings are not guarded. "
        "Set this machine's clock (timedatectl set-ntp true). It is asked again every {seconds} s.",
    ),
    RIGHT: Text("이 컴퓨터의 시계가 다시 맞습니다.", "This machine's clock is right again."),
}
_ASTRAY = Text(
    "KIS의 시각은 이 컴퓨터의 시계보다 {machine:+,}분, 흐른 시간보다 {ours:+,}분",
    "KIS's time is {machine:+,} minutes from this machine's clock, and {ours:+,} from the time that has passed",
)
_NOT_TOLD = Text("KIS의 응답에 시각이 없음", "KIS's answer has no time")
_WAITS = Text("지금이 몇 시인지 확인될 때까지 기다립니다", "it waits until it is known what time it is")


class WrongClock(ConfigError, NotNow):
    """This machine's clock is not KIS's; a machine that has just started may not have set it yet."""


def require_right_clock(rest: KisRest) -> None:
    """Nothing, if this machine's clock and KIS's agree.

    Raises:
        WrongClock: they do not.
        KisError: KIS cannot be asked.
    """
    rest.call("inquire_balance")
    difference = rest.clock_difference
    if difference is not None and abs(difference) > MOST_FOLLOWED:
        where = "behind" if difference > _NONE else "ahead of"
        raise WrongClock(
            f"This machine's clock is {_minutes(abs(difference)):,} minutes {where} KIS's. Nothing was traded: orders "
            "would be filed under the wrong time or day. Set the clock (timedatectl set-ntp true), then start again."
        )


class GivenTime:
    """The time is what the clock says, as where a served world publishes it."""

    def __call__(self, wait_seconds: float = 0.0) -> bool:
        """It is known."""
        return True

    def check(self, request: OrderRequest) -> Refused[OrderRequest] | None:
        """Nothing has to wait."""
        return None

    def drift(self) -> timedelta | None:
        """At a thousand times the speed each answer would seem to come too late."""
        return None


class RightClock:
    """Whether a trader knows what time it is; also an `OrderGate`. For the trader's thread.

    Args:
        clock: the trader's.
        rest: whose answers tell KIS's time; it has the same clock.
        ledger: takes the alerts.
        tell: is told one line for people at a time.
        lang: of texts.
        steady: seconds of a clock that never jumps.
        sleep: waits that many of them.
    """

    def __init__(
        self,
        clock: SteadyClock,
        rest: KisRest,
        ledger: Ledger,
        *,
        tell: Callable[[str], None],
        lang: Lang,
        steady: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock, self._rest, self._ledger = clock, rest, ledger
        self._tell, self._steady, self._sleep = tell, steady, sleep
        self._lang: Lang = lang
        self._known_lead = _NONE  # of the machine's clock, when KIS said that ours is right all the same
        self._told = ""  # what people believe: JUMPED, UNKNOWN, or nothing
        self._is_asking, self._ask_at, self._asked_lead = False, steady(), _NONE

    def __call__(self, wait_seconds: float = 0.0) -> bool:
        """Whether it is known what time it is. If it is not, KIS is asked when it is time to, or so long is waited."""
        if self._is_asking:  # and an order would go meanwhile
            return False
        if not self._clock.lead:
            self._known_lead = _NONE
        has_moved = abs(self._clock.lead - self._asked_lead) > MOST_FOLLOWED  # somebody has set the machine's clock
        if not self._is_known() and (has_moved or self._steady() >= self._ask_at):
            self._ask()
        if not self._is_known():
            self._sleep(min(wait_seconds, max(self._ask_at - self._steady(), 0.0)))
            return False
        if self._told and not self._clock.lead:
            self._say(Urgency.INFO, RIGHT)
        return True

    def check(self, request: OrderRequest) -> Refused[OrderRequest] | None:
        """An order waits where the time is lost in the middle of a turn; the next one asks KIS, and may drop it."""
        if self._is_known():
            return None
        return Refused(value=request, reason=RefusalReason.TIME_UNKNOWN, message=_WAITS(self._lang))

    def drift(self) -> timedelta | None:
        """KIS's clock less the machine's, at the last answer; None if none has told its time."""
        difference = self._rest.clock_difference
        return None if difference is None else difference - self._clock.lead

    def _is_known(self) -> bool:
        difference = self._rest.clock_difference
        agrees = difference is None or abs(difference) <= MOST_FOLLOWED
        return agrees and abs(self._clock.lead - self._known_lead) <= MOST_FOLLOWED

    def _ask(self) -> None:
        before, self._rest.clock_difference = self._rest.clock_difference, None  # only a fresh answer counts
        self._is_asking, why = True, _NOT_TOLD(self._lang)
        try:
            self._rest.call("inquire_balance")
        except KisError as error:
            why = str(error)
        finally:
            self._is_asking = False
        told = self._rest.clock_difference
        if told is None:
            self._rest.clock_difference = before
        self._asked_lead = self._clock.lead
        self._judge(told, self._asked_lead, why)

    def _judge(self, ours: timedelta | None, lead: timedelta, why: str) -> None:
        """Believe the clock that is nearer to KIS's, if it is near enough.

        Args:
            ours: KIS's time less ours; None = it did not tell it.
            lead: of the machine's clock before ours.
            why: it did not.
        """
        if ours is None or min(abs(ours), abs(ours - lead)) > MOST_FOLLOWED:
            if ours is not None:
                why = _ASTRAY(self._lang).format(machine=_minutes(ours - lead), ours=_minutes(ours))
            self._known_lead, self._ask_at = _NONE, self._steady() + _AGAIN_SECONDS
            if self._told != UNKNOWN:
                self._say(Urgency.CRITICAL, UNKNOWN, why=why, seconds=round(_AGAIN_SECONDS))
        elif abs(ours - lead) < abs(ours):
            self._clock.follow_machine()
            self._rest.clock_difference, self._known_lead = ours - lead, _NONE
            self._say(Urgency.INFO, FOLLOWED, minutes=_minutes(lead))
        else:
            is_new = self._told != JUMPED or abs(lead - self._known_lead) > MOST_FOLLOWED
            self._known_lead = lead
            if lead and is_new:
                self._say(Urgency.CRITICAL, JUMPED, minutes=_minutes(lead))

    def _say(self, urgency: Urgency, code: str, **values: object) -> None:
        text = _TEXTS[code](self._lang).format(**values)
        self._told = code if urgency is Urgency.CRITICAL else ""
        record_alert(self._ledger, urgency, code, text, values)
        self._tell(text)


def _minutes(time: timedelta) -> int:
    return round(time / timedelta(minutes=1))
