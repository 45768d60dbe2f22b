"""How an account stands: halted or not, at which level of autonomy, which plans wait. The fold of what was decided.

standing = standing_of(ledger.connection, "paper")
standing.apply(entry)          as each decision is recorded
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from engine.ledger.canonical import unstamp
from engine.ledger.supervision import Supervision, What, supervisions
from engine.operating.state import Action
from engine.order import OrderKind, Side
from engine.trading.autonomy import DEFAULT, Grant, Level

ASKED = "asked"  # key of the time of a request among the values of its effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """The kill switch is on: nothing is bought until a person resumes.

    Args:
        since: when it was thrown.
        who: threw it.
        reason: why.
        everything: exits and guarded levels send nothing either.
        cancel: open purchases are withdrawn; with `everything` or `sell`, every open order.
        sell: all holdings of the ledger are sold at market.
    """

    since: datetime
    who: str
    reason: str = ""
    everything: bool = False
    cancel: bool = False
    sell: bool = False

    def covers(self, other: Halt) -> bool:
        """Whether it asks for all that another one asks for."""
        return (self.everything, self.cancel, self.sell) == (
            self.everything or other.everything,
            self.cancel or other.cancel,
            self.sell or other.sell,
        )

    def with_more(self, later: Halt) -> Halt:
        """Thrown again: what either of the two asks for."""
        return replace(
            self,
            everything=self.everything or later.everything,
            cancel=self.cancel or later.cancel,
            sell=self.sell or later.sell,
            reason=later.reason or self.reason,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingPlan:
    """The purchases of a decision that a level held back.

    Args:
        decision_id: of the decision.
        time: when it was made.
        expires: after it the purchases would come too late.
        actions: the purchases, with the shares that the risk check allowed.
        answer: "" while nobody has answered, else "approved" or "rejected".
        who: answered.
    """

    decision_id: str
    time: datetime
    expires: datetime
    actions: tuple[Action, ...]
    answer: str = ""
    who: str = ""

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be answered."""
        return not self.answer and now <= self.expires


@dataclass(slots=True)
class Standing:
    """The state; `apply` changes it.

    Args:
        grant: the level.
        halt: the kill switch; None = off.
        plans: by decision, in order.
        approved_since: day since which the level has been LV4 or higher without a break, as ISO text; "" = it is not.
        resumes: decisions after which a person let the account go on, see `told_account`.
        handled: requests whose effect has been recorded, by number, with the time at which they were asked; "" = it was
            not recorded.
    """

    grant: Grant
    halt: Halt | None = None
    plans: dict[str, WaitingPlan] = field(default_factory=dict)
    approved_since: str = ""
    resumes: list[str] = field(default_factory=list)
    handled: dict[int, str] = field(default_factory=dict)

    def has_handled(self, request: int, asked: str) -> bool:
        """Whether a request has had its effect; one of the same number in a file that was lost is another one."""
        return self.handled.get(request) in (asked, "")

    def apply(self, entry: Supervision) -> None:
        """One more decision."""
        values = entry.values
        if entry.request:
            self.handled[entry.request] = values.get(ASKED, "")
        if entry.what is What.HALT:
            thrown = Halt(
                since=entry.time,
                who=entry.who,
                reason=entry.reason,
                everything=values["everything"],
                cancel=values["cancel"],
                sell=values["sell"],
            )
            self.halt = thrown if self.halt is None else self.halt.with_more(thrown)
        elif entry.what is What.RESUME:
            self.halt = None
            self.resumes.append(values["after"])
        elif entry.what is What.LEVEL:
            expires = values["expires"]
            if values["level"] < Level.APPROVAL:
                self.approved_since = ""
            else:
                self.approved_since = self.approved_since or entry.time.date().isoformat()
            self.grant = Grant(
                level=Level(values["level"]),
                since=entry.time,
                who=entry.who,
                reason=entry.reason,
                expires=unstamp(expires) if expires else None,
                evidence=tuple(values["evidence"]),
            )
        elif entry.what is What.PLAN:
            name = values["decision_id"]
            self.plans[name] = WaitingPlan(
                decision_id=name,
                time=entry.time,
                expires=unstamp(values["expires"]),
                actions=tuple(action_from_plain(action) for action in values["actions"]),
            )
        elif entry.what in (What.APPROVE, What.REJECT):
            answer = "approved" if entry.what is What.APPROVE else "rejected"
            plan = self.plans[values["decision_id"]]
            self.plans[plan.decision_id] = replace(plan, answer=answer, who=entry.who)


def standing_of(connection: sqlite3.Connection, environment: str, first_level: Level | None = None) -> Standing:
    """The fold of all decisions of a ledger.

    Args:
        connection: of the ledger.
        environment: "paper" or "live".
        first_level: of an account that was never given one; None = the default of its environment.
    """
    standing = Standing(Grant(level=DEFAULT[environment] if first_level is None else first_level))
    for entry in supervisions(connection):
        standing.apply(entry)
    return standing


def resumes_of(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The decisions after which a person let the account go on."""
    return tuple(entry.values["after"] for entry in supervisions(connection) if entry.what is What.RESUME)


def plain_action(action: Action) -> dict[str, Any]:
    """What of a purchase goes into the ledger."""
    return {
        "ticker": action.ticker,
        "name": action.name,
        "side": action.side,
        "quantity": action.quantity,
        "kind": action.kind,
        "price": action.price,
        "from_open": action.from_open,
        "justification": action.justification,
        "rule_ids": action.rule_ids,
    }


def action_from_plain(values: Mapping[str, Any]) -> Action:
    """The purchase that the ledger holds."""
    return Action(
        ticker=values["ticker"],
        name=values["name"],
        side=Side(values["side"]),
        quantity=values["quantity"],
        kind=OrderKind(values["kind"]),
        price=values["price"],
        from_open=values["from_open"],
        justification=values["justification"],
        rule_ids=tuple(values["rule_ids"]),
    )
