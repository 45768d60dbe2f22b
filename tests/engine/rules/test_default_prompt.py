"""The default prompt does what the issue asks for, and nothing more."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from engine.rules.cadence import PriceLevel, price_level
from engine.rules.check import review
from engine.rules.format import format_action, format_node
from engine.rules.prompt import load_rules, parse_prompt, print_prompt, read_prompt
from engine.rules.sections import RULE_FIELDS

PROMPT = Path(__file__).parents[3] / "prompts" / "core_decision_prompt.md"


def test_the_rules_of_the_default_prompt() -> None:
    ruleset = load_rules(PROMPT)
    assert ruleset.interval == "1d"
    assert {(rule.id, format_node(rule.condition), format_action(rule.action)) for rule in ruleset.rules} == {
        ("position-limit", "always", "limit position 10%"),
        ("day-loss-limit", "always", "limit day loss 2%"),
        ("volume-filter", "volume_ratio(20) >= 1.5", "require"),
        ("rising-first", "always", "rank by returns(20)"),
        ("cross-above-mean", "crosses_above(close, mean(close, 20))", "buy 10% of equity"),
        ("stop-loss", "pnl <= -7%", "sell all"),
        ("take-half", "pnl >= 15%", "sell 50%"),
    }


def test_the_stop_and_the_target_are_exact_price_levels() -> None:
    levels = {rule.id: price_level(rule) for rule in load_rules(PROMPT).rules}
    assert levels["stop-loss"] == PriceLevel("pnl", "<=", Fraction(-7, 100))
    assert levels["take-half"] == PriceLevel("pnl", ">=", Fraction(15, 100))


def test_the_file_is_written_in_the_layout_of_the_design() -> None:
    text = read_prompt(PROMPT)
    prompt = parse_prompt(text)
    assert print_prompt(prompt) == text
    assert not review(prompt).findings
    blocks = prompt.rules_sections[0].blocks
    assert all(tuple(line.name for line in block.lines if line.name) == RULE_FIELDS[:6] for block in blocks)


def test_the_prompt_speaks_to_the_model_outside_the_rules() -> None:
    titles = [section.heading.title for section in parse_prompt(read_prompt(PROMPT)).sections if section.heading]
    assert titles == ["핵심 의사결정 프롬프트", "역할", "판단 원칙", "출력 원칙", "투자 원칙 및 규칙"]
