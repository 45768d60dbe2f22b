"""A model that says what the test wants, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.clock import KST
from engine.model.failure import ModelUnavailable
from engine.model.reply import ModelReply
from engine.model.request import ModelRequest

Told = str | Mapping[str, Any] | None


class Says:
    """Answers in order: a text, a value that becomes JSON, or None for a provider that does not answer."""

    def __init__(self, *answers: Told) -> None:
        self.answers = list(answers)
        self.asked: list[ModelRequest] = []

    def ask(self, request: ModelRequest, *, decision_id: str = "") -> ModelReply:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if answer is None:
            raise ModelUnavailable("The provider did not answer.")
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return ModelReply(text=text, asked_at=datetime(2024, 5, 19, 18, 0, tzinfo=KST), request_id=decision_id)
