"""From a tick to the protective order it sets off: `python -m benchmarks.kis_guard`.

A server in a process of its own sends trades of 41 names, 5,000 a second; now and then one falls through a guarded
level. Measured from the moment before the frame is written to the moment when the order is handed to the venue, through
socket, queue, levels and the check against a real ledger, while a planner hangs in a thread of its own. Both clocks are
the machine's monotonic one.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.kis_load import CALM, NAMES, streaming
from benchmarks.report import machine
from brokers.kis.frames import format_data
from brokers.kis.realtime import Trade
from brokers.kis.realtime_fields import TRADE
from engine.broker import Accepted, Outcome
from engine.clock import SystemClock
from engine.events import CashMoved, CashReason, OrderAccepted, OrderIntended
from engine.fill import Fill
from engine.ledger.ledger import Ledger, open_ledger
from engine.order import Approved, OrderKind, OrderRequest, Side
from engine.trading.order_gate import OrderGates
from engine.trading.orders import OrderDesk
from engine.trading.oversight import Unsupervised
from engine.trading.watch import Level

RATE, EVERY = 5_000, 50  # trades a second; one in so many falls through its level
FALLEN, LEVEL = 69_900, 70_000


def falling_trade(number: int) -> bytes:
    """The n-th trade, from 1; its cumulative volume tells which one it is."""
    now = SystemClock().now()
    price = FALLEN if number % EVERY == 0 else CALM
    trade = Trade(TRADE, NAMES[number % len(NAMES)], now, now, price, 10, number, CALM * number)
    return format_data(TRADE, [trade.to_fields()]).encode()


class Venue:
    """Takes every order and notes when."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, float]] = []

    def submit(self, order: Approved[OrderRequest]) -> Outcome:
        """Noted, and taken."""
        self.taken.append((order.value.ticker, time.monotonic()))
        return Accepted(order_number=str(len(self.taken)))


def holdings(folder: Path, clock: SystemClock) -> Ledger:
    """An account that holds all names."""
    ledger, now = open_ledger(folder / "ledger.db", clock), clock.now()
    ledger.append(CashMoved(time=now, reason=CashReason.DEPOSIT, amount=10**12))
    for name in NAMES:
        request = OrderRequest(ticker=name, side=Side.BUY, quantity=1_000_000)
        fill = Fill(time=now, order_id=name, key=name, ticker=name, side=Side.BUY, quantity=1_000_000, price=CALM)
        ledger.append_all(
            [
                OrderIntended(time=now, order_id=name, request=request),
                OrderAccepted(time=now, order_id=name, order_number=name),
                fill,
            ]
        )
    return ledger


def guard(name: str) -> Level:
    """A stop of one share."""
    return Level(
        ticker=name,
        side=Side.SELL,
        kind=OrderKind.MARKET,
        price=LEVEL,
        direction=-1,
        rule_ids=("stop",),
        decision_id="guard",
        quantity=1,
        rule=0,
    )


def measure(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds from the tick to the level, and to the order."""
    clock, venue = SystemClock(), Venue()
    threading.Thread(target=time.sleep, args=(3_600,), name="planner that hangs", daemon=True).start()
    with (
        tempfile.TemporaryDirectory() as folder,
        holdings(Path(folder), clock) as ledger,
        streaming(count, RATE, falling_trade, stamped=True) as (socket, sent_at),
    ):
        desk = OrderDesk(
            ledger,
            venue,  # type: ignore[arg-type]
            clock,
            OrderGates(),
            lambda *_, **__: None,
            lambda *_, **__: None,
            touch=False,
            oversight=Unsupervised(),
        )
        desk.watch.replace([guard(name) for name in NAMES])
        seen, reached, ordered = 0, [], []
        with socket:
            while seen < count:
                fallen = []
                for item in socket.queue.take_all(timeout_seconds=30):
                    if isinstance(item, Trade):
                        seen += 1
                        desk.on_trade(item.ticker, item.price, CALM)
                        if item.price == FALLEN:
                            fallen.append((item.cumulative_volume - 1, item.ticker, time.monotonic()))
                before = len(venue.taken)
                desk.act(object())  # type: ignore[arg-type]
                taken = dict(venue.taken[before:])
                for number, name, at in fallen:
                    reached.append((at - sent_at[number]) * 1e3)
                    ordered.append((taken[name] - sent_at[number]) * 1e3)
                    desk.watch.add(guard(name))
    return np.array(reached), np.array(ordered)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="two seconds instead of twenty")
    count = RATE * (2 if parser.parse_args().short else 20)
    reached, ordered = measure(count)
    assert len(ordered) == count // EVERY, "every fall has set off one order"
    table = Table(title=f"{count:,} trades at {RATE:,}/s over {len(NAMES)} names, {len(ordered):,} protective orders")
    for name in ("from the tick", "ms, median", "99th percentile", "longest", "goal (99th)"):
        table.add_column(name, justify="right")
    for what, values, goal in (("to the level", reached, "5"), ("to the order", ordered, "10")):
        middle, late = np.percentile(values, [50, 99])
        table.add_row(what, f"{middle:.2f}", f"{late:.2f}", f"{values.max():.2f}", goal)
    console = Console()
    console.print(table)
    console.print(machine())


if __name__ == "__main__":
    main()
