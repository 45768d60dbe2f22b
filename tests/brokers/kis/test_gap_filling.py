"""The trades that a lost connection hid are asked of REST, each once, through the server that speaks KIS."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.gap_filling import GapFilled, GapFiller
from brokers.kis.realtime import Trade
from brokers.kis.realtime_fields import BOOK, TRADE
from brokers.kis.stream_reports import Gap, GapReason, LinkChange, LinkState
from brokers.kis.subscriptions import Subscription
from tests.contract.broker_contract import NAMES
from tests.contract.test_kis_broker import WAIT_SECONDS, KisWorld
from tests.scripted_kis import SharedClock, good, make_rest, said, scripted_kis

TICKER = NAMES[0]
TRADES_PATH = ENDPOINTS["inquire_time_itemconclusion"].path
MINUTES_PATH = ENDPOINTS["inquire_time_itemchartprice"].path


@pytest.fixture(params=["live", "paper"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KisWorld]:
    with contextlib.ExitStack() as stack:
        yield KisWorld(stack, tmp_path, request.param)


def wait_for(world: KisWorld, reason: GapReason) -> list[GapFilled]:
    """The answers about every trade subscription of the gap."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        world.broker.poll(0.02)
        found = [item for item in world.market if isinstance(item, GapFilled) and item.gap.reason is reason]
        if len(found) >= len(NAMES):
            return found
    raise AssertionError(f"no answer about a gap ({reason}): {[type(item).__name__ for item in world.market]}")


def seen(world: KisWorld, ticker: str) -> list[tuple[int, int]]:
    """Cumulative volumes and shares that the stream brought."""
    trades = (item for item in world.market if isinstance(item, Trade) and item.ticker == ticker)
    return [(trade.cumulative_volume, trade.volume) for trade in trades]


def test_trades_of_a_lost_connection_are_told_once(world):
    deadline = time.monotonic() + WAIT_SECONDS
    while len(world._socket.registered) < 2 * len(NAMES) + 1 and time.monotonic() < deadline:
        world.broker.poll(0.02)
    world._advance("morning")  # over midnight first: what comes in the same instant as a new day would bear the old one
    world._advance("open")
    while not all(seen(world, name) for name in NAMES) and time.monotonic() < deadline:
        world._hear()  # a trade that is still on its way when the line is cut would be missing too
    world._client.world("faults", {"now": "socket_cut"})
    world._advance("step")
    world._advance("step")
    filled = wait_for(world, GapReason.DISCONNECTED)
    assert {one.ticker for one in filled} == set(NAMES)
    assert all(one.is_whole and not one.problem and not one.minutes for one in filled)
    world._advance("evening")  # the stream goes on, and its volume shows the jump
    again = wait_for(world, GapReason.JUMP)
    assert [one.trades for one in again] == [()] * len(NAMES)
    for one in filled:
        told = [(trade.cumulative_volume, trade.volume) for trade in one.trades]
        assert len(told) == 2
        assert one.shares == sum(volume for _, volume in told)
        everything = sorted(seen(world, one.ticker) + told)
        assert len(everything) == 4
        assert everything[-1][0] == sum(volume for _, volume in everything)  # to the share, nothing twice
    assert "2 missed trades" in filled[0].text("en")
    assert "체결 2건" in filled[0].text("ko")


def row(hour: str, total: int, volume: int = 10, price: int = 1_000) -> dict[str, str]:
    return {"stck_cntg_hour": hour, "stck_pbpr": str(price), "cnqn": str(volume), "acml_vol": str(total)}


def minute(hour: str, day: str) -> dict[str, str]:
    prices = {"stck_prpr": "1001", "stck_oprc": "1000", "stck_hgpr": "1005", "stck_lwpr": "995", "cntg_vol": "70"}
    return {"stck_bsop_date": day, "stck_cntg_hour": hour, **prices}


def answers(filler: GapFiller, count: int) -> list[GapFilled]:
    found: list[GapFilled] = []
    deadline = time.monotonic() + WAIT_SECONDS
    while len(found) < count and time.monotonic() < deadline:
        found += filler.take()
        time.sleep(0.005)
    assert len(found) == count
    assert filler.waiting == 0
    return found


def gap_until(clock: SharedClock, seconds: int, *names: Subscription) -> Gap:
    now = clock.now()
    return Gap(reason=GapReason.TURN, subscriptions=names, since=now - timedelta(seconds=seconds), until=now)


def test_a_gap_with_too_many_trades_comes_as_trades_and_minutes(tmp_path):
    clock = SharedClock()
    clock.sleep(30 * 60)  # 09:30
    day = f"{clock.now():%Y%m%d}"
    with scripted_kis(clock) as host:
        page = [row("092959", 1_000_000 - 10 * place) for place in range(30)]
        pages = [[{**one, "acml_vol": str(int(one["acml_vol"]) - 300 * number)} for one in page] for number in range(6)]
        host.on(TRADES_PATH, *(good(output1={}, output2=rows) for rows in pages))
        minutes = [minute(f"09{number:02}00", day) for number in range(29, 9, -1)]
        host.on(MINUTES_PATH, good(output1={}, output2=minutes))
        filler = GapFiller(make_rest(tmp_path, host, clock), clock)
        filler.hear(gap_until(clock, 600, Subscription(TRADE, TICKER), Subscription(BOOK, TICKER)))
        (filled,) = answers(filler, 1)
        filler.close()
    assert not filled.is_whole
    assert len(filled.trades) == 180
    assert [bar.begins.minute for bar in filled.minutes] == list(range(20, 30))
    assert (filled.high, filled.low) == (1_005, 995)
    assert "10 minutes in place of older ones" in filled.text("en")


def test_a_refusal_is_told_and_the_next_gap_is_asked_for(tmp_path):
    clock = SharedClock()
    clock.sleep(600)
    with scripted_kis(clock) as host:
        host.on(
            TRADES_PATH,
            said("MCA05918", "종목코드 오류"),
            good(output1={}, output2=[row("090500", 500)]),
            good(output1={}, output2=[]),
        )
        filler = GapFiller(make_rest(tmp_path, host, clock), clock)
        filler.hear(gap_until(clock, 400, Subscription(TRADE, "999999"), Subscription(TRADE, TICKER)))
        wrong, right = answers(filler, 2)
        filler.close()
    assert "MCA05918" in wrong.problem
    assert not wrong.is_whole
    assert [(trade.price, trade.cumulative_volume) for trade in right.trades] == [(1_000, 500)]


def test_trades_that_the_stream_had_brought_are_left_out(tmp_path):
    clock = SharedClock()
    clock.sleep(600)
    now = clock.now()
    with scripted_kis(clock) as host:
        rows = [row("090930", total) for total in (530, 520, 510, 500, 490)]
        host.on(TRADES_PATH, *[good(output1={}, output2=rows)] * 4)
        filler = GapFiller(make_rest(tmp_path, host, clock), clock)
        filler.saw(Trade(TRADE, TICKER, now, now, 1_000, 10, 500, 500_000))
        name = Subscription(TRADE, TICKER)
        filler.hear(LinkChange(state=LinkState.LOST, at=now, failures=1))
        filler.saw(Trade(TRADE, TICKER, now, now, 1_000, 10, 530, 530_000))  # the stream is up again
        filler.hear(Gap(reason=GapReason.JUMP, subscriptions=(name,), since=now, until=now, lost=20))
        since = now - timedelta(seconds=60)
        filler.hear(Gap(reason=GapReason.DISCONNECTED, subscriptions=(name,), since=since, until=now))
        first, second = answers(filler, 2)
        filler.close()
    assert first.trades == ()  # what lies above 530 is not there yet
    assert [trade.cumulative_volume for trade in second.trades] == [510, 520, 530]
