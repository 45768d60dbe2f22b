"""A reflection compares the account's ledger with what the broker says was executed."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from brokers.kis_server.server import ServerThread
from engine.cli.main import app
from tests.kis_client import Client, make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, market, trader_on, write_prompt

SESSIONS = 8
BY_HAND = "000300"


def reflect(server: ServerThread, folder: Path, prompt: Path, *more: str) -> dict:
    """The figures of a reflection on the account of `folder`; nothing is written."""
    config = folder.parent / "config.yaml"
    config.write_text("cash_won: 30000000\nparticipation: 0.0\n", encoding="utf-8")
    with Client(server, "live") as client:
        now = client.world("clock")["time"][:16]
    command = ["reflect", "--prompt", prompt, "--ledger", folder / "ledger.db", "--data", folder / "data"]
    command += ["--config", config, "--now", now, "--days", 30, "--gate", "off", "--dry-run", "--json", "--allow-gaps"]
    done = CliRunner().invoke(app, [str(word) for word in (*command, *more)])
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout)["figures"])


def test_a_week_at_kis_agrees_with_its_executions_and_an_order_made_by_hand_is_named(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, SESSIONS), write_prompt(tmp_path), tmp_path / "a"
    kis = ("--env", "live", "--kis-config", str(folder / "kis_devlp.yaml"), "--clock", "world")
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            for _ in range(SESSIONS - 2):
                advance(server, running, "evening")
        figures = reflect(server, folder, prompt, *kis)
        assert figures["trades"] > 0
        assert figures["broker"] == []
        assert reflect(server, folder, prompt)["broker"] is None
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            advance(server, running, "open")
            with Client(server, "live") as person:
                assert person.order("buy", BY_HAND, 3)["rt_cd"] == "0"
            advance(server, running, "evening")
        told = reflect(server, folder, prompt, *kis)["broker"]
    day = panel.session_date(BEFORE + SESSIONS - 2).isoformat()
    shares = [each for each in told if each["what"] == "buy shares"]
    assert [(each["day"], each["ticker"], each["broker"] - each["ours"]) for each in shares] == [(day, BY_HAND, 3)]
