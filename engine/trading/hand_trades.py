"""A trade that a person made in the broker's app with shares of ours, booked as if the account had made it.

Without it ledger and account differ for good about the name, and it is neither traded nor guarded.
"""

from __future__ import annotations

from engine.clock import Clock
from engine.errors import BadInput
from engine.events import OrderAccepted, OrderIntended
from engine.fill import Fill
from engine.ledger.ledger import Ledger
from engine.order import OrderRequest, Side

BY_HAND = "by hand"  # decision of orders that a person sent


def hand_trade(
    ledger: Ledger, clock: Clock, side: Side, ticker: str, quantity: int, price: int
) -> list[OrderIntended | OrderAccepted | Fill]:
    """The events of a trade that was made by hand; what it cost is told with the day's cash.

    Args:
        ledger: of the account.
        clock: of the venue's world.
        side: bought or sold.
        ticker: a name that the ledger holds.
        quantity: shares.
        price: won per share, on average.

    Raises:
        BadInput: the ledger does not hold so many, or an order of ours is on its way.
    """
    held = ledger.positions.get(ticker)
    if held is None:
        raise BadInput(f"The ledger holds no {ticker}: what was bought by hand alone is left alone.")
    if side is Side.SELL and quantity > held.quantity:
        raise BadInput(f"The ledger holds {held.quantity:,} shares of {ticker}, so {quantity:,} cannot have been sold.")
    if any(order.request.ticker == ticker for order in (*ledger.open_orders(), *ledger.unresolved_orders())):
        raise BadInput(f"An order for {ticker} is on its way. Say it again when that is done.")
    now, order_id = clock.now(), ledger.next_order_id()
    request = OrderRequest(ticker=ticker, side=side, quantity=quantity, decision_id=BY_HAND)
    return [
        OrderIntended(time=now, order_id=order_id, request=request),
        OrderAccepted(time=now, order_id=order_id, order_number=""),
        Fill(
            time=now,
            order_id=order_id,
            key=f"{order_id}-0",
            ticker=ticker,
            side=side,
            quantity=quantity,
            price=price,
        ),
    ]
