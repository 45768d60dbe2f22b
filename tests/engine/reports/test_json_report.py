"""Machine output: stable keys, nothing lost on the way through text."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import polars as pl
import pytest

from engine.metrics.comparison import compare_results
from engine.metrics.summary import Metrics, summarize
from engine.reports.json import SCHEMA, comparison_text, json_document, json_text
from engine.rules.tree import RuleSet
from tests.builders_result import RULES, make_result

KEYS = [
    *(
        "schema",
        "result_hash",
        "metrics",
        "warnings",
        "rules",
        "refusals",
        "model_costs",
        "knowledge_cutoff",
        "mask_flips",
        "config",
        "data",
    ),
    "timings",
    *("positions", "trades", "equity", "orders", "fills"),
]


@pytest.fixture(scope="module")
def result():
    return make_result(sessions=300)


def no_constant(name):
    raise AssertionError(f"{name} is no JSON")


def test_the_text_reads_back_to_the_document(result):
    text = json_text(result)
    assert json.loads(text, parse_constant=no_constant) == json_document(result)


def test_keys_are_stable(result):
    document = json_document(result)
    assert list(document) == KEYS
    assert document["schema"] == SCHEMA == 1
    assert list(document["metrics"]) == [field.name for field in fields(Metrics)]


def test_every_figure_survives_exactly(result):
    metrics = summarize(result)
    back = json.loads(json_text(result))["metrics"]
    for field in fields(Metrics):
        value = getattr(metrics, field.name)
        if isinstance(value, (int, float)) or value is None:
            assert back[field.name] == value


def test_undefined_is_null_with_a_reason_and_infinite_is_a_word():
    result = make_result(sessions=60, trade_probability=0.0)
    metrics = json.loads(json_text(result), parse_constant=no_constant)["metrics"]
    assert metrics["win_rate"] is None
    assert metrics["undefined"]["win_rate"] == "no_trades"
    won = make_result(sessions=300)
    won = replace(won, trades=won.trades.filter(pl.col("pnl") > 0))
    assert json.loads(json_text(won), parse_constant=no_constant)["metrics"]["profit_factor"] == "inf"


def test_equity_orders_and_fills_let_a_reader_check_the_figures(result):
    document = json.loads(json_text(result))
    assert [len(document[name]) for name in ("orders", "fills")] == [len(result.orders), len(result.fills)]
    equity = document["equity"]
    assert [row["session"] for row in equity] == [day.isoformat() for day in result.equity["session"]]
    assert equity[-1]["equity"] == document["metrics"]["final_equity"]
    assert equity[0]["time"].endswith("+09:00")


def test_equity_has_one_row_a_session_whatever_the_bars():
    result = make_result(sessions=20)
    twice = replace(result, equity=pl.concat([result.equity, result.equity.tail(1)]))
    assert len(json_document(twice)["equity"]) == 20


def test_tables_can_be_left_out(result):
    document = json_document(result, tables=False)
    assert not {"trades", "equity", "orders", "fills"} & set(document)
    assert len(json_document(result)["trades"]) == len(result.trades)
    assert json_document(result)["trades"][0]["entry_rules"] == ["ma20-cross", "volume-surge"]


def test_language_changes_only_the_sentences(result):
    korean, english = (json_document(result, lang=lang) for lang in ("ko", "en"))
    for document in (korean, english):
        assert document["warnings"]
        for warning in document["warnings"]:
            warning.pop("sentence")
    assert korean == english


def test_a_comparison_is_json_too(result):
    rules = RuleSet(interval="1d", rules=RULES)
    fewer = RuleSet(interval="1d", rules=RULES[1:])
    comparison = compare_results(result, make_result(sessions=300, seed=8), rules, fewer, [("- x", result)])
    document = json.loads(comparison_text(comparison, names=("a", "b")), parse_constant=no_constant)
    assert document["names"] == {"old": "a", "new": "b"}
    assert [change["kind"] for change in document["changes"]] == ["removed"]
    assert document["effects"][0]["label"] == "- x"
    assert document["old"]["metrics"]["trades"] == len(result.trades)
