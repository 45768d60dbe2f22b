"""What a trial is known by: one hash for rules that trade alike, one for everything else that decides a run."""

from __future__ import annotations

from engine.config import BacktestConfig
from engine.ledger.canonical import canonical_json, digest
from engine.rules.format import format_action, format_node
from engine.rules.tree import Rule, RuleSet


def rules_hash(rules: RuleSet) -> str:
    """sha256 of what a rule set does: rule sets that differ in words or spaces only have the same one.

    It names the candidate of a trial, so that a variant which a sweep, a walk-forward and the gate have all tried
    counts once. Equal exactly where `engine.metrics.rule_changes.same_trading` holds.
    """
    return digest(rules.interval, *(_behaviour(rule) for rule in rules.rules))


def config_hash(config: BacktestConfig) -> str:
    """sha256 of cash, costs, limits and all other settings."""
    return digest(canonical_json(config.model_dump(mode="json")))


def _behaviour(rule: Rule) -> str:
    return canonical_json(
        [
            rule.id,
            rule.category.value,
            format_node(rule.condition),
            format_action(rule.action),
            rule.priority,
            rule.cadence.value,
        ]
    )
