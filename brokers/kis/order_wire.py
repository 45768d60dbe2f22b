"""An order in the words of KIS: ORD_DVSN, prices, exchange; and what KIS would surely refuse, refused before it leaves.

engine.order        ORD_DVSN
MARKET              01 시장가
LIMIT               00 지정가
STOP                22 스톱지정가: the level is CNDT_PRIC, the limit is the day's upper (buy) or lower (sell) limit, so
                    that it is as good as a market order once the level is reached. KIS has no stop order of its own.
another kind        by its code, such as "11" for an IOC limit order: see `order_kinds`
Guards and delistings are not orders of a venue. Ticks, limits and sizes are the risk policy's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from brokers.kis.environment import Environment
from brokers.kis.order_kinds import ORDER_KINDS, OrderKindCode
from engine.broker import RefusedByVenue
from engine.instrument import TICKER
from engine.order import OrderKind, OrderRequest, RefusalReason, Side

_MOST_QUANTITY_DIGITS = 10
_MOST_PRICE_DIGITS = 19
_USUAL = {OrderKind.MARKET: "01", OrderKind.LIMIT: "00", OrderKind.STOP: "22"}
# ETNs have seven characters in quotations only; orders take the six of the short code.
_NAMES = {
    "02": "조건부지정가",
    "05": "장전 시간외",
    "06": "장후 시간외",
    "07": "시간외 단일가",
    "21": "중간가",
    "23": "중간가 IOC",
    "24": "중간가 FOK",
    "27": "GTP 지정가",
    "28": "GTP 최유리",
    "29": "GTP 최우선",
    "41": "애프터마켓 지정가",
    "42": "애프터마켓 IOC",
    "43": "애프터마켓 FOK",
    "44": "애프터마켓 최유리",
    "45": "애프터마켓 최유리 IOC",
    "46": "애프터마켓 최유리 FOK",
    "47": "애프터마켓 최우선",
}

DayLimits = Callable[[str], tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WireOrder:
    """What `order_cash` is called with.

    Args:
        variant: "buy" or "sell"; the TR id follows from it, and a wrong one would do the opposite.
        values: its parameters, without the account.
        kind: its ORD_DVSN.
        price: won, 0 where the kind has none.
    """

    variant: str
    values: Mapping[str, str]
    kind: OrderKindCode
    price: int


def wire_order(
    request: OrderRequest,
    world: Environment,
    exchange: str,
    day_limits: DayLimits,
    *,
    code: str,
    trigger: int | None,
) -> WireOrder | RefusedByVenue:
    """The order as KIS takes it, or why it would not.

    Args:
        request: what is wanted.
        world: where it goes.
        exchange: KRX, NXT or SOR.
        day_limits: lower and upper limit of a ticker's price today, won; asked only for a stop order.
        code: ORD_DVSN, where the request's kind is not the usual one.
        trigger: CNDT_PRIC of kind 22 with a limit of one's own.
    """
    kind = order_kind(code or _USUAL.get(request.kind, ""), exchange, world, request.kind)
    if isinstance(kind, RefusedByVenue):
        return kind
    if not TICKER.fullmatch(request.ticker):
        return _refused(
            RefusalReason.NOT_TRADABLE,
            f"종목코드 {request.ticker!r}: 여섯 자리가 아닙니다 · a ticker has six characters",
        )
    if len(str(request.quantity)) > _MOST_QUANTITY_DIGITS:
        return _refused(
            RefusalReason.VENUE, f"{request.quantity:,}주: KIS는 열 자리까지 · KIS takes ten digits of shares"
        )
    price = request.price or 0
    if kind.has_trigger and request.kind is OrderKind.STOP and trigger is None:
        lower, upper = day_limits(request.ticker)
        trigger, price = price, upper if request.side is Side.BUY else lower
    problem = _price_problem(kind, price, trigger)
    if problem is not None:
        return problem
    values = {
        "PDNO": request.ticker,
        "ORD_DVSN": kind.code,
        "ORD_QTY": str(request.quantity),
        "ORD_UNPR": str(price if kind.has_price else 0),
        "EXCG_ID_DVSN_CD": exchange,
    }
    if kind.has_trigger:
        values["CNDT_PRIC"] = str(trigger)
    if request.side is Side.SELL:
        values["SLL_TYPE"] = "01"
    return WireOrder(variant=request.side.value, values=values, kind=kind, price=price if kind.has_price else 0)


def order_kind(
    code: str, exchange: str, world: Environment, asked: OrderKind | None = None
) -> OrderKindCode | RefusedByVenue:
    """The row of an ORD_DVSN, or why it cannot be sent to this exchange."""
    kind = ORDER_KINDS.get(code)
    if kind is None:
        name = _NAMES.get(code) or (asked.value if asked is not None and not code else "알 수 없는 종류 · unknown kind")
        return _refused(
            RefusalReason.VENUE,
            f"주문 종류 {code or '-'} ({name})은 보내지 않습니다 · this kind of order is not sent to KIS. "
            f"가능 · possible: {', '.join(ORDER_KINDS)}",
        )
    if exchange not in world.exchanges:
        return _refused(
            RefusalReason.VENUE, f"{world.korean}({world.name})에는 {exchange}가 없습니다 · has no {exchange}"
        )
    if exchange not in kind.exchanges:
        return _refused(
            RefusalReason.VENUE,
            f"{exchange}에는 {kind.code} {kind.korean}({kind.english})이 없습니다 · {exchange} does not take it; "
            f"{', '.join(sorted(kind.exchanges))} does",
        )
    return kind


def _price_problem(kind: OrderKindCode, price: int, trigger: int | None) -> RefusedByVenue | None:
    if kind.has_price and not 0 < price < 10**_MOST_PRICE_DIGITS:
        return _refused(
            RefusalReason.BAD_PRICE, f"{kind.code} {kind.korean}: 가격이 필요합니다 · this kind needs a price"
        )
    if kind.has_trigger and (trigger is None or not 0 < trigger < 10**_MOST_PRICE_DIGITS):
        return _refused(
            RefusalReason.BAD_PRICE, "22 스톱지정가: 조건가격이 필요합니다 · a stop needs its trigger price"
        )
    if trigger is not None and not kind.has_trigger:
        return _refused(
            RefusalReason.BAD_PRICE, f"{kind.code} {kind.korean}: 조건가격이 없는 종류 · takes no trigger price"
        )
    return None


def _refused(reason: RefusalReason, text: str) -> RefusedByVenue:
    return RefusedByVenue(reason=reason, text=text)
