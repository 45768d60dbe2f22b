"""A model plans in a running account: what it takes of the signals is bought, and its failures buy nothing."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.clock import SystemClock
from engine.data.panel import Panel
from engine.ledger.alerts import Urgency, all_alerts
from engine.model.opening import open_transport
from engine.operating.desk import Planner
from engine.operating.graph import NEVER_CAME
from engine.operating.state import Plan, Situation
from engine.planning.opening import PlannerSetup
from engine.trading.decision import RulesInForce
from tests.builders_transport import make_config
from tests.kis_client import Client, make_server
from tests.model_server import Answer, ModelServer, Question, fails, good
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, market, trader_on, write_prompt

SESSIONS = 4


def first_signal_only(question: Question) -> Answer:
    """All of the first purchase that the rules signal, nothing else."""
    context = json.loads(question.messages[1]["content"])
    actions: list[dict[str, Any]] = []
    for signal in context["signals"][:1]:
        action = {"type": "buy", "ticker": signal["ticker"], "quantity": signal["quantity"], "reason": "하나만"}
        action["rule_ids"] = signal["rule_ids"]
        properties = question.format["json_schema"]["schema"]["properties"]["actions"]["items"]["properties"]
        actions.append({name: action.get(name) for name in properties})
    return good({"actions": actions, "justification": "하나만", "risk_assessment": "낮음", "expected_outcome": "모름"})


@contextlib.contextmanager
def month_with(folder: Path, answer: Any) -> Iterator[tuple[Any, ModelServer]]:
    """A few sessions with a model behind the planner; yields the ledger."""
    panel, prompt = market(1, SESSIONS), write_prompt(folder)
    (folder / "a").mkdir()
    with contextlib.ExitStack() as stack:
        provider = stack.enter_context(ModelServer(otherwise=answer))
        config = make_config(provider.base_url)
        asks = stack.enter_context(
            open_transport(config, "live", SystemClock(), ledger=folder / "a" / "ledger.db", run="account")
        )
        setup = PlannerSetup(config=config, mask_seed=None, lang="en", misses_stop=False)

        def planner(rules: RulesInForce, panel: Panel) -> Planner:
            return setup.planner(asks, rules.rules, rules.text, panel)

        server = stack.enter_context(make_server(panel, SETTINGS, start=panel.session_date(BEFORE)))
        running = stack.enter_context(trader_on(server, folder / "a", prompt, NAMES, SETTINGS, planner=planner))
        for _ in range(SESSIONS):
            advance(server, running, "evening")
        yield running.trading.ledger, provider


def test_what_the_model_takes_of_the_signals_is_bought_and_exits_wait_for_nobody(tmp_path: Path) -> None:
    with month_with(tmp_path, first_signal_only) as (ledger, provider):
        bought = ledger.connection.execute("SELECT decision_id, count(*) FROM orders WHERE side = 'buy' GROUP BY 1")
        counts = [count for _, count in bought]
        planners = {name for (name,) in ledger.connection.execute("SELECT DISTINCT planner FROM decisions")}
        calls = ledger.connection.execute("SELECT count(*) FROM llm_calls").fetchone()[0]
        assert counts and set(counts) == {1}
        assert planners != {"rules"}
        assert calls == len(provider.questions) > 0


def test_a_provider_that_fails_buys_nothing_and_every_decision_is_recorded(tmp_path: Path) -> None:
    with month_with(tmp_path, lambda question: fails()) as (ledger, _):
        assert ledger.connection.execute("SELECT count(*) FROM orders WHERE side = 'buy'").fetchone()[0] == 0
        rows = ledger.connection.execute("SELECT status FROM decisions").fetchall()
        assert len(rows) == SESSIONS
        assert ("failed",) in rows
        told = [alert for alert in all_alerts(ledger) if alert.code.startswith("no_plan_")]
        assert [alert.urgency for alert in told] == [Urgency.WARNING] * rows.count(("failed",))
        assert all("No new orders were sent" in alert.text for alert in told)


class Silent:
    """Thinks for ever."""

    name = "silent"

    def __init__(self) -> None:
        self.is_over = threading.Event()

    def plan(self, situation: Situation) -> Plan:
        self.is_over.wait()
        return Plan(planner=self.name)


def test_a_plan_that_has_not_come_when_the_session_is_over_is_a_failure_and_the_next_day_is_decided(
    tmp_path: Path,
) -> None:
    panel, prompt, silent = market(1, SESSIONS), write_prompt(tmp_path), Silent()
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(
            server, tmp_path / "a", prompt, NAMES, SETTINGS, planner=lambda *_: silent, waited_for=False
        ) as running,
        Client(server, "live") as client,
    ):
        trader = running.trading.trader
        trader.begin()
        for _ in range(2):
            client.advance(until="morning")
            trader.turn(0.01)
            client.advance(until="evening")
            trader.turn(0.01)
        silent.is_over.set()
        rows = running.trading.ledger.connection.execute("SELECT status, failure FROM decisions").fetchall()
    assert [status for status, _ in rows] == ["failed", "failed"], running.lines
    assert all(NEVER_CAME("en") in failure for _, failure in rows)
