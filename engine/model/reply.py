"""What a model answered, as it answered it. Whether it is of any use is decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call.

    Args:
        input_tokens: of the question, cached ones included.
        cached_tokens: of the question, found in the provider's cache.
        output_tokens: of the answer, thinking included.
    """

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """An answer.

    Args:
        text: of the answer, "" if there is none.
        refusal: the model's words when it refuses, "" otherwise.
        finish_reason: why it stopped: "stop", "length", "content_filter", … in the provider's words.
        model: that really answered, as the provider calls it.
        request_id: of the provider.
        usage: tokens.
        asked_at: aware.
        latency_ms: until the whole answer was there; 0 when it was replayed.
        cost_won: price of the call, rounded up; 0 when it was replayed.
        replayed: it comes from a cassette.
        key: of the request.
    """

    text: str
    refusal: str = ""
    finish_reason: str = "stop"
    model: str = ""
    request_id: str = ""
    usage: Usage = Usage()
    asked_at: datetime
    latency_ms: int = 0
    cost_won: int = 0
    replayed: bool = False
    key: str = ""
