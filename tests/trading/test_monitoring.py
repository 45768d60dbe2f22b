"""Alerts about the names that are watched: once per step, name and day, also across kills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from brokers.kis.realtime import Trade
from brokers.kis.stream_reports import Gap, GapReason
from brokers.kis.subscriptions import Subscription
from brokers.kis_trading.watching import watch_news
from engine.clock import KST, SimulatedClock
from engine.krx.instrument_class import InstrumentClass
from engine.krx.sessions import offset_session, session_open
from engine.ledger.alerts import alerts_after
from engine.ledger.ledger import Ledger, open_ledger
from engine.trading.monitoring import MarketWatch, Seen
from engine.trading.volume_profile import FILE, VolumeProfile

NAME, OTHER = "000100", "000200"
OPEN = datetime(2024, 5, 2, 9, 0, tzinfo=KST)


class Account:
    """A watch that can be killed: all that outlives it is on disk."""

    def __init__(self, folder: Path, start: datetime = OPEN) -> None:
        self.folder, self.clock = folder, SimulatedClock(start)
        self.told: list[str] = []
        self.ledger: Ledger = open_ledger(folder / "ledger.db", self.clock)
        self.watch = self._watch()

    def _watch(self) -> MarketWatch:
        profile = VolumeProfile(self.folder)
        kind = InstrumentClass.KOSPI_STOCK
        return MarketWatch(self.ledger, self.clock, profile, lambda ticker: kind, self.told.append, "en")

    def kill(self) -> None:
        self.ledger.close()
        self.ledger = open_ledger(self.folder / "ledger.db", self.clock)
        self.watch = self._watch()

    def trade(self, price: int, ticker: str = NAME, *, shares: int = 1, turn: bool = True, **more: bool) -> None:
        now = self.clock.now()
        self.watch.on_trade(
            Seen(ticker=ticker, time=now, price=price, previous_close=10_000, cumulative_volume=shares, **more)
        )
        if turn:
            self.watch.turn()

    def alerts(self) -> list[tuple[str, str, int]]:
        found = alerts_after(self.ledger.connection, 0, 1_000)
        return [(each.code, each.parameters["ticker"], each.parameters["step"]) for each in found]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    made = Account(tmp_path)
    yield made
    made.ledger.close()


def test_each_step_of_a_move_is_told_once_a_day_and_direction(account: Account) -> None:
    for price in (10_490, 10_500, 10_600, 10_400, 10_500, 11_000, 10_999, 11_000, 9_501, 9_500, 9_400, 9_500):
        account.trade(price)
    rises, falls = [("market_rise", NAME, 1), ("market_rise", NAME, 2)], [("market_fall", NAME, 1)]
    assert account.alerts() == rises + falls
    account.trade(10_500, OTHER)
    assert account.alerts()[-1] == ("market_rise", OTHER, 1)
    account.clock.advance(timedelta(days=1))
    account.trade(10_500)
    assert account.alerts()[-1] == ("market_rise", NAME, 1)
    assert len(account.alerts()) == 5


def test_a_jump_over_steps_is_one_alert_and_limits_are_told_at_the_limit_alone(account: Account) -> None:
    account.trade(12_990)
    assert account.alerts() == [("market_rise", NAME, 5)]
    account.trade(13_000)
    account.trade(13_000)
    assert account.alerts()[1:] == [("market_rise", NAME, 6), ("market_limit_up", NAME, 1)]
    account.trade(7_000, OTHER)
    assert account.alerts()[3:] == [("market_fall", OTHER, 6), ("market_limit_down", OTHER, 1)]
    account.trade(20_000, "000300")  # beyond the ordinary limits: a first day, whose limits are others
    assert [code for code, ticker, _ in account.alerts() if ticker == "000300"] == ["market_rise"]


def test_seeded_days_with_kills_tell_what_one_that_lived_tells(tmp_path: Path) -> None:
    told = []
    for kills in (0.0, 0.2):
        account, draw, deaths = Account(tmp_path / str(kills)), np.random.default_rng(9), np.random.default_rng(1)
        for _ in range(3):
            price = 10_000
            for _ in range(60):
                price = int(price * (1 + draw.normal(0, 0.02)))
                account.trade(price, is_halted=bool(draw.uniform() < 0.1))
                account.clock.advance(timedelta(seconds=90))
                if deaths.uniform() < kills:
                    account.kill()
            account.clock.advance_to(session_open(offset_session(account.clock.now().date(), 1)))
        told.append(account.alerts())
        account.ledger.close()
    assert told[0] == told[1]
    assert len(told[0]) > 20
    with_day = Counter(told[0])
    assert max(with_day.values()) <= 3, "once per step, name and day"


def sessions_of_volume(account: Account, count: int, shares: int) -> None:
    """Days on which a name had that many shares after ten minutes, and ten times as many at the close."""
    for _ in range(count):
        account.clock.advance(timedelta(minutes=10))
        account.trade(10_000, shares=shares)
        account.clock.advance(timedelta(hours=6))
        account.trade(10_000, shares=10 * shares)
        account.clock.advance(timedelta(hours=1))
        account.watch.turn()
        account.clock.advance_to(session_open(offset_session(account.clock.now().date(), 1)))


def test_a_surge_is_measured_by_the_usual_volume_of_that_time_and_unknown_is_silent(account: Account) -> None:
    sessions_of_volume(account, 4, 1_000)
    account.clock.advance(timedelta(minutes=10))
    account.trade(10_000, shares=1_000_000)
    account.clock.advance(timedelta(hours=6))
    account.trade(10_000, shares=1_000_000)
    assert account.alerts() == [], "four sessions say nothing yet"
    account.clock.advance_to(session_open(offset_session(account.clock.now().date(), 1)))
    account.clock.advance(timedelta(minutes=11))
    account.trade(10_000, shares=2_999)
    assert account.alerts() == []
    for shares in (3_000, 3_100, 4_999):
        account.trade(10_000, shares=shares)
    assert account.alerts() == [("market_volume", NAME, 1)]
    account.kill()
    account.trade(10_000, shares=4_999)
    account.clock.advance(timedelta(hours=6))  # by then ten thousand are usual
    account.trade(10_000, shares=29_999)
    assert len(account.alerts()) == 1
    account.trade(10_000, shares=100_000)
    assert account.alerts()[1:] == [("market_volume", NAME, 3)]
    account.trade(10_000, "999999", shares=10**9)
    assert len(account.alerts()) == 2, "a name without history is silent"


def test_a_damaged_file_of_volumes_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"damaged" * 1000)
    account = Account(tmp_path)
    account.trade(10_500)
    codes = {each.code for each in alerts_after(account.ledger.connection, 0, 1_000)}
    assert codes == {"volumes_unusable", "market_rise"}
    account.ledger.close()


def test_halts_and_interruptions_come_and_go_and_gaps_count_inside_the_session(account: Account) -> None:
    account.watch.on_state(NAME, is_halted=True, is_interrupted=False)
    account.watch.turn()
    account.kill()
    account.trade(10_000, is_halted=True)
    account.watch.on_state(NAME, is_halted=False, is_interrupted=True)
    account.trade(10_000, is_expected=True, is_interrupted=True)
    account.trade(10_000)
    assert account.alerts() == [
        ("market_halt", NAME, 1),
        ("market_halt_over", NAME, 1),
        ("market_interruption", NAME, 1),
        ("market_interruption_over", NAME, 1),
    ]
    name = (Subscription("H0STCNT0", NAME),)
    for reason, since, until in (
        (GapReason.DISCONNECTED, OPEN - timedelta(hours=3), OPEN + timedelta(seconds=9)),  # the night does not count
        (GapReason.TURN, OPEN, OPEN + timedelta(minutes=20)),
        (GapReason.DISCONNECTED, OPEN, OPEN + timedelta(seconds=10)),
        (GapReason.DISCONNECTED, OPEN, OPEN + timedelta(minutes=20)),
        (GapReason.DISCONNECTED, OPEN, OPEN + timedelta(minutes=31)),
        (GapReason.QUEUE_FULL, OPEN, OPEN + timedelta(minutes=31)),
    ):
        watch_news(account.watch, Gap(reason=reason, subscriptions=name, since=since, until=until), "en")
    account.watch.turn()
    assert account.alerts()[4:] == [("market_gap", "", 1), ("market_gap", "", 2), ("market_gap", "", 2)]


def test_the_stream_tells_interruptions_by_its_own_code(account: Account) -> None:
    trade = Trade("H0STCNT0", NAME, OPEN + timedelta(hours=1), OPEN, 10_000, 0, 5, 50_000, previous_close=10_000)
    watch_news(account.watch, trade._replace(hour_code="C"), "en")
    watch_news(account.watch, trade, "en")
    watch_news(account.watch, trade._replace(hour_code="C", time=OPEN + timedelta(hours=6, minutes=25)), "en")
    watch_news(account.watch, trade._replace(hour_code="B", time=OPEN - timedelta(minutes=5)), "en")
    account.watch.turn()
    assert [code for code, _, _ in account.alerts()] == ["market_interruption", "market_interruption_over"]
