"""Node 4, the risk check: every action by itself, in turn, each as if those before it had been accepted.

An action that breaks a limit is made smaller or dropped, with its reason; the others stay. A sell only needs shares,
so no other action can make it fall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.matching import arrays as at
from engine.operating.desk import Desk
from engine.operating.resizing import TRADING_UNIT, binding_limits
from engine.operating.signals import Written, write_plan
from engine.operating.state import Action, Check, Cycle, Proposal, Verdict
from engine.order import Approved, Refused
from engine.reports.language import Lang, Text
from engine.reports.texts import refusal

RESIZED = Text("{asked:,}주를 {allowed:,}주로 조정: {reason}", "resized from {asked:,} to {allowed:,}: {reason}")
DROPPED = Text("제외: {reason}", "dropped: {reason}")


def check_risk(cycle: Cycle, desk: Desk) -> None:
    """Add to `cycle.checks` and fill in `cycle.approved`; without a plan there is nothing to do."""
    if cycle.plan is None:
        return
    # The plan of the rules stands in the book as the step wrote it.
    written = as_it_stands(cycle.plan.actions) if desk.planner is None else write_plan(cycle, cycle.plan, desk)
    checks, cycle.approved = check_written(written, desk)
    cycle.checks += checks


def as_it_stands(actions: Sequence[Action]) -> Written:
    """Actions that the step has just written as the first proposals of the book."""
    return Written(proposals=tuple(Proposal(action, place) for place, action in enumerate(actions)))


def check_written(
    written: Written, desk: Desk, *, protective: bool = False
) -> tuple[tuple[Check, ...], tuple[Approved[Proposal], ...]]:
    """Check what stands in the book, in turn. Returns one check per action and the approved ones, in order."""
    book = desk.simulation.book
    asked = [int(book.proposals[proposal.place, at.PROPOSAL_QUANTITY]) for proposal in written.proposals]
    verdicts = desk.risk.check_proposals(written.proposals, _resized)
    approved = tuple(verdict for verdict in verdicts if isinstance(verdict, Approved))
    allowed = [verdict.value.action.quantity if isinstance(verdict, Approved) else 0 for verdict in verdicts]
    limits = binding_limits(desk.simulation, asked, allowed)
    checks: dict[int, Check] = dict(written.dropped)
    for order, proposal, verdict, quantity in zip(written.order, written.proposals, verdicts, allowed, strict=True):
        reason = verdict.reason.value if isinstance(verdict, Refused) else limits.get(proposal.place, "")
        checks[order] = _check(proposal, quantity, reason, written.cuts, desk.lang, protective)
    return tuple(checks[order] for order in sorted(checks)), approved


def _resized(proposal: Proposal, quantity: int) -> Proposal:
    return Proposal(replace(proposal.action, quantity=quantity), proposal.place)


def _check(
    proposal: Proposal, allowed: int, reason: str, cuts: Mapping[int, str], lang: Lang, protective: bool
) -> Check:
    action = proposal.action
    if allowed == 0:
        text = DROPPED(lang).format(reason=refusal(reason, lang))
        return Check(
            action=action, verdict=Verdict.DROPPED, quantity=0, reason=reason, text=text, protective=protective
        )
    if allowed == action.quantity:
        return Check(action=action, verdict=Verdict.PASSED, quantity=allowed, protective=protective)
    code = reason or cuts.get(proposal.place, "")
    text = RESIZED(lang).format(asked=action.quantity, allowed=allowed, reason=refusal_or_cut(code, lang))
    return Check(
        action=action, verdict=Verdict.RESIZED, quantity=allowed, reason=code, text=text, protective=protective
    )


CUTS = {
    "beyond_signal": Text("규칙이 요구한 수량까지만", "no more than the rule asks for"),
    "corporate_action": Text("권리락 비율을 반영", "restated for a corporate action"),
    TRADING_UNIT: Text("매매 수량 단위", "trading unit"),
}


def refusal_or_cut(code: str, lang: Lang) -> str:
    """The reason of a smaller quantity in words."""
    return CUTS[code](lang) if code in CUTS else refusal(code, lang)
