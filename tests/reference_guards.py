"""Guarded exits on top of the plain exchange: stops, targets and trailing stops, by exact fractions.

After each close every name held gets a price level for each exit that has not fired: the first price on the grid at
which its condition holds. Inside the next bar a stop behaves as a sell stop, a target as a sell limit. An exit that
fires wants its share of the holding, rounded up; what is missing is sold at the market from the next bar on until it
is reached. A share that is reached is done until the position is closed; an exit of everything may fire again.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from engine.config import BacktestConfig
from engine.data.panel import Panel
from tests.reference_exchange import Ask, Order, Reference

DONE = -1


@dataclass(frozen=True)
class Guard:
    """One exit: `pnl` or `drawdown_from_peak` falls to (or rises to) a ratio, and a share of the holding is sold."""

    ratio: Fraction
    share: Fraction = Fraction(1)
    falling: bool = True
    strict: bool = False
    of_peak: bool = False


@dataclass
class Level:
    """A guarded price of one name in the coming bar."""

    col: int
    guard: int
    price: int
    armed: bool = True


class GuardedReference(Reference):
    """The exchange with exits that nobody has to send; `guards` in order of priority."""

    def __init__(self, panel: Panel, config: BacktestConfig, guards: tuple[Guard, ...]) -> None:
        super().__init__(panel, config)
        self.guards = guards
        self.wanted = [[0] * len(guards) for _ in panel.tickers]  # 0 not fired, > 0 still to sell, DONE
        self.peak = [0] * len(panel.tickers)
        self.levels: list[Level] = []

    def decide(self, row: int) -> None:
        """After the close: send what is missing, fix the levels of the next bar."""
        missing = []
        self.levels = []
        for col, held in enumerate(self.holdings):
            if not held.shares:
                continue
            quantity = min(max(self.wanted[col]), self.free_shares(col))
            asking = tuple(number for number, wanted in enumerate(self.wanted[col]) if wanted > 0)
            if quantity > 0:
                missing.append((Ask(col, -1, quantity), asking))
            for number, guard in enumerate(self.guards):
                level = self.level(col, guard, row)
                if self.wanted[col][number] == 0 and level > 0:
                    self.levels.append(Level(col, number, level))
        for ask, asking in missing:
            self.send(ask, row, sent_row=row, point=None)
            self.result.orders[-1].guards = asking

    def level(self, col: int, guard: Guard, row: int) -> int:
        """First price on the grid at which the condition holds."""
        held = self.holdings[col]
        basis = Fraction(self.peak[col]) if guard.of_peak else Fraction(held.cost, held.shares)
        exact = basis * (1 + guard.ratio)
        if guard.falling:
            price = exact.numerator // exact.denominator
            return self.down(price - (guard.strict and price == exact), row + 1, col)
        price = -(-exact.numerator // exact.denominator)
        return self.up(price + (guard.strict and price == exact), row + 1, col)

    def meet_guards(self, row: int, point: int) -> None:
        """Fire what the path reaches at this point, in order of name and priority."""
        refused = self.refuses_the_opening(row)
        for level in self.levels if point or not refused else ():
            col, guard = level.col, self.guards[level.guard]
            free = self.free_shares(col)
            if not level.armed or free <= 0 or not self.trades(row, col):
                continue
            path = self.path(row, col)
            meets = self.at_stop if guard.falling else self.at_limit
            price = meets(
                -1, level.price, path[point], path[max(point - 1, 0)], point, waited=not (refused and point == 1)
            )
            if price is None:
                continue
            level.armed = False
            wanted = self.wanted[col]
            if wanted[level.guard] == 0:
                wanted[level.guard] = -(-self.holdings[col].shares * guard.share.numerator // guard.share.denominator)
            quantity = min(wanted[level.guard], free)
            if quantity <= 0:
                continue
            kind = "guard stop" if guard.falling else "guard target"
            order = self.accept(Ask(col, -1, quantity, kind, level.price), quantity, (row, point), row, row - 1)
            order.guards = (level.guard,)
            if self.locked(row, col) != -1:
                self.execute(order, row, point, price, slips=guard.falling)

    def sold(self, order: Order, quantity: int) -> None:
        """Take it off what is wanted; a closed position forgets everything."""
        col = order.ask.col
        wanted = self.wanted[col]
        for number in order.guards:
            if wanted[number] > 0:
                reached = 0 if self.guards[number].share == 1 else DONE
                wanted[number] = wanted[number] - quantity if wanted[number] > quantity else reached
        if not self.holdings[col].shares:
            self.forget(col)

    def forget(self, col: int) -> None:
        """The position is gone."""
        self.wanted[col] = [0] * len(self.guards)
        self.peak[col] = 0
        for level in self.levels:
            if level.col == col:
                level.armed = False

    def restate(self, row: int, col: int, new: int, old: int) -> None:
        """Levels, peaks and what is wanted follow a split."""
        held = self.holdings[col].shares
        super().restate(row, col, new, old)
        for level in self.levels:
            if level.col != col:
                continue
            if self.guards[level.guard].falling:
                level.price = self.down(level.price * old // new, row, col)
            else:
                level.price = self.up(-(-level.price * old // new), row, col)
        if not held:
            return
        self.peak[col] = self.peak[col] * old // new
        for number, wanted in enumerate(self.wanted[col]):
            if wanted > 0:
                done = 0 if self.guards[number].share == 1 else DONE
                self.wanted[col][number] = min(wanted * new // old, self.holdings[col].shares) or done
        if not self.holdings[col].shares:
            self.forget(col)

    def end(self, row: int) -> None:
        """The highest close since the entry."""
        super().end(row)
        for col, held in enumerate(self.holdings):
            if held.shares:
                self.peak[col] = max(self.peak[col], self.close(row, col))
