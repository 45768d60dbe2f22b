"""Which registrations of the stream an account takes for the names it cares about, and which of them go first.

Every name has a rank from 1 (it is only looked at) to 5 (a level guards it). KIS grants 41 registrations; where there
are more, whole groups wait, in this order from the most important one:

    trades of ranks 5, 4, 3, 2        what fires levels, fills orders and values holdings
    states of the same names          halts and volatility interruptions, where the environment has them
    trades of rank 1
    indices
    states of rank 1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from brokers.kis.environment import Environment
from brokers.kis.quotes import INDEX_CODES
from brokers.kis.realtime_fields import INDEX, STATES, STREAMS
from brokers.kis.stream_reports import Gap, GapReason, Report
from brokers.kis.subscriptions import Subscription
from engine.errors import BadInput

ONLY_LOOKED_AT, GUARDED = 1, 5  # the lowest rank and the highest
_TRADES_OF_OURS, _STATES_OF_OURS, _TRADES, _INDICES, _STATES = 5, 6, 4, 3, 2  # priorities; the first one plus the rank


@dataclass(frozen=True)
class Attention:
    """What is listened to.

    Args:
        names: rank by ticker.
        indices: by name ("KOSPI") or code of KIS.
    """

    names: Mapping[str, int]
    indices: Sequence[str]

    def __post_init__(self) -> None:
        for ticker, rank in self.names.items():
            if not ONLY_LOOKED_AT <= rank <= GUARDED:
                raise BadInput(f"Rank {rank} of {ticker}: give a number from {ONLY_LOOKED_AT} to {GUARDED}.")

    def registrations(self, exchange: str, environment: Environment) -> dict[Subscription, int]:
        """The registrations, with their priorities; what the environment does not have is left out."""
        trades, states = STREAMS[exchange][0], STATES[exchange]
        wanted: dict[Subscription, int] = {}
        for ticker, rank in self.names.items():
            ours = rank > ONLY_LOOKED_AT
            wanted[Subscription(trades, ticker)] = _TRADES_OF_OURS + rank if ours else _TRADES
            wanted[Subscription(states, ticker)] = _STATES_OF_OURS if ours else _STATES
        for index in self.indices:
            wanted[Subscription(INDEX, INDEX_CODES.get(index, index))] = _INDICES
        return {name: priority for name, priority in wanted.items() if environment.offers_stream(name.tr_id)}

    def worth_filling(self, report: Report) -> Report:
        """A report without the names whose missed trades nobody needs: those only looked at, while others had a turn.

        With many of them every turn would cost dozens of calls.
        """
        if not isinstance(report, Gap) or report.reason is not GapReason.TURN:
            return report
        kept = [each for each in report.subscriptions if self.names.get(each.tr_key, GUARDED) > ONLY_LOOKED_AT]
        return replace(report, subscriptions=tuple(kept))
