"""THE loop of paper and live trading: the timetable asks, the venue tells, levels are watched in between.

    trader.begin()
    while not stop():
        trader.turn(1.0)

Synchronous and single-threaded; sockets and models put what they have into queues. What has been done stands in the
ledger, never in memory alone, so that a process which dies at any moment is followed by one that goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from engine.broker import Broker, Outcome
from engine.clock import Clock, from_nanoseconds
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.errors import BrokenInvariant, DataError, GeoulError
from engine.events import Event, OrderRefused, PlanReady
from engine.fill import Fill
from engine.krx.sessions import CLOSED_DAYS, previous_session, session_close, sessions_between
from engine.ledger.alerts import Urgency, record_alert, was_told
from engine.ledger.connection import LedgerError
from engine.ledger.days import fills_of_day
from engine.ledger.decisions import record_decision
from engine.ledger.equity import last_equity
from engine.ledger.history import began_at, has_decision
from engine.ledger.ledger import Ledger
from engine.ledger.trades import PriceAt
from engine.matching import arrays as at
from engine.operating.alerts import alert_of_cycle
from engine.operating.desk import Planner
from engine.operating.graph import decision_id_of
from engine.operating.plan import RulePlanner
from engine.operating.record import decision_of
from engine.operating.state import Cycle, Proposal
from engine.order import Approved
from engine.reports.format import percent
from engine.reports.language import Lang, Text
from engine.simulation import Simulation
from engine.trading import texts
from engine.trading.account_history import history_of
from engine.trading.approved_plan import ApprovedPlan
from engine.trading.background_planner import BackgroundPlanner
from engine.trading.clearance import Clearance
from engine.trading.day_end import DayEnd, close_day
from engine.trading.decision import Decision, RulesInForce
from engine.trading.ex_rights import NEW_SHARES_COME, was_restated
from engine.trading.limit_news import tell_of_limits
from engine.trading.no_purchases import NoPurchases
from engine.trading.opening import Difference, differences, open_account
from engine.trading.order_gate import OrderGate, OrderGates
from engine.trading.orders import OrderDesk
from engine.trading.oversight import Oversight, Unsupervised
from engine.trading.ports import Alone, MarketHistory, Partner, Venue
from engine.trading.recorded_plan import recorded_planner
from engine.trading.setbacks import Setbacks
from engine.trading.standing import resumes_of
from engine.trading.timetable import Day, Timetable
from engine.trading.watch_list import WatchList, ranks_of

_AGAIN = timedelta(seconds=30)  # after something failed
_HEAR_AGAIN = timedelta(seconds=2)
_LOOK_EVERY = timedelta(minutes=1)  # at the venue's list while orders are open: a notice may have been lost
_CLOCKS_DIFFER = timedelta(seconds=5)  # by no more than answers take, and seconds are rounded
_WARN_AGAIN = timedelta(minutes=10)  # the same words
# What goes on being so is found again at every start and at every attempt: people hear of it once a day, until
# something of that name is filled.
_ONCE_A_DAY = frozenset({"shares_differ", "cash_differs", "order_not_taken", "order_held_back"})
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TradingSetup:
    """What a trader works with.

    Args:
        ledger: of the account, open for writing.
        venue: takes orders and tells what happens.
        history: the bars that decisions look at.
        clock: of the venue's world.
        rules: gives the prompt in force now; asked before every decision.
        config: costs and limits.
        timetable: of the venue.
        view_of: shows a simulation as a broker.
        prices_of: later prices of trades, from a panel.
        planner: makes the planner of a decision, who chooses among the purchases that the rules signal and may be slow;
            None lets the rules stand.
        gate: has the last word before an order leaves.
        oversight: hears people, holds back what the level of autonomy does not allow; it is asked before `gate`.
        after_close: is told of every session whose books have been closed, with the data.
        partner: is told when everything has been handled.
        knows_time: whether the clock is right as far as anybody can know; if not, it takes so many seconds to say so.
        each_turn: done at the end of every turn; returns at once.
        tell: is told one line for people at a time.
        watch_list: names and indices to hear beside those that are held or traded.
        adopt: holdings that are there at the first start become ours.
        lang: of texts and reports.
    """

    ledger: Ledger
    venue: Venue
    history: MarketHistory
    clock: Clock
    rules: Callable[[], RulesInForce]
    config: BacktestConfig
    timetable: Timetable
    view_of: Callable[[Simulation], Broker]
    prices_of: Callable[[Panel], PriceAt]
    planner: Callable[[RulesInForce, Panel], Planner] | None = None
    gate: OrderGate = field(default_factory=OrderGates)
    oversight: Oversight = field(default_factory=Unsupervised)
    after_close: Callable[[date, Panel], None] = lambda session, panel: None
    partner: Partner = field(default_factory=Alone)
    knows_time: Callable[[float], bool] = lambda wait_seconds: True
    each_turn: Callable[[], None] = lambda: None
    tell: Callable[[str], None] = print
    watch_list: WatchList = field(default_factory=WatchList)
    adopt: bool = False
    lang: Lang = "ko"


class Trader:
    """One account, one strategy."""

    def __init__(self, setup: TradingSetup) -> None:
        self._setup = setup
        self._ledger, self._venue, self._clock = setup.ledger, setup.venue, setup.clock
        self._oversight = setup.oversight
        self._history = history_of(setup.ledger)
        self._history.tell = lambda text, values: self._say(text, **values)
        self._setbacks = Setbacks(setup.ledger, setup.clock, self._is_on, setup.tell, setup.lang)
        gate = OrderGates([setup.oversight, setup.gate])
        desk = setup.ledger, setup.venue, setup.clock, gate, self._say, self._warn
        self.orders = OrderDesk(*desk, touch=setup.config.touch, oversight=setup.oversight)
        self._clearance = Clearance(*desk)
        self._decision: Decision | None = None
        self._decided = ""  # the decision whose orders and levels are in force
        self._basis: tuple[RulesInForce, Panel] | None = None  # of that decision
        self._carried_out = ""  # the decision whose approved purchases have been sent
        self._foreign: frozenset[str] = frozenset()
        self.differences: tuple[Difference, ...] = ()  # at the last comparison
        self._plans: deque[PlanReady] = deque()
        self._again: dict[str, datetime] = {}
        self._announced: datetime | None = None
        self._look_at = self._clock.now()
        self._warned: dict[str, datetime] = {}
        self._heard_at = -1
        self.cycles_run = 0
        self.has_missed_trades = False  # the stream had a gap: levels may have been passed unseen

    # The loop -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start the venue, open or continue the ledger, and compare the two.

        Raises:
            GeoulError: the venue cannot be reached, or the account cannot be traded.
        """
        if not self._setup.knows_time(0.0):  # the first download may have taken hours
            raise DataError("It is not known what time it is: this machine's clock is wrong. Set it, then start again.")
        self._venue.start()
        if open_account(self._ledger, self._venue, self._clock, adopt=self._setup.adopt):
            self._say(texts.OPENED, cash=self._ledger.totals.cash)
        else:
            self._say(texts.CONTINUED, cash=self._ledger.totals.cash, count=len(self._ledger.positions))
        self._oversight.look()  # what people asked for while nobody traded comes before the first order
        self.compare()
        self._listen()

    def turn(self, wait_seconds: float) -> None:
        """Do what is due, hear what has happened, act on levels that were reached."""
        self._setup.partner.look()
        self._oversight.look()
        if not self._setup.knows_time(wait_seconds):
            return  # whatever is decided, sent or closed now would be filed under a wrong day
        before = self._ledger.head
        self._do_what_is_due()
        # What was sent just now is answered; and a world that waits for a model has nothing else to wait for.
        if self._ledger.head == before and not self._waits_for_plan():
            wait_seconds = self._setup.partner.patience(wait_seconds)
        for event in self._attempt("poll", lambda: self._venue.poll(wait_seconds), _HEAR_AGAIN) or ():
            self._process(event)
        while self._plans:
            self._take_plan(self._plans.popleft())
        if self.has_missed_trades:
            self._attempt("prices", self.look_up, _HEAR_AGAIN)
        if not self.orders.is_compared:
            self._attempt("compare", self.compare, _HEAR_AGAIN)
        self.orders.act(self._decision.simulation if self._decision is not None else None)
        if self._ledger.head.sequence != self._heard_at:  # an order or a holding has come or gone
            self._listen()
        self._setup.each_turn()
        # A served world waits for the model; a real one does not, and guards go on.
        if not self._waits_for_plan():
            self._setup.partner.handled()

    def _waits_for_plan(self) -> bool:
        return self._decision is not None and self._decision.is_waiting

    def guard(self) -> None:
        """Send what watched levels have set off; called too while a request waits for its answer."""
        if self._setup.knows_time(0.0):
            self.orders.act(self._decision.simulation if self._decision is not None else None)

    def close(self) -> None:
        """Close the connections; orders stay where they are."""
        self._venue.close()

    def on_plan(self, ready: PlanReady) -> None:
        """A slow planner's answer; from any thread."""
        self._plans.append(ready)

    def compare(self) -> None:
        """Compare holdings and cash with the venue; a name that differs is not traded until it agrees again."""
        found = differences(self._ledger, self._venue.account().deposit_d2, self._venue.positions())
        self.differences = tuple(found)
        blocked: dict[str, str] = {}
        for difference in found:
            what, ours, theirs = difference.what, difference.ours, difference.theirs
            if what == "cash":
                self._warn("cash_differs", texts.CASH_DIFFERS, Urgency.WARNING, ours=ours, theirs=theirs)
                continue
            blocked[what] = texts.BLOCKED(self._setup.lang)
            if ours:
                awaits = theirs < ours and was_restated(self._ledger, what, self._clock.now() - NEW_SHARES_COME)
                text = texts.SHARES_AWAITED if awaits else texts.SHARES_DIFFER
                self._warn("shares_differ", text, Urgency.CRITICAL, ticker=what, ours=ours, theirs=theirs)
            elif what not in self._foreign:
                self._say(texts.FOREIGN, ticker=what, count=theirs)
        self._foreign = frozenset(each.what for each in found if not each.ours)
        self.orders.blocked, self.orders.is_compared = blocked, True

    # What is due --------------------------------------------------------------------------------------------

    def _do_what_is_due(self) -> None:
        now, timetable = self._clock.now(), self._setup.timetable
        ended, day = timetable.last_ended(now), timetable.day_at(now)
        if self._books_are_open(ended):
            self._attempt("end", lambda: self._end(ended))
        if day is not None and self._is_on(now):
            if self._oversight.halt is not None:
                halt = self._oversight.halt
                self._attempt("halt", lambda: self._clearance.act(halt, self.orders.blocked))
            if self._decided != _decision_before(day):
                self._attempt("decide", lambda: self._decide(day))
            if self._decided != self._carried_out and self._oversight.approved(self._decided):
                self._attempt("approved", self._carry_out)
            if now >= self._look_at and self._ledger.open_orders():
                self._look_at = now + _LOOK_EVERY
                self._attempt("list", self._venue.open_orders)
        elif self._decided:
            if self._decision is not None:
                self._decision.give_up()  # a plan that has not come by now is recorded as a failure
            self.orders.forget()
            self._decision, self._decided = None, ""
        due, what = timetable.next_moment(now)
        if due != self._announced:
            self._announced = due
            self._say(texts.WAITING, time=due, what=texts.MOMENTS[what](self._setup.lang))

    def _books_are_open(self, day: Day) -> bool:
        began, last = began_at(self._ledger), last_equity(self._ledger)
        return began is not None and began < day.closes and (last is None or last.session < day.session)

    def _is_on(self, now: datetime) -> bool:
        """Whether a decision stands or is due, so that what is held is guarded."""
        day = self._setup.timetable.day_at(now)
        return day is not None and day.decide <= now < day.closes

    def _decide(self, day: Day) -> None:
        setup, now = self._setup, self._clock.now()
        panel = setup.history.bring_up()
        before, known = previous_session(day.session), panel.session_date(panel.rows - 1)
        if known != before:
            raise DataError(
                f"The data ends on {known}, and the decision needs the bars of {before}. If the exchange was closed on "
                f"that day, start again with {CLOSED_DAYS}={before}."
            )
        self.compare()
        name = decision_id_of(from_nanoseconds(int(panel.closed_at_ns[-1])))
        goes_on = has_decision(self._ledger, name)
        rules = setup.rules()
        planner = recorded_planner(self._ledger, name) if goes_on else self._planner_for(day, rules, panel)
        planner_name = planner.name if planner is not None else RulePlanner.name
        self._basis = rules, panel
        self.orders.open(name, panel, day, sends=not goes_on)
        record = (lambda cycle: None) if goes_on else lambda cycle: self._record(cycle, planner_name, rules)
        self._decision = self._decision_on(rules, panel, self.orders.submit, record, planner)
        self._decision.run()
        if self._decision.simulation.book.account[at.HALTED] and not goes_on:
            self._oversight.halted_by_rule()
        self._oversight.propose(name, self.orders.held_back, day.buy_until)
        self.orders.guard(self._decision.simulation)
        self._decided = name  # from here on nothing can fail that would have to be done again
        self._listen()
        self.has_missed_trades = self.has_missed_trades or now >= day.opens
        sent = self.orders.sent
        if goes_on:
            self._say(texts.GOES_ON, id=name, levels=len(list(self.orders.watch)))
        else:
            self._say(texts.DECIDED, id=name, orders=sent, levels=len(list(self.orders.watch)))

    def _planner_for(self, day: Day, rules: RulesInForce, panel: Panel) -> Planner | None:
        if self._clock.now() > day.buy_until:
            self._say(texts.LATE, time=day.buy_until)
            return NoPurchases(texts.TOO_LATE(self._setup.lang))
        if self._setup.planner is None:
            return None
        return BackgroundPlanner(self._setup.planner(rules, panel), self.on_plan, self._clock, day.buy_until)

    def _decision_on(
        self,
        rules: RulesInForce,
        panel: Panel,
        submit: Callable[[Approved[Proposal]], Outcome],
        record: Callable[[Cycle], None],
        planner: Planner | None,
    ) -> Decision:
        setup = self._setup
        return Decision(
            rules,
            panel,
            setup.config,
            self._history,
            view_of=setup.view_of,
            clock=self._clock,
            submit=submit,
            record=record,
            planner=planner,
            lang=setup.lang,
            resumed=resumes_of(self._ledger.connection),
        )

    def _carry_out(self) -> None:
        """Send the purchases of the decision in force that a person has approved, as they were shown; each goes once.

        The decision is made again on the account of its own moment. Its sells and levels are left alone.
        """
        if self._basis is None:
            return
        planner = ApprovedPlan(self._oversight.approved(self._decided))
        self.orders.reopen()
        again = self._decision_on(*self._basis, self.orders.submit_purchase, self._tell_of_limits, planner)
        again.run()
        self._carried_out = self._decided
        self._listen()
        self._say(texts.CARRIED_OUT, id=self._decided, orders=self.orders.sent)

    def _take_plan(self, ready: PlanReady) -> None:
        if self._decision is not None and self._decision.decision_id == ready.decision_id:
            self._decision.resume(ready)
            day = self._setup.timetable.day_at(self._clock.now())
            if day is not None:
                self._oversight.propose(ready.decision_id, self.orders.held_back, day.buy_until)
            self._listen()

    def _listen(self) -> None:
        """Hear what matters now; see `watch_list` for what matters how much."""
        self._heard_at = self._ledger.head.sequence
        listed = self._setup.watch_list
        self._venue.listen(ranks_of(self.orders.watch, self._ledger, listed), listed.indices)

    def look_up(self) -> None:
        """Ask for the last prices of what is watched; after a start or a gap of the stream levels may have been passed.

        Raises:
            GeoulError: they cannot be had.
        """
        for quote in self._venue.quotes(self.orders.watch.tickers):
            base = None if quote.previous_close is None else round(quote.previous_close)
            self.orders.on_price(quote.ticker, round(quote.price), base)
        self.has_missed_trades = False

    def _record(self, cycle: Cycle, planner: str, rules: RulesInForce) -> None:
        with self._ledger.writing():
            record_decision(self._ledger, decision_of(cycle, planner, rules.hash))
            alert_of_cycle(self._ledger, cycle, self._setup.lang)
            self._tell_of_limits(cycle)
        self.cycles_run += 1

    def _tell_of_limits(self, cycle: Cycle) -> None:
        tell_of_limits(self._ledger, cycle, self.orders.refused, self._setup.lang)

    def _end(self, day: Day) -> None:
        setup = self._setup
        self._venue.open_orders()  # what the venue's list says at the end of the day is booked
        told = self._venue.time()
        if told < day.ends - _CLOCKS_DIFFER:
            raise DataError(
                f"The books of {day.session} are not closed: at the venue it is {told:%m-%d %H:%M:%S}, here "
                f"{self._clock.now():%m-%d %H:%M:%S}. Set this machine's clock."
            )
        for session in self._open_sessions(day.session):
            self._venue.settle_costs(session)
        panel = setup.history.bring_up()
        where = self._ledger, panel, setup.config, setup.rules(), setup.prices_of, self._clock
        close_day(*where, day.session, announce=self._report)
        setup.after_close(day.session, panel)

    def _report(self, done: DayEnd) -> None:
        session = done.point.session
        before = done.before.equity if done.before is not None else None
        text = texts.DAY_REPORT(self._setup.lang).format(
            session=session,
            equity=int(done.point.equity),
            change=percent(done.point.equity / before - 1) if before else "–",
            cash=int(done.point.cash),
            positions=done.point.positions,
            fills=len(fills_of_day(self._ledger, session)),
            costs=int(done.point.fees + done.point.taxes),
        )
        record_alert(self._ledger, Urgency.INFO, "day_report", text, {"session": session.isoformat()})
        self._setup.tell(text)

    def _open_sessions(self, until: date) -> list[date]:
        began, last = began_at(self._ledger), last_equity(self._ledger)
        if began is None:
            return []
        return [each for each in sessions_between(began.date(), until) if last is None or each > last.session]

    # What is told -------------------------------------------------------------------------------------------

    def _process(self, event: Event) -> None:
        if isinstance(event, Fill):
            side = texts.SIDES[event.side.value](self._setup.lang)
            self._say(texts.FILLED, side=side, ticker=event.ticker, quantity=event.quantity, price=event.price)
        elif isinstance(event, OrderRefused):
            order = self._ledger.order(event.order_id)
            ticker = order.request.ticker if order is not None else event.order_id
            why = " ".join(word for word in (event.code, event.text) if word) or event.reason.value
            self._warn("order_refused", texts.NOT_TAKEN, Urgency.WARNING, ticker=ticker, why=why)

    def _attempt(self, what: str, action: Callable[[], T], again: timedelta = _AGAIN) -> T | None:
        """Do something that the world may make impossible for a while; then it is tried again later."""
        now = self._clock.now()
        if now < self._again.get(what, now) and not self._setup.partner.stands:
            return None
        try:
            done = action()
        except (BrokenInvariant, LedgerError):
            raise  # of ours: nothing may go on as if it had not happened
        except GeoulError as error:
            self._again[what] = self._clock.now() + again
            self._setbacks.failed(what, str(error), again)
            return None
        self._again.pop(what, None)
        self._setbacks.succeeded(what)
        return done

    def _say(self, text: Text, **values: object) -> None:
        lang = self._setup.lang
        worded = {name: value(lang) if isinstance(value, Text) else value for name, value in values.items()}
        self._setup.tell(text(lang).format(**worded))

    def _warn(self, code: str, text: Text, urgency: Urgency, **values: object) -> None:
        said, now = text(self._setup.lang).format(**values), self._clock.now()
        if now < self._warned.get(said, now):
            return
        self._warned = {words: until for words, until in self._warned.items() if now < until}
        self._warned[said] = now + _WARN_AGAIN
        self._setup.tell(said)
        if code not in _ONCE_A_DAY or not was_told(self._ledger, code, said, self._unchanged_since(values, now)):
            record_alert(self._ledger, urgency, code, said, values)

    def _unchanged_since(self, values: Mapping[str, object], now: datetime) -> datetime:
        """Since when nothing of a name has been filled: midnight at the earliest."""
        fills = [fill.time for fill in fills_of_day(self._ledger, now.date()) if fill.ticker == values.get("ticker")]
        return max([datetime.combine(now.date(), time(), now.tzinfo), *fills])


def _decision_before(day: Day) -> str:
    """Name of the decision that looks at the close before a session."""
    return decision_id_of(session_close(previous_session(day.session)))
