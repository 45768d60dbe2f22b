"""Watches over one account: hears people through `control.db` and the file HALT, and holds back what its level forbids.

What is decided goes into the ledger first and takes effect by it, so a restart changes nothing. The gate also looks at
what has not been handled yet: a halt stops the next order, even in the middle of a decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from engine.errors import BadInput, DataError, GeoulError
from engine.ledger.alerts import Urgency
from engine.ledger.canonical import stamp
from engine.ledger.supervision import What
from engine.operating.state import Action
from engine.order import OrderRequest, RefusalReason, Refused, Side
from engine.reports.language import Text
from engine.trading import supervisor_texts as texts
from engine.trading.autonomy import FALLEN, LIVE, PAPER, Level
from engine.trading.clearance import CLEARANCE
from engine.trading.control import ControlFile, Request
from engine.trading.heartbeat import Heartbeat
from engine.trading.kill_switch import HaltFile, halt_of
from engine.trading.level_evidence import MOST_DRAWDOWN, drawdown
from engine.trading.mirror_store import MirrorStore
from engine.trading.request_handling import Requests
from engine.trading.standing import Halt, Standing, plain_action
from engine.trading.supervision_book import GEOUL, SupervisionBook


class Supervisor:
    """The real `Oversight` of a folder. For the trader's thread.

    Args:
        book: of the account.
    """

    def __init__(self, book: SupervisionBook) -> None:
        self._book, self._folder, self._ledger, self._clock = book, book.folder, book.ledger, book.clock
        self._environment, self._lang = book.environment, book.lang
        self._control, self._file = ControlFile(book.folder), HaltFile(book.folder)
        self._heartbeat = Heartbeat(book.folder)
        self._requests = Requests(self._book, self._file)
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
    def standing(self) -> Standing:
        """Halted or not, which level, which plans wait."""
        return self._book.standing

    @property
    def halt(self) -> Halt | None:
        """The kill switch; None = off."""
        return self._book.halt

    @property
    def level(self) -> Level:
        """The level in force now."""
        return self._book.level

    def look(self) -> None:
        """Show a sign of life, then carry out what people have asked for since the last look."""
        self.beat()
        self._hear()
        found = self._file.read()
        if found is not None and (self.halt is None or not self.halt.covers(found)):
            self._book.halt_by(found)
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
        waits = level is Level.APPROVAL
        words = texts.PLAN_WAITS if waits else texts.PLAN_SHOWN
        shown = texts.plan_text(purchases, self._lang)
        told = words(self._lang).format(id=decision_id, time=expires, folder=self._folder, plan=shown)
        urgency, code = (Urgency.WARNING, "plan_waits") if waits else (Urgency.INFO, "plan_proposed")
        with self._book.ledger.writing():
            self._book.record(What.PLAN, GEOUL, values=values)
            self._book.alert(urgency, code, told, {"decision_id": decision_id, "expires": stamp(expires)})

    def approved(self, decision_id: str) -> tuple[Action, ...]:
        """The purchases of a decision that a person approved, while they are in time."""
        plan = self.standing.plans.get(decision_id)
        if plan is None or plan.answer != "approved" or self._clock.now() > plan.expires:
            return ()
        return plan.actions

    def halted_by_rule(self) -> None:
        """Tell people; the compiled account itself buys nothing until `geoul resume`."""
        self._book.alert(Urgency.CRITICAL, "rule_halted", texts.RULE_HALTED(self._lang).format(folder=self._folder), {})

    def fall_back(self, reason: str) -> None:
        """A breach: purchases stop until a person gives the level again; holdings stay guarded."""
        if self.level <= FALLEN:
            return
        self._book.fall_back(self.level, reason)

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
            self._book.alert(Urgency.CRITICAL, "control_unreadable", self._deaf, {})

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
            text = self._requests.carry_out(request)
        except BadInput as error:
            self._control.answer(request, done=False, text=str(error), now=now)
            return
        self._control.answer(request, done=True, text=text, now=now)

    # The work ---------------------------------------------------------------------------------------------------

    def _expire(self) -> None:
        grant = self.standing.grant
        if grant.expires is not None and grant.level > FALLEN and self._clock.now() >= grant.expires:
            self._book.fall_back(grant.level, texts.LEVEL_EXPIRED(self._lang).format(time=grant.expires))

    def _refused(
        self, request: OrderRequest, reason: RefusalReason, words: Text, **values: object
    ) -> Refused[OrderRequest]:
        return Refused(value=request, reason=reason, message=words(self._lang).format(**values))
