"""Closed sessions against their replay: kept, and warned of where nothing explains a difference."""

from __future__ import annotations

from datetime import date

from brokers.kis_trading.account_folder import venue_of
from brokers.kis_trading.plan import TradingPlan
from engine.data.panel import Panel
from engine.ledger.alerts import Urgency, record_alert_once
from engine.ledger.equity import equity_points
from engine.ledger.ledger import Ledger
from engine.trading.mirror import mirror_day
from engine.trading.mirror_store import MirrorStore
from engine.trading.texts import UNEXPLAINED

_MOST_MISSED = 5  # sessions that are made up for; `geoul mirror` replays any


def mirror_session(plan: TradingPlan, ledger: Ledger, session: date, panel: Panel) -> None:
    """Replay a closed session beside what happened, keep the comparison, and warn of what nothing explains.

    Sessions before it come first that were closed and not mirrored: their trader died in between, or was not there.
    """
    store = MirrorStore(plan.folder)
    kept = [day.session for day in store.days()]
    missed = [point.session for point in equity_points(ledger) if (kept or [date.min])[-1] < point.session < session]
    settings = plan.settings.model_copy(update={"venue": venue_of(plan.folder)})
    for each in (*missed[-_MOST_MISSED:], session):
        day = mirror_day(ledger, panel, settings, each)
        if not day.is_explained:
            text = UNEXPLAINED(plan.lang).format(session=each)
            plan.tell(text)
            told = {"session": each.isoformat()}
            record_alert_once(ledger, Urgency.WARNING, "mirror_unexplained", text, told)
        store.keep([day])
