"""Watching a rule day by day: in shadow until the evidence is strong enough, and after promotion until it fails.

Both watch the difference of one day's returns, portfolio with the rule less portfolio without it, brought to 0 … 1 by
a bound B that is fixed before the first day (`engine.metrics.sequential.share_of_range`). Whoever looks every day, or
stops whenever they like, does not weaken the guarantees:

- `ShadowWatch`: a rule that is no better is ever promoted with probability alpha at most.
- `PromotedWatch`: a rule that stays as good is rolled back after 1/alpha days on average at the earliest.

A day beyond the bound breaks what the guarantees stand on, so each watch then goes the safe way. A gain above B counts
as B: it weakens the evidence for a rule, and a promoted rule may be rolled back too early, never too late. A loss below
-B stops a shadow for good (start a new one with a wider bound) and rolls a promoted rule back at once.

States are values: `advance` gives the next one, `as_plain` and `read_watch` bring it into a ledger and back to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from math import exp, isfinite, log
from typing import Any, Literal, Self

from engine.errors import BadInput
from engine.metrics.sequential import EDetector, EProcess, share_of_range

Outcome = Literal["watching", "promote", "stopped", "roll back"]

ALPHA_SHADOW = 0.05
ALPHA_PROMOTED = 0.01  # a false alarm once in 100 days or less often
# Further ahead than ten years, "about N days" would be a figure of speech.
FURTHEST_DAYS = 2_520


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    """What both watches keep.

    Args:
        bound: largest difference of a day, as a ratio; 0.02 is two percent of the portfolio.
        alpha: see the class.
        days: how many were seen.
        total: sum of the differences as they were, clipped or not.
        beyond: days whose difference was outside the bound.
        last: the session seen last; None before the first.
        decided: the session on which the decision fell; None while watching. It is not taken back.
    """

    bound: float
    alpha: float
    days: int = 0
    total: float = 0.0
    beyond: int = 0
    last: date | None = None
    decided: date | None = None

    def __post_init__(self) -> None:
        if not (isfinite(self.bound) and self.bound > 0):
            raise BadInput(f"A bound of {self.bound:g} for a day's difference is none: give a ratio such as 0.02.")
        if not 0 < self.alpha < 1:
            raise BadInput(f"An alpha of {self.alpha:g} is no probability between 0 and 1. 0.05 is usual.")

    @property
    def limit(self) -> float:
        """The evidence at which the decision falls."""
        return 1 / self.alpha

    @property
    def mean(self) -> float:
        """Mean difference of a day; 0 before the first."""
        return self.total / self.days if self.days else 0.0

    def _seen(self, session: date, difference: float) -> Self:
        if not isfinite(difference):
            raise BadInput(f"The difference of {session} is {difference}: give both returns of that session.")
        if self.last is not None and session <= self.last:
            raise BadInput(
                f"{session} was counted already: the watch stands at {self.last}. Give each session once, in order."
            )
        return replace(
            self,
            days=self.days + 1,
            total=self.total + difference,
            beyond=self.beyond + (abs(difference) > self.bound),
            last=session,
        )

    def _plain(self) -> dict[str, Any]:
        return {
            "bound": self.bound,
            "alpha": self.alpha,
            "days": self.days,
            "total": self.total,
            "beyond": self.beyond,
            "last": None if self.last is None else self.last.isoformat(),
            "decided": None if self.decided is None else self.decided.isoformat(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowWatch(_Watch):
    """A rule that does not trade yet: collects evidence that it is better than the baseline.

    `alpha` is the probability with which a rule that is no better is ever promoted. `stopped` once a day was worse
    than the bound.
    """

    alpha: float = ALPHA_SHADOW
    process: EProcess = field(default_factory=EProcess)
    stopped: bool = False

    @property
    def evidence(self) -> float:
        """Wealth of the bettors against "no better"; starts at 1."""
        return self.process.evidence

    @property
    def outcome(self) -> Outcome:
        """What to do now."""
        if self.stopped:
            return "stopped"
        return "watching" if self.decided is None else "promote"

    def advance(self, session: date, difference: float) -> ShadowWatch:
        """The state after one more session; after the decision only the days are counted.

        Args:
            session: later than the one before.
            difference: return of the portfolio with the rule less that without it, as a ratio.

        Raises:
            BadInput: a session that was seen already, or a difference that is not a number.
        """
        seen = self._seen(session, difference)
        if self.outcome != "watching":
            return seen
        if difference < -self.bound:
            return replace(seen, stopped=True, decided=session)
        process = self.process.update(share_of_range(difference, self.bound))
        return replace(seen, process=process, decided=session if process.rejects(self.alpha) else None)

    def days_missing(self) -> int | None:
        """Further days until promotion if wealth keeps growing at its pace so far; None if it would take too long.

        The pace is that of each bettor's wealth, so a difference that swings widely takes longer than a steady one of
        the same mean.
        """
        if self.outcome != "watching":
            return 0
        if not self.days:
            return None
        paces = [log(wealth) / self.days if wealth > 0 else float("-inf") for wealth in self.process.wealth]

        def reached(day: int) -> bool:
            # The logarithm of 1e300 is 690: enough for any limit, and exp cannot overflow below it.
            values = [exp(min(690.0, pace * day)) if isfinite(pace) else 0.0 for pace in paces]
            return sum(values) / len(values) >= self.limit

        return _first_day(reached, self.days)

    def as_plain(self) -> dict[str, Any]:
        """The state as JSON can hold it."""
        process = self.process
        state = {"observations": process.observations, "bets": list(process.bets), "wealth": list(process.wealth)}
        return {"watch": "shadow", **self._plain(), **state, "stopped": self.stopped}

    def promoted(self, alpha: float = ALPHA_PROMOTED) -> PromotedWatch:
        """The watch that follows a promotion, with the same bound and bets.

        Raises:
            BadInput: the rule is not promoted.
        """
        if self.outcome != "promote":
            raise BadInput(f"The evidence is {self.evidence:.3g} of {self.limit:g}: the rule is not promoted.")
        return PromotedWatch(bound=self.bound, alpha=alpha, last=self.last, detector=EDetector(bets=self.process.bets))


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotedWatch(_Watch):
    """A rule that trades: looks for the time from which it is worse than the baseline.

    `alpha` is one over the least mean number of days until a false alarm.
    """

    alpha: float = ALPHA_PROMOTED
    detector: EDetector = field(default_factory=EDetector)

    @property
    def evidence(self) -> float:
        """Evidence that the rule has become worse at some day; starts at 0."""
        return self.detector.evidence

    @property
    def outcome(self) -> Outcome:
        """What to do now."""
        return "watching" if self.decided is None else "roll back"

    def advance(self, session: date, difference: float) -> PromotedWatch:
        """The state after one more session; arguments and errors as for `ShadowWatch.advance`."""
        seen = self._seen(session, difference)
        if self.decided is not None:
            return seen
        if difference < -self.bound:
            return replace(seen, decided=session)
        # A gain above the bound is a mirrored loss below it, which `share_of_range` refuses: see the top of the file.
        detector = self.detector.update(share_of_range(-min(difference, self.bound), self.bound))
        return replace(seen, detector=detector, decided=session if detector.alarms(self.limit) else None)

    def days_missing(self) -> int | None:
        """Further days until an alarm if every day is as the mean so far; None if that would take too long."""
        if self.outcome != "watching":
            return 0
        if not self.days or self.mean >= 0:
            return None
        observation = share_of_range(-max(self.mean, -self.bound), self.bound)
        detector = self.detector
        for day in range(1, FURTHEST_DAYS + 1):
            detector = detector.update(observation)
            if detector.alarms(self.limit):
                return day
        return None

    def as_plain(self) -> dict[str, Any]:
        """The state as JSON can hold it."""
        detector = self.detector
        state = {"observations": detector.observations, "bets": list(detector.bets), "values": list(detector.values)}
        return {"watch": "promoted", **self._plain(), "form": detector.form, **state}


Watch = ShadowWatch | PromotedWatch


def read_watch(stored: Mapping[str, Any]) -> Watch:
    """The state that `as_plain` wrote.

    Raises:
        BadInput: it is none, or damaged.
    """
    try:
        common: dict[str, Any] = {
            "bound": float(stored["bound"]),
            "alpha": float(stored["alpha"]),
            "days": int(stored["days"]),
            "total": float(stored["total"]),
            "beyond": int(stored["beyond"]),
            **{
                name: None if stored[name] is None else date.fromisoformat(stored[name]) for name in ("last", "decided")
            },
        }
        state: dict[str, Any] = {
            "bets": tuple(float(bet) for bet in stored["bets"]),
            "observations": int(stored["observations"]),
        }
        if stored["watch"] == "shadow":
            process = EProcess(wealth=tuple(map(float, stored["wealth"])), **state)
            return ShadowWatch(**common, process=process, stopped=bool(stored["stopped"]))
        if stored["watch"] == "promoted":
            detector = EDetector(values=tuple(map(float, stored["values"])), form=stored["form"], **state)
            return PromotedWatch(**common, detector=detector)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"The stored watch cannot be read ({error!r}): start a new one.") from error
    raise BadInput(f"The stored watch is of the kind {stored['watch']!r}; there are shadow and promoted.")


def replay(watch: Watch, days: Iterable[tuple[date, float]]) -> Watch:
    """The state after many sessions: what a live account reached day by day, computed again from its history."""
    for session, difference in days:
        watch = watch.advance(session, difference)
    return watch


def _day(stored: str | None) -> date | None:
    return None if stored is None else date.fromisoformat(stored)


def _first_day(reached: Callable[[int], bool], days: int) -> int | None:
    """Least number of further days at which `reached` holds; the evidence of paces may fall before it rises."""
    return next((more for more in range(1, FURTHEST_DAYS + 1) if reached(days + more)), None)
