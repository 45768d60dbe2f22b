"""Costs of a fill before the broker has told them, and the correction by its sums of the day.

Estimated as the replay exchange does: commission and each tax on the amount of the order so far, rounded down to the
won; a fill pays what the new sum costs more. KIS tells the real sums per day: on live per day and kind
(inquire_period_profit), on paper in one figure of the balance (제비용).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from brokers.kis.errors import KisError
from brokers.kis.messages import BalanceTotals, PeriodProfitRow
from brokers.kis.rest import KisRest
from engine.clock import Clock
from engine.events import CashMoved, CashReason
from engine.fill import Fill
from engine.krx.costs import broker_fee_ppb, fee_won, sell_tax
from engine.krx.instrument_class import InstrumentClass
from engine.order import Side

ClassOf = Callable[[str], InstrumentClass]


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Won of one fill: commission, transaction tax, rural tax."""

    fee: int
    stt: int = 0
    rural: int = 0


def estimated_costs(side: Side, day: date, kind: InstrumentClass, before: int, amount: int) -> Costs:
    """What a fill costs.

    Args:
        side: buys pay no tax.
        day: of the trade.
        kind: rates differ by class.
        before: won of the order's earlier fills.
        amount: won of this one.
    """
    rate = broker_fee_ppb(kind)
    fee = fee_won(before + amount, rate) - fee_won(before, rate)
    if side is Side.BUY:
        return Costs(fee=fee)
    now, then = sell_tax(before + amount, day, kind), sell_tax(before, day, kind)
    return Costs(fee=fee, stt=now.transaction_won - then.transaction_won, rural=now.rural_won - then.rural_won)


def charged_on(rest: KisRest, day: date, today: date) -> int | None:
    """Won of fees and taxes that KIS charged on a day; None if it cannot tell (paper tells today's only).

    Raises:
        KisError: the figures cannot be had.
    """
    if rest.config.world.owns_trading_id("TTTC8708R"):
        span = {"INQR_STRT_DT": f"{day:%Y%m%d}", "INQR_END_DT": f"{day:%Y%m%d}"}
        rows = rest.rows("inquire_period_profit", PeriodProfitRow, span)
        return sum(row.fees + row.taxes for row in rows if row.trade_date == day)
    if day != today:
        return None
    totals = rest.call("inquire_balance").one(BalanceTotals)
    return totals.costs_today


def cost_label(day: date) -> str:
    """The text by which the adjustment of a day is found again.

    >>> cost_label(date(2026, 11, 23))
    'KIS 2026-11-23'
    """
    return f"KIS {day.isoformat()}"


def cost_adjustment(charged: int, fills: Iterable[Fill], adjusted: int, day: date, clock: Clock) -> CashMoved | None:
    """The event that makes the booked costs of a day equal to what KIS charged; None if they are.

    Args:
        charged: won, by KIS.
        fills: of that day.
        adjusted: won that earlier adjustments of the same day have moved.
        day: the day.
        clock: gives the event its time.
    """
    booked = sum(fill.fee + fill.taxes for fill in fills) - adjusted
    if charged < 0:
        raise KisError(f"KIS says that costs of {day} were {charged:,} won. Compare with its statement of the day.")
    if charged == booked:
        return None
    return CashMoved(time=clock.now(), reason=CashReason.COST_ADJUSTMENT, amount=booked - charged, text=cost_label(day))
