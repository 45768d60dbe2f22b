"""The bodies of the two endpoints: what is sent to them, and what an answer of theirs says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from engine.ledger.canonical import canonical_json, plain
from engine.model.config import ModelConfig
from engine.model.reply import ModelReply, Usage
from engine.model.request import ModelRequest

Api = Literal["chat", "responses"]


class UnreadableAnswer(ValueError):
    """The body is not what the endpoint promises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """An answer as it came over the wire.

    Args:
        api: endpoint that gave it.
        body: as received, secrets masked.
        request_id: of the provider.
        asked_at: aware.
        latency_ms: until the whole answer was there.
    """

    api: Api
    body: str
    request_id: str = ""
    asked_at: datetime
    latency_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an answer says; `usage` is None where the server counts no tokens."""

    text: str
    refusal: str
    finish_reason: str
    model: str
    usage: Usage | None


def request_body(request: ModelRequest, config: ModelConfig) -> dict[str, Any]:
    """The arguments of the endpoint's `create`."""
    return _chat_request(request, config) if config.api == "chat" else _responses_request(request, config)


def read_answer(api: Api, body: str) -> Content:
    """What a body says.

    Raises:
        UnreadableAnswer: it is no JSON, or not of the endpoint's shape.
    """
    try:
        content = json.loads(body)
        return _read_chat(content) if api == "chat" else _read_response(content)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise UnreadableAnswer(f"{type(error).__name__}: {str(error)[:200]}") from None


def reply_of(raw: RawAnswer, key: str, cost_won: int, *, replayed: bool) -> ModelReply:
    """The reply that a stored answer gives; a replayed one took no time and cost nothing."""
    content = read_answer(raw.api, raw.body)
    return ModelReply(
        text=content.text,
        refusal=content.refusal,
        finish_reason=content.finish_reason,
        model=content.model,
        request_id=raw.request_id,
        usage=content.usage or Usage(),
        asked_at=raw.asked_at,
        latency_ms=0 if replayed else raw.latency_ms,
        cost_won=0 if replayed else cost_won,
        replayed=replayed,
        key=key,
    )


def body_of(reply: ModelReply) -> str:
    """A body of chat completions that says what a reply says: for answers that no provider gave."""
    message = {"role": "assistant", "content": reply.text, "refusal": reply.refusal or None}
    return canonical_json(
        {
            "model": reply.model,
            "choices": [{"index": 0, "message": message, "finish_reason": reply.finish_reason}],
            "usage": {
                "prompt_tokens": reply.usage.input_tokens,
                "completion_tokens": reply.usage.output_tokens,
                "prompt_tokens_details": {"cached_tokens": reply.usage.cached_tokens},
            },
        }
    )


def _chat_request(request: ModelRequest, config: ModelConfig) -> dict[str, Any]:
    limit = config.token_limit or ("max_completion_tokens" if config.is_openai else "max_tokens")
    body = _common(request) | {
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        limit: request.max_output_tokens,
    }
    if request.seed is not None:
        body["seed"] = request.seed
    if request.effort:
        body["reasoning_effort"] = request.effort
    if request.schema is not None and config.structured == "json_schema":
        schema = {"name": request.schema_name or "answer", "schema": plain(request.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif request.schema is not None and config.structured == "json_object":
        body["response_format"] = {"type": "json_object"}
    return body


def _responses_request(request: ModelRequest, config: ModelConfig) -> dict[str, Any]:
    body = _common(request) | {
        "input": [{"role": message.role, "content": message.content} for message in request.messages],
        "max_output_tokens": request.max_output_tokens,
        "store": False,  # the provider would keep the portfolio otherwise
    }
    if request.effort:
        body["reasoning"] = {"effort": request.effort}
    if request.schema is not None and config.structured == "json_schema":
        name = request.schema_name or "answer"
        body["text"] = {
            "format": {"type": "json_schema", "name": name, "schema": plain(request.schema), "strict": True}
        }
    elif request.schema is not None and config.structured == "json_object":
        body["text"] = {"format": {"type": "json_object"}}
    return body


def _common(request: ModelRequest) -> dict[str, Any]:
    body: dict[str, Any] = {"model": request.model}
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.top_p is not None:
        body["top_p"] = request.top_p
    if request.tools:
        body["tools"] = [plain(tool) for tool in request.tools]
    return body


def _read_chat(body: Mapping[str, Any]) -> Content:
    choice = body["choices"][0]
    message = choice["message"]
    usage = body.get("usage")
    return Content(
        text=_text(message.get("content")),
        refusal=_text(message.get("refusal")),
        finish_reason=_text(choice.get("finish_reason")) or "stop",
        model=_text(body.get("model")),
        usage=_usage(usage, "prompt_tokens", "completion_tokens", "prompt_tokens_details") if usage else None,
    )


def _read_response(body: Mapping[str, Any]) -> Content:
    if body.get("error"):
        raise UnreadableAnswer(f"the provider reports an error: {str(body['error'])[:200]}")
    parts = [part for item in body["output"] if item.get("type") == "message" for part in item.get("content") or ()]
    usage = body.get("usage")
    return Content(
        text="".join(_text(part.get("text")) for part in parts if part.get("type") == "output_text"),
        refusal="".join(_text(part.get("refusal")) for part in parts if part.get("type") == "refusal"),
        finish_reason=_reason(body),
        model=_text(body.get("model")),
        usage=_usage(usage, "input_tokens", "output_tokens", "input_tokens_details") if usage else None,
    )


def _reason(body: Mapping[str, Any]) -> str:
    """Why a response ended, in the words of chat completions, so that a caller knows one vocabulary."""
    if body.get("status") == "completed":
        return "stop"
    reason = _text((body.get("incomplete_details") or {}).get("reason"))
    return {"max_output_tokens": "length"}.get(reason, reason) or _text(body.get("status")) or "unknown"


def _usage(usage: Mapping[str, Any], asked: str, answered: str, details: str) -> Usage:
    counts = (usage[asked], usage[answered], (usage.get(details) or {}).get("cached_tokens") or 0)
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        raise UnreadableAnswer(f"tokens that are no numbers: {counts}")
    return Usage(input_tokens=counts[0], output_tokens=counts[1], cached_tokens=counts[2])


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UnreadableAnswer(f"a {type(value).__name__} where a text was expected")
    return value
