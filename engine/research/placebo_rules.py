"""Useless rules, drawn from the catalogue of the rule language: what somebody without any idea would propose.

A rule compares the place of some function among all names of the day, or among its own last bars, with a threshold.
Places mean the same for every function, so any of the catalogue can be drawn, and a threshold says how often the rule
fires. The rule then buys, filters, ranks or sells.
"""

from __future__ import annotations

import numpy as np

from engine.errors import BadInput
from engine.research.candidate import Candidate, read_candidate
from engine.rules.edit import RuleEntry, render_rule
from engine.rules.functions import FUNCTIONS, Across, Function, Kind
from engine.rules.tree import Category, Unit

MOST = 1_000  # of some tens of thousands that can be drawn
# What every market has. Traded value and market value may be missing.
SERIES = ("open", "high", "low", "close", "volume")
CONDITIONS = ("close > open", "close > lag(close, 1)", "volume > lag(volume, 1)", "high > lag(high, 1)")
# Windows from two days to a quarter, as people write them.
WINDOWS = (2, 3, 5, 10, 15, 20, 30, 60)
# Share of names or of days, in percent, on the side where the rule fires.
TRIGGER_SHARES, FILTER_SHARES = (2, 5, 10, 20), (30, 40, 50, 60, 70)
KINDS = ("buy", "sell", "require", "rank")


def random_candidates(base_text: str, count: int, seed: int) -> tuple[Candidate, ...]:
    """Candidates that each add one random rule to the prompt in force; no two trade alike.

    Args:
        base_text: the prompt in force.
        count: how many.
        seed: equal seeds give equal rules; the first rules of a longer list are those of a shorter one.

    Raises:
        BadInput: a number of rules that cannot be drawn.
        RuleProblem: the prompt in force does not compile.
    """
    if not 1 <= count <= MOST:
        raise BadInput(f"{count:,} random rules cannot be drawn. Take 1 to {MOST:,}.")
    generator = np.random.default_rng(seed)
    found: list[Candidate] = []
    seen: set[tuple[str, str]] = set()
    while len(found) < count:
        entry = random_rule(f"random-{len(found) + 1}", generator)
        if (entry.condition, entry.action) in seen:
            continue
        seen.add((entry.condition, entry.action))
        candidate = read_candidate(base_text, render_rule(entry))
        # The checker refuses what could never be true and quotients without a meaning; nobody could propose those.
        if not candidate.problems:
            found.append(candidate)
    return tuple(found)


def random_rule(name: str, generator: np.random.Generator) -> RuleEntry:
    """One rule; its text is its condition, so that the numbers of both agree."""
    kind = KINDS[int(generator.integers(len(KINDS)))]
    value = _value(generator)
    condition = "always" if kind == "rank" else _threshold(value, kind, generator)
    action = {"buy": "buy 10% of equity", "sell": "sell all", "require": "require", "rank": f"rank by {value}"}[kind]
    return RuleEntry(
        id=name,
        category=Category.EXIT if kind == "sell" else Category.ENTRY,
        text=f"{condition}: {action}",
        condition=condition,
        action=action,
        # Ranks go by priority: behind one of the base it would change nothing.
        priority=9 if kind == "rank" else 5,
    )


def _threshold(value: str, kind: str, generator: np.random.Generator) -> str:
    shares = FILTER_SHARES if kind == "require" else TRIGGER_SHARES
    share = shares[int(generator.integers(len(shares)))]
    window = WINDOWS[-1] if generator.integers(2) else WINDOWS[-3]
    place = f"rank({value})" if generator.integers(2) else f"ts_rank({value}, {window})"
    return f"{place} >= {100 - share}%" if generator.integers(2) else f"{place} <= {share}%"


def _value(generator: np.random.Generator) -> str:
    """A call of any function that gives a number for each name."""
    function = DRAWN[int(generator.integers(len(DRAWN)))]
    return f"{function.name}({', '.join(_arguments(function, generator))})"


def _arguments(function: Function, generator: np.random.Generator) -> list[str]:
    parameters = function.parameters
    series = generator.permutation(len(SERIES))
    windows = generator.permutation(len(WINDOWS))
    count = sum(parameter.kind is Kind.WINDOW for parameter in parameters)
    # Increasing, because the fast average of two comes first.
    lengths = iter(sorted(max(WINDOWS[place], 2) for place in windows[:count]))
    columns = iter(SERIES[place] for place in series)
    texts = []
    for parameter in parameters:
        if parameter.kind is Kind.WINDOW:
            texts.append(str(max(next(lengths), parameter.minimum)))
        elif parameter.kind is Kind.CONDITION:
            texts.append(CONDITIONS[int(generator.integers(len(CONDITIONS)))])
        else:
            texts.append(next(columns))
    return texts


DRAWN = tuple(
    function
    for function in FUNCTIONS.values()
    if function.across is Across.TIME
    and function.unit is not Unit.BOOL
    and all(parameter.kind is not Kind.NAMES for parameter in function.parameters)
)
