"""A fill: shares that changed hands, at a price, with its costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.clock import require_aware
from engine.errors import BadInput
from engine.order import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution of one order.

    Args:
        time: when it happened, by the exchange.
        order_id: our id of the order.
        key: identifies this execution for ever; the ledger books each key once, however often it is told.
            The replay uses order id and running number; an adapter of a venue without fill ids builds it
            from the totals.
        ticker: KRX short code.
        side: buy or sell.
        quantity: shares, at least 1.
        price: won per share; 0 when a delisted share is written off.
        fee: the broker's commission, won.
        stt: securities transaction tax (sells), won.
        rural: special rural tax (KOSPI sells), won.
        point: where on the bar's path it happened: "open", "low", "high", "close"; "" on live venues.
        sequence: breaks ties of time and rank.
    """

    time: datetime
    order_id: str
    key: str
    ticker: str
    side: Side
    quantity: int
    price: int
    fee: int = 0
    stt: int = 0
    rural: int = 0
    point: str = ""
    sequence: int = 0

    def __post_init__(self) -> None:
        require_aware(self.time, f"Fill {self.key}")
        if self.quantity <= 0 or self.price < 0:
            raise BadInput(
                f"Fill {self.key} of order {self.order_id}: {self.quantity} shares of {self.ticker} at "
                f"{self.price} won. Shares must be positive and the price not negative."
            )
        if min(self.fee, self.stt, self.rural) < 0:
            raise BadInput(f"Fill {self.key}: a fee or tax below 0 won. Book a refund as a CashMoved event.")

    @property
    def amount(self) -> int:
        """Won that the shares cost, without fees and taxes."""
        return self.quantity * self.price

    @property
    def taxes(self) -> int:
        """Won of both taxes."""
        return self.stt + self.rural

    @property
    def cash_change(self) -> int:
        """Won by which the account changes: negative for a buy."""
        return -self.side.sign * self.amount - self.fee - self.taxes
