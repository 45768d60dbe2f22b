"""Frames: what is written can be read, what cannot be read is said without giving anything away."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from brokers.kis.frames import (
    Acknowledgement,
    DataFrame,
    FrameError,
    NoticeCipher,
    Ping,
    SubscriptionMessage,
    format_acknowledgement,
    format_data,
    format_ping,
    format_subscription,
    outline,
    read_frame,
    read_subscription,
    records_of,
)
from brokers.kis.realtime import Record, Trade, read_records
from tests.builders_kis_stream import (
    CIPHER,
    NINE,
    NOTICES,
    RECORDS,
    TRADES,
    WORKBOOK_STATUS,
    WORKBOOK_TRADE,
    make_notice,
    make_trade,
)

ANSWER = Acknowledgement(
    tr_id="H0STCNI0",
    tr_key="htsuser1",
    return_code="0",
    message_code="OPSP0000",
    message="SUBSCRIBE SUCCESS",
    encrypted=True,
    cipher=CIPHER,
)
REQUEST = SubscriptionMessage(
    approval_key="9f2c7b1e-approval-key", tr_type="1", tr_id="H0STCNI0", tr_key="htsuser1", customer_type="P"
)
REAL_FRAMES = (
    format_data("H0STCNT0", [WORKBOOK_TRADE]),
    format_data("H0STCNT0", [WORKBOOK_TRADE[:46], WORKBOOK_TRADE[:46]]),
    format_data("H0STCNI0", [make_notice().to_fields()]),
    format_data("H0STCNI0", [make_notice().to_fields(23)], CIPHER),
    format_data("H0STMKO0", [WORKBOOK_STATUS]),
    format_ping(NINE),
    format_acknowledgement(ANSWER),
    format_subscription(REQUEST),
)


def test_workbook_trade_is_read() -> None:
    (trade,) = read_records(read_data(format_data("H0STCNT0", [WORKBOOK_TRADE])), NINE)
    assert isinstance(trade, Trade)
    assert (trade.ticker, trade.price, trade.volume, trade.cumulative_volume) == ("005930", 71_900, 1, 3_052_507)
    assert (trade.previous_close, trade.trading_strength, trade.market_code) == (72_000, 84.9, "2")
    assert trade.time.isoformat() == "2023-06-12T09:33:54+09:00"


@pytest.mark.parametrize("length", [46, 47, 48])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_several_records_of_any_known_layout_share_a_frame(length: int, count: int) -> None:
    row = [*WORKBOOK_TRADE, "added later"][:length]
    trades = read_records(read_data(format_data("H0STCNT0", [row] * count)), NINE)
    assert len(trades) == count
    assert {trade.market_code for trade in trades if isinstance(trade, Trade)} == {"2" if length > 46 else ""}


@pytest.mark.parametrize("length", [23, 26])
@given(notices=st.lists(NOTICES, min_size=1, max_size=4))
def test_encrypted_notices_come_back(length: int, notices: list) -> None:
    rows = [notice.to_fields(length) for notice in notices]
    frame = read_data(format_data("H0STCNI0", rows, CIPHER))
    assert frame.encrypted
    assert records_of(frame, CIPHER) == rows


def test_another_key_reads_nothing() -> None:
    frame = read_data(format_data("H0STCNI0", [make_notice().to_fields()], CIPHER))
    with pytest.raises(FrameError):
        read_records(frame, NINE, NoticeCipher("x" * 32, "y" * 16))
    with pytest.raises(FrameError, match="no answer has brought the key"):
        read_records(frame, NINE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0|H0STCNT0|001|" + "^".join(WORKBOOK_TRADE[:45]), "45 fields, not 46 or 47"),
        ("0|H0STCNT0|002|" + "^".join(WORKBOOK_TRADE), "47 fields are not 2 records"),
        ("0|H0STCNT0|000|" + "^".join(WORKBOOK_TRADE), "count is not a number from 001 to 999"),
        ("0|H0STCNT0|٣|" + "^".join(WORKBOOK_TRADE), "count is not a number"),
        ("0|H0STCNT0", "2 of the 4 parts"),
        ("0|H0ZZZZZ0|001|1", "no such message"),
        ("00|H0STCNT0|001|1", "flag"),
        ("1|H0STCNI0|001|Zm9v", "cannot be decrypted"),
        ("", "neither a data frame nor a JSON object"),
        ("[1]", "neither a data frame nor a JSON object"),
        ('{"header":{"tr_id":"H0STCNT0"}}', 'no block "body"'),
        ('{"header":{"tr_id":5},"body":{}}', '"tr_id" is missing or no text'),
        ("{" * 100_000, "neither a data frame nor a JSON object"),
        ('{"header":{"tr_id":"a"},"body":{"rt_cd":"0","output":{"key":"short","iv":"short"}}}', "5 and 5 bytes"),
    ],
)
def test_a_broken_frame_says_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(FrameError, match=words):
        read_all(text.encode())


def test_bytes_that_are_no_text_are_a_frame_error() -> None:
    with pytest.raises(FrameError, match="byte 14 is not UTF-8"):
        read_frame(b"0|H0STCNT0|001\xff|005930")


@pytest.mark.parametrize(
    ("index", "value", "field"),
    [
        (0, "", "MKSC_SHRN_ISCD"),
        (1, "093360", "STCK_CNTG_HOUR"),
        (1, "", "STCK_CNTG_HOUR"),
        (2, "71,900", "STCK_PRPR"),
        (2, "7_1900", "STCK_PRPR"),
        (2, "٣", "STCK_PRPR"),
        (12, "-1", "CNTG_VOL"),
        (13, "9" * 30, "ACML_VOL"),
        (13, "9" * 5000, "ACML_VOL"),
        (18, "nan", "CTTR"),
        (33, "20231301", "BSOP_DATE"),
    ],
)
def test_a_wrong_field_is_named(index: int, value: str, field: str) -> None:
    row = list(WORKBOOK_TRADE)
    row[index] = value
    with pytest.raises(FrameError, match=f"H0STCNT0, field {field}:"):
        read_records(read_data(format_data("H0STCNT0", [row])), NINE)


def test_a_blank_that_may_be_blank_is_none_or_zero() -> None:
    row = list(WORKBOOK_TRADE)
    row[4] = row[10] = row[18] = ""
    (trade,) = read_records(read_data(format_data("H0STCNT0", [row])), NINE)
    assert isinstance(trade, Trade)
    assert (trade.previous_close, trade.ask, trade.trading_strength) == (None, 0, None)


def test_answers_pings_and_requests_come_back() -> None:
    assert read_frame(format_acknowledgement(ANSWER)) == ANSWER
    ping = read_frame(format_ping(NINE))
    assert isinstance(ping, Ping)
    assert json.loads(ping.text)["header"]["datetime"] == "20261123090000"
    assert read_subscription(format_subscription(REQUEST)) == REQUEST


def test_no_secret_is_shown() -> None:
    secrets = ("k" * 32, "v" * 16, "9f2c7b1e", "htsuser1", "1234567801", "홍길동")
    shown = [repr(CIPHER), repr(ANSWER), repr(REQUEST), repr(make_notice()), str(make_notice())]
    shown.append(repr(read_frame(format_data("H0STCNI0", [make_notice().to_fields()]))))
    for frame in REAL_FRAMES:
        for start in range(0, len(frame), 3):
            try:
                read_all(frame[start:].encode())
            except FrameError as error:
                shown += [str(error), repr(error), error.outline, repr(error.__context__)]
    assert not [text for text in shown for secret in secrets if secret in text]


def test_a_separator_inside_a_value_is_not_sent() -> None:
    with pytest.raises(FrameError, match="separator"):
        format_data("H0STCNI0", [make_notice(name="a^b").to_fields()])


@given(records=st.lists(TRADES, min_size=1, max_size=5))
def test_formatting_and_reading_are_inverse(records: list[Trade]) -> None:
    assume(len({record.tr_id for record in records}) == 1)
    rows = [record.to_fields() for record in records]
    assert records_of(read_data(format_data(records[0].tr_id, rows))) == rows


@given(data=st.binary(max_size=400))
def test_random_bytes_raise_frame_errors_only(data: bytes) -> None:
    read_all(data, may_fail=True)


@given(
    header=st.sampled_from(["0|H0STCNT0|001|", "0|H0STASP0|002|", "1|H0STCNI9|001|", "0|H0UPCNT0|001|", "0|"]),
    values=st.lists(st.text(max_size=8), max_size=70),
)
def test_random_fields_raise_frame_errors_only(header: str, values: list[str]) -> None:
    read_all((header + "^".join(values)).encode("utf-8", "surrogatepass"), may_fail=True)


@given(record=RECORDS, encrypted=st.booleans(), data=st.data())
def test_mutated_frames_raise_frame_errors_only(record: Record, encrypted: bool, data: st.DataObject) -> None:
    frame = format_data(record.tr_id, [record.to_fields()], CIPHER if encrypted else None)
    read_all(mutated(frame.encode(), data), may_fail=True)


@given(frame=st.sampled_from(REAL_FRAMES), data=st.data())
def test_mutated_json_raises_frame_errors_only(frame: str, data: st.DataObject) -> None:
    read_all(mutated(frame.encode(), data), may_fail=True)


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=6),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["header", "body", "input", "output", "tr_id", "rt_cd", "key", "iv"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_raises_frame_errors_only(value: object) -> None:
    read_all(json.dumps(value).encode(), may_fail=True)


def test_the_outline_keeps_the_form_only() -> None:
    assert outline(b'{"key":"Zq8"}\xed\x95\x9c') == '{"aaa":"aa0"}???'
    assert outline("a" * 60) == "a" * 48 + "…"


def test_a_trade_of_the_unified_stream_never_reads_a_market_code() -> None:
    trade = make_trade(tr_id="H0UNCNT0")
    frame = format_data("H0UNCNT0", [[*trade.to_fields(), "3"]])
    assert read_records(read_data(frame), NINE) == [trade]


def read_data(text: str) -> DataFrame:
    frame = read_frame(text)
    assert isinstance(frame, DataFrame)
    return frame


def read_all(data: bytes, may_fail: bool = False) -> None:
    """Everything that reads: the frame, its records, and the side of the server."""
    for read in (lambda: frame_and_records(data), lambda: read_subscription(data)):
        try:
            read()
        except FrameError:
            if not may_fail:
                raise


def frame_and_records(data: bytes) -> None:
    frame = read_frame(data)
    if isinstance(frame, DataFrame):
        read_records(frame, NINE, CIPHER)


def mutated(frame: bytes, data: st.DataObject) -> bytes:
    """The frame with a piece cut out, overwritten or repeated."""
    start = data.draw(st.integers(0, len(frame)))
    end = data.draw(st.integers(start, len(frame)))
    middle = data.draw(st.binary(max_size=12) | st.just(frame[start:end] * 2) | st.sampled_from([b"^", b"|", b'"']))
    return frame[:start] + middle + frame[end:]
