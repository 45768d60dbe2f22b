"""What the steps of the gate read: each piece is made when the first step asks for it, and only once.

A step that fails early therefore costs nothing of what comes after it, and the untouched window is looked at by the
step of that name alone.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from engine.backtest import check_rules_fit
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.errors import BadInput, BrokenInvariant
from engine.ledger.ledger import Ledger
from engine.ledger.lineage import dataset_key, require_dataset
from engine.ledger.looks import Window, window_looks
from engine.metrics.returns import Floats
from engine.research.candidate import Candidate
from engine.research.gate_activity import Conditions, Firings, count_firings, source_of
from engine.research.gate_difference import Pair, changed_sales, matches_volatility, volatility_scale
from engine.research.gate_runs import RunFigures, Runs, delayed, run, slipping
from engine.research.gate_settings import GateSettings
from engine.research.gate_windows import GateWindows, plan_windows
from engine.research.identity import config_hash, rules_hash
from engine.research.static_checks import static_steps
from engine.research.verdict import Step
from engine.research.workers import Workers
from engine.rules.tree import Rule, RuleSet
from engine.variants import Variant

STRESSES = ("costs", "delay", "slippage")


class Evidence:
    """A candidate, the market it is judged on, and everything measured so far.

    Args:
        candidate: as read.
        panel: the data.
        config: of both runs.
        ledger: where trials and looks are kept; None leaves them out, for worlds that hold nothing to learn.
        workers: where the runs are made.
        settings: thresholds.
        start, end: sessions to judge on.
        new_dataset: the user has said that this ledger shall count this dataset too.

    Raises:
        BadInput: rules of different intervals, windows that do not fit, or a ledger of another dataset.
    """

    def __init__(
        self,
        candidate: Candidate,
        panel: Panel,
        config: BacktestConfig,
        ledger: Ledger | None,
        workers: Workers,
        settings: GateSettings,
        start: datetime.date | None = None,
        end: datetime.date | None = None,
        *,
        new_dataset: bool = False,
    ) -> None:
        self.candidate, self.panel, self.config = candidate, panel, config
        self.ledger, self.workers, self.settings = ledger, workers, settings
        self.dataset = dataset_key(panel.manifest, panel.interval)
        looks = []
        if ledger is not None:
            require_dataset(ledger, self.dataset, np.unique(panel.session), new=new_dataset)
            looks = window_looks(ledger, dataset=self.dataset).get(self.dataset, [])
        if candidate.rules is not None and candidate.rules.interval != candidate.base.interval:
            raise BadInput(
                f"The candidate counts bars of {candidate.rules.interval}, the rules in force bars of "
                f"{candidate.base.interval}: their days cannot be compared. Keep the line **주기** as it is."
            )
        check_rules_fit(candidate.base, panel)
        if candidate.rules is not None:
            check_rules_fit(candidate.rules, panel)
        self.windows: GateWindows = plan_windows(panel, settings, looks, start, end)
        self.untouched: Mapping[str, Pair] | None = None  # set by the step that looks
        self.failed = False  # a step before has refused the candidate

    @property
    def rules(self) -> RuleSet:
        """The proposed rules; steps that need them come after those that check them."""
        if self.candidate.rules is None:
            raise BrokenInvariant("A candidate that does not compile was sent to a step that runs it.")
        return self.candidate.rules

    @property
    def base_hash(self) -> str:
        """Hash of what the rules in force do."""
        return rules_hash(self.candidate.base)

    @property
    def candidate_hash(self) -> str:
        """Hash of what the proposed rules do."""
        return rules_hash(self.rules)

    @property
    def config_hash(self) -> str:
        """Hash of the configuration of both runs."""
        return config_hash(self.config)

    @cached_property
    def static(self) -> dict[str, Step]:
        """The steps that need no data, by name."""
        steps = static_steps(self.candidate, rows_available=self.windows.rows_available, limits=self.settings.limits)
        return {step.name: step for step in steps}

    @property
    def judged(self) -> tuple[Rule, ...]:
        """New and changed rules that can change an order."""
        ids = {*self.candidate.added, *self.candidate.changed}
        return tuple(rule for rule in self.rules.rules if rule.id in ids)

    @property
    def active(self) -> tuple[Rule, ...]:
        """The other rules of the proposed prompt."""
        ids = {rule.id for rule in self.judged}
        return tuple(rule for rule in self.rules.rules if rule.id not in ids)

    @cached_property
    def _first_look(self) -> tuple[Firings, RunFigures, RunFigures]:
        """Firings and the two runs of the training window."""
        window = self.windows.training
        conditions = Conditions(
            judged=tuple(rule for rule in self.judged if source_of(rule) == "market"),
            active=tuple(rule for rule in self.active if source_of(rule) == "market"),
            config=self.config,
            first=window.first,
            last=window.last,
        )
        both = tuple(Variant(rules, self.config) for rules in (self.candidate.base, self.rules))
        runs = Runs(variants=both, first=window.first, last=window.last)
        tasks: list[Conditions | Runs] = [conditions, runs]
        firings, (base, proposed) = self.workers.map(do_either, tasks)
        return firings, base, proposed

    @property
    def firings(self) -> Firings:
        """Where the market conditions of the rules are true in training."""
        return self._first_look[0]

    @property
    def base_run(self) -> RunFigures:
        """The rules in force on the training window."""
        return self._first_look[1]

    @property
    def candidate_run(self) -> RunFigures:
        """The proposed rules on the training window."""
        return self._first_look[2]

    @cached_property
    def changed_sales(self) -> tuple[int, int]:
        """Sales that differ between the two runs of the training window, and on how many sessions."""
        return changed_sales(self.base_run, self.candidate_run)

    @property
    def training(self) -> Pair:
        """Both series of returns on the training window."""
        return Pair(self.base_run.returns, self.candidate_run.returns)

    @cached_property
    def scale(self) -> float:
        """What the candidate's returns are multiplied by, see `gate_difference`."""
        return volatility_scale(self.training) if matches_volatility(self.candidate) else 1.0

    @cached_property
    def training_stresses(self) -> dict[str, Pair]:
        """Both series on the training window under each stress."""
        return self._with_costs(self.base_run, self.candidate_run) | self._harder(self.windows.training)

    def evaluate(self, window: Window) -> dict[str, Pair]:
        """Both series on another window, plain and under each stress; accounts begin anew there."""
        both = tuple(Variant(rules, self.config) for rules in (self.candidate.base, self.rules))
        [(base, proposed)] = self.workers.map(run, [Runs(variants=both, first=window.first, last=window.last)])
        plain = {"plain": Pair(base.returns, proposed.returns)}
        return plain | self._with_costs(base, proposed) | self._harder(window)

    @staticmethod
    def _with_costs(base: RunFigures, proposed: RunFigures) -> dict[str, Pair]:
        """Every fee and tax paid once more on the day it was paid: exact for taxes, which no configuration doubles."""
        return {"costs": Pair(base.returns - base.cost_shares, proposed.returns - proposed.cost_shares)}

    def _harder(self, window: Window) -> dict[str, Pair]:
        configs = {"delay": delayed(self.config), "slippage": slipping(self.config, self.settings)}
        tasks = [
            Runs(
                variants=tuple(Variant(rules, config) for rules in (self.candidate.base, self.rules)),
                first=window.first,
                last=window.last,
            )
            for config in configs.values()
        ]
        answers = self.workers.map(run, tasks)
        return {
            name: Pair(base.returns, proposed.returns) for name, (base, proposed) in zip(configs, answers, strict=True)
        }

    def pair(self, name: str = "plain") -> Pair:
        """Training and, once it has been looked at, untouched window as one pair of series."""
        training = self.training if name == "plain" else self.training_stresses[name]
        return training.joined(None if self.untouched is None else self.untouched[name])

    @property
    def difference(self) -> Floats:
        """What the candidate adds, on every session that may be used by now."""
        return self.pair().difference(self.scale)

    @property
    def sessions(self) -> Any:
        """int64[S], the sessions of `difference` as days since 1970-01-01."""
        if self.untouched is None:
            return self.windows.training_days
        return np.concatenate([self.windows.training_days, self.windows.untouched_days])


def do_either(panel: Panel, item: Conditions | Runs) -> Any:
    """Do a task of either kind, so that both kinds can wait in one queue."""
    return count_firings(panel, item) if isinstance(item, Conditions) else run(panel, item)
