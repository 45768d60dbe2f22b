"""A closed session against its replay: kept, and warned of where nothing explains a difference."""

from __future__ import annotations

from datetime import date

from brokers.kis_trading.account_folder import venue_of
from brokers.kis_trading.plan import TradingPlan
from engine.data.panel import Panel
from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.ledger import Ledger
from engine.trading.mirror import mirror_day
from engine.trading.mirror_store import MirrorStore
from engine.trading.texts import UNEXPLAINED


def mirror_session(plan: TradingPlan, ledger: Ledger, session: date, panel: Panel) -> None:
    """Replay a closed session beside what happened, keep the comparison, and warn of what nothing explains."""
    settings = plan.settings.model_copy(update={"venue": venue_of(plan.folder)})
    day = mirror_day(ledger, panel, settings, session)
    MirrorStore(plan.folder).keep([day])
    if not day.is_explained:
        text = UNEXPLAINED(plan.lang).format(session=session)
        plan.tell(text)
        record_alert(ledger, Urgency.WARNING, "mirror_unexplained", text, {"session": session.isoformat()})
