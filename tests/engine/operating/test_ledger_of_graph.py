"""Node 6: what a run leaves in the ledger."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from brokers.graph_replay import GraphRun, run_graph
from engine.clock import KST, SimulatedClock, from_nanoseconds
from engine.data.panel import Panel
from engine.ledger.canonical import digest
from engine.ledger.connection import connect
from engine.ledger.decisions import decisions_between
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.trades import trades_between
from engine.ledger.verify import verify
from tests.engine.operating.builders_graph import always_fails, busy_rules

EVER = datetime(2000, 1, 1, tzinfo=KST), datetime(2100, 1, 1, tzinfo=KST)


@pytest.fixture(scope="module")
def written(panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> tuple[GraphRun, Path]:
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    return run_graph(busy_rules(), panel, ledger_path=path, label="test", prompt_text="# 규칙"), path


@pytest.fixture
def ledger(written: tuple[GraphRun, Path], panel: Panel) -> Iterator[Ledger]:
    clock = SimulatedClock(from_nanoseconds(int(panel.closed_at_ns[-1])))
    with open_ledger(written[1], clock, read_only=True) as opened:
        yield opened


def test_every_cycle_is_a_decision(written: tuple[GraphRun, Path], ledger: Ledger) -> None:
    run, _ = written
    found = decisions_between(ledger, *EVER, run_id=run.run_id or 0)
    assert [decision.decision_id for decision in found] == [cycle.decision_id for cycle in run.cycles]
    for decision, cycle in zip(found, run.cycles, strict=True):
        assert cycle.diagnosis is not None and cycle.analysis is not None and cycle.plan is not None
        assert (decision.planner, decision.status) == ("rules", "planned")
        assert decision.data_hash == cycle.data_hash
        assert decision.prompt_hash == digest("# 규칙")
        assert decision.nodes["diagnosis"]["total"] == cycle.diagnosis.total
        assert decision.nodes["analysis"]["sentiment"] == cycle.analysis.sentiment.value
        assert decision.nodes["report"] == cycle.report
        assert [action["ticker"] for action in decision.plan["actions"]] == [a.ticker for a in cycle.plan.actions]
        assert [check["verdict"] for check in decision.risk_checks] == [c.verdict.value for c in cycle.checks]
        assert decision.order_ids == cycle.order_ids
    assert len({decision.data_hash for decision in found}) == len(found)


def test_a_trade_carries_reasons_market_and_portfolio_of_its_decision(
    written: tuple[GraphRun, Path], ledger: Ledger
) -> None:
    run, _ = written
    trades = trades_between(ledger, *EVER, run_id=run.run_id or 0)
    assert len(trades) == run.result.fills["order_id"].n_unique()
    decided = {order_id: cycle for cycle in run.cycles for order_id in cycle.order_ids}
    by_decision = [trade for trade in trades if trade.order_number in decided]
    assert len(by_decision) > 50
    for trade in by_decision:
        cycle = decided[trade.order_number]
        assert cycle.plan is not None and cycle.diagnosis is not None
        assert trade.justification_text == cycle.plan.justification
        assert json.loads(trade.portfolio_before or "")["total"] == cycle.diagnosis.total
        assert json.loads(trade.market_snapshot or "")["market"]["index"] == "KOSPI"
        assert trade.timestamp > cycle.time
    guarded = [trade for trade in trades if trade.order_number not in decided]
    assert guarded
    assert {trade.justification_text for trade in guarded} == {"stop: 4% 잃으면 판다"}


def test_outcomes_exist_only_once_their_time_has_passed(
    written: tuple[GraphRun, Path], ledger: Ledger, panel: Panel
) -> None:
    run, _ = written
    end = from_nanoseconds(int(panel.closed_at_ns[-1]))
    for trade in trades_between(ledger, *EVER, run_id=run.run_id or 0):
        assert (trade.pnl_7_days is not None) == (trade.timestamp + timedelta(days=7) <= end)
        assert (trade.pnl_30_days is not None) == (trade.timestamp + timedelta(days=30) <= end)
    halfway = from_nanoseconds(int(panel.closed_at_ns[100]))
    early = trades_between(ledger, *EVER, as_of=halfway, run_id=run.run_id or 0)
    assert early[-1].timestamp <= halfway
    assert early[-1].pnl_30_days is None
    assert early[0].pnl_30_days is not None


def test_the_file_is_what_was_written(written: tuple[GraphRun, Path]) -> None:
    connection = connect(written[1], EVER[0], read_only=True)
    assert verify(connection) == ()
    counts = connection.execute(
        "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM orders WHERE decision_id <> '')"
    ).fetchone()
    connection.close()
    run = written[0]
    assert counts == (len(run.result.orders), sum(len(cycle.order_ids) for cycle in run.cycles))


def test_failed_plans_are_recorded(panel: Panel, tmp_path: Path) -> None:
    run = run_graph(busy_rules(), panel, ledger_path=tmp_path / "ledger.db", planner=always_fails())
    connection = sqlite3.connect(tmp_path / "ledger.db")
    rows = connection.execute("SELECT planner, status, failure, plan FROM decisions").fetchall()
    connection.close()
    assert rows == [("chooser", "failed", "the model answered in verse", None)] * len(run.cycles)


def test_the_report_tells_the_day_in_both_languages(panel: Panel) -> None:
    korean, english = run_graph(busy_rules(), panel, lang="ko"), run_graph(busy_rules(), panel, lang="en")
    busy = max(korean.cycles, key=lambda cycle: len(cycle.orders)).row
    ko, en = korean.cycles[busy].report, english.cycles[busy].report
    day = f"{korean.cycles[busy].time:%Y-%m-%d %H:%M}"
    assert ko.startswith(f"일일 거래 보고서 · {day}\n계좌: 총자산 ")
    assert en.startswith(f"Daily trading report · {day}\nAccount: total ₩")
    for order in korean.cycles[busy].orders:
        assert order.ticker in ko and order.ticker in en
    assert "근거:" in ko and "Why:" in en
    assert korean.result.result_hash == english.result.result_hash
