"""The world that is served: one market, its accounts, and the steps from one instant to the next.

    for each step: run its parts for every account → show the point of the path → tell the sockets → wait for clients

Time stands still between the steps unless it is paced (`pace`). Everything here happens in one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import numpy as np
from pydantic import SecretStr

from brokers.kis.notice import CANCEL, Notice
from brokers.kis.order_kinds import ORDER_KINDS
from brokers.kis_server.market import Market, Print
from brokers.kis_server.order_book import ServedOrder
from brokers.kis_server.served_account import ServedAccount
from brokers.kis_server.session_path import CLOSED, CLOSING_CALL, CONTINUOUS, OPENING_CALL, SessionPath, Step
from brokers.kis_server.setup import AccountSetup
from brokers.kis_server.wire_dates import WireDates
from engine.config import BacktestConfig, RiskLimits
from engine.data.panel import Panel
from engine.errors import BadInput, DataError
from engine.exchange import EPOCH, build_exchange
from engine.order import Side
from engine.rules.program import compile_rules
from engine.rules.tree import RuleSet

_EVENING = timedelta(hours=2, minutes=30)  # after the close: where a world begins, and where "evening" stops


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What one step did.

    Args:
        step: the step.
        printed: what traded, None if the step prints no point.
        notices: by account number, in order.
        sequence: number of the step, from 1.
    """

    step: Step
    sequence: int
    printed: Print | None = None
    notices: dict[str, list[Notice]] = field(default_factory=dict)


class World:
    """A replayed market with accounts.

    Args:
        panel: raw daily or minute bars, or recorded trades behind daily bars.
        config: costs, participation, path and cash of the exchange; its risk limits do not matter, a venue has none.
        start: first session that is traded; if None the first recorded one, of bars the second of the data, because the
            first has nothing before it.
        shown: day whose date that session bears for clients; None = its own.
    """

    def __init__(
        self, panel: Panel, config: BacktestConfig, start: date | None = None, shown: date | None = None
    ) -> None:
        limits = RiskLimits(max_positions=10_000, min_order_share=0.0, allow_managed=True)
        self.config = config.model_copy(update={"limits": limits})
        self._exchange = build_exchange(panel, self.config)
        self.market = Market(self._exchange)
        self.path = SessionPath(panel)
        self._rules = compile_rules(RuleSet(interval=panel.interval, rules=()), price_scale=1)
        first = self._first_session(panel, start)
        self.dates = WireDates(self.path.sessions[first], shown)
        self.accounts: dict[str, ServedAccount] = {}
        self.sequence = 0
        self._numbers: dict[date, int] = {}
        self.numbers_given = 0  # of all days
        self.phase = CLOSED
        self.session = first - 1  # number of the session that runs or ran last
        self._before(first - 1)
        self._now = self.path.hours(first - 1).periods[-1][1] + _EVENING
        self._coming = self._all_steps(first)
        self._next: Step | None = next(self._coming, None)
        self._parts_done: list[int] = []
        self.listeners: list[Callable[[Happened], None]] = []

    def _first_session(self, panel: Panel, start: date | None) -> int:
        usual = 1 if panel.trades_from is None else self.path.number_of(panel.trades_from)
        wanted = (
            usual
            if start is None
            else int(np.searchsorted([(d - EPOCH).days for d in self.path.sessions], (start - EPOCH).days))
        )
        if not 1 <= wanted < len(self.path):
            raise DataError(
                f"The server cannot start on {start or 'its first session'}: {panel.manifest.name} has sessions from "
                f"{self.path.sessions[0]} to {self.path.sessions[-1]}, and one must come before the first that trades."
            )
        return wanted

    def _before(self, number: int) -> None:
        """Show the two sessions before the first one that trades, so that there is a day before."""
        for session in range(max(number - 1, 0), number + 1):
            rows = self.path.rows(session)
            self.market.begin_session(rows[0])
            for row in rows:
                for point in self.market.points_of(row):
                    self.market.print_point(row, point)

    def _all_steps(self, first: int) -> Iterator[Step]:
        for number in range(first, len(self.path)):
            yield from self.path.steps(number)

    # Time

    def now(self) -> datetime:
        """The instant at which the world stands, of the data."""
        return self._now

    def wire_now(self) -> datetime:
        """The same as clients see it."""
        return self.dates.out(self._now)

    @property
    def next_step(self) -> Step | None:
        """The step that comes next, None at the end of the data."""
        return self._next

    @property
    def next_evening(self) -> datetime | None:
        """When the work of this day will be over, or of the next session's; None after the last one of the data."""
        for number in range(self.session, min(self.session + 2, len(self.path))):
            evening = self.path.hours(number).periods[-1][1] + _EVENING
            if evening > self._now:
                return evening
        return None

    def set_time(self, now: datetime) -> None:
        """Move the clock forward between two steps; never beyond the next one."""
        if self._next is not None:
            now = min(now, self._next.time)
        self._now = max(self._now, now)

    @property
    def has_begun(self) -> bool:
        """Whether the day of the next session has come: its orders can be taken."""
        return self.phase != CLOSED

    @property
    def is_auction(self) -> bool:
        """Whether orders are being collected for one price."""
        return self.phase in (OPENING_CALL, CLOSING_CALL)

    # Accounts

    def open_account(self, setup: AccountSetup) -> ServedAccount:
        """A new account; it begins with this instant."""
        if setup.number in self.accounts:
            raise BadInput(f"The account {setup.number} exists already. Give the new one another number.")
        account = self.accounts[setup.number] = self._account(setup)
        return account

    def _account(self, setup: AccountSetup) -> ServedAccount:
        cash = self.config.cash_won if setup.cash_won is None else setup.cash_won
        # Whatever venue the configuration names: each account plays its own. Where order hours are off, a paper order
        # of the night still meets nothing before the opening price.
        own = {"cash_won": cash, "venue": "paper" if setup.environment == "paper" else "krx"}
        exchange = self._exchange.with_config(self.config.model_copy(update=own))
        in_bar = bool(self._parts_done)
        row = self.market.row if in_bar else self.market.row + 1
        account = ServedAccount(setup, exchange, self._rules, self.market, row)
        for part in self._parts_done:
            account.run_part(row, part, self._now)
        return account

    def prepare(self) -> None:
        """Load the compiled exchange with an order that nobody sees: the first real one need not wait for it."""
        nothing = SecretStr("")
        account = self._account(AccountSetup(environment="live", number="0" * 8, app_key=nothing, app_secret=nothing))
        col = next((col for col in range(self.market.panel.columns) if self.market.is_listed(col)), 0)
        order = ServedOrder(
            number=1,
            session=self._now.date(),
            sent_at=self._now,
            ticker=self.market.panel.tickers[col],
            col=col,
            side=Side.BUY,
            kind=ORDER_KINDS["01"],
            quantity=1,
            price=0,
        )
        if account.buyable(col) and account.place(order) is None:
            account.cancel(order, replace(order, number=2, request=CANCEL, original=1, parts=[]))

    def next_number(self) -> int:
        """The next order number of the day, from 1, counted over all accounts."""
        day = self._now.date()
        self._numbers[day] = self._numbers.get(day, 0) + 1
        self.numbers_given += 1
        return self._numbers[day]

    def cash(self) -> int:
        """Settled cash of all accounts together, won."""
        return sum(account.settled_cash() for account in self.accounts.values())

    # Steps

    def run_step(self) -> Happened:
        """Go to the next instant and let happen what happens there.

        Raises:
            BadInput: the data has ended.
        """
        step = self._next
        if step is None:
            raise BadInput(
                "The data has ended: there is no further step. Start the server again, or give it more data."
            )
        self._next = next(self._coming, None)
        self._now = step.time
        self.sequence += 1
        if step.phase:
            self.phase = step.phase
        if step.phase == OPENING_CALL:
            self.session += 1
            self.market.begin_session(step.row)
        notices: dict[str, list[Notice]] = {}
        printed = None
        for part in step.parts:
            if part == step.point:
                printed = self.market.print_point(step.row, part)
            for number, account in self.accounts.items():
                notices.setdefault(number, []).extend(account.run_part(step.row, part, self._now))
            self._parts_done = [] if part == 4 else [*self._parts_done, part]
        happened = Happened(step=step, sequence=self.sequence, printed=printed, notices=notices)
        for listener in self.listeners:
            listener(happened)
        return happened

    def time_of(self, until: str) -> datetime:
        """The instant, of the data, of the next "step", "morning" (orders begin), "open", "close" or "evening".

        Raises:
            BadInput: no such name, or the data has ended.
        """
        close = self.path.hours(self.session).periods[-1][1]
        if until == "evening" and self._now < close + _EVENING and self.phase == CLOSED:
            return close + _EVENING  # of today, be it the last day of the data
        if self._next is None:
            raise BadInput("The data has ended: there is nothing to go to.")
        if until == "step":
            return self._next.time
        wanted = {"morning": OPENING_CALL, "open": CONTINUOUS, "close": CLOSED, "evening": CLOSED}.get(until)
        if wanted is None:
            raise BadInput(f"The world cannot go to {until!r}: say step, morning, open, close or evening.")
        found = self._upcoming(wanted)
        return found + _EVENING if until == "evening" else found

    def time_of_bar(self, bars: int) -> datetime:
        """The instant of the close of the bar so many bars on."""
        if bars < 1:
            raise BadInput(f"The world cannot go {bars} bars on: ask for 1 or more.")
        row = self.market.row + bars - bool(self._parts_done)
        if row >= self.market.panel.rows:
            raise BadInput(f"The data has fewer than {bars} bars left.")
        number = self.path.number_of(row)
        return next(step.time for step in self.path.steps(number) if step.row == row and 4 in step.parts)

    def _upcoming(self, phase: str) -> datetime:
        for number in (self.session, self.session + 1):
            if number < len(self.path):
                for step in self.path.steps(number):
                    if step.phase == phase and self._next is not None and step.time >= self._next.time:
                        return step.time
        raise BadInput("The data ends before that.")
