"""Reading trades, and their outcomes after 7 and 30 days, which exist for nobody before their time."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Protocol

from engine.errors import BadInput
from engine.ledger.canonical import stamp, unstamp
from engine.ledger.ledger import Ledger
from engine.ledger.rows import ACCOUNT

HORIZONS_DAYS = (7, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One executed order: a row of the table `trades`, in its order of columns.

    Args:
        trade_id: number of the row.
        timestamp: first fill.
        ticker: KRX short code.
        action: "BUY" or "SELL".
        quantity: shares filled.
        price: average price, won.
        justification_text: why it was decided.
        market_snapshot: JSON text of the market then, None when no decision recorded it.
        portfolio_before: JSON text of the portfolio before the trade.
        pnl_7_days: percent after 7 calendar days, None before that is known. A buy gains when the price
        rises, a
            sell when it falls.
        pnl_30_days: the same after 30.
        order_number: the venue's number.
        execution_status: status of the order.
        created_at: when the row was written.
        updated_at: when it was last changed.
    """

    trade_id: int
    timestamp: datetime
    ticker: str
    action: str
    quantity: int
    price: float
    justification_text: str
    market_snapshot: str | None
    portfolio_before: str | None
    pnl_7_days: float | None
    pnl_30_days: float | None
    order_number: str
    execution_status: str
    created_at: datetime
    updated_at: datetime


_TIMES = ("timestamp", "created_at", "updated_at")
_COLUMNS = [field.name for field in fields(Trade)]


class PriceAt(Protocol):
    """What a share was worth later."""

    def __call__(self, ticker: str, traded_at: datetime, at: datetime) -> float | None:
        """The last price known at `at` for one share as it was at `traded_at`.

        A split between the two must be undone, so that a 2:1 split does not look like a loss of half. None:
        unknown (not yet in the data, say); it is asked again at the next call.
        """
        ...


def mature_outcomes(ledger: Ledger, now: datetime, price_at: PriceAt, *, run_id: int = ACCOUNT) -> int:
    """Fill `pnl_7_days` and `pnl_30_days` of all trades whose 7 or 30 days have passed at `now`.

    The moment from which readers may see a value is recorded with it: for the account the present call, for a
    backtest, which is written after its clock has stopped, the day on which its clock passed the due date.

    Args:
        ledger: open for writing.
        now: the clock of the run: its end for a backtest.
        price_at: where later prices come from.
        run_id: whose trades.

    Returns:
        How many values were filled.
    """
    filled = 0
    with ledger.writing() as connection:
        for trade_id, ticker, side, price, traded_at, horizon in _due(connection, now, run_id):
            due_at = traded_at + timedelta(days=horizon)
            told = price_at(ticker, traded_at, due_at)
            if told is None or price <= 0:
                continue
            later = float(told)
            change = (later - price) * 100 / price  # in this order 7 % is exactly 7
            known_at = now if run_id == ACCOUNT else due_at
            percent = change if side == "BUY" else -change
            connection.execute(
                "INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?)",
                (trade_id, horizon, stamp(due_at), stamp(known_at), later, percent),
            )
            connection.execute(
                f"UPDATE trades SET pnl_{horizon}_days = ?, updated_at = ? WHERE trade_id = ?",
                (percent, stamp(now), trade_id),
            )
            filled += 1
    return filled


def _due(
    connection: sqlite3.Connection, now: datetime, run_id: int
) -> list[tuple[int, str, str, float, datetime, int]]:
    found = []
    for horizon in HORIZONS_DAYS:
        rows = connection.execute(
            "SELECT t.trade_id, t.ticker, t.action, t.price, t.timestamp FROM trades t "
            "JOIN orders o USING (trade_id) WHERE o.run_id = ? AND t.timestamp <= ? AND NOT EXISTS "
            "(SELECT 1 FROM outcomes x WHERE x.trade_id = t.trade_id AND x.horizon_days = ?) "
            "ORDER BY t.trade_id",
            (run_id, stamp(now - timedelta(days=horizon)), horizon),
        )
        found += [(*row[:4], unstamp(row[4]), horizon) for row in rows]
    return found


def trades_between(
    ledger: Ledger,
    start: datetime,
    end: datetime,
    *,
    as_of: datetime | None = None,
    run_id: int = ACCOUNT,
) -> list[Trade]:
    """Trades with `start <= timestamp < end`, in order of time, as a reader at `as_of` may know them.

    Args:
        ledger: any ledger.
        start: aware.
        end: aware.
        as_of: who reads when; the ledger's clock by default. Later trades are left out, and outcomes that
            became known later are None, whatever the file holds.
        run_id: whose trades.
    """
    if end < start:
        raise BadInput(f"Trades from {start.isoformat()} to {end.isoformat()}: the end lies before the start.")
    reader = stamp(as_of or ledger.clock.now())
    columns = ", ".join(_column(name) for name in _COLUMNS)
    rows = ledger.connection.execute(
        f"SELECT {columns} FROM trades t JOIN orders o USING (trade_id) "
        "WHERE o.run_id = :run AND t.timestamp >= :start AND t.timestamp < :end AND t.timestamp <= :reader "
        "ORDER BY t.timestamp, t.trade_id",
        {"run": run_id, "start": stamp(start), "end": stamp(end), "reader": reader},
    )
    return [_trade(row) for row in rows]


def _column(name: str) -> str:
    for horizon in HORIZONS_DAYS:
        if name == f"pnl_{horizon}_days":
            return (
                "(SELECT return_percent FROM outcomes x WHERE x.trade_id = t.trade_id "
                f"AND x.horizon_days = {horizon} AND x.known_at <= :reader)"
            )
    return f"t.{name}"


def _trade(row: tuple[Any, ...]) -> Trade:
    values = dict(zip(_COLUMNS, row, strict=True))
    for name in _TIMES:
        values[name] = unstamp(values[name])
    return Trade(**values)
