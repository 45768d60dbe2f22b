"""M3: candidate rules. Each is compiled; what does not compile goes back to the model, twice at most.

The sentence of a rule is not the model's: it is written from the compiled condition, and its numbers are compared with
the program's once more, so that the person who reads the prompt reads what runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.errors import BadInput
from engine.ledger.canonical import dump_plain, plain
from engine.model.asking import Asks
from engine.reflection.answers import ModelSettings, ask_checked, prompt_file, schema_text
from engine.reflection.m1_aggregate import PerformanceReport
from engine.reflection.m2_analyse import Analysis
from engine.reflection.shown import Mask, features_context, rates_context, rules_context
from engine.research.prose_check import compare_numbers
from engine.rules.check import RIGHTS, review
from engine.rules.describe import describe_rule
from engine.rules.edit import RuleEntry, add_rule
from engine.rules.functions import FIELDS, FUNCTIONS
from engine.rules.problem import RuleProblem
from engine.rules.prompt import load_rules_text
from engine.rules.sections import parse_prompt
from engine.rules.tree import Category, Rule

RULES = "reflection_rules"
REPAIRS = 2
MOST_RULES = 3  # every candidate is a trial more; a model that proposes thirty finds one by luck
_RULE_ID = re.compile(r"[a-z][a-z0-9-]{2,63}")
RefuseText = Callable[[str], None]


class RuleAnswer(BaseModel):
    """One rule as the model writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule_id: str
    category: Literal["entry_criteria", "exit_criteria", "position_sizing", "risk_management"]
    condition: str
    action: str
    priority: Annotated[int, Field(ge=1, le=10)]
    rationale: Annotated[str, Field(min_length=1, max_length=500)]
    evidence: list[int]


class DeprecatedAnswer(BaseModel):
    """A rule that the model would take out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule_id: str
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class RulesAnswer(BaseModel):
    """The model's answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    new_rules: list[RuleAnswer]
    deprecated_rules: list[DeprecatedAnswer]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRule:
    """A rule that compiles.

    Args:
        entry: as it would stand in the prompt, its sentence written anew.
        evidence: losing trades behind it.
    """

    entry: RuleEntry
    evidence: tuple[int, ...]

    def as_plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        found: dict[str, Any] = plain(self.entry) | {"evidence": list(self.evidence)}
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRule:
    """A rule that never reached the gate, as the model wrote it, and every reason."""

    rule_id: str
    rule: dict[str, Any]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """What M3 hands to the gate.

    Args:
        rules: that compile.
        deprecated: (rule id, reason) of rules in force that shall go.
        refused: the others.
        asked: how often the model was asked.
    """

    rules: tuple[CandidateRule, ...] = ()
    deprecated: tuple[tuple[str, str], ...] = ()
    refused: tuple[RefusedRule, ...] = ()
    asked: int = 0


def write_rules(
    analysis: Analysis,
    report: PerformanceReport,
    prompt_text: str,
    asks: Asks,
    settings: ModelSettings,
    mask: Mask,
    *,
    today: date,
    not_promoted: Sequence[str] = (),
    refuse_text: RefuseText | None = None,
    decision_id: str = "",
) -> Proposals:
    """Ask for rules against the failures; without one there is nothing to ask.

    Args:
        analysis: of M2.
        report: of M1.
        prompt_text: the prompt in force.
        asks, settings: the model and how it is asked.
        mask: how names and money are shown.
        today: written into the rules as the day on which they were added.
        not_promoted: conditions that the gate has turned down.
        refuse_text: raises `BadInput` for a text that must not leave a masked run.
        decision_id: under which the answers are stored.

    Raises:
        ModelFailure: no answer can be had.
    """
    if not analysis.patterns:
        return Proposals()
    rules = load_rules_text(prompt_text)
    context = {
        "failures": [plain(replace(pattern, lost=mask.money(pattern.lost))) for pattern in analysis.patterns],
        "insights": list(analysis.insights),
        "improvement_areas": list(analysis.areas),
        "rates": rates_context(report.rates, mask),
        "features": features_context(),
        "rules": rules_context(rules, mask),
        "not_promoted": sorted(set(not_promoted)),
        "day": mask.day(report.known_at),
    }
    places = {
        "schema": schema_text(RulesAnswer),
        "actions": _actions(),
        "most": str(MOST_RULES),
        "language": _language(settings),
    }
    system = prompt_file(RULES, settings.lang, settings.folder, places)
    repair = prompt_file("reflection_repair", settings.lang, settings.folder, {})
    compiler = _Compiler(prompt_text, report.loser_ids, today, refuse_text)

    def check(answer: RulesAnswer) -> list[str]:
        compiled = compiler.compile(answer)
        return [reason for refused in compiled.refused for reason in refused.reasons]

    request = settings.request(RULES, system, dump_plain(plain(context)), RulesAnswer)
    checked = ask_checked(asks, request, RulesAnswer, check, repair, repairs=REPAIRS, decision_id=decision_id)
    if checked.answer is None:
        nameless = RefusedRule(rule_id="", rule={}, reasons=checked.errors)
        return Proposals(refused=(nameless,), asked=checked.asked)
    return replace(compiler.compile(checked.answer), asked=checked.asked)


class _Compiler:
    """Turns the rules of an answer into candidates, or says why not."""

    def __init__(
        self, prompt_text: str, loser_ids: frozenset[int], today: date, refuse_text: RefuseText | None
    ) -> None:
        self._text, self._losers, self._today, self._refuse = prompt_text, loser_ids, today, refuse_text
        self._rules = load_rules_text(prompt_text)
        self._ids = {rule.id for rule in self._rules.rules}

    def compile(self, answer: RulesAnswer) -> Proposals:
        good: list[CandidateRule] = []
        refused: list[RefusedRule] = []
        taken = set(self._ids)
        for place, rule in enumerate(answer.new_rules):
            found = self._candidate(rule, taken, place)
            taken.add(rule.rule_id)
            if isinstance(found, CandidateRule):
                good.append(found)
            else:
                refused.append(RefusedRule(rule_id=rule.rule_id, rule=rule.model_dump(), reasons=tuple(found)))
        deprecated: dict[str, str] = {}
        for gone in answer.deprecated_rules:
            reasons = self._wrong_removal(gone, deprecated)
            if reasons:
                refused.append(RefusedRule(rule_id=gone.rule_id, rule=gone.model_dump(), reasons=tuple(reasons)))
            else:
                deprecated[gone.rule_id] = gone.reason
        return Proposals(rules=tuple(good), deprecated=tuple(deprecated.items()), refused=tuple(refused))

    def _candidate(self, answer: RuleAnswer, taken: set[str], place: int) -> CandidateRule | list[str]:
        name = f"[{answer.rule_id}]"
        errors = []
        if place >= MOST_RULES:
            errors.append(f"{name} is one rule too many: give {MOST_RULES} at most, the most important first.")
        if not _RULE_ID.fullmatch(answer.rule_id):
            errors.append(f"{name} rule_id: lower-case letters, digits and hyphens, 3 to 64 of them.")
        elif answer.rule_id in taken:
            errors.append(f"{name} exists already. Choose another rule_id, and deprecate the old rule to replace it.")
        unknown = sorted(set(answer.evidence) - self._losers)
        if unknown or not answer.evidence:
            told = ", ".join(map(str, unknown[:10])) or "nothing"
            errors.append(f"{name} evidence: {told} is no losing trade. Name those that the rule would have avoided.")
        errors += [f"{name} {problem}" for problem in self._wrong_words(answer)]
        entry = RuleEntry(
            id=answer.rule_id if _RULE_ID.fullmatch(answer.rule_id) else "unnamed",
            category=Category(answer.category),
            text="-",
            condition=answer.condition,
            action=answer.action,
            priority=answer.priority,
            rationale=answer.rationale,
            added=self._today.isoformat(),
        )
        compiled = self._compiled(entry)
        if isinstance(compiled, str):
            return [*errors, f"{name} {compiled}"]
        entry = replace(entry, text=describe_rule(compiled))
        agreed = compare_numbers(replace(compiled, text=entry.text), self._rules.interval)
        wrong = (*agreed.missing, *agreed.unmentioned)
        if wrong:
            errors.append(f"{name} the sentence of this rule cannot carry its numbers ({', '.join(wrong)}). Simplify.")
        return errors or CandidateRule(entry=entry, evidence=tuple(sorted(set(answer.evidence))))

    def _compiled(self, entry: RuleEntry) -> Rule | str:
        """The checked rule in its place in the prompt, or what is wrong with it."""
        unused = replace(entry, id=f"{entry.id}-new") if entry.id in self._ids else entry
        try:
            found = review(parse_prompt(add_rule(self._text, unused)))
        except RuleProblem as problem:
            return problem.in_language("en")
        if found.problems:
            message, suggestion = found.problems[0].texts("en")
            return f"{message} {suggestion}".strip()
        return found.rules[-1]

    def _wrong_words(self, answer: RuleAnswer) -> list[str]:
        errors = []
        for field in ("rule_id", "condition", "action", "rationale"):
            value = getattr(answer, field)
            if not value.isprintable():
                errors.append(f"{field}: line breaks and control characters are not allowed.")
            if self._refuse is not None:
                try:
                    self._refuse(value)
                except BadInput as error:
                    errors.append(f"{field}: {error}")
        return errors

    def _wrong_removal(self, answer: DeprecatedAnswer, gone: dict[str, str]) -> list[str]:
        if answer.rule_id not in self._ids:
            names = ", ".join(sorted(self._ids))
            return [f"[{answer.rule_id}] deprecated_rules: there is no rule of that id. There are: {names}."]
        if len(self._ids - gone.keys()) <= 1:
            return [f"[{answer.rule_id}] deprecated_rules: the last rule cannot go."]
        if not answer.reason.isprintable():
            return [f"[{answer.rule_id}] reason: line breaks and control characters are not allowed."]
        return []


def _actions() -> str:
    return "\n".join(f"  - `{category.value}`: {', '.join(words)}" for category, words in RIGHTS.items())


def _language(settings: ModelSettings) -> str:
    """Every function and name, from the table that the compiler reads."""
    lines = [
        f"- `{function.signature}`: {function.meaning.in_language(settings.lang)}" for function in FUNCTIONS.values()
    ]
    lines += [f"- `{field.name}`: {field.meaning.in_language(settings.lang)}" for field in FIELDS.values()]
    lines.append('- `index("KOSPI").close`, `7%`, `500만`, `14:50`, `fri`, `and`, `or`, `not`, `always`')
    return "\n".join(lines)
