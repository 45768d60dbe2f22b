"""The demo that ships as a run: the rules, the market, the money and the writer that its tape was recorded with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from brokers.learning_replay import LearningSetup, run_learning
from engine.clock import Clock
from engine.config import BacktestConfig
from engine.data.panel import Panel, load_part
from engine.model.asking import Asks
from engine.reflection.demo.tape import FIRST_SESSION, MASK_SEED, PROMPT, demo_settings
from engine.reflection.learning import LearningRun
from engine.research.gate_settings import GateSettings
from engine.rules.prompt import load_rules, read_prompt


def demo_panel(folder: Path) -> Panel:
    """The whole embedded market: the mask names every instrument of it, and the gate wants the years before.

    Args:
        folder: of the dataset, see `engine.cli.dataset.dataset_folder`.
    """
    return load_part(folder, None, None, interval=load_rules(PROMPT).interval)


def run_demo(
    panel: Panel,
    asks: Callable[[Clock], Asks],
    gate: GateSettings | None,
    *,
    obeyed: bool = True,
    on_week: Callable[[int, int], None] | None = None,
) -> LearningRun:
    """A year of weekly reflection on the embedded market.

    Args:
        panel: of `demo_panel`.
        asks: (clock of the simulation) -> the writer: the tape, or the one who is recorded on it.
        gate: None accepts every rule that compiles.
        obeyed: False lets every rule in with its verdict.
        on_week: told how many weeks of how many are done.

    Raises:
        ReplayMiss: the tape does not fit.
    """
    setup = LearningSetup(asks=asks, settings=demo_settings(), gate=gate, obeyed=obeyed, mask_seed=MASK_SEED)
    return run_learning(read_prompt(PROMPT), panel, BacktestConfig(), setup, FIRST_SESSION, on_week=on_week)
