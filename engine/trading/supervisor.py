"""Watches over one account: hears people through `control.db` and the file HALT, and holds back what its level forbids.

What is decided goes into the ledger first and takes effect by it, so a restart changes nothing. The gate also looks at
what has not been handled yet: a halt stops the next order, even in the middle of a decision.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.clock import Clock
from engine.errors import BadInput, DataError, GeoulError
from engine.krx.sessions import is_session, previous_session, session_close
from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.canonical import stamp
from engine.ledger.history import has_decision
from engine.ledger.ledger import Ledger
from engine.ledger.supervision import Supervision, What, record_supervision
from engine.operating.graph import decision_id_of
from engine.operating.state import Action
from engine.order import OrderRequest, RefusalReason, Refused, Side
from engine.reports.language import Lang, Text
from engine.trading import supervisor_texts as texts
from engine.trading.autonomy import FALLEN, LIVE, NAMES, PAPER, Level, expiry_of, require_possible
from engine.trading.clearance import CLEARANCE
from engine.trading.control import SILENT, ControlFile, Request
from engine.trading.heartbeat import Heartbeat
from engine.trading.kill_switch import HaltFile, halt_of
from engine.trading.level_evidence import MOST_DRAWDOWN, drawdown, evidence_for, require
from engine.trading.mirror_store import MirrorStore
from engine.trading.standing import ASKED, Halt, plain_action, standing_of

GEOUL = "geoul"  # who decides what no person did
WAS_SILENT = "trader_was_silent"


class Supervisor:
    """The real `Oversight` of a folder. For the trader's thread.

    Args:
        folder: of the account.
        ledger: of the account, open for writing.
        clock: of the venue's world.
        environment: "paper" or "live".
        tell: is told one line for people at a time.
        lang: of texts.
        first_level: of an account that was never given a level; None = the default of its environment.
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
        self._folder, self._ledger, self._clock, self._environment = folder, ledger, clock, environment
        self._tell = tell
        self._lang: Lang = lang
        self.standing = standing_of(ledger.connection, environment, first_level)
        self._control, self._file, self._heartbeat = ControlFile(folder), HaltFile(folder), Heartbeat(folder)
        self._control.listen()
        self._waiting: list[Request] = []
        self._deaf = self._told_deaf = ""

    def close(self) -> None:
        """The trader stops on purpose."""
        self._control.close()
        # A disk that is full, or a world that has gone with its clock, must not hide why the trader stops.
        with suppress(OSError, GeoulError):
            self._heartbeat.end(self._clock.now())

    # What the trader asks ---------------------------------------------------------------------------------------

    @property
    def halt(self) -> Halt | None:
        """The kill switch; None = off."""
        return self.standing.halt

    @property
    def level(self) -> Level:
        """The level in force now."""
        return self.standing.grant.level_at(self._clock.now())

    def look(self) -> None:
        """Show a sign of life, then carry out what people have asked for since the last look."""
        self.beat()
        self._hear()
        found = self._file.read()
        if found is not None and (self.halt is None or not self.halt.covers(found)):
            self._throw(found)
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            try:
                self._handle(request)
            except DataError as error:  # its effect stands in the ledger; the answer is written when the file can be
                self._waiting.append(request)
                self._cannot_hear(error)
        self._expire()

    def beat(self) -> None:
        """Show a sign of life; long work calls it too."""
        with suppress(OSError):  # whoever watches hears nothing then, and says so
            self._heartbeat.beat(self._clock.now())

    def check(self, request: OrderRequest) -> Refused[OrderRequest] | None:
        """Sells pass, but for a halt of everything; a purchase asks for a level, and for an approval at LV4."""
        is_halted, everything = self._halted_now()
        if request.side is Side.SELL:
            if everything and request.decision_id != CLEARANCE:
                return self._refused(request, RefusalReason.HALTED, texts.HALTED_ALL)
            return None
        if is_halted:
            return self._refused(request, RefusalReason.HALTED, texts.HALTED)
        level = self.level
        if level is Level.ALONE or (level is Level.PAPER and self._environment == PAPER):
            return None
        if level is Level.APPROVAL and self._environment == LIVE:
            plan = self.standing.plans.get(request.decision_id)
            if plan is not None and plan.answer == "approved":
                return None
            words = texts.REJECTED if plan is not None and plan.answer else texts.WAITS
            return self._refused(request, RefusalReason.AUTONOMY_LEVEL, words)
        return self._refused(request, RefusalReason.AUTONOMY_LEVEL, texts.LEVEL_HOLDS, level=level.value)

    def propose(self, decision_id: str, purchases: Sequence[Action], expires: datetime) -> None:
        """Write the purchases that were held back into the ledger, once, and announce them; LV1 only observes."""
        level = self.level
        is_new = decision_id not in self.standing.plans and self._clock.now() <= expires
        if not purchases or not is_new or level not in (Level.PROPOSE, Level.APPROVAL):
            return
        values = {
            "decision_id": decision_id,
            "expires": stamp(expires),
            "actions": [plain_action(action) for action in purchases],
        }
        self._record(What.PLAN, GEOUL, values=values)
        waits = level is Level.APPROVAL
        words = texts.PLAN_WAITS if waits else texts.PLAN_SHOWN
        shown = texts.plan_text(purchases, self._lang)
        told = words(self._lang).format(id=decision_id, time=expires, folder=self._folder, plan=shown)
        urgency, code = (Urgency.WARNING, "plan_waits") if waits else (Urgency.INFO, "plan_proposed")
        self._alert(urgency, code, told, {"decision_id": decision_id, "expires": stamp(expires)})

    def approved(self, decision_id: str) -> tuple[Action, ...]:
        """The purchases of a decision that a person approved, while they are in time."""
        plan = self.standing.plans.get(decision_id)
        if plan is None or plan.answer != "approved" or self._clock.now() > plan.expires:
            return ()
        return plan.actions

    def halted_by_rule(self) -> None:
        """Tell people; the compiled account itself buys nothing until `geoul resume`."""
        self._alert(Urgency.CRITICAL, "rule_halted", texts.RULE_HALTED(self._lang).format(folder=self._folder), {})

    def fall_back(self, reason: str) -> None:
        """A breach: purchases stop until a person gives the level again; holdings stay guarded."""
        if self.level <= FALLEN:
            return
        before = self.level
        self._give(FALLEN, GEOUL, reason)
        told = texts.FELL_BACK(self._lang).format(before=before.value, level=FALLEN.value, reason=reason)
        self._alert(Urgency.CRITICAL, "level_fell_back", told, {"level": FALLEN.value, "reason": reason})

    def review(self) -> None:
        """After a close: that on whose strength real money was left to a level must still hold."""
        if self.level < Level.APPROVAL:
            return
        store, lost = MirrorStore(self._folder), drawdown(self._ledger)
        if lost > MOST_DRAWDOWN:
            self.fall_back(texts.TOO_DEEP(self._lang).format(have=lost, need=MOST_DRAWDOWN))
        elif self.level is Level.ALONE and store.days() and not store.unbroken():
            self.fall_back(texts.UNEXPLAINED(self._lang))

    # What people ask --------------------------------------------------------------------------------------------

    def _hear(self) -> None:
        """Take in new requests; what cannot be heard holds back purchases until it can be."""
        try:
            news = self._control.news()
        except DataError as error:
            self._cannot_hear(error)
            return
        self._deaf = ""
        known = {request.request_id for request in self._waiting}
        self._waiting += [request for request in news if request.request_id not in known]

    def _cannot_hear(self, error: DataError) -> None:
        self._deaf = str(error)
        if self._deaf != self._told_deaf:
            self._told_deaf = self._deaf
            self._alert(Urgency.CRITICAL, "control_unreadable", self._deaf, {})

    def _halted_now(self) -> tuple[bool, bool]:
        """Whether purchases, and whether all orders are stopped; requests count as soon as they are written."""
        halt, found = self.halt, self._file.read()
        self._hear()
        asked = [halt_of(request) for request in self._waiting if request.command == "halt"]
        halts = [each for each in (halt, found, *asked) if each is not None]
        return bool(halts or self._deaf), any(each.everything for each in halts)

    def _handle(self, request: Request) -> None:
        now = self._clock.now()
        if self.standing.has_handled(request.request_id, stamp(request.time)):  # killed before it could answer
            self._control.answer(request, done=True, text=texts.DONE(self._lang), now=now)
            return
        try:
            text = self._carry_out(request)
        except BadInput as error:
            self._control.answer(request, done=False, text=str(error), now=now)
            return
        self._control.answer(request, done=True, text=text, now=now)

    def _carry_out(self, request: Request) -> str:
        command, values = request.command, request.parameters
        if command == "halt":
            return self._throw(halt_of(request), request)
        if command == "resume":
            return self._resume(request)
        if command == "level":
            return self._set_level(request)
        if command in ("approve", "reject"):
            return self._answer_plan(request, str(values["decision_id"]))
        if command == SILENT:
            return self._note_silence(request)
        raise BadInput(f"This Geoul knows no command {command!r}. Update the one that trades.")

    def _throw(self, halt: Halt, request: Request | None = None) -> str:
        values = {"everything": halt.everything, "cancel": halt.cancel, "sell": halt.sell}
        self._record(What.HALT, halt.who, halt.reason, request, values)
        words = texts.HALTED_ALL if halt.everything else texts.HALTED
        told = f"{words(self._lang)} · {halt.who}: {halt.reason}"
        self._alert(Urgency.CRITICAL, "halted", told, values)
        return told

    def _resume(self, request: Request) -> str:
        reason = str(request.parameters["reason"]).strip()
        if not reason:
            raise BadInput(texts.WHY(self._lang))
        if self._file.exists():
            raise BadInput(texts.FILE_IS_THERE(self._lang).format(path=self._file.path))
        self._record(What.RESUME, request.who, reason, request, {"after": self._last_decision()})
        told = texts.RESUMED(self._lang).format(who=request.who, reason=reason)
        self._alert(Urgency.INFO, "resumed", told, {})
        return told

    def _last_decision(self) -> str:
        """The decision for which a resume comes too late: the last one that was made."""
        now = self._clock.now()
        day = now.date()
        if not is_session(day) or now < session_close(day):
            day = previous_session(day)
        name = decision_id_of(session_close(day))
        return name if has_decision(self._ledger, name) else decision_id_of(session_close(previous_session(day)))

    def _set_level(self, request: Request) -> str:
        values = request.parameters
        level, reason = require_possible(int(values["level"]), self._environment, self._lang), str(values["reason"])
        if not reason.strip():
            raise BadInput(texts.WHY(self._lang))
        evidence: tuple[str, ...] = ()
        if level > self.level:
            found = evidence_for(
                level,
                self._folder,
                self._ledger,
                approved_since=self.standing.approved_since,
                paper=Path(values["paper"]) if values.get("paper") else None,
                is_healthy=bool(values.get("is_healthy")),
                clock=self._clock,
            )
            require(found, level, self._lang)
            evidence = tuple(each.text(self._lang) for each in found)
        days = values.get("days")
        self._give(level, request.who, reason, request, None if days is None else int(days), evidence)
        return texts.LEVEL_SET(self._lang).format(level=level.value, name=NAMES[level](self._lang))

    def _answer_plan(self, request: Request, decision_id: str) -> str:
        plan = self.standing.plans.get(decision_id)
        now = self._clock.now()
        if plan is None:
            raise BadInput(texts.NO_PLAN(self._lang).format(id=decision_id, folder=self._folder))
        if plan.answer:
            raise BadInput(texts.ANSWERED(self._lang).format(id=decision_id, answer=plan.answer, who=plan.who))
        if request.command == "approve":
            if not plan.is_open(now):
                raise BadInput(texts.EXPIRED(self._lang).format(id=decision_id, time=plan.expires))
            if self.level is not Level.APPROVAL:
                raise BadInput(texts.NOT_AT_FOUR(self._lang).format(level=self.level.value))
        what = What.APPROVE if request.command == "approve" else What.REJECT
        reason = str(request.parameters.get("reason", ""))
        self._record(what, request.who, reason, request, {"decision_id": decision_id})
        words = texts.IS_APPROVED if what is What.APPROVE else texts.IS_REJECTED
        told = words(self._lang).format(id=decision_id, who=request.who)
        self._tell(told)
        return told

    def _note_silence(self, request: Request) -> str:
        """An alarm of `geoul watch`, into the ledger, once."""
        mark = {"request": request.request_id, "time": stamp(request.time)}
        known = self._ledger.connection.execute("SELECT parameters FROM alerts WHERE code = ?", (WAS_SILENT,))
        if not any(mark.items() <= json.loads(values).items() for (values,) in known):
            told = texts.WAS_SILENT(self._lang).format(time=request.time, text=request.parameters["text"])
            self._alert(Urgency.WARNING, WAS_SILENT, told, {**mark, "has_ended": request.parameters["has_ended"]})
        return texts.DONE(self._lang)

    # The work ---------------------------------------------------------------------------------------------------

    def _expire(self) -> None:
        grant = self.standing.grant
        if grant.expires is not None and grant.level > FALLEN and self._clock.now() >= grant.expires:
            reason = texts.LEVEL_EXPIRED(self._lang).format(time=grant.expires)
            self._give(FALLEN, GEOUL, reason)
            told = texts.FELL_BACK(self._lang).format(before=grant.level.value, level=FALLEN.value, reason=reason)
            self._alert(Urgency.CRITICAL, "level_fell_back", told, {"level": FALLEN.value, "reason": reason})

    def _give(
        self,
        level: Level,
        who: str,
        reason: str,
        request: Request | None = None,
        days: int | None = None,
        evidence: tuple[str, ...] = (),
    ) -> None:
        expires = expiry_of(level, self._clock.now(), days)
        values = {
            "level": level.value,
            "expires": None if expires is None else stamp(expires),
            "evidence": evidence,
        }
        self._record(What.LEVEL, who, reason, request, values)

    def _record(
        self,
        what: What,
        who: str,
        reason: str = "",
        request: Request | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        number, told = 0, dict(values or {})
        if request is not None:
            number, told[ASKED] = request.request_id, stamp(request.time)
        entry = Supervision(time=self._clock.now(), what=what, who=who, reason=reason, request=number, values=told)
        record_supervision(self._ledger, entry)
        self.standing.apply(entry)

    def _alert(self, urgency: Urgency, code: str, told: str, values: Mapping[str, Any]) -> None:
        self._tell(told)
        record_alert(self._ledger, urgency, code, told, values)

    def _refused(
        self, request: OrderRequest, reason: RefusalReason, words: Text, **values: object
    ) -> Refused[OrderRequest]:
        return Refused(value=request, reason=reason, message=words(self._lang).format(**values))
