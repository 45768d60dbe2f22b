"""What people ask of a running account, carried out: halts, levels, answers to plans, cash that moved."""

from __future__ import annotations

import json
from pathlib import Path

from engine.errors import BadInput
from engine.events import CashMoved, CashReason
from engine.krx.sessions import is_session, previous_session, session_close
from engine.ledger.alerts import Urgency
from engine.ledger.canonical import stamp
from engine.ledger.history import has_decision
from engine.ledger.supervision import What
from engine.operating.graph import decision_id_of
from engine.order import Side
from engine.trading import supervisor_texts as texts
from engine.trading.autonomy import NAMES, Level, require_possible
from engine.trading.control import SILENT, Request
from engine.trading.hand_trades import hand_trade
from engine.trading.kill_switch import HaltFile, halt_of
from engine.trading.level_evidence import evidence_for, require
from engine.trading.supervision_book import SupervisionBook
from engine.trading.texts import SIDES as FILLED_SIDES

WAS_SILENT = "trader_was_silent"
# Why cash moved, as people call it: the ledger's reason, in (+1) or out (−1), and the words.
CASH_KINDS = {
    "deposit": (CashReason.DEPOSIT, 1, texts.PAID_IN),
    "withdrawal": (CashReason.WITHDRAWAL, -1, texts.PAID_OUT),
    "income": (CashReason.INTEREST, 1, texts.INCOME),
    "cost": (CashReason.COST_ADJUSTMENT, -1, texts.COST),
}


class Requests:
    """Carries requests out, one at a time.

    Args:
        book: takes what is decided.
        file: HALT, which must be gone before anything is resumed.
    """

    def __init__(self, book: SupervisionBook, file: HaltFile) -> None:
        self._book, self._file = book, file

    def carry_out(self, request: Request) -> str:
        """Do what was asked; what the one who asked is told.

        Raises:
            BadInput: it cannot be done, and why.
        """
        command, values = request.command, request.parameters
        if command == "halt":
            return self._book.halt_by(halt_of(request), request)
        if command == "resume":
            return self._resume(request)
        if command == "level":
            return self._set_level(request)
        if command in ("approve", "reject"):
            return self._answer_plan(request, str(values["decision_id"]))
        if command == "cash":
            return self._move_cash(request)
        if command == "trade":
            return self._book_trade(request)
        if command == SILENT:
            return self._note_silence(request)
        raise BadInput(f"This Geoul knows no command {command!r}. Update the one that trades.")

    def _resume(self, request: Request) -> str:
        reason = str(request.parameters["reason"]).strip()
        if not reason:
            raise BadInput(texts.WHY(self._book.lang))
        if self._file.exists():
            raise BadInput(texts.FILE_IS_THERE(self._book.lang).format(path=self._file.path))
        told = texts.RESUMED(self._book.lang).format(who=request.who, reason=reason)
        with self._book.ledger.writing():
            self._book.record(What.RESUME, request.who, reason, request, {"after": self._last_decision()})
            self._book.alert(Urgency.INFO, "resumed", told, {})
        return told

    def _last_decision(self) -> str:
        """The decision for which a resume comes too late: the last one that was made."""
        now = self._book.clock.now()
        day = now.date()
        if not is_session(day) or now < session_close(day):
            day = previous_session(day)
        name = decision_id_of(session_close(day))
        return name if has_decision(self._book.ledger, name) else decision_id_of(session_close(previous_session(day)))

    def _set_level(self, request: Request) -> str:
        values = request.parameters
        level, reason = (
            require_possible(int(values["level"]), self._book.environment, self._book.lang),
            str(values["reason"]),
        )
        if not reason.strip():
            raise BadInput(texts.WHY(self._book.lang))
        evidence: tuple[str, ...] = ()
        if level > self._book.level:
            found = evidence_for(
                level,
                self._book.folder,
                self._book.ledger,
                approved_since=self._book.standing.approved_since,
                paper=Path(values["paper"]) if values.get("paper") else None,
                is_healthy=bool(values.get("is_healthy")),
                clock=self._book.clock,
            )
            require(found, level, self._book.lang)
            evidence = tuple(each.text(self._book.lang) for each in found)
        days = values.get("days")
        self._book.give(level, request.who, reason, request, None if days is None else int(days), evidence)
        return texts.LEVEL_SET(self._book.lang).format(level=level.value, name=NAMES[level](self._book.lang))

    def _answer_plan(self, request: Request, decision_id: str) -> str:
        plan = self._book.standing.plans.get(decision_id)
        now = self._book.clock.now()
        if plan is None:
            raise BadInput(texts.NO_PLAN(self._book.lang).format(id=decision_id, folder=self._book.folder))
        if plan.answer:
            raise BadInput(texts.ANSWERED(self._book.lang).format(id=decision_id, answer=plan.answer, who=plan.who))
        if request.command == "approve":
            if not plan.is_open(now):
                raise BadInput(texts.EXPIRED(self._book.lang).format(id=decision_id, time=plan.expires))
            if self._book.level is not Level.APPROVAL:
                raise BadInput(texts.NOT_AT_FOUR(self._book.lang).format(level=self._book.level.value))
        what = What.APPROVE if request.command == "approve" else What.REJECT
        reason = str(request.parameters.get("reason", ""))
        self._book.record(what, request.who, reason, request, {"decision_id": decision_id})
        words = texts.IS_APPROVED if what is What.APPROVE else texts.IS_REJECTED
        told = words(self._book.lang).format(id=decision_id, who=request.who)
        self._book.tell(told)
        return told

    def _move_cash(self, request: Request) -> str:
        """Money that came or went without a trade, into the ledger; only a person knows why the venue's cash moved."""
        ledger, kind = self._book.ledger, str(request.parameters["kind"])
        if kind not in CASH_KINDS:
            raise BadInput(f"This Geoul knows no movement of cash {kind!r}. Update the one that trades.")
        reason, sign, words = CASH_KINDS[kind]
        amount = sign * int(request.parameters["amount"])
        if ledger.totals.cash + amount < 0:
            raise BadInput(texts.TOO_LITTLE_CASH(self._book.lang).format(cash=ledger.totals.cash))
        text = str(request.parameters["reason"]).strip()
        told = texts.CASH_MOVED(self._book.lang).format(
            what=words(self._book.lang), amount=amount, cash=ledger.totals.cash + amount
        )
        moved = CashMoved(time=self._book.clock.now(), reason=reason, amount=amount, text=text)
        with ledger.writing():  # booked once, however often the request is heard
            ledger.append(moved)
            self._book.record(What.CASH, request.who, text, request, {"kind": kind, "amount": amount})
            self._book.alert(Urgency.INFO, "cash_moved", told, {"kind": kind, "amount": amount})
        return told

    def _book_trade(self, request: Request) -> str:
        """What a person traded by hand, into the ledger; the name is traded again when the venue agrees."""
        ledger, lang, values = self._book.ledger, self._book.lang, request.parameters
        side, ticker, reason = Side(values["side"]), str(values["ticker"]), str(values["reason"]).strip()
        quantity, price = int(values["quantity"]), int(values["price"])
        events = hand_trade(ledger, self._book.clock, side, ticker, quantity, price)
        told = texts.HAND_TRADE(lang).format(
            side=FILLED_SIDES[side.value](lang), ticker=ticker, quantity=quantity, price=price
        )
        with ledger.writing():  # booked once, however often the request is heard
            ledger.append_all(events)
            self._book.record(What.TRADE, request.who, reason, request, {"order_id": events[0].order_id})
            self._book.alert(Urgency.INFO, "traded_by_hand", told, {"ticker": ticker, "quantity": quantity})
        return told

    def _note_silence(self, request: Request) -> str:
        """An alarm of `geoul watch`, into the ledger, once."""
        mark = {"request": request.request_id, "time": stamp(request.time)}
        known = self._book.ledger.connection.execute("SELECT parameters FROM alerts WHERE code = ?", (WAS_SILENT,))
        if not any(mark.items() <= json.loads(values).items() for (values,) in known):
            told = texts.WAS_SILENT(self._book.lang).format(time=request.time, text=request.parameters["text"])
            self._book.alert(Urgency.WARNING, WAS_SILENT, told, {**mark, "has_ended": request.parameters["has_ended"]})
        return texts.DONE(self._book.lang)
