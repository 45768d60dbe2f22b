"""Cycles without a plan, told to a person: live one by one, of a run on history once for each reason."""

from __future__ import annotations

from collections.abc import Iterable

from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.ledger import Ledger
from engine.operating.state import Cycle
from engine.reports.language import Lang, Text

ONE = Text(
    "{time} 판단에 계획이 없습니다({failure}). 새 주문은 내지 않았고 손절은 그대로 걸려 있습니다.",
    "No plan at {time} ({failure}). No new orders were sent; the exits stay armed.",
)
MANY = Text(
    "판단 {count:,}건에 계획이 없습니다. 처음은 {time}: {failure}",
    "{count:,} decisions had no plan. The first was {time}: {failure}",
)
UNTOLD = "failed"


def code_of(cycle: Cycle) -> str:
    """The alert's code: no_plan_truncated, no_plan_budget, …"""
    return f"no_plan_{cycle.failure_code or UNTOLD}"


def alert_of_cycle(ledger: Ledger, cycle: Cycle, lang: Lang = "ko") -> int | None:
    """Put an alert for a failed cycle into the outbox; None if the cycle has a plan."""
    if not cycle.failure:
        return None
    text = ONE(lang).format(time=f"{cycle.time:%Y-%m-%d %H:%M}", failure=cycle.failure)
    return record_alert(ledger, Urgency.WARNING, code_of(cycle), text, {"decision_id": cycle.decision_id})


def alerts_of_run(ledger: Ledger, cycles: Iterable[Cycle], run_id: int, lang: Lang) -> None:
    """Put one alert into the outbox for each reason for which decisions of a run had no plan."""
    failed: dict[str, list[Cycle]] = {}
    for cycle in cycles:
        if cycle.failure:
            failed.setdefault(code_of(cycle), []).append(cycle)
    for code, found in failed.items():
        first = min(found, key=lambda cycle: cycle.row)
        text = MANY(lang).format(count=len(found), time=f"{first.time:%Y-%m-%d %H:%M}", failure=first.failure)
        parameters = {"run_id": run_id, "count": len(found), "first": first.decision_id}
        record_alert(ledger, Urgency.INFO, code, text, parameters)
