"""What an answer means: refused, unknown and unavailable are never confused, and an order is never guessed."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.kis.answer import Answer
from brokers.kis.codes import CODES, Handling, meaning_of
from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.errors import CallRefused, CallUnavailable, CallUnknown
from brokers.kis.outcome import (
    AnswerLost,
    Delivery,
    Failure,
    FailureKind,
    HttpReply,
    Mishap,
    NotSent,
    classify,
    classify_access,
    read_json,
)
from engine.broker import RefusedByVenue, Unavailable, Unknown
from engine.clock import KST
from engine.order import RefusalReason

ORDER, READ, TOKEN = ENDPOINTS["order_cash"], ENDPOINTS["inquire_balance"], ENDPOINTS["tokenP"]
REFUSED, UNKNOWN, UNAVAILABLE = FailureKind.REFUSED, FailureKind.UNKNOWN, FailureKind.UNAVAILABLE


def reply(body: object, status: int = 200, **headers: str) -> HttpReply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpReply(status=status, headers=headers, body=content)


def no(code: str, status: int = 200, rt_cd: str = "1", text: str = "거절") -> HttpReply:
    return reply({"rt_cd": rt_cd, "msg_cd": code, "msg1": text.ljust(80)}, status)


HTML = reply(b"<!DOCTYPE html><html>502 Bad Gateway</html>", 502)
TRUNCATED = reply(b'{"rt_cd":"0","msg_cd":"APBK0013","output":{"ODNO":"00', 200)

CASES: list[tuple[str, Delivery, FailureKind, FailureKind]] = [
    # what came back, what it means for a read, what it means for an order
    ("no connection", NotSent(mishap=Mishap.NO_CONNECTION), UNAVAILABLE, UNAVAILABLE),
    ("connect timeout", NotSent(mishap=Mishap.CONNECT_TIMEOUT), UNAVAILABLE, UNAVAILABLE),
    ("read timeout", AnswerLost(mishap=Mishap.READ_TIMEOUT), UNAVAILABLE, UNKNOWN),
    ("reset after writing", AnswerLost(mishap=Mishap.BROKEN), UNAVAILABLE, UNKNOWN),
    ("HTML with 5xx", HTML, UNAVAILABLE, UNKNOWN),
    ("HTML with 200", reply(b"<html>maintenance</html>"), UNAVAILABLE, UNKNOWN),
    ("HTML with 403", reply(b"<html>blocked</html>", 403), UNAVAILABLE, UNKNOWN),
    ("truncated JSON", TRUNCATED, UNAVAILABLE, UNKNOWN),
    ("empty body", reply(b""), UNAVAILABLE, UNKNOWN),
    ("empty 503", reply(b"", 503), UNAVAILABLE, UNKNOWN),
    ("a JSON list", reply([]), UNAVAILABLE, UNKNOWN),
    ("a JSON without result", reply({"hello": "world"}), UNAVAILABLE, UNKNOWN),
    ("a redirect", reply(b"", 302), UNAVAILABLE, UNKNOWN),
    ("not UTF-8", reply(b'{"rt_cd":"1","msg1":"\xb0\xc5"}'), UNAVAILABLE, UNKNOWN),
    ("too fast", no("EGW00201", 500), UNAVAILABLE, UNAVAILABLE),
    ("too fast, status 200", no("EGW00201"), UNAVAILABLE, UNAVAILABLE),
    ("too fast, code in message", reply({"rt_cd": "1", "message": "EGW00201"}, 500), UNAVAILABLE, UNAVAILABLE),
    ("token expired", no("EGW00123", 500), UNAVAILABLE, UNAVAILABLE),
    ("token expired, status 200", no("EGW00123"), UNAVAILABLE, UNAVAILABLE),
    ("token invalid", no("EGW00121", 500), UNAVAILABLE, UNAVAILABLE),
    ("check the last order", no("EGW00301", 500), UNAVAILABLE, UNKNOWN),
    ("transaction timed out", no("EGW00302", 500), UNAVAILABLE, UNKNOWN),
    ("server error", no("EGW00002", 500), UNAVAILABLE, UNKNOWN),
    ("passing error", no("EGW00001", 500), UNAVAILABLE, UNKNOWN),
    ("routing", no("EGW00202", 500), UNAVAILABLE, UNKNOWN),
    ("gateway routing", no("EGW00300", 500), UNAVAILABLE, UNKNOWN),
    ("ledger too busy", no("EGW00215", 500), UNAVAILABLE, UNKNOWN),
    ("OPS system", no("OPSQ3001", 500, "2"), UNAVAILABLE, UNKNOWN),
    ("unknown gateway code, 500", no("EGW09999", 500), UNAVAILABLE, UNKNOWN),
    ("unknown gateway code, 4xx", no("EGW09999", 403), REFUSED, REFUSED),
    ("no code and no text", reply({"rt_cd": "1"}), UNAVAILABLE, UNKNOWN),
    ("no code, a text", no("", 200), REFUSED, REFUSED),
    ("no code, a text, 500", no("", 500), UNAVAILABLE, UNKNOWN),
    ("not in paper", no("EGW02006", 500), REFUSED, REFUSED),
    ("key of the other environment", no("EGW02004", 500), REFUSED, REFUSED),
    ("wrong account", no("OPSQ2000", 200, "2"), REFUSED, REFUSED),
    ("wrong input", no("OPSQ2001", 200, "2"), REFUSED, REFUSED),
    ("no cash, rt_cd 7", no("APBK0952", 200, "7"), REFUSED, REFUSED),
    ("off the tick", no("40030000"), REFUSED, REFUSED),
    ("a business code nobody knows", no("APBK7777", 200, "7"), REFUSED, REFUSED),
    ("a business code with status 500", no("APBK0919", 500, "7"), REFUSED, REFUSED),
    ("rt_cd as a number", reply({"rt_cd": 1, "msg_cd": "40580000", "msg1": "장종료"}), REFUSED, REFUSED),
]


@pytest.mark.parametrize(("delivery", "read", "order"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_every_answer_is_one_of_the_three(delivery: Delivery, read: FailureKind, order: FailureKind) -> None:
    of_read, of_order = classify(READ, delivery), classify(ORDER, delivery)
    assert isinstance(of_read, Failure) and isinstance(of_order, Failure)
    assert (of_read.kind, of_order.kind) == (read, order)


@pytest.mark.parametrize("status", [200, 201, 500])
@pytest.mark.parametrize("rt_cd", ["0", " 0 ", 0])
def test_the_body_decides_before_the_status(status: int, rt_cd: object) -> None:
    body = {"rt_cd": rt_cd, "msg_cd": "APBK0013", "msg1": "주문 전송 완료 되었습니다.".ljust(80)}
    date = "Mon, 23 Nov 2026 00:00:05 GMT"
    answer = classify(ORDER, reply(body, status, tr_cont="m", date=date))
    assert isinstance(answer, Answer)
    assert (answer.code, answer.text, answer.tr_cont) == ("APBK0013", "주문 전송 완료 되었습니다.", "M")
    assert answer.server_time == datetime(2026, 11, 23, 9, 0, 5, tzinfo=KST)


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Nov 2026 00:00:05 GMT", "\x00"])
def test_a_strange_date_is_no_time(date: str) -> None:
    answer = classify(READ, reply({"rt_cd": "0"}, date=date))
    assert isinstance(answer, Answer) and answer.server_time is None


def test_a_failure_becomes_the_word_of_the_broker_protocol() -> None:
    def outcome(delivery: Delivery) -> object:
        failure = classify(ORDER, delivery)
        assert isinstance(failure, Failure)
        return failure.as_broker_outcome()

    refused = outcome(no("40240000", text="모의투자 잔고내역이 없습니다."))
    assert refused == RefusedByVenue(
        reason=RefusalReason.NOT_HELD, code="40240000", text="모의투자 잔고내역이 없습니다."
    )
    assert isinstance(outcome(no("APBK7777")), RefusedByVenue)
    assert isinstance(outcome(HTML), Unknown)
    assert isinstance(outcome(no("EGW00201", 500)), Unavailable)


def test_a_failure_becomes_the_error_of_its_kind() -> None:
    kinds = {
        type(classify(ORDER, one).error())  # type: ignore[union-attr]
        for one in (no("40030000"), HTML, NotSent(mishap=Mishap.NO_TLS))
    }
    assert kinds == {CallRefused, CallUnknown, CallUnavailable}


def test_what_is_said_about_a_failure_has_code_meaning_and_next_step_in_both_languages() -> None:
    failure = classify(READ, no("EGW00133", 403, text="접근토큰 발급 잠시 후 다시 시도하세요"))
    assert isinstance(failure, Failure)
    korean, english = failure.describe("ko"), failure.describe("en")
    assert "EGW00133" in korean and "1분에 한 번" in korean and "다시 발급" in korean
    assert "EGW00133" in english and "once a minute" in english and "HTTP 403" in english
    lost = classify(ORDER, AnswerLost(mishap=Mishap.READ_TIMEOUT))
    assert isinstance(lost, Failure)
    assert "다시 보내지 말고" in lost.describe("ko") and "Do not send it again" in lost.describe("en")


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_a_meaning_and_a_next_step_in_both_languages(code: str) -> None:
    meaning = CODES[code]
    assert all((meaning.korean, meaning.english, meaning.next_korean, meaning.next_english))


def test_families_of_codes_are_known_as_a_whole() -> None:
    passing = {
        code
        for number in range(10_000)
        if (one := meaning_of(code := f"OPSQ{number:04}")) and one.handling is Handling.RETRY
    }
    numbers = {*range(1, 12), *range(3001, 3005), *range(9995, 10_000), 1002} - {2}
    assert passing == {f"OPSQ{number:04}" for number in numbers}
    assert meaning_of("APBK7777") is None


def test_a_secret_in_kis_own_words_is_masked() -> None:
    failure = classify(READ, no("APBK1", text="account 50123456 key abcdef"), secrets=("50123456",))
    assert isinstance(failure, Failure)
    assert failure.text == "account *** key abcdef"


@pytest.mark.parametrize(
    ("delivery", "kind", "handling"),
    [
        (reply({"error_code": "EGW00133", "error_description": "잠시 후"}, 403), UNAVAILABLE, Handling.WAIT),
        (reply({"error_code": "EGW00103", "error_description": "AppKey"}, 403), REFUSED, Handling.STOP),
        (HTML, UNAVAILABLE, Handling.RETRY),
        (reply({}, 500), UNAVAILABLE, Handling.RETRY),
        (AnswerLost(mishap=Mishap.BROKEN), UNAVAILABLE, Handling.RETRY),
        (no("EGW00201", 500), UNAVAILABLE, Handling.SLOW_DOWN),
    ],
)
def test_calls_for_a_token_fail_in_the_same_words(delivery: Delivery, kind: FailureKind, handling: Handling) -> None:
    failure = classify_access(TOKEN, delivery)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.handling) == (kind, handling)


def test_an_answer_with_a_token_is_its_json() -> None:
    assert classify_access(TOKEN, reply({"access_token": "abc"})) == {"access_token": "abc"}


@given(st.binary(max_size=300), st.integers(100, 599))
def test_random_bytes_are_never_a_good_answer(body: bytes, status: int) -> None:
    for endpoint in (ORDER, READ):
        result = classify(endpoint, reply(body, status))
        assert isinstance(result, Failure)
        assert result.kind is (UNKNOWN if endpoint.writes else UNAVAILABLE)
        result.describe("ko").encode("utf-8")


GOOD = json.dumps(
    {"rt_cd": "1", "msg_cd": "EGW00201", "msg1": "초당", "output": {"ODNO": "1"}}, ensure_ascii=False
).encode()


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=4), st.integers(0, len(GOOD)))
def test_mutated_json_never_raises(changes: list[tuple[int, int]], cut: int) -> None:
    body = bytearray(GOOD)
    for place, value in changes:
        body[place] = value
    for content in (bytes(body), bytes(body[:cut])):
        result = classify(ORDER, reply(content, 500))
        (result.text if isinstance(result, Answer) else result.describe("en")).encode("utf-8")


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"a":NaN}', b'{"a":' + b"9" * 10_000 + b"}", b'{"a":1e999999999}', b"\xef\xbb\xbf{}", b"\x00"],
)
def test_json_that_breaks_parsers_is_read_or_refused_but_never_raises(body: bytes) -> None:
    assert read_json(body) in (None, {}) or body.startswith(b'{"a":1e')


@pytest.mark.parametrize(
    "text", ['{"rt_cd":"1","msg_cd":"\\ud800","msg1":"\\ud800"}', '{"rt_cd":true,"msg_cd":[1],"msg1":{}}']
)
def test_half_a_surrogate_pair_and_values_of_other_types_can_be_logged(text: str) -> None:
    result = classify(ORDER, reply(text.encode()))
    assert isinstance(result, Failure)
    result.describe("ko").encode("utf-8")
