"""What KIS says was executed, for a reflection that compares it with the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from brokers.kis.daily_list import ask_daily_list, side_of
from brokers.kis.messages import PeriodProfitRow
from brokers.kis.rest import KisRest
from engine.clock import Clock
from engine.reflection.broker_check import Executed, PeriodProfit


class KisExecuted:
    """The executions of an account, day by day, and the profit of a period.

    Args:
        rest: asks; nothing is ordered.
        clock: decides which list a day is in.
    """

    def __init__(self, rest: KisRest, clock: Clock) -> None:
        self._rest, self._clock = rest, clock

    def executed(self, day: date) -> Sequence[Executed]:
        """What was filled on a day, orders made by hand included.

        Raises:
            KisError: the list cannot be had.
        """
        listed = ask_daily_list(self._rest, day, self._clock.now())
        return [
            Executed(ticker=row.ticker.strip(), side=side, shares=row.filled, won=row.filled_amount)
            for row in listed.rows
            if row.filled and (side := side_of(row)) is not None
        ]

    def profit(self, first: date, last: date) -> PeriodProfit | None:
        """What the sales of a period earned, and the costs of its trades; None where KIS does not tell (모의투자).

        Raises:
            KisError: the figures cannot be had.
        """
        if not self._rest.config.world.owns_trading_id("TTTC8708R"):
            return None
        span = {"INQR_STRT_DT": f"{first:%Y%m%d}", "INQR_END_DT": f"{last:%Y%m%d}"}
        rows = [
            row
            for row in self._rest.rows("inquire_period_profit", PeriodProfitRow, span)
            if first <= row.trade_date <= last
        ]
        return PeriodProfit(
            realised=sum(row.realized_profit for row in rows), costs=sum(row.fees + row.taxes for row in rows)
        )
