"""The default prompt on a file of raw daily bars, computed in plain Python without anything of the engine.

Prices in won, quantities in shares. Written from the rules of the exchange and the text of the prompt: it knows stocks
of KOSPI and ETFs from 2021 on, one purchase a name, no slippage, 10 % participation.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

import numpy as np
import polars as pl

STOCK_TICKS = ((1_000, 1), (5_000, 5), (10_000, 10), (50_000, 50), (100_000, 100), (500_000, 500))
STOCK_TICKS_2023 = ((2_000, 1), (5_000, 5), (20_000, 10), (50_000, 50), (200_000, 100), (500_000, 500))
TAX_BY_SETTLEMENT_YEAR = {2021: 80, 2022: 80, 2023: 50, 2024: 30, 2025: 0, 2026: 50}  # KOSPI, per 100,000
RURAL_TAX = 150
FEE, FUND_FEE = 140_527, 146_527  # per 1,000,000,000
CASH, MOST_NAMES, WINDOW = 100_000_000, 20, 20


@dataclass
class Order:
    """An order and what its fills have cost so far."""

    column: int
    side: str
    quantity: int
    rules: frozenset[str] = frozenset()
    from_point: int = 0
    filled: int = 0
    amount: int = 0
    costs: tuple[int, int, int] = (0, 0, 0)


@dataclass
class Holding:
    """One name held; `left` is what an exit rule still has to sell, -1 once it is done."""

    quantity: int = 0
    cost: int = 0
    left: dict[str, int] = field(default_factory=dict)


@dataclass
class ByHand:
    """A run of the default prompt.

    Args:
        bars: date, ticker, open, high, low, close, volume; zeros on days without a trade.
        funds: tickers of ETFs.
        splits: (ticker, day) -> new shares for one.
        closed: (ticker, day) on which nobody trades because a jump of the price is unexplained.
    """

    bars: pl.DataFrame
    funds: set[str]
    splits: dict[tuple[str, datetime.date], int]
    closed: set[tuple[str, datetime.date]]
    cash: int = CASH
    held: dict[int, Holding] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    levels: list[tuple[int, int, str]] = field(default_factory=list)
    fills: list[tuple[object, ...]] = field(default_factory=list)
    curve: list[tuple[object, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tickers = sorted(self.bars["ticker"].unique())
        self.days = sorted(self.bars["date"].unique())
        column = {ticker: place for place, ticker in enumerate(self.tickers)}
        row = {day: place for place, day in enumerate(self.days)}
        shape = (len(self.days), len(self.tickers))
        rows = [row[day] for day in self.bars["date"]]
        columns = [column[ticker] for ticker in self.bars["ticker"]]
        self.prices = {name: np.zeros(shape, np.int64) for name in ("open", "low", "high", "close")}
        for name, table in self.prices.items():
            table[rows, columns] = self.bars[name].to_numpy().astype(np.int64)
        self.volume = np.zeros(shape, np.int64)
        self.volume[rows, columns] = self.bars["volume"].to_numpy()
        self.present = np.zeros(shape, bool)
        self.present[rows, columns] = True
        self.traded = self.present & (self.volume > 0) & (self.prices["open"] > 0)
        self.signals = [self._signals(place) for place in range(len(self.tickers))]

    def run(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Equity by session and all fills."""
        equity = CASH
        for row, day in enumerate(self.days):
            yesterday = equity
            self._split(day)
            self._trade(row)
            value = sum(int(self.prices["close"][row, at]) * holding.quantity for at, holding in self.held.items())
            equity = self.cash + value
            self.curve.append((day, self.cash, value, equity, len(self.held)))
            self._decide(row, equity, value, lost=(yesterday - equity) * 50 >= yesterday)
        curve = pl.DataFrame(self.curve, schema=["session", "cash", "holdings", "equity", "positions"], orient="row")
        names = ["session", "ticker", "side", "quantity", "price", "fee", "stt", "rural"]
        return curve, pl.DataFrame(self.fills, schema=names, orient="row")

    def _signals(self, at: int) -> dict[int, float]:
        """Row -> return of 20 sessions, for the rows on which the entry rules hold."""
        listed = np.flatnonzero(self.present[:, at])
        close = self.prices["close"][listed, at].astype(float)
        volume = self.volume[listed, at].astype(float)
        for (ticker, day), ratio in self.splits.items():
            if ticker == self.tickers[at]:
                before = listed < self.days.index(day)
                close[before] /= ratio
                volume[before] *= ratio
        found = {}
        for place in range(WINDOW, len(listed)):
            mean, mean_before = close[place - 19 : place + 1].mean(), close[place - 20 : place].mean()
            usual = volume[place - 20 : place].mean()
            crossed = close[place] > mean and close[place - 1] <= mean_before
            if crossed and usual > 0 and volume[place] >= 1.5 * usual:
                found[int(listed[place])] = (close[place] - close[place - 20]) / close[place - 20]
        return found

    def _split(self, day: datetime.date) -> None:
        for at, ticker in enumerate(self.tickers):
            ratio = self.splits.get((ticker, day))
            if ratio and at in self.held:
                self.held[at].quantity *= ratio
                for number, (place, level, rule) in enumerate(self.levels):
                    if place == at:
                        restated = self._on_grid(level // ratio, at, day, up=rule == "half")
                        self.levels[number] = (at, restated, rule)

    def _trade(self, row: int) -> None:
        budget = self.volume[row] // 10
        for point, (before, now) in enumerate((("open", "open"), ("open", "low"), ("low", "high"), ("high", "close"))):
            for order in self.orders:
                if order.side == "sell" and order.from_point <= point:
                    self._fill(row, order, int(self.prices[now][row, order.column]), budget)
            for at, level, rule in self.levels:
                if at in self.held and not self.held[at].left.get(rule):
                    price = self._reached(level, rule, point, *(int(self.prices[p][row, at]) for p in (before, now)))
                    if price and self._open_to_trade(row, at):
                        self._guard(row, point, at, rule, price, budget)
            for order in self.orders:
                if order.side == "buy":
                    self._fill(row, order, int(self.prices[now][row, order.column]), budget)
        self.orders = []

    @staticmethod
    def _reached(level: int, rule: str, point: int, before: int, now: int) -> int:
        """The price at which a stop or a target trades on the way from `before` to `now`, 0 if it does not."""
        if point == 0:
            return now if (now <= level if rule == "stop" else now >= level) else 0
        if rule == "stop":
            return min(level, before) if now <= level else 0
        return level if now > level else 0

    def _guard(self, row: int, point: int, at: int, rule: str, price: int, budget: np.ndarray) -> None:
        held = self.held[at]
        pending = sum(o.quantity - o.filled for o in self.orders if o.side == "sell" and o.column == at)
        held.left[rule] = held.quantity if rule == "stop" else -(-held.quantity // 2)
        quantity = min(held.left[rule], held.quantity - pending)
        if quantity > 0:
            order = Order(at, "sell", quantity, frozenset({rule}), from_point=point + 1)
            self.orders.append(order)
            self._fill(row, order, price, budget)

    def _open_to_trade(self, row: int, at: int) -> bool:
        return bool(self.traded[row, at]) and (self.tickers[at], self.days[row]) not in self.closed

    def _fill(self, row: int, order: Order, price: int, budget: np.ndarray) -> None:
        at = order.column
        quantity = min(order.quantity - order.filled, int(budget[at]))
        if quantity <= 0 or not self._open_to_trade(row, at):
            return
        budget[at] -= quantity
        order.filled += quantity
        order.amount += price * quantity
        fee, stt, rural = more = self._costs(row, order)
        sign = 1 if order.side == "buy" else -1
        self.cash -= sign * price * quantity + sum(more)
        held = self.held.setdefault(at, Holding())
        if order.side == "buy":
            held.cost += price * quantity
        else:
            held.cost -= held.cost if quantity == held.quantity else held.cost * quantity // held.quantity
            for rule in order.rules:
                left = held.left.get(rule, 0)
                held.left[rule] = left - quantity if left > quantity else -1
        held.quantity += sign * quantity
        if held.quantity == 0:
            del self.held[at]
        self.fills.append((self.days[row], self.tickers[at], order.side, quantity, price, fee, stt, rural))

    def _costs(self, row: int, order: Order) -> tuple[int, int, int]:
        """What this fill adds to the order's fee and taxes, each rounded down on the order's whole amount."""
        fund = self.tickers[order.column] in self.funds
        stt = rural = 0
        if order.side == "sell" and not fund:
            settles = self.days[min(row + 2, len(self.days) - 1)]
            stt = order.amount * TAX_BY_SETTLEMENT_YEAR[settles.year] // 100_000
            rural = order.amount * RURAL_TAX // 100_000
        total = (order.amount * (FUND_FEE if fund else FEE) // 10**9, stt, rural)
        more = tuple(now - before for now, before in zip(total, order.costs, strict=True))
        order.costs = total
        return more  # type: ignore[return-value]

    def _decide(self, row: int, equity: int, value: int, *, lost: bool) -> None:
        tomorrow = self.days[min(row + 1, len(self.days) - 1)]
        self.levels = []
        for at, held in sorted(self.held.items()):
            unsold = max([0, *held.left.values()])
            if unsold:
                rules = frozenset(rule for rule, left in held.left.items() if left > 0)
                self.orders.append(Order(at, "sell", min(unsold, held.quantity), rules))
            stop, half = held.cost * 93 // (100 * held.quantity), -(-held.cost * 115 // (100 * held.quantity))
            if not held.left.get("stop"):
                self.levels.append((at, self._on_grid(stop, at, tomorrow, up=False), "stop"))
            if not held.left.get("half"):
                self.levels.append((at, self._on_grid(half, at, tomorrow, up=True), "half"))
        names, free = len(self.held), self.cash
        wanted = [(-found[row], at) for at, found in enumerate(self.signals) if row in found and at not in self.held]
        for _, at in sorted(wanted):
            if lost or names >= MOST_NAMES or not self._open_to_trade(row, at):
                continue
            price = int(self.prices["close"][row, at])
            reserved = self._upper_limit(price, at, tomorrow)
            wanted = equity // 10 // price
            quantity = min(wanted, max(equity - value, 0) // price, max(free, 0) // reserved)
            while quantity and reserved * quantity + self._fee(at, reserved * quantity) > free:
                quantity -= 1
            if quantity and 10 * quantity >= wanted:  # less than a tenth is not worth a place
                self.orders.append(Order(at, "buy", quantity))
                free -= reserved * quantity + self._fee(at, reserved * quantity)
                value += price * quantity
                names += 1

    def _fee(self, at: int, amount: int) -> int:
        return amount * (FUND_FEE if self.tickers[at] in self.funds else FEE) // 10**9

    def _upper_limit(self, close: int, at: int, day: datetime.date) -> int:
        base = self._on_grid(close, at, day, up=True) if day >= datetime.date(2025, 3, 4) else close
        width = base * 30 // 100
        return self._on_grid(base + width // self._tick(base, at, day) * self._tick(base, at, day), at, day, up=False)

    def _on_grid(self, price: int, at: int, day: datetime.date, *, up: bool) -> int:
        tick = self._tick(price, at, day)
        return -(-price // tick) * tick if up else price // tick * tick

    def _tick(self, price: int, at: int, day: datetime.date) -> int:
        if self.tickers[at] in self.funds:
            return 1 if price < 2_000 and day >= datetime.date(2023, 12, 11) else 5
        bands = STOCK_TICKS_2023 if day >= datetime.date(2023, 1, 25) else STOCK_TICKS
        return next((tick for bound, tick in bands if price < bound), 1_000)
