"""One way to a model: what each mode asks, stores and refuses."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BadInput
from engine.model.cassette import Cassette
from engine.model.failure import ModelRefusedRequest, ModelUnavailable, ReplayMiss, UnknownPrice
from engine.model.opening import open_replay, open_transport
from engine.model.transport import Transport
from tests.builders_transport import KEY, Seconds, make_config, make_request, transport_to
from tests.model_server import Answer, ModelServer, Question, cut_off, fails, good, limited, no_json, resets, slow


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def rows(folder: Path) -> list[dict[str, Any]]:
    """All rows of llm_calls."""
    with closing(sqlite3.connect(folder / "ledger.db")) as file:
        file.row_factory = sqlite3.Row
        return [dict(row) for row in file.execute("SELECT * FROM llm_calls ORDER BY call_id")]


def test_live_stores_the_raw_answer_with_its_decision_and_cost(server: ModelServer, tmp_path: Path) -> None:
    server.will(good({"actions": ["산다"]}, input_tokens=700, cached_tokens=200, output_tokens=50))
    with transport_to(make_config(server.base_url), tmp_path) as transport:
        reply = transport.ask(make_request(), decision_id="20261125-1")
    (row,) = rows(tmp_path)
    assert json.loads(reply.text) == {"actions": ["산다"]}
    assert (reply.cost_won, reply.replayed, reply.model) == (800, False, "small-2025-01-01")
    assert (reply.usage.input_tokens, reply.usage.cached_tokens, reply.usage.output_tokens) == (700, 200, 50)
    assert (row["decision_id"], row["status"], row["cost_won"], row["purpose"]) == (
        "20261125-1",
        "answered",
        800,
        "plan",
    )
    stored = json.loads(row["response"])
    assert json.loads(stored["body"])["choices"][0]["message"]["content"] == reply.text
    assert stored["request_id"] == reply.request_id == "req_1"
    assert json.loads(row["request"]) == json.loads(make_request().to_json())
    assert row["key_hash"] == make_request().key


def test_a_decision_that_asks_again_gets_the_stored_answer(server: ModelServer, tmp_path: Path) -> None:
    server.will(good("first"), good("second"), good("third"))
    config = make_config(server.base_url)
    with transport_to(config, tmp_path) as transport:
        first = transport.ask(make_request(), decision_id="d1")
    with transport_to(config, tmp_path, run="another") as transport:
        again = transport.ask(make_request(), decision_id="d1")
        other = transport.ask(make_request(), decision_id="d2")
        nameless = transport.ask(make_request())
    assert (first.text, again.text, other.text, nameless.text) == ("first", "first", "second", "third")
    assert (again.replayed, again.cost_won, again.asked_at) == (True, 0, first.asked_at)
    assert len(server.questions) == 3


def test_record_asks_once_and_replay_never(server: ModelServer, tmp_path: Path) -> None:
    server.will(good("recorded"))
    with transport_to(make_config(server.base_url), tmp_path, "record") as transport:
        asked, again = (transport.ask(make_request(), decision_id=name) for name in ("a", "b"))
        assert (transport.tally.asked, transport.tally.replayed, transport.tally.recorded_won) == (1, 1, asked.cost_won)
    with open_replay(tmp_path / "cassette.db", Seconds().clock) as replay:
        replayed = replay.ask(make_request(), decision_id="c")
    assert asked.text == again.text == replayed.text == "recorded"
    assert (replayed.cost_won, replayed.latency_ms, replayed.replayed) == (0, 0, True)
    assert replayed.usage == asked.usage
    assert len(server.questions) == 1


def test_a_miss_in_replay_shows_what_changed_and_asks_nobody(server: ModelServer, tmp_path: Path) -> None:
    server.will(good("a"), good("b"))
    with transport_to(make_config(server.base_url), tmp_path, "record") as transport:
        transport.ask(make_request("현금 1,000만 원\n삼성전자 71,900원"))
        transport.ask(make_request("전혀 다른 질문"))
    with transport_to(make_config(server.base_url), tmp_path, "replay") as transport:
        with pytest.raises(ReplayMiss) as miss:
            transport.ask(make_request("현금 1,000만 원\n삼성전자 72,000원", temperature=0.5), decision_id="d7")
        assert transport.tally.misses == 1
    told = str(miss.value)
    assert "-삼성전자 71,900원\n+삼성전자 72,000원" in told
    assert "-temperature: null\n+temperature: 0.5" in told
    assert "d7" in told and "전혀 다른" not in told
    assert miss.value.key == make_request("현금 1,000만 원\n삼성전자 72,000원", temperature=0.5).key
    assert len(server.questions) == 2


def test_refresh_asks_again_and_keeps_the_old_answer(server: ModelServer, tmp_path: Path) -> None:
    server.will(good("old"), good("new"))
    config = make_config(server.base_url)
    with transport_to(config, tmp_path, "record", run="monday") as transport:
        transport.ask(make_request(), decision_id="d1")
    with transport_to(config, tmp_path, "refresh", run="tuesday") as transport:
        fresh = transport.ask(make_request(), decision_id="d1")
        same = transport.ask(make_request(), decision_id="d1")
    assert (fresh.text, same.text, same.replayed) == ("new", "new", True)
    with Cassette(tmp_path / "cassette.db") as cassette:
        reply = cassette.get(make_request().key)
        assert reply is not None and reply.text == "new"
        (former,) = cassette.former(make_request().key)
    assert json.loads(former.body)["choices"][0]["message"]["content"] == "old"


def test_what_passes_is_asked_again_and_retry_after_is_honoured(server: ModelServer, tmp_path: Path) -> None:
    server.will(limited(7), fails(503), good("at last"))
    seconds = Seconds()
    with transport_to(make_config(server.base_url), tmp_path, seconds=seconds) as transport:
        assert transport.ask(make_request()).text == "at last"
    first, second = seconds.slept
    assert first == 7
    assert 1 <= second <= 2
    assert [(row["status"], row["cost_won"]) for row in rows(tmp_path)] == [
        ("failed", 0),
        ("failed", 0),
        ("answered", 1_200),
    ]


def test_a_retry_after_beyond_the_deadline_is_not_waited_for(server: ModelServer, tmp_path: Path) -> None:
    server.will(limited(3_600))
    seconds = Seconds()
    with (
        transport_to(make_config(server.base_url), tmp_path, seconds=seconds) as transport,
        pytest.raises(ModelUnavailable, match=r"3,600 s.*total_seconds"),
    ):
        transport.ask(make_request())
    assert seconds.slept == []


def test_attempts_are_bounded(server: ModelServer, tmp_path: Path) -> None:
    server.otherwise = lambda question: fails(500)
    with transport_to(make_config(server.base_url, attempts=3), tmp_path) as transport:
        with pytest.raises(ModelUnavailable, match="error"):
            transport.ask(make_request())
        assert transport.calls is not None and transport.calls.spent().won == 0
    assert len(server.questions) == 3


@pytest.mark.parametrize(
    "answer", [cut_off(), resets(), no_json(), slow(30)], ids=["cut off", "reset", "no JSON", "slow"]
)
def test_an_answer_that_was_lost_counts_with_the_most_it_could_cost(
    server: ModelServer, tmp_path: Path, answer: Answer
) -> None:
    server.will(answer)
    config = make_config(server.base_url, attempts=1, timeout_seconds=0.3)
    with transport_to(config, tmp_path) as transport, pytest.raises(ModelUnavailable):
        transport.ask(make_request())
    (row,) = rows(tmp_path)
    assert (row["status"], row["cost_won"]) == ("unknown", None)
    assert row["reserved_won"] == row["reserved_tokens"] + 500  # 1 won in, 2 won out, 500 tokens out


def test_a_server_that_is_not_there_costs_nothing(tmp_path: Path) -> None:
    with transport_to(make_config(attempts=2), tmp_path) as transport:
        with pytest.raises(ModelUnavailable, match="cannot be reached"):
            transport.ask(make_request())
        assert transport.calls is not None and transport.calls.spent().won == 0
    assert [row["status"] for row in rows(tmp_path)] == ["failed", "failed"]


def test_a_refused_request_is_not_repeated_and_its_words_hide_the_key(server: ModelServer, tmp_path: Path) -> None:
    server.will(fails(401, f"Incorrect API key provided: {KEY}."))
    told = r"Incorrect API key provided: \*\*\*.*Check the key"
    with (
        transport_to(make_config(server.base_url), tmp_path) as transport,
        pytest.raises(ModelRefusedRequest, match=told) as error,
    ):
        transport.ask(make_request())
    assert KEY not in str(error.value) and error.value.__cause__ is None
    assert len(server.questions) == 1
    assert KEY not in (tmp_path / "ledger.db").read_bytes().decode(errors="ignore")


def test_an_unknown_price_is_refused_before_anything_is_asked(server: ModelServer, tmp_path: Path) -> None:
    config = make_config(server.base_url, price=None)
    with transport_to(config, tmp_path) as transport, pytest.raises(UnknownPrice, match="price: free"):
        transport.ask(make_request())
    assert server.questions == [] and rows(tmp_path) == []


def test_a_server_that_counts_no_tokens_is_charged_with_the_most(server: ModelServer, tmp_path: Path) -> None:
    server.will(good("x", usage=False))
    with transport_to(make_config(server.base_url), tmp_path) as transport:
        reply = transport.ask(make_request())
    (row,) = rows(tmp_path)
    assert reply.cost_won == row["cost_won"] == row["reserved_won"] > 1_000


def test_two_threads_with_one_question_ask_once(server: ModelServer, tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def answer(question: Question) -> Answer:
        return good("one", delay_seconds=0.2)

    server.otherwise = answer
    with transport_to(make_config(server.base_url), tmp_path, "record") as transport:

        def ask() -> str:
            together.wait()
            return transport.ask(make_request()).text

        with ThreadPoolExecutor(4) as pool:
            answers = [future.result() for future in [pool.submit(ask) for _ in range(4)]]
    assert answers == ["one"] * 4
    assert len(server.questions) == 1


def test_secrets_of_the_caller_are_masked_in_the_ledger_and_in_the_cassette(
    server: ModelServer, tmp_path: Path
) -> None:
    server.will(good("계좌 87654321 은 비었습니다. 키는 PS" + "a" * 34))
    ledger, tape = tmp_path / "ledger.db", tmp_path / "tape.db"
    config, clock = make_config(server.base_url), Seconds().clock
    secrets = ("87654321",)
    with open_transport(config, "record", clock, cassette=tape, ledger=ledger, secrets=secrets) as transport:
        reply = transport.ask(make_request(f"account 87654321, other 12345678-01, key {KEY}"), decision_id="d")
    assert reply.text == "계좌 *** 은 비었습니다. 키는 ***"
    with open_replay(tape, clock) as replay:
        question = make_request(f"account 87654321, other 12345678-01, key {KEY}")
        assert replay.ask(question).text == reply.text
    for file in (ledger, tape):
        content = file.read_bytes().decode(errors="ignore")
        assert not [secret for secret in ("87654321", "12345678", KEY, "PSaaaa") if secret in content]


def test_replayed_answers_are_noted_in_the_ledger_and_cost_nothing(server: ModelServer, tmp_path: Path) -> None:
    server.will(good("x"))
    with transport_to(make_config(server.base_url), tmp_path, "record") as transport:
        transport.ask(make_request())
    with open_replay(tmp_path / "cassette.db", Seconds().clock, ledger=tmp_path / "again.db", run="r") as replay:
        for number in range(3):
            replay.ask(make_request(), decision_id=f"d{number}")
        replay.flush()
        assert replay.calls is not None
        assert replay.calls.spent().won == replay.calls.spent().tokens == 0
    with closing(sqlite3.connect(tmp_path / "again.db")) as file:
        noted = file.execute("SELECT decision_id, mode, status, cost_won FROM llm_calls").fetchall()
    assert noted == [(f"d{number}", "replay", "replayed", 0) for number in range(3)]


def test_a_mode_that_lacks_something_says_so(tmp_path: Path) -> None:
    clock = Seconds().clock
    with pytest.raises(BadInput, match="cassette"):
        open_transport(make_config(), "record", clock, ledger=tmp_path / "ledger.db")
    with pytest.raises(BadInput, match="ledger"):
        open_transport(make_config(), "live", clock)
    with pytest.raises(BadInput, match="ledger"):
        Transport("live", clock)
