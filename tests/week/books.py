"""The books of a week against the venue: what was sent, filled, held and paid, and what people were told.

The venue is asked by a plain client of the same account, so the judge knows nothing of the trader's own reading. Orders
made by hand are known by their numbers; what they bought and paid is taken out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from brokers.kis.costs import estimated_costs
from engine.clock import KST, SystemClock
from engine.krx.instrument_class import InstrumentClass
from engine.ledger.alerts import Alert, all_alerts
from engine.ledger.equity import equity_points
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.rows import orders_of_account
from engine.ledger.supervision import What, supervisions
from engine.ledger.verify import verify
from engine.order import TERMINAL, UNRESOLVED, WORKING, Order, OrderStatus, Side
from tests.kis_client import Client
from tests.week.market import LIMITS, RESTRICTED

_MINUTE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Listed:
    """An order as the venue lists it."""

    day: date
    number: int
    ticker: str
    side: Side
    quantity: int
    filled: int
    amount: int
    sent_at: datetime


@dataclass(slots=True)
class Findings:
    """What must not be, one sentence each, and what was counted.

    Args:
        duplicates: an order at the venue without an intent of its own, or two for one decision.
        losses: fills that the ledger does not have, or has otherwise.
        differences: holdings, cash, or the ledger's own proof.
        alerts: told twice, or never.
        limits: exceeded.
        orders: in the ledger.
        told: alerts in the ledger.
        unresolved: orders of which nobody knows yet.
    """

    duplicates: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    orders: int = 0
    told: int = 0
    unresolved: int = 0

    @property
    def problems(self) -> list[str]:
        """Everything that must not be."""
        return [*self.duplicates, *self.losses, *self.differences, *self.alerts, *self.limits]


class WeekBooks:
    """Compares a ledger with its account.

    Args:
        path: of the ledger.
        client: of the same account.
        by_hand: numbers of the orders that no trader sent, with their day.
    """

    def __init__(self, path: Path, client: Client, by_hand: set[tuple[date, int]]) -> None:
        self._path, self._client, self._by_hand = path, client, by_hand

    def compare(self, days: Sequence[date], *, evening: bool) -> Findings:
        """Compare now; the trader has handled everything that the venue has told it.

        Args:
            days: sessions so far, this one included.
            evening: the books of the last of them are closed: everything must agree that is not unresolved.
        """
        found = Findings()
        listed = {(row.day, row.number): row for row in self.listed(days)}
        theirs = {key: row for key, row in listed.items() if key not in self._by_hand}
        with open_ledger(self._path, SystemClock(), read_only=True) as ledger:
            orders = orders_of_account(ledger.connection)
            alerts = all_alerts(ledger)
            found.orders, found.told = len(orders), len(alerts)
            found.unresolved = sum(order.status in UNRESOLVED for order in orders.values())
            self._compare_orders(list(orders.values()), theirs, found, evening=evening)
            self._check_limits(list(orders.values()), ledger, found)
            self._check_alerts(ledger, alerts, list(orders.values()), found, evening=evening)
            if evening:
                self._compare_totals(ledger, listed, found)
                found.differences += [f"{each.code} {each.where}: {each.detail}" for each in verify(ledger.connection)]
                missing = {*days} - {point.session for point in equity_points(ledger)}
                found.differences += [f"the books of {day} are open" for day in sorted(missing)]
        return found

    def listed(self, days: Sequence[date]) -> list[Listed]:
        """The orders that the venue lists for these days."""
        return [row for day in days for row in self._listed(day)]

    def _listed(self, day: date) -> list[Listed]:
        rows = self._client.executions(f"{day:%Y%m%d}")["output1"]
        assert self._client.last.headers.get("tr_cont") not in ("F", "M"), "the list of the day has another page"
        return [
            Listed(
                day,
                int(row["odno"]),
                row["pdno"],
                Side.SELL if row["sll_buy_dvsn_cd"] == "01" else Side.BUY,
                int(row["ord_qty"]),
                int(row["tot_ccld_qty"]),
                int(row["tot_ccld_amt"]),
                datetime.strptime(row["ord_dt"] + row["ord_tmd"], "%Y%m%d%H%M%S").replace(tzinfo=KST),
            )
            for row in rows
            if not row["orgn_odno"].strip("0 ")
        ]

    def _compare_orders(
        self, orders: list[Order], theirs: dict[tuple[date, int], Listed], found: Findings, *, evening: bool
    ) -> None:
        ours: dict[tuple[date, int], Order] = {}
        for order in orders:
            if order.order_number:
                key = order.intended_at.date(), int(order.order_number)
                if key in ours:
                    found.duplicates.append(f"{order.id} and {ours[key].id} have one number, {key}")
                ours[key] = order
        open_intents = Counter((each.request.ticker, each.request.side) for each in orders if each.status in UNRESOLVED)
        for key, row in theirs.items():
            if key not in ours:
                if open_intents[row.ticker, row.side]:
                    open_intents[row.ticker, row.side] -= (
                        1  # its answer was lost; nobody has said yet what became of it
                    )
                else:
                    found.duplicates.append(f"{row} belongs to no intent")
        for key, order in ours.items():
            if key not in theirs:
                found.differences.append(f"{order.id} has the number {key}, which the venue does not know")
                continue
            row = theirs[key]
            if (order.request.ticker, order.request.side, order.request.quantity) != (
                row.ticker,
                row.side,
                row.quantity,
            ):
                found.differences.append(f"{order.id} is {order.request}, and at the venue {row}")
            known, told = (order.filled, order.filled_amount), (row.filled, row.amount)
            if (evening and order.status in TERMINAL and known != told) or known > told:
                found.losses.append(f"{order.id} ({order.status.value}) has {known} shares and won, the venue {told}")
            if evening and order.status in WORKING:
                found.differences.append(f"{order.id} is {order.status.value} after the close")
        sent = Counter(
            (order.request.decision_id, order.request.ticker, order.request.side)
            for order in orders
            if order.request.decision_id[:1].isdigit() and order.status not in (OrderStatus.NOT_SENT, *UNRESOLVED)
        )
        found.duplicates += [f"{count} orders of {what}" for what, count in sent.items() if count > 1]

    def _compare_totals(self, ledger: Ledger, listed: dict[tuple[date, int], Listed], found: Findings) -> None:
        if found.unresolved:
            blocked = [each for each in all_alerts(ledger) if each.code == "kis_order_blocked"]
            if len({each.parameters["order_id"] for each in blocked}) < found.unresolved:
                found.alerts.append(f"{found.unresolved} orders are unresolved, alerts say so of {len(blocked)}")
            return  # what they have filled is not booked while nobody knows whose they are
        shares: Counter[str] = Counter()
        cash = 0
        for key in self._by_hand:
            row = listed[key]
            shares[row.ticker] += row.side.sign * row.filled
            costs = estimated_costs(row.side, row.day, InstrumentClass.KOSPI_STOCK, 0, row.amount)
            cash -= row.side.sign * row.amount + costs.fee + costs.stt + costs.rural
        for name, position in ledger.positions.items():
            shares[name] += position.quantity
        balance = self._client.balance()
        held = {row["pdno"]: int(row["hldg_qty"]) for row in balance["output1"] if row["hldg_qty"] != "0"}
        expected = {name: count for name, count in shares.items() if count}
        if held != expected:
            found.differences.append(f"shares: booked and by hand {expected}, held {held}")
        deposit = int(balance["output2"][0]["prvs_rcdl_excc_amt"])
        if ledger.totals.cash + cash != deposit:
            found.differences.append(
                f"cash: {ledger.totals.cash} booked, {cash} by hand, and the account has {deposit}"
            )

    def _check_limits(self, orders: list[Order], ledger: Ledger, found: Findings) -> None:
        """Of what left, by the times and sizes of the ledger."""
        left = [order for order in orders if order.status is not OrderStatus.NOT_SENT]
        bought = [order for order in left if order.request.side is Side.BUY]
        for day, count in Counter(order.intended_at.date() for order in bought).items():
            if count > (LIMITS.max_orders_per_day or 0):
                found.limits.append(f"{count} purchases on {day}")
        times = sorted(order.intended_at for order in bought)
        most = LIMITS.max_orders_per_minute or 0
        for first, last in zip(times, times[most:], strict=False):
            if last - first < _MINUTE:
                found.limits.append(f"more than {most} purchases in the minute from {first}")
        found.limits += [f"{order.id} buys {RESTRICTED}" for order in bought if order.request.ticker == RESTRICTED]
        for order in bought:
            price = order.request.price or 0
            if price * order.request.quantity > LIMITS.max_order_won:
                found.limits.append(f"{order.id} is worth {price * order.request.quantity} won")
        if len(ledger.positions) > LIMITS.max_positions:
            found.limits.append(f"{len(ledger.positions)} positions")
        stops = [each for each in supervisions(ledger.connection) if each.what in (What.HALT, What.RESUME)]
        for halt, resume in pairwise(stops):
            if halt.what is What.HALT:
                late = [order.id for order in bought if halt.time < order.intended_at < resume.time]
                found.limits += [f"{name} was bought while halted" for name in late]

    def _check_alerts(
        self, ledger: Ledger, alerts: list[Alert], orders: list[Order], found: Findings, *, evening: bool
    ) -> None:
        """What is told of one thing is told once, and nothing that a person waits for is missing."""
        once = Counter(
            (each.code, json.dumps(dict(each.parameters), sort_keys=True, ensure_ascii=False))
            for each in alerts
            if each.code in ("day_report", "kis_order_absent") or each.code.startswith("market_")
        )
        found.alerts += [f"told {count} times: {what}" for what, count in once.items() if count > 1]
        halts = [each for each in supervisions(ledger.connection) if each.what is What.HALT]
        told = Counter(each.code for each in alerts)
        if told["halted"] != len(halts):
            found.alerts.append(f"{len(halts)} halts, {told['halted']} alerts of them")
        if not evening:
            return
        reported = {each.parameters["session"] for each in alerts if each.code == "day_report"}
        closed = {point.session.isoformat() for point in equity_points(ledger)}
        found.alerts += [f"the report of {day} was never told" for day in sorted(closed - reported)]
        filled = {key for (key,) in ledger.connection.execute("SELECT fill_key FROM fills WHERE run_id = 0")}
        heard = {each.parameters.get("fill") for each in alerts if each.code == "market_fill"}
        found.alerts += [f"the fill {key} was never told" for key in sorted(filled - heard)]
