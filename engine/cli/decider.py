"""What decides the orders of a run: the rules of a prompt, a strategy in Python, or a prompt through the graph."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.graph_run import GraphRunner
from engine.cli.options import prompt_path
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.config import BacktestConfig
    from engine.data.panel import Panel
    from engine.model.estimate import CostEstimate
    from engine.result import Result

Day = datetime.date | None
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Decider:
    """What decides the orders of a run.

    Args:
        title: where it came from, as the user knows it.
        interval: of the bars it wants; None takes those of the data.
        run: (panel, configuration, first session, last session, progress) -> result.
        price: (panel, configuration, first session, last session) -> what a model would cost, and how many answers are
            recorded already; None where no model is asked.
    """

    title: str
    interval: str | None
    run: Callable[[Panel, BacktestConfig, Day, Day, Progress], Result]
    price: Callable[[Panel, BacktestConfig, Day, Day], tuple[CostEstimate, int]] | None = None


def prompt_or_strategy(prompt: Path | None, strategy: str | None, interval: str | None, *, verb: str) -> Path | str:
    """The path of the prompt, or the name of the strategy.

    Raises:
        BadInput: both were given, or an interval beside a prompt.
    """
    if strategy is None:
        if interval is not None:
            raise BadInput("A prompt says itself which bars it counts, in its line **주기**. Leave --interval out.")
        return prompt_path(prompt)
    if prompt is not None:
        raise BadInput(f"Either the prompt {prompt} or the strategy {strategy} {verb}. Give one of them.")
    return strategy


def batch_or_strategy(source: Path | str, interval: str | None) -> Decider:
    """The rules of a prompt in batch mode, or a strategy in event mode."""
    return _rules(source) if isinstance(source, Path) else _strategy(source, interval)


def through_the_graph(runner: GraphRunner) -> Decider:
    """The rules of a prompt, or a model, through the nodes of the operating graph."""
    return Decider(title=str(runner.path), interval=runner.rules.interval, run=runner.run, price=runner.price)


def _rules(path: Path) -> Decider:
    from engine.backtest import backtest  # noqa: PLC0415  (loads the compiler)
    from engine.rules.prompt import load_rules  # noqa: PLC0415

    rules = load_rules(path)
    return Decider(
        title=str(path),
        interval=rules.interval,
        run=lambda panel, settings, start, end, tell: backtest(rules, panel, settings, start, end, on_progress=tell),
    )


def _strategy(source: str, interval: str | None) -> Decider:
    from brokers.replay import replay  # noqa: PLC0415  (loads the compiler)
    from engine.cli.load_strategy import errors_of, load_strategy  # noqa: PLC0415

    loaded = load_strategy(source)

    def run(panel: Panel, settings: BacktestConfig, start: Day, end: Day, tell: Progress) -> Result:
        with errors_of(type(loaded)):
            return replay(loaded, panel, settings, start, end, on_progress=tell)

    return Decider(title=source, interval=interval, run=run)
