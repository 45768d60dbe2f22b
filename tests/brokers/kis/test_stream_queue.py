"""The queue never waits for a reader: the oldest market data goes, what matters stays, and the loss is told."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.kis.notice import Notice
from brokers.kis.realtime import Trade
from brokers.kis.stream_queue import Item, StreamQueue
from brokers.kis.stream_reports import Gap, GapReason, LinkChange, LinkState
from engine.errors import BadInput, BrokenInvariant
from tests.builders_kis_stream import NINE, make_book, make_notice, make_trade


def numbered(number: int) -> Trade:
    return make_trade(number, received_at=NINE + timedelta(seconds=number))


def test_items_come_out_in_order() -> None:
    queue = StreamQueue()
    queue.put([numbered(1), make_notice()])
    queue.put([numbered(2)])
    assert queue.take() == numbered(1)
    assert queue.take_all() == [make_notice(), numbered(2)]
    assert queue.take(timeout_seconds=0) is None


def test_a_full_queue_drops_the_oldest_market_data_and_says_so() -> None:
    queue = StreamQueue(capacity=3)
    queue.put([numbered(number) for number in range(1, 6)])
    gap, *rest = queue.take_all()
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.lost) == (GapReason.QUEUE_FULL, 2)
    assert (gap.since, gap.until) == (NINE + timedelta(seconds=1), NINE + timedelta(seconds=2))
    assert [(name.tr_id, name.tr_key) for name in gap.subscriptions] == [("H0STCNT0", "005930")]
    assert rest == [numbered(3), numbered(4), numbered(5)]
    assert queue.dropped == 2


def test_notices_and_reports_survive_in_their_place() -> None:
    queue = StreamQueue(capacity=2)
    link = LinkChange(state=LinkState.CONNECTED, at=NINE)
    queue.put([link, numbered(1), make_notice(), numbered(2), numbered(3), make_book()])
    items = queue.take_all()
    assert items[:2] == [link, make_notice()]
    assert isinstance(items[2], Gap)
    assert items[3:] == [numbered(3), make_book()]


def test_a_reader_is_woken_by_an_item_and_by_the_end() -> None:
    queue, taken = StreamQueue(), []

    def read() -> None:
        while (item := queue.take(timeout_seconds=30)) is not None:
            taken.append(item)

    reader = threading.Thread(target=read)
    reader.start()
    queue.put([numbered(1)])
    queue.put([numbered(2)])
    queue.close()
    reader.join(30)
    assert not reader.is_alive()
    assert taken == [numbered(1), numbered(2)]


def test_what_stopped_the_writer_reaches_the_reader_after_the_last_item() -> None:
    queue = StreamQueue()
    queue.put([numbered(1)])
    queue.close(BrokenInvariant("the thread died"))
    queue.put([numbered(2)])
    assert queue.take() == numbered(1)
    with pytest.raises(BrokenInvariant, match="the thread died"):
        queue.take()


def test_a_queue_without_room_is_refused() -> None:
    with pytest.raises(BadInput):
        StreamQueue(0)


@given(
    capacity=st.integers(1, 6),
    steps=st.lists(st.sampled_from(["trade", "notice", "take"]), max_size=60),
)
def test_nothing_is_lost_without_being_counted(capacity: int, steps: list[str]) -> None:
    queue = StreamQueue(capacity)
    taken: list[Item] = []
    for number, step in enumerate(steps):
        if step == "take":
            taken += queue.take_all(timeout_seconds=0, limit=1)
        else:
            at = NINE + timedelta(seconds=number)
            queue.put([make_trade(number, received_at=at) if step == "trade" else make_notice(received_at=at)])
    taken += queue.take_all(timeout_seconds=0)
    records = [item for item in taken if isinstance(item, Trade | Notice)]
    lost = sum(item.lost or 0 for item in taken if isinstance(item, Gap))
    assert sum(isinstance(item, Notice) for item in taken) == steps.count("notice")
    assert sum(isinstance(item, Trade) for item in taken) + lost == steps.count("trade")
    assert [record.received_at for record in records] == sorted(record.received_at for record in records)
    assert queue.dropped == lost
