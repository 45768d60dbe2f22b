"""Figures of a running account are what the account, its calls and its stream are, and are judged by its limits."""

from __future__ import annotations

import dataclasses
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.clock import KST
from engine.errors import ConfigError, DataError
from engine.events import CashMoved, CashReason
from engine.ledger.equity import equity_points
from engine.ledger.figures import last_decision_id, losing_streak, paid_since
from engine.trading.api_meter import ApiMeter, ApiUse
from engine.trading.health import Facts, Feed, State, assess, health_as_plain, health_from_plain
from engine.trading.health_limits import HealthLimits, load_health_limits
from engine.trading.monitor import EVERY_SECONDS
from engine.trading.status_file import StatusFile
from tests.builders_ledger import make_clock, make_ledger
from tests.kis_client import make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, market, trader_on, write_prompt

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=KST)
FACTS = Facts(
    time=NOON,
    environment="paper",
    process=1,
    in_session=True,
    cash=4_000_000,
    equity=10_000_000,
    base_equity=10_000_000,
    losing_streak=0,
    positions=2,
    open_orders=1,
    unresolved_orders=0,
    watched_levels=3,
    differences=0,
    api=ApiUse(calls=10, error_rate=0.0, latency_seconds=0.1),
    feed=Feed(connected=True, wanted=3, registered=3, queue=0, dropped=0, age_seconds=1.0),
    clock_drift=-0.4,
    disk_free=10**11,
    ledger_size=10**6,
    level=3,
    halt="",
    last_decision="d",
    next_moment=NOON + timedelta(hours=3),
    next_what="end",
)


def health_with(**changed: Any) -> Any:
    return assess(dataclasses.replace(FACTS, **changed), HealthLimits())


@pytest.mark.parametrize(
    ("name", "changed", "state"),
    [
        ("day_loss", {"equity": 9_800_001}, State.GOOD),
        ("day_loss", {"equity": 9_800_000}, State.WARNING),
        ("day_loss", {"equity": 9_500_000}, State.BAD),
        ("day_loss", {"equity": 12_000_000}, State.GOOD),
        ("day_loss", {"base_equity": None}, State.UNKNOWN),
        ("losing_streak", {"losing_streak": 3}, State.WARNING),
        ("losing_streak", {"losing_streak": 6}, State.BAD),
        ("api_error_rate", {"api": ApiUse()}, State.UNKNOWN),
        ("api_error_rate", {"api": ApiUse(calls=20, error_rate=0.3)}, State.BAD),
        ("api_latency", {"api": ApiUse(calls=1, error_rate=0.0, latency_seconds=2.5)}, State.WARNING),
        ("queue_length", {"feed": dataclasses.replace(FACTS.feed, queue=50_000)}, State.BAD),
        ("feed_age", {"feed": dataclasses.replace(FACTS.feed, age_seconds=31.0)}, State.WARNING),
        ("feed_age", {"feed": dataclasses.replace(FACTS.feed, age_seconds=900.0), "in_session": False}, State.UNKNOWN),
        ("feed_age", {"feed": dataclasses.replace(FACTS.feed, age_seconds=900.0, wanted=0)}, State.UNKNOWN),
        ("clock_drift", {"clock_drift": -31.0}, State.BAD),
        ("disk_free", {"disk_free": 2 * 10**9}, State.WARNING),
        ("disk_free", {"disk_free": 10**8}, State.BAD),
        ("ledger_size", {"ledger_size": 3 * 10**9}, State.WARNING),
        ("differences", {"differences": 1}, State.BAD),
        ("unresolved_orders", {"unresolved_orders": 1}, State.WARNING),
    ],
)
def test_each_figure_is_judged_by_its_limits(name: str, changed: dict[str, Any], state: State) -> None:
    health = health_with(**changed)
    assert health.of(name).state is state
    assert health.state is (State.GOOD if state is State.UNKNOWN else state)


def test_a_lost_link_in_a_session_is_bad_and_a_halt_is_a_warning() -> None:
    assert health_with().state is State.GOOD
    gone = dataclasses.replace(FACTS.feed, connected=False)
    assert health_with(feed=gone).state is State.BAD
    assert health_with(feed=gone, in_session=False).state is State.GOOD
    assert health_with(halt="someone").state is State.WARNING


def test_a_snapshot_is_read_as_it_was_written(tmp_path: Path) -> None:
    file, health = StatusFile(tmp_path), health_with(losing_streak=4)
    assert file.read() is None
    file.write(health)
    assert file.read() == health
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]
    file.path.write_text(file.path.read_text()[:-20])
    with pytest.raises(DataError, match="damaged"):
        file.read()
    told = health_as_plain(health)
    del told["facts"]["level"]
    with pytest.raises(DataError, match="level"):
        health_from_plain(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("day_los: {warning: 0.1, bad: 0.2}", "day_los"),
        ("day_loss: {warning: 0.1, bad: 0.05}", "less than warning"),
        ("disk_free: {warning: 1, bad: 2}", "more than warning"),
        ("day_loss: 3", "day_loss"),
        ("- 1", "mapping"),
    ],
)
def test_impossible_limits_are_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "health.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=told):
        load_health_limits(tmp_path)


def test_limits_of_the_folder_count(tmp_path: Path) -> None:
    assert load_health_limits(tmp_path) == HealthLimits()
    (tmp_path / "health.yaml").write_text("losing_streak: {warning: 1, bad: 2}", encoding="utf-8")
    limits = load_health_limits(tmp_path)
    assert assess(dataclasses.replace(FACTS, losing_streak=2), limits).state is State.BAD


def test_money_paid_in_or_out_since_a_moment_is_counted_and_costs_are_not(tmp_path: Path) -> None:
    clock = make_clock()
    with make_ledger(tmp_path, clock, deposit=1_000_000) as ledger:
        opened = clock.now()
        clock.advance(timedelta(minutes=1))
        for reason, amount in (
            (CashReason.DEPOSIT, 500_000),
            (CashReason.WITHDRAWAL, -200_000),
            (CashReason.COST_ADJUSTMENT, -77),
        ):
            ledger.append(CashMoved(time=clock.now(), reason=reason, amount=amount))
        assert paid_since(ledger.connection, opened) == 300_000
        assert paid_since(ledger.connection, clock.now()) == 0
        assert losing_streak(ledger.connection) == 0
        assert last_decision_id(ledger.connection) == ""


def test_calls_count_for_five_minutes() -> None:
    now = [0.0]
    meter = ApiMeter(lambda: now[0])
    assert meter.use() == ApiUse()
    meter.lost()
    for tenths in range(1, 20):
        meter.answered(tenths / 10, is_error=tenths == 19)
    use = meter.use()
    assert (use.calls, use.error_rate) == (20, 0.1)
    assert use.latency_seconds == 1.9  # rank ⌈0.95 × 19⌉ = 19 of 19
    now[0] = 299.0
    meter.answered(0.2, is_error=False)
    now[0] = 301.0
    assert meter.use() == ApiUse(calls=1, error_rate=0.0, latency_seconds=0.2)


def test_the_snapshot_of_a_trader_is_its_account(tmp_path: Path) -> None:
    sessions, folder = 4, tmp_path / "account"
    panel, prompt = market(1, sessions), write_prompt(tmp_path)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, folder, prompt, NAMES, SETTINGS, "paper") as running,
    ):
        for _ in range(sessions):
            advance(server, running, "evening")
        trading = running.trading
        ledger = trading.ledger
        points = equity_points(ledger)
        time.sleep(EVERY_SECONDS)
        trading.monitor.look(trading.trader)
        health = StatusFile(folder).read()
        assert health == trading.monitor.latest
        facts = health.facts
        assert facts.cash == ledger.totals.cash
        assert facts.equity == facts.base_equity == int(points[-1].equity)
        assert facts.positions == len(ledger.positions) > 0
        assert (facts.environment, facts.level, facts.halt, facts.in_session) == ("paper", 3, "", False)
        assert facts.last_decision == max(
            name for (name,) in ledger.connection.execute("SELECT decision_id FROM decisions")
        )
        assert facts.losing_streak == _losses_at_the_end(ledger.connection)
        assert facts.api.calls > 20
        assert facts.api.error_rate == 0.0
        assert facts.feed is not None
        assert facts.feed.connected
        assert facts.feed.registered == facts.feed.wanted > 0
        assert facts.feed.age_seconds is None  # a served market is silent for hours between two steps
        assert facts.ledger_size > 50_000
        assert health.state is State.GOOD, health_as_plain(health)
    ended = StatusFile(folder).read()
    assert ended is not None
    assert ended.ended


def _losses_at_the_end(connection: Any) -> int:
    earned = connection.execute(
        "SELECT sum(realised - fee - stt - rural), max(time) FROM fills WHERE run_id = 0 AND side = 'sell' "
        "GROUP BY order_id ORDER BY min(time), order_id"
    ).fetchall()
    streak = 0
    for value, _ in reversed(earned):
        if value >= 0:
            break
        streak += 1
    return streak
