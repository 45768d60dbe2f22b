"""Reflections, the rules they proposed, and the versions of prompt files, as the ledger keeps them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.ledger.canonical import canonical_json, stamp, unstamp
from engine.ledger.ledger import Ledger
from engine.ledger.rows import ACCOUNT


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleProposal:
    """A rule that was proposed, or one whose removal was.

    Args:
        kind: "add" or "remove".
        rule_id: of the rule.
        rule: as it was proposed, as JSON can hold it.
        decision: "promote", "shadow" or "reject" by the gate; "refused" before it.
        reason: why, a stable code or a sentence.
        verdict: the steps of the gate; empty before it.
    """

    kind: str
    rule_id: str
    rule: Mapping[str, Any]
    decision: str
    reason: str
    verdict: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReflectionRecord:
    """One run of the reflection graph.

    Args:
        reflection_id: number of the row; 0 before it is written.
        run_id: whose trades it studied.
        time: the moment at which it looked back.
        first, last: its window, `first <= time of a trade < last`.
        writer: "scripted" or the name of the model.
        status: "updated", "unchanged", "dry run" or "failed".
        failure: why it failed, "" otherwise.
        prompt_hash: of the prompt that it read.
        new_prompt_hash: of the one that it wrote, None if none.
        figures: what was counted.
        analysis: patterns and insights, and what was refused of them.
        proposals: every rule, the rejected ones too.
    """

    reflection_id: int = 0
    run_id: int = ACCOUNT
    time: datetime
    first: datetime
    last: datetime
    writer: str
    status: str
    failure: str = ""
    prompt_hash: str
    new_prompt_hash: str | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    analysis: Mapping[str, Any] = field(default_factory=dict)
    proposals: Sequence[RuleProposal] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptChange:
    """One version of a prompt file.

    Args:
        path: of the file, as it was named.
        version: "1.2.0".
        prompt_hash: of its text.
        parent_hash: of the text before, None for the first.
        changed_at: aware.
        reason: in words.
        backup: the file that holds the text before, "" for the first.
        added, removed: ids of rules; a changed rule is in both.
    """

    path: str
    version: str
    prompt_hash: str
    parent_hash: str | None
    changed_at: datetime
    reason: str
    backup: str = ""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def record_reflection(ledger: Ledger, record: ReflectionRecord) -> int:
    """Write a reflection with all its proposals, and return its number."""
    with ledger.writing() as connection:
        cursor = connection.execute(
            "INSERT INTO reflections (run_id, time, first_time, last_time, writer, status, failure, prompt_hash, "
            "new_prompt_hash, figures, analysis) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.run_id,
                stamp(record.time),
                stamp(record.first),
                stamp(record.last),
                record.writer,
                record.status,
                record.failure,
                record.prompt_hash,
                record.new_prompt_hash,
                canonical_json(record.figures),
                canonical_json(record.analysis),
            ),
        )
        number = int(cursor.lastrowid or 0)
        connection.executemany(
            "INSERT INTO rule_proposals (reflection_id, kind, rule_id, rule, decision, reason, verdict) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    number,
                    proposal.kind,
                    proposal.rule_id,
                    canonical_json(proposal.rule),
                    proposal.decision,
                    proposal.reason,
                    canonical_json(proposal.verdict),
                )
                for proposal in record.proposals
            ],
        )
    return number


def reflections(ledger: Ledger, *, run_id: int = ACCOUNT, as_of: datetime | None = None) -> list[ReflectionRecord]:
    """Reflections of a run, oldest first; those after `as_of` are left out."""
    until = stamp(as_of or ledger.clock.now())
    rows = ledger.connection.execute(
        "SELECT reflection_id, run_id, time, first_time, last_time, writer, status, failure, prompt_hash, "
        "new_prompt_hash, figures, analysis FROM reflections WHERE run_id = ? AND time <= ? ORDER BY reflection_id",
        (run_id, until),
    ).fetchall()
    return [_record(ledger.connection, row) for row in rows]


def _record(connection: sqlite3.Connection, row: Sequence[Any]) -> ReflectionRecord:
    proposals = connection.execute(
        "SELECT kind, rule_id, rule, decision, reason, verdict FROM rule_proposals WHERE reflection_id = ? "
        "ORDER BY proposal_id",
        (row[0],),
    )
    return ReflectionRecord(
        reflection_id=row[0],
        run_id=row[1],
        time=unstamp(row[2]),
        first=unstamp(row[3]),
        last=unstamp(row[4]),
        writer=row[5],
        status=row[6],
        failure=row[7],
        prompt_hash=row[8],
        new_prompt_hash=row[9],
        figures=json.loads(row[10]),
        analysis=json.loads(row[11]),
        proposals=tuple(
            RuleProposal(
                kind=kind,
                rule_id=rule_id,
                rule=json.loads(rule),
                decision=decision,
                reason=reason,
                verdict=json.loads(verdict),
            )
            for kind, rule_id, rule, decision, reason, verdict in proposals
        ),
    )


def write_prompt_change(connection: sqlite3.Connection, change: PromptChange, text: str) -> bool:
    """Note a version and its text, inside a transaction; False if that version is known already."""
    connection.execute(
        "INSERT OR IGNORE INTO prompt_versions VALUES (?, ?, ?, ?, ?)",
        (change.prompt_hash, stamp(change.changed_at), change.parent_hash, change.reason, text),
    )
    cursor = connection.execute(
        "INSERT OR IGNORE INTO prompt_changes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            change.path,
            change.version,
            change.prompt_hash,
            change.parent_hash,
            stamp(change.changed_at),
            change.reason,
            change.backup,
            canonical_json(change.added),
            canonical_json(change.removed),
        ),
    )
    return cursor.rowcount == 1


def prompt_changes(ledger: Ledger, path: str) -> list[PromptChange]:
    """The versions of a prompt file that the ledger knows, oldest first."""
    rows = ledger.connection.execute(
        "SELECT path, version, prompt_hash, parent_hash, changed_at, reason, backup, added, removed "
        "FROM prompt_changes WHERE path = ? ORDER BY changed_at, version",
        (path,),
    )
    return [
        PromptChange(
            path=row[0],
            version=row[1],
            prompt_hash=row[2],
            parent_hash=row[3],
            changed_at=unstamp(row[4]),
            reason=row[5],
            backup=row[6],
            added=tuple(json.loads(row[7])),
            removed=tuple(json.loads(row[8])),
        )
        for row in rows
    ]
