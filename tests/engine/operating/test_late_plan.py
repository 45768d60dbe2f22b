"""A slow planner: its plan comes bars later, is checked against fresh prices, and is void after its deadline."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from brokers.graph_replay import run_graph
from engine.data.panel import Panel, State
from engine.errors import BadInput, ConfigError
from engine.operating.late_plan import LatePlanner
from engine.operating.state import Action, Plan, Situation, Verdict
from engine.order import Side
from tests.engine.operating.builders_graph import Chooser, busy_rules, limits, make_rules, take_all, with_split


class SlowModel:
    """Thinks in verse now and then, and otherwise buys the first name that the rules signal."""

    name = "slow-model-1"

    def __init__(self) -> None:
        self.asked = 0

    def plan(self, situation: Situation) -> Plan:
        self.asked += 1
        if self.asked % 10 == 0:
            raise BadInput("the answer was no JSON")
        return Plan(planner=self.name, actions=situation.signals[:1], justification="첫 신호")


def test_the_plan_of_a_bar_is_sent_two_bars_later(panel: Panel) -> None:
    run = run_graph(busy_rules(), panel, planner=SlowModel(), latency_bars=2)
    moments = [cycle.time for cycle in sorted(run.cycles, key=lambda cycle: cycle.row)]
    assert len(moments) == panel.rows
    sent_at = {str(row["id"]): row["sent_at"] for row in run.result.orders.iter_rows(named=True)}
    bought = 0
    for cycle in run.cycles:
        for order in cycle.orders:
            late = 2 if order.side is Side.BUY else 0
            assert sent_at[order.order_id] == moments[cycle.row + late]
            bought += order.side is Side.BUY
        if cycle.plan is not None:
            assert cycle.finished_at == moments[cycle.row + 2]
    assert bought > 10


def test_failures_of_a_slow_planner_are_recorded_and_send_nothing(panel: Panel) -> None:
    run = run_graph(busy_rules(), panel, planner=SlowModel(), latency_bars=1)
    failed = [cycle for cycle in run.cycles if cycle.failure]
    assert {cycle.failure for cycle in failed} >= {"the answer was no JSON"}
    assert all(order.side is Side.SELL for cycle in failed for order in cycle.orders)
    assert all(check.protective for cycle in failed for check in cycle.checks)


def test_plans_that_the_run_does_not_live_to_see_are_failures(panel: Panel) -> None:
    run = run_graph(busy_rules(), panel, planner=take_all(), latency_bars=3, patience=timedelta(days=30))
    assert [cycle.row for cycle in run.cycles[-3:]] == [panel.rows - 3, panel.rows - 2, panel.rows - 1]
    assert {cycle.failure for cycle in run.cycles[-3:]} == {"실행이 끝날 때까지 계획이 오지 않았다"}
    assert not any(cycle.failure for cycle in run.cycles[:-3])


def test_a_plan_after_its_deadline_is_void(panel: Panel) -> None:
    """One bar is a day, but three days over a weekend: with a patience of two days Friday's plans are lost."""
    run = run_graph(busy_rules(), panel, planner=take_all(), latency_bars=1, patience=timedelta(days=2))
    late = {cycle.row: cycle for cycle in run.cycles[:-1] if cycle.failure}
    days = [panel.session_date(row) for row in range(panel.rows)]
    expected = [row for row in range(panel.rows - 1) if days[row + 1] - days[row] > timedelta(days=2)]
    assert len(expected) > 40
    assert sorted(late) == expected
    assert all("까지 오지 않고" in cycle.failure for cycle in late.values())
    assert all(order.side is Side.SELL for cycle in late.values() for order in cycle.orders)


def test_risk_is_checked_when_the_plan_comes(panel: Panel) -> None:
    """Several days' plans are under way at once, each within the limit by itself; together they hold it too."""
    run = run_graph(busy_rules(), panel, limits(max_positions=2), planner=take_all(), latency_bars=2)
    assert run.result.equity["positions"].max() == 2
    dropped = [check for cycle in run.cycles for check in cycle.checks if check.verdict is Verdict.DROPPED]
    assert "position_count_limit" in {check.reason for check in dropped}


@pytest.mark.parametrize("limit", [False, True])
def test_a_plan_carried_over_a_split_is_restated_or_dropped(limit: bool, panel: Panel) -> None:
    row, col = 60, 5
    assert panel.state[row - 1, col] & panel.state[row, col] & State.TRADED
    bars, base = panel.bars.copy(), panel.base.copy()
    bars[:4, row:, col] = np.maximum(bars[:4, row:, col] // 2, 1)
    base[row:, col] = np.maximum(base[row:, col] // 2, 1)
    bars[4, row:, col] *= 2
    market = with_split(replace(panel, bars=bars, base=base), row, col, 2)
    size = "buy 10% of equity" + (" at limit close" if limit else "")
    rules = make_rules(("Entry Criteria: all", "close > 0원", size, "늘 산다"))
    ticker = panel.tickers[col]

    def choose(situation: Situation) -> list[Action]:
        if len(chooser.seen) != row:  # the plan of the bar before the split
            return []
        return [action for action in situation.signals if action.ticker == ticker]

    chooser = Chooser(choose)
    run = run_graph(rules, market, planner=chooser, latency_bars=1)
    (check,) = [check for cycle in run.cycles for check in cycle.checks]
    if limit:
        assert (check.verdict, check.reason) == (Verdict.DROPPED, "stale_plan")
        assert len(run.result.orders) == 0
    else:
        assert check.quantity == 2 * check.action.quantity
        assert check.reason == "corporate_action"
        assert run.result.orders.filter(ticker=ticker)["quantity"].to_list() == [check.quantity]


def test_an_impossible_latency_is_refused() -> None:
    with pytest.raises(ConfigError, match="-1 bars"):
        LatePlanner(take_all(), -1)
    with pytest.raises(ConfigError, match="patience"):
        LatePlanner(take_all(), 1, timedelta())
