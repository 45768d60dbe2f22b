"""Records of the wire: reading is the inverse of writing, lenient in form, strict in money."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.kis import messages
from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.errors import BadAnswer, KisError
from brokers.kis.messages import BalanceRow, CandleRow, DailyOrderRow, OrderAnswer, OrderBook, number_key, short_ticker
from brokers.kis.wire import Record, columns, is_blank, read, to_wire, wire_names

RECORDS = sorted({block.record for call in ENDPOINTS.values() for block in call.blocks}, key=lambda one: one.__name__)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).map(str.strip).filter(bool)


def values(kind: type, places: int | None) -> st.SearchStrategy[Any]:
    if kind is int:
        return st.integers(-(10**15), 10**15)
    if kind is Decimal:
        return st.decimals(-(10**9), 10**9, places=8 if places is None else places)
    if kind is bool:
        return st.booleans()
    if kind is dt.date:
        return st.dates(dt.date(1, 1, 1))
    if kind is dt.time:
        return st.times().map(lambda time: time.replace(microsecond=0))
    return TEXT


@st.composite
def records(draw: st.DrawFn) -> Record:
    record = draw(st.sampled_from(RECORDS))
    drawn: dict[str, Any] = {}
    for column in columns(record):
        one = values(column.type, column.wire.places)
        if column.wire.count:
            size = column.wire.count
            drawn[column.attribute] = tuple(draw(st.lists(one, min_size=size, max_size=size)))
        else:
            drawn[column.attribute] = draw(one if column.required else one | st.just(column.default))
    return record(**drawn)


@given(records())
def test_reading_is_the_inverse_of_writing(record: Record) -> None:
    row = to_wire(record)
    assert tuple(row) == wire_names(type(record))
    assert all(isinstance(value, str) for value in row.values())
    assert read(type(record), row, "test") == record


@given(records(), st.integers(0, 90))
def test_case_and_padding_do_not_matter(record: Record, padding: int) -> None:
    row = {name.swapcase(): value + " " * padding for name, value in to_wire(record).items()}
    assert read(type(record), {**row, "a_new_field": "7"}, "test") == record


@given(st.sampled_from(RECORDS), st.data())
def test_mutated_rows_raise_only_the_parsers_own_error(record: type[Record], data: st.DataObject) -> None:
    row = data.draw(st.dictionaries(st.sampled_from(wire_names(record)), JSON | st.text(max_size=40)))
    try:
        read(record, row, "test")
    except BadAnswer as error:
        assert "test" in str(error)
        str(error).encode("utf-8")


def balance(**changes: object) -> dict[str, object]:
    return {"pdno": "005930", "hldg_qty": "10", "ord_psbl_qty": "10", "pchs_amt": "719000", **changes}


@pytest.mark.parametrize("money", [None, "", "   ", "1,000", "７", "1_000", "abc", "1.5", [], True, 1.0, "9" * 40])
def test_money_that_is_missing_or_unclear_is_an_error_that_names_it(money: object) -> None:
    with pytest.raises(BadAnswer, match="inquire_balance output1 row 2, field pchs_amt") as caught:
        read(BalanceRow, balance(pchs_amt=money), "inquire_balance output1 row 2")
    assert "whole number" in str(caught.value)
    assert caught.value.field == "pchs_amt"


@pytest.mark.parametrize(
    ("money", "won"), [("719000", 719_000), ("719000.0000", 719_000), ("-5", -5), (719_000, 719_000)]
)
def test_money_that_is_clear_is_read(money: object, won: int) -> None:
    assert read(BalanceRow, balance(pchs_amt=money), "test").cost == won


def test_what_is_absent_is_none_and_not_zero() -> None:
    row = read(BalanceRow, balance(prpr=" "), "test")
    assert row.price is None and row.average_price is None and row.loan_date is None and row.name == ""


def test_an_average_keeps_its_four_decimals() -> None:
    row = read(BalanceRow, balance(pchs_avg_pric="71900.1250"), "test")
    assert row.average_price == Decimal("71900.125")
    assert to_wire(row)["pchs_avg_pric"] == "71900.1250"


def test_order_answers_have_upper_case_keys() -> None:
    assert to_wire(OrderAnswer(order_number="0000117057", branch="91252")) == {
        "KRX_FWDG_ORD_ORGNO": "91252",
        "ODNO": "0000117057",
        "ORD_TMD": "",
    }
    lower = read(OrderAnswer, {"odno": "5612", "krx_fwdg_ord_orgno": "00950", "ord_tmd": "101138"}, "test")
    assert (lower.order_number, lower.order_time) == ("5612", dt.time(10, 11, 38))


def test_a_misspelt_name_of_the_official_sample_is_understood() -> None:
    row = dict.fromkeys(wire_names(DailyOrderRow), "1") | {
        "ord_dt": "20261123",
        "ord_tmd": "090000",
        "infm_tmd": "",
        "loan_dt": "",
        "cncl_yn": "n",
    }
    row["cnc_cfrm_qty"] = row.pop("cncl_cfrm_qty")
    assert read(DailyOrderRow, row, "test").cancelled_quantity == 1


def test_levels_of_the_book_that_are_empty_are_zero() -> None:
    book = read(OrderBook, {"askp1": "71000", "bidp1": ""}, "test")
    assert book.asks == (71_000,) + (0,) * 9 and book.bids == (0,) * 10


@pytest.mark.parametrize("day", ["20260230", "2026-1-1", "260101", "00000000", "0", ""])
def test_a_bar_needs_its_day(day: str) -> None:
    row = {
        "stck_bsop_date": day,
        "stck_clpr": "1",
        "stck_oprc": "1",
        "stck_hgpr": "1",
        "stck_lwpr": "1",
        "acml_vol": "1",
    }
    with pytest.raises(BadAnswer, match="stck_bsop_date"):
        read(CandleRow, row, "test")


@given(JSON)
def test_only_an_object_is_a_row(row: object) -> None:
    is_blank(row)
    if not isinstance(row, dict):
        with pytest.raises(BadAnswer):
            read(OrderAnswer, row, "test")


def test_order_numbers_are_compared_without_their_padding() -> None:
    assert number_key("0000005612 ") == number_key("5612")
    for wrong in ("", "12a", "-1", "１２"):
        with pytest.raises(BadAnswer):
            number_key(wrong)


def test_product_codes_of_realised_profits_give_the_ticker() -> None:
    assert [short_ticker(code) for code in ("00000A005930", "005930", "0000J0")] == ["005930", "005930", "0000J0"]


def test_an_error_does_not_show_a_key_that_stands_in_a_field() -> None:
    with pytest.raises(KisError) as caught:
        read(BalanceRow, balance(hldg_qty="Bearer eyJabcdefgh.abcdefgh.abcdefgh"), "test")
    assert "eyJ" not in str(caught.value)


def test_every_record_is_to_be_had_from_messages() -> None:
    assert {record.__name__ for record in RECORDS} <= set(messages.__all__)
    assert all(hasattr(messages, name) for name in messages.__all__)
    json.dumps([wire_names(record) for record in RECORDS])
