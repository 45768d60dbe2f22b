"""What an audit found, as values that the reports print."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Literal

from engine.research.audit_compare import Move

Status = Literal["clean", "found", "warning", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A decision that moved although nothing known at its time had changed.

    Args:
        cut: close of the last bar that was left as it is.
        move: the first decision that moved.
        inputs: what moved it when changed alone; empty where only all together do.
        nearest_bars: changing this many bars after the cut is enough; counted from the bar of the decision. None where
            it was not looked for.
        furthest_bars: a bar this far after the decision still matters.
        history_bars: of a start: bars before the first decision from which on it no longer matters where the data
            begin; None where only the whole history gives the same.
    """

    cut: datetime.datetime
    move: Move
    inputs: tuple[str, ...] = ()
    nearest_bars: int | None = None
    furthest_bars: int | None = None
    history_bars: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One of the five checks.

    Args:
        name: "repeat", "future", "history", "names", "start" or "source".
        status: clean; found (the audit is not passed); warning (to know, no look-ahead); skipped (could not be done).
        worlds: how many changed worlds were run and compared.
        finding: what moved.
        lines: of a "source": what the strategy's file does outside its view, as (line, words).
        reason: of a check that was skipped: "no_orders", "no_later_names", "too_short" or "after_repeat".
    """

    name: str
    status: Status
    worlds: int = 0
    finding: Finding | None = None
    lines: tuple[tuple[int, str], ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """All checks of one strategy on one dataset.

    Args:
        checks: in the order in which they were made.
        cuts: the bars after which the future was changed.
        seed: of the changed worlds.
        runs: backtests that it took.
        orders: of the unchanged run: with none there is nothing to compare.
        lookback_bars: history that the strategy declares.
        result_hash: of the unchanged run.
        survivors_only: the data hold next to no name that ended: a bias that no re-run can show.
    """

    checks: tuple[Check, ...]
    cuts: tuple[datetime.datetime, ...]
    seed: int
    runs: int
    orders: int
    lookback_bars: int
    result_hash: str
    survivors_only: bool

    @property
    def passed(self) -> bool:
        """Whether no look-ahead was found and runs can be repeated."""
        return all(check.status != "found" for check in self.checks)
