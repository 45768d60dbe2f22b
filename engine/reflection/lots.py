"""Average-cost matching: every sale against all shares held, whenever they were bought.

The guide's way, a sale less the mean of the purchases of the same week, forgets quantities, earlier purchases and
costs. Here the whole history is folded, as the account itself books it: a sale takes its share of the cost, rounded
down to the won, and the last share takes what is left; the fees of the purchases go with it in the same proportion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.reflection.executions import Executions, FillFacts, OrderFacts, RatioChange


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTrade:
    """A sale: one order that gave up shares.

    Args:
        trade_id: number of the selling order's row in `trades`.
        ticker: KRX short code.
        entry_trade_ids: purchases of the position, oldest first.
        entered_at: first purchase of the position.
        decided_at: when that purchase was decided.
        exited_at: last fill of the sale.
        quantity: shares sold.
        cost, proceeds: won, without costs.
        costs: won of fees and taxes, those of the purchases in proportion.
        pnl: won after all costs.
        booked: won that the books realised, before costs; equals `proceeds - cost` where both are right.
        entry_rules, exit_rules: rules behind the first purchase and the sale, the deciding one first.
        why: the reasoning at entry.
        market: the market at entry, None when it was not recorded.
        closes: nothing of the position is left.
    """

    trade_id: int
    ticker: str
    entry_trade_ids: tuple[int, ...]
    entered_at: datetime
    decided_at: datetime
    exited_at: datetime
    quantity: int
    cost: float
    proceeds: float
    costs: float
    pnl: float
    booked: float
    entry_rules: tuple[str, ...]
    exit_rules: tuple[str, ...]
    why: str
    market: Mapping[str, Any] | None
    closes: bool

    @property
    def held_days(self) -> float:
        """Calendar days between entry and exit."""
        return (self.exited_at - self.entered_at).total_seconds() / 86_400

    @property
    def return_ratio(self) -> float:
        """Profit after costs over cost; 0 for shares that cost nothing."""
        return self.pnl / self.cost if self.cost else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPosition:
    """Shares that are still held: no profit yet, and none is counted.

    Args:
        ticker: KRX short code.
        trade_ids: its purchases.
        entered_at: the first of them.
        quantity: shares.
        cost: won, without fees.
        entry_rules: rules behind the first purchase.
        why: its reasoning.
    """

    ticker: str
    trade_ids: tuple[int, ...]
    entered_at: datetime
    quantity: int
    cost: float
    entry_rules: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Matched:
    """All sales and what is left.

    Args:
        closed: in order of the last fill.
        open: by ticker.
        unmatched: tickers of which more was sold than was bought: a split that the reader was not told, or shares
            from elsewhere. Their profit is what the books say.
    """

    closed: tuple[ClosedTrade, ...]
    open: tuple[OpenPosition, ...]
    unmatched: tuple[str, ...]


@dataclass(slots=True)
class _Holding:
    """What is held of one ticker."""

    first: FillFacts
    entry_trade_ids: list[int] = field(default_factory=list)
    quantity: int = 0
    cost: int = 0
    fees: int = 0


@dataclass(slots=True)
class _Sale:
    """Fills of one selling order so far."""

    order: OrderFacts
    ticker: str
    holding: _Holding
    entry_trade_ids: tuple[int, ...]
    exited_at: datetime
    quantity: int = 0
    cost: int = 0
    proceeds: int = 0
    costs: int = 0
    booked: int = 0
    closes: bool = False


def match(executions: Executions) -> Matched:
    """Fold the history into sales and holdings."""
    held: dict[str, _Holding] = {}
    sales: dict[tuple[str, int], _Sale] = {}
    unmatched: dict[str, None] = {}
    for event in executions.events:
        if isinstance(event, RatioChange):
            _restate(held, event)
        elif event.is_buy:
            _buy(held, event)
        else:
            _sell(held, sales, unmatched, event)
    scale = executions.scale
    closed = [_closed(sale, scale) for sale in sales.values()]
    return Matched(
        closed=tuple(sorted(closed, key=lambda trade: (trade.exited_at, trade.trade_id))),
        open=tuple(_open(ticker, held[ticker], scale) for ticker in sorted(held)),
        unmatched=tuple(unmatched),
    )


def _restate(held: dict[str, _Holding], change: RatioChange) -> None:
    holding = held.get(change.ticker)
    if holding is None:
        return
    exact = holding.quantity * change.numerator
    quantity, rest = divmod(exact, change.denominator)
    # The fraction of a share is paid out, and takes its share of the cost with it.
    holding.cost -= holding.cost * rest // exact if quantity else holding.cost
    holding.quantity = quantity
    if not quantity:
        del held[change.ticker]


def _buy(held: dict[str, _Holding], fill: FillFacts) -> None:
    holding = held.setdefault(fill.ticker, _Holding(fill))
    if fill.order.trade_id not in holding.entry_trade_ids:
        holding.entry_trade_ids.append(fill.order.trade_id)
    holding.quantity += fill.quantity
    holding.cost += fill.amount
    holding.fees += fill.costs


def _sell(
    held: dict[str, _Holding], sales: dict[tuple[str, int], _Sale], unmatched: dict[str, None], fill: FillFacts
) -> None:
    holding = held.get(fill.ticker)
    if holding is None or fill.quantity > holding.quantity:
        unmatched[fill.ticker] = None
        # What is known of it: the books' cost; all that was thought to be held is gone with it.
        holding = holding or _Holding(fill)
        cost, fees, left = fill.amount - fill.realised, holding.fees, 0
    else:
        cost = holding.cost * fill.quantity // holding.quantity
        fees = holding.fees * fill.quantity // holding.quantity
        left = holding.quantity - fill.quantity
    key = (fill.order.order_id, id(holding))
    sale = sales.get(key)
    if sale is None:
        sale = sales[key] = _Sale(fill.order, fill.ticker, holding, tuple(holding.entry_trade_ids), fill.time)
    sale.exited_at = fill.time
    sale.quantity += fill.quantity
    sale.cost += cost
    sale.proceeds += fill.amount
    sale.costs += fill.costs + fees
    sale.booked += fill.realised
    sale.closes = left == 0
    holding.quantity, holding.cost, holding.fees = left, holding.cost - cost, holding.fees - fees
    if left == 0:
        held.pop(fill.ticker, None)


def _closed(sale: _Sale, scale: int) -> ClosedTrade:
    first = sale.holding.first
    return ClosedTrade(
        trade_id=sale.order.trade_id,
        ticker=sale.ticker,
        entry_trade_ids=sale.entry_trade_ids,
        entered_at=first.time,
        decided_at=first.order.decided_at,
        exited_at=sale.exited_at,
        quantity=sale.quantity,
        cost=won(sale.cost, scale),
        proceeds=won(sale.proceeds, scale),
        costs=won(sale.costs, scale),
        pnl=won(sale.proceeds - sale.cost - sale.costs, scale),
        booked=won(sale.booked, scale),
        entry_rules=first.order.rule_ids if first.is_buy else (),
        exit_rules=sale.order.rule_ids,
        why=first.order.why if first.is_buy else "",
        market=first.order.market if first.is_buy else None,
        closes=sale.closes,
    )


def _open(ticker: str, holding: _Holding, scale: int) -> OpenPosition:
    first = holding.first
    return OpenPosition(
        ticker=ticker,
        trade_ids=tuple(holding.entry_trade_ids),
        entered_at=first.time,
        quantity=holding.quantity,
        cost=won(holding.cost, scale),
        entry_rules=first.order.rule_ids,
        why=first.order.why,
    )


def won(units: int, scale: int) -> float:
    """Price units as won: whole won on raw prices.

    >>> won(1_250, 1), won(1_250, 100)
    (1250, 12.5)
    """
    return units if scale == 1 else units / scale
