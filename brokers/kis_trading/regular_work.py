"""The regular work of an account beside its decisions: reflection, backups, checks."""

from __future__ import annotations

from datetime import date, datetime

from brokers.kis_trading.history import KisHistoryFolder
from brokers.kis_trading.plan import TradingPlan
from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.ledger import Ledger
from engine.notify.weekly_report import announce_week_of
from engine.steady_clock import SteadyClock
from engine.trading.account_jobs import WorkPlace, ending_hours, jobs_of, quiet_hours
from engine.trading.calendar_news import tell_of_calendar
from engine.trading.schedule import Schedule
from engine.trading.schedule_store import ScheduleStore


def regular_work(plan: TradingPlan, ledger: Ledger, history: KisHistoryFolder) -> Schedule:
    """The schedule of an account; empty if the plan asks for no work."""

    def warn(code: str, text: str, values: dict[str, object]) -> None:
        record_alert(ledger, Urgency.WARNING, code, text, values)

    def on_reflection(moment: datetime) -> None:
        announce_week_of(ledger, moment, plan.lang)

    def machine_is_right() -> bool:
        return not (isinstance(plan.clock, SteadyClock) and plan.clock.lead)

    def bring_up() -> date:
        last = history.last_session()
        tell_of_calendar(ledger, plan.clock.now(), history.calendar, plan.lang)
        return last

    place = WorkPlace(
        folder=plan.folder,
        ledger=ledger,
        prompt=plan.prompt,
        settings=plan.settings,
        bring_up=bring_up,
        lang=plan.lang,
        on_reflection=on_reflection,
    )
    return Schedule(
        jobs=[] if plan.work is None else jobs_of(plan.work, place),
        clock=plan.clock,
        store=ScheduleStore(plan.folder),
        is_quiet=quiet_hours(plan.timetable),
        must_end=ending_hours(plan.timetable),
        may_begin=machine_is_right,
        tell=plan.tell,
        warn=warn,
        lang=plan.lang,
        steady=plan.steady,
    )
