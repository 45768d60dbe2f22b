"""A ledger as years of trading leave it: orders, acceptances, fills, amends, ends, costs of the day, day ends.

Written through the ledger's own API, seeded, once for a size; one account of at most 40 names among all that the market
has. Only the disk is not waited for: a ledger that is made for measuring may be lost in a power failure.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from engine.clock import SimulatedClock, from_nanoseconds
from engine.data.panel import CLOSE, HIGH, LOW, OPEN, Panel
from engine.events import (
    CashMoved,
    CashReason,
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    OrderIntended,
)
from engine.fill import Fill
from engine.ledger.equity import EquityPoint, record_equity
from engine.ledger.ledger import Ledger, open_ledger
from engine.operating.graph import decision_id_of
from engine.order import OrderKind, OrderRequest, Side

BEFORE = 90  # sessions of history before the account begins
DEPOSIT = 10_000_000_000
MOST_NAMES = 40
EVENTS_AN_ORDER = 3.2  # measured
_FEE_PPB, _TAX_PPB = 140_527, 1_800_000
RULES = {Side.BUY: ("cross-above-mean",), Side.SELL: ("stop-loss",)}


def stored_ledger(root: Path, panel: Panel, events: int, seed: int = 20260105) -> Path:
    """The file of a ledger with so many events on a market; made on first use, the last day's books still open."""
    folder = root / f"ledger-{events}x{panel.rows}x{panel.columns}-seed{seed}"
    target = folder / "ledger.db"
    if not target.exists():
        unfinished = root / f"{folder.name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        _write(unfinished / "ledger.db", panel, events, seed)
        unfinished.rename(folder)
    return target


def _write(path: Path, panel: Panel, events: int, seed: int) -> None:
    sessions = panel.rows - BEFORE
    trading = Trading(panel, np.random.default_rng(seed), max(round(events / sessions / EVENTS_AN_ORDER), 1))
    clock = SimulatedClock(_close(panel, BEFORE - 1) + timedelta(hours=1))
    with open_ledger(path, clock) as ledger:
        ledger.connection.execute("PRAGMA synchronous = OFF")
        ledger.append(CashMoved(time=clock.now(), reason=CashReason.DEPOSIT, amount=DEPOSIT))
        for row in range(BEFORE, panel.rows):
            day = sorted(trading.day(row), key=lambda event: event.time)
            clock.advance_to(day[-1].time)
            ledger.append_all(day)
            if row + 1 < panel.rows:
                _close_books(ledger, panel, row)
            if row % 100 == 0:
                print(f"{ledger.head.sequence:,} events", file=sys.stderr)


def _close_books(ledger: Ledger, panel: Panel, row: int) -> None:
    prices = dict(zip(panel.tickers, panel.bars[CLOSE, row].tolist(), strict=True))
    value = sum(position.quantity * prices[ticker] for ticker, position in ledger.positions.items())
    totals = ledger.totals
    point = EquityPoint(
        session=panel.session_date(row),
        time=_close(panel, row),
        cash=totals.cash,
        holdings=value,
        equity=totals.cash + value,
        positions=len(ledger.positions),
        fees=totals.fees,
        taxes=totals.taxes,
        realised=totals.realised,
    )
    record_equity(ledger, point)


def _close(panel: Panel, row: int) -> datetime:
    return from_nanoseconds(int(panel.closed_at_ns[row]))


@dataclass
class Trading:
    """Makes up what happens, day by day.

    Args:
        panel: the market.
        generator: draws.
        orders_a_day: how many are sent each morning.
    """

    panel: Panel
    generator: np.random.Generator
    orders_a_day: int
    held: dict[int, int] = field(default_factory=dict)
    sent: int = 0

    def day(self, row: int) -> Iterator[Event]:
        """One session's events in the order in which they are booked."""
        close, draw = _close(self.panel, row), self.generator
        morning, decision = close.replace(hour=8, minute=35), decision_id_of(_close(self.panel, row - 1))
        open_orders: list[tuple[str, OrderRequest, int]] = []
        free = dict(self.held)
        for number in range(self.orders_a_day):
            request = self._request(row, decision, free)
            time = morning + timedelta(milliseconds=40 * number)
            self.sent += 1
            name = f"{time:%Y%m%d}-{self.sent:07d}"
            yield OrderIntended(time=time, order_id=name, request=request)
            yield OrderAccepted(time=time, order_id=name, order_number=f"{self.sent:010d}")
            open_orders.append((name, request, self.panel.tickers.index(request.ticker)))
        seconds = np.sort(draw.integers(1, 20_000, len(open_orders))).tolist()
        for (name, request, col), second in zip(open_orders, seconds, strict=True):
            yield from self._fate(row, name, request, col, close.replace(hour=9, minute=0) + timedelta(seconds=second))
        off = int(draw.integers(-50, 51))
        evening = close + timedelta(minutes=15)
        yield CashMoved(
            time=evening, reason=CashReason.COST_ADJUSTMENT, amount=off, text=self.panel.session_date(row).isoformat()
        )

    def _request(self, row: int, decision: str, free: dict[int, int]) -> OrderRequest:
        draw = self.generator
        sellable = [col for col, quantity in free.items() if quantity > 0]
        sells = bool(sellable) and (len(self.held) >= MOST_NAMES or draw.random() < 0.5)
        if sells:
            col = int(draw.choice(sellable))
            quantity = free[col] if draw.random() < 0.5 else max(free[col] // 2, 1)
            free[col] -= quantity
        else:
            names = list(self.held) if len(self.held) >= MOST_NAMES - 2 else range(self.panel.columns)
            col = int(draw.choice(names))
            quantity = max(int(2_000_000 // self.panel.bars[CLOSE, row - 1, col]), 1)
        side = Side.SELL if sells else Side.BUY
        price = int(self.panel.bars[CLOSE, row - 1, col]) if draw.random() < 0.3 else None
        return OrderRequest(
            ticker=self.panel.tickers[col],
            side=side,
            quantity=quantity,
            kind=OrderKind.MARKET if price is None else OrderKind.LIMIT,
            price=price,
            rule_ids=RULES[side],
            decision_id=decision,
        )

    def _fate(self, row: int, name: str, request: OrderRequest, col: int, time: datetime) -> Iterator[Event]:
        """Filled at once or in parts, amended before, withdrawn, or over at the end of the day."""
        draw, quantity, bar = self.generator, request.quantity, self.panel.bars[:, row, col]
        luck = float(draw.random())
        if request.price is not None and luck < 0.05:
            amended = time - timedelta(milliseconds=500)
            yield OrderAmended(time=amended, order_id=name, quantity=quantity, price=int(bar[OPEN]))
        parts = [quantity]
        if luck > 0.9:
            end = _close(self.panel, row)
            over = OrderCancelled if luck > 0.98 else OrderExpired
            yield over(time=time if luck > 0.98 else end, order_id=name)
            return
        if luck > 0.7 and quantity > 1:
            parts = [quantity // 2, quantity - quantity // 2]
        for place, shares in enumerate(parts):
            price = int(bar[OPEN]) if place == 0 else int(draw.integers(bar[LOW], bar[HIGH] + 1))
            amount = shares * price
            yield Fill(
                time=time + timedelta(milliseconds=place),
                order_id=name,
                key=f"{name}-{place}",
                ticker=request.ticker,
                side=request.side,
                quantity=shares,
                price=price,
                fee=amount * _FEE_PPB // 1_000_000_000,
                stt=amount * _TAX_PPB // 1_000_000_000 if request.side is Side.SELL else 0,
            )
        left = self.held.get(col, 0) + request.side.sign * quantity
        self.held[col] = left
        if left == 0:
            del self.held[col]
