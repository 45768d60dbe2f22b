"""Trials: everything a person or a model could have chosen. The best of many is luck, so all are counted."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from sys import byteorder
from typing import Any

from engine.ledger.canonical import canonical_json, digest, stamp
from engine.ledger.journal import TRIAL_RECORDED
from engine.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One evaluated variant.

    Args:
        kind: "candidate", "sweep" or "walk forward".
        candidate_hash: of the rules tried.
        baseline_hash: of the rules they were compared with, "" if none.
        data_hash: of the dataset.
        verdict: "promote", "shadow", "reject", or "" where nothing was judged.
        metrics: the figures, as JSON can hold them.
        daily_returns: ratios, for clustering similar trials; empty when not kept.
    """

    kind: str
    candidate_hash: str
    data_hash: str
    baseline_hash: str = ""
    verdict: str = ""
    metrics: Mapping[str, Any]
    daily_returns: Sequence[float] = ()


def record_trials(ledger: Ledger, trials: Sequence[Trial]) -> None:
    """Write trials, all or none, and chain each into the journal."""
    now = ledger.clock.now()
    with ledger.writing() as connection:
        for trial in trials:
            metrics, returns = canonical_json(trial.metrics), _to_bytes(trial.daily_returns)
            cursor = connection.execute(
                "INSERT INTO rule_trials (recorded_at, kind, candidate_hash, baseline_hash, data_hash, "
                "verdict, metrics, daily_returns) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    stamp(now),
                    trial.kind,
                    trial.candidate_hash,
                    trial.baseline_hash,
                    trial.data_hash,
                    trial.verdict,
                    metrics,
                    returns,
                ),
            )
            ledger.note(TRIAL_RECORDED, {"trial_id": cursor.lastrowid, "hash": digest(metrics, returns.hex())}, now)


def trial_count(ledger: Ledger, *, data_hash: str | None = None) -> int:
    """How many different variants have ever been tried, on one dataset or on any."""
    count: int = ledger.connection.execute(
        "SELECT count(DISTINCT candidate_hash) FROM rule_trials WHERE data_hash = coalesce(?, data_hash)",
        (data_hash,),
    ).fetchone()[0]
    return count


def daily_returns(ledger: Ledger, *, data_hash: str) -> dict[str, list[float]]:
    """Daily returns of the latest trial of each variant on one dataset, for clustering."""
    rows = ledger.connection.execute(
        "SELECT candidate_hash, daily_returns FROM rule_trials WHERE data_hash = ? ORDER BY trial_id",
        (data_hash,),
    )
    return {candidate: _from_bytes(returns) for candidate, returns in rows}


def _to_bytes(returns: Sequence[float]) -> bytes:
    numbers = array("d", returns)
    if byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _from_bytes(raw: bytes) -> list[float]:
    numbers = array("d")
    numbers.frombytes(raw)
    if byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
