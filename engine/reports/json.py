"""A result for machines: stable keys, one schema number, no text to parse.

Ratios are plain numbers (0.1 is 10 %), money is won, dates are ISO 8601, null is undefined (the reason stands in
`metrics.undefined` under the same key) and infinity is the string "inf". Nothing depends on the time of the run but
`timings`, and nothing in `metrics` depends on the language.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from math import isfinite, isinf

import polars as pl

from engine.metrics.comparison import Comparison
from engine.metrics.summary import Metrics, summarize
from engine.reports.cutoff_view import cutoff_document
from engine.reports.language import Lang
from engine.reports.warnings import all_warnings, show_warnings
from engine.result import Result

SCHEMA = 1


def json_text(result: Result, *, metrics: Metrics | None = None, lang: Lang = "ko", tables: bool = True) -> str:
    """The document as text on one line, keys in a fixed order."""
    return _text(json_document(result, metrics=metrics, lang=lang, tables=tables))


def json_document(
    result: Result, *, metrics: Metrics | None = None, lang: Lang = "ko", tables: bool = True
) -> dict[str, object]:
    """The result as plain values.

    Args:
        result: a finished run.
        metrics: its figures, computed here if None.
        lang: language of the warnings' sentences.
        tables: with every trade, the equity at each session's end, every order and every fill, so that a reader can
            check the figures.
    """
    metrics = metrics or summarize(result)
    warnings = all_warnings(result, metrics)
    document: dict[str, object] = {
        "schema": SCHEMA,
        "result_hash": result.result_hash,
        "metrics": metrics_document(metrics),
        "warnings": [
            {
                "code": warning.code,
                "weight": shown.weight,
                "parameters": plain(warning.parameters),
                "sentence": shown.sentence,
            }
            for warning, shown in zip(warnings, show_warnings(warnings, lang), strict=True)
        ],
        "rules": [
            {
                "id": rule.id,
                "category": rule.category.value,
                "priority": rule.priority,
                "cadence": rule.cadence.value,
                "condition": rule.condition_source,
                "action": rule.action_source,
                "text": rule.text,
            }
            for rule in result.rules
        ],
        "refusals": plain(result.refusals),
        "model_costs": plain(result.model_costs),
        "knowledge_cutoff": plain(cutoff_document(result)),
        "mask_flips": plain(result.model_run.get("flips")),
        "config": plain(result.config),
        "data": plain(result.data),
        "timings": plain(result.timings),
        "positions": rows(result.positions),
    }
    if tables:
        document["trades"] = rows(result.trades)
        # The figures rest on one value a session; a curve of every minute bar would be most of the document.
        document["equity"] = rows(result.equity.group_by("session", maintain_order=True).last())
        document["orders"] = rows(result.orders)
        document["fills"] = rows(result.fills)
    return document


def metrics_document(metrics: Metrics) -> dict[str, object]:
    """All figures as plain values."""
    document = plain(metrics)
    assert isinstance(document, dict)
    return document


def rows(table: pl.DataFrame) -> list[dict[str, object]]:
    """A table as a list of rows; times carry their offset from UTC."""
    texts = table.with_columns(
        pl.col(pl.Date).dt.to_string("iso"),
        pl.col(pl.Datetime).dt.to_string("%Y-%m-%dT%H:%M:%S%:z"),
        pl.col(pl.Float64).fill_nan(None),
    )
    return texts.to_dicts()


def plain(value: object) -> object:
    """Anything of a result as values that JSON can hold.

    >>> plain({"profit_factor": float("inf"), "first": date(2024, 1, 2)})
    {'profit_factor': 'inf', 'first': '2024-01-02'}
    """
    if isinstance(value, float):
        if isfinite(value):
            return value
        return ("inf" if value > 0 else "-inf") if isinf(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def comparison_text(comparison: Comparison, *, names: tuple[str, str], lang: Lang = "ko") -> str:
    """A comparison for machines: both results without their tables, and everything that differs."""
    document = {
        "schema": SCHEMA,
        "names": {"old": names[0], "new": names[1]},
        "facts": plain(comparison.facts),
        "same_inputs": comparison.same_inputs,
        "identical": comparison.identical,
        "rated_from": plain(comparison.rated_from),
        "first_equity_difference": plain(comparison.first_equity_difference),
        "first_order_difference": plain(comparison.first_order_difference),
        "differences": plain(comparison.differences),
        "changes": [
            {
                "kind": change.kind,
                "rule_id": change.rule_id,
                "trades": change.trades,
                "fields": plain(change.fields),
            }
            for change in comparison.changes
        ],
        "effects": [
            {
                "label": effect.label,
                "result_hash": effect.result.result_hash,
                "differences": plain(effect.differences),
            }
            for effect in comparison.effects
        ],
        "trades_only_old": rows(comparison.only_old),
        "trades_only_new": rows(comparison.only_new),
        "trades_resized": comparison.resized,
        "old": json_document(comparison.old_result, metrics=comparison.old, lang=lang, tables=False),
        "new": json_document(comparison.new_result, metrics=comparison.new, lang=lang, tables=False),
    }
    return _text(document)


def _text(document: dict[str, object]) -> str:
    # A number that JSON does not know would be read differently by every reader: better no output.
    return json.dumps(document, ensure_ascii=False, allow_nan=False)
