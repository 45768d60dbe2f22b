"""A small market in which one thing is true: after a day of high volume a price goes on rising for a few days.

A rule that buys such days adds something, and every other rule adds luck. So the gate has a right answer here.
"""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np

from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.ledger.ledger import Ledger
from engine.research.candidate import Candidate, read_candidate
from engine.research.gate import judge
from engine.research.gate_report import GateReport
from engine.research.gate_settings import GateSettings
from engine.research.workers import InProcess, Workers
from tests.builders_panel import PLENTY, make_panel

ROWS, NAMES = 420, 12
FIRST = datetime.date(2021, 1, 4)
DRIFT = 0.012  # a day, on the five days after a burst
CONFIG = BacktestConfig(cash_won=100_000_000)
SETTINGS = GateSettings(untouched_sessions=80, neighbours=10, resamples=200)

HEAD = "## 투자 원칙 및 규칙\n**주기**: 1d\n"


def rule(name: str, category: str, condition: str, action: str, text: str = "시험") -> str:
    """One rule as it stands in a prompt."""
    return (
        f"### {category}: {name}\n**규칙**: {text}\n**조건**: `{condition}`\n**행동**: `{action}`\n**우선순위**: 5/10\n"
    )


FALLEN = rule("fallen", "Entry Criteria", "returns(5) <= -4%", "buy 8% of equity")
LEAVE = rule("leave", "Exit Criteria", "days_held >= 4", "sell all")
BASE = HEAD + FALLEN + LEAVE

GOOD = rule("burst", "Entry Criteria", "volume_ratio(10) >= 2.5", "buy 20% of equity")
ABSURD = rule("wednesday", "Entry Criteria", "weekday == wed", "buy 20% of equity")


def make_world(drift: float = DRIFT, seed: int = 5, rows: int = ROWS) -> Panel:
    """The market; `drift` 0 leaves nothing to find."""
    generator = np.random.default_rng(seed)
    burst = generator.random((rows, NAMES)) < 0.06
    moves = generator.normal(0.0, 0.012, (rows, NAMES))
    for later in range(1, 6):
        moves[later:] += drift * burst[:-later]
    # What the bursts give on average is taken from all days, so that holding anything at all earns nothing.
    moves -= moves.mean(axis=0)
    close = np.rint(50_000 * np.cumprod(1 + np.clip(moves, -0.25, 0.25), axis=0)).astype(np.int64)
    opening = np.vstack([np.full(NAMES, 50_000), close[:-1]])
    volume = PLENTY * np.where(burst, 5, 1)
    bars = {
        f"{name:06d}": [
            (int(o), int(max(o, c)), int(min(o, c)), int(c), int(v))
            for o, c, v in zip(opening[:, name], close[:, name], volume[:, name], strict=True)
        ]
        for name in range(NAMES)
    }
    index = 300 * np.cumprod(1 + moves.mean(axis=1))
    return make_panel(bars, start=FIRST, index=list(index), adjusted=True)


def candidate(added: str, base: str = BASE) -> Candidate:
    """One rule, or a whole prompt, against the base."""
    return read_candidate(base, added)


def gate(
    proposal: Candidate | str,
    panel: Panel,
    ledger: Ledger | None = None,
    *,
    workers: Workers | None = None,
    config: BacktestConfig = CONFIG,
    start: datetime.date | None = None,
    end: datetime.date | None = None,
    **settings: object,
) -> GateReport:
    """Judge a candidate on a panel with small settings."""
    proposal = candidate(proposal) if isinstance(proposal, str) else proposal
    return judge(
        proposal,
        panel,
        config,
        ledger,
        workers or InProcess(panel),
        replace(SETTINGS, **settings),  # type: ignore[arg-type]
        start=start,
        end=end,
    )


def reasons(report: GateReport) -> dict[str, str]:
    """Outcome and reason of every step by name."""
    return {step.name: f"{step.outcome} {step.reason}" for step in report.verdict.steps}
