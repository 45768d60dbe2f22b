"""The value of the account at the end of each session."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import date, datetime

from engine.clock import require_aware
from engine.ledger.canonical import plain, stamp, unstamp
from engine.ledger.ledger import Ledger
from engine.ledger.rows import ACCOUNT


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    """One session's end; int won, fractions of a won only on adjusted data.

    Args:
        session: the trading day.
        time: of its last bar.
        cash: unsettled included.
        holdings: value of the shares.
        equity: cash + holdings.
        positions: number of names held.
        fees: cumulative, as are taxes and realised.
        taxes: securities transaction tax and rural tax.
        realised: profit before costs.
        benchmark: index close; None = unknown.
    """

    session: date
    time: datetime
    cash: float
    holdings: float
    equity: float
    positions: int
    fees: float = 0
    taxes: float = 0
    realised: float = 0
    benchmark: float | None = None

    def __post_init__(self) -> None:
        require_aware(self.time, f"Equity of {self.session}")


def record_equity(ledger: Ledger, point: EquityPoint) -> None:
    """Write the account's value of a session; the later of two calls for one session stays."""
    values = (ACCOUNT, point.session.isoformat(), stamp(point.time), *plain(astuple(point)[2:]))
    with ledger.writing() as connection:
        connection.execute(f"INSERT OR REPLACE INTO equity VALUES (?{', ?' * 10})", values)


def equity_points(ledger: Ledger, *, run_id: int = ACCOUNT) -> list[EquityPoint]:
    """All sessions of a run, in order."""
    rows = ledger.connection.execute("SELECT * FROM equity WHERE run_id = ? ORDER BY session", (run_id,))
    return [_point(row) for row in rows]


def last_equity(ledger: Ledger, *, run_id: int = ACCOUNT) -> EquityPoint | None:
    """The latest session of a run, None before the first."""
    row = ledger.connection.execute(
        "SELECT * FROM equity WHERE run_id = ? ORDER BY session DESC LIMIT 1", (run_id,)
    ).fetchone()
    return _point(row) if row else None


def _point(row: tuple) -> EquityPoint:
    return EquityPoint(
        session=date.fromisoformat(row[1]),
        time=unstamp(row[2]),
        cash=row[3],
        holdings=row[4],
        equity=row[5],
        positions=row[6],
        fees=row[7],
        taxes=row[8],
        realised=row[9],
        benchmark=row[10],
    )
