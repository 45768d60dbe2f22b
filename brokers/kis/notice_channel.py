"""Whether the stream of the account's own notices has been up without a break: only then does silence prove a thing."""

from __future__ import annotations

from dataclasses import dataclass

from brokers.kis.stream_reports import Gap, LinkChange, LinkState, Report, SubscriptionRefused
from brokers.kis.subscriptions import Subscription
from brokers.kis.websocket import RealtimeSocket


@dataclass(frozen=True, slots=True)
class Mark:
    """The channel at one instant: whether it was up, and how often it had been broken."""

    was_up: bool
    breaks: int


class NoticeChannel:
    """The notices of one account.

    Args:
        socket: the stream; None = there is none.
        subscription: of the notices; None = the HTS id is not configured, so there are none.
    """

    def __init__(self, socket: RealtimeSocket | None, subscription: Subscription | None) -> None:
        self._socket, self._subscription = socket, subscription
        self._breaks = 0

    @property
    def is_up(self) -> bool:
        """Whether KIS has confirmed the registration in the present session of the socket."""
        if self._socket is None or self._subscription is None:
            return False
        return self._subscription in self._socket.registered and self._socket.status().connected

    def mark(self) -> Mark:
        """Remember this instant."""
        return Mark(self.is_up, self._breaks)

    def unbroken_since(self, mark: Mark | None) -> bool:
        """Whether it has been up ever since; ask when the queue of the stream is empty."""
        return mark is not None and mark.was_up and self.is_up and mark.breaks == self._breaks

    def hear(self, report: Report) -> bool:
        """Take a report of the stream; True if notices may be missing."""
        broken = (isinstance(report, LinkChange) and report.state is not LinkState.CONNECTED) or (
            isinstance(report, SubscriptionRefused) and report.subscription.is_notice
        )
        if isinstance(report, Gap):
            broken = report.includes_notices
        self._breaks += broken
        return broken
