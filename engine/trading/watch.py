"""Price levels that we watch because the venue does not: guarded exits of holdings, stops, and orders that count from
the opening price.

A level is fixed at the decision and judged on every trade, as a replay judges it on every point of a bar's path: a stop
when a trade reaches it, a target when a trade goes beyond it (`touch`: reaches it). What a level sends is decided here
too; the quantity of an exit is looked up when it fires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from engine.matching import arrays as at
from engine.operating.state import Proposal
from engine.order import Approved, OrderKind, Side
from engine.simulation import Simulation


@dataclass(slots=True, kw_only=True)
class Level:
    """One watched level.

    Args:
        ticker: KRX short code.
        side: of the order that it sends.
        kind: market, or limit at `price`.
        price: won: the level, and the limit of a limit order.
        direction: −1 fires at or below, +1 at or above (a target: beyond), 0 at once when the opening price is known.
        offset: won from the opening price; None once `price` counts.
        quantity: shares; 0 for a guard, whose exit rule says how many.
        rule_ids: the rules behind it, the deciding one first.
        rule: index of a guard's rule, −1 for others.
        decision_id: the cycle that set it.
        approval: of the order that a level which is no guard sends.
        fired: it has been reached; its order is on its way.
    """

    ticker: str
    side: Side
    kind: OrderKind
    price: int
    direction: int
    rule_ids: tuple[str, ...]
    decision_id: str
    offset: int | None = None
    quantity: int = 0
    rule: int = -1
    approval: Approved[Proposal] | None = None
    fired: bool = False

    @property
    def is_guard(self) -> bool:
        """Whether it protects a holding."""
        return self.rule >= 0


def guards_of(simulation: Simulation, decision_id: str) -> list[Level]:
    """The guarded levels that the last decision has armed."""
    book, panel, rules = simulation.book, simulation.exchange.panel, simulation.rules.source
    levels = []
    for arm in book.arms[: book.account[at.ARM_COUNT]]:
        falling = bool(arm[at.ARM_DIRECTION] < 0)
        levels.append(
            Level(
                ticker=panel.tickers[arm[at.ARM_COL]],
                side=Side.SELL,
                kind=OrderKind.MARKET if falling else OrderKind.LIMIT,
                price=int(arm[at.ARM_LEVEL]),
                direction=int(arm[at.ARM_DIRECTION]),
                rule_ids=(rules[arm[at.ARM_RULE]].id,),
                rule=int(arm[at.ARM_RULE]),
                decision_id=decision_id,
            )
        )
    return levels


def level_of(approval: Approved[Proposal], decision_id: str) -> Level:
    """The level of an approved action that the venue cannot wait for: a stop, or a price that counts from the open."""
    action = approval.value.action
    price = round(action.price or 0)
    stops = action.kind is OrderKind.STOP
    return Level(
        ticker=action.ticker,
        side=action.side,
        kind=OrderKind.MARKET if stops else OrderKind.LIMIT,
        price=0 if action.from_open else price,
        direction=action.side.sign if stops else 0,
        rule_ids=action.rule_ids,
        decision_id=decision_id,
        offset=price if action.from_open else None,
        quantity=action.quantity,
        approval=approval,
    )


class Watch:
    """All levels of the day.

    Args:
        on_grid: (ticker, won, up) -> the price on the grid above or below.
        touch: a target fires when a trade reaches it, not only beyond it.
    """

    def __init__(self, on_grid: Callable[[str, int, bool], int], *, touch: bool = False) -> None:
        self._on_grid, self._touch = on_grid, touch
        self._levels: dict[str, list[Level]] = {}

    def replace(self, levels: Sequence[Level]) -> None:
        """Watch these and no others."""
        self._levels = {}
        for level in levels:
            self.add(level)

    def add(self, level: Level) -> None:
        """Watch one more."""
        self._levels.setdefault(level.ticker, []).append(level)

    def __iter__(self) -> Iterator[Level]:
        return (level for levels in self._levels.values() for level in levels)

    @property
    def tickers(self) -> tuple[str, ...]:
        """Names with a level, sorted."""
        return tuple(sorted(self._levels))

    def drop(self, level: Level) -> None:
        """Watch a level no more."""
        left = [other for other in self._levels.get(level.ticker, ()) if other is not level]
        if left:
            self._levels[level.ticker] = left
        else:
            self._levels.pop(level.ticker, None)

    def restate(self, ticker: str, ratio: Fraction) -> int:
        """Exits of a name of which there are `ratio` new shares for each old one now; how many there were."""
        levels = self._levels.get(ticker, ())
        exits = [each for each in levels if each.side is Side.SELL and each.offset is None and not each.fired]
        for level in exits:
            falling, price = level.direction < 0, level.price / ratio
            level.price = self._on_grid(ticker, floor(price) if falling else ceil(price), not falling)
        return len(exits)

    def reached(self, ticker: str, price: int, opening: int) -> list[Level]:
        """The levels that a trade reaches for the first time; `opening` is the day's first price, 0 = unknown."""
        levels = self._levels.get(ticker)
        if not levels:
            return []
        found = [level for level in levels if not level.fired and self._fires(level, price, opening)]
        for level in found:
            level.fired = True
        return found

    def missed(self, ticker: str, price: int) -> list[Level]:
        """The exits that a trade would have reached of which one hears too late; a missed purchase is not chased."""
        exits = [level for level in self._levels.get(ticker, ()) if level.side is Side.SELL and level.offset is None]
        found = [level for level in exits if not level.fired and self._fires(level, price, 0)]
        for level in found:
            level.fired = True
        return found

    def _fires(self, level: Level, price: int, opening: int) -> bool:
        if level.offset is not None:
            if opening <= 0:
                return False
            # A stop is rounded away from the opening price, a limit back to it, as the replay does.
            up = (level.kind is OrderKind.MARKET) == (level.side is Side.BUY)
            level.price = self._on_grid(level.ticker, max(opening + level.offset, 1), up)
            level.offset = None
        if level.direction < 0:
            return price <= level.price
        if level.direction == 0:
            return True
        if level.is_guard and not self._touch:
            return price > level.price
        return price >= level.price
