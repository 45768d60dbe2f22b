"""What changed between two rule sets, and the rule sets in which only one of the changes is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from engine.rules.tree import Rule, RuleSet

Kind = Literal["added", "removed", "changed", "interval", "order"]

# A rule trades by these; the other fields are words for people and models.
BEHAVIOUR = ("category", "condition", "action", "priority", "cadence")
SHOWN: dict[str, Callable[[Rule], str]] = {
    "category": lambda rule: rule.category.value,
    "condition": lambda rule: rule.condition_source,
    "action": lambda rule: rule.action_source,
    "priority": lambda rule: f"{rule.priority}/10",
    "cadence": lambda rule: rule.cadence.value,
    "text": lambda rule: rule.text,
    "rationale": lambda rule: rule.rationale,
    "added": lambda rule: rule.added,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field of a rule, as a person wrote it before and after."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """One difference between two rule sets.

    Args:
        kind: what happened; "order" means that the same rules stand in another order, which decides ties.
        rule_id: the rule, empty for "interval" and "order".
        fields: what differs, in reading order; empty for an added or removed rule.
        old, new: the rule before and after, None where it does not exist.
        trades: whether it can change an order; a change of words alone cannot.
    """

    kind: Kind
    rule_id: str
    fields: tuple[FieldChange, ...] = ()
    old: Rule | None = None
    new: Rule | None = None
    trades: bool = True

    @property
    def label(self) -> str:
        """A short name: "+ id", "- id", "~ id", "~ interval", "~ order"."""
        sign = {"added": "+", "removed": "-"}.get(self.kind, "~")
        return f"{sign} {self.rule_id or self.kind}"

    @property
    def category(self) -> str:
        """Category of the rule, empty where the change is none of a rule."""
        rule = self.new or self.old
        return rule.category.value if rule else ""


def rule_changes(old: RuleSet, new: RuleSet) -> tuple[RuleChange, ...]:
    """Differences by id: removed and changed rules in the old order, then added ones, interval and order."""
    before, after = _by_id(old.rules), _by_id(new.rules)
    changes = []
    for identifier, rule in before.items():
        if identifier not in after:
            changes.append(RuleChange(kind="removed", rule_id=identifier, old=rule))
            continue
        fields = _field_changes(rule, after[identifier])
        if fields:
            changes.append(
                RuleChange(
                    kind="changed",
                    rule_id=identifier,
                    fields=fields,
                    old=rule,
                    new=after[identifier],
                    trades=not _same_behaviour(rule, after[identifier]),
                )
            )
    for identifier, rule in after.items():
        if identifier not in before:
            changes.append(RuleChange(kind="added", rule_id=identifier, new=rule))
    if old.interval != new.interval:
        interval = FieldChange(field="interval", old=old.interval, new=new.interval)
        changes.append(RuleChange(kind="interval", rule_id="", fields=(interval,)))
    if _order_differs(before, after):
        changes.append(RuleChange(kind="order", rule_id=""))
    return tuple(changes)


def single_rule_variants(old: RuleSet, new: RuleSet) -> list[tuple[str, RuleSet]]:
    """The old rule set with one change of the new one each, by label; changes of words alone are left out.

    Run each against the old set to see what that change alone does. The effects need not add up to the whole
    difference: rules act on the same cash and the same positions.
    """
    variants = []
    for change in rule_changes(old, new):
        if change.trades:
            variants.append((change.label, _with_change(old, new, change)))
    return variants


def same_trading(one: RuleSet, other: RuleSet) -> bool:
    """Whether two rule sets send the same orders on any data: they may differ in words only."""
    return (
        one.interval == other.interval
        and [rule.id for rule in one.rules] == [rule.id for rule in other.rules]
        and all(_same_behaviour(left, right) for left, right in zip(one.rules, other.rules, strict=True))
    )


def _with_change(old: RuleSet, new: RuleSet, change: RuleChange) -> RuleSet:
    rules = list(old.rules)
    if change.kind == "interval":
        return replace(old, interval=new.interval)
    if change.kind == "removed":
        rules = [rule for rule in rules if rule.id != change.rule_id]
    elif change.kind == "changed" and change.new:
        rules = [change.new if rule.id == change.rule_id else rule for rule in rules]
    elif change.kind == "added" and change.new:
        rules.insert(_place(rules, new.rules, change.rule_id), change.new)
    elif change.kind == "order":
        places = {rule.id: place for place, rule in enumerate(new.rules)}
        rules = _in_new_order(rules, places)
    return replace(old, rules=tuple(rules))


def _place(rules: Sequence[Rule], new_rules: Sequence[Rule], identifier: str) -> int:
    """Where an added rule goes: behind the nearest rule before it in the new file that the old one has too."""
    places = {rule.id: place for place, rule in enumerate(rules)}
    place = 0
    for rule in new_rules:
        if rule.id == identifier:
            break
        place = places.get(rule.id, place - 1) + 1
    return place


def _in_new_order(rules: Sequence[Rule], places: dict[str, int]) -> list[Rule]:
    """Rules that both files have take the new order among themselves; removed ones keep their place."""
    shared = iter(sorted((rule for rule in rules if rule.id in places), key=lambda rule: places[rule.id]))
    return [next(shared) if rule.id in places else rule for rule in rules]


def _by_id(rules: Sequence[Rule]) -> dict[str, Rule]:
    return {rule.id: rule for rule in rules}


def _field_changes(old: Rule, new: Rule) -> tuple[FieldChange, ...]:
    changes = [
        FieldChange(field=field, old=show(old), new=show(new))
        for field, show in SHOWN.items()
        if show(old) != show(new)
    ]
    if not changes and not _same_behaviour(old, new):
        # Built in Python, not written: the sources are the same or empty, the trees are not.
        changes = [
            FieldChange(field=field, old=str(getattr(old, field)), new=str(getattr(new, field)))
            for field in BEHAVIOUR
            if getattr(old, field) != getattr(new, field)
        ]
    return tuple(changes)


def _same_behaviour(old: Rule, new: Rule) -> bool:
    return all(getattr(old, field) == getattr(new, field) for field in BEHAVIOUR)


def _order_differs(before: dict[str, Rule], after: dict[str, Rule]) -> bool:
    return [key for key in before if key in after] != [key for key in after if key in before]
