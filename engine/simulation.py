"""One account on one market: the arrays of the step, the features of its rules, and the calls that advance them.

Batch mode calls `run`; event mode calls `trade` and `decide` bar by bar. Both go through the same compiled functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import BadInput, BrokenInvariant
from engine.exchange import Exchange
from engine.feature_feed import FeatureFeed, FeaturePool
from engine.matching import arrays as at
from engine.matching import step, told
from engine.matching.book import AccountBook
from engine.rules.program import CompiledRules
from engine.rules.tree import Node
from engine.tenure import Tenure
from engine.trade_rows import TradeRows

AFTER_CLOSE = -1
ROOM_BARS = 16
HOLDING_TOO_LARGE = 2  # account[BROKEN]
BAR_PARTS = tuple(range(-1, at.POINTS + 1))
TRADE_PARTS = (-1, 0, at.POINTS)  # of a row that is one recorded trade
PROGRESS_STEPS = 50  # how often a whole run reports its progress


class Simulation:
    """State of one run.

    Args:
        exchange: the market.
        rules: compiled rules; None for a strategy in Python.
        first: first row that trades; rows before it only feed the windows.
        last: one past the last row.
        watched: further features, for a strategy in Python or a reader.
        feed: features shared with other accounts on the same market; its own if None.
    """

    def __init__(
        self,
        exchange: Exchange,
        rules: CompiledRules,
        first: int = 0,
        last: int | None = None,
        watched: Sequence[Node] = (),
        feed: FeatureFeed | None = None,
    ) -> None:
        panel = exchange.panel
        self.exchange, self.rules = exchange, rules
        self.first, self.last = first, panel.rows if last is None else last
        self.tenures: tuple[Tenure, ...] = ()  # rules that were in force before, see engine.succession
        cash = exchange.config.cash_won * exchange.scale
        guards = len(rules.rules.guards)
        self.account = AccountBook(
            panel.columns, panel.rows, cash, exchange.arrays[-1], rules.exit_rules, guards, exchange.dividend_slots
        )
        self._arrays = tuple(self.account.book)
        self.nodes = (*rules.features, *watched)
        self.feed = feed or FeatureFeed(exchange, self.nodes, first, self.last)
        self._pool = FeaturePool(rules, self.feed)
        self._tables = tuple(rules.rules)
        ranks = max(len(rules.rules.ranks), 1)
        names = panel.columns
        self._scratch = (
            np.zeros(names, np.int64),
            np.zeros(names, np.int64),
            np.zeros((names, ranks), np.float64),
            np.zeros(names, np.int64),
        )
        self.next_row = first  # next row to trade
        self.trades = None  # how orders meet rows that are recorded trades instead of bars
        if panel.trades_from is not None:
            self.trades = TradeRows(panel, panel.trades_from, exchange.arrays[-1])
        self._bars_of_room = 0  # calls of make_room that need not look
        self.row = first - 1  # last bar whose close is known
        self.point = AFTER_CLOSE  # or the point of the bar after it

    @property
    def book(self) -> at.Book:
        """The account's arrays."""
        return self.account.book

    def resume(self, used: Mapping[str, Any], row: int) -> None:
        """Stand at the close of `row` where another run on the same market and rules stood (see `AccountBook.used`).

        Raises:
            ValueError: the arrays are of another shape.
        """
        self.account.take(used)
        self._arrays = tuple(self.book)
        self._bars_of_room = 0
        self.next_row, self.row = row + 1, row

    def run(self, on_progress: Callable[[int, int], None] | None = None) -> None:
        """Batch mode: trade and decide every row; `on_progress` is told bars done and bars in all."""
        told = 0
        while self.next_row < self.last:
            self.feed.advance(self.next_row)
            self.run_known()
            done = self.next_row - self.first
            if on_progress is not None and (done - told) * PROGRESS_STEPS >= self.last - self.first:
                told = done
                on_progress(done, self.last - self.first)

    def run_known(self) -> None:
        """Batch mode: trade and decide the rows whose features are at hand."""
        if self.trades is not None:
            raise BadInput(
                "Rules count bars, and this panel has recorded trades. Run a KIS program (`geoul serve`) or a strategy "
                "in Python (`brokers.replay.replay`) on them, and rules on bars of them (`geoul data bars`)."
            )
        self._take_features()
        while self.next_row < self.feed.known_to:
            status, self.next_row = step.run_block(
                self.exchange.arrays,
                self._arrays,
                self._tables,
                self._pool.arrays,
                self._scratch,
                self.next_row,
                self.feed.known_to,
            )
            self._look_at(status)

    def trade(self, until: int) -> None:
        """Event mode: trade rows up to `until` without deciding."""
        while self.next_row < until:
            end = until
            if self.trades is not None and self.book.account[at.OPEN_COUNT] > 0:
                if self.next_row >= self.trades.first:
                    self._trade_one()
                    continue
                end = min(until, self.trades.first)
            self._traded(int(step.trade_rows(self.exchange.arrays, self._arrays, self.next_row, end)))
            if self.next_row < end:
                self._grow()

    def _trade_one(self) -> None:
        """A row that is one trade, for an account with open orders."""
        self.make_room()
        for part in TRADE_PARTS:
            self.trade_part(part)

    def parts_of(self, row: int) -> Sequence[int]:
        """The parts of a row, in order, as `trade_part` takes them: a trade has one point only."""
        return TRADE_PARTS if self.trades is not None and row >= self.trades.first else BAR_PARTS

    def arrange_trade(self) -> None:
        """Make the book ready for the next row if it is a trade; what follows may try it on copies of the book."""
        if self.trades is not None and self.next_row >= self.trades.first:
            self.trades.arrange(self.book, self.next_row)

    def trade_part(self, part: int) -> int:
        """Event mode: one part of the next row (see `step.trade_part`). Returns the number of fills so far."""
        row = self.next_row
        if part == 0:
            self.arrange_trade()
        fills = int(step.trade_part(self.exchange.arrays, self._arrays, row, part))
        if part == at.POINTS:
            self._traded(row + 1)
        return fills

    def _traded(self, until: int) -> None:
        self.next_row = until
        if self.book.account[at.BROKEN]:
            self._look_at(step.BROKE)

    def feature_columns(self, row: int, nodes: Sequence[Node]) -> tuple[int, int, list[NDArray[Any]]]:
        """Features of the block that holds `row`: its first row, one past its last, [rows, N] for each node."""
        self._advance_features(row)
        feed = self.feed
        columns = [] if feed.graph is None else [feed.graph.column(node) for node in nodes]
        return feed.known_from, feed.known_to, columns

    def catch_up(self) -> None:
        """Event mode: trade every bar up to the last closed one."""
        self.trade(self.row + 1)

    def decide(self) -> int:
        """Event mode: let the rules plan after the last closed bar. Returns the number of proposals."""
        self.catch_up()
        self._advance_features(self.row)
        self.make_room()
        return int(
            step.decide_one(
                self.exchange.arrays, self._arrays, self._tables, self._pool.arrays, self._scratch, self.row
            )
        )

    def check(self, place: int) -> tuple[int, int]:
        """Risk check of proposal `place`: (code, quantity allowed)."""
        self._require_a_close()
        code, quantity = step.check_one(self.exchange.arrays, self._arrays, self.row, place)
        return int(code), int(quantity)

    def check_all(self, count: int) -> NDArray[np.int64]:
        """Risk check of the first `count` proposals in turn, nothing sent: int64[count, 2] of code and quantity."""
        verdicts = np.zeros((count, 2), dtype=np.int64)
        trial = self.book._replace(account=self.book.account.copy(), positions=self.book.positions.copy())
        step.check_plan(self.exchange.arrays, tuple(trial), self.row, verdicts)
        return verdicts

    def accept(self, place: int, quantity: int) -> int:
        """Put proposal `place` with an approved quantity into the book.

        Returns the order's index, or minus a refusal code where shares or cash do not cover it.
        """
        self._require_a_close()
        self.make_room()
        market = self.exchange.arrays
        return int(step.accept_one(market, self._arrays, self.row, place, quantity, self.point))

    def accept_told(self, place: int, quantity: int) -> int:
        """Put proposal `place` into the book as an order that a real venue has, whatever it costs. Returns its index.

        Call it while `row` is the last bar before the order was sent.
        """
        self.make_room()
        return int(told.accept_told(self.exchange.arrays, self._arrays, self.row, place, quantity))

    def fill_told(self, index: int, price: int, quantity: int) -> None:
        """Book shares of an open order that changed hands at a real venue in the bar after `row`, in price units."""
        self.make_room()
        told.fill_told(self.exchange.arrays, self._arrays, self.row + 1, 0, index, price, quantity)

    def fire_guard(self, col: int, rule: int) -> int:
        """A real price has reached the level that `rule` guards: the shares that are to be sold for it."""
        return int(told.fire_guard(self._arrays, col, rule))

    def cancel(self, index: int) -> bool:
        """Cancel an open order; False if it was no longer open."""
        return bool(step.cancel_one(self._arrays, index, self.row if self.point == AFTER_CLOSE else self.row + 1))

    def try_amend(self, index: int, quantity: int) -> int:
        """What the venue would say to proposal 0 in the place of order `index`: a code; nothing is changed.

        It asks for a price on the grid, and for cash or shares once the old order gives its own back. A quiet bar, or a
        limit on the size of positions, is no reason for a venue.
        """
        self.make_room()
        book = self.book
        trial = tuple(
            book._replace(
                account=book.account.copy(),
                positions=book.positions.copy(),
                orders=book.orders.copy(),
                open=book.open.copy(),
            )
        )
        step.cancel_one(trial, index, self.row)
        if step.check_one(self.exchange.arrays, trial, self.row, 0)[0] == at.REFUSED_PRICE:
            return at.REFUSED_PRICE
        taken = int(step.accept_one(self.exchange.arrays, trial, self.row, 0, quantity, self.point))
        return at.ACCEPTED if taken >= 0 else -taken

    def _require_a_close(self) -> None:
        if self.row < 0:
            raise BadInput(
                "No bar has closed yet, so there is no price to check an order with. Wait for the first bar."
            )

    def make_room(self) -> None:
        """Give the logs room for one more bar. Where they have room for many, the next calls need not look."""
        if self._bars_of_room > 0:
            self._bars_of_room -= 1
            return
        while not self.account.has_room():
            self._grow()
        if self.account.has_room(ROOM_BARS):
            self._bars_of_room = ROOM_BARS - 1

    def _grow(self) -> None:
        self.account.grow()
        self._arrays = tuple(self.book)

    def _advance_features(self, row: int) -> None:
        self.feed.advance(row)
        self._take_features()

    def _take_features(self) -> None:
        if self._pool.known_to != self.feed.known_to:
            self._pool.fill()

    def _look_at(self, status: int) -> None:
        if status == step.NEEDS_ROOM:
            self._grow()
        elif status == step.BROKE:
            account = self.book.account
            day = self.exchange.panel.session_date(min(self.next_row, self.last - 1))
            if account[at.BROKEN] == HOLDING_TOO_LARGE:
                raise BadInput(
                    f"On {day} one holding is worth more than {at.MOST_MONEY // self.exchange.scale:,} won, beyond "
                    "which sums of money would overflow. Start with less cash, or check the prices of that day."
                )
            raise BrokenInvariant(
                f"The account's books do not balance on {day}: cash {account[at.CASH]:,}, receivable "
                f"{account[at.RECEIVABLE]:,}, payable {account[at.PAYABLE]:,}, cost {account[at.HOLDINGS_COST]:,}, "
                f"realised {account[at.REALISED]:,}, fees {account[at.FEES]:,}. This is a fault of Geoul: please "
                "report it with the data and the rules."
            )
