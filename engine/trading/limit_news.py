"""Purchases that a hard limit stopped at a decision, told to people: once for the decision, whatever is started anew.

What shrinks a purchase or leaves no room for it (weights, places, cash) is everyday sizing and stands in the decision's
record. Told is what stops purchases that the account would have had room for.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.ledger.alerts import Urgency, record_alert_once
from engine.ledger.ledger import Ledger
from engine.operating.state import Cycle, Verdict
from engine.order import OrderRequest, RefusalReason, Refused, Side
from engine.reports.language import Lang, Text
from engine.reports.texts import refusal

CODE = "limit_reached"
TOLD = (
    RefusalReason.DAY_LOSS_LIMIT,
    RefusalReason.LOSING_STREAK,
    RefusalReason.ORDER_RATE_LIMIT,
    RefusalReason.PRICE_TOO_FAR,
    RefusalReason.STALE_DATA,
    RefusalReason.STALE_PLAN,
)
_REACHED = Text(
    "{id} 판단: 한도에 걸린 매수 {count:,}건을 보내지 않았습니다 · {limits}",
    "Decision {id}: limits stopped {count:,} purchases · {limits}",
)


def tell_of_limits(ledger: Ledger, cycle: Cycle, refused: Iterable[Refused[OrderRequest]], lang: Lang) -> None:
    """Put an alert into the outbox if limits stopped purchases of a decision.

    Args:
        ledger: of the account.
        cycle: the finished decision, with what its risk check dropped.
        refused: what was held back when it was to be sent.
        lang: of the text.
    """
    stopped: dict[str, list[str]] = {reason.value: [] for reason in TOLD}
    for check in cycle.checks:
        if check.verdict is Verdict.DROPPED and check.action.side is Side.BUY and check.reason in stopped:
            stopped[check.reason].append(check.action.ticker)
    for each in refused:
        if each.reason.value in stopped:
            stopped[each.reason.value].append(each.value.ticker)
    reached = {reason: tickers for reason, tickers in stopped.items() if tickers}
    if not reached:
        return
    text = _REACHED(lang).format(
        id=cycle.decision_id,
        count=sum(map(len, reached.values())),
        limits="; ".join(f"{refusal(reason, lang)}: {', '.join(tickers)}" for reason, tickers in reached.items()),
    )
    parameters = {"decision_id": cycle.decision_id, "limits": reached}
    record_alert_once(ledger, Urgency.WARNING, CODE, text, parameters)
