"""The steps "alive" and "duplicate": a rule must fire now and then, and do what no active rule does already."""

from __future__ import annotations

from math import ceil
from typing import Any

from engine.research.gate_activity import comparable, market_overlap, source_of
from engine.research.gate_evidence import Evidence
from engine.research.verdict import Outcome, Step
from engine.rules.tree import Buy, Rule, Sell


def alive(evidence: Evidence) -> Step:
    """Does each new or changed rule fire on enough sessions of the training window, and not nearly always?

    A rule that never fires, or decides nothing because it nearly always does, is refused. One that fires on too few
    sessions is not: more time may show what it is worth.
    """
    found = [_firing(evidence, rule) for rule in evidence.judged]
    if not found:
        return Step(name="alive", outcome="pass", reason="nothing_new")
    settings, sessions = evidence.settings, len(evidence.windows.training_days)
    limits: dict[str, Any] = {
        "least_days": settings.least_days,
        "most_share": settings.most_share,
        "sessions": sessions,
        "rules": found,
    }
    order: tuple[tuple[Outcome, str], ...] = (
        ("fail", "never_fires"),
        ("fail", "always_fires"),
        ("unknown", "rarely_fires"),
        ("pass", "fires"),
    )
    for outcome, reason in order:
        for firing in found:
            if firing["reason"] == reason:
                figures = limits | {key: firing[key] for key in ("rule", "days", "share")}
                if reason == "rarely_fires":
                    needed = sessions * (settings.least_days / firing["days"] - 1)
                    figures["weeks"] = ceil(needed / evidence.windows.sessions_a_week)
                return Step(name="alive", outcome=outcome, reason=reason, figures=figures)
    return Step(name="alive", outcome="pass", reason="unconditional", figures=limits | {"rule": found[0]["rule"]})


def duplicate(evidence: Evidence) -> Step:
    """Does an active rule fire nearly everywhere where a new or changed rule does?"""
    most: dict[str, Any] = {"rule": "", "active": "", "overlap": 0.0}
    for rule in evidence.judged:
        for other in evidence.active:
            share = _overlap(evidence, rule, other) if comparable(rule, other) else None
            if share is not None and share > most["overlap"]:
                most = {"rule": rule.id, "active": other.id, "overlap": share}
    most["limit"] = evidence.settings.overlap
    if most["overlap"] >= evidence.settings.overlap:
        return Step(name="duplicate", outcome="fail", reason="subsumed", figures=most)
    return Step(name="duplicate", outcome="pass", reason="different" if most["active"] else "alone", figures=most)


def _firing(evidence: Evidence, rule: Rule) -> dict[str, Any]:
    """How often one rule fires, and what to say of it; the share is None where only days can be counted."""
    source, share = source_of(rule), None
    days, sessions = 0, len(evidence.windows.training_days)
    if source == "always":
        says_nothing = isinstance(rule.action, Buy | Sell)
        days, share = sessions, 1.0
        reason = "always_fires" if says_nothing else "unconditional"
    else:
        if source == "market":
            counted = evidence.firings
            days, share = counted.days[rule.id], counted.true[rule.id] / max(counted.cells, 1)
        elif source == "orders":
            days = int(evidence.candidate_run.days[_place(evidence, rule)])
        else:
            days = evidence.changed_sales[1]
        reason = "fires"
        if days == 0:
            reason = "never_fires"
        elif share is not None and share > evidence.settings.most_share:
            reason = "always_fires"
        elif days < evidence.settings.least_days:
            reason = "rarely_fires"
    return {"rule": rule.id, "source": source, "days": days, "share": share, "reason": reason}


def _overlap(evidence: Evidence, rule: Rule, other: Rule) -> float | None:
    """Share of a rule's firings that an active rule has too; None where they cannot be compared."""
    sources = {source_of(rule), source_of(other)}
    if sources == {"market"}:
        return market_overlap(evidence.firings, rule, other)
    if isinstance(rule.action, Buy | Sell) and "always" not in sources:
        # One of them looks at the position: the orders tell, which name all rules that asked for them.
        together = evidence.candidate_run.together
        mine, theirs = _place(evidence, rule), _place(evidence, other)
        return float(together[mine, theirs] / together[mine, mine]) if together[mine, mine] else None
    if sources == {"always"} and rule.action == other.action:
        return 1.0
    return None


def _place(evidence: Evidence, rule: Rule) -> int:
    return [one.id for one in evidence.rules.rules].index(rule.id)
