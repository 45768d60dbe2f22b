"""A writer of rules without a network: the same figures always give the same rule.

It answers the questions of M2 and M3 as a model would, through the same checks, so that demos and tests run the whole
graph. Its one idea: the feature that losers had more often than all trades had, weighed by what it cost, becomes a
filter. That is a habit of many people who write rules, and the gate shows what it is worth.
"""

from __future__ import annotations

import json
from typing import Any

from engine.clock import Clock
from engine.errors import BadInput
from engine.model.reply import ModelReply
from engine.model.request import ModelRequest
from engine.reflection.answers import ModelSettings
from engine.reflection.entry_features import FEATURES
from engine.reflection.m2_analyse import ANALYSIS
from engine.reflection.m3_rules import RULES
from engine.reports.language import Lang

PROVIDER, MODEL = "geoul", "scripted"
DEMO_MODEL = "scripted-demo"  # the same writer, recorded on the tape of the demo
LEAST_LIFT = 1.05
LEAST_LOSERS = 5  # fewer losers with a feature are an anecdote
MOST_FAILURES = 3


def scripted_settings(lang: Lang = "ko") -> ModelSettings:
    """How the scripted writer is asked."""
    return ModelSettings(provider=PROVIDER, model=MODEL, lang=lang)


class ScriptedWriter:
    """Answers the questions of the reflection graph; costs nothing and asks nobody.

    Args:
        clock: dates the answers.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def ask(self, request: ModelRequest, *, decision_id: str = "") -> ModelReply:
        """The answer.

        Raises:
            BadInput: a question that is none of the reflection graph.
        """
        if request.schema_name not in _ANSWERS:
            raise BadInput(
                f'The scripted writer does not know "{request.schema_name}". It answers {", ".join(_ANSWERS)}.'
            )
        answer = _ANSWERS[request.schema_name](json.loads(request.messages[1].content))
        text = json.dumps(answer, ensure_ascii=False, sort_keys=True)
        return ModelReply(
            text=text,
            model=MODEL,
            asked_at=self._clock.now(),
            key=request.key,
            request_id=decision_id,
        )


def _analysis(data: dict[str, Any]) -> dict[str, Any]:
    """The features of losers that are more frequent than among all trades, the costliest excess first."""
    taken = {rule["condition"] for rule in data["rules"]} | set(data["not_promoted"])
    found = []
    for rate in data["rates"]:
        feature = rate["feature"]
        if (
            feature not in _OPPOSITES
            or rate["lift"] < LEAST_LIFT
            or rate["losers_with"] < LEAST_LOSERS
            or _opposite(feature) in taken
        ):
            continue
        cited = [loser["trade_id"] for loser in data["losers"] if feature in loser["features"]]
        if cited:
            excess = rate["lost"] * (1 - 1 / rate["lift"])
            found.append((-excess, feature, rate, cited))
    found.sort(key=lambda entry: entry[:2])
    failures = [
        {
            "pattern": f"{_MEANINGS[feature]}({feature}): 손실 {rate['losers_with']}건, 전체 대비 {rate['lift']:.2f}배",
            "trade_ids": cited,
            "feature": feature,
        }
        for _, feature, rate, cited in found[:MOST_FAILURES]
    ]
    period = data["period"]
    return {
        "common_failures": failures,
        "key_insights": [f"닫힌 거래 {data['studied_trades']}건 가운데 손실 {_losers(data)}건을 살폈다"],
        "improvement_areas": [f"진입 조건: {failure['feature']}" for failure in failures]
        or [f"이번 기간의 거래 {period['trades']}건으로는 고칠 곳을 말할 수 없다"],
    }


def _rules(data: dict[str, Any]) -> dict[str, Any]:
    """A filter against the first failure that has a feature."""
    ids = {rule["id"] for rule in data["rules"]}
    for failure in data["failures"]:
        feature = failure["feature"]
        if not feature:
            continue
        name = f"avoid-{feature}"
        number = 2
        while name in ids:
            name = f"avoid-{feature}-{number}"
            number += 1
        rule = {
            "rule_id": name,
            "category": "entry_criteria",
            "condition": _opposite(feature),
            "action": "require",
            "priority": 8,
            "rationale": failure["pattern"],
            "evidence": failure["trade_ids"],
        }
        return {"new_rules": [rule], "deprecated_rules": []}
    return {"new_rules": [], "deprecated_rules": []}


def _losers(data: dict[str, Any]) -> int:
    return len(data["losers"]) + int(data["losers_left_out"])


def _opposite(feature: str) -> str:
    return _OPPOSITES.get(feature, "")


_MEANINGS = {feature.name: feature.meaning.ko for feature in FEATURES}
_OPPOSITES = {feature.name: feature.opposite for feature in FEATURES}
_ANSWERS = {ANALYSIS: _analysis, RULES: _rules}
