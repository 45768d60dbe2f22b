"""A strategy that sends what the test wrote down: orders by row, and orders by fill."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from brokers.replay import replay
from engine.data.panel import Panel
from engine.fill import Fill
from engine.order import OrderRequest, Refused
from engine.result import Result
from engine.strategy import Strategy, View
from tests.builders_panel import make_config

Ask = Callable[[View], Any]


def buy(quantity: int | None = None, ticker: str | None = None, **how: Any) -> Ask:
    """Ask for a purchase."""
    return lambda view: view.buy(ticker, quantity=quantity, **how)


def sell(quantity: int | None = None, ticker: str | None = None, **how: Any) -> Ask:
    """Ask for a sell; without a quantity all that is free."""
    return lambda view: view.sell(ticker, quantity=quantity, **how)


class Scripted(Strategy):
    """Sends `orders[row]` after the close of each row and `after[n]` on the n-th fill (0 is the first)."""

    def __init__(self, orders: Mapping[int, Sequence[Ask]], after: Mapping[int, Sequence[Ask]] | None = None) -> None:
        self.orders, self.after = orders, after or {}
        self.row = -1
        self.fills: list[Fill] = []
        self.refused: list[Refused[OrderRequest]] = []

    def on_bar(self, view: View) -> None:
        self.row += 1
        for ask in self.orders.get(self.row, ()):
            ask(view)

    def on_fill(self, view: View, fill: Fill) -> None:
        self.fills.append(fill)
        for ask in self.after.get(len(self.fills) - 1, ()):
            ask(view)

    def on_refused(self, view: View, refused: Refused[OrderRequest]) -> None:
        self.refused.append(refused)


def run_orders(
    panel: Panel, orders: Mapping[int, Sequence[Ask]], after: Mapping[int, Sequence[Ask]] | None = None, **config: Any
) -> Result:
    """Event mode with a script."""
    return replay(Scripted(orders, after), panel, make_config(**config))
