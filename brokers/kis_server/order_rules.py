"""What KIS and the exchange refuse at once, and in which words.

Source: codes and texts of paper trading, and APBK0952, APBK0400, APBK0656 and APBK0919 of live trading, as seen by
public programs (read 2026-11-23). The codes APBK90… and 4099… are this server's own: what KIS answers there is not
known, and a program must not branch on it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from brokers.kis.environment import EnvironmentName
from brokers.kis.order_kinds import OrderKindCode
from brokers.kis_server.call import Refusal
from brokers.kis_server.market import Market
from brokers.kis_server.world import World
from engine.errors import DataError, UnknownDate
from engine.krx.instrument_class import InstrumentClass
from engine.krx.quantities import largest_order, trading_unit
from engine.krx.sessions import is_session
from engine.order import Side

_WORDS: dict[str, dict[EnvironmentName, tuple[str, str]]] = {
    "tick": {
        "paper": ("40030000", "모의투자 주문처리가 안되었습니다(호가단위 오류)"),
        "live": ("APBK9001", "호가단위를 확인하시기 바랍니다."),
    },
    "limits": {
        "paper": ("40990001", "모의투자 주문처리가 안되었습니다(상하한가 범위 오류)"),
        "live": ("APBK9002", "상한가와 하한가 사이의 가격이 아닙니다."),
    },
    "not_tradable": {
        "paper": ("40070000", "모의투자 주문처리가 안되었습니다(매매불가 종목)"),
        "live": ("APBK9003", "거래가 정지된 종목입니다."),
    },
    "unknown": {
        "paper": ("40070000", "모의투자 주문처리가 안되었습니다(매매불가 종목)"),
        "live": ("APBK0656", "해당 종목정보가 없습니다."),
    },
    "no_business_day": {
        "paper": ("40100000", "모의투자 영업일이 아닙니다."),
        "live": ("APBK0919", "장운영일자가 주문일과 상이합니다"),
    },
    "before": {
        "paper": ("40570000", "모의투자 장시작전 입니다."),
        "live": ("APBK0919", "장운영시간이 아닙니다.(장시작전)"),
    },
    "after": {
        "paper": ("40580000", "모의투자 장종료 입니다."),
        "live": ("APBK0919", "장운영시간이 아닙니다.(장종료)"),
    },
    "not_held": {
        "paper": ("40240000", "모의투자 잔고내역이 없습니다."),
        "live": ("APBK0400", "주문 가능한 수량을 초과했습니다."),
    },
    "not_enough_cash": {
        "paper": ("40990002", "모의투자 주문가능금액이 부족합니다."),
        "live": ("APBK0952", "주문가능금액을 초과 했습니다"),
    },
    "quantity": {
        "paper": ("40990003", "모의투자 주문처리가 안되었습니다(주문수량 오류)"),
        "live": ("APBK9005", "주문수량을 확인하시기 바랍니다."),
    },
    "too_large": {
        "paper": ("40990004", "모의투자 주문 실패(1회 최대 주문가능수량 초과)"),
        "live": ("APBK9006", "1회 주문가능수량을 초과했습니다."),
    },
    "nothing_left": {
        "paper": ("40330000", "모의투자 정정/취소할 수량이 없습니다."),
        "live": ("APBK9004", "정정취소 가능수량이 없습니다."),
    },
    "not_offered": {
        "paper": ("90000000", "모의투자에서는 해당업무가 제공되지 않습니다."),
        "live": ("APBK9007", "해당 거래소에서 받지 않는 주문입니다."),
    },
    "auction": {
        "paper": ("40990005", "모의투자 주문처리가 안되었습니다(단일가 시간의 호가유형 오류)"),
        "live": ("APBK9008", "단일가매매 시간에는 지정가와 시장가만 가능합니다."),
    },
}
# In the opening and the closing auction. Source: KRX rules as in `engine.krx.tables.order_types`.
_AUCTION_KINDS = frozenset({"00", "01"})
# Bounds that keep price × quantity within 64 bits. No share has ever cost so much.
_MOST_WON, _MOST_SHARES = 10**8, 10**10
_CAPPED = frozenset({InstrumentClass.KOSPI_STOCK, InstrumentClass.KOSDAQ_STOCK})


def refusal(why: str, environment: EnvironmentName) -> Refusal:
    """The refusal in the words of an environment."""
    code, text = _WORDS[why][environment]
    return Refusal(code, text, "1" if environment == "paper" else "7")


def check_hours(world: World, environment: EnvironmentName, hours: str) -> None:
    """Refuse outside the hours in which orders are taken: live from the opening call on, paper from the opening on.

    Raises:
        Refusal: no business day, too early, or too late.
    """
    if hours == "any":
        return
    now = world.now()
    if not is_session(now.date()):
        raise refusal("no_business_day", environment)
    if world.has_begun:
        opened = world.path.hours(world.session).periods[0][0]
        if environment == "paper" and now < opened:
            raise refusal("before", environment)
        return
    ended = world.market.day == now.date()
    raise refusal("after" if ended else "before", environment)


def check_price(market: Market, col: int, price: int, environment: EnvironmentName) -> None:
    """Refuse a price off the tick or beyond the limits of the day.

    Raises:
        Refusal: either.
    """
    if not 0 < price <= _MOST_WON or price % market.tick(col, price) != 0:
        raise refusal("tick", environment)
    limits = market.limits(col)
    if limits is not None and not limits.lower <= price <= limits.upper:
        raise refusal("limits", environment)


def check_quantity(market: Market, col: int, quantity: int, environment: EnvironmentName) -> None:
    """Refuse 0 shares, parts of a trading unit and more than one order may have.

    Raises:
        Refusal: any of them.
    """
    kind, day, base = market.kinds[col], market.day, int(market.base[col])
    try:
        unit = trading_unit(day, kind, base)
    except UnknownDate:
        unit = 1
    if not 0 < quantity <= _MOST_SHARES or quantity % unit:
        raise refusal("quantity", environment)
    shares = market.shares(col)
    if shares is None or base <= 0 or kind not in _CAPPED:
        return
    try:
        most = largest_order(day, base, shares)
    except (UnknownDate, DataError):
        return
    if quantity > most:
        raise refusal("too_large", environment)


def check_instrument(market: Market, col: int, environment: EnvironmentName) -> None:
    """Refuse what is not listed, and what does not trade today.

    Raises:
        Refusal: either.
    """
    if not market.is_listed(col):
        raise refusal("unknown", environment)
    if market.is_halted(col):
        raise refusal("not_tradable", environment)


def check_kind(world: World, kind: OrderKindCode, exchange: str, environment: EnvironmentName) -> None:
    """Refuse kinds of orders that the exchange, or the present auction, does not take.

    Raises:
        Refusal: either.
    """
    if exchange not in kind.exchanges or (environment == "paper" and exchange != "KRX"):
        raise refusal("not_offered", environment)
    if world.is_auction and kind.code not in _AUCTION_KINDS:
        raise refusal("auction", environment)


def price_of(market: Market, col: int, kind: OrderKindCode, side: Side, asked: int) -> int:
    """The limit of an order in won, 0 for a market order.

    The best prices that 03, 04, 15 and 16 refer to are the grid prices next to the last one: the data has no book.
    """
    if kind.has_price:
        return asked
    if kind.code in ("01", "13", "14"):
        return 0
    asks, bids = market.ladder(col)
    opposite = kind.code in ("03", "15", "16")
    best = asks[0] if (side is Side.BUY) == opposite else bids[0]
    return best or int(market.last[col])


def order_time(now: datetime) -> datetime:
    """Whole seconds, as KIS stamps orders."""
    return now - timedelta(microseconds=now.microsecond)
