"""The steps of the gate that need no market data: what a rule says, whether it may, and whether its text agrees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from engine.errors import ConfigError
from engine.research.candidate import Candidate
from engine.research.prose_check import compare_numbers
from engine.research.verdict import Outcome, Step
from engine.rules.check import review
from engine.rules.constants import constants_of
from engine.rules.findings import lookback_of_rule
from engine.rules.problem import RuleProblem
from engine.rules.sections import parse_prompt
from engine.rules.tree import Call, Rule
from engine.rules.walk import rule_expressions, walk

# Problems that are not told by "compiles": each belongs to the step that the user looks for it in.
UNIT_PROBLEMS = frozenset(
    {
        "compare_units",
        "add_units",
        "multiply_units",
        "price_and_amount",
        "bool_compare",
        "number_wanted",
        "condition_wanted",
        "order_price",
        "rank_key",
    }
)
CATEGORY_PROBLEMS = frozenset({"category_action"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplexityLimits:
    """The most that one rule may consist of.

    The most complex of the rules that come with Geoul has 15 parts, 4 functions and 5 numbers; the limits for parts
    and functions are three times that. Every number can be fitted to the past: with ten settings for each, a rule of
    eight is the best of a hundred million, and no history is long enough to tell it from luck.
    """

    nodes: int = 45
    functions: int = 12
    constants: int = 8

    def __post_init__(self) -> None:
        for part, most in asdict(self).items():
            if most < 1:
                raise ConfigError(f"The limit of {part} is {most}, which no rule can keep. Give at least 1.")


DEFAULT_LIMITS = ComplexityLimits()
# With less than half of the window left to decide on, the window is shorter than it looks.
LEAST_LEFT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """Of how much a rule consists: nodes of its trees, function calls, numbers."""

    nodes: int
    functions: int
    constants: int


def static_steps(
    candidate: Candidate, *, rows_available: int, limits: ComplexityLimits = DEFAULT_LIMITS
) -> tuple[Step, ...]:
    """All steps for the rules that a candidate adds or changes, in the order in which they are told.

    Args:
        candidate: as read; one that does not compile gives failed steps.
        rows_available: bars of the rules' interval in the window in which they will be judged.
        limits: the greatest complexity of one rule.
    """
    interval = (candidate.rules or candidate.base).interval
    return _steps(candidate.problems, candidate.judged, interval, rows_available, limits)


def static_steps_of_text(
    text: str, *, rows_available: int, limits: ComplexityLimits = DEFAULT_LIMITS
) -> tuple[Step, ...]:
    """All steps for every rule of a prompt, whatever the text is."""
    found = review(parse_prompt(text))
    return _steps(found.problems, found.rules, found.interval, rows_available, limits)


def complexity_of(rule: Rule) -> Complexity:
    """Count a rule's parts; what is not an expression, such as `buy 10% of equity`, counts by its numbers only."""
    nodes = [node for tree in rule_expressions(rule) for node in walk(tree)]
    calls = sum(isinstance(node, Call) for node in nodes)
    return Complexity(nodes=len(nodes), functions=calls, constants=len(constants_of(rule)))


def _steps(
    problems: Sequence[RuleProblem], rules: Sequence[Rule], interval: str, rows_available: int, limits: ComplexityLimits
) -> tuple[Step, ...]:
    units = [problem for problem in problems if problem.code in UNIT_PROBLEMS]
    rights = [problem for problem in problems if problem.code in CATEGORY_PROBLEMS]
    others = [problem for problem in problems if problem.code not in UNIT_PROBLEMS | CATEGORY_PROBLEMS]
    readable = "can_be_read" if problems else "compiles"
    told = (
        _told("compiles", others, "does_not_compile", passed=readable, rules=len(rules)),
        # A rule is read, then its rights are checked, then its units, up to the first problem: what comes after a
        # problem is unknown, what came before it was right.
        _told("units", units, "units_differ", passed="units_agree", hidden=bool(others or rights)),
        _told("category", rights, "not_allowed", passed="allowed", hidden=bool(others)),
    )
    later: tuple[tuple[str, Callable[[], Step]], ...] = (
        ("numbers", lambda: _numbers(rules, interval)),
        ("look_back", lambda: _look_back(rules, rows_available)),
        ("complexity", lambda: _complexity(rules, limits)),
    )
    if problems:
        return (*told, *(Step(name=name, outcome="unknown", reason="not_checked") for name, _ in later))
    return (*told, *(check() for _, check in later))


def _told(
    name: str, problems: Sequence[RuleProblem], failed: str, *, passed: str, hidden: bool = False, **figures: Any
) -> Step:
    if problems:
        first = problems[0]
        return Step(
            name=name,
            outcome="fail",
            reason=failed,
            figures={
                "count": len(problems),
                "problem": _sentence(first),
                "problems": [
                    {
                        "rule": problem.rule_id,
                        "code": problem.code,
                        "line": problem.line,
                        "column": problem.column,
                        "text": _sentence(problem),
                    }
                    for problem in problems
                ],
            },
        )
    if hidden:
        return Step(name=name, outcome="unknown", reason="not_checked")
    return Step(name=name, outcome="pass", reason=passed, figures=figures)


def _sentence(problem: RuleProblem) -> dict[str, str]:
    return {"ko": problem.in_language("ko"), "en": problem.in_language("en")}


def _numbers(rules: Sequence[Rule], interval: str) -> Step:
    compared = {rule.id: compare_numbers(rule, interval) for rule in rules}
    figures: dict[str, Any] = {
        field: [f"[{rule_id}] {text}" for rule_id, found in compared.items() for text in getattr(found, field)]
        for field in ("missing", "unsure", "unmentioned")
    }
    figures["said"] = sum(found.said for found in compared.values())
    figures["written"] = sum(found.written for found in compared.values())
    reasons: tuple[tuple[str, Outcome, str], ...] = (
        ("missing", "fail", "number_not_in_rule"),
        ("unsure", "warn", "number_unsure"),
        ("unmentioned", "warn", "number_not_in_text"),
    )
    for field, outcome, reason in reasons:
        if figures[field]:
            return Step(name="numbers", outcome=outcome, reason=reason, figures=figures)
    return Step(name="numbers", outcome="pass", reason="numbers_agree", figures=figures)


def _look_back(rules: Sequence[Rule], rows_available: int) -> Step:
    needs = {rule.id: lookback_of_rule(rule) for rule in rules}
    deepest = max(needs, key=lambda rule_id: needs[rule_id], default="")
    needed = needs.get(deepest, 0)
    # The first value stands on the row on which the look-back is full.
    left = max(rows_available - max(needed, 1) + 1, 0)
    figures = {"rule": deepest, "needed": needed, "available": rows_available, "left": left}
    if left == 0:
        return Step(name="look_back", outcome="fail", reason="too_long", figures=figures)
    if left < LEAST_LEFT * rows_available:
        return Step(name="look_back", outcome="warn", reason="little_left", figures=figures)
    return Step(name="look_back", outcome="pass", reason="enough", figures=figures)


def _complexity(rules: Sequence[Rule], limits: ComplexityLimits) -> Step:
    allowed = asdict(limits)

    def excess(rule: Rule) -> float:
        return max(asdict(complexity_of(rule))[part] / allowed[part] for part in allowed)

    worst = max(rules, key=excess, default=None)
    found = asdict(complexity_of(worst)) if worst else dict.fromkeys(allowed, 0)
    figures = {"rule": worst.id if worst else "", **found, **{f"most_{part}": most for part, most in allowed.items()}}
    if worst and excess(worst) > 1:
        return Step(name="complexity", outcome="fail", reason="too_complex", figures=figures)
    return Step(name="complexity", outcome="pass", reason="simple", figures=figures)
