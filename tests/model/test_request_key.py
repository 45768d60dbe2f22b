"""The very bytes behind the key of a request: recordings live for years, and a changed key would lose all of them.

Nothing here is computed by the code under test. Who changes the form of keys on purpose gives it another number
("model request 1") and re-records; whoever changes it by accident, by another library of JSON say, finds out here.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from typing import Any

import pytest

from engine.model.config import ModelConfig
from engine.model.request import Message, ModelRequest

REQUEST = ModelRequest(
    provider="openai",
    model="gpt-모형",
    messages=(
        Message(role="system", content='규칙 "A"\n\t둘째 줄 \\ 끝\x1f\x7f'),
        Message(role="user", content='{"weight":0.1,"ticker":"X-K72QM"} 😀\u2028'),
    ),
    schema_name="trading_plan",
    schema={"type": "object", "required": ["b", "a"], "properties": {"a": {"minimum": 1e-05}, "b": {"maximum": 1e16}}},
    temperature=0.0,
    top_p=0.9,
    seed=12_345_678_901_234_567_890,
    max_output_tokens=2_048,
    effort="low",
    tools=({"name": "quote", "strict": True, "more": None},),
    sample=3,
    stage="repair",
    purpose="plan",
)
CANONICAL = (
    '{"effort":"low","max_output_tokens":2048,"messages":['
    '{"content":"규칙 \\"A\\"\\n\\t둘째 줄 \\\\ 끝\\u001f\x7f","role":"system"},'
    '{"content":"{\\"weight\\":0.1,\\"ticker\\":\\"X-K72QM\\"} 😀\u2028","role":"user"}],'
    '"model":"gpt-모형","provider":"openai","sample":3,'
    '"schema":{"properties":{"a":{"minimum":1e-05},"b":{"maximum":1e+16}},"required":["b","a"],"type":"object"},'
    '"schema_name":"trading_plan","seed":12345678901234567890,"stage":"repair","temperature":0.0,'
    '"tools":[{"more":null,"name":"quote","strict":true}],"top_p":0.9}'
)
KEY = "ece69765304cfa46dc9e1e42cfae9bd15fa9bb2d502556dffe28952e51619547"
LEAST = ModelRequest(provider="local", model="m", messages=(Message(role="user", content="안녕"),))
LEAST_CANONICAL = (
    '{"effort":"","max_output_tokens":4096,"messages":[{"content":"안녕","role":"user"}],"model":"m",'
    '"provider":"local","sample":0,"schema":null,"schema_name":"","seed":null,"stage":"first","temperature":null,'
    '"tools":[],"top_p":null}'
)
LEAST_KEY = "6edbb50d62a5b5d1b88befac3299344c0dc44c389040acc2b95cf67cbee13e63"


@pytest.mark.parametrize(
    ("request_", "canonical", "key"),
    [(REQUEST, CANONICAL, KEY), (LEAST, LEAST_CANONICAL, LEAST_KEY)],
    ids=["every field", "as little as can be"],
)
def test_the_bytes_and_the_key_of_a_request_are_what_they_have_always_been(
    request_: ModelRequest, canonical: str, key: str
) -> None:
    assert request_.to_json() == canonical
    assert request_.key == key
    assert hashlib.sha256(b"model request 1\x1f" + canonical.encode()).hexdigest() == key


OTHER: dict[str, Any] = {
    "provider": "local",
    "model": "gpt-모형-2",
    "messages": (REQUEST.messages[0], replace(REQUEST.messages[1], content=REQUEST.messages[1].content + " ")),
    "schema_name": "trading_plan_2",
    "schema": {**(REQUEST.schema or {}), "additionalProperties": False},
    "temperature": 0.1,
    "top_p": None,
    "seed": 0,
    "max_output_tokens": 2_049,
    "effort": "",
    "tools": (),
    "sample": 4,
    "stage": "first",
}


@pytest.mark.parametrize("name", [part.name for part in fields(ModelRequest) if part.name != "purpose"])
def test_another_value_of_any_field_is_another_question(name: str) -> None:
    other = replace(REQUEST, **{name: OTHER[name]})
    assert other.key != KEY
    assert replace(other, **{name: getattr(REQUEST, name)}).key == KEY


def test_the_order_of_messages_and_who_says_them_decide_the_key() -> None:
    first, second = REQUEST.messages
    turned = replace(REQUEST, messages=(second, first))
    said_by_another = replace(REQUEST, messages=(replace(first, role="user"), second))
    together = replace(REQUEST, messages=(replace(first, content=first.content + second.content),))
    assert len({REQUEST.key, turned.key, said_by_another.key, together.key}) == 4


def test_what_a_question_is_for_and_how_its_schema_is_ordered_decide_nothing() -> None:
    schema = dict(sorted((REQUEST.schema or {}).items(), reverse=True))
    assert replace(REQUEST, purpose="reflect", schema=schema).key == KEY


def test_a_model_configuration_asks_with_the_key_it_has_always_asked_with() -> None:
    """From the settings of a user to the key: defaults that creep into the request would change it."""
    config = ModelConfig.model_validate({"provider": "local", "model": "scripted", "price": "free"})
    request = config.request(LEAST.messages, schema_name="", schema=None, purpose="plan", stage="first")
    assert request.key == "76d09ea82593703f59e1db27cf93293d3bb4e1a3402e0187edd7d41b5a953629"
