"""What the gate hands back: the verdict, and everything its pages draw. JSON holds the figures, not the series."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.metrics.bootstrap import resampled_means
from engine.metrics.returns import Floats
from engine.research.gate_evidence import Evidence
from engine.research.verdict import Step, Verdict

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """One candidate, judged.

    Args:
        verdict: promote, shadow or reject with all steps.
        changes: labels of what the candidate changes, "+ id", "- id", "~ id".
        dataset: lasting name of the data; `data_hash` its content.
        synthetic: the data is a made-up market.
        interval: of the bars.
        base_hash, candidate_hash, config_hash: of what was compared; the candidate's is "" if it does not compile.
        training, untouched: first and last session as text; None for an untouched window that was not looked at.
        purge_sessions: left out between them.
        looks: the untouched window's number, looks used and looks allowed.
        counted: the candidate is in the ledger as a trial.
        settings: every threshold.
        sessions: int64[S], days since 1970-01-01 of the series below; empty if nothing was evaluated.
        training_sessions: how many of them are training.
        base, candidate: float64[S], returns; `difference` what was judged.
        resampled: float64[resamples], mean daily differences of the bootstrap; empty without one.
        periods: returns in a year.
    """

    verdict: Verdict
    changes: tuple[str, ...]
    dataset: str
    data_hash: str
    synthetic: bool
    interval: str
    base_hash: str
    candidate_hash: str
    config_hash: str
    training: tuple[str, str]
    untouched: tuple[str, str] | None
    purge_sessions: int
    looks: dict[str, int]
    counted: bool
    settings: dict[str, Any]
    sessions: NDArray[np.int64]
    training_sessions: int
    base: Floats
    candidate: Floats
    difference: Floats
    resampled: Floats
    periods: int

    @property
    def weeks_needed(self) -> int | None:
        """About how many more weeks would settle what is not known yet; None if no step could tell."""
        found = [step.figures.get("weeks") for step in self.verdict.steps if step.outcome == "unknown"]
        return max((int(value) for value in found if value is not None), default=None)

    def step(self, name: str) -> Step | None:
        """A step by name, None if it was not reached."""
        found = next((step for step in self.verdict.steps if step.name == name), None)
        return None if found is None or found.reason == "not_reached" else found

    def as_json(self) -> dict[str, Any]:
        """Everything but the series, as plain values; equal reports give equal bytes."""
        told = self.verdict.as_json()
        return {
            "schema": SCHEMA,
            "decision": told["decision"],
            "reason": told["reason"],
            "weeks_needed": self.weeks_needed if self.verdict.decision == "shadow" else None,
            "changes": list(self.changes),
            "dataset": {
                "name": self.dataset,
                "content_hash": self.data_hash,
                "synthetic": self.synthetic,
                "interval": self.interval,
            },
            "hashes": {"base": self.base_hash, "candidate": self.candidate_hash, "config": self.config_hash},
            "windows": {
                "training": list(self.training),
                "purge_sessions": self.purge_sessions,
                "untouched": None if self.untouched is None else list(self.untouched),
                **self.looks,
            },
            "counted_as_trial": self.counted,
            "settings": self.settings,
            "steps": told["steps"],
        }


def report_of(evidence: Evidence, verdict: Verdict, *, evaluated: bool) -> GateReport:
    """Gather the report of a judged candidate."""
    windows, candidate = evidence.windows, evidence.candidate
    seen, empty = windows.untouched, np.zeros(0)
    pair = evidence.pair() if evaluated else None
    looked = next((step for step in verdict.steps if step.name == "untouched"), None)
    used = int(looked.figures["looks_used"]) if looked and "looks_used" in looked.figures else seen.looks_used
    return GateReport(
        verdict=verdict,
        changes=tuple(change.label for change in candidate.changes if change.trades),
        dataset=evidence.dataset,
        data_hash=evidence.panel.manifest.content_hash,
        synthetic=evidence.panel.manifest.synthetic,
        interval=evidence.panel.interval,
        base_hash=evidence.base_hash,
        candidate_hash=evidence.candidate_hash if candidate.rules is not None else "",
        config_hash=evidence.config_hash,
        training=(windows.training.first.isoformat(), windows.training.last.isoformat()),
        untouched=(seen.window.first.isoformat(), seen.window.last.isoformat())
        if seen.window and evidence.untouched is not None
        else None,
        purge_sessions=windows.purge_sessions,
        looks={
            "window_number": seen.number,
            "looks_used": used,
            "looks_per_window": evidence.settings.looks_per_window,
        },
        counted=evaluated and evidence.ledger is not None,
        settings=asdict(evidence.settings),
        sessions=evidence.sessions if pair else np.zeros(0, np.int64),
        training_sessions=len(windows.training_days),
        base=pair.base if pair else empty,
        candidate=pair.candidate if pair else empty,
        difference=evidence.difference if pair else empty,
        resampled=_resampled(evidence, verdict) if pair else empty,
        periods=windows.periods,
    )


def _resampled(evidence: Evidence, verdict: Verdict) -> Floats:
    """The means behind the bootstrap's interval, drawn again from the same seed."""
    step = next((step for step in verdict.steps if step.name == "bootstrap"), None)
    if step is None or "block_length" not in step.figures:
        return np.zeros(0)
    settings = evidence.settings
    return resampled_means(evidence.difference, step.figures["block_length"], settings.resamples, settings.seed)
