"""Rules close to a rule."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules.constants import all_constants, constants_of, with_constants
from engine.rules.neighbours import MOST_MOVED, near_values, neighbours
from engine.rules.problem import RuleProblem
from engine.rules.prompt import load_rules, load_rules_text
from engine.rules.tree import RuleSet, Unit
from tests.rule_strategies import rule_sets

ROOT = Path(__file__).parents[3]
PROMPT = ROOT / "prompts" / "core_decision_prompt.md"
FILES = [*sorted((ROOT / "strategies").glob("*.md")), PROMPT]


def rule(condition: str, action: str = "require") -> RuleSet:
    return load_rules_text(
        "## 투자 원칙 및 규칙\n### Entry Criteria: a\n**규칙**: 시험\n"
        f"**조건**: `{condition}`\n**행동**: `{action}`\n**우선순위**: 5/10\n"
    )


def near(condition: str, position: int, spread: Fraction = Fraction(2, 5)) -> list[str]:
    constant = constants_of(rule(condition).rules[0])[position - 1]
    values = near_values(constant, spread)
    assert [abs(value - constant.value) for value in values] == sorted(abs(value - constant.value) for value in values)
    return [constant.write(value) for value in sorted(values)]


@pytest.mark.parametrize(
    ("condition", "position", "wanted"),
    [
        ("volume_ratio(20) >= 1.5", 1, "12 13 14 15 16 17 18 19 21 22 23 24 25 26 27 28"),
        ("volume_ratio(20) >= 1.5", 2, "0.9 1 1.1 1.2 1.3 1.4 1.6 1.7 1.8 1.9 2 2.1"),
        ("volume_ratio(1) >= 1.5", 1, "2"),
        ("volume_ratio(2) >= 1.5", 1, "1 3"),
        ("zscore(close, 2) <= -0.5", 1, "3"),  # a deviation needs two bars
        (
            "zscore(close, 20) <= -2",
            2,
            "-2.8 -2.7 -2.6 -2.5 -2.4 -2.3 -2.2 -2.1 -1.9 -1.8 -1.7 -1.6 -1.5 -1.4 -1.3 -1.2",
        ),
        ("returns(5) > 0.5%", 2, "0.3% 0.4% 0.6% 0.7%"),
        ("returns(5) > 0.04%", 2, "0.02% 0.03% 0.05% 0.06%"),
        ("returns(5) > 0%", 2, "-2% -1.5% -1% -0.5% 0.5% 1% 1.5% 2%"),
        ("macd(12, 26) > 0원", 3, ""),
        ("mean(value, 20) >= 10억", 2, "6억 7억 8억 9억 11억 12억 13억 14억"),
        ("count_if(close > open, 5) >= 4", 2, "2 3 5 6"),
        ("time >= 14:50", 1, "14:30 14:40 15:00 15:10"),
        ("weekday == fri", 1, "mon tue wed thu"),
    ],
)
def test_the_values_around_a_constant(condition: str, position: int, wanted: str) -> None:
    assert near(condition, position) == wanted.split()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_neighbours_of_every_rule_of_a_file(path: Path) -> None:
    rules = load_rules(path)
    constants = all_constants(rules)
    for one in rules.rules:
        found = neighbours(rules, [one.id], 30, np.random.default_rng(1))
        assert len(found.points) == 30 or found.fewer
        assert len({tuple(sorted(point.items())) for point in found.points}) == len(found.points)
        for point in found.points:
            assert 1 <= len(point) <= MOST_MOVED
            assert {constants[name].rule_id for name in point} == {one.id}
            assert all(value != constants[name].value for name, value in point.items())
            assert with_constants(rules, point) != rules


@settings(max_examples=25, deadline=None)
@given(rule_sets(most_rules=3), st.integers(1, 40), st.integers(0, 2**32))
def test_neighbours_of_any_rules_are_different_allowed_and_near(rules: RuleSet, count: int, seed: int) -> None:
    identifiers = [one.id for one in rules.rules]
    found = neighbours(rules, identifiers, count, np.random.default_rng(seed))
    assert found == neighbours(rules, identifiers, count, np.random.default_rng(seed))
    assert len(found.points) <= count
    assert found.fewer == (len(found.points) < count)
    variants = [with_constants(rules, point) for point in found.points]
    assert len(set(variants)) == len(variants)
    assert rules not in variants
    constants = all_constants(rules)
    for point in found.points:
        for name, value in point.items():
            constant = constants[name]
            if constant.unit is Unit.WEEKDAY:
                continue
            # Rounding to two digits moves a value by up to a twentieth more; a whole number always has its neighbours.
            assert abs(value - constant.value) <= max(abs(constant.value) * Fraction(1, 2), 2)


def test_few_constants_give_all_their_neighbours_and_say_so() -> None:
    found = neighbours(rule("returns(5) <= -7%"), ["a"], 10_000, np.random.default_rng(1))
    # 5 → 3, 4, 6, 7; −7 % → sixteen values by steps of 0.35 % on the grid of 0.1 %.
    assert found.fewer
    assert len(found.points) == 4 + 16 + 4 * 16
    assert [len(point) for point in found.points] == [1] * 20 + [2] * 64


def test_many_constants_give_a_seeded_sample() -> None:
    rules = load_rules(ROOT / "strategies" / "volume_surge.md")
    identifiers = [one.id for one in rules.rules]
    first, again, other = (neighbours(rules, identifiers, 200, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert len(first.points) == len(other.points) == 200
    assert not first.fewer
    assert {len(point) for point in first.points} == {1, 2, 3}
    assert {name for point in first.points for name in point} == set(all_constants(rules)) - set(first.fixed)


def test_windows_that_only_go_together_are_moved_together() -> None:
    rules = rule("macd(9, 10) > 0원")
    found = neighbours(rules, ["a"], 500, np.random.default_rng(1))
    pairs = {(point.get("a.1", Fraction(9)), point.get("a.2", Fraction(10))) for point in found.points}
    assert (Fraction(11), Fraction(13)) in pairs
    assert all(fast < slow for fast, slow in pairs)
    assert found.fixed == ("a.3",)


def test_a_rule_without_numbers_has_no_neighbours() -> None:
    found = neighbours(rule("close > open"), ["a"], 10, np.random.default_rng(1))
    assert (found.points, found.fewer, found.fixed) == ((), True, ())


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(RuleProblem, match="stop-loss") as caught:
        neighbours(load_rules(PROMPT), ["nothing"], 10, np.random.default_rng(1))
    assert caught.value.code == "unknown_rule"
