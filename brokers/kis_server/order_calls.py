"""Orders: place, amend, cancel."""

from __future__ import annotations

from brokers.kis.notice import AMEND, CANCEL, RECEIVED
from brokers.kis.order_kinds import ORDER_KINDS
from brokers.kis.order_messages import OrderAnswer
from brokers.kis_server.call import Call, Handler, Refusal, Reply, wrong_input
from brokers.kis_server.order_book import BRANCH, ServedOrder
from brokers.kis_server.order_rules import (
    check_hours,
    check_instrument,
    check_kind,
    check_price,
    check_quantity,
    order_time,
    price_of,
    refusal,
)
from engine.order import RefusalReason, Side

# Source: live from the workbook's examples, paper as seen by public programs; read 2026-11-23.
_TAKEN = {
    ("live", Side.BUY): ("APBK0013", "주문 전송 완료 되었습니다."),
    ("live", Side.SELL): ("APBK0013", "주문 전송 완료 되었습니다."),
    ("paper", Side.BUY): ("40600000", "모의투자 매수주문이 완료 되었습니다."),
    ("paper", Side.SELL): ("40590000", "모의투자 매도주문이 완료 되었습니다."),
}
_CHANGED = {
    ("live", AMEND): ("APBK0013", "주문 전송 완료 되었습니다."),
    ("live", CANCEL): ("APBK0013", "주문 전송 완료 되었습니다."),
    ("paper", AMEND): ("40610000", "모의투자 정정주문이 완료 되었습니다."),
    ("paper", CANCEL): ("40620000", "모의투자 취소주문이 완료 되었습니다."),
}


def order_cash(call: Call) -> Reply:
    """A new order. The side is in the TR id."""
    environment, world, market = call.environment, call.world, call.world.market
    check_hours(world, environment, call.setup.order_hours)
    col = market.column.get(call.values["PDNO"][-6:])
    if col is None:
        raise refusal("unknown", environment)
    check_instrument(market, col, environment)
    side = Side.BUY if call.variant == "buy" else Side.SELL
    kind = ORDER_KINDS[call.values["ORD_DVSN"]]
    exchange = call.values["EXCG_ID_DVSN_CD"] or "KRX"
    check_kind(world, kind, exchange, environment)
    quantity = call.whole("ORD_QTY")
    check_quantity(market, col, quantity, environment)
    price = price_of(market, col, kind, side, call.whole("ORD_UNPR") if kind.has_price else 0)
    if price:
        check_price(market, col, price, environment)
    trigger = call.whole("CNDT_PRIC") if kind.has_trigger else 0
    if kind.has_trigger:
        check_price(market, col, trigger, environment)
    order = ServedOrder(
        number=world.next_number(),
        session=call.now.date(),
        sent_at=order_time(call.now),
        ticker=market.panel.tickers[col],
        col=col,
        side=side,
        kind=kind,
        quantity=quantity,
        price=price,
        trigger=trigger,
        exchange=exchange,
    )
    account = call.owner
    if call.faults.fires("reject_after_accept", call.endpoint.name):
        order.rejected = quantity
        account.orders.add(order)
        notices = [account.accepted(order, call.now), account.notice(order, call.now, refused=True)]
    else:
        _require_cover(account.place(order), call)
        notices = [account.accepted(order, call.now)]
    code, text = _TAKEN[environment, side]
    return Reply(blocks={"output": _answer(call, order)}, code=code, text=text, notices=notices)


def order_rvsecncl(call: Call) -> Reply:
    """Amend or cancel; either gets an order number of its own."""
    environment, world, market, account = call.environment, call.world, call.world.market, call.owner
    check_hours(world, environment, call.setup.order_hours)
    number = call.values["ORGN_ODNO"]
    if not (number.isascii() and number.isdigit()):
        raise wrong_input("ORGN_ODNO")
    order = next((found for found in account.open_orders() if found.number == int(number)), None)
    rest = 0 if order is None else account.rest(order)
    if order is None or rest == 0:
        raise refusal("nothing_left", environment)
    quantity = rest if call.values["QTY_ALL_ORD_YN"] == "Y" else call.whole("ORD_QTY")
    if not 0 < quantity <= rest:
        raise refusal("nothing_left" if quantity > rest else "quantity", environment)
    cancelling = call.values["RVSE_CNCL_DVSN_CD"] == "02"
    new = ServedOrder(
        number=world.next_number(),
        session=call.now.date(),
        sent_at=order_time(call.now),
        ticker=order.ticker,
        col=order.col,
        side=order.side,
        kind=order.kind,
        quantity=quantity,
        price=0,
        exchange=order.exchange,
        request=CANCEL if cancelling else AMEND,
        original=order.number,
    )
    if cancelling:
        late = call.faults.fires("cancel_races_fill", call.endpoint.name) is not None
        account.cancel(order, new, late=late)
        notices = [account.notice(new, call.now, step=RECEIVED) if late else account.accepted(new, call.now)]
    else:
        new.kind = ORDER_KINDS[call.values["ORD_DVSN"]]
        check_kind(world, new.kind, order.exchange, environment)
        new.price = price_of(
            market, order.col, new.kind, order.side, call.whole("ORD_UNPR") if new.kind.has_price else 0
        )
        if new.price:
            check_price(market, order.col, new.price, environment)
        new.trigger = call.whole("CNDT_PRIC") if new.kind.has_trigger else 0
        _require_cover(account.amend(order, new), call)
        notices = [account.accepted(new, call.now)]
    code, text = _CHANGED[environment, new.request]
    return Reply(blocks={"output": _answer(call, new)}, code=code, text=text, notices=notices)


def _require_cover(reason: RefusalReason | None, call: Call) -> None:
    if reason is None:
        return
    raise refusal("not_held" if reason is RefusalReason.NOT_HELD else "not_enough_cash", call.environment)


def _answer(call: Call, order: ServedOrder) -> OrderAnswer:
    return OrderAnswer(
        branch=BRANCH[call.environment],
        order_number=number_text(call, order.number),
        order_time=order.sent_at.time(),
    )


def number_text(call: Call, number: int) -> str:
    """An order number as the environment writes it: live pads it with zeros, paper does not."""
    return f"{number:010}" if call.environment == "live" else str(number)


ORDER_CALLS: dict[str, Handler] = {"order_cash": order_cash, "order_rvsecncl": order_rvsecncl}

__all__ = ["ORDER_CALLS", "Refusal", "number_text"]
