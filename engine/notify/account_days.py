"""The account session by session, from its ledger: value, money paid in, growth without it, what is held."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from engine.clock import KST, session_of
from engine.errors import DataError
from engine.events import CashMoved, CashReason
from engine.ledger.canonical import stamp, unstamp
from engine.ledger.codec import EVENT_KINDS, decode, kind_of
from engine.ledger.equity import EquityPoint, equity_points
from engine.ledger.history import account_events
from engine.ledger.journal import NOTES
from engine.ledger.ledger import Ledger
from engine.ledger.state import LedgerState
from engine.order import Order
from engine.position import Position

# Money that did not come from trading: it changes the value, and is no profit.
_NOT_EARNED = frozenset(set(CashReason) - {CashReason.COST_ADJUSTMENT, CashReason.INTEREST})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDays:
    """An account up to the end of a session.

    Args:
        points: one per session, the last is that of the day asked for.
        paid_in: won paid in (taken out: negative) since the point before, one per point.
        growth: value of one won that was there at the start, one per point; money paid in is no growth.
        positions: held at the end of the day, by ticker.
        active: orders that were not finished then, oldest first.
    """

    points: tuple[EquityPoint, ...]
    paid_in: tuple[int, ...]
    growth: tuple[float, ...]
    positions: Mapping[str, Position]
    active: tuple[Order, ...]

    @property
    def earned(self) -> float:
        """Won that the last session earned, costs taken off and money paid in left out."""
        before = self.points[-2].equity if len(self.points) > 1 else 0
        return self.points[-1].equity - before - self.paid_in[-1]

    @property
    def day_return(self) -> float:
        """The same as a ratio."""
        return self.growth[-1] / (self.growth[-2] if len(self.growth) > 1 else 1.0) - 1.0

    @property
    def drawdown(self) -> float:
        """How far the growth is below its highest, 0 or less."""
        return self.growth[-1] / max(1.0, *self.growth) - 1.0


def day_end(session: date) -> datetime:
    """The midnight after a session: what was booked until then belongs to it."""
    return datetime.combine(session + timedelta(days=1), time(), KST)


def account_days(ledger: Ledger, session: date | None = None) -> AccountDays:
    """The account up to the end of `session`, by default of the last one whose books are closed.

    Raises:
        DataError: the books of that session are not closed, or it is no session of the account.
    """
    points = equity_points(ledger)
    if session is not None:
        points = points[: bisect_right([point.session for point in points], session)]
    if not points or (session is not None and points[-1].session != session):
        known = equity_points(ledger)
        said = f"It has {known[0].session} … {known[-1].session}." if known else "It has closed none yet."
        raise DataError(f"The account has no closed books of {session or 'any session'}. {said}")
    flows, sessions = [0] * len(points), [point.session for point in points]
    until = day_end(sessions[-1])
    for event in _cash_moves(ledger):
        if event.time < until and event.reason in _NOT_EARNED:
            flows[min(bisect_left(sessions, session_of(event.time)), len(sessions) - 1)] += event.amount
    positions, active = _state_at(ledger, until)
    return AccountDays(
        points=tuple(points),
        paid_in=tuple(flows),
        growth=_growth(points, flows),
        positions=positions,
        active=tuple(sorted(active, key=lambda order: (order.intended_at, order.id))),
    )


def _cash_moves(ledger: Ledger) -> Iterator[CashMoved]:
    rows = ledger.connection.execute(
        "SELECT kind, time, payload FROM events WHERE kind = ? ORDER BY sequence", (kind_of(CashMoved),)
    )
    for kind, moment, payload in rows:
        event = decode(kind, unstamp(moment), json.loads(payload))
        if isinstance(event, CashMoved):
            yield event


def _state_at(ledger: Ledger, until: datetime) -> tuple[Mapping[str, Position], list[Order]]:
    """Holdings and active orders at a moment. In the evening that is the ledger's own state; a past day is folded."""
    kinds = sorted(EVENT_KINDS | NOTES)  # all of them: so that the index of kinds and times answers
    later = ledger.connection.execute(
        f"SELECT 1 FROM events WHERE kind IN ({', '.join('?' * len(kinds))}) AND time >= ? LIMIT 1",
        (*kinds, stamp(until)),
    ).fetchone()
    if later is None:
        return ledger.positions, [*ledger.open_orders(), *ledger.unresolved_orders()]
    state = LedgerState()
    for event in account_events(ledger):
        if event.time < until:  # not the end of the loop: what happened on the day may have been booked later
            state.adopt(state.step(event), keep_finished=True)
    return state.positions, list(state.orders.values())


def _growth(points: Sequence[EquityPoint], flows: Sequence[int]) -> tuple[float, ...]:
    """Chained returns of the sessions; money paid in counts as there since the morning."""
    level, before, found = 1.0, 0.0, []
    for point, paid_in in zip(points, flows, strict=True):
        base = before + paid_in
        level *= point.equity / base if base > 0 else 1.0
        found.append(level)
        before = point.equity
    return tuple(found)
