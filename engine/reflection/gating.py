"""The gate as the reflection calls it: the same function as `geoul gate`, one candidate after the other.

A rule that is promoted becomes part of the base that the next one is judged against: two filters that cut the same
losers are worth one.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.errors import BadInput
from engine.ledger.ledger import Ledger
from engine.ledger.reflections import RuleProposal
from engine.reflection.m3_rules import Proposals, RefusedRule
from engine.research.candidate import read_candidate
from engine.research.gate import judge
from engine.research.gate_settings import GateSettings
from engine.research.verdict import Step, Verdict
from engine.research.workers import Workers
from engine.rules.edit import RuleEntry, add_rule, remove_rule
from engine.rules.problem import RuleProblem
from engine.rules.prompt import load_rules_text
from engine.rules.tree import Cadence, Category

Judge = Callable[[str, str], Verdict]
"""(prompt in force, proposed prompt) -> verdict."""

# `--gate quick`: the same steps and thresholds, but coarser figures where they cost the most time.
QUICK_NEIGHBOURS = 20
QUICK_RESAMPLES = 200
OVERRULED = "overruled"  # name of the step that says so


@dataclass(frozen=True, slots=True)
class Gated:
    """What became of all proposals, and the prompt with those that were promoted."""

    proposals: tuple[RuleProposal, ...]
    text: str

    @property
    def promoted(self) -> tuple[RuleProposal, ...]:
        """Those that come into force."""
        return tuple(proposal for proposal in self.proposals if proposal.decision == "promote")


def gate_on(
    panel: Panel,
    config: BacktestConfig,
    ledger: Ledger | None,
    workers: Workers,
    settings: GateSettings,
    *,
    end: datetime.date | None = None,
    new_dataset: bool = False,
) -> Judge:
    """The real gate; arguments as for `engine.research.gate.judge`."""

    def call(base: str, proposed: str) -> Verdict:
        candidate = read_candidate(base, proposed)
        report = judge(candidate, panel, config, ledger, workers, settings, end=end, new_dataset=new_dataset)
        return report.verdict

    return call


def quick(settings: GateSettings) -> GateSettings:
    """The settings of `--gate quick`."""
    return replace(settings, neighbours=QUICK_NEIGHBOURS, resamples=QUICK_RESAMPLES)


def accept_all(base: str, proposed: str) -> Verdict:
    """No gate: everything that compiles comes into force. For demonstrations of what the gate is for."""
    step = Step(name="off", outcome="warn", reason="gate_off", figures={"changed": int(base != proposed)})
    return Verdict(decision="promote", steps=(step,))


def overruled(judge_one: Judge) -> Judge:
    """A gate that is asked and not obeyed: every rule comes in with its verdict. For demonstrations.

    Args:
        judge_one: the real gate; a last step tells what it decided.
    """

    def call(base: str, proposed: str) -> Verdict:
        verdict = judge_one(base, proposed)
        told = Step(name=OVERRULED, outcome="warn", reason="gate_overruled", figures={"decision": verdict.decision})
        return replace(verdict, decision="promote", steps=(*verdict.steps, told))

    return call


def own_decision(proposal: RuleProposal) -> str:
    """What the gate itself decided, whether or not that was obeyed."""
    for step in proposal.verdict.get("steps", ()):
        if step["name"] == OVERRULED:
            return str(step["figures"]["decision"])
    return proposal.decision


def gate_all(text: str, proposals: Proposals, judge_one: Judge) -> Gated:
    """Judge additions, then removals, each against the prompt with what was promoted before it.

    Args:
        text: the prompt in force.
        proposals: of M3.
        judge_one: the gate.
    """
    done = [_refused(rule) for rule in proposals.refused]
    for rule in proposals.rules:
        proposed = add_rule(text, rule.entry)
        found = _judged("add", rule.entry.id, rule.as_plain(), text, proposed, judge_one)
        text = proposed if found.decision == "promote" else text
        done.append(found)
    for rule_id, reason in proposals.deprecated:
        proposed = remove_rule(text, rule_id)
        found = _judged("remove", rule_id, {"reason": reason}, text, proposed, judge_one)
        text = proposed if found.decision == "promote" else text
        done.append(found)
    return Gated(tuple(done), text)


def not_promoted(proposals: Sequence[RuleProposal]) -> tuple[str, ...]:
    """Conditions that the gate has turned down: all that a model may hear of its verdicts, without figures."""
    return tuple(
        str(proposal.rule["condition"])
        for proposal in proposals
        if proposal.kind == "add" and proposal.decision in ("shadow", "reject") and "condition" in proposal.rule
    )


def with_change(text: str, proposal: RuleProposal) -> str:
    """A prompt with one change; to add what is there, or to remove what is not, changes nothing."""
    if proposal.kind == "remove":
        there = {rule.id for rule in load_rules_text(text).rules}
        return remove_rule(text, proposal.rule_id) if proposal.rule_id in there and len(there) > 1 else text
    rule = proposal.rule
    if str(rule["id"]) in {found.id for found in load_rules_text(text).rules}:
        return text
    entry = RuleEntry(
        id=str(rule["id"]),
        category=Category(rule["category"]),
        text=str(rule["text"]),
        condition=str(rule["condition"]),
        action=str(rule["action"]),
        priority=int(rule["priority"]),
        rationale=str(rule["rationale"]),
        added=str(rule["added"]),
    )
    if rule.get("cadence"):
        entry = replace(entry, cadence=Cadence(rule["cadence"]))
    return add_rule(text, entry)


def _judged(
    kind: str, rule_id: str, rule: dict[str, object], base: str, proposed: str, judge_one: Judge
) -> RuleProposal:
    try:
        verdict = judge_one(base, proposed)
    except RuleProblem as problem:
        return RuleProposal(kind=kind, rule_id=rule_id, rule=rule, decision="refused", reason=problem.in_language("en"))
    except BadInput as error:
        # Too little data, say: nothing is known about the rule, so it gets no money.
        return RuleProposal(kind=kind, rule_id=rule_id, rule=rule, decision="shadow", reason=str(error))
    return RuleProposal(
        kind=kind,
        rule_id=rule_id,
        rule=rule,
        decision=verdict.decision,
        reason=verdict.reason,
        verdict=verdict.as_json(),
    )


def _refused(rule: RefusedRule) -> RuleProposal:
    return RuleProposal(
        kind="add" if "condition" in rule.rule or not rule.rule else "remove",
        rule_id=rule.rule_id,
        rule=rule.rule,
        decision="refused",
        reason=" ".join(rule.reasons),
    )
