"""Trading units (매매수량단위) and the largest quantity of one order (호가수량한도)."""

from __future__ import annotations

from dataclasses import dataclass

from engine.krx.dated import DatedTable, row
from engine.krx.instrument_class import InstrumentClass


@dataclass(frozen=True, slots=True)
class TradingUnit:
    """Shares per unit; issues at or above a price trade in single shares.

    Attributes:
        shares: every order is a multiple of this.
        single_from_won: previous close from which the unit is one share; None = no such rule.
    """

    shares: int
    single_from_won: int | None = None


TRADING_UNIT: dict[InstrumentClass, DatedTable[TradingUnit]] = {
    InstrumentClass.KOSPI_STOCK: DatedTable(
        "trading unit of KOSPI stocks",
        (
            row("1995-01-01", TradingUnit(10), "PRESS"),
            row("2004-12-20", TradingUnit(10, 100_000), "PRESS", "medium"),
            row("2006-06-05", TradingUnit(10, 50_000), "KP_ENF, PRESS", note="addendum No. 164 of 2006-05-29"),
            row("2014-06-02", TradingUnit(1), "KP_ENF, HK"),
        ),
    ),
    InstrumentClass.KOSDAQ_STOCK: DatedTable(
        "trading unit of KOSDAQ stocks", (row("1996-07-01", TradingUnit(1), "MEM", "medium"),)
    ),
    InstrumentClass.KONEX_STOCK: DatedTable(
        "trading unit of KONEX stocks",
        (row("2013-07-01", TradingUnit(100), "MEM", "medium"), row("2014-11-17", TradingUnit(1), "KN_ENF")),
    ),
    InstrumentClass.ETF: DatedTable(
        "trading unit of ETFs",
        (row("2006-01-16", TradingUnit(1), "KP_ENF", "medium", "addendum of 2005-12-01"),),
    ),
    InstrumentClass.ETN: DatedTable("trading unit of ETNs", (row("2014-11-17", TradingUnit(1), "KP_ENF"),)),
    InstrumentClass.ELW: DatedTable("trading unit of ELWs", (row("2005-12-01", TradingUnit(10), "KP_ENF"),)),
}


@dataclass(frozen=True, slots=True)
class OrderCap:
    """Largest quantity of one order for issues of at least some size.

    Attributes:
        market_cap_from_won: the cap applies from this market capitalisation at the base price.
        amount_won: the cap is this amount divided by the base price; 0 when the cap is a share of the listed
            shares.
        listed_percent: the cap in percent of the listed shares; 0 when the cap is an amount.
    """

    market_cap_from_won: int
    amount_won: int = 0
    listed_percent: int = 0


ORDER_CAPS: DatedTable[tuple[OrderCap, ...]] = DatedTable(
    "largest quantity of one order",
    (
        row(
            "2018-09-17",
            (
                OrderCap(10_000_000_000_000, amount_won=100_000_000_000),
                OrderCap(100_000_000_000, listed_percent=1),
                OrderCap(20_000_000_000, amount_won=1_000_000_000),
                OrderCap(0, listed_percent=5),
            ),
            "KP_ENF §14(1)3",
        ),
    ),
)
