"""Replaying the journal gives the live state, whatever happened, and both agree with plain arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.account import check_identity
from engine.fill import Fill
from engine.ledger import journal
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.rows import orders_of_account
from engine.ledger.state import LedgerState
from engine.ledger.verify import verify
from engine.order import TERMINAL, Order
from tests.builders_ledger import Market, make_clock, make_ledger

choices = st.lists(st.integers(0, 10**6), min_size=20, max_size=80)
examples = settings(max_examples=15, deadline=None)


@contextmanager
def quick_ledger() -> Iterator[tuple[Ledger, Path]]:
    """A ledger that does not wait for the disk: these tests kill no process."""
    with TemporaryDirectory() as folder, make_ledger(Path(folder)) as ledger:
        ledger.connection.execute("PRAGMA synchronous = OFF")
        yield ledger, Path(folder) / "ledger.db"


def snapshot(ledger: Ledger) -> tuple[object, ...]:
    """All that can be seen of a ledger's state."""
    orders = orders_of_account(ledger.connection)
    return orders, ledger.positions, ledger.totals, ledger.head, ledger.blocked_tickers()


@examples
@given(choices)
def test_the_fold_agrees_with_plain_arithmetic(numbers: list[int]) -> None:
    market = Market()
    with quick_ledger() as (ledger, _):
        ledger.append_all(market.events(numbers))
        stored = orders_of_account(ledger.connection)
        assert {name: (o.status, o.filled, o.request) for name, o in stored.items()} == {
            name: (o.status, o.filled, o.request) for name, o in market.orders.items()
        }
        held = {ticker: position.quantity for ticker, position in ledger.positions.items()}
        assert held == {ticker: shares for ticker, shares in market.held.items() if shares}
        assert ledger.totals.cash == market.cash
        check_identity(ledger.totals, "at the end")
        assert {order.id for order in ledger.open_orders()} == market.working


@examples
@given(choices)
def test_a_reopened_ledger_is_the_live_one(numbers: list[int]) -> None:
    with quick_ledger() as (ledger, path):
        for event in Market().events(numbers):
            ledger.append(event)
        live = snapshot(ledger)
        with open_ledger(path, make_clock()) as reopened:
            assert snapshot(reopened) == live
        assert verify(ledger.connection) == ()


@examples
@given(choices, st.integers(1, 25))
def test_checkpoints_change_nothing(numbers: list[int], every: int) -> None:
    with quick_ledger() as (ledger, path), patch("engine.ledger.ledger.CHECKPOINT_EVERY", every):
        ledger.append_all(Market().events(numbers))
        (count,) = ledger.connection.execute("SELECT count(*) FROM checkpoints").fetchone()
        assert count == ledger.head.sequence // every
        with open_ledger(path, make_clock(), read_only=True) as reopened:
            assert snapshot(reopened) == snapshot(ledger)
        assert verify(ledger.connection) == ()


@examples
@given(choices)
def test_terminal_orders_never_move(numbers: list[int]) -> None:
    done: dict[str, Order] = {}
    with quick_ledger() as (ledger, _):
        for event in Market().events(numbers):
            ledger.append(event)
            for name, order in done.items():
                assert ledger.order(name) == order
            order = ledger.order(getattr(event, "order_id", ""))
            if order is not None and order.status in TERMINAL:
                done[order.id] = order


@examples
@given(choices)
def test_telling_everything_twice_changes_nothing(numbers: list[int]) -> None:
    """After a reconnection a broker may repeat all its notices of fills."""
    fills = []
    with quick_ledger() as (ledger, _):
        for event in Market().events(numbers):
            ledger.append(event)
            if isinstance(event, Fill):
                fills.append(event)
        before = snapshot(ledger)
        assert ledger.append_all(reversed(fills)) == 0
        assert snapshot(ledger) == before


@examples
@given(choices, st.integers(0, 200))
def test_two_writers_of_one_file_stay_in_step(numbers: list[int], switch: int) -> None:
    with quick_ledger() as (first, path), open_ledger(path, make_clock()) as second:
        second.connection.execute("PRAGMA synchronous = OFF")
        for number, event in enumerate(Market().events(numbers)):
            (first if (number * 7 + switch) % 3 else second).append(event)
        for ledger in (first, second):
            with ledger.writing():
                pass  # opening a transaction catches up with the other writer
        assert snapshot(first) == snapshot(second)
        assert verify(first.connection) == ()


def test_a_fold_of_the_rows_alone_needs_no_tables(tmp_path: Path) -> None:
    market = Market()
    with make_ledger(tmp_path) as ledger:
        ledger.append_all(market.events(np.random.default_rng(5).integers(0, 10**6, 400).tolist()))
        state = LedgerState()
        for entry in journal.entries(ledger.connection):
            event = entry.event
            assert event is not None
            state.adopt(state.step(event), keep_finished=True)
        assert state.orders | state.finished == orders_of_account(ledger.connection)
        assert state.positions == ledger.positions
        assert state.totals == ledger.totals
        assert len(state.finished) > 20 and state.positions
