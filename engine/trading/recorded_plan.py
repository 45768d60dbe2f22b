"""The plan of a decision that was made before: after a restart it is taken from the ledger, and nobody is asked anew.

The rules would plan the same again. Anybody else (a model, or a decision that came too late to buy) may have taken less
than the rules signal, and what was not taken must not be watched for, sent, or shown to a person after a restart.
"""

from __future__ import annotations

import json

from engine.ledger.ledger import Ledger
from engine.ledger.rows import ACCOUNT
from engine.operating.desk import NoPlan, Planner
from engine.operating.plan import RulePlanner
from engine.operating.state import Plan, Situation
from engine.trading.standing import action_from_plain


class RecordedPlan:
    """Gives a recorded plan back; the risk check comes to what it came to then.

    Args:
        name: who made it.
        plan: as it was proposed; None = there was none.
        failure: why there was none.
    """

    def __init__(self, name: str, plan: Plan | None, failure: str) -> None:
        self.name, self._plan, self._failure = name, plan, failure

    def plan(self, situation: Situation) -> Plan:
        """The plan.

        Raises:
            NoPlan: there was none.
        """
        if self._plan is None:
            raise NoPlan(self._failure, "recorded")
        return self._plan


def recorded_planner(ledger: Ledger, decision_id: str) -> Planner | None:
    """Who plans a decision of the account that is recorded already; None = the rules, which plan it again."""
    name, failure, text = ledger.connection.execute(
        "SELECT planner, failure, plan FROM decisions WHERE run_id = ? AND decision_id = ?", (ACCOUNT, decision_id)
    ).fetchone()
    if name == RulePlanner.name:
        return None
    if text is None:
        return RecordedPlan(name, None, failure)
    told = json.loads(text)
    actions = tuple(map(action_from_plain, told["actions"]))
    return RecordedPlan(name, Plan(planner=name, actions=actions, justification=told["justification"]), "")
