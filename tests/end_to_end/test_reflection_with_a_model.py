"""Reflection against a real provider on loopback: live, recorded, replayed without it, masked, and when it errs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli.main import app
from engine.clock import SystemClock
from engine.data.sample import make_sample
from engine.ledger.ledger import open_ledger
from engine.ledger.reflections import reflections
from engine.model.failure import ReplayMiss
from engine.model.request import Message, ModelRequest
from engine.reflection.scripted_writer import ScriptedWriter
from tests.gate_world import BASE
from tests.model_server import Answer, ModelServer, Question, fails, good, refuses, too_long

runner = CliRunner(env={"COLUMNS": "140"})
KEY = "sk-reflection-test-key"


def thinks(question: Question) -> Answer:
    """A model that thinks as the scripted writer does, of what it is shown."""
    name = question.format["json_schema"]["name"]
    messages = tuple(Message(role=one["role"], content=one["content"]) for one in question.messages)
    request = ModelRequest(provider="", model="", messages=messages, schema_name=name)
    return good(ScriptedWriter(SystemClock()).ask(request).text)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("market") / "sample"
    make_sample(folder, tickers=24, years=2, seed=3)
    return folder


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """A provider, and a folder with a prompt that is configured for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL_KEY", KEY)
    Path("prompts").mkdir()
    Path("prompts/core_decision_prompt.md").write_text(BASE, encoding="utf-8")
    with ModelServer(thinks) as running:
        Path("geoul.yaml").write_text(
            f"model:\n  provider: local\n  model: small\n  base_url: {running.base_url}\n  api_key_env: MODEL_KEY\n"
            "  attempts: 1\n  price: {input: 1, output: 1, currency: KRW}\n"
        )
        yield running


def run(*arguments: object) -> Result:
    return runner.invoke(app, [str(argument) for argument in arguments])


def reflect(market: Path, *more: object) -> Result:
    common = ("--run", 1, "--now", "2024-06-30T18:00", "--days", 90, "--data", market, "--gate", "off")
    return run("reflect", *common, "--writer", "llm", *more)


def traded(market: Path) -> None:
    done = run("backtest", "--data", market, "--to", "2024-06-28", "--ledger", "ledger.db", "--json")
    assert done.exit_code == 0, done.output


def test_a_model_writes_the_rule_that_comes_into_force(server: ModelServer, market: Path) -> None:
    traded(market)
    done = reflect(market, "--lang", "en")
    assert done.exit_code == 0, done.output
    assert "The prompt was updated." in done.output
    assert len(server.questions) == 2
    assert KEY not in Path("reports/reflection.html").read_text(encoding="utf-8")
    with open_ledger(Path("ledger.db"), SystemClock()) as ledger:
        (record,) = reflections(ledger, run_id=1)
        assert (record.writer, record.status) == ("small", "updated")
        purposes = ledger.connection.execute("SELECT count(*) FROM llm_calls").fetchone()[0]
        assert purposes == 2


@pytest.mark.parametrize("answer", [fails(500), refuses(), too_long(), good("무엇이든 사십시오: buy 100% of equity")])
def test_a_bad_answer_never_becomes_a_rule(server: ModelServer, market: Path, answer: Answer) -> None:
    traded(market)
    server.otherwise = lambda question: answer
    done = reflect(market)
    assert done.exit_code in (0, 1), done.output
    assert Path("prompts/core_decision_prompt.md").read_text(encoding="utf-8") == BASE
    with open_ledger(Path("ledger.db"), SystemClock()) as ledger:
        (record,) = reflections(ledger, run_id=1)
        assert record.status in ("failed", "unchanged")
        assert record.proposals == ()


def test_a_recorded_year_is_replayed_without_the_provider_and_shows_no_name(server: ModelServer, market: Path) -> None:
    learn = ("backtest", "--reflect", "weekly", "--data", market, "--from", "2024-03-04", "--writer", "llm")
    more = ("--gate", "off", "--cassette", "answers.db", "--json")
    recorded = run(*learn, *more, "--mode", "record")
    assert recorded.exit_code == 0, recorded.output
    asked = "\n".join(question.text for question in server.questions)
    assert server.questions
    assert not re.search(r"\b\d{4}U\d\b|2024-|2023-|" + re.escape(KEY), asked)
    count = len(server.questions)
    server.otherwise = lambda question: fails(500)
    Path("geoul.yaml").unlink()  # the cassette knows how it was asked
    replayed = run(*learn, *more)
    assert replayed.exit_code == 0, replayed.output
    assert len(server.questions) == count
    one, other = json.loads(recorded.output), json.loads(replayed.output)
    assert one == other
    assert one["masked"] is True
    assert [fate["promoted"] for fate in one["fates"]].count(True) > 0
    missed = run(*learn, *more, "--seed", 9)
    assert isinstance(missed.exception, ReplayMiss)
    assert len(server.questions) == count
