"""Differences of rule sets and the rule sets with one change each."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from engine.metrics.rule_changes import rule_changes, same_trading, single_rule_variants
from engine.rules.tree import Category, Number, Rule, RuleSet, Sell
from tests.builders_result import RULES, make_rule

OLD = RuleSet(interval="1d", rules=RULES)


def rules_of(*rules: Rule, interval: str = "1d") -> RuleSet:
    return RuleSet(interval=interval, rules=rules)


def test_equal_rule_sets_have_no_changes_whatever_line_they_stand_on():
    moved = rules_of(*(replace(rule, line=rule.line + 40) for rule in RULES))
    assert rule_changes(OLD, moved) == ()
    assert single_rule_variants(OLD, moved) == []


def test_added_removed_and_changed_rules_are_named_with_their_fields():
    changed = replace(RULES[0], priority=9, condition_source="close > open")
    added = make_rule("new-exit", Category.EXIT, Sell(fraction=Fraction(1)))
    changes = rule_changes(OLD, rules_of(changed, *RULES[1:4], RULES[5], added))
    assert [(change.kind, change.rule_id) for change in changes] == [
        ("changed", "ma20-cross"),
        ("removed", "ma20-break"),
        ("added", "new-exit"),
    ]
    assert [(row.field, row.old, row.new) for row in changes[0].fields] == [
        ("condition", "crosses_above(close, mean(close, 20))", "close > open"),
        ("priority", "7/10", "9/10"),
    ]
    assert [change.label for change in changes] == ["~ ma20-cross", "- ma20-break", "+ new-exit"]


def test_a_change_of_words_alone_is_shown_but_not_run():
    reworded = replace(RULES[2], text="손실이 7%면 판다", rationale="시험")
    new = rules_of(*RULES[:2], reworded, *RULES[3:])
    (change,) = rule_changes(OLD, new)
    assert not change.trades
    assert single_rule_variants(OLD, new) == []
    assert same_trading(OLD, new)


def test_a_tree_that_differs_under_the_same_source_is_a_change():
    other = replace(RULES[0], condition=Number(value=Fraction(1)))
    (change,) = rule_changes(OLD, rules_of(other, *RULES[1:]))
    assert change.trades
    assert [row.field for row in change.fields] == ["condition"]


def test_each_variant_has_one_change_and_all_of_them_together_are_the_new_rules():
    changed = replace(RULES[0], priority=9)
    added = make_rule("new-exit", Category.EXIT, Sell(fraction=Fraction(1)))
    new = rules_of(changed, RULES[1], added, *RULES[2:4], RULES[5])
    variants = dict(single_rule_variants(OLD, new))
    assert list(variants) == ["~ ma20-cross", "- ma20-break", "+ new-exit"]
    assert variants["~ ma20-cross"].rules == (changed, *RULES[1:])
    assert variants["- ma20-break"].rules == (*RULES[:4], RULES[5])
    # An added rule stands where the new file has it: ties go by the order of the file.
    assert variants["+ new-exit"].rules == (*RULES[:2], added, *RULES[2:])


def test_interval_and_order_are_changes_of_their_own():
    new = rules_of(RULES[1], RULES[0], *RULES[2:], interval="5m")
    labels = dict(single_rule_variants(OLD, new))
    assert list(labels) == ["~ interval", "~ order"]
    assert labels["~ interval"] == replace(OLD, interval="5m")
    assert labels["~ order"].rules == new.rules


subsets = st.lists(st.sampled_from(RULES), unique_by=lambda rule: rule.id)


@given(subsets, subsets, st.sampled_from([5, 7]))
def test_applying_the_changes_one_after_the_other_leads_to_the_new_rules(old, new, priority):
    """Each variant is a step; taking all steps must arrive, or a change was overlooked."""
    before = rules_of(*old)
    after = rules_of(*(replace(rule, priority=priority) for rule in new))
    current = before
    for _ in range(2 * len(RULES) + 2):
        variants = single_rule_variants(current, after)
        if not variants:
            break
        current = variants[0][1]
    assert current == after


@given(subsets, subsets)
def test_no_variants_means_the_same_trading(old, new):
    before, after = rules_of(*old), rules_of(*new)
    assert (single_rule_variants(before, after) == []) == same_trading(before, after)
