"""KIS as a broker: the paper account (모의투자) and the live account (실전투자) behind the Broker protocol, one class.

    broker = KisBroker(rest, books, clock, stream=socket)
    broker.start()                         stream up, what an earlier process left behind is cleared up
    for event in broker.events(): ...      everything told here is booked already

What differs between the two accounts stands in `environment` and at the top of `quotes`. Everything but the socket
and waiting for answers happens in the caller's thread. Each part of the work has a file of its own:

    balance  quotes  history      what the account has, what the market says
    watched_names  stream_intake  what is heard of the stream, and who is told
    submission  order_changes     orders, amends and cancels on their way to KIS
    order_synchronisation         what KIS's list of orders knows better
    reconcile                     orders whose answer was lost
    cost_settlement               what KIS charged for a day
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime

import polars as pl

from brokers.kis.balance import KisBalance
from brokers.kis.books import Books
from brokers.kis.cost_settlement import CostSettlement
from brokers.kis.costs import ClassOf
from brokers.kis.desk import Desk
from brokers.kis.followed_orders import FollowedOrders
from brokers.kis.gap_filling import GapFiller
from brokers.kis.history import KisHistory
from brokers.kis.list_comparison import ListComparison
from brokers.kis.notice_channel import NoticeChannel
from brokers.kis.order_changes import OrderChanges
from brokers.kis.order_synchronisation import OrderSynchronisation
from brokers.kis.quotes import KisQuotes, Ranking
from brokers.kis.reconcile import Reconciler
from brokers.kis.rest import KisRest
from brokers.kis.stream_intake import MarketNews, StreamIntake
from brokers.kis.submission import Submission
from brokers.kis.subscriptions import HIGHEST, Subscription
from brokers.kis.watched_names import WatchedNames
from brokers.kis.websocket import RealtimeSocket
from engine.account import AccountSnapshot
from engine.broker import IndexQuote, Outcome, Quote
from engine.clock import Clock
from engine.events import CashMoved, Event
from engine.fill import Fill
from engine.krx.instrument_class import InstrumentClass
from engine.order import WORKING, Approved, Order, OrderRequest
from engine.position import Position

_LONGEST_WAIT_SECONDS = 1.0


class KisBroker:
    """One account at KIS.

    Args:
        rest: its REST side.
        books: its ledger.
        clock: decides what day it is and when to look again.
        stream: its WebSocket, not yet started; None = no notices and no prices by stream, the list is asked instead.
        class_of: instrument class of a ticker, for the estimate of costs.
        universe: all names of the market, for a ranking after the close where KIS has none.
        on_market: is told trades, books, index levels, states of names and reports of the stream, in the order of
            arrival, and what REST says about the trades of a gap, in the thread that calls `poll` or `events`.
        order_books: watch the order books of subscribed names too; each takes a second registration of the 41.
        sleep: waits that many seconds of the clock's time.
    """

    def __init__(
        self,
        rest: KisRest,
        books: Books,
        clock: Clock,
        *,
        stream: RealtimeSocket | None = None,
        class_of: ClassOf = lambda ticker: InstrumentClass.KOSPI_STOCK,
        universe: Sequence[str] = (),
        on_market: Callable[[MarketNews], None] | None = None,
        order_books: bool = True,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        config = rest.config
        self._rest, self._books, self._clock, self._stream, self._sleep = rest, books, clock, stream, sleep
        notices = None
        if config.hts_id is not None and stream is not None:
            notices = Subscription(config.world.fill_stream, config.hts_id.get_secret_value())
        self._notices = notices
        self.channel = NoticeChannel(stream, notices)
        self.followed = FollowedOrders(books, clock, config.account.get_secret_value() + config.product, class_of)
        self._balance, self._history = KisBalance(rest, clock), KisHistory(rest, clock)
        self._quotes, self._gaps = KisQuotes(rest, clock, universe), GapFiller(rest, clock)
        self._watched = WatchedNames(stream, config, order_books=order_books)
        desk = Desk(rest=rest, books=books, followed=self.followed, channel=self.channel, clock=clock)
        self._desk = desk
        self.reconciler = Reconciler(desk)
        self.intake = StreamIntake(stream, desk, self._gaps, self._watched, on_market)
        self._lists = OrderSynchronisation(desk, ListComparison(desk), self.intake)
        self._submission = Submission(desk, self.reconciler)
        self._changes = OrderChanges(desk, self._lists, self._submission)
        self._costs = CostSettlement(desk, self.reconciler, class_of)

    @property
    def records_taken(self) -> int:
        """Records of the stream so far, notices included."""
        return self.intake.records_taken

    # Start and end ------------------------------------------------------------------------------------------

    def start(self, *, wait_seconds: float = 10.0, reconcile: bool = True) -> None:
        """Open the stream, learn what the ledger knows, and clear up what an earlier process left behind.

        Args:
            wait_seconds: how long to wait for the notices; without them orders can be sent, but an unknown one that
                is not found stays blocked.
            reconcile: look for orders without a number now, up to a minute; False leaves that to `poll`.

        Raises:
            KisError: the list of orders cannot be had.
        """
        self.followed.restore(self._clock.now().date())
        if self._stream is not None:
            if self._notices is not None:
                self._stream.subscribe([self._notices], HIGHEST)
            self._stream.start()
            self._wait_for_notices(wait_seconds)
        for day in sorted(self._desk.open_days()):
            self._lists.synchronise(day)
        self.reconciler.open_leftovers()
        if reconcile:
            self.reconcile()
            for day in sorted(self.followed.unsettled):  # what was found may have filled long ago
                self.synchronise(day)

    def reconcile(self) -> None:
        """Look for every order without a number until each is found, proved absent or blocked."""
        while self.reconciler.undecided:
            self.intake.events.extend(self.poll(0.0))
            due = self.reconciler.next_at()
            if due is not None and self.reconciler.undecided:
                left = (due - self._clock.now()).total_seconds()
                if left > 0:
                    self._sleep(min(left, _LONGEST_WAIT_SECONDS))

    def close(self) -> None:
        """Close stream and connections. Orders stay where they are."""
        if self._stream is not None:
            self._stream.close()
        self._gaps.close()
        self._rest.close()

    def _wait_for_notices(self, seconds: float) -> None:
        waited = 0.0
        while self._notices is not None and not self.channel.is_up and waited < seconds:
            self.intake.events.extend(self.poll(0.1))
            waited += 0.1

    # Account ------------------------------------------------------------------------------------------------

    def account(self) -> AccountSnapshot:
        """Cash as KIS sees it; `KisError` if it cannot be had."""
        return self._balance.cash()

    def positions(self) -> Sequence[Position]:
        """Holdings by ticker, rows without shares left out; `KisError` if they cannot be had."""
        return self._balance.positions()

    def buyable(self, ticker: str, price: int | None = None) -> int:
        """Shares that the cash pays for without credit, at a limit price or as a market order."""
        return self._balance.buyable(ticker, price)

    def sellable(self, ticker: str) -> int:
        """Shares held that no open order sells."""
        return self._balance.sellable(ticker)

    # Market -------------------------------------------------------------------------------------------------

    def quotes(self, tickers: Sequence[str]) -> Sequence[Quote]:
        """Last prices; names that KIS does not know are left out."""
        return self._quotes.quotes(tickers)

    def rankings(self, kind: str, count: int = 10) -> Ranking:
        """The first `count` names; `universe` of the result says among which names."""
        watched = list(self._watched) or [position.ticker for position in self.positions()]
        return self._quotes.rankings(kind, count, watched)

    def index(self, code: str) -> IndexQuote:
        """An index such as "KOSPI"."""
        return self._quotes.index(code)

    def history(self, ticker: str, interval: str, start: date, end: date, *, adjusted: bool = True) -> pl.DataFrame:
        """Finished bars of one ticker; see `history.KisHistory.bars`."""
        return self._history.bars(ticker, interval, start, end, adjusted=adjusted)

    def subscribe(self, tickers: Sequence[str]) -> None:
        """Watch these names: their trades and order books by stream, and in rankings of this account."""
        self._watched.subscribe(tickers)

    def listen(self, names: Mapping[str, int], indices: Sequence[str] = ()) -> None:
        """Hear these names and indices, and no others of an earlier call; see `attention` for who goes first."""
        self._watched.listen(names, indices)

    # Orders -------------------------------------------------------------------------------------------------

    def submit(self, order: Approved[OrderRequest], *, code: str = "", trigger: int | None = None) -> Outcome:
        """Send an approved order, once.

        Args:
            order: what passed the risk check.
            code: ORD_DVSN of a kind that `OrderKind` does not have, such as "11" (IOC limit).
            trigger: trigger price of kind "22" with a limit of one's own.
        """
        return self._submission.submit(order, code=code, trigger=trigger)

    def amend(self, order_number: str, quantity: int | None = None, price: int | None = None) -> Outcome:
        """Change the rest of an open order.

        Fewer shares are a cancel of the difference, which comes first and keeps the place in the queue; should the
        price then be refused, the order stands with fewer shares at its old price, and the answer says so.
        """
        return self._changes.amend(order_number, quantity, price)

    def cancel(self, order_number: str) -> Outcome:
        """Withdraw the rest of an open order. Too late is a refusal; the confirmation comes as an event."""
        return self._changes.cancel(order_number)

    def open_orders(self) -> Sequence[Order]:
        """Our orders that can still fill, as KIS's list has them now; `KisError` if it cannot be had."""
        today = self._clock.now().date()
        for day in sorted(self._desk.open_days() | {today}):
            self._lists.synchronise(day)
        return [order for order in self._books.open_orders() if order.status in WORKING]

    def orders(self, day: date) -> Sequence[Order]:
        """Our orders of a day, brought up to date where one of them is open; made by hand ones are not ours."""
        if day in self._desk.open_days():
            self._lists.synchronise(day)
        return self._books.orders_of(day)

    def fills(self, day: date) -> Sequence[Fill]:
        """Fills of our orders of a day, brought up to date where one of them is open."""
        if day in self._desk.open_days():
            self._lists.synchronise(day)
        return self._books.fills_of(day)

    def synchronise(self, day: date) -> None:
        """Compare our orders of a day with KIS's list and book what it knows better; `KisError` if it cannot be had."""
        self._lists.synchronise(day)

    def time(self) -> datetime:
        """The earlier of our time and KIS's, as its last answer told it: no day ends before it has ended for both."""
        return self._desk.time()

    def settle_costs(self, day: date) -> CashMoved | None:
        """Book the difference between the estimated costs of a day and those that KIS charged; call it after the close.

        What was booked; None if nothing had to be, or KIS cannot tell; `KisError` if the figures cannot be had.
        """
        return self._costs.settle(day)

    # Events -------------------------------------------------------------------------------------------------

    def events(self) -> Iterator[Event]:
        """What happens, in the order of arrival, until the stream is closed."""
        while True:
            yield from self.poll(_LONGEST_WAIT_SECONDS)
            if self._stream is None or (self._stream.queue.is_closed and not len(self._stream.queue)):
                yield from self.poll(0.0)
                return

    def poll(self, timeout_seconds: float) -> list[Event]:
        """What has happened, waiting at most so long for the first item of the stream; then what is due is done."""
        self.intake.take_all(self._until_due(timeout_seconds))
        self.intake.take_filled_gaps()
        self.reconciler.step()
        self._lists.step()
        told = [*self.intake.events, *self.followed.events()]
        self.intake.events.clear()
        return told

    def guard_while_waiting(self, act: Callable[[], None]) -> None:
        """From now on trades are told to `on_market` while a call of this thread waits, and `act` may send orders then.

        What the stream says of orders and states is kept, and taken in its order after the call.
        """

        def listen() -> None:
            self.intake.take_while_waiting()
            act()

        self._rest.listen_while_waiting(listen)

    def _until_due(self, timeout_seconds: float) -> float:
        due = [at for at in (self.reconciler.next_at(), self._lists.next_at) if at is not None]
        if not due:
            return timeout_seconds
        return min(timeout_seconds, max((min(due) - self._clock.now()).total_seconds(), 0.0))
