"""A candidate: the prompt in force, the prompt that is proposed, and which rules differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.metrics.rule_changes import RuleChange, rule_changes, same_trading
from engine.rules.check import check_rule, review
from engine.rules.edit import RuleEntry, add_rule
from engine.rules.problem import RuleProblem
from engine.rules.prompt import load_rules_text
from engine.rules.sections import RULES_TITLE, Block, parse_prompt
from engine.rules.tree import Rule, RuleSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is to be judged.

    Attributes:
        base: the rules in force.
        text: the whole proposed prompt; for a broken single rule that rule alone.
        rules: the proposed rules; None when they do not compile.
        problems: why they do not compile, in the order of `text`.
        changes: how the rules differ; empty when they do not compile.
    """

    base: RuleSet
    text: str
    rules: RuleSet | None
    problems: tuple[RuleProblem, ...] = ()
    changes: tuple[RuleChange, ...] = ()

    @property
    def added(self) -> tuple[str, ...]:
        """Ids of new rules."""
        return self._ids("added")

    @property
    def changed(self) -> tuple[str, ...]:
        """Ids of rules that trade otherwise than before; a change of words alone is left out."""
        return self._ids("changed")

    @property
    def removed(self) -> tuple[str, ...]:
        """Ids of rules that are gone."""
        return self._ids("removed")

    @property
    def judged(self) -> tuple[Rule, ...]:
        """The new and changed rules as they are proposed, those with new words only among them."""
        return tuple(change.new for change in self.changes if change.new is not None)

    def _ids(self, kind: str) -> tuple[str, ...]:
        return tuple(change.rule_id for change in self.changes if change.kind == kind and change.trades)


def read_candidate(base_text: str, candidate_text: str) -> Candidate:
    """Read a proposal against the prompt in force.

    A proposal that does not compile is a candidate with problems, not an error: the gate says what is wrong with it.

    Args:
        base_text: the prompt in force.
        candidate_text: a whole prompt (it has the section of rules), or one rule that begins with `###` and is added
            to the prompt in force.

    Raises:
        RuleProblem: the prompt in force does not compile, the proposal is neither a prompt nor one rule, or it
            trades exactly as the prompt in force does.
    """
    base = load_rules_text(base_text)
    if parse_prompt(candidate_text).rules_sections:
        return _judged(base, candidate_text)
    blocks = parse_prompt(f"## {RULES_TITLE}\n{candidate_text}").rules_sections[0].blocks
    if len(blocks) != 1:
        raise RuleProblem("candidate_form", found=len(blocks))
    try:
        # The heading that was put before it moved every line down by one.
        rule = check_rule(_moved_up(blocks[0]))
    except RuleProblem as problem:
        source = candidate_text.split("\n")[problem.line - 1] if problem.line else ""
        return Candidate(base=base, text=candidate_text, rules=None, problems=(problem.found_in("", source),))
    try:
        text = add_rule(base_text, _entry(rule))
    except RuleProblem as problem:
        return Candidate(base=base, text=candidate_text, rules=None, problems=(problem,))
    return _judged(base, text)


def _judged(base: RuleSet, text: str) -> Candidate:
    found = review(parse_prompt(text))
    if found.problems:
        return Candidate(base=base, text=text, rules=None, problems=found.problems)
    rules = RuleSet(interval=found.interval, rules=found.rules)
    if same_trading(base, rules):
        raise RuleProblem("candidate_same")
    return Candidate(base=base, text=text, rules=rules, changes=rule_changes(base, rules))


def _moved_up(block: Block) -> Block:
    lines = [replace(line, number=line.number - 1) for line in (block.heading, *block.lines)]
    return Block(lines[0], tuple(lines[1:]))


def _entry(rule: Rule) -> RuleEntry:
    return RuleEntry(
        id=rule.id,
        category=rule.category,
        text=rule.text,
        condition=rule.condition_source,
        action=rule.action_source,
        priority=rule.priority,
        rationale=rule.rationale,
        added=rule.added,
        cadence=rule.cadence if rule.cadence_given else None,
    )
