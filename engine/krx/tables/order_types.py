"""Order types (호가의 종류), the phases that take them, and the code of each at the broker's order API."""

from __future__ import annotations

from enum import Enum

from engine.krx.dated import DatedTable, row


class OrderType(Enum):
    """Kinds of orders; the value is the Korean name."""

    LIMIT = "지정가"
    MARKET = "시장가"
    LIMIT_TO_MARKET_ON_CLOSE = "조건부지정가"
    BEST_OPPOSITE = "최유리지정가"
    BEST_SAME = "최우선지정가"
    MID_PRICE = "중간가"
    STOP_LIMIT = "스톱지정가"
    CLOSING_PRICE = "시간외종가"
    SINGLE_PRICE = "시간외단일가"


class Condition(Enum):
    """What happens to the part that does not trade at once."""

    REST = "stays in the book"
    IOC = "is cancelled"
    FOK = "cancels the whole order unless all of it trades"


class Phase(Enum):
    """Phases of a day with order rules of their own."""

    OPENING_CALL = "opening call auction"
    CONTINUOUS = "continuous matching"
    CLOSING_CALL = "closing call auction"
    VI_CALL = "call auction of a volatility interruption"
    PRE_HOURS_CLOSE_PRICE = "pre-hours closing price session"
    AFTER_HOURS_CLOSE_PRICE = "after-hours closing price session"
    AFTER_HOURS_SINGLE_PRICE = "after-hours single price session"
    AFTER_MARKET = "after-market"
    PERIODIC_CALL = "call auctions every 30 minutes"
    FIRST_PRICE = "before the first price of a new or relisted issue"
    LIQUIDATION = "liquidation trading"


_CALL = frozenset((OrderType.LIMIT, OrderType.MARKET, OrderType.LIMIT_TO_MARKET_ON_CLOSE, OrderType.STOP_LIMIT))

# Source: KP_ENF §14(2), confidence high. What exists at all on a date is in AVAILABLE.
ACCEPTED: dict[Phase, frozenset[OrderType]] = {
    Phase.OPENING_CALL: _CALL,
    Phase.CONTINUOUS: _CALL | {OrderType.BEST_OPPOSITE, OrderType.BEST_SAME, OrderType.MID_PRICE},
    Phase.CLOSING_CALL: _CALL - {OrderType.LIMIT_TO_MARKET_ON_CLOSE},
    Phase.VI_CALL: _CALL,
    Phase.PRE_HOURS_CLOSE_PRICE: frozenset((OrderType.CLOSING_PRICE,)),
    Phase.AFTER_HOURS_CLOSE_PRICE: frozenset((OrderType.CLOSING_PRICE,)),
    Phase.AFTER_HOURS_SINGLE_PRICE: frozenset((OrderType.SINGLE_PRICE,)),
    Phase.AFTER_MARKET: frozenset((OrderType.LIMIT, OrderType.BEST_OPPOSITE, OrderType.BEST_SAME)),
    Phase.PERIODIC_CALL: frozenset((OrderType.LIMIT, OrderType.MARKET)),
    Phase.FIRST_PRICE: frozenset((OrderType.LIMIT,)),
    Phase.LIQUIDATION: frozenset((OrderType.LIMIT,)),
}

# Phases in which an order may carry IOC or FOK, and the types that may carry it.
WITH_CONDITION: frozenset[Phase] = frozenset((Phase.CONTINUOUS, Phase.AFTER_MARKET))
CONDITIONAL: frozenset[OrderType] = frozenset(
    (OrderType.LIMIT, OrderType.MARKET, OrderType.BEST_OPPOSITE, OrderType.MID_PRICE)
)

_KOSPI_2005 = frozenset(
    (
        OrderType.LIMIT,
        OrderType.MARKET,
        OrderType.LIMIT_TO_MARKET_ON_CLOSE,
        OrderType.BEST_OPPOSITE,
        OrderType.BEST_SAME,
        OrderType.CLOSING_PRICE,
        OrderType.SINGLE_PRICE,
    )
)
_NEW_2025 = frozenset((OrderType.MID_PRICE, OrderType.STOP_LIMIT))

# Types that exist, per market; those of KOSPI hold for ETF and ETN.
AVAILABLE: dict[str, DatedTable[frozenset[OrderType]]] = {
    "KOSPI": DatedTable(
        "order types of KOSPI",
        (
            row("1996-11-25", frozenset((OrderType.LIMIT, OrderType.MARKET)), "MEM", "low"),
            row("2005-03-28", _KOSPI_2005, "KP_ENF", "medium"),
            row("2025-03-04", _KOSPI_2005 | _NEW_2025, "KP_ENF"),
            row("2026-09-14", _KOSPI_2005 - {OrderType.SINGLE_PRICE} | _NEW_2025, "KP_DRAFT_2026"),
        ),
    ),
    "KOSDAQ": DatedTable(
        "order types of KOSDAQ",
        (
            row("2005-10-24", _KOSPI_2005, "KQ_ENF", "medium", "some only from 2009-03-23"),
            row("2025-03-04", _KOSPI_2005 | _NEW_2025, "KQ_ENF"),
            row("2026-09-14", _KOSPI_2005 - {OrderType.SINGLE_PRICE} | _NEW_2025, "KP_DRAFT_2026"),
        ),
    ),
    "KONEX": DatedTable(
        "order types of KONEX",
        (
            row(
                "2013-07-01",
                frozenset((OrderType.LIMIT, OrderType.MARKET, OrderType.CLOSING_PRICE)),
                "KN_REG, KN_ENF",
            ),
        ),
    ),
    "ELW": DatedTable("order types of ELWs", (row("2005-12-01", frozenset((OrderType.LIMIT,)), "KP_ENF"),)),
}

# ORD_DVSN of the KIS order API, exchange KRX. Source: KIS open API workbook; 41 to 47 seen in use since
# 2026-09-14.
BROKER_CODE: dict[tuple[OrderType, Condition], str] = {
    (OrderType.LIMIT, Condition.REST): "00",
    (OrderType.MARKET, Condition.REST): "01",
    (OrderType.LIMIT_TO_MARKET_ON_CLOSE, Condition.REST): "02",
    (OrderType.BEST_OPPOSITE, Condition.REST): "03",
    (OrderType.BEST_SAME, Condition.REST): "04",
    (OrderType.SINGLE_PRICE, Condition.REST): "07",
    (OrderType.LIMIT, Condition.IOC): "11",
    (OrderType.LIMIT, Condition.FOK): "12",
    (OrderType.MARKET, Condition.IOC): "13",
    (OrderType.MARKET, Condition.FOK): "14",
    (OrderType.BEST_OPPOSITE, Condition.IOC): "15",
    (OrderType.BEST_OPPOSITE, Condition.FOK): "16",
    (OrderType.MID_PRICE, Condition.REST): "21",
    (OrderType.STOP_LIMIT, Condition.REST): "22",
    (OrderType.MID_PRICE, Condition.IOC): "23",
    (OrderType.MID_PRICE, Condition.FOK): "24",
}
CLOSING_PRICE_CODE: dict[Phase, str] = {
    Phase.PRE_HOURS_CLOSE_PRICE: "05",
    Phase.AFTER_HOURS_CLOSE_PRICE: "06",
}
AFTER_MARKET_CODE: dict[tuple[OrderType, Condition], str] = {
    (OrderType.LIMIT, Condition.REST): "41",
    (OrderType.LIMIT, Condition.IOC): "42",
    (OrderType.LIMIT, Condition.FOK): "43",
    (OrderType.BEST_OPPOSITE, Condition.REST): "44",
    (OrderType.BEST_OPPOSITE, Condition.IOC): "45",
    (OrderType.BEST_OPPOSITE, Condition.FOK): "46",
    (OrderType.BEST_SAME, Condition.REST): "47",
}
