"""`geoul model`, as a person types it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from engine.errors import BadInput, DataError
from engine.model.cassette import Cassette
from engine.model.failure import ModelRefusedRequest
from tests.builders_transport import KEY, make_reply, make_request
from tests.model_server import ModelServer, fails, good, resets

runner = CliRunner(env={"COLUMNS": "160"})


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """A provider, and a folder that is configured for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL_KEY", KEY)
    with ModelServer() as running:
        (tmp_path / "geoul.yaml").write_text(
            f"model:\n  provider: local\n  model: small\n  base_url: {running.base_url}\n  api_key_env: MODEL_KEY\n"
            "  attempts: 1\n  price: {input: 1000000, output: 2000000, currency: KRW}\n"
        )
        yield running


def run(*arguments: str, status: int = 0) -> str:
    result = runner.invoke(app, ["model", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.output
    return result.output


def test_check_shows_model_latency_and_cost(server: ModelServer) -> None:
    server.will(good({"ready": True}, input_tokens=30, output_tokens=5), good({"ready": True}))
    told = run("check", "--lang", "en")
    assert "local small" in told and "small-2025-01-01" in told
    assert "cost: 40 won" in told and "30 / 0 / 5" in told and " ms" in told
    assert "All is well" in told and KEY not in told
    document = json.loads(run("check", "--json"))
    assert document["ready"] is True and document["cost_won"] == 1_200


def test_check_says_when_the_schema_is_ignored(server: ModelServer) -> None:
    server.will(good("Sure! I am ready."))
    assert "structured" in run("check", "--lang", "en", status=1)


def test_check_tells_what_the_provider_refuses(server: ModelServer) -> None:
    server.will(fails(404, "no such model"))
    with pytest.raises(ModelRefusedRequest, match=r"no such model.*Check model and base_url"):
        run("check")


def test_cost_by_day_and_week_and_what_is_open(server: ModelServer) -> None:
    server.will(good({"ready": True}), resets())
    run("check")
    result = runner.invoke(app, ["model", "check"])
    assert result.exit_code == 1
    told = run("cost", "--lang", "en")
    assert "cost by day" in told and "cost by week" in told and "check" in told
    assert "geoul model resolve" in told
    before = json.loads(run("cost", "--json"))
    (call,) = before["open"]
    assert before["days"][0]["calls"] == 2
    assert before["days"][0]["won"] == 1_200 + call["reserved_won"]
    assert "1,234" in run("resolve", str(call["call_id"]), "--won", "1234", "--lang", "en")
    after = json.loads(run("cost", "--json"))
    assert after["open"] == [] and after["days"][0]["won"] == 1_200 + 1_234


def test_cost_without_calls_or_ledger(server: ModelServer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no ledger"):
        run("cost")
    with pytest.raises(BadInput, match="no ledger"):
        run("resolve", "1", "--won", "1")
    server.will(good({"ready": True}))
    run("check", "--ledger", "other.db")
    assert (tmp_path / "other.db").is_file() and not (tmp_path / "ledger.db").exists()


def test_cassettes_are_described_and_merged(tmp_path: Path) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    for path, question in ((first, "a"), (second, "a"), (second, "b")):
        with Cassette(path) as cassette:
            cassette.put(make_request(question), make_reply(), cost_won=3)
    told = run("cassette", "info", str(second))
    assert "답변 2건" in told and "비용: 6 원" in told
    document = json.loads(run("cassette", "info", str(second), "--json"))
    assert document["by_purpose"] == {"plan": 2} and document["first"].startswith("2026-11-25T12:00")
    assert "1건" in run("cassette", "merge", str(first), str(second))
    assert "2 answers" in run("cassette", "info", str(first), "--lang", "en")
