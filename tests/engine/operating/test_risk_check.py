"""Node 4: each action by itself; dropped or resized with its reason."""

from __future__ import annotations

import pytest

from brokers.graph_replay import GraphRun, run_graph
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.operating.state import Action, Check, Situation, Verdict
from engine.order import RefusalReason, Side
from tests.engine.operating.builders_graph import Chooser, busy_rules, limits, make_action, make_rules, take_all

ALL = "buy 100% of equity"


def checks_of(run: GraphRun) -> list[Check]:
    return [check for cycle in run.cycles for check in cycle.checks]


@pytest.mark.parametrize(
    ("size", "config", "reason"),
    [
        (ALL, BacktestConfig(), "not_enough_cash"),
        ("buy 30% of equity", limits(max_position_weight=0.1), "position_weight_limit"),
        (ALL, limits(max_sector_weight=0.3), "sector_limit"),
        (ALL, limits(max_gross_exposure=0.4), "gross_exposure_limit"),
        ("buy 30% of equity", limits(max_order_won=10_000_000), "order_value_limit"),
    ],
)
def test_a_smaller_order_names_the_limit_behind_it(
    size: str, config: BacktestConfig, reason: str, panel: Panel
) -> None:
    found = [check for check in checks_of(run_graph(busy_rules(size), panel, config)) if check.reason == reason]
    shrunk = [check for check in found if check.verdict is Verdict.RESIZED]
    assert shrunk
    for check in shrunk:
        assert 0 < check.quantity < check.action.quantity
        assert f"{check.action.quantity:,}주를 {check.quantity:,}주로 조정" in check.text


def test_a_cap_of_a_rule_counts_as_the_weight_limit(panel: Panel) -> None:
    rules = make_rules(
        ("Entry Criteria: rise", "close > lag(close, 1)", "buy 30% of equity", "오르면 산다"),
        ("Risk Management: cap", "close > 0", "limit position 5%", "한 종목 5%까지"),
    )
    resized = [check for check in checks_of(run_graph(rules, panel)) if check.verdict is Verdict.RESIZED]
    assert {check.reason for check in resized} == {"position_weight_limit"}


def test_a_refused_action_is_dropped_with_its_reason_and_the_sells_stay(panel: Panel) -> None:
    run = run_graph(busy_rules(), panel)
    dropped = [check for check in checks_of(run) if check.verdict is Verdict.DROPPED]
    assert {check.reason for check in dropped} >= {"not_enough_cash"}
    assert {check.text for check in dropped if check.reason == "not_enough_cash"} == {"제외: 주문 가능 현금 부족"}
    mixed = [
        cycle
        for cycle in run.cycles
        if {(check.action.side, check.verdict) for check in cycle.checks}
        >= {(Side.BUY, Verdict.DROPPED), (Side.SELL, Verdict.PASSED)}
    ]
    assert mixed
    for cycle in mixed:
        sells = [check.action.ticker for check in cycle.checks if check.action.side is Side.SELL]
        assert sells == [order.ticker for order in cycle.orders if order.side is Side.SELL]


def test_names_that_nobody_looked_at_are_counted_with_the_reason(panel: Panel) -> None:
    run = run_graph(busy_rules(), panel, limits(max_positions=2))
    dropped = [check for check in checks_of(run) if check.reason == "position_count_limit"]
    turned_away = [cycle for cycle in run.cycles if cycle.plan and cycle.plan.turned_away]
    assert turned_away
    names = sum(cycle.plan.turned_away["position_count_limit"] for cycle in turned_away if cycle.plan)
    assert len(dropped) + names == run.result.refusals["position_count_limit"]
    assert all("종목: 보유 종목 수 한도" in cycle.report for cycle in turned_away)


def test_what_was_allowed_is_what_was_sent(panel: Panel) -> None:
    run = run_graph(busy_rules("buy 40% of equity"), panel)
    for cycle in run.cycles:
        allowed = [(check.action.ticker, check.quantity) for check in cycle.checks if check.quantity]
        assert [(order.ticker, order.quantity) for order in cycle.orders] == allowed
    orders = run.result.orders
    sent = {str(row["id"]): (row["ticker"], row["quantity"]) for row in orders.iter_rows(named=True)}
    planned = [order for cycle in run.cycles for order in cycle.orders]
    assert planned
    assert all(sent[order.order_id] == (order.ticker, order.quantity) for order in planned)


def nonsense(situation: Situation) -> list[Action]:
    """Much of what a model can get wrong, around the first signal."""
    signals = list(situation.signals[:1])
    return [
        make_action("999999"),
        *[make_action(signal.ticker, quantity=signal.quantity * 3) for signal in signals],
        *[make_action(signal.ticker, quantity=1) for signal in signals],
        make_action("0001U0", Side.SELL, 10_000_000),
        make_action("0002U0", Side.BUY, 5),
        make_action("0003U0", Side.SELL, -4),
    ]


def test_a_plan_full_of_mistakes_loses_only_its_mistakes(panel: Panel) -> None:
    run = run_graph(busy_rules("buy 10% of equity"), panel, planner=Chooser(nonsense))
    reasons: dict[str, set[str]] = {}
    for check in checks_of(run):
        if not check.protective:
            reasons.setdefault(check.action.ticker, set()).add(check.reason)
    assert reasons["999999"] == {RefusalReason.NOT_TRADABLE.value}
    assert RefusalReason.QUANTITY_ZERO.value in reasons["0003U0"]
    assert RefusalReason.RESTRICTED.value in reasons["0002U0"]  # no rule signals it, or it is named twice
    assert "not_held" in reasons["0001U0"]
    # What follows a signal is cut to what the rule asks for and goes out.
    cut = [check for check in checks_of(run) if check.reason == "beyond_signal"]
    assert cut
    assert all(check.quantity * 3 == check.action.quantity for check in cut)
    assert all("규칙이 요구한 수량까지만" in check.text for check in cut)
    assert len(run.result.orders.filter(side="buy")) >= len(cut)


def test_a_sell_of_more_than_is_held_becomes_a_sell_of_what_is_held(panel: Panel) -> None:
    def choose(situation: Situation) -> list[Action]:
        held = situation.diagnosis.holdings[:1]
        if held:
            return [make_action(held[0].ticker, Side.SELL, held[0].quantity + 1, rule_ids=("tired", "mine"))]
        return list(situation.signals)

    run = run_graph(busy_rules(), panel, planner=Chooser(choose))
    resized = [check for check in checks_of(run) if check.action.side is Side.SELL and check.reason == "not_held"]
    assert any(check.quantity == check.action.quantity - 1 for check in resized)
    by_planner = run.result.orders.filter(side="sell", kind="market")
    assert by_planner["rule_ids"].to_list()[0] == ["tired"]


def test_no_planner_can_loosen_what_a_rule_blocks(panel: Panel) -> None:
    rules = make_rules(
        ("Entry Criteria: rise", "close > lag(close, 1)", "buy 10% of equity", "오르면 산다"),
        ("Risk Management: no", "volume > 0", "block buys", "사지 않는다"),
    )
    run = run_graph(rules, panel, planner=take_all())
    assert len(run.result.orders) == 0
    assert {check.reason for check in checks_of(run)} >= {"buys_blocked"}
