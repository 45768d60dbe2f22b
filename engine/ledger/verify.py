"""Is the ledger what it was? Every row of the journal, the fold from the very beginning, and every table against it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from engine.errors import GeoulError
from engine.fill import Fill
from engine.ledger import journal
from engine.ledger.canonical import digest
from engine.ledger.decisions import row_digest, stored_decision
from engine.ledger.journal import (
    DECISION_RECORDED,
    LOOK_RECORDED,
    RUN_RECORDED,
    SUPERVISION_RECORDED,
    TRIAL_RECORDED,
    Entry,
    Head,
)
from engine.ledger.looks import look_digest
from engine.ledger.rows import ACCOUNT, fill_row, orders_of_account
from engine.ledger.runs import run_digest
from engine.ledger.state import LedgerState
from engine.ledger.trials import trials_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Args:
        code: "file", "chain", "fold", "checkpoint", "orders", "fills", "trades", "run", "decision", "trial", "look" or
            "cut".
        where: which row or table.
        detail: what was expected and what was found.
    """

    code: str
    where: str
    detail: str


@dataclass(slots=True)
class _Replay:
    """What the journal says the tables must hold."""

    state: LedgerState
    fills: dict[str, tuple[Any, ...]]
    notes: list[Entry]
    head: Head


def verify(connection: sqlite3.Connection) -> tuple[Finding, ...]:
    """Check a ledger from its first row, in one view of the file; empty when all is well.

    Args:
        connection: of `engine.ledger.connection.connect`; not inside a transaction.
    """
    connection.execute("BEGIN")
    try:
        return _all_findings(connection)
    finally:
        connection.execute("ROLLBACK")


def _all_findings(connection: sqlite3.Connection) -> tuple[Finding, ...]:
    """A page whose structure holds may have anything in its cells: what cannot even be read is a finding too."""
    found: list[Finding] = []
    try:
        for each in _findings(connection):
            found.append(each)
    except (sqlite3.DatabaseError, ValueError, LookupError, TypeError, ArithmeticError, AttributeError) as error:
        found.append(Finding(code="file", where="content", detail=f"{type(error).__name__}: {error}"))
    return tuple(found)


def _findings(connection: sqlite3.Connection) -> Iterator[Finding]:
    damage = _damage(connection)
    if damage:
        yield Finding(code="file", where="SQLite", detail=damage)
        return
    replay = _Replay(LedgerState(), {}, [], Head())
    checkpoints = dict(connection.execute("SELECT sequence, state FROM checkpoints"))
    try:
        for entry in journal.entries(connection):
            _replay_entry(replay, entry)
            expected = checkpoints.get(entry.sequence)
            if expected is not None and expected != replay.state.to_json():
                yield Finding(
                    code="checkpoint", where=f"event {entry.sequence}", detail="differs from the fold up to it"
                )
    except GeoulError as error:
        code = "chain" if str(error).startswith("The journal is broken") else "fold"
        yield Finding(code=code, where=f"after event {replay.head.sequence}", detail=str(error))
        return
    yield from _compare_account(connection, replay)
    yield from _check_notes(connection, replay.notes)
    yield from _check_trades(connection)


def _damage(connection: sqlite3.Connection) -> str:
    """What SQLite itself finds wrong with the pages of the file, "" if nothing."""
    try:
        (answer,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # its words may quote the damage
        return str(error)
    return "" if answer == "ok" else answer


def _replay_entry(replay: _Replay, entry: Entry) -> None:
    event = entry.event
    replay.head = Head(entry.sequence, entry.hash)
    if event is None:
        if entry.kind != SUPERVISION_RECORDED:  # the chain alone proves what stands in no other table
            replay.notes.append(entry)
        return
    change = replay.state.step(event)
    replay.state.adopt(change, keep_finished=True)
    if isinstance(event, Fill):
        replay.fills[event.key] = (*fill_row(event), change.realised)


def _compare_account(connection: sqlite3.Connection, replay: _Replay) -> Iterator[Finding]:
    stored_orders = orders_of_account(connection)
    yield from _differences("orders", replay.state.orders | replay.state.finished, stored_orders)
    rows = connection.execute(f"SELECT * FROM fills WHERE run_id = {ACCOUNT}")
    yield from _differences("fills", replay.fills, {row[1]: tuple(row[1:]) for row in rows})


def _differences(code: str, journaled: dict[str, Any], stored: dict[str, Any]) -> Iterator[Finding]:
    for key in sorted(journaled.keys() | stored.keys()):
        if journaled.get(key) != stored.get(key):
            yield Finding(code=code, where=key, detail=f"journal: {journaled.get(key)}; table: {stored.get(key)}")


def _check_notes(connection: sqlite3.Connection, notes: list[Entry]) -> Iterator[Finding]:
    """Each note names rows of another table and their hash; and no such row is without its note."""
    hash_of: dict[str, Callable[[dict[str, Any]], str]] = {
        RUN_RECORDED: lambda values: run_digest(connection, values["run_id"]),
        DECISION_RECORDED: lambda values: _decision_hash(connection, values["decision_id"]),
        TRIAL_RECORDED: lambda values: _trial_hash(connection, values),
        LOOK_RECORDED: lambda values: look_digest(connection, values["look_id"]),
    }
    for entry in notes:
        values = entry.values
        expected = values.get("hash", values.get("rows_hash"))
        if hash_of[entry.kind](values) != expected:
            yield Finding(
                code=entry.kind.removesuffix("_recorded"),
                where=f"event {entry.sequence}",
                detail=f"the rows of {values} are not those that were recorded",
            )
    noted: Counter[str] = Counter()
    for entry in notes:
        noted[entry.kind] += _announced(entry)
    for kind, query in (
        (RUN_RECORDED, f"SELECT count(*) FROM runs WHERE run_id <> {ACCOUNT}"),
        (DECISION_RECORDED, f"SELECT count(*) FROM decisions WHERE run_id = {ACCOUNT}"),
        (TRIAL_RECORDED, "SELECT count(*) FROM rule_trials"),
        (LOOK_RECORDED, "SELECT count(*) FROM window_looks"),
    ):
        (stored,) = connection.execute(query).fetchone()
        if stored != noted[kind]:
            yield Finding(
                code="cut",
                where=kind,
                detail=f"the journal announces {noted[kind]}, the table holds {stored}",
            )


def _decision_hash(connection: sqlite3.Connection, decision_id: str) -> str:
    row = stored_decision(connection, ACCOUNT, decision_id)
    return row_digest(row) if row else ""


def _announced(entry: Entry) -> int:
    """How many rows a note stands for: trials are announced together, as they were made."""
    values = entry.values
    return values["last"] - values["first"] + 1 if "last" in values else 1


def _trial_hash(connection: sqlite3.Connection, values: dict[str, Any]) -> str:
    if "last" in values:
        return trials_digest(connection, values["first"], values["last"])
    # Ledgers of version 3 announced each trial alone.
    row = connection.execute(
        "SELECT metrics, daily_returns FROM rule_trials WHERE trial_id = ?", (values["trial_id"],)
    ).fetchone()
    return digest(row[0], row[1].hex()) if row else ""


_TRADE_CHECKS = (
    (
        "an order with fills has no trade",
        "SELECT order_id FROM orders WHERE filled > 0 AND trade_id IS NULL",
    ),
    (
        "shares or price differ from the fills of its order",
        "SELECT t.trade_id FROM (SELECT run_id, order_id, sum(quantity) AS shares, sum(amount) AS won "
        "FROM fills GROUP BY run_id, order_id) f "
        "JOIN orders o USING (run_id, order_id) LEFT JOIN trades t USING (trade_id) "
        "WHERE t.quantity IS NOT f.shares OR o.filled <> f.shares "
        "OR abs(t.price * f.shares - f.won) > 1e-6 * max(1, f.won)",
    ),
    (
        "the outcome after 7 or 30 days differs from what was recorded",
        "SELECT t.trade_id FROM trades t JOIN orders o USING (trade_id) WHERE pnl_7_days IS NOT "
        "(SELECT return_percent FROM outcomes x WHERE x.trade_id = t.trade_id AND horizon_days = 7) "
        "OR pnl_30_days IS NOT "
        "(SELECT return_percent FROM outcomes x WHERE x.trade_id = t.trade_id AND horizon_days = 30)",
    ),
)


def _check_trades(connection: sqlite3.Connection) -> Iterator[Finding]:
    for meaning, query in _TRADE_CHECKS:
        for (key,) in connection.execute(query):
            yield Finding(code="trades", where=str(key), detail=meaning)
