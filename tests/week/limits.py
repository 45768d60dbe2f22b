"""A day on which a hard limit of the configuration is reached: a person has made it tight, and the trader has to obey.

One of two limits, as it comes: one purchase a day, or no purchase after any loss, where yesterday has closed lower than
the day before. A decision that asks for no more than the limit allows reaches none; then it is tried again tomorrow.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from engine.clock import SystemClock
from engine.config import BacktestConfig
from engine.ledger.alerts import all_alerts
from engine.ledger.equity import equity_points
from engine.ledger.ledger import open_ledger
from engine.ledger.rows import orders_of_account
from engine.order import OrderStatus, RefusalReason, Side
from engine.trading.limit_news import CODE
from tests.week.market import LIMITS, SETTINGS

_ANY_LOSS = 1e-9  # of yesterday's closing equity


@dataclass(frozen=True, slots=True)
class TightLimit:
    """A limit that a decision is to reach.

    Args:
        reason: of a purchase that it stops.
        settings: of the trader.
        purchases: that it allows in a day.
    """

    reason: RefusalReason
    settings: BacktestConfig
    purchases: int


def drawn_limit(ledger: Path, draw: np.random.Generator) -> TightLimit:
    """A limit that the next decision can reach."""
    with open_ledger(ledger, SystemClock(), read_only=True) as opened:
        closed = [point.equity for point in equity_points(opened)][-2:]
    has_lost = len(closed) == 2 and closed[1] < closed[0]
    if has_lost and draw.random() < 0.7:
        limits = LIMITS.model_copy(update={"max_day_loss": _ANY_LOSS})
        return TightLimit(RefusalReason.DAY_LOSS_LIMIT, SETTINGS.model_copy(update={"limits": limits}), 0)
    limits = LIMITS.model_copy(update={"max_orders_per_day": 1, "max_orders_per_minute": 1})
    return TightLimit(RefusalReason.ORDER_RATE_LIMIT, SETTINGS.model_copy(update={"limits": limits}), 1)


def judge(ledger: Path, limit: TightLimit, day: date) -> tuple[bool, list[str]]:
    """Whether the limit was reached on a day, and what is wrong with what came of it."""
    with open_ledger(ledger, SystemClock(), read_only=True) as opened:
        query = "SELECT decision_id, risk_checks FROM decisions WHERE substr(recorded_at, 1, 10) = ?"
        decisions = opened.connection.execute(query, (day.isoformat(),)).fetchall()
        bought = [
            order.request.ticker
            for order in orders_of_account(opened.connection, intended_on=day).values()
            if order.request.side is Side.BUY and order.status is not OrderStatus.NOT_SENT
        ]
        told = [alert.parameters for alert in all_alerts(opened) if alert.code == CODE]
    wrong = []
    if len(bought) > limit.purchases:
        wrong.append(f"{len(bought)} purchases on {day}, and {limit.reason.value} allows {limit.purchases}")
    is_reached = False
    for name, checks in decisions:
        stopped = [check for check in json.loads(checks) if check["reason"] == limit.reason.value]
        is_reached = is_reached or bool(stopped)
        if any(check["side"] != Side.BUY.value or check["allowed"] for check in stopped):
            wrong.append(f"decision {name}: {limit.reason.value} stopped more than purchases, or less: {stopped}")
        wrong += [f"{check['ticker']} was bought all the same" for check in stopped if check["ticker"] in bought]
        alerts = [each["limits"].get(limit.reason.value) for each in told if each["decision_id"] == name]
        wanted = [[check["ticker"] for check in stopped]] if stopped else []
        if alerts != wanted:
            wrong.append(f"decision {name}: {limit.reason.value} stopped {wanted}, and people were told {alerts}")
    return is_reached, wrong
