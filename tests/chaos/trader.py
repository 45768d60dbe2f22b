"""A program that trades at random with the KIS broker and a real ledger, made to be killed.

It reads one JSON line at a time and answers with one. `start` forks the trading process, so that a restart costs no
import; everything that process knows it has from the ledger and from KIS, as after any start. When it dies, the parent
says so and waits for the next `start`.

    {"start": {…}}                     → {"process": n}, then {"ready": …} of the child, or {"failed": …}
    {"do": "round", "prices": {…}}     → {"done": …}
    {"do": "evening", "days": […]}     → {"evening": …}
    {"do": "stop"}                     → the child closes all and ends
                                       → {"ended": wait status} of the parent, whatever the reason
"""

from __future__ import annotations

import json
import os
import time
import traceback
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import requests

from brokers.kis.backoff import BackOff
from brokers.kis.broker import KisBroker
from brokers.kis.config import load_kis_config
from brokers.kis.costs import estimated_costs
from brokers.kis.errors import KisError
from brokers.kis.rest import KisRest
from brokers.kis.stream_settings import StreamSettings
from brokers.kis.websocket import RealtimeSocket
from brokers.kis.world_clock import WorldClock
from engine.broker import Accepted, Outcome, RefusedByVenue, Unavailable
from engine.clock import in_seoul
from engine.events import CashMoved, CashReason
from engine.krx.instrument_class import InstrumentClass
from engine.krx.tick_size import grid_below
from engine.ledger.ledger import open_ledger
from engine.order import Approved, OrderKind, OrderRequest, RefusalReason, Side
from tests.chaos.death import Death, MortalBooks, MortalSession

CRASHED = 70
_SHORT_SECONDS = 0.15  # shorter waits do not move the world
_LATE_SECONDS = 0.12  # of real time, for notices that come late


class SteppingClock(WorldClock):
    """The world's clock; whoever waits for long moves the world."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._advance = f"{url}/_world/advance"
        self._mover = requests.Session()
        self._mover.trust_env = False

    def sleep(self, seconds: float) -> None:
        if seconds < _SHORT_SECONDS:
            super().sleep(seconds)
            return
        target = self.now() + timedelta(seconds=seconds)
        answer = self._mover.post(self._advance, json={"to": target.isoformat()}, timeout=60)
        if answer.ok:  # it is the clock's answer too
            self._told, self._slept = in_seoul(datetime.fromisoformat(answer.json()["time"])), timedelta(0)
            self._asked_at = self._monotonic()
        else:  # somebody has moved the world beyond the target meanwhile
            self.refresh()


class Trader:
    """One life of the trading process."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._draw = np.random.default_rng(told["seed"])
        self._tickers = told["tickers"]
        self._live = told["environment"] == "live"
        folder = Path(told["folder"])
        self.clock = SteppingClock(told["url"])
        self.ledger = open_ledger(folder / "ledger.db", self.clock)
        if not self.ledger.head.sequence:
            self.ledger.append(CashMoved(time=self.clock.now(), reason=CashReason.DEPOSIT, amount=told["cash"]))
        books = MortalBooks(self.ledger, Death(told["point"], told["passages"]))
        config = load_kis_config(
            told["environment"],
            variables={},
            path=folder / "kis_devlp.yaml",
            options={
                "token_folder": folder / "tokens",
                "calls_per_second": 1000,
                "burst": 100,
                "read_seconds": told["read_seconds"],
            },
        )
        rest = KisRest(config, self.clock, session=MortalSession(books._death, books), sleep=self.clock.sleep)
        socket = RealtimeSocket(
            url=config.websocket_url,
            approval_key=lambda renew: rest.approval_key().get_secret_value(),
            clock=WorldClock(told["url"]),
            generator=np.random.default_rng(told["seed"]),
            settings=StreamSettings(poll_seconds=0.01, spacing_seconds=0.0, answer_seconds=0.5),
            back_off=BackOff(first_seconds=0.02, most_seconds=0.1),
        )
        self.broker = KisBroker(rest, books, self.clock, stream=socket, sleep=self.clock.sleep)
        self.counts: Counter[str] = Counter()

    def start(self) -> dict[str, Any]:
        """Take up what the life before has left."""
        found = len(self.ledger.unresolved_orders())
        began, at = time.monotonic(), self.clock.now()
        self.broker.start(wait_seconds=2.0)
        return {
            "ready": found,
            "seconds": time.monotonic() - began,
            "world_seconds": (self.clock.now() - at).total_seconds(),
            "blocked": len(self.ledger.unresolved_orders()),
        }

    def round(self, prices: dict[str, int]) -> dict[str, int]:
        """A few orders, amends and cancels; then what has happened is taken in."""
        self.counts.clear()
        for _ in range(int(self._draw.integers(2, 7))):
            if self._draw.random() < 0.72:
                self._order(prices)
            else:
                self._change(prices)
            if self._draw.random() < 0.3:
                self.broker.poll(0.0)
        for _ in range(3):
            self.broker.poll(0.002)
        return dict(self.counts)

    def evening(self, days: list[str]) -> dict[str, Any]:
        """After the close: everything is decided, settled and paid."""
        deadline = time.monotonic() + _LATE_SECONDS
        while time.monotonic() < deadline:
            self.broker.poll(0.01)
        self.broker.reconcile()
        for _ in range(20):
            if not self.broker.open_orders():
                break
            self.clock.sleep(5.0)
            self.broker.poll(0.0)
        adjusted = [day for day in days if self.broker.settle_costs(date.fromisoformat(day)) is not None]
        return {"evening": adjusted, "open": [order.id for order in self.broker.open_orders()]}

    def _order(self, prices: dict[str, int]) -> None:
        ticker = str(self._draw.choice(self._tickers))
        held = self.ledger.positions[ticker].quantity if ticker in self.ledger.positions else 0
        side = Side.SELL if held and self._draw.random() < 0.5 else Side.BUY
        most = min(held, 400) if side is Side.SELL else 400
        quantity = int(self._draw.integers(1, most + 1)) + (self._draw.random() < 0.02) * 10**6
        price, options = self._price(prices[ticker]), {}
        drawn = self._draw.random()
        if drawn < 0.25:
            price = None
        elif self._live and drawn < 0.35:
            options = {"code": str(self._draw.choice(["11", "12"]))}
        kind = OrderKind.MARKET if price is None else OrderKind.LIMIT
        request = OrderRequest(ticker=ticker, side=side, quantity=quantity, kind=kind, price=price)
        blocked = ticker in self.ledger.blocked_tickers()
        outcome = self.broker.submit(Approved(value=request, checked_at=self.clock.now()), **options)
        told = isinstance(outcome, RefusedByVenue) and outcome.reason is RefusalReason.UNRESOLVED_ORDER
        if blocked != told:
            raise AssertionError(f"{ticker} is {'' if blocked else 'not '}blocked, and the answer was {outcome}")
        if not blocked:
            self.counts["orders"] += 1
            self._count(outcome)

    def _change(self, prices: dict[str, int]) -> None:
        working = self.ledger.open_orders()
        if not working:
            return
        order = working[int(self._draw.integers(len(working)))]
        self.counts["changes"] += 1
        try:
            if self._draw.random() < 0.45:
                outcome = self.broker.cancel(order.order_number)
            else:
                less = order.remaining > 1 and self._draw.random() < 0.4
                quantity = int(self._draw.integers(1, order.remaining)) if less else None
                price = self._price(prices[order.request.ticker]) if not less or self._draw.random() < 0.5 else None
                outcome = self.broker.amend(order.order_number, quantity=quantity, price=price)
        except KisError:
            self.counts["change: no list"] += 1
            return
        self._count(outcome)

    def _price(self, last: int) -> int:
        won = max(int(last * (1 + self._draw.normal(0, 0.012))), 100)
        return grid_below(won, self.clock.now().date(), InstrumentClass.KOSPI_STOCK)

    def _count(self, outcome: Outcome) -> None:
        names = {Accepted: "accepted", RefusedByVenue: "refused", Unavailable: "unavailable"}
        self.counts[names.get(type(outcome), "unknown")] += 1


def say(**what: Any) -> None:
    """One line, in one piece."""
    os.write(1, json.dumps(what).encode() + b"\n")


def hear() -> dict[str, Any] | None:
    """The next line, None at the end. One byte at a time: nothing may be read that is meant for another process.

    Empty where it makes no sense: whoever read its beginning was killed.
    """
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return None
        line += byte
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def live(told: dict[str, Any]) -> int:
    """The trading process, from its start to its end; the exit status."""
    try:
        trader = Trader(told)
        say(**trader.start())
    except KisError as error:
        say(failed=str(error))
        return 1
    while (asked := hear()) is not None and asked["do"] != "stop":
        trader.clock.refresh()  # the world may have gone through a night since
        try:
            if asked["do"] == "round":
                say(done=trader.round(asked["prices"]))
            else:
                say(**trader.evening(asked["days"]))
        except KisError as error:
            say(done={"unavailable round": 1}, why=str(error))
    trader.broker.close()
    trader.ledger.close()
    return 0


def main() -> None:
    """Fork one life after another."""
    day, kind = date(2024, 3, 4), InstrumentClass.KOSPI_STOCK
    estimated_costs(
        Side.SELL, day, kind, 0, grid_below(10_000, day, kind)
    )  # loads what is compiled, once for all lives
    while (asked := hear()) is not None:
        if "start" not in asked:
            continue  # meant for a process that has died
        process = os.fork()
        if process == 0:
            status = CRASHED
            try:
                status = live(asked["start"])
            except BaseException:
                say(crashed=traceback.format_exc())
            finally:
                os._exit(status)
        say(process=process)
        say(ended=os.waitpid(process, 0)[1])


if __name__ == "__main__":
    main()
