"""What really happened, from the server itself, against what the ledger says: the judge of the chaos runs.

Which order at the server belongs to which intent is not taken from numbers, times or prices: the trader tags every
order with a header that KIS does not know, and `TagReader` notes what became of it inside the server.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.notice import NEW
from brokers.kis_server.order_book import ServedOrder
from brokers.kis_server.rest import Answered
from brokers.kis_server.served_account import ServedAccount
from brokers.kis_server.server import KisServer
from engine.clock import Clock
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.rows import orders_of_account
from engine.ledger.verify import verify
from engine.order import TERMINAL, UNRESOLVED, WORKING, Order, OrderStatus
from tests.chaos.death import TAG


class TagReader:
    """Notes for every order that the server takes by which intent it was sent."""

    def __init__(self, server: KisServer, account: ServedAccount) -> None:
        self.orders: dict[str, list[ServedOrder]] = defaultdict(list)  # our id -> what the server took
        self.all: dict[date, list[ServedOrder]] = defaultdict(list)  # everything the server has, by session
        self._answer, self._add = server.rest.answer, account.orders.add
        self._path = ENDPOINTS["order_cash"].path
        self._intent = ""
        server.rest.answer = self._noting  # type: ignore[method-assign]
        account.orders.add = self._adding  # type: ignore[method-assign]

    def _noting(
        self, method: str, path: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
    ) -> Answered:
        self._intent = headers[TAG] if path == self._path else ""
        return self._answer(method, path, headers, query, body)

    def _adding(self, order: ServedOrder) -> None:
        self._add(order)
        self.all[order.session].append(order)
        if self._intent:
            self.orders[self._intent].append(order)


@dataclass(slots=True)
class Verdict:
    """What the judge found, each as one sentence; all but the counts must be empty.

    Args:
        duplicates: an intent with two orders at the server, or an order there without an intent.
        lost_fills: shares or won of an order, a holding or the cash that differ.
        wrong: resolved to what is not true.
        unguarded: unresolved, and the ticker is free or nobody was told.
        unfinished: still working though its day is over.
        damaged: findings of the ledger's own verification.
        intents: orders in the ledger.
        resolved: orders that were unknown once, or had no answer at a restart, and are resolved.
        blocked: orders that are unresolved.
    """

    duplicates: list[str] = field(default_factory=list)
    lost_fills: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unguarded: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    intents: int = 0
    resolved: int = 0
    blocked: int = 0

    @property
    def problems(self) -> list[str]:
        """Everything that must not be."""
        return [
            *self.duplicates,
            *self.lost_fills,
            *self.wrong,
            *self.unguarded,
            *self.unfinished,
            *self.damaged,
        ]


class Judge:
    """Compares a ledger with the account that it is about.

    Args:
        tags: what each intent became at the server.
        account: at the server.
        path: of the ledger.
        clock: to open it with.
    """

    def __init__(self, tags: TagReader, account: ServedAccount, path: Path, clock: Clock) -> None:
        self._tags, self.account, self._path, self._clock = tags, account, path, clock

    def orders(self) -> list[Order]:
        """Every order of the ledger."""
        with open_ledger(self._path, self._clock, read_only=True) as ledger:
            return list(orders_of_account(ledger.connection).values())

    def judge(self, *, evening: bool, costs_settled: bool = False, thorough: bool = False) -> Verdict:
        """Compare now; nobody may be trading.

        Args:
            evening: the trader has had its time after the close: nothing may be open or without an alert.
            costs_settled: the ledger has been told all costs of all days.
            thorough: also check the journal from its beginning.
        """
        verdict = Verdict()
        with open_ledger(self._path, self._clock, read_only=True) as ledger:
            orders = orders_of_account(ledger.connection)
            verdict.intents = len(orders)
            unknown = _once_unknown(ledger)
            told = _blocked_orders(ledger)
            for order in orders.values():
                self._judge_order(order, verdict)
                if order.status in UNRESOLVED:
                    verdict.blocked += 1
                    if evening and order.id not in told:
                        verdict.unguarded.append(f"{order.id} is {order.status.value}, and no alert says so")
                    if order.request.ticker not in ledger.blocked_tickers():
                        verdict.unguarded.append(f"{order.id} is {order.status.value}; its ticker may trade")
                elif order.id in unknown:
                    verdict.resolved += 1
                if evening and order.status in WORKING:
                    verdict.unfinished.append(f"{order.id} is {order.status.value} after the close")
            self._judge_orphans(orders, verdict)
            if evening:
                self._judge_totals(ledger, orders, verdict, costs_settled)
            if thorough:
                verdict.damaged += [
                    f"{found.code} {found.where}: {found.detail}" for found in verify(ledger.connection)
                ]
        return verdict

    def _judge_order(self, order: Order, verdict: Verdict) -> None:
        served = self._tags.orders.get(order.id, [])
        if len(served) > 1:
            verdict.duplicates.append(f"{order.id} is at the server as {[one.number for one in served]}")
        if order.status in UNRESOLVED:
            return
        if not served:
            if order.status not in (OrderStatus.NOT_SENT, OrderStatus.REFUSED) or order.filled:
                verdict.wrong.append(f"{order.id} is {order.status.value}, and the server never had it")
            return
        root = served[0]
        refused = root.rejected == root.quantity
        if order.status is OrderStatus.NOT_SENT or (order.status is OrderStatus.REFUSED) != refused:
            is_late = refused and order.status in WORKING  # the refusal is still on its way
            if not is_late:
                verdict.wrong.append(f"{order.id} is {order.status.value}; {_described(root)}")
            return
        chain = self.chain(root)
        if int(order.order_number or 0) not in {one.number for one in chain} and not refused:
            verdict.wrong.append(
                f"{order.id} has the number {order.order_number}, and is {[one.number for one in chain]}"
            )
        if order.status in TERMINAL:
            filled, amount = sum(map(self.account.filled, chain)), sum(map(self.account.amount, chain))
            if (order.filled, order.filled_amount) != (filled, amount):
                verdict.lost_fills.append(
                    f"{order.id} ({order.status.value}) has {order.filled} shares for {order.filled_amount} won, the "
                    f"server {filled} for {amount}"
                )

    def chain(self, root: ServedOrder) -> list[ServedOrder]:
        """An order and its amends and cancels."""
        members, found = {root.number}, [root]
        for order in self._tags.all[root.session]:
            if order.original in members:
                members.add(order.number)
                found.append(order)
        return found

    def _judge_orphans(self, orders: Mapping[str, Order], verdict: Verdict) -> None:
        tagged = {id(order) for name, served in self._tags.orders.items() if name in orders for order in served}
        for order in (one for session in self._tags.all.values() for one in session):
            if order.request == NEW and id(order) not in tagged:
                verdict.duplicates.append(f"{_described(order)} belongs to no intent")

    def _judge_totals(self, ledger: Ledger, orders: Mapping[str, Order], verdict: Verdict, costs_settled: bool) -> None:
        """Holdings and cash: the ledger's and what blocked orders have filled are the account's."""
        market = self.account.market
        hidden: dict[str, int] = defaultdict(int)
        cash = 0
        for order in orders.values():
            for one in self._tags.orders.get(order.id, ()) if order.status in UNRESOLVED else ():
                for member in self.chain(one):
                    hidden[order.request.ticker] += order.request.side.sign * self.account.filled(member)
                    cash -= order.request.side.sign * self.account.amount(member)
        for col, ticker in enumerate(market.panel.tickers):
            booked = ledger.positions[ticker].quantity if ticker in ledger.positions else 0
            held = self.account.held(col)
            if booked + hidden[ticker] != held:
                verdict.lost_fills.append(
                    f"{ticker}: {booked} shares booked, {hidden[ticker]} in blocked orders, {held} held"
                )
        totals, days = ledger.totals, self.account.days.values()
        each = [one for day in days for one in day.values()]
        costs = sum(one.costs for one in each)
        money = self.account.money().deposit_d2
        if totals.cash + totals.fees + totals.taxes + cash != money + costs:
            verdict.lost_fills.append(
                f"{totals.cash + totals.fees + totals.taxes} won booked before costs, {cash} in blocked orders, the "
                f"account has {money + costs}"
            )
        if costs_settled and totals.fees + totals.taxes != costs:
            verdict.lost_fills.append(f"{totals.fees + totals.taxes} won of costs booked, the account paid {costs}")


def _once_unknown(ledger: Ledger) -> set[str]:
    rows = ledger.connection.execute("SELECT payload FROM events WHERE kind = 'order_unknown'")
    return {json.loads(payload)["order_id"] for (payload,) in rows}


def _blocked_orders(ledger: Ledger) -> set[str]:
    rows = ledger.connection.execute("SELECT parameters FROM alerts WHERE code = 'kis_order_blocked'")
    return {json.loads(parameters)["order_id"] for (parameters,) in rows}


def _described(order: ServedOrder) -> str:
    return (
        f"{order.side.value} {order.quantity} {order.ticker} at {order.price}, number {order.number} of {order.session}"
    )
