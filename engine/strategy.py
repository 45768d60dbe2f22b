"""What a strategy in Python looks like, and what it is given.

    class Cross(Strategy):
        features = {"fast": "mean(close, 10)", "slow": "mean(close, 30)"}

        def on_bar(self, view):
            if view["fast"] > view["slow"] and not view.holding():
                view.buy(weight=0.5)
            elif view["fast"] < view["slow"]:
                view.sell()

Features are expressions of the rule language, so that a number means the same here, in a rule and live.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, ClassVar

from engine.clock import KST
from engine.config import ratio_ppb
from engine.errors import BadInput
from engine.fill import Fill
from engine.matching import arrays as at
from engine.matching.costs import part
from engine.order import OrderKind, OrderRequest, Refused, Side
from engine.rules.tree import Node
from engine.simulation import Simulation

MOST_WON = 10**13  # of one share, and
MOST_SHARES = 10**15  # of one order: far beyond any market, far below what would overflow


class Strategy:
    """Base of strategies: override what you need."""

    features: ClassVar[Mapping[str, str]] = {}

    def on_start(self, view: View) -> None:
        """Called once before the first bar."""

    def on_bar(self, view: View) -> None:
        """Called after the close of every bar; orders sent here take part from the next bar on."""

    def on_fill(self, view: View, fill: Fill) -> None:
        """Called for every fill; orders sent here take part from the next point of the same bar."""

    def on_refused(self, view: View, refused: Refused[OrderRequest]) -> None:
        """Called when the risk check or the venue said no to a request of this strategy."""


class View:
    """Everything that is known after the close of the present bar, and the way to ask for orders.

    Where the data has one instrument only, its ticker may be left out everywhere.
    """

    __slots__ = (
        "_first",
        "_known_to",
        "_nodes",
        "_offset",
        "_only",
        "_panel",
        "_places",
        "_positions",
        "_read",
        "_simulation",
        "_values",
        "requests",
    )

    def __init__(self, simulation: Simulation, features: Mapping[str, Node]) -> None:
        self._simulation, self._panel = simulation, simulation.exchange.panel
        self._nodes = dict(features)
        self._places = {ticker: place for place, ticker in enumerate(self._panel.tickers)}
        self._only = 0 if len(self._places) == 1 else -1
        self._positions = simulation.book.positions
        self._read: dict[str, tuple[Callable[[int, int], Any], bool]] = {}
        self._values: dict[str, list[float]] = {}
        self._first = self._known_to = self._offset = 0
        self.requests: list[OrderRequest] = []

    def move_to(self, row: int) -> None:
        """Called by the engine: the bars of `row` have closed."""
        if row >= self._known_to and self._nodes:
            nodes = tuple(self._nodes.values())
            self._first, self._known_to, columns = self._simulation.feature_columns(row, nodes)
            # A value of the bar alone, such as an index, has one column for all instruments.
            self._read = {
                name: (column.item, column.shape[1] > 1) for name, column in zip(self._nodes, columns, strict=True)
            }
            if self._only == 0:  # a list hands out a number in half the time that an array needs
                self._values = {name: column[:, 0].tolist() for name, column in zip(self._nodes, columns, strict=True)}
        self._offset = row - self._first

    def __getitem__(self, name: str) -> float:
        """A feature of the only instrument: as `feature(name)`."""
        if self._only < 0:
            raise BadInput(f"Which ticker's {name!r}? The data has {len(self._places)} instruments: name one.")
        try:
            return self._values[name][self._offset]
        except KeyError:
            raise self._no_feature(name) from None

    def feature(self, name: str, ticker: str | None = None) -> float:
        """A feature of one instrument: not-a-number while unknown; a condition gives 1, 0, or −1 while unknown."""
        column = self._column(ticker)
        try:
            pick, wide = self._read[name]
        except KeyError:
            raise self._no_feature(name) from None
        value: float = pick(self._offset, column if wide else 0)
        return value

    def _no_feature(self, name: str) -> BadInput:
        if name in self._nodes:
            return BadInput(f"The feature {name!r} is known from the first bar on; ask for it in on_bar.")
        return BadInput(f"There is no feature {name!r}. The strategy declares {', '.join(self._nodes) or 'none'}.")

    @property
    def tickers(self) -> tuple[str, ...]:
        """All instruments of the data, sorted."""
        return self._panel.tickers

    @property
    def now(self) -> datetime:
        """Close of the present bar, Asia/Seoul."""
        return datetime.fromtimestamp(int(self._panel.closed_at_ns[self._row]) / 1_000_000_000, KST)

    @property
    def session(self) -> date:
        """Session of the present bar."""
        return self._panel.session_date(self._row)

    @property
    def is_last_bar_of_session(self) -> bool:
        """Whether the next bar belongs to another session."""
        return bool(self._simulation.exchange.arrays[4][self._row] & at.LAST_OF_SESSION)

    def is_listed(self, ticker: str) -> bool:
        """Whether the instrument has a bar now."""
        return bool(self._panel.state[self._row, self._column(ticker)] & at.PRESENT)

    def close(self, ticker: str | None = None) -> float:
        """Closing price of the present bar, won."""
        return self._bar(at.CLOSE, ticker) / self._simulation.exchange.scale

    def volume(self, ticker: str | None = None) -> int:
        """Shares traded in the present bar."""
        return self._bar(at.VOLUME, ticker)

    def holding(self, ticker: str | None = None) -> int:
        """Shares held."""
        column = self._only if ticker is None and self._only == 0 else self._column(ticker)
        held: int = self._positions.item(column, at.POSITION_QUANTITY)
        return held

    def pending(self, ticker: str | None = None) -> int:
        """Shares in open orders: positive for purchases, negative for sells."""
        position = self._positions[self._column(ticker)]
        return int(position[at.POSITION_PENDING_BUY] - position[at.POSITION_PENDING_SELL])

    @property
    def equity(self) -> float:
        """Cash and holdings at the last close, won."""
        return self._account(at.EQUITY)

    @property
    def cash(self) -> float:
        """Money that a purchase may use, won."""
        self._simulation.catch_up()
        account = self._simulation.book.account
        units = account[at.CASH] + account[at.RECEIVABLE] - account[at.PAYABLE] - account[at.RESERVED]
        return float(units) / self._simulation.exchange.scale

    def buy(
        self,
        ticker: str | None = None,
        *,
        quantity: int | None = None,
        weight: float | None = None,
        limit: float | None = None,
        stop: float | None = None,
    ) -> None:
        """Ask for a purchase: shares, or a share of equity at the last close; at market, at a limit, or at a stop."""
        column = self._column(ticker)
        if (quantity is None) == (weight is None):
            raise BadInput("A purchase needs either quantity= (shares) or weight= (share of equity), not both.")
        if weight is not None:
            if not 0 < weight <= 1:
                raise BadInput(f"A weight of {weight} is not a share of equity. Give a number in (0, 1], such as 0.1.")
            self._simulation.catch_up()
            price = int(self._panel.bars[at.CLOSE, self._row, column])
            equity = int(self._simulation.book.account[at.EQUITY])
            quantity = part(equity, ratio_ppb(weight)) // price if price > 0 else 0
        if quantity:
            self.requests.append(self._request(Side.BUY, column, quantity, limit, stop))

    def sell(
        self,
        ticker: str | None = None,
        *,
        quantity: int | None = None,
        limit: float | None = None,
        stop: float | None = None,
    ) -> None:
        """Ask for a sell: some shares, or all that no open order sells. Nothing held, nothing asked."""
        column = self._column(ticker)
        position = self._positions[column]
        free = int(position[at.POSITION_QUANTITY] - position[at.POSITION_PENDING_SELL])
        wanted = free if quantity is None else quantity
        if wanted > 0:
            self.requests.append(self._request(Side.SELL, column, wanted, limit, stop))

    def _request(self, side: Side, column: int, quantity: int, limit: float | None, stop: float | None) -> OrderRequest:
        if limit is not None and stop is not None:
            raise BadInput("An order has a limit or a stop, not both.")
        kind = OrderKind.MARKET if limit is None and stop is None else OrderKind.LIMIT
        if stop is not None:
            kind = OrderKind.STOP
        level = limit if limit is not None else stop
        if quantity > MOST_SHARES or (level is not None and not 0 < level <= MOST_WON):
            raise BadInput(
                f"Cannot {side.value} {quantity:,} shares of {self._panel.tickers[column]} at {level}: a price lies "
                f"above 0 and below {MOST_WON:,} won, a quantity below {MOST_SHARES:,} shares."
            )
        price = None if level is None else round(level * self._simulation.exchange.scale)
        return OrderRequest(ticker=self._panel.tickers[column], side=side, quantity=quantity, kind=kind, price=price)

    def _column(self, ticker: str | None) -> int:
        if ticker is None:
            if self._only < 0:
                raise BadInput(f"Which ticker? The data has {len(self._places)} instruments: name one.")
            return self._only
        place = self._places.get(ticker)
        if place is None:
            raise BadInput(f"The data has no ticker {ticker!r}. `geoul data info` lists what it has.")
        return place

    def _bar(self, field: int, ticker: str | None) -> int:
        return int(self._panel.bars[field, self._row, self._column(ticker)])

    @property
    def _row(self) -> int:
        """The last closed bar; a negative row would be read from the end of the data, which is the future."""
        row = self._simulation.row
        if row < 0:
            raise BadInput("No bar has closed yet: in on_start prices and dates are not known. Look in on_bar.")
        return row

    def _account(self, field: int) -> float:
        self._simulation.catch_up()
        return float(self._simulation.book.account[field]) / self._simulation.exchange.scale
