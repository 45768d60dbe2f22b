"""What cannot be done for a while, as a venue that is closed for a night: told once, and once when it works again.

A step of the trader that fails is tried again every half a minute. People hear of it when it begins, once a day as
critical while it lasts into a session, because holdings are not guarded then, and when a long one is over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from engine.clock import Clock
from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.ledger import Ledger
from engine.reports.language import Lang
from engine.trading import texts

LONG = timedelta(minutes=5)
_SHOWN_AGAIN = timedelta(minutes=10)  # on the terminal and in the log


@dataclass(slots=True)
class _Setback:
    since: datetime
    show_at: datetime
    urged_on: date | None = None


class Setbacks:
    """The steps of one trader that fail now.

    Args:
        ledger: of the account; alerts go into its outbox.
        clock: of the venue's world.
        is_session: whether the trader has to act and to guard at an instant.
        tell: is told one line for people at a time.
        lang: of texts.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        is_session: Callable[[datetime], bool],
        tell: Callable[[str], None],
        lang: Lang,
    ) -> None:
        self._ledger, self._clock, self._is_session, self._tell = ledger, clock, is_session, tell
        self._lang: Lang = lang
        self._known: dict[str, _Setback] = {}

    def failed(self, step: str, why: str, again: timedelta) -> None:
        """A step has failed, and is tried again after a while."""
        now, what = self._clock.now(), texts.STEPS[step](self._lang)
        said = texts.TROUBLE(self._lang).format(what=what, seconds=int(again.total_seconds()), why=why)
        values = {"what": what, "why": why}
        known = self._known.get(step)
        if known is None:
            known = self._known[step] = _Setback(now, now)
            record_alert(self._ledger, Urgency.WARNING, "step_failed", said, values)
        if now >= known.show_at:
            known.show_at = now + _SHOWN_AGAIN
            self._tell(said)
        if now - known.since >= LONG and known.urged_on != now.date() and self._is_session(now):
            known.urged_on = now.date()
            said = texts.FAILS_ON(self._lang).format(what=what, since=known.since, why=why)
            self._tell(said)
            record_alert(self._ledger, Urgency.CRITICAL, "step_fails_on", said, values)

    def succeeded(self, step: str) -> None:
        """A step works."""
        known = self._known.pop(step, None)
        if known is None or self._clock.now() - known.since < LONG:
            return
        what = texts.STEPS[step](self._lang)
        said = texts.WORKS_AGAIN(self._lang).format(what=what, since=known.since)
        self._tell(said)
        record_alert(self._ledger, Urgency.INFO, "step_works_again", said, {"what": what})
