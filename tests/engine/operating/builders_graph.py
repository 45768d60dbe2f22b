"""Planners, configurations and rule sets for tests of the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.config import BacktestConfig, RiskLimits
from engine.data.panel import Panel
from engine.errors import BadInput
from engine.operating.state import Action, Plan, Situation
from engine.order import Side
from engine.rules.prompt import load_rules_text
from engine.rules.tree import RuleSet

ROOT = Path(__file__).parents[3]
RULE_FILES = sorted([ROOT / "prompts" / "core_decision_prompt.md", *(ROOT / "strategies").glob("*.md")])


def make_rules(*blocks: tuple[str, str, str, str]) -> RuleSet:
    """A rule set from (category and id, condition, action, text)."""
    text = "# 규칙\n\n## 투자 원칙 및 규칙\n**주기**: 1d\n"
    for title, condition, action, words in blocks:
        text += f"\n### {title}\n**규칙**: {words}\n**조건**: `{condition}`\n**행동**: `{action}`\n**우선순위**: 5/10\n"
    return load_rules_text(text)


def busy_rules(size: str = "buy 20% of equity") -> RuleSet:
    """Buys often, sells after some days, and guards a level inside the day."""
    return make_rules(
        ("Entry Criteria: rise", "close > lag(close, 1)", size, "오른 날 산다"),
        ("Exit Criteria: tired", "days_held >= 5", "sell all", "닷새 뒤 판다"),
        ("Exit Criteria: stop", "pnl <= -4%", "sell all", "4% 잃으면 판다"),
    )


def limits(**changes: Any) -> BacktestConfig:
    """A configuration with other hard limits."""
    return BacktestConfig(limits=RiskLimits(**changes))


def with_bars(panel: Panel, change: Callable[[np.ndarray], None]) -> Panel:
    """The same panel with other bars."""
    bars = panel.bars.copy()
    change(bars)
    return replace(panel, bars=bars)


def with_split(panel: Panel, row: int, col: int, ratio: int) -> Panel:
    """The same panel with one more split, `ratio` new shares for one; its bars stay as they are."""
    place = int(np.searchsorted(panel.actions.row, row))
    entry = {"row": row, "col": col, "kind": 0, "numerator": ratio, "denominator": 1, "cash": 0}
    table = {name: np.insert(getattr(panel.actions, name), place, value) for name, value in entry.items()}
    return replace(panel, actions=replace(panel.actions, **table))


@dataclass
class Chooser:
    """A planner from a function; keeps the situations that it was given.

    Args:
        choose: gives the actions for a situation, or raises `BadInput`.
    """

    choose: Callable[[Situation], Sequence[Action]]
    name: str = "chooser"
    seen: list[Situation] = field(default_factory=list)

    def plan(self, situation: Situation) -> Plan:
        self.seen.append(situation)
        actions = tuple(self.choose(situation))
        return Plan(planner=self.name, actions=actions, justification="because the test says so")


def take_all() -> Chooser:
    """Does whatever the rules signal."""
    return Chooser(lambda situation: situation.signals)


def always_fails() -> Chooser:
    """Never has a plan."""

    def fail(situation: Situation) -> Sequence[Action]:
        raise BadInput("the model answered in verse")

    return Chooser(fail)


def make_action(ticker: str = "0001U0", side: Side = Side.BUY, quantity: int = 10, **changes: Any) -> Action:
    """An order at market."""
    return Action(ticker=ticker, name=ticker, side=side, quantity=quantity, **changes)
