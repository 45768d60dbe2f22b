"""The history of a real account, for a process that folds it again and again.

    history = history_of(ledger)
    simulation = told_account(rules, panel, config, history)

The first fold of a process checks the chain of the whole journal; later ones check and decode what is new. Accounts
folded at the end of a day are kept in the ledger and looked at before they are used, so that they can only save time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from weakref import WeakKeyDictionary, proxy

from engine.errors import BrokenInvariant
from engine.events import CashMoved, Event
from engine.ledger import journal
from engine.ledger.account_checkpoints import (
    SPACING,
    StoredCheckpoint,
    store_checkpoint,
    stored_checkpoint,
    stored_rows,
)
from engine.ledger.codec import kind_of
from engine.ledger.connection import LedgerError
from engine.ledger.history import first_move
from engine.ledger.journal import Head
from engine.ledger.ledger import Ledger
from engine.reports.language import Text
from engine.trading.checkpoint import DAMAGED, OTHER_JOURNAL, OTHER_RULES, Checkpoint, Unfit, pack, unpack
from engine.trading.fold_history import BOOKED, History

IGNORED = Text(
    "저장해 둔 계좌({row}번째 봉)를 쓰지 않고 장부에서 다시 계산합니다: {why}.",
    "The account kept at bar {row} is not used, the journal is folded instead: {why}.",
)
NOT_KEPT = Text(
    "계산한 계좌를 저장하지 못했습니다. 다음에는 더 오래 걸립니다: {why}",
    "The folded account could not be kept, the next fold takes longer: {why}",
)
_KINDS = frozenset(kind_of(message) for message in BOOKED)
_IN_MEMORY = 2  # of the day's close and of the one before it


class AccountHistory(History):
    """The journal of a ledger and the folded accounts beside it. For the thread of the ledger.

    Args:
        ledger: of the account. One that is open for reading only keeps nothing.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger: Ledger = proxy(ledger)  # whoever has the history of a ledger does not keep it open
        self._deposit: tuple[int, CashMoved] | None = None
        self._checked = Head()  # up to here this process has seen the chain
        self._memory: dict[int, Checkpoint] = {}  # by number
        self._said: set[tuple[int, str]] = set()
        self.head = Head()
        self.taken_up: int | None = None  # bar of the account from which the last fold went on
        self.tell: Callable[[Text, dict[str, object]], None] = lambda text, values: None

    def deposit(self) -> tuple[int, CashMoved] | None:
        """See `History`."""
        if self._deposit is None:
            self._deposit = first_move(self._ledger)
        return self._deposit

    def numbered(self, after: Head) -> Iterator[tuple[int, Event]]:
        """See `History`."""
        self._check_up_to(after)
        last = after
        for row in journal.checked_rows(self._ledger.connection, after):
            last = Head(row[0], row[5])
            if row[3] in _KINDS:
                yield row[0], journal.event_of(row)
        self.head = self._checked = last

    def head_at(self, number: int) -> Head:
        """See `History`."""
        return journal.entry_at(self._ledger.connection, number)

    def check(self, *heads: Head) -> None:
        """See `History`."""
        for head in heads:
            if head.sequence > self._ledger.head.sequence or self.head_at(head.sequence) != head:
                raise Unfit(OTHER_JOURNAL)

    def checkpoints(self, before: int, since: int) -> Iterator[Checkpoint]:
        """See `History`."""
        self.taken_up = None
        for number, row, decides in stored_rows(self._ledger.connection):
            if row < before and decides == (row > since):
                try:
                    kept = self._memory.get(number) or self._unpacked(number)
                    self.taken_up = row
                    yield kept
                except Unfit as unfit:
                    self._say_ignored(row, unfit.reason)
                self.taken_up = None

    def keep(self, checkpoint: Checkpoint) -> None:
        """See `History`. Where the ledger cannot take it nothing is lost but time."""
        try:
            number = store_checkpoint(self._ledger, pack(checkpoint))
        except LedgerError as error:
            self.tell(NOT_KEPT, {"why": str(error)})
            return
        self._remember(number, checkpoint)

    def set_aside(self, checkpoint: Checkpoint, reason: Text) -> None:
        """See `History`."""
        self._say_ignored(checkpoint.row, reason)

    def serves_other_rules(self, row: int) -> bool:
        """Whether a kept account in which no rules decided stands not long before a bar, for rules that come later."""
        known = [kept for _, kept, decides in stored_rows(self._ledger.connection) if not decides and kept <= row]
        return bool(known) and row - max(known) < SPACING

    def _unpacked(self, number: int) -> Checkpoint:
        try:
            stored: StoredCheckpoint = stored_checkpoint(self._ledger.connection, number)
        except sqlite3.DatabaseError:
            raise Unfit(DAMAGED) from None
        return self._remember(number, unpack(stored))

    def _remember(self, number: int, checkpoint: Checkpoint) -> Checkpoint:
        self._memory[number] = checkpoint
        while len(self._memory) > _IN_MEMORY:
            del self._memory[min(self._memory)]
        return checkpoint

    def _check_up_to(self, head: Head) -> None:
        """See the chain of every row before one that has not been seen in this process yet."""
        if head.sequence <= self._checked.sequence:
            return
        last = self._checked
        for row in journal.checked_rows(self._ledger.connection, last, head.sequence):
            last = Head(row[0], row[5])
        if last != head:
            raise BrokenInvariant(f"The journal ends at row {last.sequence}, and row {head.sequence} was read before.")
        self._checked = head

    def _say_ignored(self, row: int, reason: Text) -> None:
        if reason is not OTHER_RULES and (row, reason.en) not in self._said:
            self._said.add((row, reason.en))
            self.tell(IGNORED, {"row": row, "why": reason})


_HISTORIES: WeakKeyDictionary[Ledger, AccountHistory] = WeakKeyDictionary()


def history_of(ledger: Ledger) -> AccountHistory:
    """The one history that a process has of an open ledger."""
    found = _HISTORIES.get(ledger)
    if found is None:
        found = _HISTORIES[ledger] = AccountHistory(ledger)
    return found
