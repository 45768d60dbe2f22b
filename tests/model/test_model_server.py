"""The provider on loopback does what a test tells it to; seen with the provider's own client."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from tests.model_server import ModelServer, cut_off, fails, good, limited, no_json, refuses, resets, slow, too_long

ASK = {"model": "small", "messages": [{"role": "user", "content": "안녕"}]}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture
def client(server: ModelServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as connected:
        yield connected


def test_chat_completions_answer_refuse_and_stop_at_the_limit(server: ModelServer, client: openai.OpenAI) -> None:
    server.will(good({"가": 1}), refuses("no"), too_long("{"))
    answers = [client.chat.completions.create(**ASK).choices[0] for _ in range(3)]
    assert answers[0].message.content == '{"가": 1}'
    assert answers[1].message.refusal == "no"
    assert answers[2].finish_reason == "length"
    assert server.questions[0].text == "안녕"


def test_responses_answer_refuse_and_stop_at_the_limit(server: ModelServer, client: openai.OpenAI) -> None:
    server.will(good("hello", input_tokens=7), too_long("{"))
    ask = {"model": "small", "input": [{"role": "user", "content": "hi"}]}
    first, second = (client.responses.create(**ask) for _ in range(2))
    assert first.output_text == "hello"
    assert first.usage is not None and first.usage.input_tokens == 7
    assert second.incomplete_details is not None and second.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (limited(3), openai.RateLimitError),
        (fails(500), openai.InternalServerError),
        (fails(401, "wrong key"), openai.AuthenticationError),
        (cut_off(), openai.APIConnectionError),
        (resets(), openai.APIConnectionError),
    ],
)
def test_errors_arrive_as_errors(
    server: ModelServer, client: openai.OpenAI, answer: object, error: type[Exception]
) -> None:
    server.will(answer)
    with pytest.raises(error):
        client.chat.completions.create(**ASK)


def test_what_is_no_json_arrives_as_it_is(server: ModelServer, client: openai.OpenAI) -> None:
    server.will(no_json(b"<html>"))
    assert client.chat.completions.with_raw_response.create(**ASK).text == "<html>"


def test_a_slow_answer_outlasts_an_impatient_client(server: ModelServer, client: openai.OpenAI) -> None:
    server.will(slow(30))
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.2).chat.completions.create(**ASK)


def test_after_the_script_a_function_answers_and_else_an_error_says_so(
    server: ModelServer, client: openai.OpenAI
) -> None:
    with pytest.raises(openai.BadRequestError, match="script"):
        client.chat.completions.create(**ASK)
    server.otherwise = lambda question: good(question.text * 2)
    assert client.chat.completions.create(**ASK).choices[0].message.content == "안녕안녕"
