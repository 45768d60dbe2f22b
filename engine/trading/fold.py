"""Events into the arrays of the step: bar by bar, from the account's first bar or from an account that was kept.

    fold = Fold(task, history)
    fold.run(None)
    fold.simulation

Both ways give the same arrays; whatever could make a difference is compared first (`FoldTask.check`), and an event that
belongs into a bar before the kept account ends the attempt.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.clock import from_nanoseconds
from engine.errors import BadInput, BrokenInvariant
from engine.events import CashMoved, CashReason, Event, OrderAmended, OrderIntended
from engine.exchange import Exchange
from engine.feature_feed import FeatureFeed
from engine.fill import Fill
from engine.ledger.journal import Head
from engine.matching import arrays as at
from engine.operating.graph import decision_id_of
from engine.order import OrderRequest
from engine.risk import write_proposal
from engine.rules.program import CompiledRules
from engine.rules.tree import Node, RuleSet
from engine.simulation import Simulation
from engine.trading.checkpoint import (
    LATE_NEWS,
    OTHER_CODE,
    OTHER_DATA,
    OTHER_RESUMES,
    OTHER_RULES,
    OTHER_SETTINGS,
    Checkpoint,
    Setting,
    ToldOrder,
    Unfit,
    narrowed,
)
from engine.trading.fold_history import OVER, History
from engine.trading.fold_setting import DataDigest, code_digest, config_digest, rules_digest

ADOPTED = "adopted"  # decision of holdings that were there before the first decision
GUARD = "guard"  # decision of sells at a guarded level
_BEGIN = -1
_OF_RULES = ("arms", "exits")  # their shapes are those of the rules
_LONG = ("orders", "fills", "curve")


@dataclass(frozen=True, kw_only=True)
class FoldTask:
    """What is to be folded, on which market, by which rules.

    Args:
        rules: in force.
        exchange: the market.
        compiled: the rules.
        watched: further features.
        deposit: its row in the journal.
        first: bar at whose close the account began.
        since: bar at whose close the rules decided first.
        until: one past the last bar.
        resumed: halts that were lifted, ascending.
        data: digests of the market.
    """

    rules: RuleSet
    exchange: Exchange
    compiled: CompiledRules
    watched: tuple[Node, ...]
    deposit: int
    first: int
    since: int
    until: int
    resumed: tuple[str, ...]
    data: DataDigest

    def setting_at(self, row: int) -> Setting:
        """What an account at the close of a bar, before its decision, depends on."""
        decides = self.since < row
        return Setting(
            rules=rules_digest(self.rules) if decides else "",
            since=self.since if decides else -1,
            first=self.first,
            config=config_digest(self.exchange.config),
            code=code_digest(),
            data=self.data.at(row),
            resumed=self.resumed_before(row) if decides else (),
        )

    def resumed_before(self, row: int) -> tuple[str, ...]:
        """The lifted halts that are known at a close."""
        name = decision_id_of(from_nanoseconds(int(self.exchange.panel.closed_at_ns[row])))
        return tuple(each for each in self.resumed if each < name)

    def check(self, checkpoint: Checkpoint) -> None:
        """Nothing, where an account kept at a close is what folding up to it would give.

        Raises:
            Unfit: it may be another one.
        """
        kept, row = checkpoint.setting, checkpoint.row
        if kept.code != code_digest():
            raise Unfit(OTHER_CODE)
        if kept.config != config_digest(self.exchange.config):
            raise Unfit(OTHER_SETTINGS)
        decides = self.since < row
        if (kept.rules, kept.since) != ((rules_digest(self.rules), self.since) if decides else ("", -1)):
            raise Unfit(OTHER_RULES)
        if decides and kept.resumed != self.resumed_before(row):
            raise Unfit(OTHER_RESUMES)
        if kept.first != self.first or kept.data != self.data.at(row):
            raise Unfit(OTHER_DATA)


@dataclass(slots=True)
class _Told:
    """An order on its way through the fold."""

    request: OrderRequest
    row: int
    index: int = -1
    filled: int = 0
    is_over: bool = False

    @property
    def is_done(self) -> bool:
        """No news of it can come any more."""
        return self.is_over or self.filled >= self.request.quantity


class Fold:
    """Books a history into a simulation: a fresh one, or one that a checkpoint left.

    Raises:
        Unfit: the checkpoint may not be used with this history.
    """

    def __init__(self, task: FoldTask, told: History, checkpoint: Checkpoint | None = None) -> None:
        self._task = task
        self._panel = panel = task.exchange.panel
        self._closes = [from_nanoseconds(each) for each in panel.closed_at_ns.tolist()]
        self._column = {ticker: place for place, ticker in enumerate(panel.tickers)}
        self._rule = {rule.id: number for number, rule in enumerate(task.compiled.source)}
        self._orders: dict[str, _Told] = {}
        self._days: dict[int, list[tuple[int, Event]]] = {}
        self._names: dict[tuple[str, ...], int] = {}
        self._named = array("i")  # which of them the orders of the log have, -1 = no event told of the order
        self._done = task.first - 1  # last bar that is booked
        self._known = 0  # last row of the journal that had been seen
        self._pending: frozenset[int] = frozenset()
        if checkpoint is None:
            self._take_events(told, Head())
            self.simulation = Simulation(task.exchange, task.compiled, task.first, watched=task.watched)
        else:
            self._go_on(checkpoint, told)

    # Events into bars ---------------------------------------------------------------------------------------

    def _take_events(self, told: History, begin: Head) -> None:
        for number, event in told.numbered(begin):
            if number == self._task.deposit or (number <= self._known and number not in self._pending):
                continue
            row = self._row_of(event)
            if row <= self._done:
                raise Unfit(LATE_NEWS)
            self._days.setdefault(row, []).append((number, event))
        self._head = told.head

    def _row_of(self, event: Event) -> int:
        """The bar in which an event belongs: the first that closes at or after it, and never before its order."""
        row = max(bisect_left(self._closes, event.time), self._task.first)
        if isinstance(event, OrderIntended):
            if event.request.decision_id == ADOPTED:
                row = self._task.first
            self._orders[event.order_id] = _Told(event.request, row)
            return row
        name = getattr(event, "order_id", None)
        order = self._orders.get(name) if name is not None else None
        if order is None:
            if name is not None and self._done >= self._task.first:
                raise Unfit(LATE_NEWS)  # of an order that was over, or of none at all: the whole journal knows
            return row
        # The clocks of exchange and machine differ, and what was adopted belongs to the first bar.
        return order.row if order.request.decision_id == ADOPTED else max(row, order.row)

    # From and to a checkpoint -------------------------------------------------------------------------------

    def _go_on(self, checkpoint: Checkpoint, told: History) -> None:
        task, row = self._task, checkpoint.row
        for order in checkpoint.orders:
            self._orders[order.order_id] = _Told(order.request, order.row, order.index, order.filled)
        self._done, self._known = row, checkpoint.head.sequence
        self._pending = frozenset(checkpoint.pending)
        told.check(checkpoint.begin, checkpoint.head)
        self._take_events(told, checkpoint.begin)
        nodes = (*task.compiled.features, *task.watched)
        feed = FeatureFeed(task.exchange, nodes, row, self._panel.rows)
        self.simulation = Simulation(task.exchange, task.compiled, task.first, watched=task.watched, feed=feed)
        used = dict(checkpoint.arrays)
        if not checkpoint.decides:  # no exit had fired and no level was guarded
            used |= {name: np.zeros_like(getattr(self.simulation.book, name)) for name in _OF_RULES}
        try:
            self.simulation.resume(used, row)
        except ValueError:
            raise Unfit(OTHER_DATA) from None
        self._names = {names: place for place, names in enumerate(checkpoint.names)}
        named = checkpoint.arrays["named"][0].astype(np.intc)
        self._named = array("i", named.tobytes())
        self._name_rules(named)

    def _name_rules(self, named: NDArray[np.intc]) -> None:
        """Write the numbers that rules have in these rules into the log of orders; others may have been in force."""
        orders = self.simulation.book.orders[: len(named)]
        table = np.array([self._masks(names) for names in self._names], dtype=np.int64).reshape(-1, 3)
        told = named >= 0
        for place, column in enumerate((at.ORDER_RULE, at.ORDER_RULES_LOW, at.ORDER_RULES_HIGH)):
            orders[told, column] = table[named[told], place]

    def _masks(self, names: Sequence[str]) -> tuple[int, int, int]:
        """The first of the rules of an order, and the bits of all of them."""
        rules = [self._rule[name] for name in names if name in self._rule]
        low = sum(1 << number for number in set(rules) if number < 63)
        high = sum(1 << number - 63 for number in set(rules) if number >= 63)
        return rules[0] if rules else -1, low, high

    def keep(self, told: History) -> None:
        """Let the history keep the account as it stands, for other folds to go on from."""
        row = self._done
        if row < self._task.first:
            return
        waiting = [entry for later, day in self._days.items() if later > row for entry in day]
        pending = sorted(number for number, _ in waiting)
        awaited = {getattr(event, "order_id", "") for _, event in waiting}
        orders = tuple(
            ToldOrder(order_id=name, request=order.request, row=order.row, index=order.index, filled=order.filled)
            for name, order in self._orders.items()
            if order.index >= 0 and (not order.is_done or name in awaited)
        )
        setting, account = self._task.setting_at(row), self.simulation.account.used()
        arrays: dict[str, Any] = {
            name: narrowed(array) if name in _LONG else array.copy()
            for name, array in account.items()
            if setting.rules or name not in _OF_RULES
        }
        arrays["marks"] = arrays["marks"][: row + 1]
        arrays["marks"][: self._task.first] = 0
        named = np.full((len(account["orders"]), 1), -1, dtype=np.int64)
        named[: len(self._named), 0] = self._named
        checkpoint = Checkpoint(
            row=row,
            setting=setting,
            head=self._head,
            begin=told.head_at(pending[0] - 1) if pending else self._head,
            pending=tuple(pending),
            orders=orders,
            names=tuple(self._names),
            arrays=arrays | {"named": narrowed(named)},
        )
        told.keep(checkpoint)

    # Booking ------------------------------------------------------------------------------------------------

    def run(self, on_row: Callable[[int, Simulation], None] | None) -> None:
        """Book the bars that are left; from row `since` on the rules decide too, which keeps their state right."""
        task, simulation = self._task, self.simulation
        if task.since <= self._done < task.until - 1:
            simulation.decide()
        had = len(task.resumed_before(self._done)) if self._done >= task.first else 0
        resumed = list(task.resumed[had:])
        for row in range(self._done + 1, task.until):
            simulation.row = row - 1
            simulation.make_room()
            simulation.trade_part(_BEGIN)
            for _, event in self._days.pop(row, ()):
                self._book(event)
            simulation.trade_part(at.POINTS)
            simulation.row = self._done = row
            if on_row is not None:
                on_row(row, simulation)
            while resumed and resumed[0] < decision_id_of(self._closes[row]):
                resumed.pop(0)
                simulation.book.account[at.HALTED] = 0
            if task.since <= row < task.until - 1:
                simulation.decide()

    def _book(self, event: Event) -> None:
        if isinstance(event, OrderIntended):
            self._accept(self._orders[event.order_id], event.request.quantity)
        elif isinstance(event, Fill):
            order = self._orders.get(event.order_id)
            if order is None or order.index < 0:
                raise BrokenInvariant(
                    f"The ledger has a fill of order {event.order_id} but not the order. Run geoul ledger verify."
                )
            if event.ticker in self._column:
                order.filled += event.quantity
                self.simulation.fill_told(order.index, event.price, event.quantity)
        elif isinstance(event, OVER):
            order = self._orders[event.order_id]
            order.is_over = True
            self._close(order)
        elif isinstance(event, OrderAmended):
            order = self._orders[event.order_id]
            self._close(order)
            order.request = OrderRequest(
                ticker=order.request.ticker,
                side=order.request.side,
                quantity=event.quantity,
                kind=order.request.kind,
                price=event.price if order.request.kind.has_price else None,
                rule_ids=order.request.rule_ids,
                decision_id=order.request.decision_id,
            )
            self._accept(order, event.quantity - order.filled)
        elif isinstance(event, CashMoved):
            _move_cash(self.simulation.book.account, event)

    def _accept(self, order: _Told, quantity: int) -> None:
        simulation, request = self.simulation, order.request
        col = self._column.get(request.ticker)
        if col is None:
            raise BadInput(
                f"The ledger has an order for {request.ticker}, which the data {self._panel.manifest.name} lacks. "
                "Download its history too."
            )
        rule, low, high = self._masks(request.rule_ids)
        if request.decision_id.startswith(GUARD) and rule >= 0:
            simulation.fire_guard(col, rule)
        write_proposal(simulation, request, col)
        proposal = simulation.book.proposals[0]
        proposal[at.PROPOSAL_RULE] = rule
        proposal[at.PROPOSAL_RULES_LOW], proposal[at.PROPOSAL_RULES_HIGH] = low, high
        order.index = simulation.accept_told(0, quantity)
        self._named.extend([-1] * (order.index - len(self._named)))
        self._named.append(self._names.setdefault(request.rule_ids, len(self._names)))

    def _close(self, order: _Told) -> None:
        if order.index >= 0:
            self.simulation.cancel(order.index)


def _move_cash(account: np.ndarray, event: CashMoved) -> None:
    """Cash that came or went without a trade. A deposit is no profit: what profit is measured from moves with it."""
    account[at.CASH] += event.amount
    account[at.EQUITY] += event.amount
    if event.reason is CashReason.COST_ADJUSTMENT:
        account[at.FEES] -= event.amount
    elif event.reason is CashReason.INTEREST:
        account[at.REALISED] += event.amount
    else:
        for started_at in (at.DEPOSITS, at.DAY_START_EQUITY, at.MONTH_START_EQUITY, at.PEAK_EQUITY):
            account[started_at] += event.amount
