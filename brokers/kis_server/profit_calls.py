"""Realised profit of a range of days, by day and by instrument."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from typing import Any

from brokers.kis.account_messages import PeriodProfitRow, PeriodProfitTotals, TradeProfitRow, TradeProfitTotals
from brokers.kis_server.call import Call, Handler, Reply, page
from brokers.kis_server.served_account import DayOf

_FOUND = ("KIOK0510", "조회가 완료되었습니다")
_LONG = 100


def _together(days: Iterable[DayOf]) -> DayOf:
    total = DayOf()
    for day in days:
        for part in fields(DayOf):
            setattr(total, part.name, getattr(total, part.name) + getattr(day, part.name))
    return total


def _ranged(call: Call) -> list[tuple[Any, dict[int, DayOf]]]:
    first, last = call.day("INQR_STRT_DT"), call.day("INQR_END_DT")
    ticker = call.values["PDNO"][-6:]
    found = []
    for day, names in sorted(call.owner.days.items()):
        kept = {col: did for col, did in names.items() if ticker in ("", call.world.market.panel.tickers[col])}
        if first <= day <= last and kept:
            found.append((day, kept))
    return found if call.values["SORT_DVSN"] == "01" else found[::-1]


def _percent(day: DayOf) -> Decimal:
    return Decimal(day.realised) * 100 / day.cost_of_sold if day.cost_of_sold else Decimal(0)


def inquire_period_profit(call: Call) -> Reply:
    """One row a day."""
    days = _ranged(call)
    rows = []
    for day, names in days:
        did = _together(names.values())
        rows.append(
            PeriodProfitRow(
                trade_date=call.world.dates.out_day(day),
                bought=did.bought_amount,
                sold=did.sold_amount,
                realized_profit=did.realised,
                fees=did.buy_fees + did.sell_fees,
                loan_interest=0,
                taxes=did.taxes,
                profit_percent=_percent(did),
                sold_quantity=did.sold,
                bought_quantity=did.bought,
            )
        )
    total = _together(did for _, names in days for did in names.values())
    totals = PeriodProfitTotals(**_sums(total))
    shown, next_page = page(call, rows, _LONG)
    return Reply(blocks={"output1": shown, "output2": totals}, code=_FOUND[0], text=_FOUND[1], next_page=next_page)


def inquire_period_trade_profit(call: Call) -> Reply:
    """One row an instrument and day."""
    market, days = call.world.market, _ranged(call)
    rows = []
    for day, names in days:
        for col, did in sorted(names.items()):
            rows.append(
                TradeProfitRow(
                    trade_date=call.world.dates.out_day(day),
                    product_code=f"00000A{market.panel.tickers[col]}",
                    name=market.names[col],
                    trade_kind="현금",
                    quantity=call.owner.held(col),
                    purchase_price=Decimal(did.cost_of_sold) / did.sold if did.sold else Decimal(0),
                    bought_quantity=did.bought,
                    bought=did.bought_amount,
                    sell_price=did.sold_amount // did.sold if did.sold else 0,
                    sold_quantity=did.sold,
                    sold=did.sold_amount,
                    realized_profit=did.realised,
                    profit_percent=_percent(did),
                    fees=did.buy_fees + did.sell_fees,
                    taxes=did.taxes,
                    loan_interest=0,
                )
            )
    total = _together(did for _, names in days for did in names.values())
    totals = TradeProfitTotals(**_sums(total), profit_percent=_percent(total))
    shown, next_page = page(call, rows, _LONG)
    return Reply(blocks={"output1": shown, "output2": totals}, code=_FOUND[0], text=_FOUND[1], next_page=next_page)


def _sums(total: DayOf) -> dict[str, Any]:
    sold_for = total.sold_amount - total.sell_fees - total.taxes
    bought_for = total.bought_amount + total.buy_fees
    return {
        "sold_quantity": total.sold,
        "sold": total.sold_amount,
        "sell_fees": total.sell_fees,
        "sell_taxes": total.taxes,
        "sell_settled": sold_for,
        "bought_quantity": total.bought,
        "bought": total.bought_amount,
        "buy_fees": total.buy_fees,
        "buy_taxes": 0,
        "buy_settled": bought_for,
        "quantity": total.bought + total.sold,
        "amount": total.bought_amount + total.sold_amount,
        "fees": total.buy_fees + total.sell_fees,
        "taxes": total.taxes,
        "settled": sold_for - bought_for,
        "realized_profit": total.realised,
        "loan_interest": 0,
    }


PROFIT_CALLS: dict[str, Handler] = {
    "inquire_period_profit": inquire_period_profit,
    "inquire_period_trade_profit": inquire_period_trade_profit,
}
