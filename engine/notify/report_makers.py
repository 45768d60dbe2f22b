"""Which alert becomes which report: made when it is sent, from the ledger as it is then, with the picture."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from engine.errors import DataError
from engine.ledger.ledger import Ledger, open_ledger
from engine.notify.account_days import AccountDays
from engine.notify.daily_report import day_page
from engine.notify.day_facts import day_facts
from engine.notify.delivery_file import Delivery
from engine.notify.equity_picture import equity_picture
from engine.notify.message import ReportMaker
from engine.notify.outbox import DAY_REPORT, WEEK_REPORT
from engine.notify.pages import Page, as_html, as_text
from engine.notify.sending import Message, Picture
from engine.notify.weekly_report import week_facts, week_page
from engine.reports.language import Lang

PICTURE = "equity.png"
HISTORY = "data"  # the account's market data, in its folder
LEDGER = "ledger.db"


class _Moment:
    """A clock that stands at the time of the report; readers of the ledger ask for one."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        return self._moment


def day_message(folder: Path, delivery: Delivery, lang: Lang) -> Message:
    """The daily report that an alert announces.

    Raises:
        DataError: the ledger cannot tell it.
    """
    with _ledger(folder, delivery) as ledger:
        try:
            session = date.fromisoformat(str(delivery.parameters["session"]))
        except (KeyError, ValueError):
            raise DataError(
                f"The alert {delivery.last_alert} names no session, and announces a day's report."
            ) from None
        facts = day_facts(ledger, folder / HISTORY, session)
    return _message(day_page(facts, lang), facts.days, delivery, lang)


def week_message(folder: Path, delivery: Delivery, lang: Lang) -> Message:
    """The weekly report that an alert announces.

    Raises:
        DataError: the ledger cannot tell it.
    """
    with _ledger(folder, delivery) as ledger:
        number = delivery.parameters.get("reflection_id")
        facts = week_facts(ledger, int(number) if number is not None else None)
    return _message(week_page(facts, lang), facts.days, delivery, lang)


def _ledger(folder: Path, delivery: Delivery) -> Ledger:
    return open_ledger(folder / LEDGER, _Moment(delivery.last_time), read_only=True)


def _message(page: Page, days: AccountDays | None, delivery: Delivery, lang: Lang) -> Message:
    pictures = (Picture(name=PICTURE, content=equity_picture(days, lang)),) if days is not None else ()
    return Message(
        message_id="",
        urgency=delivery.urgency,
        title=page.title,
        text=as_text(page),
        html=as_html(page, lang, PICTURE if pictures else ""),
        pictures=pictures,
    )


REPORT_MAKERS: dict[str, ReportMaker] = {DAY_REPORT: day_message, WEEK_REPORT: week_message}
