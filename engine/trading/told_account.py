"""The account of a real venue as the arrays of the step: the ledger, booked bar by bar.

    simulation = told_account(rules, panel, config, history)      state after the panel's last close
    simulation.decide()                                           what the rules ask for now

A decision is a function of the ledger and the data and of nothing else, so a restart changes nothing. Marks, peaks,
days held, settlement, corporate actions and the state of exit rules come from the same compiled functions as in a
backtest; only the fills are those that happened. What happened after the last close is left out, as in a replay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from engine.clock import from_nanoseconds, to_nanoseconds
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.errors import BadInput, ConfigError
from engine.events import Event
from engine.exchange import Exchange, build_exchange
from engine.krx.sessions import session_hours
from engine.matching import arrays as at
from engine.rules.program import compile_rules
from engine.rules.tree import Node, RuleSet
from engine.simulation import Simulation
from engine.trading.account_history import AccountHistory
from engine.trading.checkpoint import Unfit
from engine.trading.fold import ADOPTED, GUARD, Fold, FoldTask
from engine.trading.fold_history import History, ListedHistory
from engine.trading.fold_setting import DataDigest

__all__ = ["ADOPTED", "GUARD", "fold_and_keep", "told_account"]

_MOMENT = 4  # place of the bits of time in the exchange's arrays


def told_account(
    rules: RuleSet,
    panel: Panel,
    config: BacktestConfig,
    history: Sequence[Event] | History,
    rules_since: datetime | None = None,
    watched: Sequence[Node] = (),
    on_row: Callable[[int, Simulation], None] | None = None,
    until: int | None = None,
    resumed: Sequence[str] = (),
    *,
    on_rows_from: int = 0,
    keeps: bool = False,
) -> Simulation:
    """The account after the panel's last close, or after an earlier one.

    A history that keeps folded accounts gives the same from the latest of them that still holds, and only what was
    told after it is booked.

    Args:
        rules: the rules in force.
        panel: raw bars up to the last close that is known; the first decision looks at the last close before the
            account began.
        config: costs and limits; its cash does not matter.
        history: every event of the account, in the order of the ledger; the first is its deposit.
        rules_since: before it other rules were in force, whose exits and halts are over; None = these from the start.
        watched: further features.
        on_row: told every bar after it has been booked.
        until: bars to book; the account is left at the close of the last of them. None = all.
        resumed: decisions after which a person let the account go on that a rule had halted. While the rule's condition
            holds, the next decision halts it again.
        on_rows_from: first bar that `on_row` needs to be told.
        keeps: the result is kept by the history, to go on from later.

    Raises:
        BadInput: no deposit, or no close before it.
        BrokenInvariant: a fill without an order, or a journal that was changed outside Geoul.
        ConfigError: adjusted prices.
    """
    if panel.manifest.price_scale != 1:
        raise ConfigError(
            f"{panel.manifest.name} has adjusted prices, but orders are traded at raw ones. Use raw (unadjusted) data."
        )
    told = history if isinstance(history, History) else ListedHistory(history)
    number, deposit = told.deposit() or (0, None)
    if deposit is None or deposit.amount <= 0:
        raise BadInput("The ledger has no deposit yet, so there is nothing to trade with.")
    first = int(np.searchsorted(panel.closed_at_ns, to_nanoseconds(deposit.time), side="right")) - 1
    if first < 0:
        raise BadInput(
            f"The data begins on {panel.session_date(0)}, after the account did ({deposit.time.date()}): no close is "
            "known from before the first decision. Download earlier history."
        )
    settings = config.model_copy(update={"cash_won": deposit.amount, "costs": True})
    exchange = _still_open(build_exchange(panel, settings))
    since = (
        first
        if rules_since is None
        else int(np.searchsorted(panel.closed_at_ns, to_nanoseconds(rules_since), side="left"))
    )
    task = FoldTask(
        rules=rules,
        exchange=exchange,
        compiled=compile_rules(rules, price_scale=exchange.scale),
        watched=tuple(watched),
        deposit=number,
        first=first,
        since=since,
        until=panel.rows if until is None else until,
        resumed=tuple(sorted(resumed)),
        data=DataDigest(exchange),
    )
    before = task.until if on_row is None else min(task.until, on_rows_from)
    fold = _latest(task, told, before) or Fold(task, told)
    fold.run(on_row)
    if keeps:
        fold.keep(told)
    return fold.simulation


def fold_and_keep(
    rules: RuleSet,
    rules_since: datetime | None,
    panel: Panel,
    config: BacktestConfig,
    history: AccountHistory,
    resumed: Sequence[str],
    *,
    on_row: Callable[[int, Simulation], None],
    on_rows_from: int,
) -> None:
    """The account after the panel's last close as in `told_account`, kept for later folds.

    From time to time one is kept in which no rules decided: rules that come into force later begin there.
    """
    told_account(
        rules,
        panel,
        config,
        history,
        rules_since,
        on_row=on_row,
        resumed=resumed,
        on_rows_from=on_rows_from,
        keeps=True,
    )
    if not history.serves_other_rules(panel.rows - 1):
        later = from_nanoseconds(int(panel.closed_at_ns[-1])) + timedelta(seconds=1)
        told_account(rules, panel, config, history, later, keeps=True)


def _latest(task: FoldTask, told: History, before: int) -> Fold | None:
    """The latest kept account at a close before bar `before` from which the journal gives the same."""
    for checkpoint in told.checkpoints(before, task.since):
        try:
            task.check(checkpoint)
            return Fold(task, told, checkpoint)
        except Unfit as unfit:
            told.set_aside(checkpoint, unfit.reason)
    return None


def _still_open(exchange: Exchange) -> Exchange:
    """The same market, where the last bar of unfinished minute data does not end its session: orders live on."""
    panel = exchange.panel
    closes = to_nanoseconds(session_hours(panel.session_date(panel.rows - 1)).periods[-1][1])
    if int(panel.closed_at_ns[-1]) >= closes:
        return exchange
    moment = exchange.arrays[_MOMENT].copy()
    moment[-1] &= ~np.uint8(at.LAST_OF_SESSION)
    return replace(exchange, arrays=(*exchange.arrays[:_MOMENT], moment, *exchange.arrays[_MOMENT + 1 :]))
