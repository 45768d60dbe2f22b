"""Which orders the exchange takes, by date, market and phase of the day, and the broker's code for each.

Source: KOSPI Enforcement Rules §14(2); code list of the KIS open API (ORD_DVSN).
"""

from __future__ import annotations

from datetime import date

from engine.errors import BadInput
from engine.krx.instrument_class import InstrumentClass
from engine.krx.tables.order_types import (
    ACCEPTED,
    AFTER_MARKET_CODE,
    AVAILABLE,
    BROKER_CODE,
    CLOSING_PRICE_CODE,
    CONDITIONAL,
    WITH_CONDITION,
    Condition,
    OrderType,
    Phase,
)

_RULES_OF = {
    InstrumentClass.KOSPI_STOCK: "KOSPI",
    InstrumentClass.KOSDAQ_STOCK: "KOSDAQ",
    InstrumentClass.KONEX_STOCK: "KONEX",
    InstrumentClass.ETF: "KOSPI",
    InstrumentClass.ETN: "KOSPI",
    InstrumentClass.ELW: "ELW",
}


def is_accepted(
    order_type: OrderType,
    phase: Phase,
    day: date,
    kind: InstrumentClass,
    condition: Condition = Condition.REST,
) -> bool:
    """Whether the exchange takes such an order in that phase.

    Raises:
        UnknownDate: the order types of that market are not known on `day`.

    Example:
        >>> from engine.krx.tables.order_types import OrderType, Phase
        >>> is_accepted(OrderType.MARKET, Phase.AFTER_MARKET, date(2026, 10, 1), InstrumentClass.KOSPI_STOCK)
        False
    """
    if order_type not in AVAILABLE[_RULES_OF[kind]].at(day) or order_type not in ACCEPTED[phase]:
        return False
    if phase is Phase.AFTER_MARKET and kind in (InstrumentClass.ETF, InstrumentClass.ETN):
        return False
    if condition is Condition.REST:
        return True
    if phase is Phase.AFTER_MARKET:
        return (order_type, condition) in AFTER_MARKET_CODE
    conditional = order_type in CONDITIONAL and kind not in (InstrumentClass.KONEX_STOCK, InstrumentClass.ELW)
    return phase in WITH_CONDITION and conditional


def broker_code(order_type: OrderType, phase: Phase, condition: Condition = Condition.REST) -> str:
    """ORD_DVSN of the KIS order API for an order sent to the exchange in that phase.

    Raises:
        BadInput: the broker has no such order.

    Example:
        >>> from engine.krx.tables.order_types import OrderType, Phase
        >>> broker_code(OrderType.LIMIT, Phase.CONTINUOUS), broker_code(OrderType.MARKET, Phase.CONTINUOUS)
        ('00', '01')
    """
    if order_type is OrderType.CLOSING_PRICE and condition is Condition.REST:
        code = CLOSING_PRICE_CODE.get(phase)
    elif phase is Phase.AFTER_MARKET:
        code = AFTER_MARKET_CODE.get((order_type, condition))
    else:
        code = BROKER_CODE.get((order_type, condition))
    if code is None or order_type not in ACCEPTED[phase]:
        raise BadInput(
            f"The broker has no code for {order_type.value} ({condition.name}) in the {phase.value}: "
            f"use one of {', '.join(sorted(kind.value for kind in ACCEPTED[phase]))}."
        )
    return code
