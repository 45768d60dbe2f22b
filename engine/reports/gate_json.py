"""The gate's verdict as JSON, for programs that decide by it."""

from __future__ import annotations

import json

from engine.reports.language import Lang
from engine.research.gate_report import GateReport
from engine.research.texts import next_sentence, sentence, verdict_sentence


def gate_text(report: GateReport, *, names: tuple[str, str], lang: Lang) -> str:
    """All codes and figures, each step with its sentence; `names` are what base and candidate are called."""
    document = {"base": names[0], "candidate": names[1], **report.as_json()}
    document["sentence"] = verdict_sentence(report.verdict, lang)
    document["next"] = next_sentence(report.verdict, lang)
    for told, step in zip(document["steps"], report.verdict.steps, strict=True):
        told["sentence"] = sentence(step, lang)
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)
