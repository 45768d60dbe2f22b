"""An account whose few trades can be checked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.clock import KST, SimulatedClock
from engine.events import CashMoved, CashReason, OrderAccepted
from engine.fill import Fill
from engine.ledger.ledger import Ledger
from engine.order import Approved, OrderRequest, Side

MONDAY = datetime(2024, 5, 6, 9, 0, tzinfo=KST)


def at(day: int, hour: int = 9) -> datetime:
    """A moment: days after the Monday on which the story begins."""
    return MONDAY + timedelta(days=day, hours=hour - 9)


@dataclass
class Story:
    """Books trades into a ledger, one order after the other."""

    ledger: Ledger
    clock: SimulatedClock

    def deposit(self, amount: int = 100_000_000) -> Story:
        self.ledger.append(CashMoved(time=self.clock.now(), reason=CashReason.DEPOSIT, amount=amount))
        return self

    def trade(
        self,
        when: datetime,
        side: Side,
        ticker: str,
        quantity: int,
        price: int,
        rules: Sequence[str] = ("cross",),
        *,
        fee: int = 0,
        tax: int = 0,
    ) -> int:
        """One order that fills at once; returns its trade id."""
        self.clock.advance_to(when)
        request = OrderRequest(ticker=ticker, side=side, quantity=quantity, rule_ids=tuple(rules))
        order = self.ledger.record_intent(Approved(value=request, checked_at=when))
        self.ledger.record_outcome(OrderAccepted(time=when, order_id=order.id, order_number=f"N{order.id}"))
        self.ledger.append(
            Fill(
                time=when,
                order_id=order.id,
                key=f"{order.id}/1",
                ticker=ticker,
                side=side,
                quantity=quantity,
                price=price,
                fee=fee,
                stt=tax,
            )
        )
        row = self.ledger.connection.execute(
            "SELECT trade_id FROM orders WHERE run_id = 0 AND order_id = ?", (order.id,)
        ).fetchone()
        return int(row[0])

    def buy(self, when: datetime, ticker: str, quantity: int, price: int, **more: int) -> int:
        return self.trade(when, Side.BUY, ticker, quantity, price, **more)

    def sell(self, when: datetime, ticker: str, quantity: int, price: int, **more: int) -> int:
        return self.trade(when, Side.SELL, ticker, quantity, price, ("stop-loss",), **more)
