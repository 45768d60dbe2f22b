"""From a tick to the protective order it sets off: `python -m benchmarks.kis_guard`.

A server in a process of its own sends trades of 41 names, 5,000 a second; now and then one falls through a guarded
level. Measured from the moment before the frame is written, through socket, queue, levels and the check against a real
ledger, while a planner hangs in a thread of its own:

    to the level, to the order    the loop waits for trades; until the order is handed to the venue
    … while a call hangs          the loop waits for a list of orders that never comes; until the order, whose intent
                                  is on the disk by then, has reached the venue's host

All clocks are the machine's monotonic one.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.kis_load import CALM, NAMES, calm_trade, number_of, streaming
from benchmarks.report import machine
from brokers.kis.answer import answer_body
from brokers.kis.broker import KisBroker
from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.errors import KisError
from brokers.kis.messages import OrderAnswer
from brokers.kis.realtime import Trade
from brokers.kis.rest import KisRest
from brokers.kis.stream_intake import MarketNews
from brokers.kis_account import LedgerBooks
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
from tests.scripted_kis import TOKEN_PATH, make_kis_config

RATE, EVERY = 5_000, 50  # trades a second; one in so many falls through its level
RARE = 500  # where orders really leave: KIS takes 18 a second
FALLEN, LEVEL = 69_900, 70_000


def falling_trade(number: int, every: int = EVERY) -> bytes:
    """The n-th trade, from 1; one in so many falls."""
    return calm_trade(number, FALLEN if number % every == 0 else CALM)


def order_host(path: str, values: Mapping[str, str], stamps: Any) -> object:
    """Takes every order and notes when, by its shares, which count the falls; a list of orders never comes."""
    if path == TOKEN_PATH:
        until = SystemClock().now() + timedelta(days=1)
        expires = {"access_token_token_expired": f"{until:%Y-%m-%d %H:%M:%S}", "expires_in": 86_400}
        return {"access_token": "benchmark", "token_type": "Bearer", **expires}
    if path != ENDPOINTS["order_cash"].path:
        return None
    number = int(values["ORD_QTY"])
    stamps[len(stamps) // 2 + number] = time.monotonic()
    row = OrderAnswer(branch="00950", order_number=f"{10**6 + number:010}", order_time=SystemClock().now().time())
    return answer_body(ENDPOINTS["order_cash"], {"output": row}, code="APBK0013", text="주문 전송 완료 되었습니다.")


def rarely_falling_trade(number: int) -> bytes:
    """The same, where few fall."""
    return falling_trade(number, RARE)


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


def guard(name: str, shares: int = 1) -> Level:
    """A stop."""
    return Level(
        ticker=name,
        side=Side.SELL,
        kind=OrderKind.MARKET,
        price=LEVEL,
        direction=-1,
        rule_ids=("stop",),
        decision_id="guard",
        quantity=shares,
        rule=0,
    )


def _desk(ledger: Ledger, venue: Any, clock: SystemClock) -> OrderDesk:
    def silent(*_: object, **__: object) -> None:
        """Nobody reads."""

    return OrderDesk(ledger, venue, clock, OrderGates(), silent, silent, touch=False, oversight=Unsupervised())


def measure(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds from the tick to the level, and to the order."""
    clock, venue = SystemClock(), Venue()
    threading.Thread(target=time.sleep, args=(3_600,), name="planner that hangs", daemon=True).start()
    with (
        tempfile.TemporaryDirectory() as folder,
        holdings(Path(folder), clock) as ledger,
        streaming(count, RATE, falling_trade, stamped=True) as (socket, sent_at, _),
    ):
        desk = _desk(ledger, venue, clock)
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
                            fallen.append((number_of(item) - 1, item.ticker, time.monotonic()))
                before = len(venue.taken)
                desk.act(object())  # type: ignore[arg-type]
                taken = dict(venue.taken[before:])
                for number, name, at in fallen:
                    reached.append((at - sent_at[number]) * 1e3)
                    ordered.append((taken[name] - sent_at[number]) * 1e3)
                    desk.watch.add(guard(name))
    return np.array(reached), np.array(ordered)


def measure_while_a_call_hangs(count: int) -> np.ndarray:
    """Milliseconds from the tick to the order's arrival at the venue's host, through the adapter."""
    clock = SystemClock()
    with (
        tempfile.TemporaryDirectory() as folder,
        holdings(Path(folder), clock) as ledger,
        streaming(count, RATE, rarely_falling_trade, stamped=True, answering=order_host) as (socket, stamps, address),
    ):
        seen = 0

        def hear(news: MarketNews) -> None:
            nonlocal seen
            if isinstance(news, Trade):
                seen += 1
                desk.on_trade(news.ticker, news.price, CALM)

        config = make_kis_config(Path(folder), address, "live", read_seconds=1.0, read_attempts=1)
        rest = KisRest(config, clock)
        broker = KisBroker(rest, LedgerBooks(ledger), clock, stream=socket, on_market=hear, order_books=False)
        desk = _desk(ledger, broker, clock)
        falls = dict.fromkeys(NAMES, 0)
        for number in range(RARE, count + 1, RARE):
            name = NAMES[number % len(NAMES)]
            falls[name] = falls[name] or number // RARE
        desk.watch.replace([guard(name, shares) for name, shares in falls.items() if shares])
        broker.guard_while_waiting(lambda: desk.act(object()))  # type: ignore[arg-type]
        with suppress(KisError):  # the list never comes, but the token does
            broker.open_orders()
        with socket:
            while seen < count:
                with suppress(KisError):
                    broker.open_orders()
        expected = [shares for shares in falls.values() if shares]
        arrived = [stamps[count + shares] - stamps[shares * RARE - 1] for shares in expected]
        assert desk.sent == len(expected), "each stop was sold once"
    return np.array(arrived) * 1e3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="two seconds instead of twenty")
    count = RATE * (2 if parser.parse_args().short else 20)
    reached, ordered = measure(count)
    arrived = measure_while_a_call_hangs(count)
    assert len(ordered) == count // EVERY, "every fall has set off one order"
    table = Table(title=f"{count:,} trades at {RATE:,}/s over {len(NAMES)} names, {len(ordered):,} protective orders")
    for name in ("from the tick", "ms, median", "99th percentile", "longest", "goal (99th)"):
        table.add_column(name, justify="right")
    for what, values, goal in (
        ("to the level", reached, "5"),
        ("to the order", ordered, "10"),
        ("to the host, while a call hangs", arrived, "10"),
    ):
        middle, late = np.percentile(values, [50, 99])
        table.add_row(what, f"{middle:.2f}", f"{late:.2f}", f"{values.max():.2f}", goal)
    console = Console()
    console.print(table)
    console.print(machine())


if __name__ == "__main__":
    main()
