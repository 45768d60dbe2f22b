"""The gate before every order: only here is an `Approved` made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from engine.clock import Clock
from engine.matching import arrays as at
from engine.order import Approved, OrderKind, OrderRequest, RefusalReason, Refused, Side
from engine.simulation import Simulation

T = TypeVar("T")
KIND = {OrderKind.MARKET: at.MARKET, OrderKind.LIMIT: at.LIMIT, OrderKind.STOP: at.STOP}


class RiskPolicy:
    """Hard limits of the configuration, tightened by rules, on the account of a simulation.

    Args:
        simulation: whose account is protected.
        clock: tells when an order was checked.
    """

    def __init__(self, simulation: Simulation, clock: Clock) -> None:
        self._simulation, self._clock = simulation, clock
        self._column = {ticker: place for place, ticker in enumerate(simulation.exchange.panel.tickers)}

    def check(self, request: OrderRequest) -> Approved[OrderRequest] | Refused[OrderRequest]:
        """Check one request with what is known now; the approved one may have fewer shares."""
        self._simulation.catch_up()
        write_proposal(self._simulation, request, self._column[request.ticker])
        code, quantity = self._simulation.check(0)
        if code != at.ACCEPTED:
            self._simulation.book.refusals[code] += 1
            return Refused(value=request, reason=RefusalReason(at.REFUSAL_NAMES[code]))
        if quantity != request.quantity:
            request = resized(request, quantity)
        return Approved(value=request, checked_at=self._clock.now())

    def check_proposals(self, values: Sequence[T], resize: Callable[[T, int], T]) -> list[Approved[T] | Refused[T]]:
        """Check the proposals that stand in the book, in turn, each as if those before it had been accepted.

        Args:
            values: what each proposal stands for; `values[i]` is proposal i.
            resize: gives the same value with fewer shares; called with the shares allowed for every approved one.
        """
        now = self._clock.now()
        verdicts: list[Approved[T] | Refused[T]] = []
        for value, (code, quantity) in zip(values, self._simulation.check_all(len(values)).tolist(), strict=True):
            if code == at.ACCEPTED:
                verdicts.append(Approved(value=resize(value, quantity), checked_at=now))
            else:
                verdicts.append(Refused(value=value, reason=RefusalReason(at.REFUSAL_NAMES[code])))
        return verdicts


def approved_as(approval: Approved[Any], request: OrderRequest) -> Approved[OrderRequest]:
    """An approval that was given to a planned action, for the request that the action becomes at a venue.

    The caller builds the request from the very action that was approved, with the quantity that was allowed.
    """
    return Approved(value=request, checked_at=approval.checked_at)


def check_exit(request: OrderRequest, free: int, clock: Clock) -> Approved[OrderRequest] | Refused[OrderRequest]:
    """A sell that protects: it passes every limit but one, that the shares are there.

    Args:
        request: a sell.
        free: shares held that no open order sells.
        clock: tells when it was checked.
    """
    if request.side is not Side.SELL or request.quantity > free:
        return Refused(value=request, reason=RefusalReason.NOT_HELD, message=f"{free:,} shares are free to sell.")
    return Approved(value=request, checked_at=clock.now())


def resized(request: OrderRequest, quantity: int) -> OrderRequest:
    """The same request for another number of shares."""
    return OrderRequest(
        ticker=request.ticker,
        side=request.side,
        quantity=quantity,
        kind=request.kind,
        price=request.price,
        rule_ids=request.rule_ids,
        decision_id=request.decision_id,
    )


def write_proposal(simulation: Simulation, request: OrderRequest, column: int) -> None:
    """Write a request into the first row of the proposals, as the kernels read it."""
    proposal = simulation.book.proposals[0]
    proposal[:] = 0
    proposal[at.PROPOSAL_COL] = column
    proposal[at.PROPOSAL_SIDE] = at.BUY if request.side is Side.BUY else at.SELL
    proposal[at.PROPOSAL_KIND] = KIND[request.kind]
    proposal[at.PROPOSAL_PRICE] = request.price or 0
    proposal[at.PROPOSAL_QUANTITY] = request.quantity
    proposal[at.PROPOSAL_RULE] = -1
    proposal[at.PROPOSAL_WEIGHT_CAP] = at.PPB
