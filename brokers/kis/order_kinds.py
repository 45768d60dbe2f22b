"""The kinds of orders (ORD_DVSN) that Geoul sends and serves, and the exchanges that take them.

Mind 00 and 01: limit is 00, market is 01. Mistaking them is the commonest fault of published programs.
Source: table of ORD_DVSN by exchange in the API workbook of 2026-09-11, read 2026-11-23. Kinds that exist at KIS and
are not here (off-hours, mid-price, after-market, conditional) are refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_ALL = frozenset({"KRX", "NXT", "SOR"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderKindCode:
    """One ORD_DVSN.

    Args:
        code: two digits.
        korean: KIS's name.
        english: what it does.
        exchanges: which take it.
        has_price: ORD_UNPR is a price; otherwise it is sent as "0".
        has_trigger: CNDT_PRIC is needed.
        rests: what is not filled at once stays in the book.
    """

    code: str
    korean: str
    english: str
    exchanges: frozenset[str] = _ALL
    has_price: bool = False
    has_trigger: bool = False
    rests: bool = True


_KINDS = (
    OrderKindCode(code="00", korean="지정가", english="limit", has_price=True),
    OrderKindCode(code="01", korean="시장가", english="market", exchanges=frozenset({"KRX", "SOR"})),
    OrderKindCode(code="03", korean="최유리지정가", english="limit at the best opposite price"),
    OrderKindCode(code="04", korean="최우선지정가", english="limit at the best price of its own side"),
    OrderKindCode(code="11", korean="IOC 지정가", english="limit, rest cancelled", has_price=True, rests=False),
    OrderKindCode(code="12", korean="FOK 지정가", english="limit, all or nothing", has_price=True, rests=False),
    OrderKindCode(code="13", korean="IOC 시장가", english="market, rest cancelled", rests=False),
    OrderKindCode(code="14", korean="FOK 시장가", english="market, all or nothing", rests=False),
    OrderKindCode(code="15", korean="IOC 최유리", english="best opposite price, rest cancelled", rests=False),
    OrderKindCode(code="16", korean="FOK 최유리", english="best opposite price, all or nothing", rests=False),
    OrderKindCode(
        code="22",
        korean="스톱지정가",
        english="limit once a price is reached",
        exchanges=frozenset({"KRX", "NXT"}),
        has_price=True,
        has_trigger=True,
    ),
)

ORDER_KINDS: Mapping[str, OrderKindCode] = MappingProxyType({kind.code: kind for kind in _KINDS})
