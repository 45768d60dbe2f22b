"""Trials: everything a person or a model could have chosen. The best of many is luck, so all are counted, for ever.

A trial is every candidate that is gated and every variant of a sweep or a walk-forward. Neighbours of a candidate,
placebo worlds and cost stresses are not trials: nobody could have chosen them.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadInput
from engine.ledger.canonical import canonical_json, digest, dump_plain, stamp, unstamp
from engine.ledger.journal import TRIAL_RECORDED
from engine.ledger.ledger import Ledger

CANDIDATE, SWEEP, WALK_FORWARD = "candidate", "sweep", "walk forward"
KINDS = (CANDIDATE, SWEEP, WALK_FORWARD)
EPOCH = date(1970, 1, 1)

# Rows written before datasets had a name are kept apart by the hash of their content.
_DATASET = "CASE t.dataset WHEN '' THEN t.data_hash ELSE t.dataset END"
_VARIANT = f"{_DATASET}, t.candidate_hash, t.config_hash, t.window_hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One evaluated variant.

    Args:
        kind: "candidate", "sweep" or "walk forward".
        candidate_hash: of the rules tried.
        baseline_hash: of the rules they were compared with, "" if none.
        data_hash: content hash of the dataset as it was.
        dataset: its name for ever, see `engine.ledger.lineage.dataset_key`; "" takes the content hash.
        config_hash: of costs, limits and everything else that decides the run; "" if there is one configuration only.
        verdict: "promote", "shadow", "reject", or "" where nothing was judged.
        metrics: the figures, as JSON can hold them; "sharpe" is the annual Sharpe ratio that lists show.
        daily_returns: ratios, one a session, for clustering similar trials; empty when not kept.
        sessions: of the returns, as days since 1970-01-01, increasing; empty when not kept.
        p_value: of the gate's test, for candidates that reached it: one step of the online FDR stream.

    Raises:
        BadInput: another kind, or numbers that cannot be.
    """

    kind: str
    candidate_hash: str
    data_hash: str
    dataset: str = ""
    baseline_hash: str = ""
    config_hash: str = ""
    verdict: str = ""
    metrics: Mapping[str, Any]
    daily_returns: Sequence[float] | NDArray[np.float64] = ()
    sessions: Sequence[int] | NDArray[np.int64] = ()
    p_value: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadInput(
                f'"{self.kind}" is no kind of trial: {", ".join(KINDS)}. Neighbours, placebo worlds and cost stresses '
                f"are not counted."
            )
        if len(self.sessions) and len(self.sessions) != len(self.daily_returns):
            raise BadInput(
                f"A trial of {self.candidate_hash} has {len(self.daily_returns):,} daily returns and "
                f"{len(self.sessions):,} sessions. Give one session for each return."
            )
        if not np.isfinite(np.asarray(self.daily_returns, dtype=np.float64)).all():
            raise BadInput(f"The daily returns of {self.candidate_hash} hold a value that is no finite number.")
        if self.p_value is not None and not 0.0 <= self.p_value <= 1.0:
            raise BadInput(f"{self.p_value} is no p-value of {self.candidate_hash}: it lies between 0 and 1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTrial:
    """A trial as the ledger holds it, without its daily returns.

    Args:
        first, last: sessions of its window, None when not kept.
        repeated: the same variant was tried before and is counted there.
        The rest: as in `Trial`.
    """

    trial_id: int
    recorded_at: datetime
    kind: str
    candidate_hash: str
    baseline_hash: str
    data_hash: str
    dataset: str
    config_hash: str
    verdict: str
    metrics: Mapping[str, Any]
    p_value: float | None
    first: date | None
    last: date | None
    repeated: bool


@dataclass(frozen=True, slots=True)
class WindowReturns:
    """Daily returns of all variants tried on one window.

    Args:
        sessions: int64[T], days since 1970-01-01; empty when they were not kept.
        candidates: candidate hash of each column.
        returns: float64[T, N].
    """

    sessions: NDArray[np.int64]
    candidates: tuple[str, ...]
    returns: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FdrStep:
    """One step of the online FDR stream: a gated candidate and its p-value."""

    trial_id: int
    recorded_at: datetime
    candidate_hash: str
    p_value: float
    verdict: str


def record_trials(ledger: Ledger, trials: Iterable[Trial]) -> None:
    """Write trials, all or none, and chain one note about them into the journal.

    Call it after the evaluation: what did not run is no trial.
    """
    now = ledger.clock.now()
    with ledger.writing() as connection:
        returns: dict[str, bytes] = {}
        windows: dict[str, tuple[str, str, bytes]] = {}
        rows = [_row(trial, stamp(now), returns, windows) for trial in trials]
        if not rows:
            return
        connection.executemany("INSERT OR IGNORE INTO trial_returns VALUES (?, ?)", returns.items())
        connection.executemany(
            "INSERT OR IGNORE INTO trial_windows VALUES (?, ?, ?, ?)", [(key, *rest) for key, rest in windows.items()]
        )
        before = connection.execute("SELECT coalesce(max(trial_id), 0) FROM rule_trials").fetchone()[0]
        connection.executemany(
            "INSERT INTO rule_trials (recorded_at, kind, candidate_hash, baseline_hash, data_hash, verdict, metrics, "
            "dataset, config_hash, window_hash, returns_hash, p_value) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        first, last = before + 1, before + len(rows)
        note = {"first": first, "last": last, "hash": trials_digest(connection, first, last)}
        ledger.note(TRIAL_RECORDED, note, now)


def trials_digest(connection: sqlite3.Connection, first: int, last: int) -> str:
    """Hash of the trials `first` to `last` with their returns and sessions, as the file holds them."""
    rows = connection.execute(
        "SELECT t.trial_id, t.recorded_at, t.kind, t.candidate_hash, t.baseline_hash, t.data_hash, t.verdict, "
        "t.metrics, t.dataset, t.config_hash, t.window_hash, t.returns_hash, t.p_value, w.first_session, "
        "w.last_session, w.sessions, r.daily_returns FROM rule_trials t "
        "LEFT JOIN trial_windows w USING (window_hash) LEFT JOIN trial_returns r USING (returns_hash) "
        "WHERE t.trial_id BETWEEN ? AND ? ORDER BY t.trial_id",
        (first, last),
    )
    return digest(*(dump_plain([*row[:-2], _blob_hash(row[-2]), _blob_hash(row[-1])]) for row in rows))


def trial_count(ledger: Ledger, *, dataset: str | None = None, data_hash: str | None = None) -> int:
    """How many different variants have ever been tried: on one dataset, on one content of it, or on any."""
    count: int = ledger.connection.execute(
        f"SELECT count(*) FROM (SELECT DISTINCT {_VARIANT} FROM rule_trials t "
        f"WHERE {_DATASET} = coalesce(?, {_DATASET}) AND t.data_hash = coalesce(?, t.data_hash))",
        (dataset, data_hash),
    ).fetchone()[0]
    return count


def datasets_tried(ledger: Ledger) -> dict[str, int]:
    """Datasets that trials were made on, with the number of different variants, oldest first."""
    rows = ledger.connection.execute(
        f"SELECT name, count(*) FROM (SELECT {_DATASET} AS name, min(t.trial_id) AS id FROM rule_trials t "
        f"GROUP BY {_VARIANT}) GROUP BY name ORDER BY min(id)"
    )
    return dict(rows)


def recorded_trials(ledger: Ledger, *, dataset: str | None = None) -> list[RecordedTrial]:
    """All trials in the order in which they were made, repetitions too."""
    rows = ledger.connection.execute(
        "SELECT t.trial_id, t.recorded_at, t.kind, t.candidate_hash, t.baseline_hash, t.data_hash, "
        f"{_DATASET}, t.config_hash, t.verdict, t.metrics, t.p_value, w.first_session, w.last_session, "
        f"row_number() OVER (PARTITION BY {_VARIANT} ORDER BY t.trial_id) > 1 "
        f"FROM rule_trials t LEFT JOIN trial_windows w USING (window_hash) "
        f"WHERE {_DATASET} = coalesce(?, {_DATASET}) ORDER BY t.trial_id",
        (dataset,),
    )
    return [
        RecordedTrial(
            trial_id=row[0],
            recorded_at=unstamp(row[1]),
            kind=row[2],
            candidate_hash=row[3],
            baseline_hash=row[4],
            data_hash=row[5],
            dataset=row[6],
            config_hash=row[7],
            verdict=row[8],
            metrics=json.loads(row[9]),
            p_value=row[10],
            first=None if row[11] is None else date.fromisoformat(row[11]),
            last=None if row[12] is None else date.fromisoformat(row[12]),
            repeated=bool(row[13]),
        )
        for row in rows
    ]


def returns_by_window(ledger: Ledger, *, dataset: str | None = None) -> list[WindowReturns]:
    """Daily returns for clustering, each variant once (its latest), one table for each window and length.

    Variants whose returns were not kept are in none of the tables.
    """
    rows = ledger.connection.execute(
        "SELECT l.candidate_hash, l.window_hash, coalesce(r.daily_returns, l.daily_returns), w.sessions FROM "
        f"(SELECT t.*, row_number() OVER (PARTITION BY {_VARIANT} ORDER BY t.trial_id DESC) AS place "
        f"FROM rule_trials t WHERE {_DATASET} = coalesce(?, {_DATASET})) l "
        "LEFT JOIN trial_returns r USING (returns_hash) LEFT JOIN trial_windows w USING (window_hash) "
        "WHERE l.place = 1 ORDER BY l.trial_id",
        (dataset,),
    )
    groups: dict[tuple[str, int], tuple[bytes, list[str], list[NDArray[np.float64]]]] = {}
    for candidate, window_hash, raw, sessions in rows:
        if not raw:
            continue
        series = np.frombuffer(raw, dtype="<f8")
        _, names, columns = groups.setdefault((window_hash, len(series)), (sessions or b"", [], []))
        names.append(candidate)
        columns.append(series)
    return [
        WindowReturns(
            sessions=np.frombuffer(sessions, dtype="<i4").astype(np.int64),
            candidates=tuple(names),
            returns=np.stack(columns, axis=1),
        )
        for sessions, names, columns in groups.values()
    ]


def fdr_history(ledger: Ledger, *, dataset: str | None = None) -> list[FdrStep]:
    """The online FDR stream: the p-value of every gated candidate, in the order in which they were gated.

    A variant that is gated again brings no new evidence and is no new step; on another window, or on a dataset that
    has grown into one, it is. Levels (LOND, LORD++) follow from the p-values alone, so they can be recomputed.
    """
    rows = ledger.connection.execute(
        "SELECT trial_id, recorded_at, candidate_hash, p_value, verdict FROM "
        f"(SELECT t.*, row_number() OVER (PARTITION BY {_VARIANT} ORDER BY t.trial_id) AS place FROM rule_trials t "
        f"WHERE t.p_value IS NOT NULL AND t.kind = ? AND {_DATASET} = coalesce(?, {_DATASET})) "
        "WHERE place = 1 ORDER BY trial_id",
        (CANDIDATE, dataset),
    )
    return [FdrStep(row[0], unstamp(row[1]), row[2], row[3], row[4]) for row in rows]


def _row(
    trial: Trial, recorded_at: str, returns: dict[str, bytes], windows: dict[str, tuple[str, str, bytes]]
) -> tuple[Any, ...]:
    """The row of a trial; its returns and sessions go into the two tables beside it."""
    returns_hash = window_hash = ""
    if len(trial.daily_returns):
        raw = np.ascontiguousarray(trial.daily_returns, dtype="<f8").tobytes()
        returns_hash = _blob_hash(raw)
        returns[returns_hash] = raw
    if len(trial.sessions):
        days = np.ascontiguousarray(trial.sessions, dtype="<i4")
        if (np.diff(days) <= 0).any():
            raise BadInput(f"The sessions of a trial of {trial.candidate_hash} are not in order. Sort them.")
        raw = days.tobytes()
        window_hash = _blob_hash(raw)
        first, last = (EPOCH + timedelta(days=int(days[end])) for end in (0, -1))
        windows[window_hash] = first.isoformat(), last.isoformat(), raw
    return (
        recorded_at,
        trial.kind,
        trial.candidate_hash,
        trial.baseline_hash,
        trial.data_hash,
        trial.verdict,
        canonical_json(trial.metrics),
        trial.dataset or trial.data_hash,
        trial.config_hash,
        window_hash,
        returns_hash,
        None if trial.p_value is None else float(trial.p_value),
    )


def _blob_hash(raw: bytes | None) -> str:
    return hashlib.sha256(raw).hexdigest() if raw is not None else ""
