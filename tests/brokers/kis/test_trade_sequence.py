"""The cumulative volume shows which trades are missing, repeated or late."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from brokers.kis.trade_sequence import Arrival, TradeSequence
from tests.builders_kis_stream import NINE, make_trade


def test_trades_that_follow_one_another_are_next() -> None:
    sequence = TradeSequence()
    assert sequence.look(make_trade(100, 10)) == (Arrival.FIRST, None)
    assert sequence.look(make_trade(130, 30)) == (Arrival.NEXT, None)


def test_a_jump_counts_the_missing_shares() -> None:
    sequence = TradeSequence()
    sequence.look(make_trade(100, 10))
    arrival, jump = sequence.look(make_trade(180, 30, time=NINE + timedelta(seconds=2)))
    assert arrival is Arrival.AFTER_A_JUMP
    assert jump is not None
    assert (jump.shares, jump.since, jump.until) == (50, NINE, NINE + timedelta(seconds=2))


def test_a_repetition_and_a_late_trade_are_not_new() -> None:
    sequence = TradeSequence()
    sequence.look(make_trade(100, 10))
    sequence.look(make_trade(180, 30))
    assert sequence.look(make_trade(180, 30)) == (Arrival.NOT_NEW, None)
    assert sequence.look(make_trade(150, 50)) == (Arrival.NOT_NEW, None)
    assert sequence.look(make_trade(190, 10)) == (Arrival.NEXT, None)


def test_a_new_day_and_a_new_market_begin_anew() -> None:
    sequence = TradeSequence()
    sequence.look(make_trade(1_000, 10, market_code="2"))
    assert sequence.look(make_trade(5, 5, market_code="3"))[0] is Arrival.FIRST
    assert sequence.look(make_trade(7, 7, time=NINE + timedelta(days=1), market_code="2"))[0] is Arrival.FIRST
    assert sequence.look(make_trade(2_000, 7, market_code="2"))[0] is Arrival.NOT_NEW


def test_expected_prices_of_an_auction_are_no_trades() -> None:
    sequence = TradeSequence()
    sequence.look(make_trade(100, 10))
    assert sequence.look(make_trade(900, 800, hour_code="B")) == (Arrival.EXPECTED, None)
    assert sequence.look(make_trade(110, 10)) == (Arrival.NEXT, None)


def test_a_count_that_begins_again_is_followed_after_five_trades() -> None:
    sequence = TradeSequence()
    sequence.look(make_trade(10_000, 10))
    arrivals = [sequence.look(make_trade(100 + 10 * number, 10))[0] for number in range(7)]
    assert arrivals == [Arrival.NOT_NEW] * 4 + [Arrival.FIRST, Arrival.NEXT, Arrival.NEXT]


def test_a_stream_that_was_left_on_purpose_has_no_jump() -> None:
    sequence = TradeSequence()
    sequence.look(make_trade(100, 10))
    sequence.forget("H0STCNT0", "005930")
    assert sequence.look(make_trade(900, 10)) == (Arrival.FIRST, None)


@given(volumes=st.lists(st.integers(1, 1_000), min_size=2, max_size=40), data=st.data())
def test_jumps_add_up_to_what_was_lost(volumes: list[int], data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(volumes), max_size=len(volumes)))
    kept[0] = kept[-1] = True
    sequence, total, missing = TradeSequence(), 0, 0
    for volume, is_kept in zip(volumes, kept, strict=True):
        total += volume
        if is_kept:
            _, jump = sequence.look(make_trade(total, volume))
            missing += jump.shares if jump else 0
    assert missing == sum(volume for volume, is_kept in zip(volumes, kept, strict=True) if not is_kept)
