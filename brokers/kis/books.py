"""What the broker needs of the ledger, and the alerts it raises; `brokers.kis_account` puts the real ledger behind it.

Every fact is booked here before anybody acts on it: an intent before the order is sent, a fill before the strategy
hears of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Literal, Protocol

from engine.events import Event, OrderAccepted, OrderNotSent, OrderRefused, OrderUnknown
from engine.fill import Fill
from engine.order import Approved, Order, OrderRequest


class Weight(Enum):
    """How soon a person must look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class KisAlert:
    """Something a person should know, in both languages; never a key, a token or an account.

    Args:
        code: stable name.
        weight: how soon a person must look.
        korean, english: what happened, and what to do.
        details: for programs: order id, ticker, ….
    """

    code: str
    weight: Weight
    korean: str
    english: str
    details: Mapping[str, str] = field(default_factory=dict)

    def text(self, language: Literal["ko", "en"] = "ko") -> str:
        """The sentence in one language."""
        return self.korean if language == "ko" else self.english


class Books(Protocol):
    """The ledger of the account, as the broker sees it."""

    def record_intent(self, approved: Approved[OrderRequest], order_id: str = "") -> Order:
        """Write down an order before it is sent; it survives a power failure when this returns."""
        ...

    def record_outcome(self, outcome: OrderAccepted | OrderRefused | OrderUnknown | OrderNotSent) -> Order:
        """Write down what became of sending it."""
        ...

    def append(self, event: Event) -> bool:
        """Book an event; False if it was known already."""
        ...

    def order(self, order_id: str) -> Order | None:
        """One order, active or finished."""
        ...

    def open_orders(self) -> Sequence[Order]:
        """Orders that the venue has and that can still fill, oldest first."""
        ...

    def unresolved_orders(self) -> Sequence[Order]:
        """Intents and unknowns, oldest first."""
        ...

    def orders_of(self, day: date) -> Sequence[Order]:
        """All orders intended on a day, oldest first."""
        ...

    def fills_of(self, day: date) -> Sequence[Fill]:
        """All fills of a day, in the order in which they were booked."""
        ...

    def numbers_of(self, day: date) -> Sequence[tuple[str, str]]:
        """Every number that KIS gave to the orders of a day, those before an amend included: (order id, number)."""
        ...

    def cost_adjustment_of(self, label: str) -> int:
        """Won of all cost adjustments that were booked under this label."""
        ...

    def alert(self, alert: KisAlert) -> None:
        """Put an alert into the outbox."""
        ...
