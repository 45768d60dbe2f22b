"""What trading needs of the world around it: a venue, the history of the market, and somebody to wait with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from engine.account import AccountSnapshot
from engine.broker import Outcome, Quote
from engine.data.panel import Panel
from engine.events import CashMoved, Event
from engine.order import Approved, Order, OrderRequest
from engine.position import Position


class Venue(Protocol):
    """A broker with a ledger behind it: whatever it tells is booked already. See `brokers.kis.broker.KisBroker`."""

    def start(self) -> None:
        """Open the streams and clear up what an earlier process left behind."""
        ...

    def close(self) -> None:
        """Close the connections; orders stay where they are."""
        ...

    def poll(self, timeout_seconds: float) -> list[Event]:
        """What has happened, waiting at most so long for the first of it."""
        ...

    def submit(self, order: Approved[OrderRequest]) -> Outcome:
        """Send an approved order, once."""
        ...

    def cancel(self, order_number: str) -> Outcome:
        """Withdraw the rest of an open order."""
        ...

    def account(self) -> AccountSnapshot:
        """Cash as the venue sees it."""
        ...

    def positions(self) -> Sequence[Position]:
        """Holdings as the venue sees them."""
        ...

    def sellable(self, ticker: str) -> int:
        """Shares held that no open order sells, as the venue sees them."""
        ...

    def open_orders(self) -> Sequence[Order]:
        """Our orders that can still fill, compared with the venue's list."""
        ...

    def quotes(self, tickers: Sequence[str]) -> Sequence[Quote]:
        """Last prices; a ticker that has none is left out."""
        ...

    def listen(self, names: Mapping[str, int], indices: Sequence[str] = ()) -> None:
        """Hear these and no others; where there are too many, names of a higher rank (1 to 5) go first."""
        ...

    def time(self) -> datetime:
        """The earlier of our time and the venue's."""
        ...

    def settle_costs(self, day: date) -> CashMoved | None:
        """Book what a day's costs really were; after the close."""
        ...


class MarketHistory(Protocol):
    """The bars that decisions look at."""

    def bring_up(self) -> Panel:
        """Fetch every bar that is finished now, and give the whole history up to it.

        Raises:
            GeoulError: it cannot be had now; asked again later, it goes on from there.
        """
        ...


class Partner(Protocol):
    """Whoever moves the clock: nobody where time is real, a replayed world that waits for us where it is not.

    Attributes:
        stands: time does not go on before we have handled what is due, so nothing may wait for a later time.
    """

    stands: bool

    def look(self) -> None:
        """A turn begins: what is due now will be done in it."""
        ...

    def patience(self, seconds: float) -> float:
        """How many of `seconds` to wait for what the venue tells: none if it has nothing more to tell."""
        ...

    def handled(self) -> None:
        """What was due when the turn began has been done; the world may go on."""
        ...


class Alone:
    """Nobody waits for us."""

    stands = False

    def look(self) -> None:
        """Nothing to see."""

    def patience(self, seconds: float) -> float:
        """All of them: a venue may tell something at any moment."""
        return seconds

    def handled(self) -> None:
        """Nothing to tell."""
