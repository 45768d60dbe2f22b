"""The form of an answer: the JSON schema that the provider gets, and the same form as types that check it here.

The schema is written out, because it is part of the key of every request: a new version of a library must not change
it. All fields are required and none may be added, as strict structured output wants it; what is left open is null.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

SCHEMA_NAME = "trading_plan"
MOST_ACTIONS = 300  # rules can signal a hundred names on one day of the whole market
LONGEST_REASON, LONGEST_TEXT, LONGEST_ID = 1_000, 4_000, 100
MOST_RULES = 20

_TEXT = {"type": "string"}


def answer_schema(*, plain: bool) -> dict[str, Any]:
    """JSON schema of an answer.

    Args:
        plain: with shares and prices; otherwise with weights of the account and ratios to the previous close only.
    """
    action: dict[str, Any] = {
        "type": {"type": "string", "enum": ["buy", "sell"]},
        "ticker": _TEXT,
        "weight": {"type": ["number", "null"] if plain else "number"},
        "reason": _TEXT,
        "rule_ids": {"type": "array", "items": _TEXT},
    }
    if plain:
        action["quantity"] = {"type": ["integer", "null"]}
        action["target_price"] = {"type": ["number", "null"]}
    else:
        action["target_ratio"] = {"type": ["number", "null"]}
    return _closed(
        {
            "actions": {"type": "array", "items": _closed(action)},
            "justification": _TEXT,
            "risk_assessment": _TEXT,
            "expected_outcome": _TEXT,
        }
    )


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly these fields."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REASON)]
LongText = Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ID)]
Weight = Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, le=1e9, allow_inf_nan=False)]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _AnyAction(_Closed):
    type: Literal["buy", "sell"]
    ticker: Identifier
    reason: Reason
    rule_ids: Annotated[list[Identifier], Field(min_length=1, max_length=MOST_RULES)]


class PlainAction(_AnyAction):
    """One action in shares and won."""

    weight: Weight | None
    quantity: Annotated[int, Field(ge=1, le=10**12)] | None
    target_price: Positive | None


class MaskedAction(_AnyAction):
    """One action in weights and ratios."""

    weight: Weight
    target_ratio: Annotated[float, Field(gt=0.1, lt=10.0, allow_inf_nan=False)] | None


class _AnyAnswer(_Closed):
    justification: LongText
    risk_assessment: LongText
    expected_outcome: LongText


class PlainAnswer(_AnyAnswer):
    """A whole answer in shares and won."""

    actions: Annotated[list[PlainAction], Field(max_length=MOST_ACTIONS)]


class MaskedAnswer(_AnyAnswer):
    """A whole answer in weights and ratios."""

    actions: Annotated[list[MaskedAction], Field(max_length=MOST_ACTIONS)]


def fit(answer: object, *, plain: bool) -> PlainAnswer | MaskedAnswer | list[str]:
    """The answer as a typed value, or what is wrong with its form: one line for each field.

    >>> fit({"actions": [], "justification": "", "risk_assessment": ""}, plain=True)
    ['expected_outcome: Field required']
    """
    form = PlainAnswer if plain else MaskedAnswer
    try:
        return form.model_validate(answer)
    except ValidationError as error:
        return [f"{_place(problem['loc'])}: {problem['msg']}" for problem in error.errors(include_url=False)]


def _place(where: tuple[int | str, ...]) -> str:
    """A place in the answer as people write it: actions[0].quantity."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the answer"
