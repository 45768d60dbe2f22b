"""How many shares one order may have: whole trading units, and a largest quantity.

Source: KOSPI Enforcement Rules §33 (trading unit) and §14(1)3 (largest quantity), see
`engine.krx.tables.quantities`.
"""

from __future__ import annotations

from datetime import date

from engine.errors import BrokenInvariant, DataError
from engine.krx.instrument_class import InstrumentClass
from engine.krx.tables.quantities import ORDER_CAPS, TRADING_UNIT


def trading_unit(day: date, kind: InstrumentClass, previous_close_won: int) -> int:
    """Shares per unit on `day`; KOSPI issues above a price traded in single shares from 2004-12-20.

    Example:
        >>> trading_unit(date(2010, 1, 4), InstrumentClass.KOSPI_STOCK, 49_900)
        10
        >>> trading_unit(date(2010, 1, 4), InstrumentClass.KOSPI_STOCK, 50_000)
        1
    """
    unit = TRADING_UNIT[kind].at(day)
    if unit.single_from_won is not None and previous_close_won >= unit.single_from_won:
        return 1
    return unit.shares


def largest_order(day: date, base_won: int, listed_shares: int) -> int:
    """Largest quantity of one order in shares, from the market capitalisation at the base price.

    Larger orders must be split. The rule covers KOSPI and KOSDAQ stocks since 2018-09-17.
    """
    if base_won <= 0 or listed_shares <= 0:
        raise DataError(f"Base price {base_won:,} won and {listed_shares:,} listed shares must both be positive.")
    market_cap_won = base_won * listed_shares
    for cap in ORDER_CAPS.at(day):
        if market_cap_won >= cap.market_cap_from_won:
            return cap.amount_won // base_won if cap.amount_won else listed_shares * cap.listed_percent // 100
    raise BrokenInvariant(f"The caps of {day} have no row that starts at 0 won.")
