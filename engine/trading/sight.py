"""What a second process sees of an account: the last snapshot while its trader lives, the ledger when it does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.clock import Clock
from engine.ledger.equity import EquityPoint, last_equity
from engine.ledger.figures import last_decision_id, last_written_at
from engine.ledger.ledger import Ledger, open_ledger
from engine.order import Order
from engine.position import Position
from engine.trading.control import SILENT, ControlFile
from engine.trading.health import Health
from engine.trading.heartbeat import LastBeat, last_beat
from engine.trading.kill_switch import HaltFile
from engine.trading.level_evidence import LEDGER
from engine.trading.standing import Halt, Standing, standing_of
from engine.trading.status_file import StatusFile

SILENT_AFTER_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the ledger says without a trader.

    Args:
        written: time of the last entry of the journal, None before the first.
        cash: won, unsettled included.
        positions: what is held, by ticker.
        open_orders: orders that can still fill.
        unresolved_orders: the next start asks the venue about them.
        closed: value at the last close, None before the first.
        last_decision: its id, "" before the first.
        standing: level and plans that wait.
        halt: the kill switch, thrown in the ledger or by the file HALT; None = off.
        alarms: of `geoul watch`, with their time, that no trader has written down yet; oldest first.
    """

    written: datetime | None
    cash: int
    positions: dict[str, Position]
    open_orders: list[Order]
    unresolved_orders: list[Order]
    closed: EquityPoint | None
    last_decision: str
    standing: Standing
    halt: Halt | None
    alarms: tuple[tuple[datetime, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One look.

    Args:
        beat: the trader's last sign of life, None if there never was one.
        is_running: it lives.
        health: the snapshot of a trader that runs; None = it has taken none yet.
        books: of an account whose trader does not run; None = it has no ledger, or the trader runs.
    """

    beat: LastBeat | None
    is_running: bool
    health: Health | None = None
    books: Books | None = None


def look_at(folder: Path, environment: str, clock: Clock) -> Sight:
    """Look at an account; nothing is written, and a trader is never held up.

    Args:
        folder: of the account.
        environment: "paper" or "live".
        clock: of the machine.

    Raises:
        DataError: ledger or snapshot cannot be read.
    """
    beat = last_beat(folder, clock)
    if beat is not None and not beat.has_ended and abs(beat.age.total_seconds()) < SILENT_AFTER_SECONDS:
        return Sight(beat=beat, is_running=True, health=StatusFile(folder).read())
    if not (folder / LEDGER).is_file():
        return Sight(beat=beat, is_running=False)
    with open_ledger(folder / LEDGER, clock, read_only=True) as ledger:
        return Sight(beat=beat, is_running=False, books=_books(folder, ledger, environment))


def _books(folder: Path, ledger: Ledger, environment: str) -> Books:
    standing = standing_of(ledger.connection, environment)
    return Books(
        written=last_written_at(ledger.connection),
        cash=ledger.totals.cash,
        positions=ledger.positions,
        open_orders=ledger.open_orders(),
        unresolved_orders=ledger.unresolved_orders(),
        closed=last_equity(ledger),
        last_decision=last_decision_id(ledger.connection),
        standing=standing,
        halt=standing.halt or HaltFile(folder).read(),
        alarms=tuple(
            (asked.time, str(asked.parameters["text"]))
            for asked in ControlFile(folder).unanswered()
            if asked.command == SILENT
        ),
    )
