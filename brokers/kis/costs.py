"""Costs of a fill before the broker has told them, and the correction by its sums of the day.

Estimated as the replay exchange does: commission and each tax on the amount of the order so far, rounded down to the
won; a fill pays what the new sum costs more. KIS tells the real sums per day: on live per day and kind
(inquire_period_profit), on paper in one figure of the balance (제비용). Orders made by hand are in those sums too; what
they are estimated to have cost is taken out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date

from brokers.kis.daily_list import DailyList, side_of
from brokers.kis.errors import KisError
from brokers.kis.messages import BalanceTotals, PeriodProfitRow, number_key
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


def costs_of_others(listed: DailyList, ours: Collection[int], class_of: ClassOf) -> int:
    """Won that orders made by hand, or by another program, are estimated to have cost.

    Args:
        listed: the orders of the day.
        ours: numbers of our orders, with those of their amends and cancels.
        class_of: rates differ by class.
    """
    amounts: dict[tuple[int, str, Side], int] = {}
    for row in listed.rows:
        number, side = number_key(row.order_number), side_of(row)
        if number in ours or side is None or not row.filled_amount:
            continue
        first = number_key(chain[0].order_number) if (chain := listed.chain(number)) else number
        key = first, row.ticker.strip(), side
        amounts[key] = amounts.get(key, 0) + row.filled_amount
    costs = [
        estimated_costs(side, listed.day, class_of(ticker), 0, amount) for (_, ticker, side), amount in amounts.items()
    ]
    return sum(each.fee + each.stt + each.rural for each in costs)


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
