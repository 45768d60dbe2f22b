"""A venue that is away for a night, or for good: one alert, one a day that is critical, one all-clear."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

import tests.trading_world as trading_world
from engine.clock import KST, SimulatedClock
from engine.ledger.alerts import Urgency, all_alerts
from engine.ledger.equity import equity_points
from engine.ledger.ledger import Ledger, open_ledger
from engine.trading.setbacks import Setbacks
from tests.kis_client import Client, make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, market, trader_on, write_prompt
from tests.week.trader import ShiftedClock

EVENING, AGAIN = datetime(2024, 7, 5, 15, 40, tzinfo=KST), timedelta(seconds=30)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(EVENING)


@pytest.fixture
def ledger(tmp_path: Path, clock: SimulatedClock) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "ledger.db", clock) as opened:
        yield opened


def setbacks(ledger: Ledger, clock: SimulatedClock) -> Setbacks:
    def is_session(now: datetime) -> bool:
        return now.weekday() < 5 and 9 <= now.hour < 15

    return Setbacks(ledger, clock, is_session, lambda line: None, "en")


def fail_until(known: Setbacks, clock: SimulatedClock, end: datetime) -> None:
    while clock.now() < end:
        known.failed("end", f"HTTP 500 at {clock.now():%H:%M}", AGAIN)
        clock.advance(AGAIN)


def told(ledger: Ledger) -> list[tuple[str, Urgency]]:
    return [(alert.code, alert.urgency) for alert in all_alerts(ledger)]


def test_a_night_without_the_venue_is_one_alert_and_one_all_clear_whatever_its_errors_say(
    ledger: Ledger, clock: SimulatedClock
) -> None:
    known = setbacks(ledger, clock)
    fail_until(known, clock, EVENING + timedelta(hours=14))
    known.succeeded("end")
    assert told(ledger) == [("step_failed", Urgency.WARNING), ("step_works_again", Urgency.INFO)]


def test_what_lasts_into_a_session_is_critical_once_a_day(ledger: Ledger, clock: SimulatedClock) -> None:
    known = setbacks(ledger, clock)
    fail_until(known, clock, EVENING + timedelta(days=5))  # a Friday evening until the next Wednesday's
    urgent = [alert for alert in all_alerts(ledger) if alert.urgency is Urgency.CRITICAL]
    assert [f"{alert.time:%a}" for alert in urgent] == ["Mon", "Tue", "Wed"]
    assert all("app key" in alert.text for alert in urgent), "what to do is told"


def test_a_failure_of_a_moment_has_no_all_clear(ledger: Ledger, clock: SimulatedClock) -> None:
    known = setbacks(ledger, clock)
    known.failed("poll", "HTTP 500", AGAIN)
    clock.advance(AGAIN)
    known.succeeded("poll")
    known.succeeded("end")
    assert told(ledger) == [("step_failed", Urgency.WARNING)]


def test_a_trader_outlives_a_night_in_which_nothing_answers_and_decides_in_the_morning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trading_world, "WorldClock", ShiftedClock)
    panel, prompt = market(3, 3), write_prompt(tmp_path)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, tmp_path / "a", prompt, NAMES, SETTINGS, waited_for=False) as running,
        Client(server, "live") as client,
    ):
        trader, ledger = running.trading.trader, running.trading.ledger
        client.advance(until="open")
        trader.begin()
        trader.turn(0.05)
        everything = [{"fault": "server_error", "calls": ["all", "tokenP", "Approval"]}]
        requests.post(f"{server.url}/_world/faults", json=everything, timeout=10)
        requests.post(f"{server.url}/_world/faults", json={"now": "socket_cut"}, timeout=10)
        for moment in ("close", "evening", "morning"):
            client.advance(until=moment)
        try:
            for minutes in range(16 * 60, 0, -10):  # from half past four in the afternoon
                ShiftedClock.shift = -timedelta(minutes=minutes)
                trader.turn(0.0)
        finally:
            ShiftedClock.shift = timedelta(0)
        requests.post(f"{server.url}/_world/faults", json=[], timeout=10)
        trader.turn(0.05)
        assert [point.session for point in equity_points(ledger)] == [panel.session_date(BEFORE)]
        assert trader.cycles_run == 2, running.lines
        codes = [alert.code for alert in all_alerts(ledger) if alert.code.startswith("step")]
        assert codes == ["step_failed", "step_works_again"]
