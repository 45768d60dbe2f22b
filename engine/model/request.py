"""What a model is asked. The key of a request is the hash of everything that decides the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from engine.ledger.canonical import canonical_json, digest

Role = Literal["system", "user", "assistant"]
Stage = Literal["first", "repair"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of the conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """A question to a model.

    Args:
        provider: name of the endpoint's owner, such as "openai" or "local".
        model: as the provider calls it.
        messages: in order.
        schema_name: name of the JSON schema of the answer, "" for free text.
        schema: the JSON schema of the answer, None for free text.
        temperature: None leaves it to the provider.
        top_p: None leaves it to the provider.
        seed: None leaves it to the provider.
        max_output_tokens: most tokens of the answer, thinking included.
        effort: how long a thinking model thinks, "" leaves it to the provider.
        tools: JSON schemas of tools.
        sample: number of the answer where the same question is asked several times.
        stage: the first question, or the round that asks for a repair.
        purpose: what it is for, such as "plan"; it does not decide the answer and is no part of the key.
    """

    provider: str
    model: str
    messages: tuple[Message, ...]
    schema_name: str = ""
    schema: Mapping[str, Any] | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    max_output_tokens: int = 4_096
    effort: str = ""
    tools: tuple[Mapping[str, Any], ...] = ()
    sample: int = 0
    stage: Stage = "first"
    purpose: str = field(default="", compare=False)

    @property
    def key(self) -> str:
        """sha256 over all that decides the answer, hexadecimal."""
        return digest("model request 1", self.to_json())

    def to_json(self) -> str:
        """Canonical JSON of all that decides the answer."""
        return canonical_json({part.name: getattr(self, part.name) for part in fields(self) if part.name != "purpose"})
