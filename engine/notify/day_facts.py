"""What happened on a session, gathered from the ledger, which is only read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from engine.krx.sessions import previous_session, session_close
from engine.ledger.alerts import Alert, alerts_between
from engine.ledger.decisions import Decision, decisions_between
from engine.ledger.ledger import Ledger
from engine.ledger.trades import Trade, trades_between
from engine.notify.account_days import AccountDays, account_days, day_end
from engine.notify.closing_prices import Closing, closing_prices
from engine.notify.outbox import REPORTS


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeOfDay:
    """An executed order with what it cost and earned.

    Args:
        trade: the row of the ledger.
        name: of the instrument.
        asked: shares that the order asked for.
        costs: won of fees and taxes.
        realised: won before costs; 0 for purchases.
        rule_ids: the rules behind the order.
        why: the sentence of its decision about this order.
    """

    trade: Trade
    name: str
    asked: int
    costs: float
    realised: float
    rule_ids: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFacts:
    """What a day's report tells.

    Args:
        session: the day.
        days: the account up to its end.
        trades: of the day, in order of time.
        closings: names and prices of holdings and trades.
        decisions: that sent the day's orders.
        alerts: of the day, without those that announce reports.
    """

    session: date
    days: AccountDays
    trades: tuple[TradeOfDay, ...]
    closings: Mapping[str, Closing]
    decisions: tuple[Decision, ...]
    alerts: tuple[Alert, ...]


def day_facts(ledger: Ledger, history: Path, session: date | None = None) -> DayFacts:
    """Gather a day's facts.

    Args:
        ledger: of the account, read-only will do.
        history: folder of the account's own market data; it may be missing.
        session: the day; None = the last one whose books are closed.

    Raises:
        DataError: the books of that day are not closed.
    """
    days = account_days(ledger, session)
    day = days.points[-1].session
    start, end = day_end(previous_session(day)), day_end(day)
    # What happened at night or on a holiday before the session is told with it, alerts as well.
    if len(days.points) > 1:
        start = day_end(days.points[-2].session)
    trades = trades_between(ledger, start, end, as_of=end)
    closings = closing_prices(history, day, {*days.positions, *(trade.ticker for trade in trades)})
    decisions = tuple(decisions_between(ledger, session_close(previous_session(day)), session_close(day)))
    return DayFacts(
        session=day,
        days=days,
        trades=tuple(_trade_of_day(ledger, trade, closings, decisions) for trade in trades),
        closings=closings,
        decisions=decisions,
        alerts=tuple(each for each in alerts_between(ledger.connection, start, end) if each.code not in REPORTS),
    )


def _trade_of_day(
    ledger: Ledger, trade: Trade, closings: Mapping[str, Closing], decisions: Sequence[Decision]
) -> TradeOfDay:
    asked, rule_ids, costs, realised = ledger.connection.execute(
        "SELECT o.quantity, o.rule_ids, sum(f.fee + f.stt + f.rural), sum(f.realised) FROM orders o "
        "JOIN fills f ON f.run_id = o.run_id AND f.order_id = o.order_id WHERE o.trade_id = ? GROUP BY o.order_id",
        (trade.trade_id,),
    ).fetchone()
    return TradeOfDay(
        trade=trade,
        name=closings[trade.ticker].name,
        asked=asked,
        costs=costs,
        realised=realised,
        rule_ids=", ".join(json.loads(rule_ids)),
        why=_why(trade, decisions),
    )


def _why(trade: Trade, decisions: Sequence[Decision]) -> str:
    """What a decision said about one of its orders; the ledger's row has the reasons of the whole decision."""
    for decision in decisions:
        plan = decision.plan if isinstance(decision.plan, dict) else {}
        for action in plan.get("actions", ()):
            if (action["ticker"], action["side"].upper()) == (trade.ticker, trade.action) and action["justification"]:
                return str(action["justification"])
    own = [line for line in trade.justification_text.splitlines() if trade.ticker in line]
    return " / ".join(own or trade.justification_text.splitlines())
