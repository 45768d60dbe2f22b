"""Every order of a traded week can be followed from plan to fill by one id, in the ledger and in the log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from engine.cli.main import app
from engine.errors import BadInput
from engine.ledger.rows import orders_of_account
from engine.ledger.trace import trace_order
from engine.log_files import last_lines
from engine.order import OrderStatus, Side
from tests.kis_client import make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, market, trader_on, write_prompt

PREFIX = "order_"
WORDS = ("risk check:", "intent:", "accepted", "fill:")
SECRET_KEYS = ("paper_app", "paper_sec", "my_paper_stock")


def test_every_order_is_followed_from_plan_to_fill(tmp_path: Path) -> None:
    sessions, folder = 4, tmp_path / "account"
    panel, prompt = market(1, sessions), write_prompt(tmp_path)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, folder, prompt, NAMES, SETTINGS, "paper") as running,
    ):
        for _ in range(sessions):
            advance(server, running, "evening")
        connection = running.trading.ledger.connection
        orders = list(orders_of_account(connection).values())
        assert len(orders) >= 8
        for order in orders:
            trace = trace_order(connection, order.id)
            kinds = [step.kind for step in trace.steps]
            assert trace.order == order
            assert kinds[:2] == ["order_intended", "order_accepted"]
            filled = sum(step.values["quantity"] for step in trace.steps if step.kind == "fill")
            assert filled == order.filled
            assert (kinds[-1] == "fill") is (order.status is OrderStatus.FILLED)
            assert trace.decision is not None
            assert trace.decision["decision_id"] == order.request.decision_id
            assert [check["allowed"] for check in trace.checks] == [order.request.quantity]
            if order.request.side is Side.BUY:
                assert [action["ticker"] for action in trace.planned] == [order.request.ticker]
        with pytest.raises(BadInput, match="no order"):
            trace_order(connection, "nonsense")
    keys = yaml.safe_load((folder / "kis_devlp.yaml").read_text(encoding="utf-8"))
    text = "".join(last_lines(folder, 10**6))
    assert not [name for name in SECRET_KEYS if str(keys[name]) in text]
    told = [json.loads(line) for line in last_lines(folder, 10**6)]
    of_orders = [entry for entry in told if entry["event"].startswith(PREFIX) or entry["event"] == "fill"]
    assert {entry["order_id"] for entry in of_orders} == {order.id for order in orders}
    decision_of = {order.id: order.request.decision_id for order in orders}
    assert all(entry["decision_id"] == decision_of[entry["order_id"]] for entry in of_orders)
    intended = [entry for entry in of_orders if entry["event"] == "order_intended"]
    fills = [entry for entry in of_orders if entry["event"] == "fill"]
    assert len(intended) == len(orders)
    assert sum(entry["quantity"] for entry in fills) == sum(order.filled for order in orders)
    assert running.lines == [entry["text"] for entry in told if entry["event"] == "told"]
    _commands_show_it(folder, next(order.id for order in orders if order.filled), decision_of)


def _commands_show_it(folder: Path, order_id: str, decision_of: dict[str, str]) -> None:
    shown = CliRunner().invoke(app, ["trace", str(folder), order_id, "--lang", "en"])
    assert shown.exit_code == 0, shown.output
    places = [
        shown.output.index(word) for word in (decision_of[order_id], "risk check:", "intent:", "accepted", "fill:")
    ]
    places.insert(0, shown.output.index(decision_of[order_id]))
    assert places == sorted(places)
    assert "주문 의도" in CliRunner().invoke(app, ["trace", str(folder), order_id]).output
    lines = CliRunner().invoke(app, ["log", str(folder), "--order", order_id]).output.splitlines()
    assert len(lines) >= 3
    assert all(order_id in line for line in lines)
