"""The two sides of a suite on daily bars: the adapter against the server, and the replay broker in process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from brokers.replay import ReplayBroker
from engine.backtest import prepare
from engine.config import BacktestConfig
from engine.data.panel import Panel, State
from engine.events import Slice
from engine.order import RefusalReason
from engine.rules.tree import RuleSet
from tests.parity.account import WireAccount
from tests.parity.daily_writer import DailyWriter, Intent, send
from tests.parity.market import classes_of
from tests.parity.record import Day, ReplayBook, assert_ledger_is_the_account

NewWriter = Callable[[], DailyWriter]


def over_the_wire(
    panel: Panel, config: BacktestConfig, new_writer: NewWriter, folder: Path, environment: str
) -> list[Day]:
    """Every session through the adapter: on live the orders go before the open, on paper right behind it."""
    days: list[Day] = []
    with contextlib.ExitStack() as stack:
        account = WireAccount(stack, folder, panel, config, environment, classes_of(panel))
        broker, writer = account.broker, new_writer()
        intents = writer.look(broker, Day(account.session))
        while account.has_more:
            account.advance(until="morning" if environment == "live" else "open")
            day = Day(account.session)
            send(broker, account.clock, intents, day, lambda reference, number: None)
            account.finish(day)
            intents = writer.look(broker, day)
            assert_ledger_is_the_account(account.ledger, day)
            days.append(day)
    return days


def in_process(panel: Panel, config: BacktestConfig, new_writer: NewWriter) -> list[Day]:
    """The same with the replay broker: the orders go at the close, and the venue decides what they meet."""
    broker = open_replay(panel, config)
    book, writer, days = ReplayBook(broker), new_writer(), list[Day]()
    sent_on, day, intents = list[date](), Day(panel.session_date(0)), list[Intent]()
    for event in broker.events():
        if not isinstance(event, Slice):
            continue
        day.session = panel.session_date(event.row)
        if event.row:
            book.finish(day, sent_on)
            if config.venue == "paper":
                _refuse_suspended(panel, event.row, intents, day)
            days.append(day)
        intents = writer.look(broker, day)
        sent_on, day = [day.session], Day(day.session)
        if event.row + 1 < panel.rows:
            send(broker, broker, intents, day, book.note)
    return days


def open_replay(panel: Panel, config: BacktestConfig) -> ReplayBroker:
    """A replay of a whole panel, without rules."""
    return ReplayBroker(prepare(RuleSet(interval=panel.interval, rules=()), panel, config))


def _refuse_suspended(panel: Panel, row: int, intents: Iterable[Intent], day: Day) -> None:
    """KIS refuses orders for names that the session opened without; in a replay they wait in vain until its end."""
    requests = {intent.request.decision_id: intent.request for intent in intents}
    suspended = {ticker for place, ticker in enumerate(panel.tickers) if not panel.state[row, place] & State.TRADED}
    answers, day.answers = day.answers, []
    for reference, answer in answers:
        if requests[reference].ticker not in suspended:
            day.answers.append((reference, answer))
        elif (reference, RefusalReason.NOT_TRADABLE.value) not in day.answers:
            day.answers.append((reference, RefusalReason.NOT_TRADABLE.value))
            status, _, _, filled, _ = day.orders.pop(reference, ("refused", 0, None, 0, 0))
            assert status in ("refused", "expired", "cancelled") and filled == 0
