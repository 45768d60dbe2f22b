"""Hard limits in real time: the gate by itself, and a trader on a served market under it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from brokers.graph_replay import run_graph
from engine.clock import KST, SimulatedClock
from engine.config import RiskLimits
from engine.ledger.alerts import all_alerts
from engine.ledger.decisions import Decision, record_decision
from engine.ledger.ledger import Ledger
from engine.order import OrderKind, OrderRequest, RefusalReason, Side
from engine.rules.prompt import load_rules
from engine.trading.limit_news import CODE
from engine.trading.limits_gate import LimitsGate
from tests.builders_ledger import approve, make_ledger, make_request
from tests.kis_client import make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, market, trader_on, write_prompt

TEN = datetime(2024, 5, 2, 10, 0, tzinfo=KST)  # a Thursday, in the session
BUY, SELL = make_request(), make_request(side=Side.SELL)


class Bench:
    """A gate on a ledger of its own, at a time."""

    def __init__(self, folder: Path, now: datetime = TEN, **limits: Any) -> None:
        self.clock = SimulatedClock(now)
        self.ledger: Ledger = make_ledger(folder, self.clock)
        self.gate = LimitsGate(self.ledger, self.clock, RiskLimits(**limits), "en")

    def why(self, request: OrderRequest = BUY) -> RefusalReason | None:
        refused = self.gate.check(request)
        return None if refused is None else refused.reason

    def send(self, request: OrderRequest) -> RefusalReason | None:
        """Ask, and write the intent where it passes."""
        reason = self.why(request)
        if reason is None:
            self.ledger.record_intent(approve(request))
        return reason


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        (datetime(2024, 5, 2, 8, 29, 59, tzinfo=KST), False),
        (datetime(2024, 5, 2, 8, 30, tzinfo=KST), True),  # the opening call collects orders
        (datetime(2024, 5, 2, 15, 29, 59, tzinfo=KST), True),
        (datetime(2024, 5, 2, 15, 30, tzinfo=KST), False),
        (datetime(2024, 5, 1, 10, 0, tzinfo=KST), False),  # Labour Day
        (datetime(2024, 11, 14, 16, 0, tzinfo=KST), True),  # the exam day closes an hour late
    ],
)
def test_purchases_keep_the_hours_of_the_calendar_and_sells_are_not_asked(tmp_path, now, is_open):
    bench = Bench(tmp_path, now)
    assert bench.why() is (None if is_open else RefusalReason.MARKET_CLOSED)
    assert bench.why(SELL) is None


def test_nothing_is_bought_when_the_stream_has_been_silent_for_too_long(tmp_path):
    bench = Bench(tmp_path, datetime(2024, 5, 2, 8, 40, tzinfo=KST), max_data_age_seconds=60)
    bench.clock.advance_to(datetime(2024, 5, 2, 9, 1, tzinfo=KST))  # silence counts from the open
    assert bench.why() is None
    bench.clock.advance(timedelta(seconds=1))
    assert bench.why() is RefusalReason.STALE_DATA
    assert bench.why(SELL) is None
    bench.gate.on_trade("000660", 100_000)
    assert bench.why() is None


def test_a_plan_grows_old_from_when_it_was_written_down(tmp_path):
    bench = Bench(tmp_path, max_plan_age_minutes=30)
    request = make_request(decision_id="cycle-1")
    assert bench.why(request) is None  # it is being made
    record_decision(
        bench.ledger, Decision(decision_id="cycle-1", time=TEN - timedelta(hours=18), planner="rules", plan=[])
    )
    bench.clock.advance(timedelta(minutes=30))
    assert bench.why(request) is None
    bench.clock.advance(timedelta(seconds=1))
    assert bench.why(request) is RefusalReason.STALE_PLAN
    assert bench.why(make_request(decision_id="cycle-1", side=Side.SELL)) is None


def test_the_price_of_a_purchase_is_measured_from_the_last_trade(tmp_path):
    bench = Bench(tmp_path, max_price_distance=0.02)
    limit = make_request(kind=OrderKind.LIMIT, price=71_500)
    assert bench.why(limit) is None  # no trade yet: the risk check has measured it from the last close
    bench.gate.on_trade("005930", 70_000)
    assert bench.why(limit) is RefusalReason.PRICE_TOO_FAR
    assert bench.why(make_request(kind=OrderKind.LIMIT, price=71_400)) is None
    assert bench.why(make_request(kind=OrderKind.LIMIT, price=68_500)) is RefusalReason.PRICE_TOO_FAR
    assert bench.why(make_request(kind=OrderKind.LIMIT, price=90_000, side=Side.SELL)) is None
    assert bench.why(BUY) is None


def test_a_restricted_name_is_not_bought_whoever_asks(tmp_path):
    bench = Bench(tmp_path, restricted=("005930",))
    assert bench.why() is RefusalReason.RESTRICTED
    assert bench.why(SELL) is None
    assert bench.why(make_request(ticker="000660")) is None


def test_purchases_of_a_minute_and_of_a_day_are_counted_in_the_ledger(tmp_path):
    bench = Bench(tmp_path, max_orders_per_minute=2, max_orders_per_day=3)
    assert [bench.send(BUY) for _ in range(3)] == [None, None, RefusalReason.ORDER_RATE_LIMIT]
    bench.gate = LimitsGate(bench.ledger, bench.clock, RiskLimits(max_orders_per_minute=2), "en")  # a new start
    assert bench.why() is RefusalReason.ORDER_RATE_LIMIT
    bench.clock.advance(timedelta(seconds=60))
    bench.gate = LimitsGate(bench.ledger, bench.clock, RiskLimits(max_orders_per_day=3), "en")
    assert [bench.send(BUY) for _ in range(2)] == [None, RefusalReason.ORDER_RATE_LIMIT]
    bench.clock.advance(timedelta(days=1))
    assert bench.why() is None


def test_exits_have_a_bound_of_their_own_which_is_larger(tmp_path):
    bench = Bench(tmp_path, max_orders_per_minute=1)
    assert [bench.send(BUY) for _ in range(2)] == [None, RefusalReason.ORDER_RATE_LIMIT]
    assert [bench.send(SELL) for _ in range(6)] == [None] * 5 + [RefusalReason.ORDER_RATE_LIMIT]
    own = LimitsGate(bench.ledger, bench.clock, RiskLimits(max_orders_per_minute=1, max_exits_per_minute=6), "en")
    assert own.check(SELL) is None


def test_without_limits_nothing_but_the_hours_counts(tmp_path):
    bench = Bench(tmp_path)
    assert {bench.send(request) for request in [BUY, SELL] * 40} == {None}


# A trader -----------------------------------------------------------------------------------------------------------


def dropped_purchases(ledger: Ledger) -> Counter[tuple[str, str, str]]:
    """(decision, limit, name) of purchases that the risk check dropped for a limit that people are told of."""
    found: Counter[tuple[str, str, str]] = Counter()
    for name, checks in ledger.connection.execute("SELECT decision_id, risk_checks FROM decisions"):
        for check in json.loads(checks):
            if check["reason"] in ("order_rate_limit", "losing_streak") and check["allowed"] == 0:
                found[name, check["reason"], check["ticker"]] += 1
    return found


def told_limits(ledger: Ledger) -> Counter[tuple[str, str, str]]:
    """The same, as alerts told it."""
    found: Counter[tuple[str, str, str]] = Counter()
    for alert in all_alerts(ledger):
        if alert.code == CODE:
            for limit, tickers in alert.parameters["limits"].items():
                found.update((alert.parameters["decision_id"], limit, ticker) for ticker in tickers)
                assert all(ticker in alert.text for ticker in tickers)
    return found


def test_a_purchase_that_the_gate_does_not_let_leave_is_told_once_although_the_trader_starts_anew(tmp_path: Path):
    settings = SETTINGS.model_copy(update={"limits": RiskLimits(min_order_share=0.0, max_orders_per_minute=1)})
    panel, prompt = market(5, 1), write_prompt(tmp_path)
    with make_server(panel, settings, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, tmp_path / "a", prompt, NAMES, settings) as running:
            advance(server, running, "open")
        with trader_on(server, tmp_path / "a", prompt, NAMES, settings) as running:
            running.trading.trader.begin()
            running.trading.trader.turn(0.05)
            told, ledger = told_limits(running.trading.ledger), running.trading.ledger
            (orders,) = ledger.connection.execute("SELECT count(*) FROM orders WHERE side = 'buy'").fetchone()
    assert orders == 1
    assert {limit for _, limit, _ in told} == {"order_rate_limit"}
    assert set(told.values()) == {1}


def test_backtest_and_trader_agree_under_limits(tmp_path: Path) -> None:
    sessions, limits = 10, {"max_orders_per_day": 1, "max_losing_streak": 1, "restricted": (NAMES[0],)}
    settings = SETTINGS.model_copy(update={"limits": RiskLimits(min_order_share=0.0, **limits)})
    panel, prompt = market(5, sessions), write_prompt(tmp_path)
    with (
        make_server(panel, settings, start=panel.session_date(BEFORE)) as server,
        trader_on(server, tmp_path / "a", prompt, NAMES, settings) as running,
    ):
        for _ in range(sessions):
            advance(server, running, "evening")
        query = "SELECT substr(time, 1, 10), ticker, side, quantity, price FROM fills WHERE run_id = 0"
        fills = running.trading.ledger.connection.execute(query).fetchall()
        assert told_limits(running.trading.ledger) == dropped_purchases(running.trading.ledger)
    replayed = run_graph(load_rules(prompt), panel, settings, start=panel.session_date(BEFORE - 1)).result
    table = replayed.fills.select("time", "ticker", "side", "quantity", "price").rows()
    assert sorted(fills) == sorted((f"{time:%Y-%m-%d}", *rest) for time, *rest in table)
    buys = Counter(day for day, _, side, *_ in fills if side == "buy")
    assert buys
    assert set(buys.values()) == {1}
    assert replayed.refusals.keys() >= {"order_rate_limit", "losing_streak"}


def test_exits_that_come_too_fast_wait_a_minute_and_an_alert_is_raised(tmp_path: Path) -> None:
    sessions = 6
    limits = RiskLimits(min_order_share=0.0, max_exits_per_minute=1)
    panel, prompt = market(1, sessions), write_prompt(tmp_path)
    sent: dict[bool, Counter[str]] = {}
    for bounded in (False, True):
        settings = SETTINGS.model_copy(update={"limits": limits}) if bounded else SETTINGS
        with (
            make_server(panel, settings, start=panel.session_date(BEFORE)) as server,
            trader_on(server, tmp_path / str(bounded), prompt, NAMES, settings) as running,
        ):
            for _ in range(sessions):
                advance(server, running, "evening")
            ledger = running.trading.ledger.connection
            rows = ledger.execute("SELECT intended_at, ticker FROM orders WHERE side = 'sell'").fetchall()
            alerts = ledger.execute("SELECT count(*) FROM alerts WHERE code = 'order_held_back'").fetchone()[0]
        sent[bounded] = Counter(f"{time[:10]} {ticker}" for time, ticker in rows)
        times = sorted(datetime.fromisoformat(time) for time, _ in rows)
        gaps = [second - first for first, second in pairwise(times)]
        assert (alerts > 0) is bounded
        assert (min(gaps) >= timedelta(minutes=1)) is bounded
    assert sent[True] == sent[False]  # late, but not one was lost
