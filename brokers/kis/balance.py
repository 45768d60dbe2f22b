"""Cash and holdings of the account, as KIS has them now."""

from __future__ import annotations

from collections.abc import Sequence

from brokers.kis.environment import PAPER
from brokers.kis.messages import BalanceRow, BalanceTotals, BuyingPower, SellableQuantity
from brokers.kis.rest import KisRest
from engine.account import AccountSnapshot
from engine.clock import Clock
from engine.position import Position


class KisBalance:
    """What an account has; everything raises `KisError` if it cannot be had.

    Args:
        rest: asks.
        clock: says when it was asked.
    """

    def __init__(self, rest: KisRest, clock: Clock) -> None:
        self._rest, self._clock = rest, clock

    def cash(self) -> AccountSnapshot:
        """Deposits, and what can be ordered with without credit."""
        totals = self._rest.call("inquire_balance").one(BalanceTotals)
        power = self._rest.call("inquire_psbl_order", {"PDNO": "", "ORD_UNPR": "", "ORD_DVSN": "01"}).one(BuyingPower)
        return AccountSnapshot(
            time=self._clock.now(),
            deposit=totals.deposit,
            deposit_d1=totals.deposit_d1,
            deposit_d2=totals.deposit_d2,
            orderable=power.orderable_cash,
        )

    def positions(self) -> Sequence[Position]:
        """Holdings by ticker, rows without shares left out."""
        shares: dict[str, tuple[int, int]] = {}
        for row in self._rest.rows("inquire_balance", BalanceRow):
            if row.quantity > 0:
                had, paid = shares.get(row.ticker.strip(), (0, 0))  # one row for each loan date
                shares[row.ticker.strip()] = had + row.quantity, paid + row.cost
        return [
            Position(ticker=ticker, quantity=shares[ticker][0], cost=shares[ticker][1]) for ticker in sorted(shares)
        ]

    def buyable(self, ticker: str, price: int | None = None) -> int:
        """Shares that the cash pays for without credit; a market order is sized at the upper limit, as KIS does."""
        values = {
            "PDNO": ticker,
            "ORD_UNPR": "" if price is None else str(price),
            "ORD_DVSN": "01" if price is None else "00",
        }
        return max(self._rest.call("inquire_psbl_order", values).one(BuyingPower).cash_quantity, 0)

    def sellable(self, ticker: str) -> int:
        """Shares held that no open order sells."""
        if self._rest.config.world is PAPER:
            rows = self._rest.rows("inquire_balance", BalanceRow)
            return sum(max(row.sellable, 0) for row in rows if row.ticker.strip() == ticker)
        found = self._rest.call("inquire_psbl_sell", {"PDNO": ticker}).maybe(SellableQuantity)
        return max(found.sellable, 0) if found is not None else 0
