"""A question to a model whose answer is checked, and repaired a bounded number of times."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

import engine
from engine.errors import ConfigError
from engine.model.asking import Asks
from engine.model.config import ModelConfig
from engine.model.request import Message, ModelRequest
from engine.reports.language import Lang

Answer = TypeVar("Answer", bound=BaseModel)
LONGEST_QUOTED_ANSWER = 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """How the model of the reflection is asked.

    Args:
        provider, model: as in `engine.model.request.ModelRequest`.
        temperature, seed, effort: the same; None and "" leave them to the provider.
        max_output_tokens: most tokens of an answer, thinking included.
        lang: language of the instructions.
        folder: that holds the prompt files; None looks into `prompts/` here and then of Geoul itself.
    """

    provider: str
    model: str
    temperature: float | None = None
    seed: int | None = None
    effort: str = ""
    max_output_tokens: int = 8_192
    lang: Lang = "ko"
    folder: Path | None = None

    @classmethod
    def of(cls, config: ModelConfig, lang: Lang = "ko", folder: Path | None = None) -> ModelSettings:
        """The settings of a configured model."""
        return cls(
            provider=config.provider,
            model=config.model,
            temperature=config.temperature,
            seed=config.seed,
            effort=config.effort,
            max_output_tokens=config.max_output_tokens,
            lang=lang,
            folder=folder,
        )

    def request(self, name: str, system: str, data: str, form: type[BaseModel]) -> ModelRequest:
        """A first question: instructions, then the data as one JSON document."""
        return ModelRequest(
            provider=self.provider,
            model=self.model,
            messages=(Message(role="system", content=system), Message(role="user", content=data)),
            schema_name=name,
            schema=form.model_json_schema(),
            temperature=self.temperature,
            seed=self.seed,
            effort=self.effort,
            max_output_tokens=self.max_output_tokens,
            purpose=name,
        )


@dataclass(frozen=True, slots=True)
class Checked(Generic[Answer]):
    """The last answer: its form, or None if it has none, what is still wrong with it, and how often it was asked."""

    answer: Answer | None
    errors: tuple[str, ...]
    asked: int


def ask_checked(
    asks: Asks,
    request: ModelRequest,
    form: type[Answer],
    check: Callable[[Answer], list[str]],
    repair_text: str,
    *,
    repairs: int,
    decision_id: str = "",
) -> Checked[Answer]:
    """Ask, and ask again with the list of errors until nothing is wrong or `repairs` rounds are used up.

    Args:
        asks: the way to the model.
        request: the first question.
        form: of the answer.
        check: what is wrong with an answer of that form, one sentence each.
        repair_text: instructions of a repair, with the place `{{errors}}`.
        repairs: how many further rounds.
        decision_id: under which the answers are stored.

    Raises:
        ModelFailure: no answer can be had.
    """
    messages = request.messages
    answer: Answer | None = None
    errors: list[str] = []
    for asked in range(1, repairs + 2):
        stage = request if asked == 1 else replace(request, messages=messages, stage="repair")
        reply = asks.ask(stage, decision_id=f"{decision_id}/{request.schema_name}/{asked}" if decision_id else "")
        answer, errors = None, [f"The model refused: {reply.refusal}"]
        if reply.refusal:
            break
        answer, errors = _read(form, reply.text)
        if answer is not None:
            errors = check(answer)
        if not errors:
            break
        listed = "\n".join(f"- {error}" for error in errors)
        messages = (
            *request.messages,
            Message(role="assistant", content=reply.text[:LONGEST_QUOTED_ANSWER] or "(empty)"),
            Message(role="user", content=repair_text.replace("{{errors}}", listed)),
        )
    return Checked(answer, tuple(errors), asked)


def _read(form: type[Answer], text: str) -> tuple[Answer | None, list[str]]:
    try:
        return form.model_validate_json(text), []
    except ValidationError as error:
        found = [f"{'.'.join(map(str, one['loc'])) or 'answer'}: {one['msg']}" for one in error.errors()]
        return None, found[:20]


def prompt_file(name: str, lang: Lang, folder: Path | None, places: Mapping[str, str]) -> str:
    """A prompt file with its places filled; `name` without the ending.

    Raises:
        ConfigError: the file is missing, is no UTF-8, or lacks a place.
    """
    file = f"{name}.en.md" if lang == "en" else f"{name}.md"
    own = Path(engine.__path__[0]).parent / "prompts"
    found = next((base / file for base in (folder or Path("prompts"), own) if (base / file).is_file()), None)
    if found is None:
        raise ConfigError(f"The prompt file {file} is neither in {folder or Path('prompts')} nor in {own}.")
    try:
        text = found.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{found} is not UTF-8 text (byte {error.start + 1}). Save it as UTF-8.") from None
    for place, value in places.items():
        if f"{{{{{place}}}}}" not in text:
            raise ConfigError(f"The prompt {found} has no {{{{{place}}}}}. Put it where the text belongs.")
        text = text.replace(f"{{{{{place}}}}}", value)
    return text


def schema_text(form: type[BaseModel]) -> str:
    """The JSON schema of an answer, for the instructions."""
    return "```json\n" + json.dumps(_short(form.model_json_schema()), ensure_ascii=False, indent=1) + "\n```"


def _short(schema: Any) -> Any:
    """Without the titles, which repeat the names."""
    if isinstance(schema, dict):
        return {key: _short(value) for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
    return [_short(item) for item in schema] if isinstance(schema, list) else schema
