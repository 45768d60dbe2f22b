"""The first entry of an account's ledger, and what the venue says otherwise than the ledger later on.

Holdings that were there before are left alone: they are somebody's decision, not ours. With `adopt` they become ours at
their average price, and the rules sell them as if they had bought them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.clock import Clock
from engine.errors import BadInput
from engine.events import CashMoved, CashReason, OrderAccepted, OrderIntended
from engine.fill import Fill
from engine.ledger.ledger import Ledger
from engine.order import OrderRequest, Side
from engine.position import Position
from engine.trading.ports import Venue
from engine.trading.told_account import ADOPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that ledger and venue do not agree about.

    Args:
        what: "cash" or a ticker.
        ours: won, or shares, as the ledger has them.
        theirs: as the venue has them.
    """

    what: str
    ours: int
    theirs: int

    @property
    def is_foreign(self) -> bool:
        """The venue has more shares than we know of: somebody else's, which we leave alone."""
        return self.what != "cash" and self.theirs > self.ours


def open_account(ledger: Ledger, venue: Venue, clock: Clock, *, adopt: bool = False) -> bool:
    """Write the money of a new account into its ledger; False if the ledger has begun already.

    Raises:
        BadInput: the account has no money.
        GeoulError: the venue cannot tell now.
    """
    if ledger.head.sequence > 0:
        return False
    money = venue.account()
    held = [position for position in venue.positions() if position.quantity > 0] if adopt else []
    worth = sum(position.cost for position in held)
    if money.deposit_d2 + worth <= 0:
        raise BadInput(
            "The account has no money (D+2 예수금 0). Pay in first; a 모의투자 account gets it on enrolment."
        )
    now = clock.now()
    opening = [CashMoved(time=now, reason=CashReason.DEPOSIT, amount=money.deposit_d2 + worth)]
    ledger.append_all([*opening, *(event for position in held for event in _bought(position, clock))])
    return True


def _bought(position: Position, clock: Clock) -> list[OrderIntended | OrderAccepted | Fill]:
    """What the ledger would hold if the position had been bought at its average price.

    Shares whose cost is no multiple of their number are two fills, so that the cost is exact.
    """
    now, order_id = clock.now(), f"{ADOPTED}-{position.ticker}"
    request = OrderRequest(ticker=position.ticker, side=Side.BUY, quantity=position.quantity, decision_id=ADOPTED)
    price, dearer = divmod(position.cost, position.quantity)
    parts = [(position.quantity - dearer, price), (dearer, price + 1)]
    fills = [
        Fill(
            time=now,
            order_id=order_id,
            key=f"{order_id}-{number}",
            ticker=position.ticker,
            side=Side.BUY,
            quantity=quantity,
            price=each,
        )
        for number, (quantity, each) in enumerate(parts)
        if quantity
    ]
    return [
        OrderIntended(time=now, order_id=order_id, request=request),
        OrderAccepted(time=now, order_id=order_id, order_number=""),
        *fills,
    ]


def differences(ledger: Ledger, cash: int, positions: Sequence[Position]) -> list[Difference]:
    """Where the venue's cash (D+2) and holdings are not those of the ledger, cash first, then by ticker."""
    found = []
    if cash != ledger.totals.cash:
        found.append(Difference(what="cash", ours=ledger.totals.cash, theirs=cash))
    theirs = {position.ticker: position.quantity for position in positions}
    ours = {ticker: position.quantity for ticker, position in ledger.positions.items()}
    for ticker in sorted(theirs.keys() | ours.keys()):
        have, told = ours.get(ticker, 0), theirs.get(ticker, 0)
        if have != told:
            found.append(Difference(what=ticker, ours=have, theirs=told))
    return found
