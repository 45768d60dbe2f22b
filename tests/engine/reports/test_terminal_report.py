"""The terminal: readable in 60 columns in both languages, nothing cut, no markup from names."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from engine.metrics.comparison import compare_results
from engine.metrics.summary import summarize
from engine.reports.comparison_terminal import SHOWN, print_comparison
from engine.reports.comparison_view import figure_rows
from engine.reports.figures import figure_named
from engine.reports.rows import rule_rows
from engine.reports.terminal import COLUMNS, print_result
from engine.rules.tree import RuleSet
from tests.builders_result import RULES, make_result


def printed(show, *arguments, width=100, **options) -> str:
    stream = io.StringIO()
    show(Console(file=stream, width=width, force_terminal=False), *arguments, **options)
    return stream.getvalue()


@pytest.fixture(scope="module")
def result():
    return make_result(sessions=400)


@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_table_fits_into_the_terminal_and_cuts_no_figure(lang, width):
    result = make_result(sessions=400, initial_cash=10**9)
    metrics = summarize(result)
    text = printed(print_result, result, lang=lang, width=width, metrics=metrics)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    shown = [figure_named(name).text(metrics, lang) for names in COLUMNS for name in names]
    shown += [row[name] for row in rule_rows(metrics, result.rules, lang) for name in ("orders", "trades", "pnl")]
    assert [figure for figure in shown if figure not in text] == []


def test_large_accounts_and_long_ids_cut_no_figure():
    long_rule = replace(RULES[0], id="a-very-long-identifier-of-a-rule-" * 3)
    rich = make_result(sessions=300, initial_cash=10**14, rules=(long_rule, *RULES[1:]))
    for lang in ("ko", "en"):
        text = printed(print_result, rich, lang=lang)
        joined = re.sub(r"\s+", "", text)
        assert f"{rich.equity['equity'][-1]:,}" in joined
        assert max(cell_len(line) for line in text.splitlines()) <= 100


def test_synthetic_data_is_named_in_both_languages(result):
    assert "합성 데이터" in printed(print_result, result)
    assert "SYNTHETIC DATA" in printed(print_result, result, lang="en")
    real = replace(result, data=result.data | {"synthetic": False})
    assert "합성" not in printed(print_result, real)


def test_names_are_no_markup(result):
    named = replace(result, config=result.config | {"prompt": "[bold red]x[/bold red] [/nothing]"})
    assert "[bold red]x[/bold red] [/nothing]" in printed(print_result, named)


def test_a_figure_without_a_value_is_a_dash_with_its_reason():
    text = printed(print_result, make_result(sessions=60, trade_probability=0.0))
    assert re.search(r"승률\s+–", text)
    assert "청산된 거래가 없습니다" in text


def test_english_output_has_no_korean_but_the_data():
    plain = make_result(sessions=400, names=("Name",), rules=())
    assert re.findall(r"[가-힣]+", printed(print_result, plain, lang="en")) == []


@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_comparison_fits_into_the_terminal(lang, width):
    rules = RuleSet(interval="1d", rules=RULES)
    fewer = RuleSet(interval="1d", rules=RULES[1:])
    result, other = (make_result(sessions=400, initial_cash=10**9, seed=seed) for seed in (7, 8))
    comparison = compare_results(result, other, rules, fewer, [("- ma20-cross", other)])
    text = printed(print_comparison, comparison, names=("old.md", "new.md"), lang=lang, width=width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    for row in (row for _, group in figure_rows(comparison, lang) for row in group if row.name in SHOWN):
        assert row.old in text and row.new in text and row.difference in text
    assert "- ma20-cross" in text
    assert "old.md → new.md" in text
