"""The answer codes of KIS: what each means, what it says about an order, and what to do next.

Source: KIS's table of API errors and the notice of 2026-04-20 on rates, as quoted by public programs, and codes seen
by them in practice; read 2026-11-23. Not one of them is a measurement of ours.
Codes of the order system (APBK…, 40…) are many and some contradict each other, so they are never branched on: every
one is a final refusal. Those listed only make the refusal readable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from engine.order import RefusalReason


class Handling(Enum):
    """What an answer asks for."""

    STOP = "stop"  # asking again gives the same
    RETRY = "retry"  # a read may be repeated after a pause; an order may have been carried out
    SLOW_DOWN = "slow down"  # refused by the gateway before the order system saw it: anything may be repeated
    NEW_TOKEN = "new token"  # refused by the gateway for its token: a read is repeated once with a new one
    WAIT = "wait a minute"  # tokens are issued once a minute
    RECONCILE = "reconcile"  # nobody knows: find the order before anything else


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMeaning:
    """One code.

    Args:
        korean, english: what it means.
        handling: what it asks for.
        next_korean, next_english: what a person does.
        reason: of the refusal, where it is an order's.
    """

    korean: str
    english: str
    handling: Handling
    next_korean: str = ""
    next_english: str = ""
    reason: RefusalReason = RefusalReason.VENUE


_NEXT = {
    "key": ("app key와 app secret을 확인하세요.", "Check the app key and the app secret."),
    "report": (
        "요청을 고쳐야 합니다. `geoul kis doctor`를 실행하세요.",
        "The request must be changed: run `geoul kis doctor`.",
    ),
    "account": ("계좌번호와 상품코드를 확인하세요.", "Check the account number and its product code."),
    "rights": ("포털에서 API 이용 권한을 신청하세요.", "Apply for the right on the API portal."),
    "again": ("잠시 뒤 다시 시도합니다.", "It is tried again after a pause."),
    "slower": ("호출 속도를 낮춥니다.", "The calls are slowed down."),
    "token": ("새 토큰을 받습니다.", "A new token is asked for."),
    "minute": ("1분 뒤 다시 발급합니다.", "The next token is asked for in a minute."),
    "find": (
        "보내지 말고 주문 내역에서 먼저 찾습니다.",
        "Do not send it again: it is looked for in the list of orders first.",
    ),
    "other": (
        "실전 키는 실전에, 모의 키는 모의에만 쓰세요.",
        "Use a live key with live and a paper key with paper.",
    ),
    "paper": (
        "모의투자에 없는 기능입니다. 실전이라면 실전 키를 쓰세요.",
        "Paper trading does not have this call; for live trading use the live key.",
    ),
    "order": ("주문을 고쳐 다시 판단합니다.", "Change the order or leave it."),
    "hours": ("장 시간에 다시 주문합니다.", "Order again during the session."),
}


def _rows() -> Mapping[str, CodeMeaning]:
    stop, retry, rec = Handling.STOP, Handling.RETRY, Handling.RECONCILE
    table: dict[str, CodeMeaning] = {}

    def add(codes: str, korean: str, english: str, handling: Handling, step: str, **more: RefusalReason) -> None:
        next_korean, next_english = _NEXT[step]
        for code in codes.split():
            table[code] = CodeMeaning(
                korean=korean,
                english=english,
                handling=handling,
                next_korean=next_korean,
                next_english=next_english,
                **more,
            )

    add("EGW00001", "일시적 오류", "a passing error", retry, "again")
    add("EGW00002", "서버 오류", "server error", retry, "again")
    add("EGW00003 EGW00004", "접근 권한 없음", "no access", stop, "rights")
    add("EGW00101", "유효하지 않은 요청", "invalid request", stop, "report")
    add("EGW00102 EGW00103", "AppKey 누락 또는 무효", "app key missing or invalid", stop, "key")
    add("EGW00104 EGW00105", "AppSecret 누락 또는 무효", "app secret missing or invalid", stop, "key")
    add(
        " ".join(f"EGW{number:05}" for number in range(106, 121)),
        "OAuth 매개변수 오류",
        "a parameter of the token request is wrong",
        stop,
        "report",
    )
    add("EGW00121", "유효하지 않은 토큰", "invalid token", Handling.NEW_TOKEN, "token")
    add("EGW00122", "토큰 누락", "no token", Handling.NEW_TOKEN, "token")
    add("EGW00123", "기간이 만료된 토큰", "token expired", Handling.NEW_TOKEN, "token")
    add(
        " ".join(f"EGW{number:05}" for number in range(124, 131)),
        "세션, 계좌 또는 사용자 정보가 유효하지 않음",
        "session, account or user is invalid",
        stop,
        "account",
    )
    add("EGW00131", "hashkey 무효", "invalid hashkey", stop, "report")
    add("EGW00132", "Content-Type 무효", "invalid content type", stop, "report")
    add("EGW00133", "토큰 발급은 1분에 한 번", "tokens are issued once a minute", Handling.WAIT, "minute")
    add("EGW00201", "초당 거래건수 초과", "too many calls in a second", Handling.SLOW_DOWN, "slower")
    add("EGW00202 EGW00203", "게이트웨이 라우팅 오류", "routing error of the gateway", retry, "again")
    add("EGW00205", "인증 방식(Bearer) 오류", "wrong kind of credentials", stop, "report")
    add("EGW00206", "API 사용 권한 없음", "no right to use this call", stop, "rights")
    add("EGW00207", "허용되지 않은 IP", "this address is not allowed", stop, "rights")
    add("EGW00208 EGW00209", "custtype 또는 seq_no 오류", "wrong customer type or sequence number", stop, "report")
    add("EGW00210", "법인은 모의투자 불가", "companies cannot use paper trading", stop, "other")
    add("EGW00211 EGW00212 EGW00213", "모의투자 계좌 또는 TR 오류", "wrong paper account or call", stop, "other")
    add("EGW00215", "원장 전체 초당 거래건수 초과", "too many calls of all customers together", retry, "again")
    add("EGW00300", "게이트웨이 라우팅 오류", "routing error of the gateway", retry, "again")
    add("EGW00301", "연결 시간 초과, 직전 거래 확인 필요", "connection timed out: check the last order", rec, "find")
    add("EGW00302", "거래 시간 초과, 직전 거래 확인 필요", "transaction timed out: check the last order", rec, "find")
    add("EGW00303 EGW00304", "법인 IP 또는 고객식별키 오류", "wrong company address or key", stop, "key")
    add("EGW00316", "조회 처리 중 오류", "error while reading", retry, "again")
    add("EGW02004 EGW02007", "다른 환경의 app key", "app key of the other environment", stop, "other")
    add(
        "EGW02006",
        "모의투자에 없는 TR, 또는 모의 키로 부른 실전 TR",
        "no paper version of this call, or a live call with a paper key",
        stop,
        "paper",
    )
    add("OPSQ0002", "없는 서비스 코드 또는 TR", "no such call", stop, "report")
    add("OPSQ1002", "세션 연결 오류", "no free session", retry, "again")
    add("OPSQ2000", "계좌번호 오류", "wrong account number", stop, "account")
    add("OPSQ2001", "입력값 오류", "wrong input value", stop, "report")
    add("OPSQ2002", "입력값 길이 오류", "wrong length of an input value", stop, "report")
    add("MCA05918", "종목코드 오류", "no such instrument", stop, "order", reason=RefusalReason.NOT_TRADABLE)
    add("90000000", "모의투자에서 제공하지 않는 업무", "not offered in paper trading", stop, "paper")
    add("40030000", "호가단위 오류", "price off the tick", stop, "order", reason=RefusalReason.BAD_PRICE)
    add("40070000", "매매불가 종목", "not tradable", stop, "order", reason=RefusalReason.NOT_TRADABLE)
    add("40100000", "영업일이 아님", "no business day", stop, "hours", reason=RefusalReason.MARKET_CLOSED)
    add("40240000", "잔고내역이 없음", "nothing held to sell", stop, "order", reason=RefusalReason.NOT_HELD)
    add("40330000", "정정/취소할 수량이 없음", "nothing left to amend or cancel", stop, "order")
    add("40570000", "장시작전", "before the session", stop, "hours", reason=RefusalReason.MARKET_CLOSED)
    add("40580000", "장종료", "after the session", stop, "hours", reason=RefusalReason.MARKET_CLOSED)
    add("40910000", "주문이 불가한 계좌", "this account cannot order", stop, "account")
    add("APBK0952", "주문가능금액 초과", "not enough cash", stop, "order", reason=RefusalReason.NOT_ENOUGH_CASH)
    add("APBK0400", "주문가능수량 초과", "more than can be sold", stop, "order", reason=RefusalReason.NOT_HELD)
    return MappingProxyType(table)


CODES = _rows()

_OPS = CodeMeaning(
    korean="OPS 시스템 오류",
    english="error of the OPS system",
    handling=Handling.RETRY,
    next_korean=_NEXT["again"][0],
    next_english=_NEXT["again"][1],
)
_OPS_PASSING = re.compile(r"OPSQ(?:00(?:0[1-9]|1[01])|300[1-4]|999[5-9])")
_GATEWAY = re.compile(r"(?:EGW|OPS[QP]|IGW)[0-9]{4,5}")


def meaning_of(code: str) -> CodeMeaning | None:
    """What a code means; None if it is not known."""
    known = CODES.get(code)
    if known is None and _OPS_PASSING.fullmatch(code):
        return _OPS
    return known


def is_gateway_code(code: str) -> bool:
    """Whether a code comes from the gateway, in front of the order system, rather than from the order system.

    >>> is_gateway_code("EGW00201"), is_gateway_code("APBK0952")
    (True, False)
    """
    return _GATEWAY.fullmatch(code) is not None
