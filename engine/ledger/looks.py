"""Looks at the untouched window: each candidate sees it once, and who saw it is never forgotten.

A window that is looked at again and again becomes training data. So the first look is written down with its outcome;
a second look of the same candidate returns that outcome and evaluates nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from engine.errors import BadInput, BrokenInvariant
from engine.ledger.canonical import canonical_json, digest, dump_plain, stamp, unstamp
from engine.ledger.journal import LOOK_RECORDED
from engine.ledger.ledger import Ledger

LOOKS_PER_WINDOW = 20

_COLUMNS = "look_id, looked_at, dataset, data_hash, first_session, last_session, candidate_hash, passed, figures"


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Sessions from `first` to `last`, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise BadInput(f"A window from {self.first} to {self.last} ends before it begins. Exchange the dates.")

    def overlaps(self, other: Window) -> bool:
        """Whether the two have a day in common."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an evaluation on the window said: pass or fail, and the figures behind it, as JSON can hold them."""

    passed: bool
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look; `repeated` when it was made earlier and only its outcome was read again."""

    looked_at: datetime
    dataset: str
    data_hash: str
    window: Window
    candidate_hash: str
    outcome: Outcome
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class WindowLooks:
    """A window and how many candidates have looked at it."""

    window: Window
    looks: int


class WindowUsedUp(BadInput):
    """A window has been looked at too often to tell luck from skill."""


def look(
    ledger: Ledger,
    *,
    dataset: str,
    data_hash: str,
    window: Window,
    candidate_hash: str,
    evaluate: Callable[[], Outcome],
    limit: int = LOOKS_PER_WINDOW,
) -> Look:
    """Look at an untouched window, or read what the candidate's only look at it said.

    Args:
        ledger: open for writing.
        dataset: its lasting name, see `engine.ledger.lineage.dataset_key`.
        data_hash: its content as it is now.
        window: see `engine.research.untouched_window`.
        candidate_hash: of the rules that look.
        evaluate: runs them on the window; not called when the candidate has looked before.
        limit: how many candidates may look at one window.

    Raises:
        WindowUsedUp: `limit` candidates have looked already.
        BadInput: the window overlaps another one that was looked at: its sessions are not untouched.
    """
    found = _find(ledger.connection, dataset, window, candidate_hash)
    if found is not None:
        return found
    _check_room(ledger, dataset, window, limit)
    outcome = evaluate()
    now = ledger.clock.now()
    with ledger.writing() as connection:
        # Another process may have looked for the same candidate meanwhile: the first outcome stands.
        found = _find(connection, dataset, window, candidate_hash)
        if found is not None:
            return found
        _check_room(ledger, dataset, window, limit)
        cursor = connection.execute(
            "INSERT INTO window_looks (looked_at, dataset, data_hash, first_session, last_session, candidate_hash, "
            "passed, figures) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                stamp(now),
                dataset,
                data_hash,
                window.first.isoformat(),
                window.last.isoformat(),
                candidate_hash,
                int(outcome.passed),
                canonical_json(outcome.figures),
            ),
        )
        number = int(cursor.lastrowid or 0)
        ledger.note(LOOK_RECORDED, {"look_id": number, "hash": look_digest(connection, number)}, now)
    recorded = _find(ledger.connection, dataset, window, candidate_hash)
    if recorded is None:
        raise BrokenInvariant(f"The look of {candidate_hash} vanished from the ledger while it was written.")
    return replace(recorded, repeated=False)


def window_looks(ledger: Ledger, *, dataset: str | None = None) -> dict[str, list[WindowLooks]]:
    """By dataset, the windows that were looked at, oldest first, with the number of looks."""
    rows = ledger.connection.execute(
        "SELECT dataset, first_session, last_session, count(*) FROM window_looks WHERE dataset = coalesce(?, dataset) "
        "GROUP BY dataset, first_session, last_session ORDER BY dataset, first_session, last_session",
        (dataset,),
    )
    found: dict[str, list[WindowLooks]] = {}
    for name, first, last, count in rows:
        window = Window(date.fromisoformat(first), date.fromisoformat(last))
        found.setdefault(name, []).append(WindowLooks(window, count))
    return found


def look_digest(connection: sqlite3.Connection, look_id: int) -> str:
    """Hash of one look as the file holds it, "" if there is none."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM window_looks WHERE look_id = ?", (look_id,)).fetchone()
    return digest(dump_plain(list(row))) if row else ""


def _find(connection: sqlite3.Connection, dataset: str, window: Window, candidate_hash: str) -> Look | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM window_looks "
        "WHERE dataset = ? AND first_session = ? AND last_session = ? AND candidate_hash = ?",
        (dataset, window.first.isoformat(), window.last.isoformat(), candidate_hash),
    ).fetchone()
    if row is None:
        return None
    return Look(
        looked_at=unstamp(row[1]),
        dataset=row[2],
        data_hash=row[3],
        window=Window(date.fromisoformat(row[4]), date.fromisoformat(row[5])),
        candidate_hash=row[6],
        outcome=Outcome(bool(row[7]), json.loads(row[8])),
        repeated=True,
    )


def _check_room(ledger: Ledger, dataset: str, window: Window, limit: int) -> None:
    for seen in window_looks(ledger, dataset=dataset).get(dataset, []):
        if seen.window == window and seen.looks >= limit:
            raise WindowUsedUp(
                f"{seen.looks} candidates have looked at the window {window.first} … {window.last} of {dataset}, and "
                f"{limit} may. Roll forward to sessions that no candidate has seen."
            )
        if seen.window != window and seen.window.overlaps(window):
            raise BadInput(
                f"The window {window.first} … {window.last} of {dataset} is not untouched: candidates have looked at "
                f"{seen.window.first} … {seen.window.last}. Begin after {seen.window.last}."
            )
