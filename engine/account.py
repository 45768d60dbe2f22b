"""The account: cash by settlement day, and the identity that must hold to the won after every event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.clock import require_aware
from engine.errors import BrokenInvariant


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSnapshot:
    """What the broker says about cash at one instant; int won.

    Args:
        time: when.
        deposit: settled cash today (예수금, D).
        deposit_d1: what it will be after tomorrow's settlement (D+1).
        deposit_d2: after all trades made until now have settled (D+2).
        orderable: what can buy now: proceeds count from the fill of the sell, open buys are reserved.
    """

    time: datetime
    deposit: int
    deposit_d1: int
    deposit_d2: int
    orderable: int

    def __post_init__(self) -> None:
        require_aware(self.time, "AccountSnapshot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Running totals of an account, int won, all counted from its first day.

    Args:
        cash: settled cash.
        receivable: proceeds of sells that have not settled.
        payable: cost of buys that have not settled.
        holdings_cost: what the shares now held cost, without fees.
        deposits: paid in less paid out.
        realised: profit of sells, distributions and fractions, before costs.
        fees: commissions, adjustments of estimated costs included.
        taxes: securities transaction tax and rural tax.
    """

    cash: int
    receivable: int = 0
    payable: int = 0
    holdings_cost: int = 0
    deposits: int = 0
    realised: int = 0
    fees: int = 0
    taxes: int = 0

    @property
    def difference(self) -> int:
        """Won by which the books do not balance; 0 always."""
        left = self.cash + self.receivable - self.payable + self.holdings_cost
        return left - (self.deposits + self.realised - self.fees - self.taxes)


def check_identity(totals: Totals, where: str) -> None:
    """Raise `BrokenInvariant` unless cash + receivable − payable + cost = deposits + realised − fees − taxes.

    Args:
        totals: the running totals.
        where: names the event or row in the message.
    """
    if totals.difference:
        raise BrokenInvariant(
            f"{where}: the books are off by {totals.difference:+,} won ({totals}). "
            f"Stop trading and compare fills and cash with the broker."
        )
