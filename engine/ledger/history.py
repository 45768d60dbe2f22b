"""The account's whole history, and what belongs to one decision."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TypeVar

from engine.events import CashMoved, Event
from engine.ledger import journal
from engine.ledger.canonical import stamp, unstamp
from engine.ledger.codec import decode, kind_of
from engine.ledger.decisions import stored_decision
from engine.ledger.ledger import Ledger
from engine.ledger.rows import ACCOUNT, orders_of_account
from engine.order import Order

T = TypeVar("T")


def account_events(ledger: Ledger) -> list[Event]:
    """Every event of the account, in the order in which it was booked.

    Raises:
        BrokenInvariant: the journal was changed outside Geoul.
    """
    return [event for entry in journal.entries(ledger.connection) if (event := entry.event) is not None]


def first_move(ledger: Ledger) -> tuple[int, CashMoved] | None:
    """The first movement of cash, with the number of its row: the deposit. None before there is one."""
    row = ledger.connection.execute(
        "SELECT sequence, time, recorded_at, kind, payload, hash FROM events WHERE kind = ? ORDER BY sequence LIMIT 1",
        (kind_of(CashMoved),),
    ).fetchone()
    event = journal.event_of(row) if row else None
    return (row[0], event) if isinstance(event, CashMoved) else None


def events_of(ledger: Ledger, message: type[T]) -> list[T]:
    """The events of one kind alone, in the order in which they were booked; the rest of the journal is not read."""
    rows = ledger.connection.execute(
        "SELECT kind, time, payload FROM events WHERE kind = ? ORDER BY sequence", (kind_of(message),)
    )
    found = (decode(kind, unstamp(time), json.loads(payload)) for kind, time, payload in rows)
    return [event for event in found if isinstance(event, message)]


def began_at(ledger: Ledger) -> datetime | None:
    """When the account's first event happened, None before there is one."""
    row = ledger.connection.execute("SELECT time FROM events ORDER BY sequence LIMIT 1").fetchone()
    return unstamp(row[0]) if row else None


def has_decision(ledger: Ledger, decision_id: str) -> bool:
    """Whether a decision of the account has been recorded."""
    return stored_decision(ledger.connection, ACCOUNT, decision_id) is not None


def orders_of_decision(ledger: Ledger, decision_id: str) -> list[Order]:
    """All orders that were intended for a decision, oldest first."""
    orders = orders_of_account(ledger.connection, decision_id=decision_id)
    return sorted(orders.values(), key=lambda order: (order.intended_at, order.id))


def follow_prompt(ledger: Ledger, prompt_hash: str, text: str) -> datetime:
    """Note that the account follows a prompt now. Returns since when it has been known to the ledger."""
    with ledger.writing() as connection:
        connection.execute(
            "INSERT OR IGNORE INTO prompt_versions VALUES (?, ?, NULL, '', ?)",
            (prompt_hash, stamp(ledger.clock.now()), text),
        )
        row = connection.execute(
            "SELECT recorded_at FROM prompt_versions WHERE prompt_hash = ?", (prompt_hash,)
        ).fetchone()
    return unstamp(row[0])
