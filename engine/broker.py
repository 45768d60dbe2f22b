"""What a broker must be able to do, and the three ways in which an order can fail to arrive.

*Refused*: the venue said no; the order is dead. *Unknown*: it was sent and no answer came; reconcile before anything
else. *Unavailable*: it never left; it may be sent again. The three are different values and stay so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol, TypeAlias

from engine.account import AccountSnapshot
from engine.events import Event
from engine.fill import Fill
from engine.order import Approved, Order, OrderRequest, RefusalReason
from engine.position import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The venue has the order. `order_number` is its own number, as received; that is not a fill."""

    order_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedByVenue:
    """The venue said no, in its own words."""

    reason: RefusalReason
    code: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Sent, no answer: the order may or may not exist."""

    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """Not sent: the broker could not be reached."""

    text: str = ""


Outcome: TypeAlias = Accepted | RefusedByVenue | Unknown | Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One instrument at one instant; None is what the data cannot tell.

    Args:
        ticker: KRX short code.
        time: of the last trade.
        price: last price, won.
        previous_close: close of the session before, won.
        volume: shares of the session so far.
        previous_volume: shares of the session before.
        market_cap: won.
        trading_strength: 체결강도, percent; only where trades with their sides are known.
    """

    ticker: str
    time: datetime
    price: float
    previous_close: float | None
    volume: int
    previous_volume: int | None
    market_cap: int | None = None
    trading_strength: float | None = None

    @property
    def change_rate(self) -> float | None:
        """Change against the session before, as a ratio."""
        if not self.previous_close:
            return None
        return (self.price - self.previous_close) / self.previous_close

    @property
    def volume_growth(self) -> float | None:
        """(volume − volume of the session before) / volume of the session before."""
        if not self.previous_volume:
            return None
        return (self.volume - self.previous_volume) / self.previous_volume


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexQuote:
    """An index at one instant, with the breadth of its market where that is known.

    Args:
        code: such as "KOSPI".
        time: of the level.
        level: points; None where the data has none.
        change_rate: against the session before, as a ratio.
        mean_20: mean of the last 20 sessions' closes, the present level included.
        volatility_20: annualised standard deviation of the last 20 changes from session to session, as a ratio.
        advancers: names that rose, among those that traded.
        decliners: names that fell.
        unchanged: names that did neither.
    """

    code: str
    time: datetime
    level: float | None
    change_rate: float | None = None
    mean_20: float | None = None
    volatility_20: float | None = None
    advancers: int | None = None
    decliners: int | None = None
    unchanged: int | None = None


class Broker(Protocol):
    """One interface for history, the paper account and the live account."""

    def account(self) -> AccountSnapshot:
        """Cash as the venue sees it."""
        ...

    def positions(self) -> Sequence[Position]:
        """What is held, by ticker."""
        ...

    def quotes(self, tickers: Sequence[str]) -> Sequence[Quote]:
        """Last prices; a ticker that has none is left out."""
        ...

    def rankings(self, kind: str, count: int = 10) -> Sequence[Quote]:
        """The first `count` names by "volume_growth" (highest first) or "decline" (lowest change first)."""
        ...

    def index(self, code: str) -> IndexQuote:
        """An index such as "KOSPI"."""
        ...

    def history(self, ticker: str, interval: str, start: date, end: date) -> Any:
        """Bars of one ticker as a polars frame: time, open, high, low, close, volume."""
        ...

    def buyable(self, ticker: str, price: int | None = None) -> int:
        """Shares that the orderable cash pays for, at a limit price or as a market order."""
        ...

    def sellable(self, ticker: str) -> int:
        """Shares held that no open order sells."""
        ...

    def submit(self, order: Approved[OrderRequest]) -> Outcome:
        """Send an order that passed the risk check."""
        ...

    def amend(self, order_number: str, quantity: int | None = None, price: int | None = None) -> Outcome:
        """Change the rest of an open order; it loses its place in the queue."""
        ...

    def cancel(self, order_number: str) -> Outcome:
        """Withdraw the rest of an open order. Too late is a refusal."""
        ...

    def open_orders(self) -> Sequence[Order]:
        """Orders that can still fill."""
        ...

    def orders(self, day: date) -> Sequence[Order]:
        """All orders sent on a day."""
        ...

    def fills(self, day: date) -> Sequence[Fill]:
        """All fills of a day."""
        ...

    def subscribe(self, tickers: Sequence[str]) -> None:
        """Ask for the market data of these names."""
        ...

    def events(self) -> Iterable[Event]:
        """What happens, in the order in which it happens."""
        ...
