"""The account of a real venue as the arrays of the step: the ledger, booked bar by bar.

    simulation = told_account(rules, panel, config, history)      state after the panel's last close
    simulation.decide()                                           what the rules ask for now

A decision is a function of the ledger and the data and of nothing else, so a restart changes nothing. Marks, peaks,
days held, settlement, corporate actions and the state of exit rules come from the same compiled functions as in a
backtest; only the fills are those that happened. What happened after the last close is left out, as in a replay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from engine.clock import from_nanoseconds, to_nanoseconds
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.errors import BadInput, BrokenInvariant, ConfigError
from engine.events import (
    CashMoved,
    CashReason,
    Event,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    OrderIntended,
    OrderNotSent,
    OrderRefused,
)
from engine.exchange import Exchange, build_exchange
from engine.fill import Fill
from engine.krx.sessions import session_hours
from engine.matching import arrays as at
from engine.operating.graph import decision_id_of
from engine.order import OrderRequest
from engine.risk import write_proposal
from engine.rules.program import CompiledRules, compile_rules
from engine.rules.tree import Node, RuleSet
from engine.simulation import Simulation

ADOPTED = "adopted"  # decision of holdings that were there before the first decision
GUARD = "guard"  # decision of sells at a guarded level
_BEGIN = -1
_MOMENT = 4  # place of the bits of time in the exchange's arrays
_OVER = (OrderCancelled, OrderExpired, OrderRefused, OrderNotSent)


def told_account(
    rules: RuleSet,
    panel: Panel,
    config: BacktestConfig,
    history: Sequence[Event],
    rules_since: datetime | None = None,
    watched: Sequence[Node] = (),
    on_row: Callable[[int, Simulation], None] | None = None,
    until: int | None = None,
    resumed: Sequence[str] = (),
) -> Simulation:
    """The account after the panel's last close, or after an earlier one.

    Args:
        rules: the rules in force.
        panel: raw bars up to the last close that is known; the first decision looks at the last close before the
            account began.
        config: costs and limits; its cash does not matter.
        history: every event of the account, in the order of the ledger; the first is its deposit.
        rules_since: before it other rules were in force, whose exits and halts are over; None = these from the start.
        watched: further features.
        on_row: told every bar after it has been booked.
        until: bars to book; the account is left at the close of the last of them. None = all.
        resumed: decisions after which a person let the account go on that a rule had halted. While the rule's condition
            holds, the next decision halts it again.

    Raises:
        BadInput: no deposit, or no close before it.
        BrokenInvariant: a fill without an order.
        ConfigError: adjusted prices.
    """
    if panel.manifest.price_scale != 1:
        raise ConfigError(
            f"{panel.manifest.name} has adjusted prices, but orders are traded at raw ones. Use raw (unadjusted) data."
        )
    deposit = next((event for event in history if isinstance(event, CashMoved)), None)
    if deposit is None or deposit.amount <= 0:
        raise BadInput("The ledger has no deposit yet, so there is nothing to trade with.")
    first = int(np.searchsorted(panel.closed_at_ns, to_nanoseconds(deposit.time), side="right")) - 1
    if first < 0:
        raise BadInput(
            f"The data begins on {panel.session_date(0)}, after the account did ({deposit.time.date()}): no close is "
            "known from before the first decision. Download earlier history."
        )
    exchange = _still_open(build_exchange(panel, config.model_copy(update={"cash_won": deposit.amount, "costs": True})))
    compiled = compile_rules(rules, price_scale=exchange.scale)
    simulation = Simulation(exchange, compiled, first, watched=watched)
    since = (
        first
        if rules_since is None
        else int(np.searchsorted(panel.closed_at_ns, to_nanoseconds(rules_since), side="left"))
    )
    fold = _Fold(simulation, exchange, compiled, history, deposit)
    fold.run(since, on_row, panel.rows if until is None else until, sorted(resumed))
    return simulation


def _still_open(exchange: Exchange) -> Exchange:
    """The same market, where the last bar of unfinished minute data does not end its session: orders live on."""
    panel = exchange.panel
    closes = to_nanoseconds(session_hours(panel.session_date(panel.rows - 1)).periods[-1][1])
    if int(panel.closed_at_ns[-1]) >= closes:
        return exchange
    moment = exchange.arrays[_MOMENT].copy()
    moment[-1] &= ~np.uint8(at.LAST_OF_SESSION)
    return replace(exchange, arrays=(*exchange.arrays[:_MOMENT], moment, *exchange.arrays[_MOMENT + 1 :]))


@dataclass(slots=True)
class _Told:
    """An order on its way through the fold."""

    request: OrderRequest
    row: int
    index: int = -1
    filled: int = 0


@dataclass(slots=True)
class _Day:
    """What was told in one bar."""

    events: list[Event] = field(default_factory=list)


class _Fold:
    """Books a history into a fresh simulation."""

    def __init__(
        self,
        simulation: Simulation,
        exchange: Exchange,
        rules: CompiledRules,
        history: Sequence[Event],
        deposit: CashMoved,
    ) -> None:
        panel = exchange.panel
        self._simulation, self._panel = simulation, panel
        self._column = {ticker: place for place, ticker in enumerate(panel.tickers)}
        self._rule = {rule.id: number for number, rule in enumerate(rules.source)}
        self._orders: dict[str, _Told] = {}
        self._days: dict[int, _Day] = {}
        for event in history:
            if event is not deposit:
                self._days.setdefault(self._row_of(event), _Day()).events.append(event)

    def _row_of(self, event: Event) -> int:
        """The bar in which an event belongs: the first that closes at or after it, and never before its order."""
        row = int(np.searchsorted(self._panel.closed_at_ns, to_nanoseconds(event.time), side="left"))
        row = max(row, self._simulation.first)
        if isinstance(event, OrderIntended):
            if event.request.decision_id == ADOPTED:
                row = self._simulation.first
            self._orders[event.order_id] = _Told(event.request, row)
            return row
        order = self._orders.get(getattr(event, "order_id", ""))
        if order is None:
            return row
        # The clocks of exchange and machine differ, and what was adopted belongs to the first bar.
        return order.row if order.request.decision_id == ADOPTED else max(row, order.row)

    def run(self, since: int, on_row: Callable[[int, Simulation], None] | None, until: int, resumed: list[str]) -> None:
        """Book the bars before `until`; from row `since` on the rules decide too, which keeps their state right."""
        simulation = self._simulation
        for row in range(simulation.first, until):
            simulation.row = row - 1
            simulation.make_room()
            simulation.trade_part(_BEGIN)
            for event in self._days[row].events if row in self._days else ():
                self._book(event)
            simulation.trade_part(at.POINTS)
            simulation.row = row
            if on_row is not None:
                on_row(row, simulation)
            while resumed and resumed[0] < decision_id_of(from_nanoseconds(int(self._panel.closed_at_ns[row]))):
                resumed.pop(0)
                simulation.book.account[at.HALTED] = 0
            if since <= row < until - 1:
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
                self._simulation.fill_told(order.index, event.price, event.quantity)
        elif isinstance(event, _OVER):
            self._close(self._orders[event.order_id])
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
            _move_cash(self._simulation.book.account, event)

    def _accept(self, order: _Told, quantity: int) -> None:
        simulation, request = self._simulation, order.request
        col = self._column.get(request.ticker)
        if col is None:
            raise BadInput(
                f"The ledger has an order for {request.ticker}, which the data {self._panel.manifest.name} lacks. "
                "Download its history too."
            )
        rules = [self._rule[name] for name in request.rule_ids if name in self._rule]
        if request.decision_id.startswith(GUARD) and rules:
            simulation.fire_guard(col, rules[0])
        write_proposal(simulation, request, col)
        proposal = simulation.book.proposals[0]
        proposal[at.PROPOSAL_RULE] = rules[0] if rules else -1
        low = sum(1 << number for number in set(rules) if number < 63)
        high = sum(1 << number - 63 for number in set(rules) if number >= 63)
        proposal[at.PROPOSAL_RULES_LOW], proposal[at.PROPOSAL_RULES_HIGH] = low, high
        order.index = simulation.accept_told(0, quantity)

    def _close(self, order: _Told) -> None:
        if order.index >= 0:
            self._simulation.cancel(order.index)


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
