"""The history of a real ledger: what is kept is used while it holds, and only then; the journal is read once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from brokers.replay import ReplayBroker
from engine.backtest import prepare
from engine.clock import SimulatedClock, from_nanoseconds
from engine.config import BacktestConfig, RiskLimits
from engine.data.panel import Panel
from engine.errors import BrokenInvariant
from engine.events import CashMoved, CashReason, Event, OrderAccepted, OrderIntended, Slice
from engine.fill import Fill
from engine.ledger import journal
from engine.ledger.account_checkpoints import NEWEST, SPACED, SPACING, stored_checkpoint, stored_rows
from engine.ledger.connection import LedgerError
from engine.ledger.history import account_events
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.verify import verify
from engine.matching import arrays as at
from engine.operating.graph import decision_id_of
from engine.order import OrderRequest, Side
from engine.reports.language import Text
from engine.simulation import Simulation
from engine.trading import account_history, checkpoint, fold
from engine.trading.account_history import AccountHistory, history_of
from engine.trading.checkpoint import (
    DAMAGED,
    LATE_NEWS,
    OTHER_CODE,
    OTHER_DATA,
    OTHER_FORMAT,
    OTHER_JOURNAL,
    OTHER_RESUMES,
    OTHER_SETTINGS,
)
from engine.trading.told_account import ADOPTED, fold_and_keep, told_account
from tests.builders_panel import make_config, make_rules
from tests.told_diary import Diary, cut, wandering

RULES = make_rules(
    ("entry", "close > mean(close, 5)", "buy 20% of equity"),
    ("exit", "close < mean(close, 5)", "sell 50%"),
    ("exit", "pnl <= -3%", "sell all"),
    ("exit", "pnl >= 4%", "sell 50%"),
)
FIRST = 10
LAST = 45


@dataclass
class Account:
    """A ledger that grows by what a replay did, and what the market was."""

    ledger: Ledger
    panel: Panel
    config: BacktestConfig
    events: list[Event]
    known: list[int]
    done: int = 0
    reasons: list[Text] = field(default_factory=list)

    def close(self, row: int) -> datetime:
        return from_nanoseconds(int(self.panel.closed_at_ns[row]))

    def book(self, row: int) -> None:
        """Everything that had happened by a close."""
        end = self.known[row - FIRST]
        self.ledger.append_all(self.events[self.done : end])
        self.done = max(end, self.done)

    def end_of_day(self, row: int, history: AccountHistory | None = None) -> None:
        self.book(row)
        market, told = cut(self.panel, row + 1), history or history_of(self.ledger)
        fold_and_keep(RULES, None, market, self.config, told, (), on_row=lambda row, simulation: None, on_rows_from=row)

    def history(self) -> AccountHistory:
        """As a process has it that has just started."""
        history = AccountHistory(self.ledger)
        history.tell = lambda text, values: self.reasons.append(values["why"])
        return history

    def both(
        self,
        row: int,
        history: AccountHistory,
        panel: Panel | None = None,
        config: BacktestConfig | None = None,
        resumed: tuple[str, ...] = (),
    ) -> Simulation:
        """The account from what is kept; equal to that from the events in a list."""
        market, settings = panel or cut(self.panel, row + 1), config or self.config
        found = told_account(RULES, market, settings, history, None, resumed=resumed)
        expected = told_account(RULES, market, settings, account_events(self.ledger), None, resumed=resumed)
        ours, theirs = found.account.used(), expected.account.used()
        for used in (ours, theirs):
            used["marks"] = used["marks"][FIRST : row + 1]
        for name, array in theirs.items():
            np.testing.assert_array_equal(ours[name], array, err_msg=name)
        assert found.decide() == expected.decide()
        return found

    def damage(self) -> None:
        """One bit of everything that is kept is another one."""
        connection = self.ledger.connection
        for number, _, _ in stored_rows(connection):
            content = bytearray(stored_checkpoint(connection, number).content)
            content[len(content) // 2] ^= 4
            connection.execute(
                "UPDATE account_checkpoints SET content = ? WHERE checkpoint_id = ?", (bytes(content), number)
            )


def account_in(folder: Path, seed: int = 1) -> Account:
    panel, config = wandering(seed, rows=60), make_config(cash_won=50_000_000, costs=True)
    simulation = prepare(RULES, panel, config, start=panel.session_date(FIRST))
    broker, events, known = ReplayBroker(simulation), [], []
    diary, told = Diary(simulation, FIRST), 0
    for event in broker.events():
        if not isinstance(event, Slice):
            continue
        broker.catch_up()
        diary.write()
        for each in diary.events[told:]:
            events.append(each)
            if isinstance(each, OrderIntended):
                events.append(OrderAccepted(time=each.time, order_id=each.order_id, order_number=each.order_id))
        told = len(diary.events)
        known.append(len(events))
        for place in range(simulation.decide()):
            code, quantity = simulation.check(place)
            if code == at.ACCEPTED:
                broker.submit_proposal(place, quantity)
        broker.watch_guards()
    ledger = open_ledger(folder / "ledger.db", SimulatedClock(from_nanoseconds(int(panel.closed_at_ns[FIRST]))))
    return Account(ledger, panel, config, events, known)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    """With the books of every day up to `LAST` closed."""
    found = account_in(tmp_path)
    for row in range(FIRST, LAST + 1):
        found.end_of_day(row)
    yield found
    found.ledger.close()


@pytest.fixture
def rows_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the journal's rows that are read while the test runs."""
    read, plain = [], journal.checked_rows

    def counted(*arguments, **named):
        for row in plain(*arguments, **named):
            read.append(row[0])
            yield row

    monkeypatch.setattr(journal, "checked_rows", counted)
    return read


def test_every_day_goes_on_from_the_day_before(account: Account, rows_read: list[int]) -> None:
    history = account.history()
    for row in range(LAST, LAST + 6):
        account.end_of_day(row, history)
        account.both(row, history)
        account.both(row, account.history())
    assert account.reasons == []
    rows_read.clear()
    told_account(RULES, cut(account.panel, LAST + 6), account.config, history, None)
    assert rows_read == []


def test_a_process_checks_the_whole_chain_once_and_then_what_is_new(account: Account, rows_read: list[int]) -> None:
    history, market = account.history(), cut(account.panel, LAST + 1)
    told_account(RULES, market, account.config, history, None)
    assert rows_read == list(range(1, account.ledger.head.sequence + 1))
    rows_read.clear()
    before = account.ledger.head.sequence
    account.book(LAST + 4)
    told_account(RULES, market, account.config, history, None)
    assert rows_read == list(range(before + 1, account.ledger.head.sequence + 1))
    assert len(rows_read) > 0


def test_a_row_that_was_changed_before_what_is_kept_is_seen(account: Account) -> None:
    connection = account.ledger.connection
    connection.execute("DROP TRIGGER events_are_never_changed")
    connection.execute("UPDATE events SET payload = replace(payload, '1', '2') WHERE sequence = 5")
    with pytest.raises(BrokenInvariant, match="broken at row 5"):
        told_account(RULES, cut(account.panel, LAST + 1), account.config, account.history(), None)


def test_few_are_kept_and_they_lie_apart(account: Account) -> None:
    stored = stored_rows(account.ledger.connection)
    decided, plain = ([row for _, row, decides in stored if decides is which] for which in (True, False))
    assert decided[:NEWEST] == [LAST, LAST - 1, LAST - 2]
    assert NEWEST < len(decided) <= NEWEST + SPACED
    assert plain == [FIRST + SPACING, FIRST]


def test_rules_that_come_later_begin_where_none_had_decided(account: Account) -> None:
    newer = make_rules(("entry", "close > open", "buy 10% of equity"), ("exit", "days_held >= 2", "sell all"))
    since, market = account.close(LAST - 3), cut(account.panel, LAST + 1)
    history = account.history()
    found = told_account(newer, market, account.config, history, since)
    assert history.taken_up == FIRST + SPACING
    expected = told_account(newer, market, account.config, account_events(account.ledger), since)
    for name, array in expected.account.used().items():
        if name != "marks":
            np.testing.assert_array_equal(found.account.used()[name], array)
    assert account.reasons == []


# What is not used, and why ----------------------------------------------------------------------------------------


def test_what_is_damaged_is_ignored(account: Account) -> None:
    account.damage()
    account.both(LAST, account.history())
    assert set(account.reasons) == {DAMAGED}
    # The next end of a day keeps a sound one again.
    account.end_of_day(LAST + 1)
    account.reasons.clear()
    account.both(LAST + 1, account.history())
    assert account.reasons == []


def test_what_another_version_kept_is_ignored(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", checkpoint.FORMAT + 1)
    account.both(LAST, account.history())
    assert set(account.reasons) == {OTHER_FORMAT}


def test_what_another_program_folded_is_ignored(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "code_digest", lambda: "another")
    account.both(LAST, account.history())
    assert set(account.reasons) == {OTHER_CODE}


def test_what_belongs_to_another_ledger_is_ignored(account: Account, tmp_path: Path) -> None:
    other = account_in(tmp_path / "other")
    other.ledger.clock.advance(timedelta(seconds=1))  # the same events, recorded a second later
    for row in range(FIRST, LAST + 1):
        other.end_of_day(row)
    stored = [
        stored_checkpoint(other.ledger.connection, number) for number, _, _ in stored_rows(other.ledger.connection)
    ]
    connection = account.ledger.connection
    connection.execute("DELETE FROM account_checkpoints")
    for each in stored:
        values = each.row, each.decides, each.header, each.content, each.digest
        connection.execute(
            "INSERT INTO account_checkpoints (row, decides, header, content, digest) VALUES (?, ?, ?, ?, ?)", values
        )
    account.both(LAST, account.history())
    assert set(account.reasons) == {OTHER_JOURNAL}
    other.ledger.close()


def test_data_that_has_changed_since_is_folded_anew(account: Account) -> None:
    bars = account.panel.bars.copy()
    bars[3, LAST - 1] += 10
    bars[1, LAST - 1] += 10
    market = cut(replace(account.panel, bars=bars), LAST + 1)
    account.both(LAST, account.history(), panel=market)
    assert set(account.reasons) == {OTHER_DATA}


def test_a_name_that_is_new_in_the_data_is_folded_anew(account: Account) -> None:
    more = wandering(9, rows=60, names=1)
    panel = account.panel
    columns = {
        name: np.concatenate([getattr(panel, name), getattr(more, name)], axis=-1)
        for name in ("bars", "state", "base", "first_row", "last_row", "delisted_known")
    }
    instruments = panel.instruments.vstack(more.instruments.with_columns(ticker=more.instruments["ticker"] + "X"))
    market = cut(replace(panel, tickers=(*panel.tickers, "000000X"), instruments=instruments, **columns), LAST + 1)
    account.both(LAST, account.history(), panel=market)
    assert set(account.reasons) == {OTHER_DATA}


def test_another_configuration_is_folded_anew(account: Account) -> None:
    config = account.config.model_copy(update={"limits": RiskLimits(max_losing_streak=1)})
    account.both(LAST, account.history(), config=config)
    assert set(account.reasons) == {OTHER_SETTINGS}


def test_a_halt_that_was_lifted_after_the_day_was_kept_is_seen(account: Account) -> None:
    resumed = (decision_id_of(account.close(LAST - 1)),)
    account.both(LAST, account.history(), resumed=resumed)
    assert account.reasons == [OTHER_RESUMES]  # the close before that decision still serves


def test_news_of_an_earlier_day_are_booked_there(account: Account) -> None:
    """A deposit of yesterday that is heard of today, and shares that were held before."""
    history = account.history()
    yesterday = account.close(LAST - 1) - timedelta(hours=3)
    account.ledger.append(CashMoved(time=yesterday, reason=CashReason.DEPOSIT, amount=700_000))
    found = account.both(LAST, history)
    assert account.reasons == [LATE_NEWS] * 2  # of the day itself and of the day after; the day before still serves
    assert found.book.account[at.DEPOSITS] == 50_700_000
    account.reasons.clear()
    request = OrderRequest(ticker="000000", side=Side.BUY, quantity=3, decision_id=ADOPTED)
    fill = {"order_id": "a", "key": "a", "ticker": "000000", "side": Side.BUY, "quantity": 3, "price": 10_000}
    now = account.close(LAST)
    account.ledger.append_all([OrderIntended(time=now, order_id="a", request=request), Fill(time=now, **fill)])
    account.both(LAST, history)
    assert set(account.reasons) == {LATE_NEWS}


def test_a_full_disk_costs_time_and_nothing_else(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(ledger: Ledger, stored: object) -> int:
        raise LedgerError("database or disk is full")

    history = account.history()
    before = stored_rows(account.ledger.connection)
    monkeypatch.setattr(account_history, "store_checkpoint", full)
    account.end_of_day(LAST + 1, history)
    assert stored_rows(account.ledger.connection) == before
    assert account.reasons == ["database or disk is full"]
    account.both(LAST + 1, history)


def test_whoever_only_reads_goes_on_from_what_is_kept(account: Account, tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.db", account.ledger.clock, read_only=True) as reader:
        history = AccountHistory(reader)
        found = told_account(RULES, cut(account.panel, LAST + 1), account.config, history, None)
        assert history.taken_up == LAST
    assert found.row == LAST
    assert verify(account.ledger.connection) == ()
