"""What became of a trade after 7 and 30 days exists for nobody before its time."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.ledger.connection import LedgerError
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.runs import write_run
from engine.ledger.trades import Trade, mature_outcomes, trades_between
from engine.ledger.verify import verify
from engine.order import Side
from tests.builders_ledger import START, buy, make_clock, make_ledger
from tests.builders_result import make_result

LATER = START + timedelta(days=400)
WEEK = START + timedelta(days=7)


def rising(ticker: str, traded_at: datetime, at: datetime) -> float:
    """70,000 won, and 700 won (1 %) more each day."""
    return 70_000 + 700 * (at - traded_at).days


def outcomes(ledger: Ledger, as_of: datetime | None = None) -> list[tuple[float | None, float | None]]:
    """Both outcomes of all trades of the account, as a reader at `as_of` sees them."""
    trades = trades_between(ledger, START, LATER, as_of=as_of)
    return [(trade.pnl_7_days, trade.pnl_30_days) for trade in trades]


def test_outcomes_are_filled_once_their_days_have_passed_and_not_before(tmp_path: Path) -> None:
    clock = make_clock()
    with make_ledger(tmp_path, clock) as ledger:
        buy(ledger)
        for day, filled, seen in (
            (6, 0, (None, None)),
            (7, 1, (7.0, None)),
            (29, 0, (7.0, None)),
            (30, 1, (7.0, 30.0)),
            (31, 0, (7.0, 30.0)),
        ):
            clock.advance_to(START + timedelta(days=day))
            assert mature_outcomes(ledger, clock.now(), rising) == filled
            assert outcomes(ledger) == [pytest.approx(seen)]
            row = ledger.connection.execute("SELECT pnl_7_days, pnl_30_days FROM trades").fetchone()
            assert row == pytest.approx(seen)


def test_the_moment_before_the_week_is_over_is_too_early(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        buy(ledger)
        assert mature_outcomes(ledger, WEEK - timedelta(microseconds=1), rising) == 0
        assert mature_outcomes(ledger, WEEK, rising) == 1


def test_a_sell_counts_a_later_rise_as_a_loss(tmp_path: Path) -> None:
    clock = make_clock()
    with make_ledger(tmp_path, clock) as ledger:
        buy(ledger)
        buy(ledger, side=Side.SELL)
        mature_outcomes(ledger, WEEK, rising)
        assert outcomes(ledger, WEEK) == [(7.0, None), (-7.0, None)]


def test_a_late_job_makes_a_value_known_late(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        buy(ledger)
        mature_outcomes(ledger, START + timedelta(days=10), rising)
        assert outcomes(ledger, START + timedelta(days=9)) == [(None, None)]
        assert outcomes(ledger, START + timedelta(days=10)) == [(7.0, None)]


def test_an_unknown_price_stays_unknown_and_is_asked_again(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        buy(ledger)
        assert mature_outcomes(ledger, WEEK, lambda ticker, traded_at, at: None) == 0
        assert outcomes(ledger, LATER) == [(None, None)]
        assert mature_outcomes(ledger, WEEK, rising) == 1


def test_a_failing_source_of_prices_leaves_nothing_half_written(tmp_path: Path) -> None:
    def broken(ticker: str, traded_at: datetime, at: datetime) -> float:
        if ticker == "000660":
            raise BadInput("no prices")
        return 1.0

    with make_ledger(tmp_path) as ledger:
        buy(ledger)
        buy(ledger, ticker="000660")
        with pytest.raises(BadInput):
            mature_outcomes(ledger, WEEK, broken)
        assert outcomes(ledger, LATER) == [(None, None), (None, None)]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 45), st.lists(st.integers(0, 45), min_size=1, max_size=4))
def test_no_reader_sees_an_outcome_before_its_time(reader: int, runs: list[int]) -> None:
    with TemporaryDirectory() as folder, make_ledger(Path(folder)) as ledger:
        ledger.connection.execute("PRAGMA synchronous = OFF")
        buy(ledger)
        for day in sorted(runs):
            mature_outcomes(ledger, START + timedelta(days=day), rising)
        ((week, month),) = outcomes(ledger, START + timedelta(days=reader))
        known_week = [day for day in runs if 7 <= day <= reader]
        known_month = [day for day in runs if 30 <= day <= reader]
        assert (week is not None) == bool(known_week)
        assert (month is not None) == bool(known_month)


def test_a_backtest_shows_each_simulated_reader_only_what_had_matured(tmp_path: Path) -> None:
    result = make_result(sessions=120, trade_probability=0.3)
    end = result.equity["time"][-1]
    with make_ledger(tmp_path) as ledger:
        run = write_run(ledger, result)
        assert mature_outcomes(ledger, end, rising, run_id=run) > 20
        start = result.equity["time"][0]
        for session in (20, 45, 70, 119):
            reader = result.equity["time"][session]
            trades = trades_between(ledger, start, LATER, as_of=reader, run_id=run)
            assert trades
            for trade in trades:
                assert trade.timestamp <= reader
                assert (trade.pnl_7_days is not None) == (trade.timestamp + timedelta(days=7) <= reader)
                assert (trade.pnl_30_days is not None) == (trade.timestamp + timedelta(days=30) <= reader)
        assert verify(ledger.connection) == ()


def test_trades_are_read_by_time_with_an_open_end(tmp_path: Path) -> None:
    clock = make_clock()
    with make_ledger(tmp_path, clock) as ledger:
        for _ in range(3):
            buy(ledger)
            clock.advance(timedelta(hours=1))
        times = [START + timedelta(hours=hour) for hour in range(4)]
        assert [t.timestamp for t in trades_between(ledger, times[0], times[2])] == times[:2]
        assert trades_between(ledger, times[1], times[1]) == []
        # A reader cannot know a trade that has not happened.
        assert len(trades_between(ledger, times[0], times[3], as_of=times[1])) == 2
        with pytest.raises(BadInput, match="end lies before"):
            trades_between(ledger, times[2], times[1])


def test_the_trade_table_has_the_users_columns_in_the_users_order(tmp_path: Path) -> None:
    names = ["trade_id", "timestamp", "ticker", "action", "quantity", "price", "justification_text"]
    names += ["market_snapshot", "portfolio_before", "pnl_7_days", "pnl_30_days", "order_number"]
    names += ["execution_status", "created_at", "updated_at"]
    with make_ledger(tmp_path) as ledger:
        columns = [row[1] for row in ledger.connection.execute("PRAGMA table_info(trades)")]
    assert columns == names == [field.name for field in fields(Trade)]


def test_a_read_only_ledger_cannot_be_written(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        buy(ledger)
    with open_ledger(tmp_path / "ledger.db", make_clock(), read_only=True) as reader:
        assert len(outcomes(reader, LATER)) == 1
        with pytest.raises(LedgerError, match="could not be written"):
            buy(reader)
