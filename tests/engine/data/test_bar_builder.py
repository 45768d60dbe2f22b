"""Bars from trades: which trade belongs to which bar, and when a bar is finished."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import KST
from engine.data.bar_builder import BarBuilder, MinuteBar
from engine.errors import BadInput

OPEN = datetime(2024, 3, 5, 9, 0, tzinfo=KST)


def at(hour: int, minute: int, second: int = 0) -> datetime:
    return OPEN.replace(hour=hour, minute=minute, second=second)


def built(builder: BarBuilder, *trades: tuple[datetime, int, int]) -> BarBuilder:
    for time, price, volume in trades:
        builder.add("005930", time, price, volume)
    return builder


def test_a_bar_holds_the_trades_of_its_minute_and_no_other():
    builder = built(BarBuilder(), (at(9, 0), 100, 5), (at(9, 0, 30), 90, 1), (at(9, 0, 59), 95, 4), (at(9, 1), 120, 1))
    assert builder.finish(at(9, 1)) == [MinuteBar("005930", at(9, 1), 100, 100, 90, 95, 10, 100 * 5 + 90 + 95 * 4)]
    assert [bar.open for bar in builder.finish(at(9, 2))] == [120]


def test_the_closing_auction_belongs_to_the_bar_that_ends_with_the_session():
    builder = built(BarBuilder(), (at(15, 29, 58), 100, 1), (at(15, 30), 101, 7))
    (bar,) = builder.finish(at(15, 30))
    assert (bar.closed_at, bar.close, bar.volume) == (at(15, 30), 101, 8)


def test_trades_outside_the_session_make_no_bar():
    builder = built(BarBuilder(), (at(8, 35), 100, 1), (at(15, 45), 100, 1), (at(16, 30), 100, 1))
    assert builder.finish(at(18, 0)) == []


def test_minutes_without_a_trade_make_no_bar_and_names_come_by_code():
    builder = BarBuilder()
    builder.add("000660", at(9, 4), 7, 1)
    builder.add("005930", at(9, 0), 5, 1)
    builder.add("000100", at(9, 4), 9, 1)
    told = builder.finish(at(9, 10))
    assert [(bar.closed_at.minute, bar.ticker) for bar in told] == [(1, "005930"), (5, "000100"), (5, "000660")]


def test_longer_bars_end_at_whole_multiples_and_the_last_one_with_the_session():
    builder = built(BarBuilder("1h"), (at(9, 0), 1, 1), (at(9, 59), 2, 1), (at(10, 0), 3, 1), (at(15, 29), 4, 1))
    assert [bar.closed_at for bar in builder.finish(at(15, 30))] == [at(10, 0), at(11, 0), at(15, 30)]


def test_a_trade_of_a_finished_bar_is_counted_and_changes_nothing():
    builder = built(BarBuilder(), (at(9, 0), 100, 1))
    builder.finish(at(9, 1))
    built(builder, (at(9, 0, 30), 90, 1), (at(9, 1), 101, 2))
    assert builder.late == 1
    assert [bar.volume for bar in builder.finish(at(9, 2))] == [2]


def test_times_of_other_zones_count_in_seoul():
    builder = built(BarBuilder(), (at(9, 0, 5).astimezone(tz=None), 100, 1))
    assert [bar.closed_at for bar in builder.finish(at(9, 1))] == [at(9, 1)]


@pytest.mark.parametrize(("price", "volume"), [(0, 1), (100, 0), (-1, 1), (100, -5)])
def test_a_trade_without_price_or_shares_is_refused(price, volume):
    with pytest.raises(BadInput, match="005930"):
        BarBuilder().add("005930", at(9, 0), price, volume)


@pytest.mark.parametrize("interval", ["1d", "1w"])
def test_days_are_not_built_from_trades(interval):
    with pytest.raises(BadInput, match="minutes"):
        BarBuilder(interval)


@given(
    trades=st.lists(st.tuples(st.integers(0, 23_400), st.integers(1, 500), st.integers(1, 9)), max_size=60),
    interval=st.sampled_from([1, 5, 60]),
)
def test_any_stream_gives_the_bars_that_a_table_of_it_gives(trades, interval):
    trades = [(OPEN + timedelta(seconds=second), price, volume) for second, price, volume in sorted(trades)]
    builder, told = BarBuilder(f"{interval}m"), list[MinuteBar]()
    by_hand: dict[datetime, list[tuple[int, int]]] = {}
    for time, price, volume in trades:
        told += builder.finish(time - timedelta(seconds=1))  # whenever somebody asks, nothing is handed out too early
        builder.add("005930", time, price, volume)
        start = min(time, at(15, 29, 59))
        minutes = (60 * start.hour + start.minute) // interval * interval + interval
        end = min(OPEN.replace(hour=0) + timedelta(minutes=minutes), at(15, 30))
        by_hand.setdefault(end, []).append((price, volume))
    told += builder.finish(at(15, 30))
    assert builder.late == 0
    assert [bar.closed_at for bar in told] == sorted(by_hand)
    for bar in told:
        prices, volumes = zip(*by_hand[bar.closed_at], strict=True)
        value = sum(price * volume for price, volume in by_hand[bar.closed_at])
        assert bar[2:] == (prices[0], max(prices), min(prices), prices[-1], sum(volumes), value)
