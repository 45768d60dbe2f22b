"""Our own KIS broker on a served account, with its ledger: the far side of the wire-parity suites."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from brokers.kis.broker import KisBroker
from brokers.kis.config import load_kis_config
from brokers.kis.realtime import Record
from brokers.kis.realtime_fields import TRADE
from brokers.kis.rest import KisRest
from brokers.kis.stream_queue import Item, StreamQueue
from brokers.kis.stream_settings import StreamSettings
from brokers.kis.subscriptions import Subscription
from brokers.kis.websocket import RealtimeSocket
from brokers.kis_account import LedgerBooks
from brokers.kis_server.access import hash_text
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.events import CashMoved, CashReason, Event
from engine.krx.instrument_class import InstrumentClass
from engine.ledger.ledger import open_ledger
from tests.kis_client import Client, make_server
from tests.kis_venue import write_server_keys
from tests.parity.record import Day, fill_of, wire_orders

WAIT_SECONDS = 30.0


class ToldClock:
    """The world's clock as the answers to `advance` tell it: what `WorldClock` would ask for after every step."""

    def __init__(self, told: datetime) -> None:
        self._latest = self._told = told
        self._slept = timedelta(0)

    def now(self) -> datetime:
        """The time of the world and what was slept since, never earlier than it was before."""
        self._latest = max(self._latest, self._told + self._slept)
        return self._latest

    def set(self, told: datetime) -> None:
        """The world has gone on."""
        if told != self._told:
            self._told, self._slept = told, timedelta(0)

    def sleep(self, seconds: float) -> None:
        """The world stands still, so waiting must not wait for it."""
        self._slept += timedelta(seconds=seconds)


class CountingQueue(StreamQueue):
    """The queue of a stream, which can be waited for until so many records have come in."""

    def __init__(self) -> None:
        super().__init__()
        self._records = 0
        self._arrived = threading.Condition()

    def put(self, items: Iterable[Item]) -> None:
        """As ever, and counted."""
        items = list(items)
        super().put(items)
        with self._arrived:
            self._records += sum(isinstance(item, Record) for item in items)
            self._arrived.notify_all()

    def wait_for(self, records: int) -> None:
        """Return when so many have come in since the start."""
        with self._arrived:
            came = self._arrived.wait_for(lambda: self._records >= records, WAIT_SECONDS)
        assert came, f"{self._records} of {records} records came within {WAIT_SECONDS:g} s"


class WireAccount:
    """A server in front of a panel, our adapter in front of the server.

    Args:
        stack: closes everything.
        folder: for keys, tokens and the ledger.
        panel, config: what the server replays.
        environment: "live" or "paper".
        classes: of the tickers, for the estimate of costs.
    """

    def __init__(
        self,
        stack: contextlib.ExitStack,
        folder: Path,
        panel: Panel,
        config: BacktestConfig,
        environment: str,
        classes: Mapping[str, InstrumentClass],
        **options: Any,
    ) -> None:
        self._server = stack.enter_context(make_server(panel, config, **options))
        self.clock = ToldClock(self._server.server.world.wire_now())
        self._client = Client(self._server, environment)
        stack.callback(self._client.session.close)
        path = write_server_keys(folder, self._server, self._client)
        quick = {"token_folder": folder / "tokens", "calls_per_second": 1_000, "burst": 100}
        settings = load_kis_config(environment, variables={}, path=path, options=quick)  # type: ignore[arg-type]
        rest = KisRest(settings, self.clock, sleep=self.clock.sleep)
        self.ledger = stack.enter_context(open_ledger(folder / "ledger.db", self.clock))
        self.ledger.append(CashMoved(time=self.clock.now(), reason=CashReason.DEPOSIT, amount=config.cash_won))
        self._queue = CountingQueue()
        self._socket = RealtimeSocket(
            url=settings.websocket_url,
            approval_key=lambda renew: rest.approval_key().get_secret_value(),
            clock=self.clock,
            generator=np.random.default_rng(1),
            queue=self._queue,
            settings=StreamSettings(spacing_seconds=0.0),
        )
        self.market: list[Record] = []
        self.broker = KisBroker(
            rest,
            LedgerBooks(self.ledger),
            self.clock,
            stream=self._socket,
            class_of=classes.__getitem__,
            universe=list(classes),
            on_market=self.market.append,  # type: ignore[arg-type]
            sleep=self.clock.sleep,
        )
        stack.callback(self.broker.close)
        self.broker.start(wait_seconds=WAIT_SECONDS)

    @property
    def session(self) -> date:
        """The session that runs, or ran last."""
        world = self._server.server.world
        return world.path.sessions[world.session]

    @property
    def printed(self) -> int:
        """The row of the data that was printed last."""
        market = self._server.server.world.market
        return market.row if market.point >= 0 else market.row - 1

    @property
    def has_more(self) -> bool:
        """Whether the data goes on."""
        return self._server.server.world.next_step is not None

    @property
    def url(self) -> str:
        """Of the server."""
        return self._server.url

    def watch(self, tickers: Sequence[str]) -> None:
        """Hear the trades of these names; KIS has confirmed it when this returns."""
        self._socket.subscribe([Subscription(TRADE, ticker) for ticker in tickers])
        deadline = time.monotonic() + WAIT_SECONDS
        while self._socket.status().registered < self._socket.status().wanted:
            assert time.monotonic() < deadline, "the subscriptions were not confirmed in time"
            self.broker.poll(0.05)

    def advance(self, **how: object) -> list[Event]:
        """Move the world, and hear all that it says on the way; clocks and notices are up to date afterwards."""
        self._server.advance(**how)
        self.clock.set(self._server.server.world.wire_now())
        return self.hear()

    def finish(self, day: Day) -> None:
        """The world goes on to the evening, and what has become of the day's orders is written down."""
        self.advance(until="evening")
        ours = self.broker.orders(day.session)  # asks KIS's list: what has not filled has expired
        reference = {order.id: order.request.decision_id for order in ours}
        fills = self.broker.fills(day.session)
        day.orders = wire_orders(ours)
        day.fills = [fill_of(reference[fill.order_id], fill) for fill in fills]
        day.costs = sum(fill.fee + fill.taxes for fill in fills)
        assert self.broker.settle_costs(day.session) is None, "KIS charged something else than the table says"

    def hear(self) -> list[Event]:
        """Everything that has been sent to our socket, handled; before anything else is asked for.

        A list that is asked for while notices are on their way would tell the same fills in another order.
        """
        sent = self._server.server.stream.frames(hash_text(self._client.app_key))
        self._queue.wait_for(sent - self._socket.status().repeated_trades)
        return self.broker.poll(0.0)
