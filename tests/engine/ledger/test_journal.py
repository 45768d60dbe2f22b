"""The journal: every event comes back as it went in, and nothing inside can be changed unseen."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import to_nanoseconds
from engine.errors import BadInput, BrokenInvariant, DataError
from engine.events import CashMoved, CashReason, Event, PlanReady, Slice, Timer
from engine.ledger import journal
from engine.ledger.canonical import canonical_json, stamp, unstamp
from engine.ledger.codec import decode, encode
from engine.ledger.ledger import open_ledger
from engine.ledger.verify import verify
from tests.builders_ledger import START, Market, make_clock, make_ledger

choices = st.lists(st.integers(0, 10**6), min_size=1, max_size=60)


def round_trip(event: Event) -> Event:
    kind, payload = encode(event)
    entry = journal.Entry(sequence=1, time=stamp(event.time), recorded_at="", kind=kind, payload=payload, hash="")
    back = entry.event
    assert back is not None
    return back


@given(choices)
def test_every_event_comes_back_as_it_went_in(numbers: list[int]) -> None:
    for event in Market().events(numbers):
        assert round_trip(event) == event


def test_a_plan_comes_back_as_plain_values() -> None:
    plan = {"actions": [{"ticker": "005930", "weight": 0.1}], "이유": "거래량"}
    ready = PlanReady(time=START, decision_id="d1", plan=plan, deadline=START + timedelta(minutes=1))
    assert round_trip(ready) == ready


def test_market_data_is_not_journaled(tmp_path: Path) -> None:
    bars = Slice(row=0, closed_at_ns=to_nanoseconds(START))
    with make_ledger(tmp_path) as ledger, pytest.raises(BadInput, match="market data"):
        ledger.append(bars)
    with pytest.raises(BadInput, match="not journaled"):
        encode(bars)


def test_an_event_kind_of_a_newer_version_is_named() -> None:
    with pytest.raises(DataError, match='unknown kind "teleported"'):
        decode("teleported", START, {})


times = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.timezones())  # noqa: DTZ001


@given(times, times)
def test_times_are_written_so_that_texts_sort_as_times_do(one: datetime, other: datetime) -> None:
    # In UTC, because Python calls the repeated hour at the end of summer time unequal to anything elsewhere.
    first, second = one.astimezone(UTC), other.astimezone(UTC)
    assert (stamp(one) < stamp(other)) == (first < second)
    assert unstamp(stamp(one)) == first
    assert len(stamp(one)) == 32 and stamp(one).endswith("+09:00")


def test_canonical_text_is_one_for_equal_values() -> None:
    one = {"b": np.int64(1), "a": [np.float64(0.5), float("nan")], "c": (1, 2)}
    other = {"c": [1, 2], "a": (0.5, None), "b": 1}
    assert canonical_json(one) == canonical_json(other) == '{"a":[0.5,null],"b":1,"c":[1,2]}'
    with pytest.raises(BadInput, match="infinite"):
        canonical_json(float("inf"))
    with pytest.raises(BadInput, match="cannot be written"):
        canonical_json(object())


@pytest.mark.parametrize(
    "statement", ["UPDATE events SET payload = '{}' WHERE sequence = 1", "DELETE FROM events WHERE sequence = 1"]
)
def test_the_file_refuses_to_change_the_journal(tmp_path: Path, statement: str) -> None:
    with (
        make_ledger(tmp_path, deposit=1_000) as ledger,
        pytest.raises(sqlite3.DatabaseError, match="append-only"),
    ):
        ledger.connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        """UPDATE events SET payload = replace(payload, '1000', '9000') WHERE sequence = 1""",
        "UPDATE events SET time = '2024-05-03T09:00:00.000000+09:00' WHERE sequence = 1",
        "DELETE FROM events WHERE sequence = 2",
    ],
    ids=["amount", "time", "row"],
)
def test_a_change_behind_the_ledgers_back_is_found_at_the_next_opening(tmp_path: Path, statement: str) -> None:
    with make_ledger(tmp_path, deposit=1_000) as ledger:
        for name in ("a", "b"):
            ledger.append(Timer(time=START, name=name))
    outsider = sqlite3.connect(tmp_path / "ledger.db")
    outsider.executescript(
        f"DROP TRIGGER events_are_never_changed; DROP TRIGGER events_are_never_removed; {statement};"
    )
    outsider.close()
    with pytest.raises(BrokenInvariant, match="The journal is broken at row"):
        open_ledger(tmp_path / "ledger.db", make_clock())


def test_when_it_happened_and_when_it_was_learned_are_both_kept(tmp_path: Path) -> None:
    clock = make_clock()
    with make_ledger(tmp_path, clock) as ledger:
        clock.advance(timedelta(hours=1))
        ledger.append(CashMoved(time=START, reason=CashReason.DEPOSIT, amount=5))
        (entry,) = journal.entries(ledger.connection)
    assert unstamp(entry.time) == START
    assert unstamp(entry.recorded_at) == START + timedelta(hours=1)


def test_a_part_of_an_entry_that_fails_leaves_nothing_behind_and_the_rest_is_kept(tmp_path: Path) -> None:
    with make_ledger(tmp_path, deposit=1_000) as ledger:
        moved = CashMoved(time=START, reason=CashReason.DEPOSIT, amount=50)
        with ledger.writing():
            ledger.append(moved)
            with pytest.raises(ZeroDivisionError), ledger.writing():
                ledger.append(CashMoved(time=START, reason=CashReason.DEPOSIT, amount=7))
                raise ZeroDivisionError
        assert ledger.totals.cash == 1_050
    with open_ledger(tmp_path / "ledger.db", make_clock()) as again:
        assert again.totals.cash == 1_050
        assert not verify(again.connection)
