"""What the stream says about itself: gaps to be filled from REST, the connection, refusals, bad frames.

Reports travel in the same queue as the records, in the order of arrival. Each explains itself in Korean and English.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from brokers.kis.ack_codes import explain_ack
from brokers.kis.frames import FrameError
from brokers.kis.subscriptions import Division, Subscription
from engine.clock import require_aware


class GapReason(Enum):
    """Why records are missing."""

    DISCONNECTED = "disconnected"
    TURN = "turn"  # more subscriptions than places: it was not its turn
    QUEUE_FULL = "queue full"  # the consumer was slower than the stream
    JUMP = "jump"  # the cumulative volume says that shares are missing
    BAD_FRAME = "bad frame"  # something came that cannot be read, and a notice may be among it


_REASON_TEXT = {
    GapReason.DISCONNECTED: ("연결이 끊겼던 동안", "while the connection was down"),
    GapReason.TURN: ("등록 차례가 아니던 동안", "while it was not registered (taking turns)"),
    GapReason.QUEUE_FULL: ("처리가 밀려 버려진 기록", "dropped because the program could not keep up"),
    GapReason.JUMP: ("누적 거래량에 비어 있는 체결", "trades that the cumulative volume shows to be missing"),
    GapReason.BAD_FRAME: ("읽을 수 없는 전문", "a frame that could not be read"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Records of these subscriptions between two instants are missing, or may be: ask REST.

    Args:
        reason: why.
        subscriptions: which; those of notices mean the account's orders and fills.
        since: the last instant at which all was well; received time, for JUMP exchange time.
        until: from then on all is well again.
        lost: records dropped for QUEUE_FULL, shares missing for JUMP, otherwise None: nobody counted.
    """

    reason: GapReason
    subscriptions: tuple[Subscription, ...]
    since: datetime
    until: datetime
    lost: int | None = None

    def __post_init__(self) -> None:
        require_aware(self.since, "Gap.since")
        require_aware(self.until, "Gap.until")

    @property
    def includes_notices(self) -> bool:
        """Whether news of the account's own orders may be missing."""
        return any(subscription.is_notice for subscription in self.subscriptions)

    def text(self, lang: str = "ko") -> str:
        """One sentence for people."""
        korean, english = _REASON_TEXT[self.reason]
        span = f"{self.since:%m-%d %H:%M:%S}–{self.until:%H:%M:%S}"
        names = ", ".join(f"{name.tr_id} {name.label}" for name in self.subscriptions[:5])
        more = len(self.subscriptions) - 5
        if lang == "en":
            return f"Gap {span}, {english}: {names}{f' and {more} more' if more > 0 else ''}{self._lost('en')}"
        return f"누락 {span}, {korean}: {names}{f' 외 {more}건' if more > 0 else ''}{self._lost('ko')}"

    def _lost(self, lang: str) -> str:
        if self.lost is None:
            return ""
        units = {"en": ("shares", "records"), "ko": ("주", "건")}[lang]
        return f" ({self.lost:,} {units[0] if self.reason is GapReason.JUMP else units[1]})"


class LinkState(Enum):
    """Whether the socket is up."""

    CONNECTED = "connected"
    LOST = "lost"
    CLOSED = "closed"  # on our own request


_STATE_TEXT = {
    LinkState.CONNECTED: ("실시간 연결됨", "real-time stream connected"),
    LinkState.LOST: ("실시간 연결 끊김", "real-time stream lost"),
    LinkState.CLOSED: ("실시간 연결 종료", "real-time stream closed"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChange:
    """The connection came up or went down.

    Args:
        state: what it is now.
        at: by our clock.
        why: cause of a loss, without secrets.
        failures: attempts in a row that failed.
        wait_seconds: until the next attempt.
    """

    state: LinkState
    at: datetime
    why: str = ""
    failures: int = 0
    wait_seconds: float = 0.0

    def text(self, lang: str = "ko") -> str:
        """One sentence for people."""
        korean, english = _STATE_TEXT[self.state]
        why = f": {self.why}" if self.why else ""
        if self.state is not LinkState.LOST:
            return (english if lang == "en" else korean) + why
        if lang == "en":
            return f"{english}{why}; attempt {self.failures + 1} in {self.wait_seconds:.0f} s"
        return f"{korean}{why}; {self.wait_seconds:.0f}초 뒤 {self.failures + 1}번째 시도"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRefused:
    """KIS will not register this one; it is not asked for again until somebody subscribes anew.

    Args:
        subscription: which.
        code: OPSP….
        message: KIS's words.
        at: by our clock.
    """

    subscription: Subscription
    code: str
    message: str
    at: datetime

    def text(self, lang: str = "ko") -> str:
        """One sentence for people, with the next step."""
        meaning = explain_ack(self.code, "1").text(lang)
        what = f"{self.subscription.tr_id} {self.subscription.label}"
        if lang == "en":
            return f"Subscription {what} refused: {self.code} {self.message}. Meaning: {meaning}"
        return f"실시간 등록 거부 {what}: {self.code} {self.message}. 뜻: {meaning}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DivisionChange:
    """More is wanted than there are places, or again no longer; `division` says who stays, turns and waits."""

    division: Division
    at: datetime

    def text(self, lang: str = "ko") -> str:
        """One sentence for people."""
        steady, turning = len(self.division.steady), len(self.division.turning)
        waiting, places = len(self.division.waiting), self.division.places
        if lang == "en":
            if self.division.is_complete:
                return f"All {steady} subscriptions are registered ({places} places)."
            return (
                f"{places} places: {steady} subscriptions stay, {turning} take turns on "
                f"{self.division.turning_places}, {waiting} wait. Raise the priority of those that must not wait."
            )
        if self.division.is_complete:
            return f"실시간 {steady}건 모두 등록 (한도 {places}건)"
        return (
            f"실시간 한도 {places}건: {steady}건 고정, {turning}건이 {self.division.turning_places}자리를 교대, "
            f"{waiting}건 대기. 기다리면 안 되는 종목은 우선순위를 높이십시오."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BadFrame:
    """Something came that is no frame of KIS; it was left out."""

    error: FrameError = field(repr=False)
    at: datetime

    def text(self, lang: str = "ko") -> str:
        """One sentence for people."""
        return str(self.error) if lang == "en" else f"읽을 수 없는 실시간 전문: {self.error}"


Report: TypeAlias = Gap | LinkChange | SubscriptionRefused | DivisionChange | BadFrame
