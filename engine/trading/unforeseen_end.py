"""Why a trader ended by itself, and that it trades again: the service starts it anew, and nobody reads its terminal.

A start that fails every quarter of a minute is told once a day in the same words, and three times an hour in others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from engine.errors import BadInput, BrokenInvariant, GeoulError
from engine.ledger.alerts import Urgency, alerts_between, record_alert, was_told
from engine.ledger.ledger import Ledger
from engine.reports.language import Lang, Text

ENDED, BACK = "trader_ended", "trader_back"
_SAME_WORDS, _OTHER_WORDS, _MOST = timedelta(days=1), timedelta(hours=1), 3
_WHY = Text(
    "거래 프로세스가 끝났습니다. 다시 시작될 때까지 보유 종목이 지켜지지 않습니다. {why}",
    "The trader has ended. Holdings are not guarded until it has started again. {why}",
)
_OURS = Text(
    "거울의 오류입니다({why}). 계좌 폴더의 geoul.log와 서비스 기록(journalctl)을 보세요.",
    "A fault of Geoul ({why}). See geoul.log in the account's folder, and the journal of the service (journalctl).",
)
_KEYS = Text(
    "KIS 점검이 아니면 앱키 만료·해지, 모의투자 기간 종료를 확인하세요(geoul kis doctor).",
    "If KIS is not closed for maintenance, see whether the app key was revoked or the paper account has ended "
    "(geoul kis doctor).",
)
_AGAIN = Text("다시 거래합니다.", "Trading goes on again.")


@contextmanager
def telling_why(ledger: Ledger, tell: Callable[[str], None], lang: Lang) -> Iterator[None]:
    """Around everything that trades on a ledger: what ends it becomes an alert, then goes on its way."""
    try:
        yield
    except Exception as error:
        # A full disk, or a clock of a world that is gone, must not hide why the trader ends.
        with suppress(GeoulError, OSError, sqlite3.Error):
            _tell_end(ledger, _WHY(lang).format(why=_in_words(error, lang)), tell)
        raise


def tell_return(ledger: Ledger, lang: Lang) -> None:
    """It trades: the all-clear, if people believe that it does not."""
    last = ledger.connection.execute(
        "SELECT code FROM alerts WHERE code IN (?, ?) ORDER BY alert_id DESC LIMIT 1", (ENDED, BACK)
    ).fetchone()
    if last == (ENDED,):
        record_alert(ledger, Urgency.INFO, BACK, _AGAIN(lang))


def _tell_end(ledger: Ledger, text: str, tell: Callable[[str], None]) -> None:
    now = ledger.clock.now()
    if was_told(ledger, ENDED, text, now - _SAME_WORDS):
        return
    lately = alerts_between(ledger.connection, now - _OTHER_WORDS, now + _OTHER_WORDS)
    if sum(alert.code == ENDED for alert in lately) < _MOST:
        tell(text)
        record_alert(ledger, Urgency.CRITICAL, ENDED, text)


def _in_words(error: Exception, lang: Lang) -> str:
    if isinstance(error, BrokenInvariant) or not isinstance(error, GeoulError):
        return _OURS(lang).format(why=str(error) if isinstance(error, GeoulError) else type(error).__name__)
    return str(error) if isinstance(error, BadInput) else f"{error} {_KEYS(lang)}"
