"""The specification of a sweep: axes, size, order and samples."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules.constants import all_constants, with_constants
from engine.rules.grid import Grid, parse_grid
from engine.rules.problem import RuleProblem
from engine.rules.prompt import load_rules, load_rules_text
from engine.rules.tree import RuleSet

ROOT = Path(__file__).parents[3]
PROMPT = ROOT / "prompts" / "core_decision_prompt.md"


def rules() -> RuleSet:
    return load_rules(PROMPT)


def labels(*axes: str) -> list[list[str]]:
    return [axis.labels for axis in parse_grid(rules(), axes).axes]


def timed_rules() -> RuleSet:
    return load_rules_text(
        "## 투자 원칙 및 규칙\n**주기**: 5m\n### Entry Criteria: late\n**규칙**: 늦게 산다\n"
        "**조건**: `time >= 14:50 and weekday == fri`\n**행동**: `buy 10% of equity`\n**우선순위**: 5/10\n"
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("volume-filter.2=1.2:1.5:0.1", ["1.2", "1.3", "1.4", "1.5"]),
        ("volume-filter.1=10,20,40", ["10", "20", "40"]),
        (" volume-filter.1 = 40, 10 ", ["40", "10"]),
        ("take-half.1=5%:15%:5%", ["5%", "10%", "15%"]),
        ("take-half.1=5%:14%:4%", ["5%", "9%", "13%"]),
        ("stop-loss.1=-10%:-5%:2.5%", ["-10%", "-7.5%", "-5%"]),
        ("stop-loss.1=-7%", ["-7%"]),
        ("volume-filter.1=20:20:5", ["20"]),
        ("volume-filter.2=0.1:0.3:0.1", ["0.1", "0.2", "0.3"]),  # no float would meet the end
    ],
)
def test_the_values_of_an_axis(text: str, wanted: list[str]) -> None:
    assert labels(text) == [wanted]


def test_times_and_weekdays_are_listed() -> None:
    grid = parse_grid(timed_rules(), ["late.1=14:00, 14:30", "late.2=mon,금요일"])
    assert [axis.labels for axis in grid.axes] == [["14:00", "14:30"], ["mon", "fri"]]


def test_constants_joined_by_a_plus_sign_move_together() -> None:
    grid = parse_grid(rules(), ["cross-above-mean.1 + volume-filter.1=10,20", "volume-filter.2=1,2"])
    assert grid.size == 4
    assert [axis.name for axis in grid.axes] == ["cross-above-mean.1+volume-filter.1", "volume-filter.2"]
    assert [tuple(point.values()) for point in grid.points()] == [(10, 10, 1), (10, 10, 2), (20, 20, 1), (20, 20, 2)]
    assert list(grid.point(0)) == ["cross-above-mean.1", "volume-filter.1", "volume-filter.2"]
    assert [grid.places(index) for index in range(4)] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [grid.index_of(point) for point in grid.points()] == [0, 1, 2, 3]
    assert grid.index_of(grid.point(0) | {"volume-filter.1": Fraction(20)}) is None


def test_a_point_that_lies_between_or_beyond_the_steps_is_not_in_the_grid() -> None:
    grid = parse_grid(rules(), ["volume-filter.2=1.2:3:0.3", "stop-loss.1=-7%,-5%"])
    index = {"volume-filter.2": Fraction(3, 2), "stop-loss.1": Fraction(-1, 20)}
    assert grid.index_of(index) == 3
    for name, value in (("volume-filter.2", 1.4), ("volume-filter.2", 3.3), ("volume-filter.2", 0.9)):
        assert grid.index_of(index | {name: Fraction(str(value))}) is None
    assert grid.index_of(index | {"stop-loss.1": Fraction(-6, 100)}) is None


def test_the_last_axis_turns_fastest() -> None:
    grid = parse_grid(rules(), ["volume-filter.1=10,20", "volume-filter.2=1:2:0.5"])
    assert grid.size == 6
    assert [tuple(point.values()) for point in grid.points()] == list(
        itertools.product([10, 20], [Fraction(1), Fraction(3, 2), Fraction(2)])
    )
    assert list(grid.point(0)) == ["volume-filter.1", "volume-filter.2"]


@pytest.mark.parametrize(
    ("axes", "code", "says"),
    [
        ([], "grid_empty", "volume-surge.2=1.2:3.0:0.1"),
        (["volume-filter.1"], "grid_form", "name=from:to:step"),
        (["volume-filter.1="], "grid_form", "name=from:to:step"),
        (["=1,2"], "grid_form", "name=from:to:step"),
        (["volume-filter.1=10:40"], "grid_form", "from:to:step"),
        (["volume-filter.1=10:40:5:5"], "grid_form", "from:to:step"),
        (["volume-filter.1=10,,20"], "grid_form", "from:to:step"),
        (["volume-filter.1=10:20:5,40"], "grid_form", "from:to:step"),
        (["volume-filter.1=::"], "grid_form", "from:to:step"),
        (["volume-filter.9=1,2"], "unknown_constant", "volume-filter.2 (1.5)"),
        (["volume-filter.1=40:10:5"], "grid_reverse", "volume-filter.1=10:40:5"),
        (["stop-loss.1=-5%:-10%:1%"], "grid_reverse", "stop-loss.1=-10%:-5%:1%"),
        (["volume-filter.1=10:40:0"], "grid_step", "above 0"),
        (["volume-filter.1=10:40:-5"], "grid_step", "volume-filter.1=10:40:5"),
        (["volume-filter.1=10,20", "volume-filter.1=30"], "grid_twice", "volume-filter.1"),
        (["volume-filter.1=10,10.0"], "grid_twice", "10.0"),
        (["volume-filter.1+volume-filter.1=10,20"], "grid_twice", "volume-filter.1"),
        (["volume-filter.1+volume-filter.2=10,20", "volume-filter.2=1,2"], "grid_twice", "volume-filter.2"),
        (["volume-filter.1+=10,20"], "unknown_constant", "volume-filter.1 (20)"),
        (["volume-filter.2+stop-loss.1=1,2"], "constant_unit", "-7%"),
        (["volume-filter.1=10:20:0.5"], "constant_range", "a whole number from 1 to 2500"),
        (["volume-filter.1=0:20:5"], "constant_range", "a whole number from 1 to 2500"),
        (["volume-filter.1=10:3000:5"], "constant_range", "a whole number from 1 to 2500"),
        (["take-half.1=5:15:1"], "constant_unit", "15%"),
        (["take-half.1=5%:15%:1"], "constant_unit", "15%"),
        (["volume-filter.2=120%,150%"], "constant_unit", "1.5"),
        (["position-limit.1=50%:150%:10%"], "constant_range", "up to 100%"),
        (["volume-filter.1=close,20"], "constant_text", "close"),
        (["volume-filter.2=10,000"], "grid_comma", "10_000"),
    ],
)
def test_a_wrong_specification_is_refused(axes: list[str], code: str, says: str) -> None:
    with pytest.raises(RuleProblem) as caught:
        parse_grid(rules(), axes)
    assert caught.value.code == code
    assert says in caught.value.in_language("en")
    assert caught.value.in_language("ko") != caught.value.in_language("en")


def test_weekdays_have_no_range() -> None:
    with pytest.raises(RuleProblem, match="mon,wed,fri") as caught:
        parse_grid(timed_rules(), ["late.2=mon:fri:1"])
    assert caught.value.code == "grid_range_of"


@pytest.mark.parametrize("digits", [6, 12, 17])
def test_a_grid_of_any_size_is_counted_and_sampled_without_being_made(digits: int) -> None:
    grid = parse_grid(
        rules(),
        [
            f"volume-filter.2=0:{10**digits}:0.001",
            "volume-filter.1=1:2500:1",
            f"stop-loss.1=-99%:-1%:0.{'0' * digits}1%",
        ],
    )
    assert grid.size == (10 ** (digits + 3) + 1) * 2500 * (98 * 10 ** (digits + 1) + 1)
    points = grid.sample(50, seed=7)
    assert points == grid.sample(50, seed=7)
    assert points != grid.sample(50, seed=8)
    assert len({tuple(point.values()) for point in points}) == 50
    windows = {point["volume-filter.1"] for point in points}
    assert len(windows) > 40  # 50 of 2,500: an even draw repeats one or none of them
    assert next(grid.points()) == grid.point(0)
    assert with_constants(rules(), points[0]).rules != rules().rules


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=4),
    st.integers(0, 40),
    st.integers(0, 2**32),
)
def test_a_sample_is_part_of_the_grid_and_repeats_nothing(sizes: list[int], count: int, seed: int) -> None:
    names = ["volume-filter.1", "rising-first.1", "cross-above-mean.1", "volume-filter.2"]
    grid = parse_grid(rules(), [f"{name}=10:{9 + size}:1" for name, size in zip(names, sizes, strict=False)])
    everything = [tuple(point.items()) for point in grid.points()]
    assert len(everything) == len(set(everything)) == grid.size
    sample = [tuple(point.items()) for point in grid.sample(count, seed)]
    assert len(sample) == len(set(sample)) == min(count, grid.size)
    assert set(sample) <= set(everything)
    assert sample == [tuple(point.items()) for point in grid.sample(count, seed)]


def test_every_place_is_drawn_about_equally_often() -> None:
    grid = parse_grid(rules(), ["volume-filter.1=1:40:1"])
    drawn: dict[Fraction, int] = {}
    for seed in range(400):
        for point in grid.sample(5, seed):
            drawn[point["volume-filter.1"]] = drawn.get(point["volume-filter.1"], 0) + 1
    # 2,000 draws over 40 places: 50 each, standard deviation 7.
    assert len(drawn) == 40
    assert 15 < min(drawn.values()) <= max(drawn.values()) < 90


@pytest.mark.parametrize("path", [*sorted((ROOT / "strategies").glob("*.md")), PROMPT], ids=lambda path: path.stem)
def test_every_constant_of_a_file_can_be_an_axis(path: Path) -> None:
    ruleset = load_rules(path)
    axes = [f"{name}={constant.text}" for name, constant in all_constants(ruleset).items()]
    grid = parse_grid(ruleset, axes)
    assert grid.size == 1
    assert with_constants(ruleset, grid.point(0)) == ruleset


def test_a_place_outside_the_grid_is_an_error() -> None:
    grid = Grid(parse_grid(rules(), ["volume-filter.1=10,20"]).axes)
    for index in (-1, 2):
        with pytest.raises(IndexError):
            grid.point(index)
