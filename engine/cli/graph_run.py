"""A prompt through the operating graph, planned by its rules or by a model, every decision into a ledger."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.model_run import ModelRun, estimate
from engine.cli.options import Lang, prompt_path

if TYPE_CHECKING:
    from engine.config import BacktestConfig
    from engine.data.panel import Panel
    from engine.model.asking import Asks
    from engine.model.config import ModelConfig
    from engine.model.estimate import CostEstimate
    from engine.model.reply import ModelReply
    from engine.model.request import ModelRequest
    from engine.operating.desk import Planner
    from engine.operating.state import Cycle
    from engine.planning.llm_planner import LLMPlanner
    from engine.result import Result
    from engine.rules.tree import RuleSet


@dataclass(frozen=True)
class GraphRunner:
    """Runs one prompt through the graph.

    Args:
        path: of the prompt.
        text: of the prompt.
        rules: of the prompt.
        ledger: to write, None for none.
        lang: of reasons and reports.
        model: who plans; None lets the rules stand.
        latency_bars: bars after which a plan of the model arrives.
    """

    path: Path
    text: str
    rules: RuleSet
    ledger: Path | None
    lang: Lang
    model: ModelRun | None = None
    latency_bars: int | None = None

    def run(
        self,
        panel: Panel,
        settings: BacktestConfig,
        start: datetime.date | None,
        end: datetime.date | None,
        tell: Callable[[int, int], None],
    ) -> Result:
        """The result of the run; `tell` hears of cycles done and cycles in all."""
        if self.model is None:
            return self._run(None, panel, settings, start, end, tell)
        from engine.model.prices import knowledge_cutoff_of  # noqa: PLC0415  (keeps --help fast)
        from engine.planning.flips import MaskedAndPlain  # noqa: PLC0415

        config = self.model.config()
        cutoff = knowledge_cutoff_of(config)
        with self.model.transport(config) as transport:
            planner: Planner
            planner, *plain = self._planners(transport, config, panel)
            both = MaskedAndPlain(planner, *plain) if plain else None
            result = self._run(both or planner, panel, settings, start, end, tell)
            result.model_run.update(
                model=config.model, knowledge_cutoff=cutoff and cutoff.isoformat(), masked=not self.model.plain
            )
            if both is not None:
                result.model_run["flips"] = both.document(cutoff)
                for name, count in both.plain_costs().items():
                    result.model_costs[name] = result.model_costs.get(name, 0) + count
            if result.model_costs:
                result.model_costs["recorded_won"] = transport.tally.recorded_won
        return result

    def price(
        self, panel: Panel, settings: BacktestConfig, start: datetime.date | None, end: datetime.date | None
    ) -> tuple[CostEstimate, int]:
        """What the model will cost in this run, and how many answers are recorded already; nobody is asked."""
        from engine.planning.pricing import PricedPlanner  # noqa: PLC0415  (loads the compiler)

        assert self.model is not None  # the command line asks for a price of a model only
        config = self.model.config()
        with self.model.recorded() as cassette:
            priced = [
                PricedPlanner(asked, lambda key: cassette is not None and key in cassette)
                for asked in self._planners(NOBODY, config, panel)
            ]
            for each in priced:  # each takes every signal, so both see the same situations
                self._run(each, panel, settings, start, end, lambda done, total: None, write=False)
        first, *others = priced
        for other in others:
            first.add(other)
        return estimate(first, config), first.recorded

    def _planners(self, asks: Asks, config: ModelConfig, panel: Panel) -> list[LLMPlanner]:
        """The planner of the run, and the plain one whose answers are compared with its own."""
        assert self.model is not None  # only a model is asked
        setup = self.model.setup(config)
        setups = [setup, replace(setup, mask_seed=None)] if self.model.both else [setup]
        return [each.planner(asks, self.rules, self.text, panel) for each in setups]

    def _run(
        self,
        planner: Planner | None,
        panel: Panel,
        settings: BacktestConfig,
        start: datetime.date | None,
        end: datetime.date | None,
        tell: Callable[[int, int], None],
        *,
        write: bool = True,
    ) -> Result:
        from brokers.graph_replay import run_graph  # noqa: PLC0415  (loads the compiler)

        done = 0

        def count(_: Cycle) -> None:
            nonlocal done
            done += 1
            tell(done, panel.rows)

        return run_graph(
            self.rules,
            panel,
            settings,
            self.ledger if write else None,
            start,
            end,
            self.lang.language,
            count,
            planner=planner,
            latency_bars=None if planner is None else self.latency_bars,
            label=str(self.path),
            prompt_text=self.text,
        ).result


class _Nobody:
    """Stands where questions are only measured."""

    def ask(self, request: ModelRequest, *, decision_id: str = "") -> ModelReply:
        raise AssertionError("a question that is only measured was asked")


NOBODY = _Nobody()


def graph_runner(
    prompt: Path | None, ledger: Path | None, lang: Lang, model: ModelRun | None = None, latency_bars: int | None = None
) -> GraphRunner:
    """The runner of a prompt file."""
    from engine.rules.prompt import load_rules, read_prompt  # noqa: PLC0415  (loads the compiler)

    path = prompt_path(prompt)
    return GraphRunner(path, read_prompt(path), load_rules(path), ledger, lang, model, latency_bars)
