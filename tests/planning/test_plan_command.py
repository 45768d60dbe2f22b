"""`geoul plan --dry-run`: what would be done, what the check says, what it cost; nothing is sent or written."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from engine.clock import SimulatedClock
from engine.data.panel import Panel, load_panel
from engine.data.sample import make_sample
from engine.errors import BadInput
from engine.events import CashMoved, CashReason, OrderAccepted, OrderIntended
from engine.fill import Fill
from engine.ledger.ledger import open_ledger
from engine.model.failure import ModelFailure
from engine.order import OrderRequest, Side
from tests.model_server import ModelServer, fails, good
from tests.planning.test_planner_over_http import half_of_all

PROMPT = """# 원칙

## 투자 원칙 및 규칙
**주기**: 1d

### Entry Criteria: any
**규칙**: 거래가 있으면 산다
**조건**: `volume > 0`
**행동**: `buy 30% of equity`
**우선순위**: 5/10

### Exit Criteria: out
**규칙**: 사흘 뒤 판다
**조건**: `days_held >= 3`
**행동**: `sell all`
**우선순위**: 5/10
"""


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("market") / "data"
    make_sample(folder, tickers=12, years=1, seed=11)
    return folder


@pytest.fixture
def command(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("GEOUL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompt.md").write_text(PROMPT, encoding="utf-8")
    return ["plan", "prompt.md", "--dry-run", "--data", str(market), "--cash", "10000000", "--lang", "en"]


def invoke(words: list[str]) -> str:
    done = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def configure(server: ModelServer, tmp_path: Path) -> None:
    (tmp_path / "geoul.yaml").write_text(
        f"model:\n  provider: local\n  model: small-1\n  base_url: {server.base_url}\n  attempts: 1\n"
        "  price: {input: 1000, output: 2000, currency: KRW}\n",
        encoding="utf-8",
    )


def test_without_a_model_the_rules_plan(command: list[str]) -> None:
    seen = invoke(command)
    assert "nothing was sent" in seen
    assert "Planned by the rules" in seen
    assert "passed" in seen
    assert "[any] 거래가 있으면 산다" in seen
    assert "configure the section model" in seen
    document = json.loads(invoke([*command, "--json"]))
    verdicts = [check["verdict"] for check in document["checks"]]
    assert verdicts[:3] == ["passed", "passed", "resized"]  # cash for three, less a market order's reserve
    assert set(verdicts[3:]) == {"dropped"}
    assert document["model"] is None


def test_a_configured_model_plans_and_its_cost_is_told(command: list[str], tmp_path: Path) -> None:
    with ModelServer(half_of_all) as server:
        configure(server, tmp_path)
        seen = invoke(command)
        assert "Planned by small-1" in seen
        assert "절반" in seen
        assert "Risk assessment: 말" in seen
        assert "₩3, tokens 2,000 + 200" in seen
        rules = json.loads(invoke([*command, "--planner", "rules", "--json"]))
        assert len(server.questions) == 1
        document = json.loads(invoke([*command, "--json", "--mask"]))
    asked = {check["action"]["ticker"]: check["action"]["quantity"] for check in rules["checks"]}
    for check in document["checks"]:
        action = check["action"]
        assert action["quantity"] == pytest.approx(asked[action["ticker"]] / 2, rel=0.02, abs=1)
    assert document["plan"]["actions"][0]["ticker"] not in server.questions[1].text


def test_a_model_that_fails_is_told_and_nothing_is_planned(command: list[str], tmp_path: Path) -> None:
    with ModelServer() as server:
        configure(server, tmp_path)
        server.will(good("매수를 추천합니다"), good("꼭 사세요"))
        seen = invoke(command)
        assert "No plan (invalid)" in seen
        assert "a recorded answer" in invoke(command)  # the same decision never asks twice
        assert len(server.questions) == 2
        (tmp_path / "ledger.db").unlink()
        server.will(fails(500))
        assert "No plan (unavailable)" in invoke(command)
        assert len(server.questions) == 3


def test_the_account_of_a_ledger_is_planned_for_and_only_read(command: list[str], market: Path, tmp_path: Path) -> None:
    panel = load_panel(market)
    path, ticker = tmp_path / "ledger.db", panel.tickers[0]
    bought = write_ledger(path, panel, ticker)
    before = path.read_bytes()
    document = json.loads(invoke([*command, "--ledger", str(path), "--json"]))
    assert path.read_bytes() == before
    (held,) = document["account"]["holdings"]
    assert (held["ticker"], held["quantity"]) == (ticker, bought)
    sells = [check for check in document["checks"] if check["action"]["side"] == "sell"]
    assert [(check["action"]["ticker"], check["quantity"]) for check in sells] == [(ticker, bought)]


def test_orders_are_never_sent_by_this_command(command: list[str]) -> None:
    done = CliRunner().invoke(app, [word for word in command if word != "--dry-run"])
    assert isinstance(done.exception, BadInput)
    assert "geoul trade" in str(done.exception)
    assert not isinstance(done.exception, ModelFailure)


def write_ledger(path: Path, panel: Panel, ticker: str) -> int:
    """An account that bought ten sessions before the end."""
    row = panel.rows - 10
    clock = SimulatedClock(_close(panel, row))
    with open_ledger(path, clock) as ledger:
        ledger.append(CashMoved(time=clock.now(), amount=10_000_000, reason=CashReason.DEPOSIT))
        clock.advance(timedelta(minutes=1))
        request = OrderRequest(ticker=ticker, side=Side.BUY, quantity=10)
        ledger.append(OrderIntended(time=clock.now(), order_id="1", request=request))
        ledger.append(OrderAccepted(time=clock.now(), order_id="1", order_number="1"))
        clock.advance_to(_close(panel, row + 1) - timedelta(hours=6))
        price = int(panel.bars[0, row + 1, panel.tickers.index(ticker)])
        ledger.append(
            Fill(time=clock.now(), order_id="1", key="1", ticker=ticker, side=Side.BUY, quantity=10, price=price)
        )
    return 10


def _close(panel: Panel, row: int):  # type: ignore[no-untyped-def]
    from engine.clock import from_nanoseconds  # noqa: PLC0415

    return from_nanoseconds(int(panel.closed_at_ns[row]))
