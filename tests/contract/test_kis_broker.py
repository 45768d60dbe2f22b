"""The KIS broker, live and paper, under the contract of all brokers, through the server that speaks KIS."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from brokers.kis.broker import KisBroker
from brokers.kis.config import load_kis_config
from brokers.kis.realtime import Record
from brokers.kis.rest import KisRest
from brokers.kis.stream_settings import StreamSettings
from brokers.kis.websocket import RealtimeSocket
from brokers.kis.world_clock import WorldClock
from brokers.kis_account import LedgerBooks
from brokers.kis_server.access import hash_text
from engine.events import CashMoved, CashReason, Event
from engine.ledger.ledger import open_ledger
from tests.builders_panel import flat, make_config, make_panel
from tests.contract.broker_contract import CASH, NAMES, PRICE, BrokerContract, World
from tests.kis_client import Client, make_server
from tests.kis_venue import write_server_keys

WAIT_SECONDS = 20


class KisWorld(World):
    """Eight quiet sessions behind the server; orders go in the morning on live, and after the opening on paper."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path, environment: str) -> None:
        panel = make_panel({ticker: flat(PRICE, 8) for ticker in NAMES}, index=[2_000.0] * 8)
        server = stack.enter_context(make_server(panel, make_config(cash_won=CASH, costs=True)))
        self._server, self._environment = server, environment
        self.clock = WorldClock(server.url)
        stack.callback(self.clock.close)
        client = Client(server, environment)
        stack.callback(client.session.close)
        self._client = client
        path = write_server_keys(folder, server, client)
        options = {"token_folder": folder / "tokens", "calls_per_second": 1000}
        config = load_kis_config(environment, variables={}, path=path, options=options)  # type: ignore[arg-type]
        rest = KisRest(config, self.clock, sleep=self.clock.sleep)
        ledger = open_ledger(folder / "ledger.db", self.clock)
        stack.callback(ledger.close)
        ledger.append(CashMoved(time=self.clock.now(), reason=CashReason.DEPOSIT, amount=CASH))
        self._socket = RealtimeSocket(
            url=config.websocket_url,
            approval_key=lambda renew: rest.approval_key().get_secret_value(),
            clock=self.clock,
            generator=np.random.default_rng(1),
            settings=StreamSettings(poll_seconds=0.01, spacing_seconds=0.0),
        )
        self.market: list[Record] = []
        self.broker = KisBroker(
            rest,
            LedgerBooks(ledger),
            self.clock,
            stream=self._socket,
            universe=NAMES,
            on_market=self.market.append,  # type: ignore[arg-type]
            sleep=self.clock.sleep,
        )
        stack.callback(self.broker.close)
        self.broker.start(wait_seconds=WAIT_SECONDS)
        self.broker.subscribe(NAMES)

    @property
    def today(self) -> date:
        return self._server.server.world.path.sessions[self._server.server.world.session]

    @property
    def order_day(self) -> date:
        world = self._server.server.world
        return world.path.sessions[world.session + (not world.has_begun)]

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def before_orders(self) -> None:
        world = self._server.server.world
        if not world.has_begun:
            self._advance("morning" if self._environment == "live" else "open")
            self._told: list[Event] = self._hear()

    def next_session(self) -> list[Event]:
        if not self._server.server.world.has_begun:
            self._advance("morning")
        before = self._hear()
        self._advance("evening")
        return before + self._hear()

    def _advance(self, until: str) -> None:
        answer = self._client.session.post(f"{self._server.url}/_world/advance", json={"until": until})
        assert answer.status_code == 200, answer.text
        self.clock.refresh()

    def _hear(self) -> list[Event]:
        told: list[Event] = []
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            told += self.broker.poll(0.02)
            sent = self._server.server.stream.frames(hash_text(self._client.app_key))
            if self.broker.records_taken + self._socket.status().repeated_trades >= sent:
                told += self.broker.poll(0.0)
                self.broker.orders(self.order_day)
                return told + self.broker.poll(0.0)
        raise AssertionError("the stream did not bring everything in time")


class _KisContract(BrokerContract):
    environment: str

    @pytest.fixture(autouse=True)
    def _places(self, tmp_path: Path) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            self._stack, self._folder = stack, tmp_path
            yield

    def open_world(self) -> World:
        return KisWorld(self._stack, self._folder, self.environment)


class TestKisLive(_KisContract):
    environment = "live"


class TestKisPaper(_KisContract):
    environment = "paper"
