"""Typed records: the wire and back, the day of a time, and what the codes mean."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given

from brokers.kis.frames import FrameError
from brokers.kis.notice import Notice
from brokers.kis.realtime import Book, IndexTick, MarketState, Record, Trade
from brokers.kis.realtime_fields import TABLES
from engine.clock import KST
from engine.events import Phase
from engine.order import Side
from tests.builders_kis_stream import (
    NINE,
    NOTICES,
    RECORDS,
    WORKBOOK_STATUS,
    WORKBOOK_TRADE,
    make_book,
    make_fill,
    make_notice,
    make_trade,
)

ANSWERS = Path(__file__).parents[2] / "answers" / "kis_realtime_fields.csv"


def test_tables_are_those_of_the_official_samples() -> None:
    with ANSWERS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    listed: dict[str, list[str]] = {}
    for row in rows:
        assert int(row["index"]) == len(listed.setdefault(row["tr_id"], []))
        listed[row["tr_id"]].append(row["name"])
    assert len(listed) == 10
    for tr_id, names in listed.items():
        assert TABLES[tr_id].fields == tuple(names)
    assert TABLES["H0STCNI9"].fields == TABLES["H0STCNI0"].fields


def test_layouts_are_found_by_length() -> None:
    assert TABLES["H0STCNT0"].lengths == (46, 47)
    assert TABLES["H0STCNI0"].lengths == (23, 26)
    names = TABLES["H0STCNI0"].layout(23)
    assert names is not None
    assert names[18:] == ("CNTG_ISNM", "CRDT_CLS", "CRDT_LOAN_DATE", "CNTG_ISNM40", "ODER_PRC")
    assert TABLES["H0STCNI0"].layout(25) is None
    assert TABLES["H0STCNT0"].layout(50) == TABLES["H0STCNT0"].fields


@given(record=RECORDS)
def test_writing_and_reading_a_record_gives_it_back(record: Record) -> None:
    assert type(record).from_fields(record.tr_id, record.to_fields(), record.received_at) == record


@given(notice=NOTICES)
def test_the_older_notice_loses_only_what_it_has_no_field_for(notice: Notice) -> None:
    back = Notice.from_fields(notice.tr_id, notice.to_fields(23), notice.received_at)
    assert (back.stop_price, back.exchange_code) == (0, "")
    lost = ("stop_price", "exchange_code")
    for name in Notice.__slots__:
        assert name in lost or getattr(back, name) == getattr(notice, name)


def test_a_layout_that_does_not_exist_is_not_written() -> None:
    with pytest.raises(FrameError, match="no layout has 24 fields"):
        make_notice().to_fields(24)


def test_fields_that_a_record_does_not_hold_can_be_given() -> None:
    row = make_trade().to_fields(46, others={"PRDY_VRSS_SIGN": "1", "SELN_CNTG_CSNU": "77"})
    assert (len(row), row[3], row[15]) == (46, "1", "77")


def test_the_workbook_trade_is_written_as_it_was_read_where_the_record_knows() -> None:
    trade = Trade.from_fields("H0STCNT0", WORKBOOK_TRADE, NINE)
    written = trade.to_fields()
    # Counts of trades, rates against other days and times of extremes are not in the record.
    absent = {15, 16, 17, 22, 23, 24, 27, 30, 34, 40, 41, 42}
    assert {index for index in range(47) if written[index] != WORKBOOK_TRADE[index]} <= absent


@pytest.mark.parametrize(
    ("sign", "change", "previous_close"),
    [("5", "-100", 72_000), ("5", "100", 72_000), ("2", "100", 71_800), ("3", "0", 71_900), ("4", "-30800", 102_700)],
)
def test_the_sign_code_decides_the_direction(sign: str, change: str, previous_close: int) -> None:
    row = list(WORKBOOK_TRADE)
    row[3], row[4] = sign, change
    assert Trade.from_fields("H0STCNT0", row, NINE).previous_close == previous_close


@pytest.mark.parametrize(("code", "side"), [("1", Side.BUY), ("5", Side.SELL), ("3", None), ("", None)])
def test_the_taker_is_told_by_code(code: str, side: Side | None) -> None:
    row = list(WORKBOOK_TRADE)
    row[21] = code
    assert Trade.from_fields("H0STCNT0", row, NINE).side is side


@pytest.mark.parametrize(
    ("received", "time", "day"),
    [
        ("2026-11-24T00:00:01", "235959", 23),
        ("2026-11-23T23:59:59", "000001", 24),
        ("2026-11-23T09:00:00", "085959", 23),
        ("2026-11-23T15:30:00", "080000", 23),
        ("2026-11-23T08:00:00", "195959", 23),
    ],
)
def test_a_time_without_a_day_takes_the_nearest(received: str, time: str, day: int) -> None:
    received_at = datetime.fromisoformat(received).replace(tzinfo=KST)
    row = make_book().to_fields(others={"BSOP_HOUR": time})
    row[1] = time
    at = Book.from_fields("H0STASP0", row, received_at).time
    assert (at.day, at.strftime("%H%M%S")) == (day, time)
    assert abs(at - received_at) <= timedelta(hours=12)


def test_a_trade_keeps_the_day_that_it_names() -> None:
    trade = make_trade(time=NINE - timedelta(days=3))
    assert Trade.from_fields(trade.tr_id, trade.to_fields(), NINE).time == NINE - timedelta(days=3)


def test_market_status_of_the_workbook_has_ten_fields() -> None:
    state = MarketState.from_fields("H0STMKO0", WORKBOOK_STATUS, NINE)
    assert state == MarketState("H0STMKO0", "396300", NINE, expected_code="311", issue_code="55")
    assert state.phase is None


@pytest.mark.parametrize(
    ("change", "phase"),
    [
        ({"code": "112"}, Phase.CONTINUOUS),
        ({"code": "174"}, Phase.CIRCUIT_BREAKER),
        ({"interrupted": True, "code": "112"}, Phase.VOLATILITY_INTERRUPTION),
        ({"halted": True, "interrupted": True}, Phase.HALTED),
        ({"code": "F05"}, None),
    ],
)
def test_the_phase_is_told_where_the_code_tells_it(change: dict, phase: Phase | None) -> None:
    assert MarketState("H0STMKO0", "005930", NINE, **change).phase is phase


def test_limit_up_names_count_as_advancers() -> None:
    tick = IndexTick("H0UPCNT0", "0001", NINE, NINE, 2750.35, -10.2)
    row = tick.to_fields(others={"UPLM_ISSU_CNT": "3", "ASCN_ISSU_CNT": "400", "LSLM_ISSU_CNT": "1"})
    assert IndexTick.from_fields("H0UPCNT0", row, NINE).advancers == 403
    assert IndexTick.from_fields("H0UPCNT0", row, NINE).change == -10.2


@pytest.mark.parametrize(
    ("name", "value"),
    [("ODER_NO", ""), ("ODER_NO", "12a"), ("SELN_BYOV_CLS", "03"), ("CNTG_YN", ""), ("RCTF_CLS", "9")],
)
def test_a_notice_whose_codes_are_unknown_is_not_read(name: str, value: str) -> None:
    with pytest.raises(FrameError, match=f"field {name}:"):
        Notice.from_fields("H0STCNI0", make_fill(1).to_fields(others={name: value}), NINE)


def test_padded_numbers_of_a_notice_are_read() -> None:
    others = {"CNTG_QTY": "0000000007", "CNTG_UNPR": "000071900", "OODER_NO": "0000000000"}
    notice = Notice.from_fields("H0STCNI0", make_fill(1).to_fields(others=others), NINE)
    assert (notice.quantity, notice.price, notice.original, notice.number) == (7, 71_900, None, 117_057)
