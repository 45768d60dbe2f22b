"""What has been decided about an account: first into the ledger, in force by it, then told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.clock import Clock
from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.canonical import stamp
from engine.ledger.ledger import Ledger
from engine.ledger.supervision import Supervision, What, record_supervision
from engine.reports.language import Lang
from engine.trading import supervisor_texts as texts
from engine.trading.autonomy import FALLEN, Level, expiry_of
from engine.trading.control import Request
from engine.trading.standing import ASKED, Halt, standing_of

GEOUL = "geoul"  # who decides what no person did


class SupervisionBook:
    """Writes decisions about one account. For the trader's thread.

    Args:
        folder: of the account.
        ledger: of the account, open for writing.
        clock: of the venue's world.
        environment: "paper" or "live".
        tell: is told one line for people at a time.
        lang: of texts.
        first_level: of an account that was never given a level; None = the default of its environment.

    Attributes:
        standing: halted or not, which level, which plans wait.
    """

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        clock: Clock,
        environment: str,
        *,
        tell: Callable[[str], None] = print,
        lang: Lang = "ko",
        first_level: Level | None = None,
    ) -> None:
        self.folder, self.ledger, self.clock, self.environment = folder, ledger, clock, environment
        self.tell = tell
        self.lang: Lang = lang
        self.standing = standing_of(ledger.connection, environment, first_level)

    @property
    def halt(self) -> Halt | None:
        """The kill switch; None = off."""
        return self.standing.halt

    @property
    def level(self) -> Level:
        """The level in force now."""
        return self.standing.grant.level_at(self.clock.now())

    def record(
        self,
        what: What,
        who: str,
        reason: str = "",
        request: Request | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a decision down; from here on it is in force."""
        number, told = 0, dict(values or {})
        if request is not None:
            number, told[ASKED] = request.request_id, stamp(request.time)
        entry = Supervision(time=self.clock.now(), what=what, who=who, reason=reason, request=number, values=told)
        record_supervision(self.ledger, entry)
        self.standing.apply(entry)

    def alert(self, urgency: Urgency, code: str, told: str, values: Mapping[str, Any]) -> None:
        """Say it here, and put it into the outbox."""
        self.tell(told)
        record_alert(self.ledger, urgency, code, told, values)

    def halt_by(self, halt: Halt, request: Request | None = None) -> str:
        """Throw the kill switch; what is told of it."""
        values = {"everything": halt.everything, "cancel": halt.cancel, "sell": halt.sell}
        words = texts.HALTED_ALL if halt.everything else texts.HALTED
        told = f"{words(self.lang)} · {halt.who}: {halt.reason}"
        with self.ledger.writing():  # what is in force has been told
            self.record(What.HALT, halt.who, halt.reason, request, values)
            self.alert(Urgency.CRITICAL, "halted", told, values)
        return told

    def give(
        self,
        level: Level,
        who: str,
        reason: str,
        request: Request | None = None,
        days: int | None = None,
        evidence: tuple[str, ...] = (),
    ) -> None:
        """Give the account a level.

        Args:
            level: from now on.
            who: gives it.
            reason: why.
            request: that asked for it.
            days: until it ends; None = the level's own.
            evidence: that it rests on.
        """
        expires = expiry_of(level, self.clock.now(), days)
        values = {
            "level": level.value,
            "expires": None if expires is None else stamp(expires),
            "evidence": evidence,
        }
        self.record(What.LEVEL, who, reason, request, values)

    def fall_back(self, before: Level, reason: str) -> None:
        """Back to the level at which nothing is bought, and an alert that says why."""
        told = texts.FELL_BACK(self.lang).format(before=before.value, level=FALLEN.value, reason=reason)
        with self.ledger.writing():
            self.give(FALLEN, GEOUL, reason)
            self.alert(Urgency.CRITICAL, "level_fell_back", told, {"level": FALLEN.value, "reason": reason})
