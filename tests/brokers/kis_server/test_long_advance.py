"""A long way in one go: the sockets send while the world runs; who reads gets all of it, who does not is cut."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from brokers.kis_server import server as at_server
from engine.data.tick_panel import load_recording
from tests.builders_panel import make_config
from tests.builders_recording import TUESDAY, write_daily, write_recording
from tests.kis_client import Client, make_server

TRADES, QUEUED = 1_500, 200


def test_a_day_of_trades_in_one_advance_reaches_a_client_that_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_server, "_QUEUED", QUEUED)
    ticks = [("005930", f"09:{number // 60:02}:{number % 60:02}", 10_000, 1 + number % 9) for number in range(TRADES)]
    recording = write_recording(tmp_path / "recording", ticks, TUESDAY, {"005930": 10_000})
    panel = load_recording(recording, write_daily(tmp_path / "daily", {"005930": [(10_000,) * 4 + (50,)]}))
    with make_server(panel, make_config()) as server, Client(server, "live") as client, client.stream() as stream:
        stream.subscribe("H0STCNT0", "005930")
        moving = threading.Thread(target=lambda: client.advance(until="close"))
        moving.start()
        volumes = [int(stream.record()[1][12]) for _ in range(TRADES)]
        moving.join()
        assert volumes == [shares for _, _, _, shares in ticks]


def test_a_client_that_does_not_read_is_cut_and_does_not_hold_the_world_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_server, "_QUEUED", QUEUED)
    monkeypatch.setattr(at_server, "_PATIENCE", 0.0)
    ticks = [("005930", f"09:{number // 60:02}:{number % 60:02}", 10_000, 1) for number in range(TRADES)]
    recording = write_recording(tmp_path / "recording", ticks, TUESDAY, {"005930": 10_000})
    panel = load_recording(recording, write_daily(tmp_path / "daily", {"005930": [(10_000,) * 4 + (50,)]}))
    with make_server(panel, make_config()) as server, Client(server, "live") as client, client.stream() as stream:
        stream.subscribe("H0STCNT0", "005930")

        async def nobody_writes(*_: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr("aiohttp.web.WebSocketResponse.send_str", nobody_writes)
        assert client.advance(until="close")["time"][:19] == "2024-03-05T15:30:00"
        assert server.server.stream.sockets == 0
