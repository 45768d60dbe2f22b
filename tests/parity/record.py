"""What both sides of a wire-parity suite write down, session by session, and how the two are compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from itertools import zip_longest
from typing import Any

from brokers.replay import ReplayBroker
from engine.account import AccountSnapshot
from engine.broker import Accepted, Outcome, RefusedByVenue
from engine.fill import Fill
from engine.ledger.ledger import Ledger
from engine.order import Order, OrderStatus
from engine.position import Position


@dataclass(slots=True)
class Day:
    """One session of one side.

    Args:
        session: its date.
        seen: whatever the writer of orders looked at beside the account.
        answers: (reference, what was answered) of each order, amend and cancel, in the order of sending.
        orders: by reference: status, quantity, price, shares filled, won of them.
        fills: (reference, side, ticker, quantity, price, fee, transaction tax, rural tax), in order.
        cash: deposit, D+1, D+2, orderable.
        positions: (ticker, quantity, cost).
        costs: won of fees and taxes of the session.
    """

    session: date
    seen: list[Any] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)
    orders: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    fills: list[tuple[Any, ...]] = field(default_factory=list)
    cash: tuple[int, ...] = ()
    positions: list[tuple[str, int, int]] = field(default_factory=list)
    costs: int = 0


def answer_of(outcome: Outcome) -> str:
    """An answer in a word: "accepted", or the reason of the refusal."""
    if isinstance(outcome, Accepted):
        return "accepted"
    assert isinstance(outcome, RefusedByVenue), outcome
    return outcome.reason.value


def cash_of(account: AccountSnapshot) -> tuple[int, ...]:
    """The four figures of an account."""
    return account.deposit, account.deposit_d1, account.deposit_d2, account.orderable


def positions_of(positions: Iterable[Position]) -> list[tuple[str, int, int]]:
    """Holdings as plain values."""
    return [(position.ticker, position.quantity, position.cost) for position in positions]


def fill_of(reference: str, fill: Fill) -> tuple[Any, ...]:
    """A fill as plain values; its time is that of the bar in one place and of the print in the other."""
    return (
        *(reference, fill.side.value, fill.ticker, fill.quantity, fill.price),
        *(fill.fee, fill.stt, fill.rural),
    )


def order_of(chain: Sequence[Order]) -> tuple[Any, ...]:
    """An order and the orders that its amends made of it, as one."""
    last = chain[-1]
    before = sum(order.filled for order in chain[:-1])
    return (
        last.status.value,
        before + last.request.quantity,
        last.request.price,
        before + last.filled,
        sum(order.filled_amount for order in chain),
    )


def assert_same(wire: Sequence[Day], replayed: Sequence[Day]) -> None:
    """Every session is the same on both sides; the first difference is shown as it is."""
    for ours, theirs in zip(wire, replayed, strict=True):
        for place in fields(Day):
            one, other = getattr(ours, place.name), getattr(theirs, place.name)
            if one != other:
                raise AssertionError(f"{ours.session}: {place.name} over the wire and in process: {_apart(one, other)}")


def _apart(one: Any, other: Any) -> str:
    """Where two values of a day begin to differ."""
    if isinstance(one, dict):
        one, other = list(one.items()), list(other.items())
    if not isinstance(one, list | tuple):
        return f"{one} and {other}"
    pairs = zip_longest(one, other, fillvalue="nothing")
    return next(f"item {place}: {ours} and {theirs}" for place, (ours, theirs) in enumerate(pairs) if ours != theirs)


def assert_ledger_is_the_account(ledger: Ledger, day: Day) -> None:
    """The fold of the ledger: all cash counted as settled, the holdings with their cost, and no order left open."""
    assert ledger.totals.cash == day.cash[2], f"{day.session}: the ledger's cash is not the deposit of D+2"
    held = [(position.ticker, position.quantity, position.cost) for position in ledger.positions.values()]
    assert sorted(held) == day.positions
    assert not ledger.open_orders() and not ledger.unresolved_orders()


class ReplayBook:
    """The orders of a replay by the references of whoever wrote them.

    Args:
        broker: the replay.
    """

    def __init__(self, broker: ReplayBroker) -> None:
        self._broker = broker
        self._numbers: dict[str, list[str]] = {}
        self._reference: dict[str, str] = {}

    def note(self, reference: str, number: str) -> None:
        """An order, or an amend of it, has this number."""
        if number not in self._reference:
            self._numbers.setdefault(reference, []).append(number)
            self._reference[number] = reference

    def finish(self, day: Day, sent_on: Iterable[date]) -> None:
        """Write down the end of a session whose orders were sent on these days."""
        known = {order.order_number: order for sent in sent_on for order in self._broker.orders(sent)}
        for reference in {self._reference[number]: None for number in known}:
            chain = [known[number] for number in self._numbers[reference] if number in known]
            day.orders[reference] = order_of(chain)
        fills = self._broker.fills(day.session)
        day.fills = [fill_of(self._reference[fill.order_id], fill) for fill in fills]
        day.costs = sum(fill.fee + fill.taxes for fill in fills)
        day.cash = cash_of(self._broker.account())
        day.positions = positions_of(self._broker.positions())


def wire_orders(orders: Iterable[Order]) -> dict[str, tuple[Any, ...]]:
    """Our orders of a day by their references, those left out that the venue never had."""
    return {order.request.decision_id: order_of([order]) for order in orders if order.status is not OrderStatus.REFUSED}


def kinds_of_fills(days: Iterable[Day]) -> set[str]:
    """What a suite has seen, so that it cannot agree by having seen nothing."""
    seen = set[str]()
    for day in days:
        references = [fill[0] for fill in day.fills]
        seen |= {fill[1] for fill in day.fills}
        seen |= {"without transaction tax" for fill in day.fills if fill[1] == "sell" and fill[5] and not fill[6]}
        seen |= {"partly" for _, quantity, _, filled, _ in day.orders.values() if 0 < filled < quantity}
        seen |= {"in parts" for reference in references if references.count(reference) > 1}
    return seen
