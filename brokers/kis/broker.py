"""KIS as a broker: the paper account (모의투자) and the live account (실전투자) behind the Broker protocol, one class.

    broker = open_kis_broker(config, books, clock, ...)
    broker.start()                         stream up, what an earlier process left behind is cleared up
    for event in broker.events(): ...      everything told here is booked already

What differs between the two accounts stands in `environment` and at the top of `quotes`. Everything but the socket
and waiting for answers happens in the caller's thread.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

import polars as pl

from brokers.kis.attention import Attention
from brokers.kis.books import Books
from brokers.kis.costs import ClassOf, charged_on, cost_adjustment, cost_label, costs_of_others
from brokers.kis.daily_list import DailyList, ask_daily_list, listed_state, side_of
from brokers.kis.environment import PAPER
from brokers.kis.errors import KisError
from brokers.kis.followed_orders import FollowedOrders
from brokers.kis.gap_filling import GapFilled, GapFiller
from brokers.kis.history import KisHistory
from brokers.kis.list_comparison import ListComparison
from brokers.kis.messages import BalanceRow, BalanceTotals, BuyingPower, SellableQuantity, number_key
from brokers.kis.notice import Notice
from brokers.kis.notice_channel import NoticeChannel
from brokers.kis.quotes import KisQuotes, Ranking
from brokers.kis.realtime import Book, IndexTick, MarketState, Record, Trade
from brokers.kis.realtime_fields import STREAMS
from brokers.kis.reconcile import WAITS_SECONDS, Reconciler
from brokers.kis.rest import KisRest
from brokers.kis.stream_queue import Item
from brokers.kis.stream_reports import Report
from brokers.kis.submission import Submission, may_change
from brokers.kis.subscriptions import HIGHEST, Subscription
from brokers.kis.websocket import RealtimeSocket
from engine.account import AccountSnapshot
from engine.broker import Accepted, IndexQuote, Outcome, Quote, RefusedByVenue
from engine.clock import Clock, session_of
from engine.events import CashMoved, Event, MarketStatus
from engine.fill import Fill
from engine.krx.instrument_class import InstrumentClass
from engine.order import WORKING, Approved, Order, OrderRequest, RefusalReason, Side
from engine.position import Position

_SETTLE_AGAIN_SECONDS = 60
_LONGEST_WAIT_SECONDS = 1.0

MarketNews = Trade | Book | IndexTick | MarketState | Report | GapFilled


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
        self._rest, self._books, self._clock, self._stream = rest, books, clock, stream
        self._on_market, self._order_books, self._sleep = on_market, order_books, sleep
        self._class_of = class_of
        notices = None
        if config.hts_id is not None and stream is not None:
            notices = Subscription(config.world.fill_stream, config.hts_id.get_secret_value())
        self._notices = notices
        self.channel = NoticeChannel(stream, notices)
        self.followed = FollowedOrders(books, clock, config.account.get_secret_value() + config.product, class_of)
        self._comparison = ListComparison(self.followed, books, clock, config.options.exchange, self.time)
        self.reconciler = Reconciler(rest, self.followed, books, self.channel, clock)
        self._submission = Submission(rest, books, self.followed, self.reconciler, self.channel, clock)
        self._quotes, self._history = KisQuotes(rest, clock, universe), KisHistory(rest, clock)
        self._gaps = GapFiller(rest, clock)
        self._watched: dict[str, None] = {}
        self._attention = Attention({}, ())
        self._kept: deque[Item] = deque()  # came while a call waited, and change the books
        self.records_taken = 0  # of the stream, notices included
        self._settle_at: datetime | None = None
        self._settle_looks = 0
        self._told: deque[Event] = deque()

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
        for day in sorted({session_of(order.intended_at) for order in self._books.open_orders()}):
            self.synchronise(day)
        self.reconciler.open_leftovers()
        if reconcile:
            self.reconcile()
            for day in sorted(self.followed.unsettled):  # what was found may have filled long ago
                self.synchronise(day)

    def reconcile(self) -> None:
        """Look for every order without a number until each is found, proved absent or blocked."""
        while self.reconciler.undecided:
            self._told.extend(self.poll(0.0))
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
            self._told.extend(self.poll(0.1))
            waited += 0.1

    # Account ------------------------------------------------------------------------------------------------

    def account(self) -> AccountSnapshot:
        """Cash as KIS sees it; `KisError` if it cannot be had."""
        totals = self._rest.call("inquire_balance").one(BalanceTotals)
        power = self._rest.call("inquire_psbl_order", {"PDNO": "", "ORD_UNPR": "", "ORD_DVSN": "01"}).one(BuyingPower)
        return AccountSnapshot(
            time=self._clock.now(),
            deposit=totals.deposit,
            deposit_d1=totals.deposit_d1,
            deposit_d2=totals.deposit_d2,
            orderable=power.orderable_cash,
        )

    def positions(self) -> Sequence[Position]:
        """Holdings by ticker, rows without shares left out; `KisError` if they cannot be had."""
        shares: dict[str, tuple[int, int]] = {}
        for row in self._rest.rows("inquire_balance", BalanceRow):
            if row.quantity > 0:
                had, paid = shares.get(row.ticker.strip(), (0, 0))  # one row for each loan date
                shares[row.ticker.strip()] = had + row.quantity, paid + row.cost
        return [
            Position(ticker=ticker, quantity=shares[ticker][0], cost=shares[ticker][1]) for ticker in sorted(shares)
        ]

    def buyable(self, ticker: str, price: int | None = None) -> int:
        """Shares that the cash pays for without credit; a market order is sized at the upper limit, as KIS does."""
        values = {
            "PDNO": ticker,
            "ORD_UNPR": "" if price is None else str(price),
            "ORD_DVSN": "01" if price is None else "00",
        }
        return max(self._rest.call("inquire_psbl_order", values).one(BuyingPower).cash_quantity, 0)

    def sellable(self, ticker: str) -> int:
        """Shares held that no open order sells."""
        if self._rest.config.world is PAPER:
            rows = self._rest.rows("inquire_balance", BalanceRow)
            return sum(max(row.sellable, 0) for row in rows if row.ticker.strip() == ticker)
        found = self._rest.call("inquire_psbl_sell", {"PDNO": ticker}).maybe(SellableQuantity)
        return max(found.sellable, 0) if found is not None else 0

    # Market -------------------------------------------------------------------------------------------------

    def quotes(self, tickers: Sequence[str]) -> Sequence[Quote]:
        """Last prices; names that KIS does not know are left out."""
        return self._quotes.quotes(tickers)

    def rankings(self, kind: str, count: int = 10) -> Ranking:
        """The first `count` names; `universe` of the result says among which names."""
        watched = dict(self._watched)
        if not watched:
            watched = dict.fromkeys(position.ticker for position in self.positions())
        return self._quotes.rankings(kind, count, list(watched))

    def index(self, code: str) -> IndexQuote:
        """An index such as "KOSPI"."""
        return self._quotes.index(code)

    def history(self, ticker: str, interval: str, start: date, end: date, *, adjusted: bool = True) -> pl.DataFrame:
        """Finished bars of one ticker; see `history.KisHistory.bars`."""
        return self._history.bars(ticker, interval, start, end, adjusted=adjusted)

    def subscribe(self, tickers: Sequence[str]) -> None:
        """Watch these names: their trades and order books by stream, and in rankings of this account."""
        self._watched.update(dict.fromkeys(tickers))
        if self._stream is not None:
            trades, books = STREAMS[self._rest.config.options.exchange]
            for tr_id in (trades, books) if self._order_books else (trades,):
                self._stream.subscribe([Subscription(tr_id, ticker) for ticker in tickers])

    def listen(self, names: Mapping[str, int], indices: Sequence[str] = ()) -> None:
        """Hear these names and indices, and no others of an earlier call; see `attention` for who goes first."""
        self._watched = dict.fromkeys(names)
        before, self._attention = self._attention, Attention(names, indices)
        if self._stream is None:
            return
        config = self._rest.config
        had = before.registrations(config.options.exchange, config.world)
        wants = self._attention.registrations(config.options.exchange, config.world)
        self._stream.unsubscribe([name for name in had if name not in wants])
        for name, priority in wants.items():
            if had.get(name) != priority:  # what KIS has refused is not asked for again and again
                self._stream.subscribe([name], priority)

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
        order = self._current(order_number)
        if isinstance(order, RefusedByVenue):
            return order
        if quantity is None and price is None:
            return RefusedByVenue(
                reason=RefusalReason.VENUE, text="수량이나 가격을 주세요 · give a quantity or a price"
            )
        outcome: Outcome = Accepted(order_number=order.order_number)
        if quantity is not None:
            rest = self._rest_of(order)
            if not 0 < quantity <= rest:
                text = f"미체결 {rest:,}주: 줄일 수만 있습니다 · {rest:,} shares are open, and can only be reduced"
                return RefusedByVenue(reason=RefusalReason.VENUE, text=text)
            if quantity < rest:
                outcome = self._submission.cancel(order, rest - quantity)
                if price is None or not isinstance(outcome, Accepted):
                    return outcome
        if price is not None and price <= 0:
            return RefusedByVenue(reason=RefusalReason.BAD_PRICE, text=f"{price}원 · a price is above 0 won")
        return self._submission.amend(order, price) if price is not None else outcome

    def cancel(self, order_number: str) -> Outcome:
        """Withdraw the rest of an open order. Too late is a refusal; the confirmation comes as an event."""
        order = self._current(order_number)
        return order if isinstance(order, RefusedByVenue) else self._submission.cancel(order)

    def open_orders(self) -> Sequence[Order]:
        """Our orders that can still fill, as KIS's list has them now; `KisError` if it cannot be had."""
        today = self._clock.now().date()
        for day in sorted({session_of(order.intended_at) for order in self._books.open_orders()} | {today}):
            self.synchronise(day)
        return [order for order in self._books.open_orders() if order.status in WORKING]

    def orders(self, day: date) -> Sequence[Order]:
        """Our orders of a day, brought up to date where one of them is open; made by hand ones are not ours."""
        if any(session_of(order.intended_at) == day for order in self._books.open_orders()):
            self.synchronise(day)
        return self._books.orders_of(day)

    def fills(self, day: date) -> Sequence[Fill]:
        """Fills of our orders of a day, brought up to date where one of them is open."""
        if any(session_of(order.intended_at) == day for order in self._books.open_orders()):
            self.synchronise(day)
        return self._books.fills_of(day)

    def synchronise(self, day: date) -> None:
        """Compare our orders of a day with KIS's list and book what it knows better.

        Raises:
            KisError: the list cannot be had.
        """
        self._take_all(0.0)
        listed, meanwhile = self._ask_list(day)
        self._take_all(0.0)  # notices that came meanwhile say more than the list
        self._comparison.compare(listed, meanwhile)
        if listed.rows or listed.is_whole:
            return
        for order in self._books.open_orders():
            if session_of(order.intended_at) == day:
                sums, meanwhile = self._ask_list(day, order.request.ticker, order.request.side)
                self._comparison.compare_sums(sums, order, meanwhile)

    def _ask_list(self, day: date, ticker: str = "", side: Side | None = None) -> tuple[DailyList, frozenset[str]]:
        """The list of a day, and our orders that were sent while it was on its way."""
        before = {order.id for order in self._books.orders_of(day)}
        listed = ask_daily_list(self._rest, day, self._clock.now(), ticker, side)
        return listed, frozenset(order.id for order in self._books.orders_of(day)) - before

    def time(self) -> datetime:
        """The earlier of our time and KIS's, as its last answer told it: no day ends before it has ended for both."""
        now, difference = self._clock.now(), self._rest.clock_difference
        return now if difference is None else min(now, now + difference)

    def settle_costs(self, day: date) -> CashMoved | None:
        """Book the difference between the estimated costs of a day and those that KIS charged; call it after the close.

        Returns:
            what was booked; None if nothing had to be, or KIS cannot tell.

        Raises:
            KisError: the figures cannot be had.
        """
        charged = charged_on(self._rest, day, self._clock.now().date())
        if charged is None:
            return None
        adjusted, fills = self._books.cost_adjustment_of(cost_label(day)), self._books.fills_of(day)
        event = cost_adjustment(charged, fills, adjusted, day, self._clock)
        if event is not None and (others := self._costs_of_others(day)):
            event = cost_adjustment(max(charged - others, 0), fills, adjusted, day, self._clock)
        if event is not None:
            self.followed.book(event)
        return event

    def _costs_of_others(self, day: date) -> int:
        """Won that orders of the day cost which are not ours; KIS charges all of the account in one sum.

        Where an order of ours has no number yet, those that may be it count as ours.
        """
        self.followed.restore(day)
        listed = ask_daily_list(self._rest, day, self._clock.now())
        lost = {
            (order.request.ticker, order.request.side)
            for order in self._books.unresolved_orders()
            if session_of(order.intended_at) == day
        }
        perhaps = {number_key(row.order_number) for row in listed.rows if (row.ticker.strip(), side_of(row)) in lost}
        return costs_of_others(listed, self.reconciler.known_numbers(listed) | perhaps, self._class_of)

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
        self._take_all(self._until_due(timeout_seconds))
        for filled in self._gaps.take():
            if self._on_market is not None:
                self._on_market(filled)
        self.reconciler.step()
        self._settle()
        told = [*self._told, *self.followed.events()]
        self._told.clear()
        return told

    def _take_all(self, timeout_seconds: float) -> None:
        if self._stream is None:
            return
        while self._kept:
            self._take(self._kept.popleft())
            timeout_seconds = 0.0
        for item in self._stream.queue.take_all(timeout_seconds):
            self._take(item)

    def guard_while_waiting(self, act: Callable[[], None]) -> None:
        """From now on trades are told to `on_market` while a call of this thread waits, and `act` may send orders then.

        What the stream says of orders and states is kept, and taken in its order after the call.
        """

        def listen() -> None:
            if self._stream is not None:
                for item in self._stream.queue.take_all(0.0):
                    if isinstance(item, Notice | MarketState):
                        self._kept.append(item)
                    else:
                        self._take(item)
            act()

        self._rest.listen_while_waiting(listen)

    def _take(self, item: Item) -> None:
        self.records_taken += isinstance(item, Record)
        if isinstance(item, Notice):
            self.followed.take(item)
        elif isinstance(item, MarketState):
            if item.phase is not None:
                self._told.extend(self.followed.events())
                self._told.append(MarketStatus(time=item.received_at, phase=item.phase, ticker=item.ticker))
            if self._on_market is not None:
                self._on_market(item)
        elif isinstance(item, Trade | Book | IndexTick):
            if isinstance(item, Trade):
                self._gaps.saw(item)
            if self._on_market is not None:
                self._on_market(item)
        else:
            if self._on_market is not None:
                self._gaps.hear(self._attention.worth_filling(item))
            if self.channel.hear(item):
                for order in self._books.open_orders():
                    self.followed.settle_later(order)
            if self._on_market is not None:
                self._on_market(item)

    def _settle(self) -> None:
        """Ask the list about the days for which notices were not enough, at growing intervals."""
        if not self.followed.unsettled:
            self._settle_at, self._settle_looks = None, 0
            return
        now = self._clock.now()
        if self._settle_at is None:
            self._settle_at = now + timedelta(seconds=WAITS_SECONDS[0])
        if now < self._settle_at:
            return
        for day in sorted(self.followed.unsettled):
            try:
                self.synchronise(day)
            except KisError:
                break  # asked again
        self._settle_looks += 1
        looks = self._settle_looks
        wait = WAITS_SECONDS[looks] if looks < len(WAITS_SECONDS) else _SETTLE_AGAIN_SECONDS
        self._settle_at = now + timedelta(seconds=wait)

    def _until_due(self, timeout_seconds: float) -> float:
        due = [at for at in (self.reconciler.next_at(), self._settle_at) if at is not None]
        if not due:
            return timeout_seconds
        return min(timeout_seconds, max((min(due) - self._clock.now()).total_seconds(), 0.0))

    # The work -----------------------------------------------------------------------------------------------

    def _current(self, order_number: str) -> Order | RefusedByVenue:
        """The open order of a number; one whose amend is not confirmed is asked for first."""
        self.followed.restore(self._clock.now().date())
        order = self.followed.numbers.find(order_number)
        if order is not None and self.followed.numbers.is_amending(order.id):
            self.synchronise(session_of(order.intended_at))
            order = self._books.order(order.id)
        refusal = may_change(order, order_number)
        if refusal is not None or order is None:
            return refusal or RefusedByVenue(reason=RefusalReason.VENUE)
        return order

    def _rest_of(self, order: Order) -> int:
        """Shares that are still open, as KIS counts them; as we do, where its list has no rows."""
        day = session_of(order.intended_at)
        listed = ask_daily_list(self._rest, day, self._clock.now(), order.request.ticker, order.request.side)
        chain = listed.chain(number_key(self.followed.numbers.current_number(order)))
        return listed_state(chain).remaining if chain else order.remaining
