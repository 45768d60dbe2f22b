"""What an account listens to: its own names first, then the watch list, indices and states, within 41 places."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from brokers.kis.attention import Attention
from brokers.kis.environment import LIVE, PAPER
from brokers.kis.frames import format_data
from brokers.kis.realtime import MarketState
from brokers.kis.realtime_fields import INDEX, MARKET_STATUS, TRADE
from brokers.kis.stream_reports import Gap, GapReason
from brokers.kis.subscriptions import PLACES, Subscription, SubscriptionPlan
from brokers.kis.websocket import RealtimeSocket
from brokers.kis_trading.watching import watch_news
from engine.clock import KST, SimulatedClock
from engine.errors import BadInput, ConfigError
from engine.krx.instrument_class import InstrumentClass
from engine.ledger.alerts import alerts_after
from engine.ledger.ledger import open_ledger
from engine.rules.tree import Category
from engine.trading.monitoring import MarketWatch
from engine.trading.volume_profile import VolumeProfile
from engine.trading.watch_list import FILE, Rank, load_watch_list
from tests.builders_panel import HALT, Bar, make_panel
from tests.kis_client import make_server
from tests.kis_stream_server import StreamServer
from tests.trading_world import BEFORE, SETTINGS, Running, advance, trader_on, write_rules

OURS, SEEN, HALTED = "000100", "000200", "000300"
NOON = datetime(2024, 5, 2, 12, 0, tzinfo=KST)


def names(first: int, count: int) -> list[str]:
    return [f"{number:06}" for number in range(first, first + count)]


def test_within_41_places_what_is_guarded_stays_and_the_watch_list_takes_turns() -> None:
    ranks = dict.fromkeys(names(100, 4), int(Rank.GUARDED)) | dict.fromkeys(names(200, 3), int(Rank.ORDERED))
    ranks |= dict.fromkeys(names(300, 3), int(Rank.LEVEL)) | dict.fromkeys(names(400, 2), int(Rank.HELD))
    ours, watched = set(ranks), names(500, 30)
    ranks |= dict.fromkeys(watched, int(Rank.WATCHED))
    plan = SubscriptionPlan(turn=timedelta(seconds=60))
    for name, priority in Attention(ranks, ["KOSPI"]).registrations("KRX", LIVE).items():
        plan.want([name], priority)
    division = plan.division()
    assert {name.tr_key for name in division.steady} == ours
    assert len(division.steady) == 2 * len(ours), "trades and states"
    assert {name.tr_key for name in division.turning} == set(watched)
    assert {name.tr_id for name in division.waiting} == {INDEX, MARKET_STATUS}
    heard: set[str] = set()
    for minute in range(4):
        holders = plan.holders(NOON + timedelta(minutes=minute))
        assert len(holders) == PLACES
        assert division.steady <= holders
        heard |= {name.tr_key for name in holders}
    assert heard == ours | set(watched)


def test_more_guards_than_places_take_turns_before_anything_else_is_heard() -> None:
    plan = SubscriptionPlan()
    ranks = dict.fromkeys(names(100, 45), int(Rank.GUARDED)) | {"000900": int(Rank.ORDERED)}
    for name, priority in Attention(ranks, []).registrations("KRX", LIVE).items():
        plan.want([name], priority)
    division = plan.division()
    assert len(division.turning) == 45
    assert {name.tr_id for name in division.turning} == {TRADE}


def test_the_paper_account_hears_trades_only_and_a_rank_that_is_none_is_refused() -> None:
    wanted = Attention({OURS: 5, SEEN: 1}, ["KOSPI"]).registrations("KRX", PAPER)
    assert wanted == {Subscription(TRADE, OURS): 10, Subscription(TRADE, SEEN): 4}
    assert Subscription(INDEX, "1001") in Attention({}, ["KOSDAQ"]).registrations("KRX", LIVE)
    with pytest.raises(BadInput, match="Rank 6 of 000100"):
        Attention({OURS: 6}, [])


def test_turns_of_names_that_are_only_looked_at_ask_nothing_of_rest() -> None:
    attention = Attention({OURS: 5, SEEN: 1}, [])
    both = (Subscription(TRADE, OURS), Subscription(TRADE, SEEN))
    turn = Gap(reason=GapReason.TURN, subscriptions=both, since=NOON, until=NOON)
    lost = Gap(reason=GapReason.DISCONNECTED, subscriptions=both, since=NOON, until=NOON)
    kept = attention.worth_filling(turn)
    assert isinstance(kept, Gap)
    assert kept.subscriptions == both[:1]
    assert attention.worth_filling(lost) is lost


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tickers: [5930]", "tickers"),
        ("tickers: ['5930']", "'5930' is no KRX short code"),
        ("names: ['005930']", "names"),
        ("indices: ['']", "an index needs a name"),
        ("tickers: [", "cannot be read"),
    ],
)
def test_a_watch_list_that_says_nothing_sensible_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        load_watch_list(tmp_path)


def test_a_watch_list_names_each_once_and_none_is_empty(tmp_path: Path) -> None:
    assert load_watch_list(tmp_path).tickers == ()
    (tmp_path / FILE).write_text('tickers: ["005930", "000660", "005930"]\nindices: [KOSPI]', encoding="utf-8")
    found = load_watch_list(tmp_path)
    assert found.tickers == ("005930", "000660")
    assert found.indices == ("KOSPI",)


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    """Buys OURS on the first decision and guards it."""
    return write_rules(
        tmp_path,
        ("dip", Category.ENTRY, "close < 0.98 * lag(close, 1)", "buy 30% of equity"),
        ("stop", Category.EXIT, "pnl <= -20%", "sell all"),
    )


def days(*last: Bar) -> list[Bar]:
    return [*[(10_000, 10_050, 9_950, 10_000, 500_000)] * (BEFORE + 3 - len(last)), *last]


def registered(running: Running) -> Iterator[Subscription]:
    stream = running.trading.broker._stream
    assert stream is not None
    return (name for name in stream.registered if not name.is_notice)


def codes(running: Running) -> list[tuple[str, str]]:
    found = alerts_after(running.trading.ledger.connection, 0, 10_000)
    return [(each.code, each.parameters.get("ticker", "")) for each in found if each.code.startswith("market_")]


def test_names_of_the_watch_list_halts_and_indices_are_told_from_the_stream(tmp_path: Path, prompt: Path) -> None:
    dip, flat = (10_000, 10_000, 9_500, 9_600, 500_000), (9_600, 9_650, 9_590, 9_600, 500_000)
    rise = (10_000, 10_700, 10_000, 10_600, 500_000)
    panel = make_panel(
        {OURS: days(dip, flat, flat, flat), SEEN: days(rise, rise), HALTED: days(HALT, HALT)},
        index=[*[2_000.0] * (BEFORE + 1), 2_050.0, 2_050.0],
    )
    folder = tmp_path / "live"
    folder.mkdir()
    (folder / FILE).write_text(f'tickers: ["{SEEN}", "{HALTED}"]\nindices: [KOSPI, KOSDAQ]', encoding="utf-8")
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, folder, prompt, (OURS,), SETTINGS) as running:
            advance(server, running, "evening")
            both = {(kind, name) for kind in (TRADE, MARKET_STATUS) for name in (OURS, SEEN, HALTED)}
            assert set(registered(running)) == both | {(INDEX, "0001")}
            assert codes(running) == [("market_refused", f"{INDEX} 1001"), ("market_fill", OURS)]
            advance(server, running, "evening")
            first = codes(running)[2:]
            assert ("market_rise", SEEN) in first
            assert ("market_rise", "KOSPI") in first
            assert ("market_halt", HALTED) in first
        with trader_on(server, folder, prompt, None, SETTINGS) as running:
            advance(server, running, "evening")
            again = codes(running)[2 + len(first) :]
            assert again.count(("market_halt", HALTED)) == 1, "once a day, for the halt goes on"
            assert ("market_halt_over", HALTED) not in again


def test_the_paper_account_hears_the_watch_list_too(tmp_path: Path, prompt: Path) -> None:
    rise = (10_000, 10_700, 10_000, 10_600, 500_000)
    panel = make_panel({OURS: days(), SEEN: days(rise, rise, rise)}, index=[2_000.0] * (BEFORE + 3))
    folder = tmp_path / "paper"
    folder.mkdir()
    (folder / FILE).write_text(f'tickers: ["{SEEN}"]\nindices: [KOSPI]', encoding="utf-8")
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, folder, prompt, (OURS,), SETTINGS, "paper") as running,
    ):
        advance(server, running, "evening")
        assert set(registered(running)) == {(TRADE, SEEN)}
        assert ("market_rise", SEEN) in codes(running)


def test_a_watch_list_longer_than_the_stream_is_said_once_and_holdings_stay(tmp_path: Path, prompt: Path) -> None:
    dip, flat = (10_000, 10_000, 9_500, 9_600, 500_000), (9_600, 9_650, 9_590, 9_600, 500_000)
    many = names(1_000, 50)
    panel = make_panel(
        {OURS: days(dip, flat, flat, flat), **{name: days() for name in many}}, index=[2_000.0] * (BEFORE + 3)
    )
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / FILE).write_text(f"tickers: {many}", encoding="utf-8")
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, folder, prompt, (OURS,), SETTINGS) as running,
    ):
        heard: set[str] = set()
        for until in ("open", "evening", "open", "evening"):
            advance(server, running, until)
            now = set(registered(running))
            assert len(now) <= PLACES - 1, "one place is for the account's own orders"
            heard |= {name.tr_key for name in now}
        assert {(TRADE, OURS), (MARKET_STATUS, OURS)} <= now
        assert heard == {OURS, *many}
        crowded = [code for code, _ in codes(running) if code == "market_crowded"]
        assert 1 <= len(crowded) <= 2, "once a day"


def test_interruptions_and_halts_come_from_the_real_stream(tmp_path: Path) -> None:
    clock = SimulatedClock(NOON)
    states = [
        MarketState(tr_id=MARKET_STATUS, ticker=SEEN, received_at=NOON, interrupted=True),
        MarketState(tr_id=MARKET_STATUS, ticker=SEEN, received_at=NOON, interrupted=True),
        MarketState(tr_id=MARKET_STATUS, ticker=SEEN, received_at=NOON),
        MarketState(tr_id=MARKET_STATUS, ticker=HALTED, received_at=NOON, halted=True, interrupted=True),
    ]
    with StreamServer() as server, open_ledger(tmp_path / "ledger.db", clock) as ledger:
        watch = MarketWatch(
            ledger, clock, VolumeProfile(tmp_path), lambda ticker: InstrumentClass.KOSPI_STOCK, print, "en"
        )
        socket = RealtimeSocket(
            url=server.url, approval_key=lambda renew: "key", clock=clock, generator=np.random.default_rng(1)
        )
        with socket:
            for name, priority in Attention({SEEN: 1, HALTED: 5}, []).registrations("KRX", LIVE).items():
                socket.subscribe([name], priority)
            server.wait_for(lambda: len(server.registered) == 4)
            server.send(*(format_data(MARKET_STATUS, [state.to_fields()]) for state in states))
            seen = 0
            while seen < len(states):
                for item in socket.queue.take_all(5.0):
                    seen += isinstance(item, MarketState)
                    watch_news(watch, item, "en")  # type: ignore[arg-type]
        watch.turn()
        told = [(each.code, each.parameters["ticker"]) for each in alerts_after(ledger.connection, 0, 100)]
    assert told == [
        ("market_interruption", SEEN),
        ("market_interruption_over", SEEN),
        ("market_halt", HALTED),
    ]
