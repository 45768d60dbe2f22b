"""What a server must do that KIS programs can rely on: forms of answers, ids, numbers, paging, limits, reserves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from brokers.kis_server.server import ServerThread
from tests.builders_panel import flat, make_config, make_panel
from tests.kis_client import QUOTES, TRADING, Client, machine_clock, make_server

BARS = [(10_000, 10_200, 9_900, 10_100), (10_150, 10_500, 10_000, 10_400), (10_300, 10_600, 10_250, 10_500)]


@pytest.fixture
def server() -> Iterator[ServerThread]:
    panel = make_panel(
        {
            "005930": [*BARS, *flat(10_500, 3)],
            "000660": [*BARS, *flat(10_500, 3)],
            "000100": ["halt", "halt", *BARS, "halt"],
        }
        | {f"{number:06}": flat(1_000, 6) for number in range(900, 925)},
        index=[800, 810, 820, 830, 840, 850],
    )
    with make_server(panel, make_config()) as running:
        yield running


@pytest.fixture(params=["live", "paper"])
def client(request: pytest.FixtureRequest, server: ServerThread) -> Iterator[Client]:
    with Client(server, request.param) as found:
        yield found


def codes(answer: Any) -> tuple[str, str]:
    return answer["rt_cd"], answer["msg_cd"]


def test_headers_are_written_as_the_official_client_needs_them(client: Client) -> None:
    client.price("005930")
    names = list(client.last.raw.headers.keys())
    assert {"tr_id", "tr_cont", "gt_uid", "Content-Type", "Content-Length", "Date"} <= set(names)
    assert not [name for name in names if name.islower() and not name.isidentifier()]
    assert client.last.headers["tr_cont"] == "D"
    assert client.last.headers["Date"] == "Mon, 04 Mar 2024 09:00:00 GMT"  # the world stands at 18:00 in Seoul


def test_the_answer_to_an_order_has_upper_case_keys_and_inquiries_lower_case(client: Client) -> None:
    client.advance(until="open")
    answer = client.order("buy", "005930", 1)
    assert set(answer["output"]) == {"KRX_FWDG_ORD_ORGNO", "ODNO", "ORD_TMD"}
    assert answer["output"]["ODNO"] == ("0000000001" if client.environment == "live" else "1")
    assert answer["msg_cd"] == ("APBK0013" if client.environment == "live" else "40600000")
    assert all(name == name.lower() for name in client.balance()["output2"][0])


def test_legacy_and_present_ids_are_known_and_query_keys_have_no_case(client: Client) -> None:
    client.advance(until="open")
    body = {**client.account, "PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0"}
    assert client.post(f"{TRADING}/order-cash", client.own("TTTC0802U"), **body)["rt_cd"] == "0"
    upper = client.get(f"{QUOTES}/inquire-price", "FHKST01010100", FID_COND_MRKT_DIV_CODE="J", FID_INPUT_ISCD="005930")
    assert upper["output"] == client.price("005930")["output"]


def test_an_id_of_the_other_environment_is_refused_by_the_gateway(client: Client) -> None:
    wrong = "VTTC8434R" if client.environment == "live" else "TTTC8434R"
    answer = client.get(f"{TRADING}/inquire-balance", wrong, **client.account)
    assert client.last.status_code == 500
    assert answer["msg_cd"] == ("EGW02004" if client.environment == "live" else "EGW02006")
    holidays = client.get(f"{QUOTES}/chk-holiday", "CTCA0903R", BASS_DT="20240304", CTX_AREA_NK="", CTX_AREA_FK="")
    if client.environment == "live":
        assert [row["bass_dt"] for row in holidays["output"] if row["opnd_yn"] == "Y"][:2] == ["20240304", "20240305"]
        assert client.last.headers["tr_cont"] == "M"
    else:
        assert (client.last.status_code, holidays["msg_cd"]) == (500, "EGW02006")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"authorization": ""}, "EGW00122"),
        ({"authorization": "Basic abc"}, "EGW00205"),
        ({"authorization": "Bearer abc"}, "EGW00121"),
        ({"appsecret": "wrong"}, "EGW00105"),
        ({"appkey": ""}, "EGW00102"),
    ],
)
def test_wrong_keys_are_refused_with_their_code(client: Client, headers: dict[str, str], code: str) -> None:
    answer = client.session.get(
        f"{client.url}{TRADING}/inquire-balance",
        headers=client.headers(client.own("TTTC8434R")) | headers,
        params=client.account,
    )
    assert (answer.status_code, answer.json()["msg_cd"]) == (500, code)


def test_another_account_is_not_shown(client: Client) -> None:
    answer = client.get(f"{TRADING}/inquire-balance", client.own("TTTC8434R"), CANO="99999999", ACNT_PRDT_CD="01")
    assert codes(answer) == ("2", "OPSQ2000")
    answer = client.get(f"{TRADING}/inquire-balance", client.own("TTTC8434R"), CANO=client.number, ACNT_PRDT_CD="03")
    assert codes(answer) == ("2", "OPSQ2000")


def test_a_token_is_the_same_for_six_hours_expires_after_a_day_and_can_be_revoked() -> None:
    clock = machine_clock()
    panel = make_panel({"005930": BARS})
    with make_server(panel, make_config(), clock) as server, Client(server) as client:
        first = client.token
        clock.advance(timedelta(hours=5))
        client.log_in()
        assert client.token == first
        clock.advance(timedelta(hours=2))
        client.log_in()
        assert client.token != first
        client.token = first
        assert client.price("005930")["rt_cd"] == "0"
        clock.advance(timedelta(hours=17))
        assert client.price("005930")["msg_cd"] == "EGW00123"
        assert client.last.status_code == 500
        client.log_in()
        body = {"appkey": client.app_key, "appsecret": client.app_secret, "token": client.token}
        assert client.post_plain("/oauth2/revokeP", body)["code"] == 200
        assert client.price("005930")["msg_cd"] == "EGW00121"


def test_limits_of_calls_and_tokens_can_be_switched_on() -> None:
    clock = machine_clock()
    panel = make_panel({"005930": BARS})
    with make_server(panel, make_config(), clock, paper_calls_per_second=2, token_each_minute=True) as server:
        client = Client(server)
        client.log_in()
        assert [client.price("005930")["rt_cd"] for _ in range(2)] == ["0", "0"]
        assert client.price("005930")["msg_cd"] == "EGW00201"
        assert client.last.status_code == 500
        clock.advance(timedelta(seconds=1))
        assert client.price("005930")["rt_cd"] == "0"
        body = {"grant_type": "client_credentials", "appkey": client.app_key, "appsecret": client.app_secret}
        assert client.post_plain("/oauth2/tokenP", body)["error_code"] == "EGW00133"
        assert client.last.status_code == 403
        client.session.close()


def test_the_hash_is_made_and_ignored(client: Client) -> None:
    order = {"CANO": client.number, "PDNO": "005930"}
    answer = client.post_plain("/uapi/hashkey", order)
    assert answer["BODY"] == order
    assert len(answer["HASH"]) == 64


def test_open_orders_reserve_cash_and_shares(client: Client) -> None:
    client.advance(until="open")

    def power() -> tuple[int, int]:
        answer = client.get(
            f"{TRADING}/inquire-psbl-order", client.own("TTTC8908R"), **client.account, PDNO="005930",
            ORD_UNPR="10000", ORD_DVSN="00", CMA_EVLU_AMT_ICLD_YN="N", OVRS_ICLD_YN="N",
        )["output"]  # fmt: skip
        return int(answer["ord_psbl_cash"]), int(answer["nrcvb_buy_qty"])

    assert power() == (10_000_000, 1_000)
    number = client.order("buy", "005930", 400, 9_800)["output"]["ODNO"]
    assert power() == (6_080_000, 608)
    assert client.change("cancel", number)["rt_cd"] == "0"
    assert power() == (10_000_000, 1_000)
    client.order("buy", "005930", 100)
    client.advance(until="step")
    client.order("sell", "005930", 30, 13_000)
    row = client.balance()["output1"][0]
    assert (row["hldg_qty"], row["ord_psbl_qty"]) == ("100", "70")
    refused = client.order("sell", "005930", 71)
    assert codes(refused) == (("7", "APBK0400") if client.environment == "live" else ("1", "40240000"))
    assert "output" not in refused


@pytest.mark.parametrize(
    ("ticker", "quantity", "price", "live", "paper"),
    [
        ("005930", 1, 10_003, "APBK9001", "40030000"),
        ("005930", 1, 14_000, "APBK9002", "40990001"),
        ("005930", 0, 10_000, "APBK9005", "40990003"),
        ("005930", 5_000, 10_000, "APBK0952", "40990002"),
        ("999999", 1, 10_000, "APBK0656", "40070000"),
        ("000100", 1, 0, "APBK9003", "40070000"),
    ],
)
def test_refusals_say_why(client: Client, ticker: str, quantity: int, price: int, live: str, paper: str) -> None:
    client.advance(until="open")
    answer = client.order("buy", ticker, quantity, price)
    assert client.last.status_code == 200
    assert codes(answer) == (("7", live) if client.environment == "live" else ("1", paper))
    assert client.executions("20240305")["output1"] == []


def test_orders_are_taken_in_the_hours_of_the_venue(client: Client) -> None:
    live = client.environment == "live"
    assert client.order("buy", "005930", 1)["msg_cd"] == ("APBK0919" if live else "40580000")  # the evening before
    client.advance(to="2024-03-05T07:00:00")
    assert client.order("buy", "005930", 1)["msg_cd"] == ("APBK0919" if live else "40570000")
    client.advance(until="morning")
    assert client.order("buy", "005930", 1)["msg_cd"] == ("APBK0013" if live else "40570000")
    client.advance(until="open")
    rows = client.executions("20240305")["output1"]
    assert [row["tot_ccld_amt"] for row in rows] == (["10150"] if live else [])
    client.advance(to="2024-03-05T15:29:59")
    assert client.order("buy", "005930", 1)["rt_cd"] == "0"
    client.advance(until="close")
    assert client.order("buy", "005930", 1)["msg_cd"] == ("APBK0919" if live else "40580000")
    client.advance(to="2024-03-09T10:00:00")
    assert client.order("buy", "005930", 1)["msg_cd"] == ("APBK0919" if live else "40100000")  # a Saturday


def test_the_list_of_orders_has_pages(client: Client) -> None:
    client.advance(until="open")
    size = 100 if client.environment == "live" else 15
    for _ in range(size + 3):
        client.order("buy", "000900", 1, 700)
    first = client.executions("20240305")
    assert (len(first["output1"]), client.last.headers["tr_cont"]) == (size, "M")
    assert len(first["ctx_area_nk100"]) == 100
    second = client.executions(
        "20240305", "N", CTX_AREA_FK100=first["ctx_area_fk100"], CTX_AREA_NK100=first["ctx_area_nk100"]
    )
    assert (len(second["output1"]), client.last.headers["tr_cont"]) == (3, "D")
    numbers = [int(row["odno"]) for row in (*first["output1"], *second["output1"])]
    assert numbers == list(range(size + 3, 0, -1))


def test_the_balance_has_pages(client: Client) -> None:
    client.advance(until="open")
    for number in range(900, 925):
        client.order("buy", f"{number:06}", 1)
    client.advance(until="step")
    page = client.balance()
    expected = 25 if client.environment == "live" else 20
    assert len(page["output1"]) == expected
    if client.environment == "paper":
        rest = client.balance(CTX_AREA_FK100=page["ctx_area_fk100"], CTX_AREA_NK100=page["ctx_area_nk100"])
        assert [row["pdno"] for row in rest["output1"]] == [f"{number:06}" for number in range(920, 925)]


def test_an_amend_moves_the_rest_and_a_cancel_ends_it(client: Client) -> None:
    client.advance(until="open")
    number = client.order("buy", "005930", 10, 9_000)["output"]["ODNO"]
    amended = client.change("amend", number, price=9_100)["output"]["ODNO"]
    assert int(amended) == int(number) + 1
    assert client.change("cancel", number)["msg_cd"] == ("APBK9004" if client.environment == "live" else "40330000")
    part = client.change("cancel", amended, quantity=4)
    assert part["rt_cd"] == "0"
    rows = {int(row["odno"]): row for row in client.executions("20240305")["output1"]}
    assert (rows[1]["rmn_qty"], rows[1]["cncl_cfrm_qty"]) == ("0", "10")
    assert (rows[2]["rmn_qty"], rows[2]["cncl_cfrm_qty"], int(rows[2]["orgn_odno"])) == ("6", "4", 1)
    assert (rows[3]["rmn_qty"], int(rows[3]["orgn_odno"]), rows[3]["ord_qty"]) == ("0", 2, "4")
    if client.environment == "live":
        orders = client.get(
            f"{TRADING}/inquire-psbl-rvsecncl", "TTTC0084R", **client.account, INQR_DVSN_1="0", INQR_DVSN_2="0"
        )["output"]
        assert [(row["odno"], row["psbl_qty"]) for row in orders] == [("0000000002", "6")]


def test_an_amend_that_cash_does_not_cover_changes_nothing(client: Client) -> None:
    client.advance(until="open")
    number = client.order("buy", "005930", 1_000, 9_000)["output"]["ODNO"]
    refused = client.change("amend", number, price=10_500)
    assert refused["msg_cd"] == ("APBK0952" if client.environment == "live" else "40990002")
    rows = client.executions("20240305")["output1"]
    assert [(row["rmn_qty"], row["ord_unpr"]) for row in rows] == [("1000", "9000")]


def test_a_holding_that_was_sold_out_stays_until_it_has_settled(client: Client) -> None:
    client.advance(until="open")
    client.order("buy", "005930", 10)
    client.advance(until="step")
    client.order("sell", "005930", 10)
    client.advance(until="close")
    seen = []
    for _ in range(3):
        seen.append([(row["pdno"], row["hldg_qty"]) for row in client.balance()["output1"]])
        client.advance(until="close")
    assert seen == [[("005930", "0")], [("005930", "0")], []]


def test_kinds_of_orders_follow_the_path(client: Client) -> None:
    """The path of the day is 10,150 · 10,000 · 10,500 · 10,400."""
    client.advance(until="open")
    ioc = client.order("buy", "005930", 5, 10_000, kind="11")["output"]["ODNO"]
    fok = client.order("buy", "005930", 5, kind="14")["output"]["ODNO"]
    stop = client.order("buy", "005930", 5, 10_500, kind="22", CNDT_PRIC="10500")["output"]["ODNO"]
    client.advance(until="step")
    client.advance(until="close")
    rows = {int(row["odno"]): row for row in client.executions("20240305")["output1"]}
    assert (rows[int(ioc)]["tot_ccld_qty"], rows[int(ioc)]["cncl_cfrm_qty"]) == ("0", "5")  # touching is not filling
    assert (rows[int(fok)]["tot_ccld_qty"], rows[int(fok)]["tot_ccld_amt"]) == ("5", "50000")
    assert (rows[int(stop)]["tot_ccld_qty"], rows[int(stop)]["tot_ccld_amt"]) == ("5", "52500")
    assert client.order("buy", "005930", 1, 10_000, kind="05")["rt_cd"] != "0"


def test_costs_of_the_day_are_the_sum_of_its_fills() -> None:
    panel = make_panel({"005930": [*BARS, *flat(10_500, 3)]})
    with make_server(panel) as server, Client(server, "live") as client:
        client.advance(until="open")
        client.order("buy", "005930", 1_000)
        client.advance(until="step")
        client.order("sell", "005930", 400)
        client.advance(until="close")
        account = server.server.world.accounts[client.number]
        fills = account.simulation.book.fills[:2]
        costs = int(fills[:, 7:10].sum())
        assert costs > 0
        assert client.executions("20240305")["output2"]["prsm_tlex_smtl"] == str(costs)
        assert client.balance()["output2"][0]["thdt_tlex_amt"] == str(costs)
        profit = client.get(
            f"{TRADING}/inquire-period-profit", "TTTC8708R", **client.account, INQR_STRT_DT="20240301",
            INQR_END_DT="20240331", SORT_DVSN="00", INQR_DVSN="00", CBLC_DVSN="00",
        )  # fmt: skip
        row, total = profit["output1"][0], profit["output2"]
        assert int(row["fee"]) + int(row["tl_tax"]) == costs == int(total["tot_fee"]) + int(total["tot_tltx"])
        assert (row["trad_dt"], row["sll_amt"], row["rlzt_pfls"]) == ("20240305", "4200000", "200000")


@pytest.mark.parametrize("kind", ["", "99", "limit"])
def test_buying_power_for_a_kind_of_order_that_does_not_exist_is_refused(client: Client, kind: str) -> None:
    answer = client.get(
        f"{TRADING}/inquire-psbl-order",
        client.own("TTTC8908R"),
        **client.account,
        PDNO="005930",
        ORD_UNPR="10000",
        ORD_DVSN=kind,
    )
    assert (client.last.status_code, codes(answer)) == (200, ("2", "OPSQ2001"))
