"""Orders on their way to the venue: those that a decision approves, and those that a watched level sends.

An order of a decision goes out once, whatever happens in between: before it is sent, the ledger is asked whether this
decision has sent an order for this name and side already.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from engine.broker import Accepted, Outcome, RefusedByVenue, Unavailable, Unknown
from engine.clock import Clock, session_of
from engine.data.panel import Panel
from engine.krx.instrument_class import InstrumentClass, instrument_class
from engine.krx.tick_size import grid_above, grid_below
from engine.ledger.alerts import Urgency
from engine.ledger.history import orders_of_decision
from engine.ledger.ledger import Ledger
from engine.operating.state import Action, Proposal
from engine.order import UNRESOLVED, Approved, Order, OrderKind, OrderRequest, OrderStatus, RefusalReason, Refused, Side
from engine.risk import approved_as, check_exit
from engine.simulation import Simulation
from engine.trading import texts
from engine.trading.disputed import NOT_GUARDED, SharesThere, share_of
from engine.trading.ex_rights import ExRights, book_ratio
from engine.trading.order_gate import OrderGate
from engine.trading.ports import Venue
from engine.trading.timetable import Day
from engine.trading.told_account import GUARD
from engine.trading.watch import Level, Watch, guards_of, level_of

_AGAIN = timedelta(seconds=5)
Say = Callable[..., None]


class OrderDesk:
    """The orders of one day.

    Args:
        ledger: of the account.
        venue: takes them.
        clock: of the venue's world.
        gate: has the last word before an order leaves.
        say: is told what people should read.
        warn: is told what people should act on.
        touch: see `Watch`.
        oversight: may hold back purchases before they are even watched for.
    """

    def __init__(
        self,
        ledger: Ledger,
        venue: Venue,
        clock: Clock,
        gate: OrderGate,
        say: Say,
        warn: Say,
        *,
        touch: bool,
        oversight: OrderGate,
    ) -> None:
        self._oversight = oversight
        self._ledger, self._venue, self._clock, self._gate = ledger, venue, clock, gate
        self._say, self._warn = say, warn
        self.watch = Watch(self._on_grid, touch=touch)
        self.blocked: Mapping[str, str] = {}
        self.is_compared = True  # False: a ratio has changed what the ledger holds since `blocked` was found
        self._restated: set[str] = set()  # names of which there are other shares today than at the last close
        self._there = SharesThere(ledger, venue, clock, warn)
        self.sent = 0
        self.held_back: list[Action] = []  # purchases of this decision that the level of autonomy does not allow
        self.refused: list[Refused[OrderRequest]] = []  # purchases of this decision that the gate did not let leave
        self._decision_id, self.session, self._sends = "", date.min, False
        self._class_of: dict[str, InstrumentClass] = {}
        self._ex_rights: ExRights | None = None
        self._openings: dict[str, tuple[date, int]] = {}  # day and won: the last trades of a day come after its end
        self._buy_until = self._opens = self._closes = clock.now()
        self._due: deque[tuple[Level, int, datetime]] = (
            deque()
        )  # levels to send, the price that set them off, not before

    def open(self, decision_id: str, panel: Panel, day: Day, *, sends: bool) -> None:
        """Begin with a decision; where it does not send, it only finds out what is watched."""
        self._decision_id, self.session, self._sends, self.sent = decision_id, day.session, sends, 0
        self._buy_until, self._opens, self._closes = day.buy_until, day.opens, day.closes
        kinds = zip(panel.tickers, panel.instruments["market"], panel.instruments["product"], strict=True)
        self._class_of = {ticker: instrument_class(market, product) for ticker, market, product in kinds}
        self._ex_rights = ExRights(panel, day.session, self._class_of)
        self._restated.clear()
        self.held_back.clear()
        self.refused.clear()
        self.watch.replace(())
        self._due.clear()

    def reopen(self) -> None:
        """The decision may send after all: a person has approved what was held back."""
        self._sends, self.sent = True, 0
        self.refused.clear()

    def forget(self) -> None:
        """The session is over: nothing is watched."""
        self.watch.replace(())
        self._due.clear()
        self._openings.clear()
        self._ex_rights = None

    # Orders of the decision -----------------------------------------------------------------------------------

    def submit(self, approval: Approved[Proposal]) -> Outcome:
        """Send what the risk check has approved, or watch for its moment."""
        action = approval.value.action
        earlier = self._earlier(action.ticker, action.side)
        if earlier is not None:
            return _as_outcome(earlier)
        if action.ticker in self.blocked:
            return RefusedByVenue(reason=RefusalReason.RESTRICTED, text=self.blocked[action.ticker])
        held = self._oversight.check(self._in_short(action))
        if held is not None:
            if held.reason is RefusalReason.AUTONOMY_LEVEL:
                self.held_back.append(action)
            return RefusedByVenue(reason=held.reason, text=held.message)
        if action.kind is OrderKind.STOP or action.from_open:
            self.watch.add(level_of(approval, self._decision_id))
            return Accepted(order_number="")
        if not self._sends:
            return Unavailable(text="the decision was carried out before")
        request = OrderRequest(
            ticker=action.ticker,
            side=action.side,
            quantity=action.quantity,
            kind=action.kind,
            price=None if action.price is None else round(action.price),
            rule_ids=action.rule_ids,
            decision_id=self._decision_id,
        )
        refused = self._gate.check(request)
        if refused is not None and not _waits(refused):
            self.refused.append(refused)
            return RefusedByVenue(reason=refused.reason, text=refused.message)
        outcome: Outcome
        if refused is None:
            outcome = self._venue.submit(approved_as(approval, request))
        else:
            self._warn_held_back(refused)
            outcome = Unavailable(text=refused.message)
        if isinstance(outcome, Unavailable):  # it never left, so it may leave later
            level = level_of(approval, self._decision_id)
            level.kind, level.price, level.fired = action.kind, request.price or 0, True
            self._due.append((level, 0, self._clock.now() + _AGAIN))
        else:
            self.sent += 1
        return outcome

    def submit_purchase(self, approval: Approved[Proposal]) -> Outcome:
        """As `submit`, but sells are left alone: they have been sent, or are watched."""
        if approval.value.action.side is Side.SELL:
            return Accepted(order_number="")
        return self.submit(approval)

    def _in_short(self, action: Action) -> OrderRequest:
        """What an action buys or sells, whatever its price; a price that counts from the open is not known yet."""
        return OrderRequest(
            ticker=action.ticker, side=action.side, quantity=action.quantity, decision_id=self._decision_id
        )

    def _earlier(self, ticker: str, side: Side) -> Order | None:
        """The order that this decision has sent for a name already; one that never arrived does not count."""
        for order in orders_of_decision(self._ledger, self._decision_id):
            same = order.request.ticker == ticker and order.request.side is side
            if same and order.status is not OrderStatus.NOT_SENT:
                return order
        return None

    # Watched levels -------------------------------------------------------------------------------------------

    def guard(self, simulation: Simulation) -> None:
        """Watch the levels that the decision has armed, but for those that have fired today already."""
        name = f"{GUARD}:{self._decision_id}"
        fired = {
            (order.request.ticker, order.request.rule_ids[:1])
            for order in orders_of_decision(self._ledger, name)
            if order.status not in (OrderStatus.NOT_SENT, OrderStatus.REFUSED)
        }
        for level in guards_of(simulation, name):
            if (level.ticker, level.rule_ids) not in fired:
                self.watch.add(level)

    def on_trade(self, ticker: str, price: int, opening: int = 0, base: int | None = None) -> None:
        """A trade of the stream.

        Args:
            ticker: KRX short code.
            price: won.
            opening: first price of the day; 0 = this is the first trade that we hear of.
            base: won that the day's change is counted from; None = not known.
        """
        now = self._clock.now()
        first = self._opening(ticker, now) or opening or price
        self._restate(ticker, base, first)
        self._openings[ticker] = session_of(now), first
        if self._counts_alike(ticker):
            self._due += [(level, price, now) for level in self.watch.reached(ticker, price, first)]

    def on_price(self, ticker: str, price: int, base: int | None = None) -> None:
        """A last price that was asked for: levels may have been passed while nobody listened."""
        now = self._clock.now()
        first = self._opening(ticker, now)
        self._restate(ticker, base, first)
        if self._counts_alike(ticker):
            self._due += [(level, price, now) for level in self.watch.reached(ticker, price, first)]

    def _restate(self, ticker: str, base: int | None, opening: int) -> None:
        """Levels of a name from which a right has left over night, before its first price is judged."""
        if self._ex_rights is None or not base or not self._opens <= self._clock.now() < self._closes:
            return  # a base price of the day before, or of the day after: it would say that a right has left
        ratio = self._ex_rights.ratio(ticker, base, opening)
        if ratio is None:
            return
        if self.watch.restate(ticker, ratio):
            self._say(texts.RESTATED, ticker=ticker, base=base, ratio=float(ratio))
        self._restated.add(ticker)
        if book_ratio(self._ledger, self.session, ticker, ratio, base):
            self.is_compared = False

    def _differs(self, ticker: str) -> bool:
        return ticker in self.blocked or (not self.is_compared and ticker in self._restated)

    def _counts_alike(self, ticker: str) -> bool:
        """Whether a price counts the same shares as the levels do; where the shares agree, it does."""
        if self._ex_rights is None or not self._differs(ticker):
            return True
        if self._ex_rights.is_unexplained(ticker):
            self._warn(NOT_GUARDED, texts.BASE_UNEXPLAINED, Urgency.CRITICAL, ticker=ticker)
            return False
        return self._ex_rights.has_heard(ticker)

    def _opening(self, ticker: str, now: datetime) -> int:
        """The first price of today, 0 if none has been heard yet."""
        day, won = self._openings.get(ticker, (date.min, 0))
        return won if day == session_of(now) else 0

    def on_missed_price(self, ticker: str, price: int) -> None:
        """A price at which was traded while nobody listened, heard of afterwards; it may be over already."""
        now = self._clock.now()
        if self._counts_alike(ticker):
            self._due += [(level, price, now) for level in self.watch.missed(ticker, price)]

    def act(self, simulation: Simulation | None) -> None:
        """Send the orders of levels that were reached; what cannot leave now is tried again.

        While one of them waits for its answer, this is called again: each takes its level off the list first.
        """
        if simulation is None or not self._due:
            return
        for _ in range(len(self._due)):
            if not self._due:
                return  # sent meanwhile
            now, (level, price, not_before) = self._clock.now(), self._due.popleft()
            if level.side is Side.BUY and price == 0 and now > self._buy_until:
                self._say(texts.NOT_TAKEN, ticker=level.ticker, why=texts.TOO_LATE)
                continue  # it could not leave while its news was fresh
            if now < not_before or not self._fire(level, price, simulation):
                self._due.append((level, price, max(not_before, now + _AGAIN) if now >= not_before else not_before))

    def _fire(self, level: Level, price: int, simulation: Simulation) -> bool:
        """Send one order; False if it has to wait."""
        if level.ticker in self.blocked and not level.is_guard:
            self.watch.drop(level)
            self._say(texts.NOT_TAKEN, ticker=level.ticker, why=self.blocked[level.ticker])
            return True
        there = None
        if self._differs(level.ticker):
            there = self._there.of(level.ticker) if level.is_guard else None
            if there is None:
                return False
        request = self._request(level, simulation, there)
        if request is None:
            return False
        if level.approval is not None:
            if self._earlier(level.ticker, level.side) is not None:
                self.watch.drop(level)
                return True
            approved = approved_as(level.approval, request)
        else:
            verdict = check_exit(request, self._free(level.ticker), self._clock)
            if not isinstance(verdict, Approved):
                return False
            approved = verdict
        refused = self._gate.check(request)
        if refused is not None:
            self._warn_held_back(refused)
            waits = level.is_guard or _waits(refused)
            if not waits:
                self.watch.drop(level)
            return not waits
        outcome = self._venue.submit(approved)
        if price:
            self._say(
                texts.REACHED,
                ticker=level.ticker,
                price=price,
                level=level.price,
                quantity=request.quantity,
                side=texts.ORDERS[level.side.value],
            )
        if isinstance(outcome, Accepted | Unknown):
            self.sent += 1
            self.watch.drop(level)
            return True
        why = outcome.text
        if isinstance(outcome, RefusedByVenue):
            why = f"{outcome.code} {outcome.text}".strip() or outcome.reason.value
        urgency = Urgency.CRITICAL if level.is_guard else Urgency.WARNING
        self._warn("order_not_taken", texts.NOT_TAKEN, urgency, ticker=level.ticker, why=why)
        if isinstance(outcome, RefusedByVenue) and not level.is_guard:
            self.watch.drop(level)
            return True
        return False  # a holding stays guarded until its order is taken

    def _warn_held_back(self, refused: Refused[OrderRequest]) -> None:
        ticker = refused.value.ticker
        self._warn("order_held_back", texts.NOT_TAKEN, Urgency.WARNING, ticker=ticker, why=refused.message)

    def _request(self, level: Level, simulation: Simulation, there: int | None) -> OrderRequest | None:
        """What a level sends now, no more than is `there` where that is not what the ledger holds; None: it waits."""
        quantity = level.quantity
        if level.is_guard:
            free = self._free(level.ticker)
            if free <= 0 or self._is_selling(level.ticker):
                return None  # one guard after the other, as in a replay
            if level.quantity == 0:
                col = simulation.exchange.panel.tickers.index(level.ticker)
                level.quantity = simulation.fire_guard(col, level.rule)
            quantity = min(level.quantity, free)
            if there is not None or level.ticker in self._restated:
                held = self._ledger.positions[level.ticker].quantity
                held = held if there is None else min(held, there)
                quantity = min(share_of(simulation, level.rule, held), held, free)
        if quantity <= 0:
            return None
        return OrderRequest(
            ticker=level.ticker,
            side=level.side,
            quantity=quantity,
            kind=level.kind,
            price=level.price if level.kind.has_price else None,
            rule_ids=level.rule_ids,
            decision_id=level.decision_id,
        )

    def _active_sells(self, ticker: str) -> list[Order]:
        orders = [*self._ledger.open_orders(), *self._ledger.unresolved_orders()]
        return [each for each in orders if each.request.ticker == ticker and each.request.side is Side.SELL]

    def _free(self, ticker: str) -> int:
        held = self._ledger.positions.get(ticker)
        promised = sum(order.remaining for order in self._active_sells(ticker))
        return (held.quantity if held is not None else 0) - promised

    def _is_selling(self, ticker: str) -> bool:
        return any(order.request.decision_id.startswith(GUARD) for order in self._active_sells(ticker))

    def _on_grid(self, ticker: str, price: int, up: bool) -> int:
        kind = self._class_of[ticker]
        return grid_above(price, self.session, kind) if up else max(grid_below(price, self.session, kind), 1)


def _waits(refused: Refused[OrderRequest]) -> bool:
    """Whether an order that the gate holds back leaves later: exits that came too fast do, purchases do not."""
    if refused.reason is RefusalReason.TIME_UNKNOWN:
        return True
    return refused.reason is RefusalReason.ORDER_RATE_LIMIT and refused.value.side is Side.SELL


def _as_outcome(order: Order) -> Outcome:
    """What was answered to an order that the ledger knows."""
    if order.status is OrderStatus.REFUSED:
        return RefusedByVenue(reason=order.reason or RefusalReason.VENUE, text=order.message)
    if order.status in UNRESOLVED:
        return Unknown(text=order.message)
    return Accepted(order_number=order.order_number)
