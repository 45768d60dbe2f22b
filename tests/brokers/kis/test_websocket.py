"""The client against a real WebSocket server: what it sends, what comes out of its queue, and how it comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import pytest

from brokers.kis.backoff import BackOff
from brokers.kis.errors import KisError
from brokers.kis.frames import (
    Acknowledgement,
    NoticeCipher,
    SubscriptionMessage,
    format_acknowledgement,
    format_data,
    format_ping,
)
from brokers.kis.notice import Notice
from brokers.kis.realtime import Book, Trade
from brokers.kis.stream_queue import Item, StreamQueue
from brokers.kis.stream_reports import (
    BadFrame,
    DivisionChange,
    Gap,
    GapReason,
    LinkChange,
    LinkState,
    SubscriptionRefused,
)
from brokers.kis.stream_settings import StreamSettings
from brokers.kis.subscriptions import Subscription
from brokers.kis.websocket import RealtimeSocket
from engine.clock import SimulatedClock
from engine.errors import ConfigError
from tests.builders_kis_stream import CIPHER, NINE, make_book, make_fill, make_notice, make_trade
from tests.kis_stream_server import WAIT_SECONDS, StreamServer, acknowledge, answer_with

KEY = "9f2c7b1e-0000-approval"
SAMSUNG = Subscription("H0STCNT0", "005930")
FILLS = Subscription("H0STCNI0", "htsuser1")
T = TypeVar("T")


class Reader:
    """Takes items out of a queue and remembers all of them."""

    def __init__(self, queue: StreamQueue) -> None:
        self.queue = queue
        self.items: list[Item] = []

    def next(self, kind: type[T], condition: Callable[[T], bool] = lambda item: True) -> T:
        """The next item of a kind for which the condition holds."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            item = self.queue.take(timeout_seconds=1)
            if item is not None:
                self.items.append(item)
                if isinstance(item, kind) and condition(item):
                    return item
            elif self.queue.is_closed:
                break
        raise AssertionError(f"no {kind.__name__} came; these did: {self.items}")

    def gap(self, reason: GapReason) -> Gap:
        return self.next(Gap, lambda gap: gap.reason is reason)

    def link(self, state: LinkState) -> LinkChange:
        return self.next(LinkChange, lambda link: link.state is state)


@contextmanager
def stream(
    server: StreamServer | SimpleNamespace, *wanted: Subscription, **changes: Any
) -> Iterator[tuple[RealtimeSocket, Reader]]:
    """A client of that server with short times; its waits between attempts are almost nothing."""
    settings = {
        "poll_seconds": 0.01,
        "spacing_seconds": 0.0,
        "answer_seconds": 5.0,
        "ping_seconds": 15.0,
        "silence_seconds": 30.0,
    }
    settings |= {name: changes.pop(name) for name in list(changes) if name in StreamSettings.__slots__}
    pause = threading.Event()
    known: dict[str, Any] = {
        "url": server.url,
        "approval_key": lambda renew: KEY,
        "clock": SimulatedClock(NINE),
        "generator": np.random.default_rng(1),
        "settings": StreamSettings(**settings),
        "back_off": BackOff(spread=0),
        "sleep": lambda seconds: pause.wait(0.01),
    }
    client = RealtimeSocket(**(known | changes))
    client.subscribe(wanted)
    with client:
        yield client, Reader(client.queue)


def wait_registered(server: StreamServer, *names: Subscription) -> None:
    server.wait_for(lambda: all((name.tr_id, name.tr_key) in server.registered for name in names))


def data(*trades: Trade) -> str:
    return format_data("H0STCNT0", [trade.to_fields(46) for trade in trades])


def test_records_come_typed_and_in_order() -> None:
    with StreamServer() as server, stream(server, SAMSUNG) as (client, reader):
        wait_registered(server, SAMSUNG)
        book = make_book()
        server.send(
            data(make_trade(100, 10)),
            data(make_trade(110, 10), make_trade(130, 20), make_trade(160, 30)),
            format_data("H0STASP0", [book.to_fields()]),
        )
        assert reader.next(Book) == book
        trades = [item for item in reader.items if isinstance(item, Trade)]
        assert trades == [make_trade(100, 10), make_trade(110, 10), make_trade(130, 20), make_trade(160, 30)]
        assert client.registered == frozenset([SAMSUNG])
        assert (client.status().records, client.status().connected, client.status().sessions) == (5, True, 1)
    assert [message.approval_key for message in server.messages] == [KEY]


def test_pingpong_is_echoed_as_it_came() -> None:
    with StreamServer() as server, stream(server, SAMSUNG):
        wait_registered(server, SAMSUNG)
        ping = format_ping(NINE)
        server.send(ping)
        server.wait_for(lambda: server.texts == [ping])


@pytest.mark.parametrize("length", [23, 26])
def test_notices_are_decrypted_in_both_layouts(length: int) -> None:
    with StreamServer() as server, stream(server, FILLS) as (_, reader):
        wait_registered(server, FILLS)
        fill = make_fill(3, exchange_code="" if length == 23 else "1")
        server.send(format_data("H0STCNI0", [fill.to_fields(length), make_notice().to_fields(length)], CIPHER))
        assert reader.next(Notice) == fill
        assert reader.next(Notice) == make_notice()


def test_a_notice_before_the_answer_waits_for_its_key() -> None:
    held: list[Acknowledgement] = []

    def answer_later(server: StreamServer, message: SubscriptionMessage) -> Acknowledgement | None:
        answer = acknowledge(server, message)
        if message.tr_id != "H0STCNI0":
            return answer
        held.append(answer)
        return None

    with StreamServer(answer_later) as server, stream(server, FILLS) as (_, reader):
        wait_registered(server, FILLS)
        server.send(format_data("H0STCNI0", [make_fill(3).to_fields()], CIPHER))
        server.send(format_acknowledgement(held[0]))
        assert reader.next(Notice) == make_fill(3)
        assert not [item for item in reader.items if isinstance(item, BadFrame)]


def test_a_new_key_leaves_notices_under_the_old_one_readable() -> None:
    newer = NoticeCipher("n" * 32, "w" * 16)
    with StreamServer() as server, stream(server, FILLS) as (client, reader):
        wait_registered(server, FILLS)
        server.cipher = newer
        client.subscribe([Subscription("H0STCNI0", "htsuser2")])
        wait_registered(server, Subscription("H0STCNI0", "htsuser2"))
        server.send(
            format_data("H0STCNI0", [make_fill(3).to_fields()], newer),
            format_data("H0STCNI0", [make_fill(4).to_fields()], CIPHER),
        )
        assert reader.next(Notice) == make_fill(3)
        assert reader.next(Notice) == make_fill(4)


@pytest.mark.parametrize("how", ["cut", "end"])
def test_a_lost_link_comes_back_with_its_subscriptions_and_a_gap(how: str) -> None:
    clock = SimulatedClock(NINE)
    with StreamServer() as server, stream(server, SAMSUNG, FILLS, clock=clock) as (client, reader):
        wait_registered(server, SAMSUNG, FILLS)
        server.send(data(make_trade(100, 10)))
        reader.next(Trade)
        clock.advance(timedelta(seconds=30))
        getattr(server, how)()
        lost = reader.link(LinkState.LOST)
        assert (lost.failures, lost.wait_seconds) == (1, 1.0)
        gap = reader.gap(GapReason.DISCONNECTED)
        assert set(gap.subscriptions) == {SAMSUNG, FILLS}
        assert gap.includes_notices
        assert (gap.since, gap.until) == (NINE, NINE + timedelta(seconds=30))
        wait_registered(server, SAMSUNG, FILLS)
        server.send(data(make_trade(500, 10, time=NINE + timedelta(seconds=31))))
        jump = reader.gap(GapReason.JUMP)
        assert (jump.lost, jump.since) == (390, NINE)
        assert client.status().sessions == 2


def test_two_losses_in_a_row_give_one_gap_from_the_first() -> None:
    clock = SimulatedClock(NINE)
    answering = threading.Event()
    answering.set()

    def answer(server: StreamServer, message: SubscriptionMessage) -> Acknowledgement | None:
        return acknowledge(server, message) if answering.is_set() else None

    with StreamServer(answer) as server, stream(server, SAMSUNG, clock=clock) as (_, reader):
        wait_registered(server, SAMSUNG)
        server.send(data(make_trade(100, 10)))
        reader.next(Trade)
        answering.clear()
        server.cut()
        server.wait_for(lambda: server.sessions == 2 and len(server.messages) == 2)
        clock.advance(timedelta(seconds=10))
        answering.set()
        server.cut()
        gap = reader.gap(GapReason.DISCONNECTED)
        assert (gap.since, gap.until) == (NINE, NINE + timedelta(seconds=10))
        assert not [item for item in reader.items[:-1] if isinstance(item, Gap)]


def test_more_subscriptions_than_places_take_turns_and_it_is_said() -> None:
    clock = SimulatedClock(NINE)
    names = [Subscription("H0STCNT0", f"{number:06}") for number in range(50)]
    with StreamServer() as server, stream(server, clock=clock, turn_seconds=60.0) as (client, reader):
        client.subscribe(names[:30], priority=9)
        client.subscribe(names[30:], priority=5)
        client.subscribe([FILLS])
        change = reader.next(DivisionChange, lambda change: len(change.division.steady) == 31)
        assert (len(change.division.turning), change.division.turning_places) == (20, 10)
        server.wait_for(lambda: len(server.registered) == 41)
        first = set(server.registered)
        clock.advance(timedelta(seconds=60))
        server.wait_for(lambda: len(server.registered) == 41 and len(server.registered - first) == 10)
        assert server.most_registered == 41
        for name in [*names[:30], FILLS]:
            assert (name.tr_id, name.tr_key) in server.registered
        clock.advance(timedelta(seconds=60))
        gap = reader.gap(GapReason.TURN)
        assert gap.since == NINE + timedelta(seconds=60)
        assert gap.until == NINE + timedelta(seconds=120)


def test_fewer_places_than_thought_are_used_without_complaint() -> None:
    names = [Subscription("H0STCNT0", f"{number:06}") for number in range(6)]
    with StreamServer(places=4) as server, stream(server, *names) as (_, reader):
        change = reader.next(DivisionChange)
        assert change.division.places == 4
        assert len(server.registered) == 4


def test_unsubscribing_frees_the_place() -> None:
    with StreamServer() as server, stream(server, SAMSUNG) as (client, _):
        wait_registered(server, SAMSUNG)
        client.unsubscribe([SAMSUNG])
        server.wait_for(lambda: not server.registered)
        assert [message.tr_type for message in server.messages] == ["1", "2"]


def test_a_subscription_that_can_never_work_is_given_up() -> None:
    def answer(server: StreamServer, message: SubscriptionMessage) -> Acknowledgement:
        if message.tr_id == "H0UPCNT0":
            return answer_with(message, "1", "OPSP8991", "invalid tr_id")
        return acknowledge(server, message)

    index = Subscription("H0UPCNT0", "0001")
    with StreamServer(answer) as server, stream(server, SAMSUNG, index) as (client, reader):
        refused = reader.next(SubscriptionRefused)
        assert (refused.subscription, refused.code) == (index, "OPSP8991")
        assert "모의투자" in refused.text("ko")
        wait_registered(server, SAMSUNG)
        assert client.status().wanted == 1


def test_an_error_that_may_pass_is_tried_again_and_then_given_up() -> None:
    def answer(server: StreamServer, message: SubscriptionMessage) -> Acknowledgement:
        return answer_with(message, "1", "OPSP0007", "SUBSCRIBE INTERNAL ERROR")

    with StreamServer(answer) as server, stream(server, SAMSUNG, answer_seconds=0.05) as (_, reader):
        assert reader.next(SubscriptionRefused).code == "OPSP0007"
        assert len(server.messages) == 3


def test_requests_without_an_answer_are_repeated_and_then_the_link_is_made_anew() -> None:
    def answer(server: StreamServer, message: SubscriptionMessage) -> Acknowledgement | None:
        return acknowledge(server, message) if server.sessions == 2 else None

    with StreamServer(answer) as server, stream(server, SAMSUNG, answer_seconds=0.05) as (_, reader):
        assert "no answer to 3 requests for H0STCNT0" in reader.link(LinkState.LOST).why
        wait_registered(server, SAMSUNG)
        assert len(server.messages) == 4


def test_a_refused_approval_key_is_renewed() -> None:
    asked: list[bool] = []

    def approval_key(renew: bool) -> str:
        asked.append(renew)
        return "new key" if renew else "old key"

    def answer(server: StreamServer, message: SubscriptionMessage) -> Acknowledgement:
        if message.approval_key == "old key":
            return answer_with(message, "1", "OPSP0011", "invalid approval : NOT FOUND")
        return acknowledge(server, message)

    with StreamServer(answer) as server, stream(server, SAMSUNG, approval_key=approval_key):
        wait_registered(server, SAMSUNG)
        assert asked == [False, True]


def test_an_app_key_in_use_elsewhere_is_waited_for_ever_longer() -> None:
    waits: list[float] = []

    def answer(server: StreamServer, message: SubscriptionMessage) -> Acknowledgement:
        if server.sessions < 4:
            in_use = answer_with(message, "9", "OPSP8996", "ALREADY IN USE appkey")
            return Acknowledgement(
                tr_id="(null)",
                tr_key="",
                return_code=in_use.return_code,
                message_code=in_use.message_code,
                message=in_use.message,
            )
        return acknowledge(server, message)

    with StreamServer(answer) as server, stream(server, SAMSUNG, sleep=waits.append) as (_, reader):
        assert "OPSP8996" in reader.link(LinkState.LOST).why
        wait_registered(server, SAMSUNG)
    assert waits == [1.0, 2.0, 4.0]


def test_no_approval_key_is_tried_again() -> None:
    failures = iter([KisError("the token call failed for PSabcdefghijklmnopqrstuvwxyz01234567"), OSError("down")])

    def approval_key(renew: bool) -> str:
        for failure in failures:
            raise failure
        return KEY

    with StreamServer() as server, stream(server, SAMSUNG, approval_key=approval_key) as (_, reader):
        first = reader.link(LinkState.LOST)
        assert "no approval key" in first.why
        assert "PSabc" not in first.why
        assert reader.link(LinkState.LOST).failures == 2
        wait_registered(server, SAMSUNG)


def test_frames_that_cannot_be_read_are_left_out_and_the_stream_goes_on() -> None:
    with StreamServer() as server, stream(server, SAMSUNG, FILLS) as (client, reader):
        wait_registered(server, SAMSUNG, FILLS)
        server.send("0|H0STCNT0|001|005930^0900", b"0|H0STCNT0|001|\xff\xfe", data(make_trade(100, 10)))
        assert reader.next(BadFrame).error.tr_id == "H0STCNT0"
        # The second one might have been anything: news of an order too.
        assert reader.gap(GapReason.BAD_FRAME).subscriptions == (FILLS,)
        assert reader.next(Trade) == make_trade(100, 10)
        assert client.status().bad_frames == 2


def test_a_notice_that_cannot_be_read_is_a_gap_of_notices() -> None:
    with StreamServer() as server, stream(server, FILLS) as (_, reader):
        wait_registered(server, FILLS)
        server.send(format_data("H0STCNI0", [make_fill(3).to_fields()], NoticeCipher("?" * 32, "!" * 16)))
        assert reader.gap(GapReason.BAD_FRAME).includes_notices


def test_repeated_trades_are_left_out() -> None:
    with StreamServer() as server, stream(server, SAMSUNG) as (client, reader):
        wait_registered(server, SAMSUNG)
        first, second = make_trade(100, 10), make_trade(120, 20)
        server.send(data(first), data(first), data(second, first, second), data(make_trade(130, 10)))
        reader.next(Trade, lambda trade: trade.cumulative_volume == 130)
        assert [item for item in reader.items if isinstance(item, Trade)] == [first, second, make_trade(130, 10)]
        assert client.status().repeated_trades == 3


def test_silence_ends_in_a_new_link() -> None:
    silent = {"ping_seconds": 0.05, "silence_seconds": 0.2}
    with StreamServer(autoping=False) as server, stream(server, SAMSUNG, **silent) as (_, reader):
        assert "nothing came" in reader.link(LinkState.LOST).why
        server.wait_for(lambda: server.sessions >= 2)


def test_a_server_that_answers_pings_is_not_silent() -> None:
    quiet = {"ping_seconds": 0.03, "silence_seconds": 0.5}
    with StreamServer() as server, stream(server, SAMSUNG, **quiet) as (client, reader):
        wait_registered(server, SAMSUNG)
        reader.queue.take_all(timeout_seconds=0)
        assert reader.queue.take(timeout_seconds=1.5) is None
        assert client.status().sessions == 1


def test_a_slow_program_never_stops_the_socket() -> None:
    count = 5_000
    queue = StreamQueue(capacity=100)
    with StreamServer() as server, stream(server, SAMSUNG, queue=queue) as (client, reader):
        wait_registered(server, SAMSUNG)
        server.send(*(data(make_trade(10 * number, 10)) for number in range(1, count + 1)))
        server.send(format_ping(NINE))
        server.wait_for(lambda: len(server.texts) == 1)
        assert client.status().records == count
        reader.next(Trade, lambda trade: trade.cumulative_volume == 10 * count)
        kept = sum(isinstance(item, Trade) for item in reader.items)
        lost = sum(item.lost or 0 for item in reader.items if isinstance(item, Gap))
        assert {item.reason for item in reader.items if isinstance(item, Gap)} == {GapReason.QUEUE_FULL}
        assert kept + lost == count
        assert lost == queue.dropped > count - 1_000


def test_closing_ends_the_session_in_order() -> None:
    with StreamServer() as server:
        with stream(server, SAMSUNG) as (client, reader):
            wait_registered(server, SAMSUNG)
            assert "127.0.0.1" in repr(client)
        server.wait_for(lambda: server.closed_by_client == 1)
        assert reader.link(LinkState.CLOSED).why == ""
        assert reader.queue.is_closed
        assert reader.queue.take() is None
    assert "kis-stream" not in [thread.name for thread in threading.enumerate()]


def test_a_server_that_is_away_is_found_when_it_is_back() -> None:
    with StreamServer() as server:
        url = server.url
        gone = SimpleNamespace(url=url)
    with stream(gone, SAMSUNG) as (_, reader):
        first, second = reader.link(LinkState.LOST), reader.link(LinkState.LOST)
        assert (first.failures, second.failures) == (1, 2)
        assert second.wait_seconds == 2.0


def test_what_breaks_the_thread_reaches_the_reader() -> None:
    class BrokenClock:
        def now(self) -> Any:
            raise RuntimeError("the clock stopped")

    with (
        StreamServer() as server,
        stream(server, SAMSUNG, clock=BrokenClock()) as (_, reader),
        pytest.raises(RuntimeError, match="the clock stopped"),
    ):
        reader.next(Trade)


def test_nothing_that_is_said_holds_a_secret() -> None:
    def answer(server: StreamServer, message: SubscriptionMessage) -> Acknowledgement:
        if message.tr_id == "H0STASP0":
            return answer_with(message, "1", "OPSP8991", f"invalid {message.approval_key}")
        return acknowledge(server, message)

    wanted = (SAMSUNG, FILLS, Subscription("H0STASP0", "005930"))
    with StreamServer(answer) as server, stream(server, *wanted) as (client, reader):
        reader.next(SubscriptionRefused)
        server.send(format_data("H0STCNI0", [make_fill(3).to_fields()], CIPHER), "1|H0STCNI0|001|AAAA")
        reader.gap(GapReason.BAD_FRAME)
        server.cut()
        reader.gap(GapReason.DISCONNECTED)
        said = [repr(client), repr(client.status())]
        for item in reader.items:
            said += [repr(item), *([item.text("ko"), item.text("en")] if hasattr(item, "text") else [])]
    for secret in (KEY, "htsuser1", "1234567801", "홍길동", "k" * 32, "v" * 16):
        assert not [text for text in said if secret in text]


@pytest.mark.parametrize("url", ["", "http://127.0.0.1", "ws://", "127.0.0.1:21000"])
def test_an_address_that_is_no_websocket_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="ws://"):
        RealtimeSocket(
            url=url,
            approval_key=lambda renew: KEY,
            clock=SimulatedClock(NINE),
            generator=np.random.default_rng(1),
        )
