"""LV4: a plan waits, a person approves it in time, and exactly what was shown is sent, once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from brokers.graph_replay import run_graph
from brokers.kis_server.server import ServerThread
from engine.clock import SystemClock
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.supervision import What, supervisions
from engine.ledger.verify import verify
from engine.order import Side
from engine.rules.prompt import load_rules
from engine.trading.autonomy import Level
from engine.trading.control import ControlFile
from engine.trading.mirror_store import MirrorStore
from engine.trading.mirrored_day import Cause
from tests.kis_client import make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, Running, advance, market, trader_on, write_prompt


@contextlib.contextmanager
def at_level_four(server: ServerThread, folder: Path, prompt: Path) -> Iterator[Running]:
    with trader_on(server, folder, prompt, NAMES, SETTINGS, "live", Level.APPROVAL) as running:
        yield running


def answer(running: Running, folder: Path, command: str, plan: str) -> tuple[bool, str]:
    """Ask as another process would, and let the trader take one turn."""
    control = ControlFile(folder)
    number = control.ask(command, "tester", {"decision_id": plan}, SystemClock().now())
    running.trading.trader.turn(0.0)
    told = control.request(number)
    assert told.is_answered
    return told.done, told.answer


def bought(ledger: Ledger) -> list[tuple[object, ...]]:
    rows = (
        "SELECT decision_id, ticker, kind, quantity, price FROM orders WHERE side = 'buy' ORDER BY decision_id, ticker"
    )
    return ledger.connection.execute(rows).fetchall()


def until_a_plan_waits(server: ServerThread, running: Running, most: int = 5) -> str:
    """The decision of the first day on which something is to be bought, before that day's open."""
    for _ in range(most):
        advance(server, running, "morning")
        waiting = [name for name, plan in running.trading.supervisor.standing.plans.items() if not plan.answer]
        if waiting:
            return waiting[-1]
        advance(server, running, "evening")
    raise AssertionError(running.lines)


def test_approved_plans_trade_as_the_backtest_does_and_no_answer_buys_nothing(tmp_path: Path) -> None:
    sessions = 6
    panel, prompt, folder = market(1, sessions), write_prompt(tmp_path), tmp_path / "a"
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        at_level_four(server, folder, prompt) as running,
    ):
        ledger = running.trading.ledger
        for _ in range(sessions):
            advance(server, running, "morning")
            before = bought(ledger)
            for name, plan in running.trading.supervisor.standing.plans.items():
                if not plan.answer:
                    assert not [row for row in before if row[0] == name]
                    assert answer(running, folder, "approve", name)[0]
            advance(server, running, "evening")
        rows = "SELECT substr(time, 1, 10), ticker, side, quantity, price FROM fills WHERE run_id = 0"
        fills = ledger.connection.execute(rows).fetchall()
        causes = {day.decision for day in MirrorStore(folder).days()}
        assert MirrorStore(folder).unbroken() == sessions
        assert verify(ledger.connection) == ()
    replayed = run_graph(load_rules(prompt), panel, SETTINGS, start=panel.session_date(BEFORE - 1)).result.fills
    expected = replayed.select(
        replayed["time"].dt.strftime("%Y-%m-%d").alias("day"), "ticker", "side", "quantity", "price"
    ).rows()
    assert sorted(fills) == sorted(expected)
    assert fills
    assert causes == {Cause.NONE}


def test_a_plan_that_nobody_answers_expires_and_a_rejected_one_is_never_sent(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 6), write_prompt(tmp_path), tmp_path / "a"
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        at_level_four(server, folder, prompt) as running,
    ):
        ledger = running.trading.ledger
        late = until_a_plan_waits(server, running)
        plan = running.trading.supervisor.standing.plans[late]
        assert timedelta(minutes=59) < plan.expires - plan.time <= timedelta(hours=1)  # until half past nine
        assert {action.side for action in plan.actions} == {Side.BUY}
        advance(server, running, "close")
        done, words = answer(running, folder, "approve", late)
        assert (done, "expired" in words) == (False, True)
        advance(server, running, "evening")
        rejected = until_a_plan_waits(server, running)
        assert answer(running, folder, "reject", rejected)[0]
        done, words = answer(running, folder, "approve", rejected)
        assert (done, "rejected" in words) == (False, True)
        assert not answer(running, folder, "approve", "1999-01-04T15:30")[0]
        advance(server, running, "evening")
        assert bought(ledger) == []


def test_a_trader_that_dies_around_an_approval_sends_each_order_once(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 6), write_prompt(tmp_path), tmp_path / "a"
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with at_level_four(server, folder, prompt) as running:
            name = until_a_plan_waits(server, running)
            shown = running.trading.supervisor.standing.plans[name].actions
        # Asked while nobody trades; the next process finds the request, the plan and the decision.
        asked = ControlFile(folder).ask("approve", "tester", {"decision_id": name}, SystemClock().now())
        with at_level_four(server, folder, prompt) as running:
            advance(server, running, "open")
            assert ControlFile(folder).request(asked).done
            first = bought(running.trading.ledger)
            assert [(row[1], row[3]) for row in first] == sorted((each.ticker, each.quantity) for each in shown)
        with at_level_four(server, folder, prompt) as running:
            advance(server, running, "close")
            assert bought(running.trading.ledger) == first
            advance(server, running, "evening")
    with open_ledger(folder / "ledger.db", SystemClock(), read_only=True) as ledger:
        assert bought(ledger) == first
        kinds = [each.what for each in supervisions(ledger.connection)]
        assert kinds[:2] == [What.PLAN, What.APPROVE]


def test_an_approval_at_another_level_sends_nothing(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 4), write_prompt(tmp_path), tmp_path / "a"
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        at_level_four(server, folder, prompt) as running,
    ):
        name = until_a_plan_waits(server, running)
        running.trading.supervisor.fall_back("a breach in a test")
        done, words = answer(running, folder, "approve", name)
        assert (done, "LV2" in words) == (False, True)
        advance(server, running, "evening")
        assert bought(running.trading.ledger) == []
