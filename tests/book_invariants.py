"""Facts that hold for the account's arrays at every instant, recomputed from the logs and from nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.data.panel import CASH, VOLUME
from engine.krx.costs import dividend_tax_ppb
from engine.matching import arrays as at
from engine.simulation import Simulation


class BookWatcher:
    """Looks at one simulation again and again; `look(row)` after each part of a bar and after each decision."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.panel = simulation.exchange.panel
        self.config = simulation.exchange.config
        self.terminal: dict[int, tuple[int, ...]] = {}
        self.moved = 0  # money that actions moved: distributions, fractions and dividends
        self.owed: dict[int, int] = {}  # before tax, by number of the dividend
        self.dividends_until = -1  # row up to which dividends were followed
        self.dividends = self.dividend_tax = 0
        self.actions_seen = 0
        self.cost = dict.fromkeys(range(self.panel.columns), 0)
        self.shares = dict.fromkeys(range(self.panel.columns), 0)
        self.fills_seen = 0
        self.left_by_actions = 0  # cost that left with fractions

    def look(self, row: int) -> None:
        """Raise AssertionError if anything does not add up; `row` is the bar in progress or the last one."""
        book = self.simulation.book
        account = book.account
        orders = book.orders[: account[at.ORDER_COUNT]]
        fills = book.fills[: account[at.FILL_COUNT]]
        self._follow(row, fills)
        self._open_orders(book, orders)
        self._positions(book, fills)
        self._money(account, fills)
        self._fills_are_possible(orders, fills)
        self._terminal_orders_rest(orders)

    def _follow(self, row: int, fills: Any) -> None:
        """Shares and cost of every name from actions and fills, in order."""
        actions = self.panel.actions
        while self.fills_seen < len(fills) or self.actions_seen < len(actions):
            fill = fills[self.fills_seen] if self.fills_seen < len(fills) else None
            action = self.actions_seen if self.actions_seen < len(actions) else None
            next_action = int(actions.row[action]) if action is not None else row + 1
            next_fill = int(fill[at.FILL_ROW]) if fill is not None else row
            self._follow_dividends(min(next_action, next_fill, row))
            if action is not None and next_action <= next_fill:
                self._act(action)
                self.actions_seen += 1
            elif fill is not None:
                self._fill(fill)
                self.fills_seen += 1
            else:
                break
        self._follow_dividends(row)

    def _follow_dividends(self, row: int) -> None:
        """What falls due up to `row`; called before the actions and fills of each row."""
        table = self.panel.dividends
        for now in range(self.dividends_until + 1, row + 1):
            for number in np.flatnonzero(table.row == now).tolist():
                self.owed[number] = self.shares[int(table.col[number])] * int(table.cash[number])
            for number in np.flatnonzero(table.pay_row == now).tolist():
                gross, step = self.owed.pop(number, 0), self.config.cost_step_won
                rates = dividend_tax_ppb(self.panel.session_date(now)) if self.config.costs else ()
                tax = sum(gross * rate // at.PPB // step * step for rate in rates)
                self.dividends, self.dividend_tax = self.dividends + gross - tax, self.dividend_tax + tax
                self.moved += gross - tax
        self.dividends_until = max(self.dividends_until, row)

    def _act(self, place: int) -> None:
        actions = self.panel.actions
        col, row = int(actions.col[place]), int(actions.row[place])
        held = self.shares[col]
        if actions.kind[place] == CASH:
            self.moved += held * int(actions.cash[place])
            return
        new, old = int(actions.numerator[place]), int(actions.denominator[place])
        kept, fraction = divmod(held * new, old)
        base = int(self.panel.base[row, col]) or int(self.panel.bars[3, row - 1, col]) * old // new
        self.moved += base * fraction // old
        gone = self.cost[col] * fraction // (held * new) if held else 0
        self.shares[col], self.cost[col] = kept, self.cost[col] - gone
        self.left_by_actions += gone

    def _fill(self, fill: Any) -> None:
        col, quantity = int(fill[at.FILL_COL]), int(fill[at.FILL_QUANTITY])
        if fill[at.FILL_SIDE] == at.BUY:
            self.shares[col] += quantity
            self.cost[col] += quantity * int(fill[at.FILL_PRICE])
        else:
            gone = self.cost[col] * quantity // self.shares[col]
            assert (gone, quantity * int(fill[at.FILL_PRICE]) - gone) == (fill[at.FILL_COST], fill[at.FILL_REALISED])
            self.shares[col] -= quantity
            self.cost[col] -= gone
        assert self.shares[col] >= 0

    def _open_orders(self, book: Any, orders: Any) -> None:
        account, positions = book.account, book.positions
        open_now = np.flatnonzero(orders[:, at.ORDER_STATUS] == at.STATUS_OPEN)
        # Orders that fill stay listed until the end of the bar.
        listed = book.open[: account[at.OPEN_COUNT]]
        assert listed[orders[listed, at.ORDER_STATUS] == at.STATUS_OPEN].tolist() == open_now.tolist()
        opened = orders[open_now]
        rest = opened[:, at.ORDER_QUANTITY] - opened[:, at.ORDER_FILLED]
        assert (rest > 0).all()
        assert account[at.RESERVED] == opened[:, at.ORDER_RESERVED].sum()
        assert (orders[orders[:, at.ORDER_STATUS] != at.STATUS_OPEN][:, at.ORDER_RESERVED] == 0).all()
        buys = opened[:, at.ORDER_SIDE] == at.BUY
        for field, mine, value in (
            (at.POSITION_PENDING_BUY, buys, rest),
            (at.POSITION_PENDING_SELL, ~buys, rest),
            (at.POSITION_PENDING_VALUE, buys, rest * opened[:, at.ORDER_MARK]),
        ):
            expected = np.bincount(opened[mine, at.ORDER_COL], value[mine], minlength=self.panel.columns)
            assert positions[:, field].tolist() == expected.astype(np.int64).tolist()
        assert account[at.PENDING_VALUE] == positions[:, at.POSITION_PENDING_VALUE].sum()
        waiting = (positions[:, at.POSITION_PENDING_BUY] > 0) & (positions[:, at.POSITION_QUANTITY] == 0)
        assert account[at.PENDING_NAMES] == waiting.sum()

    def _positions(self, book: Any, fills: Any) -> None:
        account, positions = book.account, book.positions
        assert positions[:, at.POSITION_QUANTITY].tolist() == list(self.shares.values())
        assert positions[:, at.POSITION_COST].tolist() == list(self.cost.values())
        held = [col for col, shares in self.shares.items() if shares]
        assert book.held[: account[at.HELD]].tolist() == held
        assert account[at.HOLDINGS_COST] == sum(self.cost.values())
        empty = positions[:, at.POSITION_QUANTITY] == 0
        assert (positions[empty][:, [at.POSITION_COST, at.POSITION_BUY_FEES]] == 0).all()
        fees_of_buys = fills[fills[:, at.FILL_SIDE] == at.BUY, at.FILL_FEE].sum()
        assert positions[:, at.POSITION_BUY_FEES].sum() <= fees_of_buys - fills[:, at.FILL_BUY_FEES].sum()
        assert (book.exits[empty] == 0).all()

    def _money(self, account: Any, fills: Any) -> None:
        side = fills[:, at.FILL_SIDE]
        amount = fills[:, at.FILL_PRICE] * fills[:, at.FILL_QUANTITY]
        fees, taxes, rural = (int(fills[:, field].sum()) for field in (at.FILL_FEE, at.FILL_TAX, at.FILL_RURAL))
        start = self.config.cash_won * self.simulation.exchange.scale
        cash = int(account[at.CASH] + account[at.RECEIVABLE] - account[at.PAYABLE])
        assert cash == start - int((side * amount).sum()) - fees - taxes - rural + self.moved
        assert (account[at.FEES], account[at.TAXES], account[at.RURAL_TAXES]) == (fees, taxes, rural)
        assert (account[at.DIVIDENDS], account[at.DIVIDEND_TAX]) == (self.dividends, self.dividend_tax)
        slots = self.simulation.book.positions[:, at.POSITION_FIELDS :]
        assert slots.sum() == sum(self.owed.values())
        realised = int(fills[:, at.FILL_REALISED].sum()) + self.moved - self.left_by_actions
        assert account[at.REALISED] == realised
        # cash + receivable − payable + cost of holdings = deposits + realised − fees − taxes
        assert cash + account[at.HOLDINGS_COST] == start + realised - fees - taxes - rural
        assert account[at.RECEIVABLE] == account[at.DUE_IN : at.DUE_IN + 3].sum()
        assert account[at.PAYABLE] == account[at.DUE_OUT : at.DUE_OUT + 3].sum()
        assert (account[at.DUE_IN : at.DUE_OUT + 3] >= 0).all()
        assert cash >= 0
        assert cash - account[at.RESERVED] >= 0

    def _fills_are_possible(self, orders: Any, fills: Any) -> None:
        if not len(fills):
            return
        of = orders[fills[:, at.FILL_ORDER] - 1]
        first = of[:, [at.ORDER_FROM_ROW, at.ORDER_FROM_POINT]] @ [10, 1]
        assert (fills[:, [at.FILL_ROW, at.FILL_POINT]] @ [10, 1] >= first).all()
        assert (of[:, at.ORDER_FILLED] <= of[:, at.ORDER_QUANTITY]).all()
        traded = fills[of[:, at.ORDER_KIND] != at.DELISTING]
        row, col, price = traded[:, at.FILL_ROW], traded[:, at.FILL_COL], traded[:, at.FILL_PRICE]
        low, high = self.panel.bars[2, row, col], self.panel.bars[1, row, col]
        slip = traded[:, at.FILL_SLIPPAGE] // traded[:, at.FILL_QUANTITY] * traded[:, at.FILL_SIDE]
        assert ((low <= price - slip) & (price - slip <= high)).all()
        rate = round(self.config.participation * at.PPB)
        if rate > 0:
            taken = np.zeros(self.panel.bars.shape[1:], np.int64)
            np.add.at(taken, (row, col), traded[:, at.FILL_QUANTITY])
            volume = self.panel.bars[VOLUME]
            assert (taken <= volume // at.PPB * rate + volume % at.PPB * rate // at.PPB).all()

    def _terminal_orders_rest(self, orders: Any) -> None:
        for index, order in enumerate(orders.tolist()):
            if order[at.ORDER_STATUS] == at.STATUS_OPEN:
                assert index not in self.terminal
                continue
            assert self.terminal.setdefault(index, tuple(order)) == tuple(order)
            whole = order[at.ORDER_FILLED] == order[at.ORDER_QUANTITY]
            assert whole == (order[at.ORDER_STATUS] == at.STATUS_FILLED)
            assert order[at.ORDER_DONE_ROW] >= order[at.ORDER_ROW]
