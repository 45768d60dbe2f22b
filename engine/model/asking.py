"""The way to a model, as those see it who ask."""

from __future__ import annotations

from typing import Protocol

from engine.model.reply import ModelReply
from engine.model.request import ModelRequest


class Asks(Protocol):
    """Anything that answers requests: a provider, a cassette, both, or a test."""

    def ask(self, request: ModelRequest, *, decision_id: str = "") -> ModelReply:
        """The answer. The raw answer is stored before this returns, together with `decision_id`.

        Raises:
            ModelFailure: there is none; nothing was spent beyond what is booked.
        """
        ...
