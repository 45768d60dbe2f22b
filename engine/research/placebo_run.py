"""The gate tested on itself: the same steps in worlds where nothing can be found, and how often they promote there.

Each world is one piece of work. A worker makes it from the market and its seed and sends it through
`engine.research.gate.judge`, the very steps and thresholds of a real candidate. Two things of a real gate are not
there: the ledger and the neighbours. Without a ledger a candidate is the first trial of all (nothing deflates its
Sharpe ratio) and the first p-value of its stream, which is the easiest place to pass before anything was promoted.
The neighbours only ever warn, so leaving them out changes no verdict.

A world with costs is no null hypothesis: a candidate that trades less saves them, and is rightly promoted. So the
worlds trade free of costs and slippage, a delisted name is paid out at its last price, and a limit order fills as soon
as the price touches it, unless the plan says otherwise: then no way of trading has an advantage in itself.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from engine.config import BacktestConfig, Slippage
from engine.data.panel import Panel
from engine.errors import BadInput
from engine.research.candidate import Candidate
from engine.research.gate import EVALUATION, STEPS, judge
from engine.research.gate_evidence import Evidence
from engine.research.gate_returns import training
from engine.research.gate_settings import GateSettings
from engine.research.placebo import PlaceboResult, binomial_pass
from engine.research.placebo_worlds import DEFAULT_BLOCK, PlaceboKind, placebo_world
from engine.research.verdict import Decision, Outcome
from engine.research.workers import InProcess, Workers

# Seeds of worlds of one run lie together, and those of two runs never meet.
SEEDS_APART = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceboPlan:
    """What is tested, and on which worlds.

    Args:
        candidates: judged in turn, one in each world: one candidate, or many random rules.
        config: of every run.
        worlds: how many.
        kind: how they are made.
        seed: of the worlds.
        block: sessions in a block; that of the kind if None.
        settings: thresholds of the gate. Each world draws its bootstrap with a seed of its own.
        free: worlds without costs, slippage, losses by delisting and limit orders that are touched in vain.
        start, end: sessions to judge on, None for those of the data.
    """

    candidates: tuple[Candidate, ...]
    config: BacktestConfig
    worlds: int
    kind: PlaceboKind = PlaceboKind.FLIPPED
    seed: int = 1
    block: int | None = None
    settings: GateSettings = field(default_factory=lambda: GateSettings(neighbours=0))
    free: bool = True
    start: datetime.date | None = None
    end: datetime.date | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.worlds <= SEEDS_APART:
            raise BadInput(f"{self.worlds:,} worlds cannot be run. Take 1 to {SEEDS_APART:,}; 100 are usual.")
        if self.seed < 0:
            raise BadInput(f"The seed {self.seed} is negative. Use 0 or more.")
        if not 1 <= len(self.candidates) <= self.worlds:
            raise BadInput(
                f"{len(self.candidates):,} candidates need at least as many worlds, one each; there are "
                f"{self.worlds:,}. Take more worlds or fewer candidates."
            )
        for candidate in self.candidates:
            if candidate.problems:
                raise BadInput(
                    f"The candidate does not compile, so there is nothing to test: {candidate.problems[0]} "
                    f"`geoul rules check` shows every problem."
                )

    @property
    def traded(self) -> BacktestConfig:
        """The configuration that worlds trade under."""
        if not self.free:
            return self.config
        fair = {"costs": False, "slippage": Slippage(), "delisting_haircut": 0.0, "touch": True}
        return self.config.model_copy(update=fair)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One piece of work: a world by its seed, a plan with the one candidate that is judged in it, and its number."""

    plan: PlaceboPlan
    seed: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldVerdict:
    """What became of one candidate in one world.

    Args:
        seed: of the world; `placebo_world` makes it again.
        candidate: its number in the plan.
        decision, reason: as the gate says them.
        measured: both rule sets ran.
        p_value: probability of a difference this good if the candidate adds nothing; None where no step got so far.
        sharpe: what it added on the training window, as a Sharpe ratio a year; None where there is none.
        outcomes: of every step by name, None for steps that were not reached.
    """

    seed: int
    candidate: int
    decision: Decision
    reason: str
    measured: bool
    p_value: float | None
    sharpe: float | None
    outcomes: Mapping[str, Outcome | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCount:
    """How a step went in all worlds: `left` are those in which it and every step before it passed or warned."""

    name: str
    passed: int
    warned: int
    failed: int
    unknown: int
    not_reached: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceboRun:
    """All worlds of a plan.

    Args:
        plan: what was run.
        dataset, data_hash, synthetic: the market that the worlds were made from.
        verdicts: in the order of the worlds.
        test: of the promotions; decides whether the gate passed.
        fairness: the same test of the p-values at or below the level, among the worlds that gave one. It tells
            whether the measure behind the gate is fair where promotions are too rare to tell. None without any.
        market: what the candidate adds on the training window of the market itself, free of costs if the worlds are,
            as a Sharpe ratio a year; None with several candidates, or where there is none.
    """

    plan: PlaceboPlan
    dataset: str
    data_hash: str
    synthetic: bool
    verdicts: tuple[WorldVerdict, ...]
    test: PlaceboResult
    fairness: PlaceboResult | None
    market: float | None

    @property
    def measured(self) -> int:
        """Worlds in which both rule sets ran."""
        return sum(verdict.measured for verdict in self.verdicts)

    @property
    def reasons(self) -> tuple[tuple[str, Decision, int], ...]:
        """Deciding reasons with decision and count, the most frequent first."""
        counted = Counter((verdict.reason, verdict.decision) for verdict in self.verdicts)
        return tuple((reason, decision, count) for (reason, decision), count in counted.most_common())

    @property
    def steps(self) -> tuple[StepCount, ...]:
        """How every step went, in their order."""
        left, rows = set(range(len(self.verdicts))), []
        for name, _ in STEPS:
            found = [verdict.outcomes[name] for verdict in self.verdicts]
            left = {place for place in left if found[place] in ("pass", "warn")}
            count = Counter(found)
            rows.append(
                StepCount(
                    name=name,
                    passed=count["pass"],
                    warned=count["warn"],
                    failed=count["fail"],
                    unknown=count["unknown"],
                    not_reached=count[None],
                    left=len(left),
                )
            )
        return tuple(rows)

    @property
    def share_below_market(self) -> float | None:
        """Share of the worlds in which the candidate added less than on the market itself; None without either."""
        values = [verdict.sharpe for verdict in self.verdicts if verdict.sharpe is not None]
        if self.market is None or not values:
            return None
        return sum(value < self.market for value in values) / len(values)

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values; equal runs give equal bytes."""
        plan = self.plan
        return {
            "schema": 1,
            "passed": self.test.passed,
            "test": asdict(self.test),
            "fairness": None if self.fairness is None else asdict(self.fairness),
            "measured": self.measured,
            "kind": plan.kind.value,
            "block": plan.block or DEFAULT_BLOCK[plan.kind],
            "seed": plan.seed,
            "free_of_costs": plan.free,
            "candidates": len(plan.candidates),
            "dataset": {"name": self.dataset, "content_hash": self.data_hash, "synthetic": self.synthetic},
            "market_sharpe": self.market,
            "share_of_worlds_below_market": self.share_below_market,
            "settings": asdict(plan.settings),
            "steps": [asdict(step) for step in self.steps],
            "worlds": [asdict(verdict) | {"outcomes": dict(verdict.outcomes)} for verdict in self.verdicts],
        }


def run_placebo(
    plan: PlaceboPlan,
    workers: Workers,
    *,
    dataset: str = "",
    data_hash: str = "",
    synthetic: bool = False,
    level: float = 0.05,
    on_world: Callable[[int, int], None] | None = None,
) -> PlaceboRun:
    """Judge in every world, and test the number of promotions.

    Args:
        plan: what is run.
        workers: where; any of them gives the same answers in the same order.
        dataset, data_hash, synthetic: for the report, from the manifest of the workers' market.
        level: the rate of false promotions that the gate claims to stay under.
        on_world: told how many worlds are finished, and how many there are.

    Raises:
        BadInput: the candidate was measured in no world, so that nothing was tested; windows that do not fit, minute
            bars, a level outside (0, 1).
    """
    binomial_pass(0, plan.worlds, level)  # a level that cannot be is refused before the work, not after it
    market = None
    if len(plan.candidates) == 1:
        [market] = workers.map(market_value, [plan])
    verdicts: list[WorldVerdict] = []
    for verdict in workers.map(judge_world, worlds_of(plan)):
        verdicts.append(verdict)
        if on_world is not None:
            on_world(len(verdicts), plan.worlds)
    if not any(verdict.measured for verdict in verdicts):
        reason, count = Counter(verdict.reason for verdict in verdicts).most_common(1)[0]
        raise BadInput(
            f"In none of {plan.worlds:,} worlds did the candidate get as far as being measured ({count:,} times "
            f"{reason}), so its gate was not tested. `geoul gate` tells what stands against it; take another candidate."
        )
    values = [verdict.p_value for verdict in verdicts if verdict.p_value is not None]
    return PlaceboRun(
        plan=plan,
        dataset=dataset,
        data_hash=data_hash,
        synthetic=synthetic,
        verdicts=tuple(verdicts),
        test=binomial_pass(sum(verdict.decision == "promote" for verdict in verdicts), plan.worlds, level),
        fairness=binomial_pass(sum(value <= level for value in values), len(values), level) if values else None,
        market=market,
    )


def worlds_of(plan: PlaceboPlan) -> Sequence[World]:
    """The worlds of a plan; the candidates take turns, and each world carries its own only."""
    plans = [replace(plan, candidates=(candidate,)) for candidate in plan.candidates]
    return [
        World(plan=plans[number % len(plans)], seed=plan.seed * SEEDS_APART + number, number=number % len(plans))
        for number in range(plan.worlds)
    ]


def judge_world(panel: Panel, item: World) -> WorldVerdict:
    """Make one world from the market and send a candidate through the gate in it."""
    plan = item.plan
    world = placebo_world(panel, plan.kind, item.seed, block=plan.block)
    report = judge(
        plan.candidates[0],
        world,
        plan.traded,
        None,
        InProcess(world),
        replace(plan.settings, seed=item.seed),
        start=plan.start,
        end=plan.end,
    )
    steps = {name: report.step(name) for name, _ in STEPS}
    trained, tested = steps[EVALUATION], steps["online_fdr"]
    return WorldVerdict(
        seed=item.seed,
        candidate=item.number,
        decision=report.verdict.decision,
        reason=report.verdict.reason,
        measured=trained is not None and trained.reason not in NOT_MEASURED,
        p_value=None if tested is None else tested.figures["p_value"],
        sharpe=None if trained is None else trained.figures["difference_sharpe"],
        outcomes={name: None if step is None else step.outcome for name, step in steps.items()},
    )


def market_value(panel: Panel, plan: PlaceboPlan) -> float | None:
    """What the only candidate of a plan adds on the training window of the market itself, a Sharpe ratio a year.

    The untouched window stays closed: it may be looked at once, and by the gate.
    """
    evidence = Evidence(
        plan.candidates[0], panel, plan.traded, None, InProcess(panel), plan.settings, plan.start, plan.end
    )
    value: float | None = training(evidence).figures["difference_sharpe"]
    return value


NOT_MEASURED = frozenset({"no_effect", "too_few_trades"})
