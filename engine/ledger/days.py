"""The account day by day: its orders, its fills, and what its costs were adjusted by."""

from __future__ import annotations

import json
from datetime import date

from engine.events import CashMoved, CashReason, OrderAccepted, OrderAmended
from engine.fill import Fill
from engine.ledger.canonical import unstamp
from engine.ledger.codec import decode, kind_of
from engine.ledger.ledger import Ledger
from engine.ledger.rows import orders_of_account
from engine.order import Order


def orders_of_day(ledger: Ledger, day: date) -> list[Order]:
    """All orders of the account that were intended on a day in Seoul, oldest first."""
    orders = orders_of_account(ledger.connection, intended_on=day)
    return sorted(orders.values(), key=lambda order: (order.intended_at, order.id))


def fills_of_day(ledger: Ledger, day: date) -> list[Fill]:
    """All fills of the account on a day in Seoul, in the order in which they were booked."""
    rows = ledger.connection.execute(
        "SELECT kind, time, payload FROM events WHERE kind = ? AND time >= ? AND time < ? ORDER BY sequence",
        (kind_of(Fill), f"{day.isoformat()}T", f"{day.isoformat()}U"),
    )
    found = (decode(kind, unstamp(time), json.loads(payload)) for kind, time, payload in rows)
    return [event for event in found if isinstance(event, Fill)]


def numbers_of_day(ledger: Ledger, day: date) -> list[tuple[str, str]]:
    """Every number that the venue gave to the orders of a day, those before an amend included: (order id, number)."""
    ours = {order.id for order in orders_of_day(ledger, day)}
    rows = ledger.connection.execute(
        "SELECT kind, time, payload FROM events WHERE kind IN (?, ?) AND time >= ? ORDER BY sequence",
        (kind_of(OrderAccepted), kind_of(OrderAmended), f"{day.isoformat()}T"),
    )
    found = (decode(kind, unstamp(time), json.loads(payload)) for kind, time, payload in rows)
    return [
        (event.order_id, event.order_number)
        for event in found
        if isinstance(event, OrderAccepted | OrderAmended) and event.order_id in ours and event.order_number
    ]


def cost_adjustment(ledger: Ledger, label: str) -> int:
    """Won of all cost adjustments whose text is `label`; negative where the estimates were too low."""
    rows = ledger.connection.execute(
        "SELECT kind, time, payload FROM events WHERE kind = ? ORDER BY sequence", (kind_of(CashMoved),)
    )
    found = (decode(kind, unstamp(time), json.loads(payload)) for kind, time, payload in rows)
    return sum(
        event.amount
        for event in found
        if isinstance(event, CashMoved) and event.reason is CashReason.COST_ADJUSTMENT and event.text == label
    )
