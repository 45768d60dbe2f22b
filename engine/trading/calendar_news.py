"""What people must know of the calendar in time: a day off that was declared late, and the end of the table.

Without it the account waits for the bars of a day that has none, and neither buys nor guards anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from engine.krx.sessions import CLOSED_DAYS, LAST_DAY, is_session
from engine.ledger.alerts import Urgency, record_alert, was_told
from engine.ledger.ledger import Ledger
from engine.reports.language import Lang, Text

END_NEAR = timedelta(days=60)
_TOLD_AGAIN = timedelta(days=7)
_CLOSED = Text(
    f"한국투자증권 휴장일 조회로는 {{day}}에 장이 열리지 않습니다. {CLOSED_DAYS}={{days}}로 다시 시작하십시오. "
    "그러지 않으면 그날의 시세를 기다리느라 매수도 손절도 하지 못합니다.",
    f"KIS says that the exchange is closed on {{day}}. Start again with {CLOSED_DAYS}={{days}}; otherwise the account "
    "waits for bars of that day and neither buys nor guards.",
)
_OPEN = Text(
    "한국투자증권 휴장일 조회로는 {day}에 장이 열립니다. 거울은 그날 거래하지 않습니다: 거울을 업데이트하십시오.",
    "KIS says that the exchange is open on {day}. Geoul does not trade on it: update Geoul.",
)
_ENDS = Text(
    "거울의 거래일·세율 표는 {day}까지입니다. 그 전에 거울을 업데이트하십시오: 그 뒤에는 거래할 수 없습니다.",
    "Geoul's tables of sessions and taxes end on {day}. Update Geoul before: it cannot trade afterwards.",
)


def tell_of_calendar(ledger: Ledger, now: datetime, told_by_venue: Mapping[date, bool], lang: Lang) -> None:
    """Put into the outbox, once a week, where the venue's calendar differs from ours, and that ours ends soon.

    Args:
        ledger: of the account.
        now: on a day of the table.
        told_by_venue: whether the exchange is open on a day, where that differed when it was asked.
        lang: of texts.
    """
    today = now.date()
    coming = {day: is_open for day, is_open in told_by_venue.items() if today <= day <= LAST_DAY}
    wrong = {day: is_open for day, is_open in coming.items() if is_open != is_session(day)}
    closed = ",".join(day.isoformat() for day in sorted(wrong) if not wrong[day])
    for day, is_open in sorted(wrong.items()):
        text = _OPEN if is_open else _CLOSED
        _tell_weekly(ledger, now, "calendar_differs", text(lang).format(day=day, days=closed), day)
    if LAST_DAY - today <= END_NEAR:
        _tell_weekly(ledger, now, "calendar_ends", _ENDS(lang).format(day=LAST_DAY), LAST_DAY)


def _tell_weekly(ledger: Ledger, now: datetime, code: str, text: str, day: date) -> None:
    if not was_told(ledger, code, text, now - _TOLD_AGAIN):
        record_alert(ledger, Urgency.CRITICAL, code, text, {"day": day.isoformat()})
