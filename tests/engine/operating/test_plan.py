"""Node 3: what the rules ask for, with reasons that a person can check."""

from __future__ import annotations

import re

import pytest

from brokers.graph_replay import GraphRun, run_graph
from engine.data.panel import Panel
from engine.errors import BadInput
from engine.operating.evidence import shown_parts
from engine.operating.state import Action, Cycle, Situation
from engine.order import OrderKind, Side
from engine.rules.annotate import annotate_condition
from engine.rules.format import format_node
from engine.rules.parse import parse_expression
from tests.engine.operating.builders_graph import Chooser, always_fails, busy_rules, make_rules, take_all


@pytest.fixture(scope="module")
def run(panel: Panel) -> GraphRun:
    rules = make_rules(
        ("Entry Criteria: liquid", "volume_ratio(3) >= 1.1", "require", "거래가 는 종목만"),
        ("Entry Criteria: rise", "close > mean(close, 3)", "buy 10% of equity", "평균 위면 산다"),
        ("Entry Criteria: strong", "returns(3) > 2%", "buy 10% of equity", "세게 오르면 산다"),
        ("Exit Criteria: tired", "days_held >= 4 or pnl <= -9%", "sell all", "나흘 뒤 판다"),
    )
    return run_graph(rules, panel)


def actions_of(run: GraphRun) -> list[tuple[Cycle, Action]]:
    return [(cycle, action) for cycle in run.cycles if cycle.plan is not None for action in cycle.plan.actions]


def test_a_purchase_names_its_rules_and_shows_the_figures_that_decided(run: GraphRun, panel: Panel) -> None:
    bought = [(cycle, action) for cycle, action in actions_of(run) if action.side is Side.BUY]
    assert len(bought) > 20
    for cycle, action in bought:
        col, row = panel.tickers.index(action.ticker), cycle.row
        close, volume = panel.bars[3, :, col], panel.bars[4, :, col]
        assert action.rule_ids[0] in ("rise", "strong")
        assert f"{action.quantity:,}주 매수" in action.justification
        assert f"volume_ratio(3) {volume[row] / volume[row - 3 : row].mean():,.2f}" in action.justification
        assert ("[rise] 평균 위면 산다" in action.justification) == ("rise" in action.rule_ids)
        assert ("[strong] 세게 오르면 산다" in action.justification) == ("strong" in action.rule_ids)
        if "rise" in action.rule_ids:
            assert f"close {close[row]:,}원" in action.justification
        if "strong" in action.rule_ids and not set(panel.actions.row.tolist()) & set(range(row - 2, row + 1)):
            assert f"returns(3) {close[row] / close[row - 3] - 1:+,.2%}" in action.justification


def test_all_rules_that_hold_are_named_the_deciding_one_first(run: GraphRun) -> None:
    named = {action.rule_ids for _, action in actions_of(run)}
    assert ("rise", "strong") in named
    assert ("tired",) in named
    assert ("strong", "rise") not in named  # equal priority: the order of the file decides


def test_a_sell_shows_the_position_as_the_step_sees_it(run: GraphRun) -> None:
    sold = [(cycle, action) for cycle, action in actions_of(run) if action.side is Side.SELL]
    assert len(sold) > 5
    for cycle, action in sold:
        assert cycle.diagnosis is not None
        holding = next(held for held in cycle.diagnosis.holdings if held.ticker == action.ticker)
        found = re.search(r"days_held (\d+), pnl ([-+]?[\d.]+)%", action.justification)
        assert found is not None
        assert holding.profit_ratio == pytest.approx(float(found.group(2)) / 100, abs=6e-5)
        assert int(found.group(1)) >= 4 or holding.profit_ratio <= -0.09


def test_the_plan_is_justified_by_the_sentences_of_its_actions(run: GraphRun) -> None:
    for cycle in run.cycles:
        assert cycle.plan is not None
        sentences = [action.justification for action in cycle.plan.actions]
        assert cycle.plan.justification == ("\n".join(sentences) or "규칙이 낸 신호가 없다")


def test_sentences_exist_in_english(panel: Panel) -> None:
    found = actions_of(run_graph(busy_rules(), panel, lang="en"))
    assert found
    for _, action in found:
        assert action.justification.startswith(("Buy ", "Sell "))
        assert "원," not in action.justification
    assert any("₩" in action.justification for _, action in found)


def test_an_order_relative_to_the_opening_price_says_so(panel: Panel) -> None:
    rules = make_rules(
        ("Entry Criteria: breakout", "volume > 0", "buy 10% of equity at stop session_open + 100원", "돌파하면 산다")
    )
    found = [action for _, action in actions_of(run_graph(rules, panel))]
    assert found
    assert all((action.kind, action.price, action.from_open) == (OrderKind.STOP, 100, True) for action in found)


def test_what_is_shown_of_a_condition_are_the_numbers_it_compares() -> None:
    text = "not (pnl <= -7% and close < entry_price * 0.9) or (days_held > 3 and rank(volume) > 0.5) or weekday == fri"
    parts = shown_parts(annotate_condition(parse_expression(text)))
    assert [format_node(part) for part in parts] == [
        "pnl",
        "close",
        "entry_price",
        "days_held",
        "rank(volume)",
        "weekday",
    ]


def test_a_planner_that_fails_costs_the_purchases_and_nothing_else(panel: Panel) -> None:
    run = run_graph(busy_rules(), panel, planner=always_fails())
    assert len(run.result.orders) == 0
    assert len(run.cycles) == panel.rows
    assert {cycle.failure for cycle in run.cycles} == {"the model answered in verse"}
    assert all(cycle.plan is None for cycle in run.cycles)
    assert "계획 없음: the model answered in verse" in run.cycles[0].report


def test_exits_and_guarded_levels_wait_for_no_planner(panel: Panel) -> None:
    """A planner that buys at first and then fails for ever: everything it bought is sold by the rules."""

    def choose(situation: Situation) -> tuple[Action, ...]:
        if len(chooser.seen) > 60:
            raise BadInput("out of budget")
        return situation.signals

    chooser = Chooser(choose)
    run = run_graph(busy_rules(), panel, planner=chooser)
    orders = run.result.orders
    assert orders.filter(side="buy")["sent_at"].max() <= run.cycles[59].time  # type: ignore[operator]
    later = orders.filter(orders["sent_at"] > run.cycles[60].time)
    assert set(later["kind"].unique()) == {"market", "guard stop"}
    assert len(run.result.positions) == 0
    failed = [cycle for cycle in run.cycles if cycle.failure and cycle.orders]
    assert failed
    assert all(check.protective for cycle in failed for check in cycle.checks)


def test_a_planner_sees_the_account_the_market_and_the_signals(panel: Panel) -> None:
    chooser = take_all()
    run = run_graph(busy_rules(), panel, planner=chooser)
    assert len(chooser.seen) == panel.rows
    assert all(action.side is Side.BUY for situation in chooser.seen for action in situation.signals)
    totals = [situation.diagnosis.total for situation in chooser.seen]
    assert totals == run.result.equity["equity"].to_list()
