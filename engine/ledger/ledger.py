"""The ledger of one account: what happened, in order, on disk before anyone acts on it.

`append` commits an event and everything that follows from it in one transaction: the journal row, the order,
the fill, the trade. An intent is on disk before its order may be sent. Opening is recovering: the last
checkpoint and the journal after it are folded, with the code that booked the events the first time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType

from engine.account import Totals
from engine.clock import Clock
from engine.errors import BadInput, BrokenInvariant
from engine.events import (
    Event,
    OrderAccepted,
    OrderIntended,
    OrderNotSent,
    OrderRefused,
    OrderUnknown,
)
from engine.fill import Fill
from engine.ledger import journal
from engine.ledger.canonical import canonical_json, stamp, unstamp
from engine.ledger.codec import decode, encode
from engine.ledger.connection import connect, savepoint, transaction
from engine.ledger.journal import Head
from engine.ledger.rows import (
    ACCOUNT,
    fill_row,
    find_fill,
    find_order,
    orders_of_account,
    save_fill,
    save_order,
    save_trade,
)
from engine.ledger.state import LedgerState, no_archive
from engine.order import UNRESOLVED, WORKING, Approved, Order, OrderRequest
from engine.position import Position

CHECKPOINT_EVERY = 10_000  # events; folding so many takes about 0.2 s
Outcome = OrderAccepted | OrderRefused | OrderUnknown | OrderNotSent


def open_ledger(path: Path | str, clock: Clock, *, read_only: bool = False) -> Ledger:
    """Open the ledger at `path`, making it if it is not there, and recover its state.

    Args:
        path: the SQLite file; its folder is made as well.
        clock: the clock of the run; every row carries its time.
        read_only: for readers; the file must exist and nothing is written.

    Raises:
        DataError: not a ledger, damaged, or from a newer Geoul.
        LedgerError: it cannot be written.
        BrokenInvariant: the journal was changed outside Geoul, or disagrees with the tables.
    """
    return Ledger(connect(Path(path), clock.now(), read_only=read_only), clock, read_only=read_only)


class Ledger:
    """The journal, and the orders, positions and cash that it amounts to. For one thread."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock, *, read_only: bool = False) -> None:
        self.connection = connection
        self.clock = clock
        try:
            if not read_only:
                name_the_account(connection, clock.now())
            connection.execute("BEGIN")  # one view of the file, while another process may write
            self._state, self._head = _recover(connection)
            _compare_with_tables(connection, self._state)
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise

    # Reading ------------------------------------------------------------------------------------------------

    @property
    def positions(self) -> dict[str, Position]:
        """What is held, by ticker."""
        return dict(self._state.positions)

    @property
    def totals(self) -> Totals:
        """Cash (unsettled included) and running totals."""
        return self._state.totals

    @property
    def head(self) -> Head:
        """The end of the journal."""
        return self._head

    def order(self, order_id: str) -> Order | None:
        """One order, active or finished; None if it was never intended."""
        return self._state.orders.get(order_id) or find_order(self.connection, order_id)

    def open_orders(self) -> list[Order]:
        """Orders that the venue has and that can still fill, oldest first."""
        return self._active(WORKING)

    def unresolved_orders(self) -> list[Order]:
        """Intents and unknowns: the venue may have them. A start reconciles these before anything else."""
        return self._active(UNRESOLVED)

    def blocked_tickers(self) -> frozenset[str]:
        """Tickers that may not trade, because an order of theirs is unresolved."""
        return frozenset(order.request.ticker for order in self.unresolved_orders())

    def _active(self, statuses: frozenset) -> list[Order]:
        found = [order for order in self._state.orders.values() if order.status in statuses]
        return sorted(found, key=lambda order: (order.intended_at, order.id))

    # Writing ------------------------------------------------------------------------------------------------

    def append(self, event: Event) -> bool:
        """Book one event and commit it; False, and no change, if it was known already (a repeated notice).

        Raises:
            BrokenInvariant: the event cannot be true (a finished order moves, shares are sold that are not
            held, …).
                Nothing is booked; stop trading.
            LedgerError: the disk refused. Nothing is booked.
        """
        return self.append_all([event]) == 1

    def append_all(self, events: Iterable[Event]) -> int:
        """Book several events in one transaction, all or none; returns how many were news."""
        with self.writing():
            return sum(self._book(event) for event in events)

    def next_order_id(self) -> str:
        """An id that no order has: the day and the number of the coming journal row."""
        return f"{self.clock.now():%Y%m%d}-{self._head.sequence + 1:06d}"

    def record_intent(self, approved: Approved[OrderRequest], order_id: str = "") -> Order:
        """Write down an order before it is sent. When this returns, the intent survives a power failure.

        Args:
            approved: the request, with the proof that risk was checked.
            order_id: a new id of the caller's; by default `next_order_id()`.

        Raises:
            BrokenInvariant: inside another transaction, which would hold the intent back until it ends.
        """
        if self.connection.in_transaction:
            raise BrokenInvariant(
                f"An order for {approved.value.ticker} was to be sent inside a transaction of the ledger, where its "
                "intent is not on the disk yet. Nothing was sent. Send orders outside of `Ledger.writing`."
            )
        name = order_id or self.next_order_id()
        self.append(OrderIntended(time=self.clock.now(), order_id=name, request=approved.value))
        return self._state.orders[name]

    def record_outcome(self, outcome: Outcome) -> Order:
        """Write down what became of sending an order: accepted, refused, unknown (no answer) or not sent."""
        if not isinstance(outcome, Outcome):
            raise BadInput(
                f"A {type(outcome).__name__} is not the outcome of sending an order. Use append for other events."
            )
        self.append(outcome)
        order = self.order(outcome.order_id)
        if order is None:
            raise BrokenInvariant(f"Order {outcome.order_id} vanished from the ledger while it was booked.")
        return order

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction over all tables; on any exception file and memory are as before.

        Inside another one it joins that: what happened and the alert that tells of it are then one entry. Where the
        inner one fails and the outer goes on, nothing of the inner one is left.
        """
        state, head = self._state.copy(), self._head
        try:
            if self.connection.in_transaction:
                with savepoint(self.connection):
                    yield self.connection
                return
            with transaction(self.connection):
                self._catch_up()
                yield self.connection
        except BaseException:
            self._state, self._head = state, head
            raise

    def note(self, kind: str, payload: object, time: datetime) -> None:
        """Chain a note about rows of other tables into the journal; call inside `writing`."""
        self._head = journal.append(
            self.connection,
            self._head,
            time=stamp(time),
            recorded_at=self.clock.now(),
            kind=kind,
            payload=canonical_json(payload),
        )

    def close(self) -> None:
        """Close the file; the ledger cannot be used afterwards."""
        self.connection.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The work -----------------------------------------------------------------------------------------------

    def _book(self, told: Event) -> bool:
        kind, payload = encode(told)
        # Book what the journal will say, not the object: a numpy integer, say, would enter SQLite as bytes.
        event = decode(kind, unstamp(stamp(told.time)), json.loads(payload))
        if isinstance(event, Fill) and self._is_booked(event):
            return False
        change = self._state.step(event, lambda order_id: find_order(self.connection, order_id))
        if not change.is_news:
            return False
        now = self.clock.now()
        self._head = journal.append(
            self.connection, self._head, time=stamp(event.time), recorded_at=now, kind=kind, payload=payload
        )
        if change.order is not None:
            save_order(self.connection, change.order)
            if isinstance(event, Fill):
                save_fill(self.connection, event, change.realised)
            if change.order.filled:
                save_trade(self.connection, change.order, event.time, self._portfolio_json(), now)
        self._state.adopt(change)
        if self._head.sequence % CHECKPOINT_EVERY == 0:
            self.connection.execute(
                "INSERT INTO checkpoints VALUES (?, ?)", (self._head.sequence, self._state.to_json())
            )
        return True

    def _is_booked(self, fill: Fill) -> bool:
        booked = find_fill(self.connection, fill.key)
        if booked is None:
            return False
        if booked != fill_row(fill):
            raise BrokenInvariant(
                f"Fill {fill.key} was booked as {booked} and is now told as {fill_row(fill)}. "
                f"One key must mean one execution: compare with the broker's list of the day."
            )
        return True

    def _portfolio_json(self) -> str:
        return canonical_json({"cash": self._state.totals.cash, "positions": self._state.positions})

    def _catch_up(self) -> None:
        """Fold what another process has appended to the same file since we last looked."""
        if journal.head_of(self.connection) != self._head:
            self._head = _fold(self.connection, self._state, self._head)


def name_the_account(connection: sqlite3.Connection, now: datetime) -> None:
    """Make the row of run 0, the account itself, unless it is there."""
    with transaction(connection):
        connection.execute(
            "INSERT OR IGNORE INTO runs (run_id, kind, label, recorded_at, price_scale) "
            "VALUES (?, 'account', 'account', ?, 1)",
            (ACCOUNT, stamp(now)),
        )


def _recover(connection: sqlite3.Connection) -> tuple[LedgerState, Head]:
    row = connection.execute("SELECT sequence, state FROM checkpoints ORDER BY sequence DESC LIMIT 1").fetchone()
    if row is None:
        state, head = LedgerState(), Head()
    else:
        state, head = LedgerState.from_plain(json.loads(row[1])), journal.entry_at(connection, row[0])
    return state, _fold(connection, state, head)


def _fold(connection: sqlite3.Connection, state: LedgerState, head: Head) -> Head:
    """Fold the rows after `head` into `state`; finished orders leave memory at the end."""

    def finished_before(order_id: str) -> Order | None:
        return find_order(connection, order_id)

    for entry in journal.entries(connection, head):
        event = entry.event
        if event is not None:
            # The table already holds orders of rows still to come, so an intent must not ask it.
            archive = no_archive if isinstance(event, OrderIntended) else finished_before
            state.adopt(state.step(event, archive), keep_finished=True)
        head = Head(entry.sequence, entry.hash)
    state.finished.clear()
    return head


def _compare_with_tables(connection: sqlite3.Connection, state: LedgerState) -> None:
    stored = orders_of_account(connection, active_only=True)
    if stored != state.orders:
        wrong = sorted(
            name for name in stored.keys() | state.orders.keys() if stored.get(name) != state.orders.get(name)
        )
        raise BrokenInvariant(
            f"The journal and the table of orders disagree about {', '.join(wrong[:5])}. The file was "
            f"changed outside Geoul: run geoul ledger verify, restore a backup, and reconcile with the broker."
        )
