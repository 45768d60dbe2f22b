"""The table of calls against the official samples, and how requests are filled and read."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from brokers.kis.answer import Answer, answer_body
from brokers.kis.endpoint import Area, Shape
from brokers.kis.endpoints import ENDPOINTS, LIVE_QUOTATION_IDS, find
from brokers.kis.errors import BadAnswer
from brokers.kis.messages import AssetRow, BalanceRow, BalanceTotals, CandleRow, ChartHead, OrderAnswer
from brokers.kis.order_kinds import ORDER_KINDS
from engine.errors import BadInput, BrokenInvariant

TABLE = Path(__file__).parents[2] / "answers" / "kis_calls.csv"
ROWS = list(csv.DictReader(line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")))
ACCOUNT_VALUES = {"CANO": "12345678", "ACNT_PRDT_CD": "01"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['name']} {row['variant']}".strip())
def test_paths_and_tr_ids_are_those_of_the_official_samples(row: dict[str, str]) -> None:
    call = ENDPOINTS[row["name"]]
    ids = call.tr[row["variant"]]
    assert (call.method, call.path) == (row["method"], row["path"])
    assert (ids.live, ids.paper, ids.live_legacy, ids.paper_legacy) == (
        row["live"],
        row["paper"],
        row["live_legacy"],
        row["paper_legacy"],
    )


def test_the_table_has_every_call_and_no_other() -> None:
    assert {row["name"] for row in ROWS} == {name for name, call in ENDPOINTS.items() if call.area is not Area.ACCESS}


def test_only_orders_write_and_every_order_writes() -> None:
    assert [name for name, call in ENDPOINTS.items() if call.writes] == ["order_cash", "order_rvsecncl"]


def test_no_id_of_an_account_is_on_the_list_that_paper_may_ask_live() -> None:
    account = {tr for call in ENDPOINTS.values() if call.area is Area.ACCOUNT for tr in call.known_ids("live")}
    assert not account & LIVE_QUOTATION_IDS
    quotations = {tr for call in ENDPOINTS.values() if call.area is Area.QUOTATION for tr in call.known_ids("live")}
    assert quotations == LIVE_QUOTATION_IDS


def test_the_side_is_in_the_tr_id_and_an_older_id_is_chosen_by_option() -> None:
    call = ENDPOINTS["order_cash"]
    assert call.tr_id("live", "buy") == "TTTC0012U" and call.tr_id("live", "sell") == "TTTC0011U"
    assert call.tr_id("paper", "buy", legacy=True) == "VTTC0802U"
    assert ENDPOINTS["inquire_balance"].tr_id("paper", legacy=True) == "VTTC8434R"
    with pytest.raises(BadInput, match="say 'sell' or 'buy'"):
        call.tr_id("live")


def test_a_request_is_filled_with_defaults_and_nothing_unknown_passes() -> None:
    call = ENDPOINTS["order_cash"]
    order = {**ACCOUNT_VALUES, "PDNO": "005930", "ORD_DVSN": "00", "ORD_QTY": "1", "ORD_UNPR": "71000"}
    assert call.fill(order) == {**order, "EXCG_ID_DVSN_CD": "KRX"}
    with pytest.raises(BadInput, match="needs ORD_QTY"):
        call.fill({name: value for name, value in order.items() if name != "ORD_QTY"})
    with pytest.raises(BadInput, match="no parameter odno"):
        call.fill({**order, "odno": "1"})
    with pytest.raises(BadInput, match="ORD_DVSN = '02'"):
        call.fill({**order, "ORD_DVSN": "02"})


def test_order_kinds_are_the_supported_ones_and_say_whether_they_have_a_price() -> None:
    assert sorted(ORDER_KINDS) == ["00", "01", "03", "04", "11", "12", "13", "14", "15", "16", "22"]
    assert [code for code, kind in ORDER_KINDS.items() if kind.has_price] == ["00", "11", "12", "22"]
    assert ORDER_KINDS["00"].english == "limit" and ORDER_KINDS["01"].english == "market"
    assert [code for code, kind in ORDER_KINDS.items() if not kind.rests] == ["11", "12", "13", "14", "15", "16"]


def test_a_server_reads_names_in_any_case_and_absent_options_as_blank() -> None:
    call = ENDPOINTS["inquire_price"]
    assert call.accept({"fid_cond_mrkt_div_code": "J", "fid_input_iscd": "005930 "})["FID_INPUT_ISCD"] == "005930"
    with pytest.raises(BadInput, match="needs FID_INPUT_ISCD"):
        call.accept({"FID_COND_MRKT_DIV_CODE": "J"})
    many = ENDPOINTS["intstock_multprice"]
    read = many.accept({"FID_COND_MRKT_DIV_CODE_1": "J", "FID_INPUT_ISCD_1": "005930"})
    assert read["FID_INPUT_ISCD_1"] == "005930" and read["FID_INPUT_ISCD_30"] == "" and len(read) == 60


@pytest.mark.parametrize(
    ("tr_id", "environment", "expected"),
    [
        ("TTTC0012U", "live", ("order_cash", "buy", False)),
        ("TTTC0801U", "live", ("order_cash", "sell", True)),
        ("VTTC0802U", "paper", ("order_cash", "buy", True)),
        ("TTTC0012U", "paper", None),
        ("VTTC0012U", "live", None),
        ("TTTC0013U", "live", None),
    ],
)
def test_a_call_is_found_by_path_and_tr_id(
    tr_id: str, environment: str, expected: tuple[str, str, bool] | None
) -> None:
    found = find("/uapi/domestic-stock/v1/trading/order-cash", tr_id, environment)  # type: ignore[arg-type]
    assert (found and (found.endpoint.name, found.variant, found.legacy)) == expected


def totals(**changes: int) -> BalanceTotals:
    names = ("deposit", "deposit_d1", "deposit_d2", "stock_value", "total_value", "net_assets")
    return BalanceTotals(**{**dict.fromkeys(names, 1_000_000), **changes})


def holding(quantity: int = 10) -> BalanceRow:
    return BalanceRow(ticker="005930", quantity=quantity, sellable=quantity, cost=719_000)


def answered(name: str, body: dict[str, object], tr_cont: str = "") -> Answer:
    return Answer(endpoint=ENDPOINTS[name], code=str(body.get("msg_cd", "")), text="", body=body, tr_cont=tr_cont)


def test_what_the_server_writes_the_adapter_reads() -> None:
    call = ENDPOINTS["inquire_balance"]
    body = answer_body(call, {"output1": [holding(), holding(0)], "output2": [totals()]})
    answer = answered("inquire_balance", body)
    assert answer.rows(BalanceRow) == (holding(), holding(0))
    assert answer.one(BalanceTotals) == totals()
    rows = body["output1"]
    assert isinstance(rows, list) and set(rows[0]) == set(call.blocks[0].names)
    assert body["ctx_area_nk100"] == " " * 100 and body["ctx_area_fk100"] == " " * 100


@pytest.mark.parametrize("name", [name for name, call in ENDPOINTS.items() if call.blocks])
def test_every_block_can_be_served_empty_and_is_read_as_empty(name: str) -> None:
    answer = answered(name, answer_body(ENDPOINTS[name], {}))
    for block in ENDPOINTS[name].blocks:
        assert len(set(block.names)) == len(block.names)
        if block.shape is Shape.ROWS:
            assert answer.rows(block.record) == ()
        else:
            assert answer.maybe(block.record) is None
            with pytest.raises(BadAnswer, match=f"{name} {block.name}"):
                answer.one(block.record)


@pytest.mark.parametrize(
    "empty", [{}, {"output1": []}, {"output1": {}}, {"output1": ""}, {"output1": None}, {"output1": [{"pdno": " "}]}]
)
def test_an_empty_list_comes_in_many_forms(empty: dict[str, object]) -> None:
    assert answered("inquire_balance", empty).rows(BalanceRow) == ()


@pytest.mark.parametrize("broken", ["text", 7, [7], [[]], ["x"]])
def test_a_list_of_something_else_is_an_error_and_not_an_empty_list(broken: object) -> None:
    with pytest.raises(BadAnswer, match="inquire_balance output1"):
        answered("inquire_balance", {"output1": broken}).rows(BalanceRow)


def test_one_row_may_come_bare_or_in_a_list_but_not_twice() -> None:
    (row,) = answer_body(ENDPOINTS["inquire_balance"], {"output2": totals()})["output2"]  # type: ignore[misc]
    for given in (row, [row]):
        assert answered("inquire_balance", {"OUTPUT2": given}).one(BalanceTotals) == totals()
    with pytest.raises(BadAnswer, match="one row"):
        answered("inquire_balance", {"output2": [row, row]}).one(BalanceTotals)


def test_rows_of_a_chart_without_a_day_are_no_bars_but_other_rows_need_their_key() -> None:
    bar = {
        "stck_bsop_date": "",
        "stck_clpr": "0",
        "stck_oprc": "0",
        "stck_hgpr": "0",
        "stck_lwpr": "0",
        "acml_vol": "0",
    }
    answer = answered("inquire_daily_itemchartprice", {"output2": [bar], "output1": {}})
    assert answer.rows(CandleRow) == () and answer.maybe(ChartHead) is None
    with pytest.raises(BadAnswer, match="pdno"):
        answered("inquire_balance", {"output1": [{"pdno": "", "hldg_qty": "5"}]}).rows(BalanceRow)


def test_blank_rows_count_where_rows_are_told_apart_by_their_place() -> None:
    rows = answered("inquire_account_balance", {"output1": [{"pchs_amt": ""}, {"pchs_amt": "5"}]}).rows(AssetRow)
    assert [row.cost for row in rows] == [None, 5]


def test_more_pages_are_told_by_the_header_or_where_it_is_empty_by_the_code() -> None:
    assert [answered("inquire_balance", {}, mark).more for mark in ("F", "M", "D", "E", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert answered("inquire_balance", {"msg_cd": "KIOK0500"}).more
    assert not answered("inquire_balance", {"msg_cd": "KIOK0500"}, "D").more
    body = {"ctx_area_fk100": "12345678^01".ljust(100), "CTX_AREA_NK100": "KEY ".ljust(100)}
    assert answered("inquire_balance", body).next_page() == {"CTX_AREA_FK100": "12345678^01", "CTX_AREA_NK100": "KEY"}


def test_a_record_in_the_wrong_block_is_stopped() -> None:
    with pytest.raises(BrokenInvariant, match="holds BalanceRow"):
        answer_body(ENDPOINTS["inquire_balance"], {"output1": [totals()]})
    with pytest.raises(BrokenInvariant, match="no block output9"):
        answer_body(ENDPOINTS["inquire_balance"], {"output9": []})
    with pytest.raises(BrokenInvariant, match="does not answer OrderAnswer"):
        answered("inquire_balance", {}).rows(OrderAnswer)


def test_the_account_number_in_a_body_is_not_shown() -> None:
    assert "12345678" not in repr(answered("inquire_balance", {"ctx_area_fk100": "12345678^01"}))
