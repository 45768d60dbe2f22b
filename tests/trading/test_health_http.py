"""Scrapes over real HTTP: what a machine reads is what the snapshot says, and silence is told."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from engine.errors import ConfigError
from engine.trading.health import Health
from engine.trading.health_http import SILENT_AFTER_SECONDS, HealthServer
from tests.trading.test_health import health_with


class World:
    health: Health | None = None
    taken: float | None = None
    now = 100.0


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def server(world: World) -> Iterator[HealthServer]:
    served = HealthServer(lambda: (world.health, world.taken), lambda: world.now, 0)
    yield served
    served.close()


def scrape(server: HealthServer) -> dict[str, float]:
    told = requests.get(f"{server.url}/metrics", timeout=10)
    assert told.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        sample.name + "".join(f"/{value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(told.text)
        for sample in family.samples
    }


def healthz(server: HealthServer) -> tuple[int, dict[str, Any]]:
    told = requests.get(f"{server.url}/healthz", timeout=10)
    return told.status_code, told.json()


def test_a_scrape_is_the_snapshot(world: World, server: HealthServer) -> None:
    assert scrape(server) == {"geoul_silent_seconds": 0.0}
    world.health, world.taken, world.now = health_with(equity=9_700_000, halt="x", clock_drift=None), 101.0, 103.5
    found = scrape(server)
    assert math.isclose(found.pop("geoul_day_loss_ratio"), 0.03)
    assert "geoul_clock_drift_seconds" not in found
    expected = {
        "geoul_silent_seconds": 2.5,
        "geoul_cash_won": 4_000_000,
        "geoul_equity_won": 9_700_000,
        "geoul_positions": 2,
        "geoul_open_orders": 1,
        "geoul_watched_levels": 3,
        "geoul_autonomy_level": 3,
        "geoul_halted": 1,
        "geoul_in_session": 1,
        "geoul_disk_free_bytes": 10**11,
        "geoul_ledger_size_bytes": 10**6,
        "geoul_feed_age_seconds": 1.0,
        "geoul_api_latency_seconds": 0.1,
        "geoul_api_error_rate_ratio": 0.0,
        "geoul_state/day_loss": 1,
        "geoul_state/all": 1,
        "geoul_state/differences": 0,
    }
    assert expected.items() <= found.items()


def test_a_loop_that_turns_no_more_is_told_and_a_loss_is_no_reason_to_restart(
    world: World, server: HealthServer
) -> None:
    assert healthz(server) == (200, {"turns": True, "silent_seconds": 0.0, "state": None, "bad": []})
    world.health, world.taken = health_with(equity=5_000_000), 100.0
    code, told = healthz(server)
    assert (code, told["state"], told["bad"]) == (200, "bad", ["day_loss"])
    world.now = 100.0 + SILENT_AFTER_SECONDS
    code, told = healthz(server)
    assert (code, told["turns"]) == (503, False)


def test_other_addresses_and_a_taken_port_are_refused(server: HealthServer) -> None:
    assert requests.get(f"{server.url}/", timeout=10).status_code == 404
    assert requests.post(f"{server.url}/metrics", timeout=10).status_code == 501
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(ConfigError, match=str(port)):
        HealthServer(lambda: (None, None), lambda: 0.0, port)
