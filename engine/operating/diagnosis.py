"""Node 1, portfolio diagnosis: cash, total and holdings, from what the broker says."""

from __future__ import annotations

from engine.broker import Quote
from engine.operating.desk import Desk
from engine.operating.state import Cycle, Diagnosis, Holding, whole
from engine.position import Position


def diagnose(cycle: Cycle, desk: Desk) -> None:
    """Fill in `cycle.diagnosis`, and the quotes that the next node reads too.

    The broker tells cash in whole won, so on data with decimals the total is up to one won below the account's equity.
    """
    account = desk.broker.account()
    positions = [position for position in desk.broker.positions() if position.quantity > 0]
    cycle.quotes = {quote.ticker: quote for quote in desk.broker.quotes([held.ticker for held in positions])}
    holdings = tuple(_holding(held, cycle.quotes.get(held.ticker), desk) for held in positions)
    value = whole(sum(holding.value or 0 for holding in holdings))
    cycle.diagnosis = Diagnosis(
        time=cycle.time,
        cash=account.deposit_d2,
        orderable=account.orderable,
        holdings_value=value,
        total=whole(account.deposit_d2 + value),
        holdings=holdings,
    )


def _holding(held: Position, quote: Quote | None, desk: Desk) -> Holding:
    cost = held.cost / desk.price_scale
    value = None if quote is None else quote.price * held.quantity
    profit = None if value is None else value - cost
    return Holding(
        ticker=held.ticker,
        name=desk.name(held.ticker),
        quantity=held.quantity,
        average_price=whole(cost / held.quantity),
        price=None if quote is None else whole(quote.price),
        value=None if value is None else whole(value),
        profit=None if profit is None else whole(profit),
        # profit / cost, so that exactly 15 % is 0.15
        profit_ratio=None if profit is None or cost == 0 else profit / cost,
    )
