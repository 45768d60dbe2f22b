"""The page of a comparison."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from engine.metrics.comparison import compare_results
from engine.reports.comparison_html import render_comparison, write_comparison
from engine.reports.page import PageOptions
from engine.rules.tree import RuleSet
from tests.builders_result import RULES, make_result

RULE_SET = RuleSet(interval="1d", rules=RULES)


@pytest.fixture(scope="module")
def comparison():
    old, new = make_result(sessions=400), make_result(sessions=400, seed=8)
    changed = replace(RULES[0], priority=9)
    rules = replace(RULE_SET, rules=(changed, *RULES[1:-1]))
    return compare_results(old, replace(new, result_hash="d5" * 32), RULE_SET, rules, [("~ ma20-cross", new)])


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_the_page_shows_both_runs_the_changes_and_their_effects(comparison, lang):
    page = render_comparison(comparison, names=("old.md", "new.md"), options=PageOptions(lang=lang))
    assert "old.md" in page
    assert "new.md" in page
    assert "7/10" in page
    assert "9/10" in page
    assert "~ ma20-cross" in page
    for result in (comparison.old_result, comparison.new_result):
        assert result.result_hash in page
        assert f"{result.equity['equity'][-1]:,}" in page


def test_equal_comparisons_give_equal_bytes(comparison, tmp_path):
    first = render_comparison(comparison, names=("a", "b"))
    path = write_comparison(comparison, tmp_path / "c.html", names=("a", "b"))
    assert path.read_text(encoding="utf-8") == first


def test_hostile_names_of_prompts_and_rules_stay_text(comparison):
    evil = "<script>alert(1)</script>"
    rules = replace(RULE_SET, rules=(replace(RULES[0], id=evil, text=evil, condition_source=evil), *RULES[1:]))
    changed = compare_results(
        comparison.old_result, comparison.new_result, RULE_SET, rules, [(evil, comparison.old_result)]
    )
    page = render_comparison(changed, names=(evil, evil))
    assert evil not in page
    assert len(re.findall(r"<script", page)) == 2


def test_runs_on_other_data_are_not_presented_as_comparable(comparison):
    other = replace(comparison.new_result, data=comparison.new_result.data | {"content_hash": "00"})
    mixed = compare_results(comparison.old_result, other, RULE_SET, RULE_SET)
    page = render_comparison(mixed, names=("a", "b"), options=PageOptions(lang="en"))
    assert "The two runs differ in data, range or configuration" in page


def test_identical_runs_say_so(comparison):
    same = compare_results(comparison.old_result, comparison.old_result, RULE_SET, RULE_SET)
    page = render_comparison(same, names=("a", "b"), options=PageOptions(lang="en"))
    assert "Equity, orders and fills of the two runs are the same." in page
    assert "The rules are the same." in page
