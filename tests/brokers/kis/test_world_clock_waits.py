"""A world that waits for a client stands still for it: nobody may wait for time that waits for him."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import requests

from brokers.kis.world_clock import WorldClock
from tests.builders_panel import flat, make_panel
from tests.kis_client import make_server


def test_sleeping_does_not_wait_for_a_world_that_waits_for_the_sleeper() -> None:
    with make_server(make_panel({"000100": flat(10_000, 6)}), answer_seconds=60.0) as server:
        requests.post(f"{server.url}/_world/clients", json={"name": "sleeper", "ready": False}, timeout=10)
        requests.post(f"{server.url}/_world/speed", json={"speed": 300}, timeout=10)
        clock = WorldClock(server.url)
        before = clock.now()
        began = time.monotonic()
        clock.sleep(600.0)
        assert (clock.now() - before).total_seconds() >= 600.0
        assert time.monotonic() - began < 30  # the world would have stood for the minute of `answer_seconds`
        clock.close()


def test_a_world_that_has_gone_stands_still_until_it_is_back() -> None:
    naps: list[float] = []
    with make_server(make_panel({"000100": flat(10_000, 6)})) as server:
        clock = WorldClock(server.url, fresh_seconds=0.0, nap=naps.append)
        requests.post(f"{server.url}/_world/advance", json={"until": "morning"}, timeout=10)
        before = clock.now()
    assert clock.now() == before
    clock.sleep(3.0)
    assert clock.now() == before + timedelta(seconds=3)
    assert naps, "a loop that waits does not spin while nobody is there"
    clock.close()


def test_an_answer_from_before_a_step_is_not_used_for_what_the_step_has_brought() -> None:
    """Hours pass in one step; an order that a trade of it sets off must not bear the time before."""
    with make_server(make_panel({"000100": flat(10_000, 6)})) as server:
        clock = WorldClock(server.url, fresh_seconds=600.0)
        before = clock.now()
        told = requests.post(f"{server.url}/_world/advance", json={"until": "open"}, timeout=10).json()["time"]
        opened = datetime.fromisoformat(told)
        assert clock.now() == before < opened
        clock.heard(opened)
        assert clock.now() == opened
        clock.close()
