"""How a running account is doing, at one instant: figures, each judged by its limits. Nothing here looks at anything.

health = assess(facts, limits)
health.state            the worst of all figures
health.of("day_loss")   Measure(value=0.012, state=GOOD)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from engine.clock import in_seoul
from engine.errors import DataError
from engine.trading.api_meter import ApiUse
from engine.trading.health_limits import COUNTS_WHAT_IS_LEFT, HealthLimits


class State(Enum):
    """What a figure means."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"  # nothing to judge: no calls, no session, no equity yet

    @property
    def weight(self) -> int:
        """0 good or unknown, 1 warning, 2 bad."""
        return {State.WARNING: 1, State.BAD: 2}.get(self, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """The stream.

    Args:
        connected: whether the link is up.
        wanted: subscriptions asked for.
        registered: subscriptions that the venue confirmed.
        queue: items that wait.
        dropped: items that the full queue dropped, ever.
        age_seconds: since the last frame; None before the first, and where silence means nothing.
    """

    connected: bool
    wanted: int
    registered: int
    queue: int
    dropped: int
    age_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was found at one instant.

    Args:
        time: by the clock of the venue's world.
        environment: "paper" or "live".
        process: number of the trader's process.
        in_session: whether the exchange trades now.
        cash: won, unsettled included.
        equity: won, holdings at their last prices.
        base_equity: last closing equity and what was paid in or out since; None before the first close.
        losing_streak: sells in a row that ended with a loss.
        positions: names held.
        open_orders: orders that can still fill.
        unresolved_orders: orders of which nobody knows whether the venue has them.
        watched_levels: prices that we watch.
        differences: between ledger and venue at the last comparison.
        api: the calls of the last minutes.
        feed: the stream; None = there is none.
        clock_drift: seconds, the venue's clock less ours; None = it has not said.
        disk_free: bytes.
        ledger_size: bytes.
        level: of autonomy.
        halt: the kill switch in words; "" = off.
        last_decision: its id; "" before the first.
        next_moment: when something is due next.
        next_what: "decide" or "end".
    """

    time: datetime
    environment: str
    process: int
    in_session: bool
    cash: int
    equity: int
    base_equity: int | None
    losing_streak: int
    positions: int
    open_orders: int
    unresolved_orders: int
    watched_levels: int
    differences: int
    api: ApiUse
    feed: Feed | None
    clock_drift: float | None
    disk_free: int
    ledger_size: int
    level: int
    halt: str
    last_decision: str
    next_moment: datetime
    next_what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure; the value is None where there is nothing to judge."""

    name: str
    value: float | None
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The facts and what they mean; `measures` in the order of the limits."""

    facts: Facts
    measures: tuple[Measure, ...]
    ended: bool = field(default=False)

    @property
    def state(self) -> State:
        """The worst of all; a feed that should be there and is not is bad, a halt is a warning."""
        worst = max(self.measures, key=lambda each: each.state.weight).state
        feed = self.facts.feed
        if self.facts.in_session and feed is not None and not feed.connected:
            return State.BAD
        if self.facts.halt and worst.weight == 0:
            return State.WARNING
        return State.GOOD if worst is State.UNKNOWN else worst

    def of(self, name: str) -> Measure:
        """One figure.

        Raises:
            KeyError: there is none of that name.
        """
        return {each.name: each for each in self.measures}[name]


def assess(facts: Facts, limits: HealthLimits) -> Health:
    """Judge the facts."""
    values = _values(facts)
    return Health(
        facts=facts,
        measures=tuple(
            Measure(name=name, value=values[name], state=_judge(name, values[name], limits))
            for name in HealthLimits.model_fields
        ),
    )


def _values(facts: Facts) -> dict[str, float | None]:
    base, feed = facts.base_equity, facts.feed
    listens = facts.in_session and feed is not None and feed.wanted > 0
    return {
        "day_loss": max(1 - facts.equity / base, 0.0) if base else None,
        "losing_streak": facts.losing_streak,
        "api_error_rate": facts.api.error_rate,
        "api_latency": facts.api.latency_seconds,
        "queue_length": None if feed is None else feed.queue,
        "feed_age": feed.age_seconds if listens and feed is not None else None,
        "clock_drift": None if facts.clock_drift is None else abs(facts.clock_drift),
        "disk_free": facts.disk_free,
        "ledger_size": facts.ledger_size,
        "differences": facts.differences,
        "unresolved_orders": facts.unresolved_orders,
    }


def _judge(name: str, value: float | None, limits: HealthLimits) -> State:
    if value is None:
        return State.UNKNOWN
    bounds = getattr(limits, name)
    sign = -1 if name == COUNTS_WHAT_IS_LEFT else 1
    if sign * value >= sign * bounds.bad:
        return State.BAD
    return State.WARNING if sign * value >= sign * bounds.warning else State.GOOD


def health_as_plain(health: Health) -> dict[str, Any]:
    """As JSON holds it."""
    facts = asdict(health.facts)
    facts["time"], facts["next_moment"] = health.facts.time.isoformat(), health.facts.next_moment.isoformat()
    measures = {each.name: {"value": each.value, "state": each.state.value} for each in health.measures}
    return {"state": health.state.value, "ended": health.ended, "facts": facts, "measures": measures}


def health_from_plain(values: Mapping[str, Any]) -> Health:
    """What `health_as_plain` gave.

    Raises:
        DataError: it is something else, or of another version.
    """
    try:
        facts = dict(values["facts"])
        for name in ("time", "next_moment"):
            facts[name] = in_seoul(datetime.fromisoformat(facts[name]))
        facts["api"] = ApiUse(**facts["api"])
        facts["feed"] = None if facts["feed"] is None else Feed(**facts["feed"])
        return Health(
            facts=Facts(**facts),
            measures=tuple(
                Measure(name=name, value=told["value"], state=State(told["state"]))
                for name, told in values["measures"].items()
            ),
            ended=bool(values["ended"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"The status of the account cannot be read ({type(error).__name__}: {error}). It is written anew by the "
            "next turn of a trader of this version."
        ) from None
