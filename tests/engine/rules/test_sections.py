"""The prompt's text survives reading and changing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules.edit import RuleEntry, add_rule, remove_rule, render_rule, replace_rule
from engine.rules.problem import RuleProblem
from engine.rules.prompt import load_rules_text
from engine.rules.sections import parse_prompt, print_prompt
from engine.rules.tree import Cadence, Category, RuleSet
from tests.rule_strategies import Taste, rule_sets, rule_texts

SMALL = Taste(depth=1, window=4)
PIECES = st.sampled_from(
    [
        *("## 투자 원칙 및 규칙", "### Entry Criteria: a", "### Exit Criteria : b ", "# 제목", "## 다른 절 ##", "####"),
        *("**조건**: `x`", "**행동**:y ", "- **규칙:** z", "\t**주기**: 1d", "본문", "", "   ", "\r"),
        *("```", "~~~~", "<!--", "-->", "\ufeff# x", "\x0c", "\u2028"),
    ]
)
BREAKS = st.sampled_from(["\n", "\r\n", "\n\n", " \n", "\r"])


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(st.tuples(PIECES, BREAKS)).map(lambda parts: "".join(a + b for a, b in parts))))
def test_printing_what_was_parsed_gives_the_text_byte_for_byte(text: str) -> None:
    prompt = parse_prompt(text)
    assert print_prompt(prompt) == text
    assert [line.number for line in prompt.lines] == list(range(1, len(prompt.lines) + 1))


ENTRY = RuleEntry(
    id="new-rule",
    category=Category.ENTRY,
    text="거래량이 늘면 산다",
    condition="volume_ratio(20) >= 1.5",
    action="buy 10% of equity",
    priority=7,
    rationale="시험",
    added="2026-01-05",
)


def test_a_rule_is_written_in_the_layout_of_the_prompt() -> None:
    assert render_rule(ENTRY) == (
        "### Entry Criteria: new-rule\n"
        "**규칙**: 거래량이 늘면 산다\n"
        "**조건**: `volume_ratio(20) >= 1.5`\n"
        "**행동**: `buy 10% of equity`\n"
        "**우선순위**: 7/10\n"
        "**근거**: 시험\n"
        "**추가일**: 2026-01-05\n"
    )


@settings(max_examples=40, deadline=None)
@given(rule_texts(SMALL, 3), st.sampled_from(["", "\n", "\n## 뒤의 절\n본문\n", "## 바로 뒤\n"]), st.booleans())
def test_adding_and_removing_a_rule_changes_nothing_else(text: str, tail: str, windows: bool) -> None:
    whole = (text + tail).replace("\n", "\r\n") if windows else text + tail
    added = add_rule(whole, ENTRY)
    assert len(load_rules_text(added).rules) == len(load_rules_text(whole).rules) + 1
    # A blank line is put between the new rule and a heading that followed without one; nothing else changes.
    newline = "\r\n" if windows else "\n"
    kept = remove_rule(added, ENTRY.id)
    assert kept in (whole, whole.replace(f"{newline}## 바로", f"{newline}{newline}## 바로"))
    assert ("\r\n" in added) == windows
    assert added.count("\n") == added.count("\r\n") or not windows


def test_replacing_a_rule_keeps_its_place() -> None:
    first = add_rule(add_rule("머리말", ENTRY), RuleEntry(**{**_fields(ENTRY), "id": "second"}))
    changed = replace_rule(first, "new-rule", RuleEntry(**{**_fields(ENTRY), "priority": 3, "cadence": Cadence.CLOSE}))
    assert [(rule.id, rule.priority) for rule in load_rules_text(changed).rules] == [("new-rule", 3), ("second", 7)]
    assert replace_rule(changed, "new-rule", ENTRY) == first
    assert changed.startswith("머리말\n\n## 투자 원칙 및 규칙\n")


def _fields(entry: RuleEntry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in RuleEntry.__dataclass_fields__}


def test_a_name_can_be_used_once_only() -> None:
    text = add_rule("", ENTRY)
    with pytest.raises(RuleProblem, match="new-rule"):
        add_rule(text, ENTRY)
    both = add_rule(text, RuleEntry(**{**_fields(ENTRY), "id": "second"}))
    with pytest.raises(RuleProblem, match="second"):
        replace_rule(both, "new-rule", RuleEntry(**{**_fields(ENTRY), "id": "second"}))


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(RuleProblem, match="new-rule"):
        remove_rule(add_rule("", ENTRY), "other")
    with pytest.raises(RuleProblem):
        remove_rule("# 규칙이 없는 글\n", "other")


@pytest.mark.parametrize("name", ["id", "text", "condition", "action", "rationale", "added"])
def test_no_text_can_smuggle_in_a_second_line(name: str) -> None:
    broken = RuleEntry(**{**_fields(ENTRY), name: "a\n### Risk Management: b"})
    with pytest.raises(RuleProblem) as caught:
        add_rule("", broken)
    assert caught.value.code == "entry_text"


@settings(max_examples=30, deadline=None)
@given(rule_sets(SMALL))
def test_a_rule_set_written_out_again_compiles_to_the_same_rules(ruleset: RuleSet) -> None:
    text = f"## 투자 원칙 및 규칙\n**주기**: {ruleset.interval}\n"
    for rule in ruleset.rules:
        text = add_rule(
            text,
            RuleEntry(
                id=rule.id,
                category=rule.category,
                text=rule.text,
                condition=rule.condition_source,
                action=rule.action_source,
                priority=rule.priority,
                rationale=rule.rationale,
                added=rule.added,
                cadence=rule.cadence if rule.cadence_given else None,
            ),
        )
    assert load_rules_text(text) == ruleset
