"""Which limit made an order smaller.

The risk check of the step says how many shares are allowed, not which of its limits counted. So each limit is lifted
for a moment, on a copy of the account, and the same check asked again: where it then allows more, that limit counted.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.matching import arrays as at
from engine.matching import step
from engine.order import RefusalReason
from engine.simulation import AFTER_CLOSE, Simulation

NO_LIMIT = 9 * at.PPB  # nine times equity; `engine.matching.costs.part` bounds it
NO_MAXIMUM = 10**18

# The cells that hold each limit and the value that lifts it.
_LIMITS: tuple[tuple[RefusalReason, tuple[tuple[str, int, int], ...]], ...] = (
    (
        RefusalReason.POSITION_WEIGHT_LIMIT,
        (("account", at.LIMIT_WEIGHT, NO_LIMIT), ("proposal", at.PROPOSAL_WEIGHT_CAP, NO_LIMIT)),
    ),
    (RefusalReason.SECTOR_LIMIT, (("account", at.LIMIT_SECTOR, NO_LIMIT),)),
    (RefusalReason.GROSS_EXPOSURE_LIMIT, (("config", at.CONFIG_MAX_GROSS, NO_LIMIT),)),
    (RefusalReason.ORDER_VALUE_LIMIT, (("config", at.CONFIG_MAX_ORDER, NO_MAXIMUM),)),
    (RefusalReason.NOT_ENOUGH_CASH, (("config", at.CONFIG_OPTIMISTIC, 1),)),
)
TRADING_UNIT = "trading_unit"


def binding_limits(simulation: Simulation, asked: Sequence[int], allowed: Sequence[int]) -> dict[int, str]:
    """Code of the limit behind each proposal of which fewer shares were allowed than asked, by row of the book.

    Args:
        simulation: as it was at the check, nothing sent since.
        asked: shares of each proposal.
        allowed: shares that the check gave it, in turn; 0 where it was refused.
    """
    shrunk = [place for place, (most, given) in enumerate(zip(asked, allowed, strict=True)) if 0 < given < most]
    if not shrunk:
        return {}
    trial = _Trial(simulation)
    found: dict[int, str] = {}
    for place in range(shrunk[-1] + 1):
        if 0 < allowed[place] < asked[place]:
            found[place] = trial.limit_of(place, allowed[place])
        if allowed[place]:
            trial.accept(place, allowed[place])
    return found


class _Trial:
    """A copy of everything that a limit reads, and the check on it."""

    def __init__(self, simulation: Simulation) -> None:
        book = simulation.book
        self._book = book._replace(
            account=book.account.copy(), positions=book.positions.copy(), proposals=book.proposals.copy()
        )
        *market, config = simulation.exchange.arrays
        self._config = config.copy()
        # What is allowed without a limit may be a small part of what is wanted then; size is no question here.
        self._config[[at.CONFIG_MIN_ORDER, at.CONFIG_MIN_SHARE]] = 0
        self._market, self._row = (*market, self._config), simulation.row

    def accept(self, place: int, quantity: int) -> None:
        """As if the proposal had been sent."""
        step.accept_one(self._market, tuple(self._book), self._row, place, quantity, AFTER_CLOSE)

    def limit_of(self, place: int, given: int) -> str:
        """The first limit whose lifting allows more; where only several together do, the last of them."""
        if self._book.proposals[place, at.PROPOSAL_SIDE] == at.SELL:
            return RefusalReason.NOT_HELD.value
        for reason, cells in _LIMITS:
            if self._allowed_without(cells, place) > given:
                return reason.value
        lifted: tuple[tuple[str, int, int], ...] = ()
        for reason, cells in _LIMITS:
            lifted += cells
            if self._allowed_without(lifted, place) > given:
                return reason.value
        return TRADING_UNIT

    def _allowed_without(self, cells: Sequence[tuple[str, int, int]], place: int) -> int:
        arrays = {"account": self._book.account, "config": self._config, "proposal": self._book.proposals[place]}
        before = [int(arrays[name][index]) for name, index, _ in cells]
        for name, index, value in cells:
            arrays[name][index] = value
        code, quantity = step.check_one(self._market, tuple(self._book), self._row, place)
        for (name, index, _), value in zip(cells, before, strict=True):
            arrays[name][index] = value
        return int(quantity) if code == at.ACCEPTED else 0
