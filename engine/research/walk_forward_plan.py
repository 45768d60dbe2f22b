"""How history is cut for a walk forward: lengths as people write them, and what cannot be cut that way."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadInput
from engine.metrics.cross_validation import Window, combinatorial_purged, fold_bounds, split_count, walk_forward_windows
from engine.metrics.returns import SESSIONS_PER_YEAR, periods_per_year
from engine.rules.lookback import lookback_bars
from engine.rules.program import compile_rules
from engine.rules.tree import RuleSet

Choice = Literal["sharpe", "mean", "plateau"]
Days = NDArray[np.int64]

EPOCH = date(1970, 1, 1)
# The outcome of a decision is known after 30 sessions at the latest: our labels look 7 and 30 days ahead.
LABEL_SESSIONS = 30
# 16 folds by 8 are 12,870 splits; twice as many say nothing more.
MOST_SPLITS = 20_000

_LENGTH = re.compile(r"([0-9]{1,6})([ymw]?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Lengths in sessions.

    Args:
        train, test: of a window; the last test may be shorter.
        purge: sessions left out between training and test: the longest horizon of what a decision leads to.
        embargo: further sessions left out; of combinatorial paths only after a test.
        anchored: training always begins with the range and grows.
        folds, test_folds: of the combinatorial paths.
        choice: what decides in training: the Sharpe ratio, the mean return, or the mean Sharpe ratio of a point and
            its neighbours on the grid ("plateau"), which prefers a broad hill to a spike.
    """

    train: int
    test: int
    purge: int = LABEL_SESSIONS
    embargo: int = 0
    anchored: bool = False
    folds: int = 10
    test_folds: int = 2
    choice: Choice = "sharpe"


def read_length(text: str, days: Days) -> int:
    """A length in sessions: `500`, or as many as the first `2y`, `6m` or `10w` of the range have.

    Args:
        text: what the user wrote.
        days: sessions of the range, days since 1970-01-01.

    Raises:
        BadInput: it is no length, or the range is shorter.
    """
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise BadInput(
            f'"{text}" is no length of a window. Write sessions (500), or years, months or weeks (2y, 6m, 10w).'
        )
    number, unit = int(found[1]), found[2]
    if not unit:
        return number
    first = EPOCH + timedelta(days=int(days[0]))
    end = (_later(first, number, unit) - EPOCH).days
    if end > days[-1] + 1:
        last = EPOCH + timedelta(days=int(days[-1]))
        raise BadInput(f"{text} is longer than the range from {first} to {last}. Take a shorter window or more data.")
    return int(np.searchsorted(days, end))


def label_length(interval: str) -> int:
    """The horizon of the labels, 30 trading days, in sessions of an interval, rounded up.

    >>> label_length("1d"), label_length("5m"), label_length("1w")
    (30, 30, 7)
    """
    return -(-LABEL_SESSIONS * periods_per_year(interval) // SESSIONS_PER_YEAR)


def cut(plan: Plan, days: Days) -> tuple[Window, ...]:
    """The windows of a walk forward, in places of `days`.

    Raises:
        BadInput: windows, gaps or folds that leave nothing to train on or to test.
    """
    if plan.train < 2 or plan.test < 1:
        raise BadInput(
            f"A training window of {plan.train} sessions and a test of {plan.test} cannot be: training needs two "
            "sessions or more, a test one."
        )
    if plan.purge < 0 or plan.embargo < 0:
        raise BadInput(f"{plan.purge} purged and {plan.embargo} embargoed sessions cannot be: give 0 or more.")
    gap = plan.purge + plan.embargo
    if gap >= plan.train:
        raise BadInput(
            f"The gap of {gap:,} sessions (purge and embargo) is not shorter than the training window of "
            f"{plan.train:,}: what is learned would be older than it is long. Lengthen --train or shorten --purge."
        )
    if len(days) <= plan.train + gap:
        raise BadInput(
            f"{len(days):,} sessions leave nothing to test after {plan.train:,} of training and a gap of {gap:,}. "
            "Shorten --train, or take a longer range."
        )
    _check_folds(plan, len(days))
    return walk_forward_windows(len(days), plan.train, plan.test, plan.purge, plan.embargo, plan.anchored)


def check_lookback(plan: Plan, rule_sets: Iterable[RuleSet], days: Days, row_sessions: Days, price_scale: int) -> None:
    """Refuse a training window that is shorter than the history which a variant needs for its first value.

    Args:
        plan: the cut.
        rule_sets: all variants.
        days: sessions of the range.
        row_sessions: session of each row of the panel.
        price_scale: of the dataset.
    """
    features = {node for rules in rule_sets for node in compile_rules(rules, price_scale=price_scale).features}
    needed = max(map(lookback_bars, features), default=0)
    first, last = np.searchsorted(row_sessions, (days[0], days[plan.train - 1] + 1))
    if needed > last - first:
        raise BadInput(
            f"A variant needs {needed:,} bars of history, but a training window of {plan.train:,} sessions has "
            f"{last - first:,}: it could not be judged. Lengthen --train, or vary within shorter look-backs."
        )


def _check_folds(plan: Plan, sessions: int) -> None:
    splits = split_count(plan.folds, plan.test_folds)
    if splits > MOST_SPLITS:
        raise BadInput(
            f"{plan.folds} folds by {plan.test_folds} are {splits:,} splits, more than {MOST_SPLITS:,}. "
            "Take fewer: 10 by 2 are 45 splits and 9 paths."
        )
    shortest = min(len(fold) for fold in fold_bounds(sessions, plan.folds))
    if shortest <= plan.purge:
        raise BadInput(
            f"{plan.folds} folds of {sessions:,} sessions have {shortest:,} each, not more than the purge of "
            f"{plan.purge:,}. Take fewer --folds, a shorter --purge or a longer range."
        )
    for _ in combinatorial_purged(sessions, plan.folds, plan.test_folds, plan.purge, plan.embargo):
        pass  # raises where a split has nothing to train on


def _later(first: date, number: int, unit: str) -> date:
    """The day after a span that begins on `first`; beyond the calendar its last day."""
    try:
        if unit == "w":
            return first + timedelta(weeks=number)
        year, month = divmod(first.year * 12 + first.month - 1 + number * (12 if unit == "y" else 1), 12)
        # Days over the end of a shorter month run into the next one.
        return date(year, month + 1, 1) + timedelta(days=first.day - 1)
    except (OverflowError, ValueError):
        return date.max
