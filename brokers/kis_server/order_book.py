"""The orders of one account as KIS numbers them; behind each stand one or more orders of the replay exchange."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from brokers.kis.notice import CANCEL, NEW
from brokers.kis.order_kinds import OrderKindCode
from engine.order import Side

BRANCH = {"live": "91252", "paper": "00950"}  # KRX_FWDG_ORD_ORGNO. Source: examples in the workbook and in public logs


@dataclass(slots=True, kw_only=True)
class ServedOrder:
    """One order number of one session.

    Args:
        number: ODNO; begins anew every session.
        session: day of the data.
        sent_at: when it was taken, of the data.
        ticker, col, side, kind: what is traded, and how.
        quantity: shares asked for; of a cancel, the shares that it withdrew.
        price: won; 0 for a market order.
        trigger: won; 0 without.
        exchange: KRX, NXT or SOR, as the client sent it. The replay exchange is KRX.
        request: NEW, AMEND or CANCEL.
        original: the number that an amend or a cancel refers to.
        parts: its orders at the replay exchange.
        cancelled: shares withdrawn, or moved to the order that replaced it.
        rejected: shares that the exchange refused after KIS had accepted them.
        waiting: its price has not been triggered yet.
        immediate: its rest is cancelled at the first point it takes part in: "1" IOC, "2" FOK, "0" neither.
    """

    number: int
    session: date
    sent_at: datetime
    ticker: str
    col: int
    side: Side
    kind: OrderKindCode
    quantity: int
    price: int
    trigger: int = 0
    exchange: str = "KRX"
    request: str = NEW
    original: int | None = None
    parts: list[int] = field(default_factory=list)
    cancelled: int = 0
    rejected: int = 0
    waiting: bool = False

    @property
    def immediate(self) -> str:
        """ODER_COND of its notices: 0 none, 1 IOC, 2 FOK."""
        if self.kind.rests:
            return "0"
        return "2" if self.kind.code in ("12", "14", "16") else "1"

    @property
    def is_cancel(self) -> bool:
        """Whether it only withdraws another one."""
        return self.request == CANCEL


class OrderBook:
    """All orders of one account, by session and number."""

    def __init__(self) -> None:
        self._orders: dict[tuple[date, int], ServedOrder] = {}
        self._by_part: dict[int, ServedOrder] = {}

    def add(self, order: ServedOrder) -> None:
        """Keep a new order."""
        self._orders[order.session, order.number] = order
        for part in order.parts:
            self._by_part[part] = order

    def add_part(self, order: ServedOrder, part: int) -> None:
        """One more order of the replay exchange behind it."""
        order.parts.append(part)
        self._by_part[part] = order

    def find(self, session: date, number: int) -> ServedOrder | None:
        """The order of that number, None if the session has none."""
        return self._orders.get((session, number))

    def behind(self, part: int) -> ServedOrder | None:
        """Whose part an order of the replay exchange is; None for those that the exchange made itself (delistings)."""
        return self._by_part.get(part)

    def between(self, first: date, last: date) -> list[ServedOrder]:
        """Orders of the sessions from `first` to `last`, in the order in which they came."""
        return [order for (session, _), order in self._orders.items() if first <= session <= last]
