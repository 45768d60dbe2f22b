"""Daily price limits (가격제한폭), first day of listing and liquidation trading (정리매매)."""

from __future__ import annotations

from dataclasses import dataclass

from engine.krx.dated import DatedTable, row
from engine.krx.instrument_class import InstrumentClass

_KOSPI_ROWS = (
    # Until 1995-03-31 the limits were won amounts in 17 price bands; that table is not collected, so the date
    # is unknown.
    row("1995-04-01", 6, "HK, PRESS"),
    row("1996-11-25", 8, "HK", note="HK 1996-10-23"),
    row("1998-03-02", 12, "PRESS, MEM", "medium"),
    row("1998-12-07", 15, "HK", note="HK 1998-12-07"),
    row("2015-06-15", 30, "KP_ENF", note="addendum No. 1185 of 2015-05-19"),
)


def _from(start: str) -> tuple:
    """KOSPI's rows as they apply to a product that was first listed on `start`."""
    first = row(start, 0, "KP_REG").from_date
    inherited = [entry for entry in _KOSPI_ROWS if entry.from_date <= first][-1]
    return (
        row(start, inherited.value, "KP_REG", "medium"),
        *(entry for entry in _KOSPI_ROWS if entry.from_date > first),
    )


# Percent of the base price, up and down. ELWs have no limit and therefore no table.
LIMIT_PERCENT: dict[InstrumentClass, DatedTable[int]] = {
    InstrumentClass.KOSPI_STOCK: DatedTable("price limit of KOSPI stocks", _KOSPI_ROWS),
    InstrumentClass.KOSDAQ_STOCK: DatedTable(
        "price limit of KOSDAQ stocks",
        (
            row("1996-11-01", 8, "HK", note="HK 1996-10-23; before, won amounts in 11 bands"),
            row("1998-05-25", 12, "HK, MEM", "low", "in force on 1999-06-08; start recalled"),
            row("2005-03-28", 15, "KQ_REG, PRESS", note="addendum of 2005-03-25"),
            row("2015-06-15", 30, "KQ_ENF"),
        ),
    ),
    InstrumentClass.KONEX_STOCK: DatedTable("price limit of KONEX stocks", (row("2013-07-01", 15, "KN_REG, DATA"),)),
    InstrumentClass.ETF: DatedTable("price limit of ETFs", _from("2002-10-14")),
    InstrumentClass.ETN: DatedTable("price limit of ETNs", _from("2014-11-17")),
}

# Leveraged and inverse funds: the limit amount is multiplied by the absolute multiple.
MULTIPLE_APPLIES: DatedTable[bool] = DatedTable(
    "leverage multiple in the price limit",
    (
        row("2002-10-14", False, "KP_REG", "medium"),
        row("2010-05-10", True, "KP_REG §20(2)", "medium", "date inferred from the addendum of 2010-04-21"),
    ),
)


@dataclass(frozen=True, slots=True)
class OpeningBased:
    """The opening price becomes the base: the opening call is bound to a range of the appraisal price.

    Attributes:
        lowest_percent, highest_percent: range of the opening price, percent of the issue price.
    """

    lowest_percent: int
    highest_percent: int


@dataclass(frozen=True, slots=True)
class IssueBased:
    """The issue price is the base for the whole day, with limits of its own.

    Attributes:
        down_percent, up_percent: distance of the limits from the issue price, in percent of it.
    """

    down_percent: int
    up_percent: int


FirstDayRule = OpeningBased | IssueBased

FIRST_DAY: dict[InstrumentClass, DatedTable[FirstDayRule]] = {
    InstrumentClass.KOSPI_STOCK: DatedTable(
        "first day of listing on KOSPI",
        (
            row("2000-01-01", OpeningBased(90, 200), "MEM, DATA", "medium", "start uncertain"),
            row("2023-06-26", IssueBased(40, 300), "KP_ENF §31(3)", note="addendum No. 2123 of 2023-04-12"),
        ),
    ),
    InstrumentClass.KOSDAQ_STOCK: DatedTable(
        "first day of listing on KOSDAQ",
        (
            row("2003-03-31", OpeningBased(50, 200), "HK", note="HK 2003-03-28"),
            row("2007-01-01", OpeningBased(90, 200), "MEM", "low", "start uncertain"),
            row("2023-06-26", IssueBased(40, 300), "KQ_ENF"),
        ),
    ),
}

# Relisting after a split-off, resumption after 30 sessions of halt: the opening call inside this range of the
# appraisal price.
RELISTING_RANGE: DatedTable[OpeningBased] = DatedTable(
    "opening range of an issue whose first price becomes the base",
    (row("2023-06-26", OpeningBased(50, 200), "KP_ENF", note="150 % for capital reductions and ETN splits"),),
)

# Days of liquidation trading have no limit from these dates; before, KOSDAQ had none on the first day only.
LIQUIDATION_WITHOUT_LIMIT: dict[InstrumentClass, DatedTable[bool]] = {
    InstrumentClass.KOSPI_STOCK: DatedTable(
        "liquidation trading on KOSPI", (row("2005-01-27", True, "KP_REG", "medium"),)
    ),
    InstrumentClass.KOSDAQ_STOCK: DatedTable(
        "liquidation trading on KOSDAQ", (row("2003-03-31", True, "HK", note="HK 2003-03-28"),)
    ),
    InstrumentClass.KONEX_STOCK: DatedTable("liquidation trading on KONEX", (row("2013-07-01", True, "KN_REG"),)),
}
LIQUIDATION_AUCTION_MINUTES = 30
LIQUIDATION_SESSIONS = 7  # about; issues that left the limits vanished within 6 further sessions in the data
