"""The ready-made rule files: each compiles without a warning and holds its one idea."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.rules.check import review
from engine.rules.format import format_action, format_node
from engine.rules.prompt import load_rules, parse_prompt, print_prompt, read_prompt

FOLDER = Path(__file__).parents[2] / "strategies"

IDEAS = {
    "momentum": ("leaders", "rank(lag(returns(100), 20)) >= 90% and close > mean(close, 60)", "buy 5% of equity"),
    "mean_reversion": (
        "oversold",
        "zscore(close, 20) <= -2 and close > mean(close, 120)",
        "buy 10% of equity at limit close",
    ),
    "volatility_breakout": (
        "breakout",
        "close > mean(close, 5)",
        "buy 20% of equity at stop session_open + 0.5 * (high - low)",
    ),
    "rsi": ("recovery", "crosses_above(rsi_wilder(14), 30)", "buy 10% of equity"),
    "dual_moving_average": (
        "golden-cross",
        "crosses_above(mean(close, 20), mean(close, 60))",
        "buy 10% of equity",
    ),
    "volume_surge": (
        "surge",
        "volume_ratio(20) >= 3 and close > lag(highest(high, 20), 1) and close > open",
        "buy",
    ),
}


def test_every_rule_file_is_listed_here() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(IDEAS)


@pytest.mark.parametrize("name", sorted(IDEAS))
def test_a_rule_file_compiles_without_a_warning(name: str) -> None:
    text = read_prompt(FOLDER / f"{name}.md")
    prompt = parse_prompt(text)
    result = review(prompt)
    assert print_prompt(prompt) == text
    assert not result.problems
    assert not result.findings


@pytest.mark.parametrize("name", sorted(IDEAS))
def test_a_rule_file_holds_its_idea(name: str) -> None:
    rules = {rule.id: rule for rule in load_rules(FOLDER / f"{name}.md").rules}
    rule_id, condition, action = IDEAS[name]
    assert (format_node(rules[rule_id].condition), format_action(rules[rule_id].action)) == (condition, action)
