"""What a person is told about orders whose fate is not clear, in Korean and English."""

from __future__ import annotations

from datetime import date

from brokers.kis.books import KisAlert, Weight
from engine.order import Order, Side

_SIDE = {Side.BUY: ("매수", "buy"), Side.SELL: ("매도", "sell")}


def answer_lost(order: Order) -> KisAlert:
    """No answer came; the search begins."""
    return _alert(
        order,
        "kis_order_unknown",
        Weight.WARNING,
        "{order}: 주문 응답을 받지 못했습니다. 다시 보내지 않고 찾습니다.",
        "{order}: no answer to the order. It is not sent again, it is looked for.",
    )


def order_found(order: Order, number: str) -> KisAlert:
    """It is at KIS."""
    return _alert(
        order,
        "kis_order_found",
        Weight.INFO,
        "응답을 잃은 주문을 찾았습니다: {order}, 주문번호 {number}.",
        "The order whose answer was lost is found: {order}, number {number}.",
        number=number,
    )


def order_absent(order: Order) -> KisAlert:
    """It never arrived."""
    return _alert(
        order,
        "kis_order_absent",
        Weight.WARNING,
        "응답을 잃은 주문은 KIS에 도착하지 않았습니다: {order}. 다시 판단해 주문할 수 있습니다.",
        "The order whose answer was lost never reached KIS: {order}. It may be decided anew.",
    )


def order_blocked(order: Order, why_korean: str, why_english: str) -> KisAlert:
    """Nobody can tell, so its ticker stays blocked."""
    return _alert(
        order,
        "kis_order_blocked",
        Weight.CRITICAL,
        "{order}: 주문이 있는지 알 수 없습니다. {why_korean}. {ticker}의 거래를 막았습니다. HTS에서 확인하고 "
        "`geoul kis resolve`로 알려 주세요.",
        "{order}: nobody knows whether it is at KIS: {why_english}. {ticker} is blocked. Look into the HTS, then "
        "tell `geoul kis resolve`.",
        why_korean=why_korean,
        why_english=why_english,
        ticker=order.request.ticker,
    )


def order_not_listed(order: Order) -> KisAlert:
    """KIS accepted it, and its list does not have it."""
    return _alert(
        order,
        "kis_order_not_listed",
        Weight.WARNING,
        "{order}, 주문번호 {number}: KIS 주문 내역에 없습니다. HTS에서 확인하세요.",
        "{order}, number {number}: it is not in KIS's list of the day. Look for it in the HTS.",
        number=order.order_number,
    )


def fills_not_assigned(order: Order, shares: int) -> KisAlert:
    """The list has sums only, and they fit no single order."""
    return _alert(
        order,
        "kis_fills_not_assigned",
        Weight.CRITICAL,
        "{order}: KIS 합계 {shares:,}주를 주문별로 나눌 수 없습니다. HTS와 대조하세요.",
        "{order}: the {shares:,} shares of KIS's sum cannot be assigned to single orders. Compare with the HTS.",
        shares=shares,
    )


def list_contradicts_itself(day: date) -> KisAlert:
    """Its rows and its sums disagree again and again, so nothing is taken from it."""
    return KisAlert(
        code="kis_list_contradicts",
        weight=Weight.WARNING,
        korean=f"{day} 주문 내역의 행과 합계가 계속 맞지 않아 반영하지 않습니다. HTS의 체결과 대조하세요.",
        english=f"The rows and the sums of KIS's list of {day} keep disagreeing, so nothing is taken from it. Compare "
        f"the fills with the HTS.",
        details={"day": day.isoformat()},
    )


def _names(order: Order) -> tuple[str, str]:
    request = order.request
    korean, english = _SIDE[request.side]
    price = f" {request.price:,}" if request.price else ""
    at = f"{order.intended_at:%H:%M:%S}"
    return (
        f"{order.id} {request.ticker} {korean} {request.quantity:,}주{price} ({at})",
        f"{order.id} {english} {request.quantity:,} {request.ticker}{price} ({at})",
    )


def _alert(order: Order, code: str, weight: Weight, korean: str, english: str, **values: object) -> KisAlert:
    """An alert about an order; in the texts {order} is the order in that language, other names are of `values`."""
    names = _names(order)
    details = {"order_id": order.id, "ticker": order.request.ticker}
    return KisAlert(
        code=code,
        weight=weight,
        korean=korean.format(order=names[0], **values),
        english=english.format(order=names[1], **values),
        details=details,
    )
