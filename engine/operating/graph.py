"""The operating graph: six nodes, one after the other, once for every slice of market data.

    for event in broker.events():
        graph.process(event)

A slow planner lets a cycle wait after node 3; when its `PlanReady` comes, nodes 4 to 6 run with fresh prices. A plan
that fails or comes too late is recorded and nothing more is sent for it; exits and guarded levels stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from engine.events import Event, PlanReady, Slice
from engine.operating.analysis import analyse
from engine.operating.data_seen import DataSeen
from engine.operating.desk import Desk, FailedPlan
from engine.operating.diagnosis import diagnose
from engine.operating.execution import execute
from engine.operating.plan import fail, make_plan, take_trace
from engine.operating.record import record
from engine.operating.risk_check import check_risk
from engine.operating.state import Cycle, Plan
from engine.reports.language import Text

Node = Callable[[Cycle, Desk], None]

NODES: tuple[Node, ...] = (
    diagnose,  # 1 portfolio diagnosis
    analyse,  # 2 market analysis
    make_plan,  # 3 plan
    check_risk,  # 4 risk check
    execute,  # 5 execution
    record,  # 6 record and report
)
AFTER_THE_PLAN = NODES.index(check_risk)

TOO_LATE = Text("계획이 {deadline}까지 오지 않고 {time}에 왔다", "the plan was due at {deadline} and came at {time}")
NO_PLAN = Text("계획이 비어 있고 이유도 없다", "the planner gave neither a plan nor a reason")
NEVER_CAME = Text("실행이 끝날 때까지 계획이 오지 않았다", "no plan had come when the run ended")


def decision_id_of(close: datetime) -> str:
    """Name of the decision that looks at a close; the same in a replay and at a venue."""
    return f"{close:%Y-%m-%dT%H:%M}"


class OperatingGraph:
    """Runs the nodes on what happens.

    Args:
        desk: what the nodes work with.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen = DataSeen(desk.simulation.exchange.panel, desk.simulation.first)
        self._waiting: dict[str, Cycle] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether a cycle waits for its plan."""
        return bool(self._waiting)

    def process(self, event: Event) -> None:
        """Handle one event completely before the next one comes."""
        if type(event) is Slice:
            self._begin(event)
        elif isinstance(event, PlanReady):
            self._resume(event)

    def finish(self) -> None:
        """Call once when no event will come any more: cycles that still wait are recorded as failed."""
        for cycle in self._waiting.values():
            cycle.waiting = False
            cycle.failure, cycle.failure_code = NEVER_CAME(self._desk.lang), "too_late"
            self._run(cycle, NODES[AFTER_THE_PLAN:])
        self._waiting.clear()

    def _begin(self, event: Slice) -> None:
        time = event.time
        cycle = Cycle(decision_id=decision_id_of(time), time=time, row=event.row, data_hash=self._seen.up_to(event.row))
        self._run(cycle, NODES)
        if cycle.waiting:
            self._waiting[cycle.decision_id] = cycle

    def _resume(self, event: PlanReady) -> None:
        cycle = self._waiting.pop(event.decision_id, None)
        if cycle is None:  # told twice
            return
        cycle.waiting = False
        lang = self._desk.lang
        if event.time > event.deadline:
            cycle.failure_code = "too_late"
            cycle.failure = TOO_LATE(lang).format(
                deadline=f"{event.deadline:%Y-%m-%d %H:%M}", time=f"{event.time:%Y-%m-%d %H:%M}"
            )
        elif isinstance(event.plan, FailedPlan):
            fail(cycle, event.plan)
        elif event.failure or not isinstance(event.plan, Plan):
            cycle.failure = event.failure or NO_PLAN(lang)
        else:
            cycle.plan = event.plan
            take_trace(cycle)
        self._run(cycle, NODES[AFTER_THE_PLAN:])

    def _run(self, cycle: Cycle, nodes: Sequence[Node]) -> None:
        for node in nodes:
            node(cycle, self._desk)
            if cycle.waiting:
                return
