"""Seeded chaos on loopback: lost answers, lost and doubled notices, cancels, amends, restarts; the books must agree."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from brokers.kis_account import LedgerBooks
from engine.broker import Accepted, RefusedByVenue
from engine.events import OrderAccepted, OrderNotSent
from engine.order import TERMINAL, WORKING, OrderStatus, RefusalReason, Side
from tests.kis_venue import PRICE, AccountAtKis, account_at_kis

TICKERS = ("005930", "000660", "035420", "051910", "0000J0")
ROUNDS = 90


class Chaos:
    """One run: what happens next is drawn; what really became of each order is remembered."""

    def __init__(self, seed: int, account: AccountAtKis) -> None:
        self.draw, self.account, self.venue = np.random.default_rng(seed), account, account.venue
        self.truth: dict[str, int | None] = {}  # our id -> the number at the venue, None if it never arrived

    def chance(self, probability: float) -> bool:
        return bool(self.draw.random() < probability)

    def step(self) -> None:
        """One thing that we do, one thing that the market does, some time."""
        if self.chance(0.6):
            self.order()
        elif self.chance(0.6):
            self.change()
        if self.chance(0.7):
            self.fill()
        self.account.hear()
        if self.chance(0.5):
            self.account.let_pass(int(self.draw.integers(1, 9)))

    def order(self) -> None:
        ledger = self.account.ledger
        ticker = str(self.draw.choice(TICKERS))
        promised = sum(order.remaining for order in self.active(ticker) if order.request.side is Side.SELL)
        held = ledger.positions[ticker].quantity if ticker in ledger.positions else 0
        side = Side.SELL if held - promised >= 10 and self.chance(0.5) else Side.BUY
        fate = str(self.draw.choice(["", "", "", "before", "after"]))
        self.venue.lose.append(fate)
        known = set(self.venue.orders)
        answer = self.account.submit(10, side, PRICE, ticker)
        if isinstance(answer, RefusedByVenue) and answer.reason is RefusalReason.UNRESOLVED_ORDER:
            self.venue.lose.clear()
            return
        newest = LedgerBooks(ledger).orders_of(self.account.clock.now().date())[-1]
        arrived = sorted(set(self.venue.orders) - known)
        assert len(arrived) <= 1
        self.truth[newest.id] = arrived[0] if arrived else None

    def active(self, ticker: str):
        orders = LedgerBooks(self.account.ledger).orders_of(self.account.clock.now().date())
        return [order for order in orders if order.is_active and order.request.ticker == ticker]

    def change(self) -> None:
        working = [order for order in self.account.ledger.open_orders() if order.status in WORKING]
        if not working:
            return
        order = working[int(self.draw.integers(len(working)))]
        self.venue.confirms = self.chance(0.7)
        if self.chance(0.5):
            self.account.broker.cancel(order.order_number)
        else:
            answer = self.account.broker.amend(order.order_number, price=PRICE + 100 * int(self.draw.integers(-3, 4)))
            assert isinstance(answer, Accepted | RefusedByVenue)

    def fill(self, listening: bool = True) -> None:
        open_now = [order for order in self.venue.orders.values() if order.remaining > 0]
        if open_now:
            order = open_now[int(self.draw.integers(len(open_now)))]
            shares = int(self.draw.integers(1, order.remaining + 1))
            self.venue.fill(order.number, shares, PRICE, tell=int(self.draw.choice([0, 1, 1, 1, 2])) * listening)

    def tell_what_the_hts_shows(self) -> None:
        """A person looks up half of the blocked orders, as `geoul kis resolve` lets them."""
        ledger, now = self.account.ledger, self.account.clock.now()
        for order in ledger.unresolved_orders():
            if self.chance(0.5):
                number = self.truth[order.id]
                if number is None:
                    ledger.record_outcome(OrderNotSent(time=now, order_id=order.id))
                else:
                    text = self.venue.text(number)
                    ledger.record_outcome(OrderAccepted(time=now, order_id=order.id, order_number=text))

    def check(self) -> None:
        """After the close: every order is over or its ticker is blocked, and all figures agree with the venue."""
        account = self.account
        day = account.clock.now().date()
        account.let_pass(70)
        account.clock.sleep(7 * 3600)
        account.broker.open_orders()
        account.hear()
        alerts = account.alerts()
        held = dict.fromkeys(TICKERS, 0)
        for order in LedgerBooks(account.ledger).orders_of(day):
            number = self.truth[order.id]
            if order.status is OrderStatus.UNKNOWN:
                assert "kis_order_blocked" in alerts
                if number is not None:  # its fills are not booked while nobody knows whose they are
                    held[order.request.ticker] += self.filled(number) * order.request.side.sign
                continue
            assert order.status in TERMINAL, order
            if number is None:
                assert order.status is OrderStatus.NOT_SENT, order
                continue
            assert order.status is not OrderStatus.NOT_SENT, order
            assert order.filled == self.filled(number), order
            assert number in self.chain_of(int(order.order_number))
        for ticker in TICKERS:
            booked = account.ledger.positions[ticker].quantity if ticker in account.ledger.positions else 0
            assert booked + held[ticker] == self.venue.holdings.get(ticker, (0, 0))[0]
        originals = [order for order in self.venue.orders.values() if order.original is None]
        assert len(originals) == sum(number is not None for number in self.truth.values())  # nothing was sent twice

    def chain_of(self, number: int) -> set[int]:
        members = {number}
        while (before := self.venue.orders[number].original) is not None:
            number = before
            members.add(number)
        return members

    def filled(self, number: int) -> int:
        members, before = {number}, -1
        while len(members) != before:
            before = len(members)
            members |= {order.number for order in self.venue.orders.values() if order.original in members}
        return sum(self.venue.orders[member].filled for member in members)


@pytest.mark.parametrize(("seed", "environment"), [(1, "live"), (2, "paper"), (3, "live")])
def test_no_order_is_doubled_no_fill_is_lost_and_no_resolution_is_wrong(
    tmp_path: Path, seed: int, environment: str
) -> None:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(account_at_kis(tmp_path, environment))
        chaos = Chaos(seed, first)
        for number in range(ROUNDS):
            chaos.step()
            if number % 30 == 29:  # the process ends, things happen, another one starts
                chaos.account.broker.close()
                chaos.tell_what_the_hts_shows()
                for _ in range(3):
                    chaos.fill(listening=False)
                before = chaos.account
                chaos.account = stack.enter_context(account_at_kis(tmp_path, environment, venue_of=before))
        chaos.check()
