"""An exchange that closes on a day of the table, and a table that ends: people hear in time, and have a way out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from engine.clock import KST, SimulatedClock
from engine.errors import BadInput
from engine.krx.sessions import CLOSED_DAYS, LAST_DAY, is_session, previous_session, session_days
from engine.ledger.ledger import Ledger, open_ledger
from engine.trading.calendar_news import tell_of_calendar

TODAY, DAY = datetime(2027, 3, 2, 18, tzinfo=KST), date(2027, 3, 8)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(TODAY)


@pytest.fixture
def ledger(tmp_path: Path, clock: SimulatedClock) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "ledger.db", clock) as opened:
        yield opened


@pytest.fixture(autouse=True)
def days_are_read_anew() -> Iterator[None]:
    yield
    session_days.cache_clear()


def told(ledger: Ledger) -> list[tuple[str, str]]:
    return ledger.connection.execute("SELECT code, text FROM alerts ORDER BY alert_id").fetchall()


def test_a_day_off_that_was_declared_late_is_told_once_and_closes_with_the_variable(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_session(DAY)
    for _ in range(2):
        tell_of_calendar(ledger, TODAY, {DAY: False, date(2027, 2, 26): False}, "en")
    ((code, text),) = told(ledger)
    assert code == "calendar_differs" and f"{CLOSED_DAYS}={DAY}" in text
    monkeypatch.setenv(CLOSED_DAYS, f"{DAY}, 2027-03-09")
    session_days.cache_clear()
    assert not is_session(DAY)
    assert previous_session(date(2027, 3, 10)) == date(2027, 3, 5)
    tell_of_calendar(ledger, TODAY + timedelta(days=1), {DAY: False}, "ko")
    assert len(told(ledger)) == 1


def test_the_end_of_the_table_is_told_two_months_before_and_every_week(ledger: Ledger, clock: SimulatedClock) -> None:
    end = datetime.combine(LAST_DAY, time(18), KST)
    counts = []
    for ago in (61, 60, 59, 53, 52, 1):
        clock.advance_to(end - timedelta(days=ago))
        tell_of_calendar(ledger, clock.now(), {}, "en")
        counts.append(len(told(ledger)))
    assert counts == [0, 1, 1, 1, 2, 3]
    assert {code for code, _ in told(ledger)} == {"calendar_ends"}


def test_days_that_are_no_days_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CLOSED_DAYS, "8 March")
    session_days.cache_clear()
    with pytest.raises(BadInput, match="2027-05-06"):
        is_session(DAY)
