"""The part of the probe that needs an order: one share at the lowest price of the day, on paper, cancelled at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from brokers.kis.answer import Answer
from brokers.kis.errors import KisError
from brokers.kis.messages import OrderAnswer, PriceQuote
from brokers.kis.outcome import Failure
from brokers.kis.probe_stream import StreamListener
from brokers.kis.rest import KisRest
from brokers.kis.subscriptions import Subscription
from engine.clock import Clock

_REGISTER_SECONDS, _NOTICE_SECONDS = 5.0, 10.0
Told = tuple[str, str, str, str, bool]  # question, Korean, English, evidence, whether it stays open


@dataclass(slots=True)
class OrderProbe:
    """What the order showed.

    Args:
        told: the answers.
        values: of the findings.
    """

    told: list[Told] = field(default_factory=list)
    values: dict[str, object] = field(default_factory=dict)


def probe_order(rest: KisRest, clock: Clock, approval_key: str, ticker: str) -> OrderProbe:
    """Send the order, look at everything that comes back, and cancel it.

    Raises:
        KisError: the price could not be had; nothing was sent then.
    """
    found = OrderProbe()
    quote = rest.call("inquire_price", {"FID_INPUT_ISCD": ticker}).one(PriceQuote)
    if not quote.lower_limit:
        found.told.append(("order_keys", "하한가를 몰라 주문하지 않음", "no lower limit: no order was sent", "", True))
        return found
    config = rest.config
    wanted = []
    if config.hts_id is not None:
        wanted.append(Subscription(config.world.fill_stream, config.hts_id.get_secret_value()))
    with StreamListener(config.websocket_url, approval_key, wanted) as listener:
        heard = listener.heard
        wait_until(lambda: len(heard.answers) >= len(wanted) or bool(heard.ended), _REGISTER_SECONDS)
        sent = time.monotonic()
        values = {"PDNO": ticker, "ORD_DVSN": "00", "ORD_QTY": "1", "ORD_UNPR": str(quote.lower_limit)}
        result = rest.attempt("order_cash", values, variant="buy")
        if isinstance(result, Failure):
            text = f"{result.code} {result.describe('en')}"
            found.told.append(("rejection", f"거절됨: {text}", f"refused: {text}", f"at {clock.now():%H:%M:%S}", False))
            for name in ("order_keys", "branch", "notices"):
                found.told.append((name, "주문이 거절되어 알 수 없음", "not known, the order was refused", "", True))
            return found
        try:
            _keys(result, found)
            wait_until(lambda: bool(heard.notices) or bool(heard.ended), _NOTICE_SECONDS)
            _notices(listener, sent, found, asked=bool(wanted))
        finally:
            _cancel(rest, result, found)
    return found


def _keys(result: Answer, found: OrderProbe) -> None:
    block = result.body.get("output", result.body.get("OUTPUT"))
    names = sorted(block) if isinstance(block, dict) else []
    number = result.one(OrderAnswer).order_number
    case = "upper" if names and all(name.isupper() for name in names) else "lower or mixed"
    padded = "padded to 10" if number.startswith("0") and len(number.strip()) == 10 else "not padded"
    evidence = f"{', '.join(names)}; ODNO {number!r}"
    found.told.append(
        ("order_keys", f"이름 {case}, 번호 {padded}", f"keys {case} case, number {padded}", evidence, False)
    )


def _notices(listener: StreamListener, sent: float, found: OrderProbe, *, asked: bool) -> None:
    heard = listener.heard
    if not asked:
        found.told.append(("notices", "my_htsid가 없습니다", "my_htsid is not given", "", True))
        return
    found.values["notices"] = bool(heard.notices)
    counts = heard.field_counts()
    found.values["field_counts"] = counts
    answers = ", ".join(f"{name} {code}" for name, code in heard.answers.items())
    if not heard.notices:
        found.told.append(("notices", "통보가 오지 않음", "no notice came", answers or heard.ended, False))
        return
    late = (heard.notices[0] - sent) * 1000
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    found.told.append(
        ("notices", f"{late:.0f}ms 뒤 도착, 필드 {told}", f"after {late:.0f} ms, fields: {told}", answers, False)
    )


def _cancel(rest: KisRest, result: Answer, found: OrderProbe) -> None:
    """Cancel without ORGNO first, then with it."""
    order = result.one(OrderAnswer)
    values = {"ORGN_ODNO": order.order_number, "ORD_DVSN": "00", "RVSE_CNCL_DVSN_CD": "02"}
    try:
        without = rest.attempt("order_rvsecncl", values)
        if isinstance(without, Answer):
            found.told.append(("branch", "없어도 됩니다", "not needed", f"ORGNO of the order: {order.branch!r}", False))
            return
        again = rest.attempt("order_rvsecncl", {**values, "KRX_FWDG_ORD_ORGNO": order.branch})
    except KisError as error:
        found.told.append(("branch", "취소하지 못함", "the cancel failed", str(error), True))
        return
    if isinstance(again, Answer):
        found.told.append(("branch", "필요합니다", "needed", f"without: {without.code}", False))
        return
    number = order.order_number
    found.told.append(
        (
            "branch",
            f"주문 {number}을 취소하지 못했습니다. HTS에서 취소하세요",
            f"the order {number} could not be cancelled: cancel it in the HTS",
            f"{without.code}, {again.code}",
            True,
        )
    )


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition comes true within so many seconds of real time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()
