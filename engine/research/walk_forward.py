"""A walk forward: choose constants on the past, trade them on what comes next, move on; only the latter is reported.

1. Every variant runs once over the whole range (`engine.research.sweep.run_chunk`).
2. In each training window the variant with the best returns there is chosen; purge and embargo keep what it was chosen
   on away from what it is judged on.
3. One account trades the chosen variants, each in its test window (`engine.research.handover`): from the first test
   session on, money and holdings pass from window to window, nothing is bought or sold because of a seam.
4. Beside it run the unchanged rules on the same sessions, and the index.
5. The same variants make combinatorial purged paths (`engine.research.walk_forward_paths`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from engine.backtest import row_range
from engine.data.panel import Panel
from engine.errors import BadInput
from engine.metrics.cross_validation import Window
from engine.metrics.drawdown import drawdowns
from engine.metrics.ratios import sharpe
from engine.metrics.returns import Floats, periods_per_year
from engine.metrics.undefined import Figure, Undefined
from engine.research.handover import Leg, Relay, RelayTrack, run_relay
from engine.research.sweep import Sweep, chunks_of, run_chunk
from engine.research.sweep_table import Evaluated
from engine.research.walk_forward_choice import Chooser, neighbours_on
from engine.research.walk_forward_paths import Paths, purged_paths
from engine.research.walk_forward_plan import EPOCH, Plan, check_lookback, cut
from engine.research.workers import Workers
from engine.rules.constants import with_constants
from engine.rules.grid import Point
from engine.rules.problem import RuleProblem
from engine.rules.tree import RuleSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What came out of some sessions.

    Args:
        total_return: compounded.
        annual_mean: mean daily return times the returns of a year; sums of windows of any length compare by it.
        sharpe: per year.
        max_drawdown: deepest ratio below the peak, 0 or less.
    """

    total_return: float
    annual_mean: float
    sharpe: Figure
    max_drawdown: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One window.

    Args:
        train, test: first and last session.
        train_sessions, test_sessions: how many.
        chosen: number of the variant, see `WalkForward.variants`.
        in_sample: of the chosen variant in training.
        out_of_sample: of the account in the test, holdings that it brought along included.
        base: of the unchanged rules in the test.
        index_return: of the index in the test; None where it is unknown.
        trades: sales that filled in the test.
    """

    train: tuple[date, date]
    test: tuple[date, date]
    train_sessions: int
    test_sessions: int
    chosen: int
    in_sample: Stretch
    out_of_sample: Stretch
    base: Stretch
    index_return: float | None
    trades: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Variants:
    """Every variant that has a meaning, by column.

    Args:
        points: their constants.
        tracks: what their runs gave.
        returns: float64[sessions, variants], of the whole range.
        skipped: points of the grid whose values make no rule.
        base: float64[sessions], the unchanged rules.
    """

    points: tuple[Point, ...]
    tracks: tuple[Evaluated, ...]
    returns: Floats
    skipped: int
    base: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForward:
    """The result.

    Args:
        plan: the cut.
        days: int64, all sessions of the range, as days since 1970-01-01.
        steps: the windows in order.
        account: the account that traded the chosen variants.
        base_account: the one of the unchanged rules on the same sessions.
        index: float64[test sessions + 1], level of the index, its first value before the first test; not a number
            where it is unknown.
        own, base: of all test sessions; `index_total` of the index, None where unknown.
        return_efficiency: annual mean out of sample over that of the chosen variants in training; None where the
            latter is not above 0.
        sharpe_efficiency: the same of Sharpe ratios.
        variants: what was tried.
        paths: combinatorial purged paths over the whole range.
    """

    plan: Plan
    days: NDArray[np.int64]
    steps: tuple[Step, ...]
    account: RelayTrack
    base_account: RelayTrack
    index: Floats
    own: Stretch
    base: Stretch
    index_total: float | None
    return_efficiency: float | None
    sharpe_efficiency: float | None
    variants: Variants
    paths: Paths


def sessions_of(sweep: Sweep, panel: Panel) -> NDArray[np.int64]:
    """The sessions of the range, as days since 1970-01-01."""
    first, last = row_range(panel, sweep.start, sweep.end)
    return np.unique(panel.session[first:last])


def check_plan(sweep: Sweep, plan: Plan, panel: Panel) -> tuple[Window, ...]:
    """The windows; everything that can be refused is refused here, before anything runs.

    Raises:
        BadInput: see `engine.research.walk_forward_plan`; or "plateau" without the whole grid.
    """
    if plan.choice == "plateau" and not sweep.complete:
        raise BadInput(
            "The neighbours of a point are known on a whole grid only. Leave --samples out, or choose by sharpe."
        )
    days = sessions_of(sweep, panel)
    windows = cut(plan, days)
    check_lookback(plan, _rule_sets(sweep), days, panel.session, panel.manifest.price_scale)
    return windows


def walk_forward(
    sweep: Sweep,
    plan: Plan,
    panel: Panel,
    workers: Workers,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> WalkForward:
    """Run it.

    Args:
        sweep: the variants, their configuration and the range.
        plan: how the range is cut.
        panel: the market; the workers have the same one.
        workers: where the runs are made; the result does not depend on it.
        on_progress: told variants run and variants in all.

    Raises:
        BadInput: as for `check_plan`; or no point of the grid makes a rule.
        ConfigError, DataError, RuleError: as `engine.backtest.backtest`.
    """
    windows = check_plan(sweep, plan, panel)
    days = sessions_of(sweep, panel)
    periods = periods_per_year(panel.interval)
    variants = _run_variants(sweep, workers, on_progress)
    numbers = [row.number for row in variants.tracks]
    beside = neighbours_on(sweep.grid, [sweep.places[number] for number in numbers]) if plan.choice == "plateau" else ()
    chooser = Chooser(variants.returns, plan.choice, beside)
    chosen = [chooser.best(window.train) for window in windows]
    rules = {column: with_constants(sweep.rules, variants.points[column]) for column in dict.fromkeys(chosen)}
    legs = tuple(
        Leg(rules[column], _day(days[window.test[0]]), _day(days[window.test[-1]]))
        for column, window in zip(chosen, windows, strict=True)
    )
    # The unchanged rules change into themselves at the same seams, which is no change at all.
    base_legs = (Leg(sweep.rules, legs[0].first, legs[-1].last),)
    relays = [Relay(legs, sweep.config), Relay(base_legs, sweep.config)]
    account, base_account = workers.map(run_relay, relays)
    index = _index_levels(panel, sweep.config.benchmark, account.sessions)
    steps = tuple(
        _step(window, column, days, variants, account, base_account, index, trades, windows[0].test[0], periods)
        for window, column, trades in zip(windows, chosen, account.trades, strict=True)
    )
    own, base = stretch(account.returns, periods), stretch(base_account.returns, periods)
    return WalkForward(
        plan=plan,
        days=days,
        steps=steps,
        account=account,
        base_account=base_account,
        index=index,
        own=own,
        base=base,
        index_total=_change(index),
        return_efficiency=_efficiency(own.annual_mean, [step.in_sample.annual_mean for step in steps]),
        sharpe_efficiency=_efficiency(own.sharpe, [step.in_sample.sharpe for step in steps]),
        variants=variants,
        paths=purged_paths(variants.returns, chooser, plan, periods),
    )


def stretch(returns: Floats, periods: int) -> Stretch:
    """The figures of a series of daily returns."""
    growth = np.concatenate(([1.0], np.cumprod(1.0 + returns)))
    return Stretch(
        total_return=float(growth[-1] - 1.0),
        annual_mean=float(returns.mean() * periods) if len(returns) else 0.0,
        sharpe=sharpe(returns, periods),
        max_drawdown=float(drawdowns(growth).min()),
    )


def _run_variants(sweep: Sweep, workers: Workers, on_progress: Callable[[int, int], None] | None) -> Variants:
    chunks = chunks_of(sweep)
    total, done = sum(len(chunk.points) for chunk in chunks), 0
    rows: list[Evaluated] = []
    for chunk, found in zip(chunks, workers.map(run_chunk, chunks), strict=True):
        rows += found
        done += len(chunk.points)
        if on_progress is not None:
            on_progress(done, total)
    base = next(row.track for row in rows if row.number == sweep.base_number)
    tried = sorted((row for row in rows if row.number >= 0 and row.track is not None), key=lambda row: row.number)
    if not tried or base is None:
        raise BadInput(
            "None of these values makes a rule with a meaning, so there is nothing to choose from. "
            f"The first reason: {next(row.reason.en for row in rows if row.reason)}"
        )
    returns = np.stack([row.track.returns for row in tried if row.track is not None], axis=1)
    return Variants(
        points=tuple(row.point for row in tried),
        tracks=tuple(tried),
        returns=np.ascontiguousarray(returns),
        skipped=sum(row.reason is not None for row in rows),
        base=base.returns,
    )


def _step(
    window: Window,
    column: int,
    days: NDArray[np.int64],
    variants: Variants,
    account: RelayTrack,
    base_account: RelayTrack,
    index: Floats,
    trades: int,
    offset: int,
    periods: int,
) -> Step:
    tested = slice(window.test.start - offset, window.test.stop - offset)
    return Step(
        train=(_day(days[window.train[0]]), _day(days[window.train[-1]])),
        test=(_day(days[window.test[0]]), _day(days[window.test[-1]])),
        train_sessions=len(window.train),
        test_sessions=len(window.test),
        chosen=column,
        in_sample=stretch(variants.returns[window.train.start : window.train.stop, column], periods),
        out_of_sample=stretch(account.returns[tested], periods),
        base=stretch(base_account.returns[tested], periods),
        index_return=_change(index[tested.start : tested.stop + 1]),
        trades=trades,
    )


def _rule_sets(sweep: Sweep) -> list[RuleSet]:
    """The variants that have a meaning."""
    found = []
    for place in sweep.places:
        try:
            found.append(with_constants(sweep.rules, sweep.grid.point(place)))
        except RuleProblem:
            continue  # counted as skipped when its turn comes
    return found


def _index_levels(panel: Panel, name: str, sessions: NDArray[np.int64]) -> Floats:
    """Level of the index before the first session and at the end of each."""
    if name not in panel.indices:
        return np.full(len(sessions) + 1, np.nan)
    first = int(np.searchsorted(panel.session, sessions[0], side="left")) - 1
    ends = np.searchsorted(panel.session, sessions, side="right") - 1
    # Training came before, so there is a row before the first test.
    return np.asarray(panel.indices[name][3, [first, *ends]], dtype=np.float64)


def _change(levels: Floats) -> float | None:
    first, last = float(levels[0]), float(levels[-1])
    return last / first - 1.0 if np.isfinite(last) and first > 0 else None


def _efficiency(out_of_sample: Figure, in_sample: Sequence[Figure]) -> float | None:
    known = [value for value in in_sample if not isinstance(value, Undefined)]
    if isinstance(out_of_sample, Undefined) or not known:
        return None
    mean = float(np.mean(known))
    return out_of_sample / mean if mean > 0 else None


def _day(number: np.int64) -> date:
    return EPOCH + timedelta(days=int(number))
