"""The orders and fills of a replay as objects, read out of the logs of the compiled exchange."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.exchange import EPOCH
from engine.fill import Fill
from engine.matching import arrays as at
from engine.order import Order, OrderKind, OrderRequest, OrderStatus, Side
from engine.outcome import KINDS, POINTS
from engine.simulation import Simulation

_STATUS = {
    at.STATUS_OPEN: OrderStatus.OPEN,
    at.STATUS_FILLED: OrderStatus.FILLED,
    at.STATUS_EXPIRED: OrderStatus.EXPIRED,
    at.STATUS_CANCELLED: OrderStatus.CANCELLED,
    at.STATUS_REFUSED: OrderStatus.REFUSED,
}


class ReplayRecords:
    """What a simulation has logged.

    Args:
        simulation: whose book it is; the caller has it catch up first.
        time: the close of a row.
    """

    def __init__(self, simulation: Simulation, time: Callable[[int], datetime.datetime]) -> None:
        self._simulation, self._time = simulation, time
        self._panel = simulation.exchange.panel

    def open_orders(self) -> Sequence[Order]:
        """Orders that can still fill."""
        book = self._simulation.book
        listed = book.open[: book.account[at.OPEN_COUNT]]
        still = listed[book.orders[listed, at.ORDER_STATUS] == at.STATUS_OPEN]
        return [self.order(int(index)) for index in still]

    def orders(self, day: datetime.date) -> Sequence[Order]:
        """All orders sent on a day."""
        book = self._simulation.book
        sent = book.orders[: book.account[at.ORDER_COUNT], at.ORDER_ROW]
        return [self.order(int(index)) for index in np.flatnonzero(self._panel.session[sent] == (day - EPOCH).days)]

    def fills(self, day: datetime.date) -> Sequence[Fill]:
        """All fills of a day."""
        book = self._simulation.book
        rows = book.fills[: book.account[at.FILL_COUNT], at.FILL_ROW]
        return [self.fill(int(place)) for place in np.flatnonzero(self._panel.session[rows] == (day - EPOCH).days)]

    def fill(self, place: int) -> Fill:
        """One fill, by its place in the log."""
        log = self._simulation.book.fills[place]
        point = int(log[at.FILL_POINT])
        if self._simulation.exchange.config.path == "high_first":
            point = (0, 2, 1, 3)[point]
        return Fill(
            time=self._time(int(log[at.FILL_ROW])),
            order_id=str(int(log[at.FILL_ORDER])),
            key=f"{int(log[at.FILL_ORDER])}-{place}",
            ticker=self._panel.tickers[int(log[at.FILL_COL])],
            side=Side.BUY if log[at.FILL_SIDE] == at.BUY else Side.SELL,
            quantity=int(log[at.FILL_QUANTITY]),
            price=int(log[at.FILL_PRICE]),
            fee=int(log[at.FILL_FEE]),
            stt=int(log[at.FILL_TAX]),
            rural=int(log[at.FILL_RURAL]),
            point=POINTS[point],
            sequence=place,
        )

    def order(self, index: int) -> Order:
        """One order, by its place in the log."""
        log = self._simulation.book.orders[index]
        kind = OrderKind(KINDS[int(log[at.ORDER_KIND])])
        filled = int(log[at.ORDER_FILLED])
        status = _STATUS[int(log[at.ORDER_STATUS])]
        if status is OrderStatus.OPEN and filled:
            status = OrderStatus.PARTLY_FILLED
        done = int(log[at.ORDER_DONE_ROW])
        return Order(
            id=str(index + 1),
            request=OrderRequest(
                ticker=self._panel.tickers[int(log[at.ORDER_COL])],
                side=Side.BUY if log[at.ORDER_SIDE] == at.BUY else Side.SELL,
                quantity=int(log[at.ORDER_QUANTITY]),
                kind=kind,
                price=self._price(log) if kind.has_price else None,
            ),
            intended_at=self._time(int(log[at.ORDER_ROW])),
            status=status,
            order_number=str(index + 1),
            filled=filled,
            filled_amount=int(log[at.ORDER_AMOUNT]),
            done_at=self._time(done) if done >= 0 else None,
        )

    def _price(self, order: NDArray[np.int64]) -> int:
        """An order's price; one that still waits for an opening price is shown around the last close."""
        price = int(order[at.ORDER_PRICE])
        if order[at.ORDER_RELATIVE]:
            price += int(self._panel.bars[at.CLOSE, self._simulation.row, int(order[at.ORDER_COL])])
        return max(price, 1)


def write_amended(proposal: NDArray[np.int64], old: NDArray[np.int64], quantity: int, price: int | None) -> None:
    """Write what an order becomes when it is amended: a proposal with all that the old one carried.

    Args:
        proposal: the row to write, as the kernels read it.
        old: the order, as the log has it.
        quantity: shares of the new one.
        price: its limit in price units; None = that of the old one. A market order becomes a limit order by it.
    """
    proposal[:] = 0
    proposal[at.PROPOSAL_COL] = old[at.ORDER_COL]
    proposal[at.PROPOSAL_SIDE] = old[at.ORDER_SIDE]
    becomes_limit = price is not None and old[at.ORDER_KIND] == at.MARKET
    proposal[at.PROPOSAL_KIND] = at.LIMIT if becomes_limit else old[at.ORDER_KIND]
    proposal[at.PROPOSAL_PRICE] = old[at.ORDER_PRICE] if price is None else price
    proposal[at.PROPOSAL_QUANTITY] = quantity
    proposal[at.PROPOSAL_RULE] = old[at.ORDER_RULE]
    proposal[at.PROPOSAL_RULES_LOW] = old[at.ORDER_RULES_LOW]
    proposal[at.PROPOSAL_RULES_HIGH] = old[at.ORDER_RULES_HIGH]
    proposal[at.PROPOSAL_RELATIVE] = old[at.ORDER_RELATIVE] if price is None else 0
    proposal[at.PROPOSAL_WEIGHT_CAP] = at.PPB
