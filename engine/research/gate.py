"""The gate: is a rule change an improvement, or luck?

The base is run against base + candidate on the same data with the same configuration, and what the candidate adds is
judged step by step. A step passes, warns, fails, or does not know; the first that fails rejects, else the first that
does not know leaves the candidate in shadow, where it is watched without money.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable

from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.ledger.ledger import Ledger
from engine.research.candidate import Candidate
from engine.research.gate_alive import alive, duplicate
from engine.research.gate_costs import costs, delay, slippage
from engine.research.gate_evidence import Evidence
from engine.research.gate_luck import bootstrap, deflated, online_fdr, probabilistic
from engine.research.gate_neighbours import overfitting
from engine.research.gate_regimes import regimes
from engine.research.gate_report import GateReport, report_of
from engine.research.gate_returns import training, untouched
from engine.research.gate_settings import GateSettings
from engine.research.gate_trials import record
from engine.research.verdict import Step, conclude
from engine.research.workers import Workers

StepOf = Callable[[Evidence], Step]


def _static(name: str) -> StepOf:
    return lambda evidence: evidence.static[name]


# The steps in their order. What stands before "training" looks at the rule, what comes after it at its returns.
STEPS: tuple[tuple[str, StepOf], ...] = (
    ("compiles", _static("compiles")),
    ("units", _static("units")),
    ("category", _static("category")),
    ("numbers", _static("numbers")),
    ("look_back", _static("look_back")),
    ("alive", alive),
    ("duplicate", duplicate),
    ("complexity", _static("complexity")),
    ("training", training),
    ("untouched", untouched),
    ("costs", costs),
    ("delay", delay),
    ("slippage", slippage),
    ("probabilistic_sharpe", probabilistic),
    ("deflated_sharpe", deflated),
    ("overfitting", overfitting),
    ("bootstrap", bootstrap),
    ("online_fdr", online_fdr),
    ("regimes", regimes),
)
STATIC = frozenset({"compiles", "units", "category", "numbers", "look_back", "complexity"})
EVALUATION = "training"
# Answers after which there is nothing to measure, whatever the verdict.
NOTHING_TO_MEASURE = frozenset({"rarely_fires", "no_effect", "too_few_trades"})


def judge(
    candidate: Candidate,
    panel: Panel,
    config: BacktestConfig,
    ledger: Ledger | None,
    workers: Workers,
    settings: GateSettings | None = None,
    *,
    start: datetime.date | None = None,
    end: datetime.date | None = None,
    new_dataset: bool = False,
    on_step: Callable[[str, int, int], None] | None = None,
) -> GateReport:
    """Judge a candidate.

    Args:
        candidate: see `engine.research.candidate.read_candidate`.
        panel: the data; the workers must have the same.
        config: cash, costs and limits of both runs.
        ledger: counts the trial, remembers the look; None does neither, for worlds that hold nothing to learn.
        workers: where the runs are made; any of them gives the same report to the byte.
        settings: thresholds, the defaults if None.
        start: first session of training.
        end: last session of all.
        new_dataset: the ledger shall count this dataset beside those it knows.
        on_step: told the name of each step before it, its number from 0, and how many there are.

    Returns:
        The verdict with its steps, and the series and figures behind the pictures.

    Raises:
        BadInput: windows that do not fit, a ledger of another dataset, rules that do not fit the data. Nothing is
            counted then. A candidate that does not compile is no error but a verdict.
    """
    evidence = Evidence(
        candidate, panel, config, ledger, workers, settings or GateSettings(), start, end, new_dataset=new_dataset
    )
    steps: list[Step] = []
    ended = evaluated = False
    for number, (name, step_of) in enumerate(STEPS):
        if on_step is not None:
            on_step(name, number, len(STEPS))
        if ended and name not in STATIC:
            steps.append(Step(name=name, outcome="unknown", reason="not_reached"))
            continue
        evaluated = evaluated or name == EVALUATION
        step = step_of(evidence)
        steps.append(step)
        evidence.failed = evidence.failed or step.outcome == "fail"
        # A rule that cannot be right is not run; one that has run is measured to the end, so that its page says why.
        ended = ended or (evidence.failed and not evaluated) or _nothing_to_measure(step)
    verdict = conclude(steps)
    report = report_of(evidence, verdict, evaluated=evaluated)
    if evaluated:
        record(evidence, verdict)
    return report


def _nothing_to_measure(step: Step) -> bool:
    return step.name in ("alive", "training") and step.reason in NOTHING_TO_MEASURE
