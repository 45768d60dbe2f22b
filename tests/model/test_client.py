"""One question over the wire: what is sent to each endpoint, and what becomes of each kind of answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine.errors import ConfigError
from engine.model.answer import Content, UnreadableAnswer, read_answer
from engine.model.client import AttemptFailed, ModelClient
from engine.model.config import ModelConfig
from engine.model.failure import ModelRefusedRequest, ModelUnavailable
from tests.builders_transport import KEY, NOON, SCHEMA, Seconds, make_config, make_request
from tests.model_server import (
    CHAT,
    RESPONSES,
    Answer,
    ModelServer,
    fails,
    filtered,
    good,
    huge,
    limited,
    refuses,
    resets,
    slow,
    too_long,
)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def ask(server: ModelServer, answer: Answer, *, timeout: float = 10.0, **config: Any) -> Content:
    server.will(answer)
    client = ModelClient(make_config(server.base_url, **config), Seconds().clock)
    try:
        raw = client.send(make_request(), timeout)
    finally:
        client.close()
    return read_answer(raw.api, raw.body)


def failure(server: ModelServer, answer: Answer, **more: Any) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as failed:
        ask(server, answer, **more)
    return failed.value


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_both_endpoints_give_the_same_content(server: ModelServer, api: str) -> None:
    good_answer = ask(server, good({"actions": []}, cached_tokens=300), api=api)
    assert good_answer.text == '{"actions": []}'
    assert good_answer.finish_reason == "stop"
    assert good_answer.usage is not None and good_answer.usage.cached_tokens == 300
    refused = ask(server, refuses("못 합니다"), api=api)
    assert (refused.text, refused.refusal) == ("", "못 합니다")
    assert ask(server, too_long("{"), api=api).finish_reason == "length"
    assert ask(server, filtered(), api=api).finish_reason == "content_filter"
    assert server.questions[0].path == (CHAT if api == "chat" else RESPONSES)


def test_a_strict_schema_is_asked_for_where_the_server_knows_it(server: ModelServer) -> None:
    ask(server, good("{}"))
    ask(server, good("{}"), api="responses")
    chat, responses = (question.format for question in server.questions)
    assert chat == {"type": "json_schema", "json_schema": {"name": "plan", "schema": SCHEMA, "strict": True}}
    assert responses == {"type": "json_schema", "name": "plan", "schema": SCHEMA, "strict": True}


@pytest.mark.parametrize(("structured", "expected"), [("json_object", {"type": "json_object"}), ("none", {})])
def test_a_server_without_schemas_is_not_sent_one(server: ModelServer, structured: str, expected: object) -> None:
    for api in ("chat", "responses"):
        ask(server, good("{}"), structured=structured, api=api)
        assert server.questions[-1].format == expected


def test_settings_reach_the_server_under_its_own_names(server: ModelServer) -> None:
    request = make_request(temperature=0.5, top_p=0.9, seed=7, effort="low")
    for api in ("chat", "responses"):
        server.will(good("{}"))
        client = ModelClient(make_config(server.base_url, api=api), Seconds().clock)
        client.send(request, 10)
        client.close()
    chat, responses = (question.body for question in server.questions)
    assert (chat["temperature"], chat["top_p"], chat["seed"], chat["reasoning_effort"]) == (0.5, 0.9, 7, "low")
    assert chat["max_tokens"] == responses["max_output_tokens"] == 500
    assert responses["reasoning"] == {"effort": "low"}
    assert responses["store"] is False
    assert [message["role"] for message in server.questions[1].messages] == ["system", "user"]


def test_what_is_not_configured_is_left_to_the_provider(server: ModelServer) -> None:
    ask(server, good("{}"))
    assert not {"temperature", "top_p", "seed", "reasoning_effort", "tools"} & set(server.questions[0].body)


def test_a_local_server_needs_no_key(server: ModelServer) -> None:
    assert ask(server, good("hello"), api_key=None).text == "hello"
    assert KEY not in str(server.questions[0].headers)


def test_openai_without_a_key_is_refused_before_anything_is_sent() -> None:
    config = ModelConfig(model="gpt-6-luna")
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        ModelClient(config, Seconds().clock)


@pytest.mark.parametrize(
    ("answer", "again", "maybe_charged", "kind"),
    [
        (limited(), True, False, ModelUnavailable),
        (fails(500), True, False, ModelUnavailable),
        (fails(503), True, False, ModelUnavailable),
        (fails(400, "schema"), False, False, ModelRefusedRequest),
        (fails(401), False, False, ModelRefusedRequest),
        (fails(404), False, False, ModelRefusedRequest),
        (resets(), True, True, ModelUnavailable),
        (Answer(status=307, headers={"Location": "http://127.0.0.1:9/"}), False, False, ModelRefusedRequest),
    ],
)
def test_each_failure_says_whether_to_try_again_and_whether_it_may_have_cost(
    server: ModelServer, answer: Answer, again: bool, maybe_charged: bool, kind: type[Exception]
) -> None:
    failed = failure(server, answer)
    assert (failed.again, failed.maybe_charged, type(failed.failure)) == (again, maybe_charged, kind)
    assert len(server.questions) == 1


def test_an_empty_account_is_no_rate_limit(server: ModelServer) -> None:
    body = b'{"error": {"message": "You exceeded your quota.", "code": "insufficient_quota"}}'
    failed = failure(server, Answer(status=429, raw=body))
    assert not failed.again and "credit" in str(failed.failure)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("Wed, 25 Nov 2026 03:00:20 GMT", 20.0), ("-3", 0.0), ("soon", None), (None, None)],
)
def test_retry_after_is_a_number_or_a_date(server: ModelServer, told: str | None, seconds: float | None) -> None:
    assert NOON.utcoffset() is not None  # 12:00 in Seoul is 03:00 GMT
    assert failure(server, limited(told)).wait_seconds == seconds


def test_a_slow_answer_ends_at_the_timeout(server: ModelServer) -> None:
    failed = failure(server, slow(30), timeout=0.2)
    assert "in time" in str(failed.failure) and failed.maybe_charged and failed.again


def test_a_huge_answer_is_cut_off(server: ModelServer) -> None:
    failed = failure(server, huge(3_000_000), max_answer_bytes=1_000_000)
    assert "1,000,000 bytes" in str(failed.failure) and not failed.again and failed.maybe_charged


def test_no_secret_shows_in_a_representation(server: ModelServer) -> None:
    config = make_config(server.base_url)
    client = ModelClient(config, Seconds().clock)
    client.close()
    assert KEY not in repr(client) + repr(config) + str(config) + config.model_dump_json()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"choices": []}',
        '{"choices": [{"message": null}]}',
        '{"choices": [{"message": {"content": 5}}]}',
        '{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": "many", "completion_tokens": 1}}',
        '{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": -1, "completion_tokens": 1}}',
        "[" * 100_000,
    ],
)
def test_a_body_of_another_shape_is_unreadable(body: str) -> None:
    with pytest.raises(UnreadableAnswer):
        read_answer("chat", body)
    with pytest.raises(UnreadableAnswer):
        read_answer("responses", body)


def test_an_error_inside_a_response_is_no_answer() -> None:
    with pytest.raises(UnreadableAnswer, match="server_error"):
        read_answer("responses", '{"status": "failed", "error": {"code": "server_error"}, "output": []}')
