"""Each cycle of the graph is kept: what it saw, planned, checked and did, and why it failed."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadInput
from engine.ledger.alerts import Urgency, alerts_after, all_alerts, last_alert_id, record_alert
from engine.ledger.decisions import Decision, decisions_between, record_decision
from engine.ledger.equity import EquityPoint, equity_points, last_equity, record_equity
from engine.ledger.ledger import open_ledger
from engine.ledger.trades import trades_between
from engine.ledger.verify import verify
from tests.builders_ledger import START, buy, make_clock, make_ledger

LATER = START + timedelta(days=1)


def make_decision(**changes: Any) -> Decision:
    """A cycle that bought Samsung because of two rules."""
    values: dict[str, Any] = {
        "decision_id": "d1",
        "time": START,
        "planner": "rules",
        "nodes": {
            "diagnosis": {"cash": 1_000_000, "holdings": []},
            "analysis": {"KOSPI": 2_683.65, "trading strength": float("nan")},
        },
        "plan": [{"ticker": "005930", "side": "buy", "weight": 0.1}],
        "justification": "거래량이 늘고 20일선을 넘었다",
        "rule_ids": ("ma20-cross", "volume-surge"),
        "risk_checks": [{"ticker": "005930", "outcome": "resized", "reason": "position_weight_limit"}],
        "order_ids": ("20240502-000002",),
        "data_hash": "ab" * 32,
        "prompt_hash": "cd" * 32,
    }
    return Decision(**(values | changes))


def test_a_decision_comes_back_with_unknown_values_as_unknown(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        record_decision(ledger, make_decision())
        (back,) = decisions_between(ledger, START, LATER)
        assert back.nodes["analysis"] == {"KOSPI": 2_683.65, "trading strength": None}
        assert (back.plan, back.rule_ids, back.status) == (
            make_decision().plan,
            ("ma20-cross", "volume-surge"),
            "planned",
        )
        assert verify(ledger.connection) == ()


def test_failed_plans_are_kept_too(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        record_decision(ledger, make_decision(plan=None, failure="the answer did not fit the schema", order_ids=()))
        (back,) = decisions_between(ledger, START, LATER)
        assert (back.status, back.plan, back.failure) == ("failed", None, "the answer did not fit the schema")


def test_a_decision_without_plan_and_without_failure_is_refused() -> None:
    with pytest.raises(BadInput, match="neither a plan nor a failure"):
        make_decision(plan=None)
    assert make_decision(plan=[]).status == "planned"


def test_a_decision_is_recorded_once(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        record_decision(ledger, make_decision())
        with pytest.raises(BadInput, match="recorded already"):
            record_decision(ledger, make_decision(justification="another story"))
        assert len(decisions_between(ledger, START, LATER)) == 1


@pytest.mark.parametrize("decided_first", [True, False], ids=["before the fill", "after the fill"])
def test_a_trade_carries_the_reasons_of_its_decision(tmp_path: Path, decided_first: bool) -> None:
    with make_ledger(tmp_path) as ledger:
        if decided_first:
            record_decision(ledger, make_decision())
        buy(ledger, decision_id="d1")
        if not decided_first:
            record_decision(ledger, make_decision())
        (trade,) = trades_between(ledger, START, LATER)
        assert trade.justification_text == "거래량이 늘고 20일선을 넘었다"
        assert json.loads(trade.market_snapshot or "") == {"KOSPI": 2_683.65, "trading strength": None}
        assert json.loads(trade.portfolio_before or "") == {"cash": 1_000_000, "holdings": []}


def test_a_trade_outside_the_graph_names_its_rules_and_the_portfolio_before_it(tmp_path: Path) -> None:
    with make_ledger(tmp_path, deposit=2_000_000) as ledger:
        buy(ledger)
        buy(ledger, rule_ids=("stop-7",))
        first, second = trades_between(ledger, START, LATER)
        assert second.justification_text == "stop-7"
        assert second.market_snapshot is None
        assert json.loads(first.portfolio_before or "") == {"cash": 2_000_000, "positions": {}}
        assert json.loads(second.portfolio_before or "") == {
            "cash": 2_000_000 - 700_098,
            "positions": {"005930": {"ticker": "005930", "quantity": 10, "cost": 700_000}},
        }


def test_equity_keeps_one_point_a_session_and_the_last_is_found(tmp_path: Path) -> None:
    def point(day: int, equity: int) -> EquityPoint:
        time = START + timedelta(days=day)
        return EquityPoint(
            session=time.date(), time=time, cash=equity, holdings=0, equity=equity, positions=0, benchmark=2_683.65
        )

    with make_ledger(tmp_path) as ledger:
        assert last_equity(ledger) is None
        for values in ((0, 100), (1, 110), (1, 111)):
            record_equity(ledger, point(*values))
        assert equity_points(ledger) == [point(0, 100), point(1, 111)]
        assert last_equity(ledger) == point(1, 111)
        assert last_equity(ledger).session == date(2024, 5, 3)  # type: ignore[union-attr]


def test_an_alert_survives_the_end_of_its_process_and_is_found_by_number(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        first = record_alert(ledger, Urgency.CRITICAL, "blind_exit", "청산 조건을 알 수 없음", {"ticker": "005930"})
        second = record_alert(ledger, Urgency.INFO, "note", "알림")
    with open_ledger(tmp_path / "ledger.db", make_clock(), read_only=True) as ledger:
        assert [alert.alert_id for alert in all_alerts(ledger)] == [first, second]
        assert all_alerts(ledger)[0].parameters == {"ticker": "005930"}
        assert [alert.code for alert in alerts_after(ledger.connection, first, 10)] == ["note"]
        assert alerts_after(ledger.connection, second, 10) == []
        assert last_alert_id(ledger.connection) == second
