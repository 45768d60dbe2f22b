"""No secret reaches a log, whatever its field, shape or place."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.log import MASK, make_logger, redact, redact_text
from tests.builders_ledger import make_clock

APP_KEY = "PSabcdefghijklmnopqrstuvwxyz01234567"
APP_SECRET = "q1W+e2R/" * 22 + "aB3="
TOKEN = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzUxMiJ9.eyJzdWIiOiJ0b2tlbiJ9.q0w9e8r7t6y5"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"POST /oauth2/tokenP appkey={APP_KEY}", APP_KEY),
        (f"sent {APP_KEY} to the host", APP_KEY),
        (f'{{"appsecret": "{APP_SECRET}"}}', APP_SECRET),
        (f"long value {APP_SECRET}", APP_SECRET),
        (f"authorization: Bearer {TOKEN}", TOKEN),
        (f"token {TOKEN} expired", TOKEN),
        ("balance of 12345678-01 read", "12345678"),
        ("OpenAI key sk-proj-abcdefghijklmnop1234", "sk-proj-abcdefghijklmnop1234"),
        ("bot 123456789:AAF1234567890abcdefghijklmnopqrstu", "AAF1234567890abcdefghijklmnopqrstu"),
        ("https://hooks.slack.com/services/T000/B000/XXXX", "T000/B000/XXXX"),
        ("smtps://geoul:hunter22@mail.example.com", "hunter22"),
        ("password=correct-horse", "correct-horse"),
    ],
)
def test_secrets_are_found_by_their_shape(text: str, secret: str) -> None:
    assert secret not in redact_text(text)
    assert MASK in redact_text(text)


@pytest.mark.parametrize(
    "name",
    [
        "appkey",
        "app_key",
        "APPSECRET",
        "app-secret",
        "token",
        "access_token",
        "authorization",
        "Authorization",
        "approval_key",
        "password",
        "api_key",
        "my_app",
        "my_sec",
        "paper_app",
        "paper_sec",
        "hts_id",
        "my_htsid",
        "key",
        "iv",
        "IV",
    ],
)
def test_secrets_are_found_by_the_name_of_their_field(name: str) -> None:
    assert redact({"outer": [{name: "plain words"}]}) == {"outer": [{name: MASK}]}


def test_the_key_that_kis_sends_for_notices_is_masked_and_what_is_beside_it_stays() -> None:
    answer = {"header": {"tr_id": "H0STCNI0"}, "body": {"msg_cd": "OPSP0000", "output": {"key": "k" * 32, "iv": "v"}}}
    assert logged(answer=answer)["answer"] == {
        "header": {"tr_id": "H0STCNI0"},
        "body": {"msg_cd": "OPSP0000", "output": {"key": MASK, "iv": MASK}},
    }


@pytest.mark.parametrize("name", ["CANO", "cano", "account_number", "acct_no", "my_acct_stock"])
@pytest.mark.parametrize("value", ["12345678", 12345678])
def test_account_numbers_keep_only_their_last_two_digits(name: str, value: object) -> None:
    assert redact({name: value}) == {name: f"{MASK}78"}


@pytest.mark.parametrize(
    "harmless",
    [
        "매수 005930 10주 @ 70,000원",
        "order 0000117057 accepted at 2024-05-02T09:00:00.000000+09:00",
        "hash 5e2d" + "ab" * 28,
        "volume 12345678 of 33626K",
        "2024-05-02 09:00",
    ],
)
def test_ordinary_entries_stay_as_they_are(harmless: str) -> None:
    assert redact_text(harmless) == harmless
    assert redact({"price": 70_000, "ticker": "005930", "note": harmless, "none": None, "on": True}) == {
        "price": 70_000,
        "ticker": "005930",
        "note": harmless,
        "none": None,
        "on": True,
    }


def logged(secrets: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    """One entry as it was written."""
    stream = io.StringIO()
    make_logger(stream, make_clock(), secrets=secrets).info("order sent", **fields)
    entry: dict[str, Any] = json.loads(stream.getvalue())
    return entry


def test_an_entry_carries_level_and_the_time_of_the_injected_clock() -> None:
    assert logged(order_id="o1") == {
        "event": "order sent",
        "level": "info",
        "order_id": "o1",
        "time": "2024-05-02T09:00:00+09:00",
    }


secrets = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=6, max_size=40)


@given(secrets, st.sampled_from(["event", "deep", "list", "bytes", "object"]))
def test_a_known_secret_is_masked_wherever_it_stands(secret: str, place: str) -> None:
    class Thing:
        def __str__(self) -> str:
            return f"Thing({secret})"

    sentence = f"a {secret} b"
    value: Any = {
        "event": sentence,
        "deep": {"a": {"b": sentence}},
        "list": [[sentence]],
        "bytes": sentence.encode(),
        "object": Thing(),
    }[place]
    entry = logged((secret,), value=value)
    # What is left must not hold it either in plain text or as JSON writes it.
    words = json.dumps(entry["value"], ensure_ascii=False).replace(MASK, "")
    assert secret not in words
    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in words


def test_a_secret_in_a_traceback_is_masked() -> None:
    stream = io.StringIO()
    logger = make_logger(stream, make_clock())
    try:
        raise ValueError(f"the host refused {TOKEN}")
    except ValueError:
        logger.exception("request failed")
    assert TOKEN not in stream.getvalue()
    assert "the host refused" in stream.getvalue()


def test_text_for_people_is_redacted_too() -> None:
    stream = io.StringIO()
    make_logger(stream, make_clock(), json=False).warning("token issued", access_token=TOKEN, cano="12345678")
    assert TOKEN not in stream.getvalue()
    assert "12345678" not in stream.getvalue()
    assert "token issued" in stream.getvalue()
