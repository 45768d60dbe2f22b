"""What is sent, and what a channel answered to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Protocol

from engine.ledger.alerts import Urgency


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A PNG that goes with a message.

    Args:
        name: of the file.
        content: its bytes.
    """

    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message, ready to be sent on any channel.

    Args:
        message_id: stays the same however often the message is sent, so that a second copy is recognised.
        urgency: how soon a person must look.
        title: one line.
        text: plain, of several lines.
        html: the same for mail, "" = made from the text.
        pictures: shown where the channel can.
    """

    message_id: str
    urgency: Urgency
    title: str
    text: str
    html: str = ""
    pictures: tuple[Picture, ...] = ()


class Verdict(Enum):
    """What became of an attempt."""

    DELIVERED = "delivered"  # the channel said so
    LATER = "later"  # it could not be reached or could not take it now; it may have it nevertheless
    REFUSED = "refused"  # it will not take this message as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A channel's answer.

    Args:
        verdict: what became of it.
        told: in words, without secrets; "" if delivered.
        wait: for how long the channel asked to be left alone.
    """

    verdict: Verdict
    told: str = ""
    wait: timedelta | None = None


DELIVERED = Answer(verdict=Verdict.DELIVERED)


class Sender(Protocol):
    """Sends one message, once. Called by one thread at a time."""

    def send(self, message: Message) -> Answer:
        """Send and wait for the answer; whatever goes wrong is an answer, not an exception."""
        ...
