"""A refused order in words for people: what was said, what it means, what comes next, in Korean and English.

The code tells most where it is known; otherwise the reason does, which was read from KIS's own words.
"""

from __future__ import annotations

from typing import Literal

from brokers.kis.codes import meaning_of
from engine.broker import RefusedByVenue
from engine.order import RefusalReason

_MEANING = {
    RefusalReason.BAD_PRICE: ("호가단위나 상하한가에 맞지 않는 가격", "a price off the tick or beyond the limits"),
    RefusalReason.NOT_TRADABLE: ("거래할 수 없는 종목", "the instrument cannot be traded"),
    RefusalReason.NOT_HELD: ("매도할 수 있는 수량 초과", "more than can be sold"),
    RefusalReason.NOT_ENOUGH_CASH: ("주문가능금액 초과", "not enough cash"),
    RefusalReason.MARKET_CLOSED: ("주문을 받지 않는 시간", "no orders are taken at this time"),
    RefusalReason.UNRESOLVED_ORDER: (
        "결과를 모르는 주문이 있는 종목",
        "an order of this instrument is not resolved yet",
    ),
}
_NEXT = {
    RefusalReason.BAD_PRICE: ("가격을 호가단위에 맞추세요.", "Move the price onto the tick and inside the limits."),
    RefusalReason.NOT_TRADABLE: ("이 종목은 주문하지 마세요.", "Leave this instrument alone today."),
    RefusalReason.NOT_HELD: ("매도가능수량을 다시 조회하세요.", "Ask for the sellable shares again."),
    RefusalReason.NOT_ENOUGH_CASH: ("수량을 줄이세요.", "Order fewer shares."),
    RefusalReason.MARKET_CLOSED: ("장 시간에 다시 주문하세요.", "Order again during the session."),
    RefusalReason.UNRESOLVED_ORDER: (
        "HTS에서 확인하고 `geoul kis resolve`로 알려 주세요.",
        "Look into the HTS, then tell `geoul kis resolve`.",
    ),
}
_OTHERWISE = (
    ("증권사나 거래소의 거부", "refused by the broker or the exchange"),
    ("위 문장을 확인하고 주문을 고치세요.", "Read what was said and change the order."),
)


def explain_refusal(refused: RefusedByVenue, language: Literal["ko", "en"] = "ko") -> str:
    """One line: code, meaning, the words of KIS, next step.

    >>> from engine.order import RefusalReason
    >>> explain_refusal(RefusedByVenue(reason=RefusalReason.BAD_PRICE, code="40030000", text="호가단위 오류"), "en")
    'Refused: 40030000 (price off the tick). “호가단위 오류” Change the order or leave it.'
    """
    place = 0 if language == "ko" else 1
    known = meaning_of(refused.code)
    if known is not None:
        meaning, step = (known.korean, known.next_korean) if place == 0 else (known.english, known.next_english)
    else:
        meaning = _MEANING.get(refused.reason, _OTHERWISE[0])[place]
        step = _NEXT.get(refused.reason, _OTHERWISE[1])[place]
    first = "거절" if place == 0 else "Refused"
    code = f"{refused.code} ({meaning})" if refused.code else meaning
    words = f" “{refused.text}”" if refused.text else ""
    return f"{first}: {code}.{words} {step}"
