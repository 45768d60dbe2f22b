"""The end of a session's books: what corporate actions did, what the account is worth, what became of older trades."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np

from engine.clock import Clock, from_nanoseconds
from engine.config import BacktestConfig
from engine.data.panel import SPLIT, Panel
from engine.errors import DataError
from engine.events import ActionKind, CorporateAction
from engine.exchange import EPOCH
from engine.ledger.equity import EquityPoint, last_equity, record_equity
from engine.ledger.history import events_of
from engine.ledger.ledger import Ledger
from engine.ledger.trades import PriceAt, mature_outcomes
from engine.matching import arrays as at
from engine.simulation import Simulation
from engine.trading.account_history import history_of
from engine.trading.decision import RulesInForce
from engine.trading.ex_rights import takes_effect
from engine.trading.standing import resumes_of
from engine.trading.told_account import fold_and_keep

_KIND = {True: ActionKind.RATIO, False: ActionKind.CASH}  # by whether it is a split


@dataclass(frozen=True, slots=True, kw_only=True)
class DayEnd:
    """A closed session.

    Args:
        point: the account's value.
        before: its value a session earlier, None on the first.
        matured: outcomes of older trades that became known.
    """

    point: EquityPoint
    before: EquityPoint | None
    matured: int


def close_day(
    ledger: Ledger,
    panel: Panel,
    config: BacktestConfig,
    rules: RulesInForce,
    prices_of: Callable[[Panel], PriceAt],
    clock: Clock,
    session: date,
    announce: Callable[[DayEnd], None] = lambda done: None,
) -> DayEnd:
    """Close the books of `session`, and of every session before it that was missed.

    Args:
        ledger: of the account, open for writing.
        panel: bars up to `session` or later.
        config: costs and limits.
        rules: the prompt in force.
        prices_of: later prices of trades, from a panel.
        clock: of the venue's world.
        session: the day.
        announce: is told of it in the transaction that closes the books: a day that is closed has been announced.

    Raises:
        DataError: the data does not reach `session`.
    """
    if panel.session_date(panel.rows - 1) < session:
        raise DataError(
            f"The data ends on {panel.session_date(panel.rows - 1)}, so the books of {session} cannot be closed yet."
        )
    before = last_equity(ledger)
    done = before.session if before is not None else None
    _tell_actions(ledger, panel, done, session)
    points: list[EquityPoint] = []

    def mark(row: int, simulation: Simulation) -> None:
        day = panel.session_date(row)
        ends = row + 1 == panel.rows or panel.session[row + 1] != panel.session[row]
        if row > simulation.first and ends and day <= session and (done is None or day > done):
            points.append(_point(simulation, panel, row, config.benchmark))

    told = panel, config, history_of(ledger), resumes_of(ledger.connection)
    fold_and_keep(rules.rules, rules.since, *told, on_row=mark, on_rows_from=_first_row_after(panel, done))
    matured = mature_outcomes(ledger, clock.now(), prices_of(panel))
    if not points:
        raise DataError(f"The account has no value on {session}: it began later, or the data has no bar of that day.")
    end = DayEnd(point=points[-1], before=points[-2] if len(points) > 1 else before, matured=matured)
    with ledger.writing():
        for point in points:
            record_equity(ledger, point)
        announce(end)
    return end


def _first_row_after(panel: Panel, day: date | None) -> int:
    """The first bar of the sessions after a day."""
    return 0 if day is None else int(np.searchsorted(panel.session, (day - EPOCH).days, side="right"))


def _point(simulation: Simulation, panel: Panel, row: int, benchmark: str) -> EquityPoint:
    account = simulation.book.account
    series = panel.indices.get(benchmark)
    level = float(series[3, row]) if series is not None and np.isfinite(series[3, row]) else None
    return EquityPoint(
        session=panel.session_date(row),
        time=from_nanoseconds(int(panel.closed_at_ns[row])),
        cash=int(account[at.CASH] + account[at.RECEIVABLE] - account[at.PAYABLE]),
        holdings=int(account[at.HOLDINGS_VALUE]),
        equity=int(account[at.EQUITY]),
        positions=int(account[at.HELD]),
        fees=int(account[at.FEES]),
        taxes=int(account[at.TAXES] + account[at.RURAL_TAXES]),
        realised=int(account[at.REALISED]),
        benchmark=level,
    )


def _tell_actions(ledger: Ledger, panel: Panel, done: date | None, session: date) -> None:
    """Book the corporate actions of the days after `done` for what is held; they took effect before the open.

    An action is booked once, though a process that died in between comes here again.
    """
    actions = panel.actions
    if not len(actions):
        return
    told = {(event.time, event.ticker, event.kind) for event in events_of(ledger, CorporateAction)}
    for place in range(len(actions)):
        day = panel.session_date(int(actions.row[place]))
        if day > session or (done is not None and day <= done):
            continue
        ticker = panel.tickers[int(actions.col[place])]
        if ticker not in ledger.positions:
            continue
        splits = actions.kind[place] == SPLIT
        row, col = int(actions.row[place]), int(actions.col[place])
        base = int(panel.base[row, col])
        time, kind = takes_effect(day), _KIND[bool(splits)]
        if (time, ticker, kind) in told:
            continue
        ledger.append(
            CorporateAction(
                time=time,
                ticker=ticker,
                kind=kind,
                numerator=int(actions.numerator[place]) if splits else 1,
                denominator=int(actions.denominator[place]) if splits else 1,
                cash=0 if splits else int(actions.cash[place]),
                fraction_price=base if splits else 0,
            )
        )
