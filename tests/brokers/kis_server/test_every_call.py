"""Every call is answered in the form that the adapter reads, and nothing that is sent breaks the server."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.kis.answer import Answer
from brokers.kis.chart_messages import CandleRow, DailyPriceRow
from brokers.kis.endpoint import Area, Shape
from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.market_messages import FluctuationRow, IndexPrice, MarketCapRow, VolumeRankRow
from brokers.kis.quote_messages import PriceQuote
from brokers.kis.wire import columns
from tests.builders_panel import make_config, make_panel
from tests.kis_client import TRADING, Client, make_server

BARS = [(10_000, 10_200, 9_900, 10_100), (10_150, 10_500, 10_000, 10_400), (10_300, 10_600, 10_250, 10_500)]
SMALL = [(1_000, 1_000, 1_000, 1_000, 10), (990, 995, 900, 900, 500), (900, 910, 890, 905, 50)]
SPLIT = [
    (50_000, 50_000, 50_000, 50_000, 100),
    (10_000, 10_100, 9_900, 10_050, 5_000),
    (10_000, 10_000, 10_000, 10_000),
]
GIVEN = {
    "CANO": "60000001",
    "ACNT_PRDT_CD": "01",
    "PDNO": "005930",
    "FID_INPUT_ISCD": "005930",
    "FID_INPUT_ISCD_1": "005930",
    "FID_COND_MRKT_DIV_CODE_1": "J",
    "FID_ORG_ADJ_PRC": "0",
    "FID_INPUT_DATE_1": "20240301",
    "FID_INPUT_DATE_2": "20240331",
    "FID_INPUT_HOUR_1": "153000",
    "INQR_STRT_DT": "20240301",
    "INQR_END_DT": "20240331",
    "BASS_DT": "20240305",
    "ORD_DVSN": "01",
    "ORD_QTY": "1",
    "ORD_UNPR": "0",
    "ORGN_ODNO": "1",
    "RVSE_CNCL_DVSN_CD": "02",
}
MAY_BE_EMPTY = frozenset(
    {
        "inquire_balance",
        "inquire_balance_rlz_pl",
        "inquire_period_profit",
        "inquire_period_trade_profit",
        "inquire_vi_status",  # bars tell of no interruption
        "market_cap",  # this data does not know how many shares there are
    }
)
INDEX_CALLS = ("inquire_index_price", "inquire_daily_indexchartprice")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    panel = make_panel(
        {"005930": BARS, "000100": SMALL, "000200": SPLIT}, index=[800, 810, 820], splits=[(1, "000200", 5, 1)]
    )
    with make_server(panel, make_config()) as server, Client(server, "live") as found:
        found.advance(until="open")
        found.order("buy", "005930", 10, 9_000)
        found.advance(steps=3)
        yield found


def ask(client: Client, name: str, **more: str) -> Answer:
    call = ENDPOINTS[name]
    wanted = {parameter.name.upper(): GIVEN.get(parameter.name.upper()) for parameter in call.parameters}
    values = {key: value for key, value in wanted.items() if value is not None}
    if name in INDEX_CALLS:
        values["FID_INPUT_ISCD"] = "0001"
    elif call.name in ("volume_rank", "fluctuation", "market_cap"):
        values["FID_INPUT_ISCD"] = "0000"
    tr_id = call.tr_id("live", "buy" if "buy" in call.tr else next(iter(call.tr)))
    path, sent = call.path, {**values, **more}
    body = client.post(path, tr_id, **sent) if call.method == "POST" else client.get(path, tr_id, **sent)
    assert (client.last.status_code, body["rt_cd"]) == (200, "0"), body
    return Answer(
        endpoint=call, code=body["msg_cd"], text=body["msg1"], body=body, tr_cont=client.last.headers["tr_cont"]
    )


@pytest.mark.parametrize("name", [name for name, call in ENDPOINTS.items() if call.area is not Area.ACCESS])
def test_the_adapter_can_read_every_answer(client: Client, name: str) -> None:
    more = {"ORGN_ODNO": client.order("buy", "005930", 1, 9_000)["output"]["ODNO"]} if name == "order_rvsecncl" else {}
    more |= {"FID_INPUT_DATE_1": "20240305"} if name == "inquire_time_dailychartprice" else {}
    answer = ask(client, name, **more)
    assert answer.more == (name == "chk_holiday")
    for block in ENDPOINTS[name].blocks:
        rows: Any = answer.rows(block.record) if block.shape is not Shape.ROW else [answer.one(block.record)]
        shown = answer.body[block.name]
        first = shown[0] if isinstance(shown, list) and shown else shown
        if first:
            assert set(block.names) <= set(first)
        assert len(rows) or name in MAY_BE_EMPTY


def test_a_price_has_no_blank_number(client: Client) -> None:
    """This data knows of no shares: their number and the market capitalisation are 0, as python-kis needs them."""
    shown = ask(client, "inquire_price").body["output"]
    assert isinstance(shown, dict)
    numbers = [column.wire.name for column in columns(PriceQuote) if column.type in (int, Decimal)]
    assert not [name for name in numbers if not str(shown[name]).strip()]
    assert (shown["hts_avls"], shown["lstn_stcn"]) == ("0", "0")


def test_rankings_and_index_say_what_the_prices_say(client: Client) -> None:
    falling = ask(client, "fluctuation", FID_RANK_SORT_CLS_CODE="1").rows(FluctuationRow)
    assert [(row.ticker, str(row.change_percent)) for row in falling][:1] == [("000100", "-0.50")]
    growth = ask(client, "volume_rank", FID_BLNG_CLS_CODE="1").rows(VolumeRankRow)
    assert [row.ticker for row in growth] == ["000100", "000200", "005930"]
    assert ask(client, "market_cap").rows(MarketCapRow) == ()  # the data does not know how many shares there are
    index = ask(client, "inquire_index_price").one(IndexPrice)
    assert (str(index.level), index.advancers, index.decliners) == ("810.00", 2, 1)


def test_candles_are_restated_where_a_split_came_between(client: Client) -> None:
    raw = ask(client, "inquire_daily_itemchartprice", FID_INPUT_ISCD="000200", FID_ORG_ADJ_PRC="1").rows(CandleRow)
    adjusted = ask(client, "inquire_daily_itemchartprice", FID_INPUT_ISCD="000200").rows(CandleRow)
    assert [(row.close, row.volume) for row in raw][1] == (50_000, 100)
    assert [(row.close, row.volume) for row in adjusted][1] == (10_000, 500)
    other = ask(client, "inquire_daily_price", FID_INPUT_ISCD="000200", FID_ORG_ADJ_PRC="1").rows(DailyPriceRow)
    assert [row.close for row in other] == [row.close for row in adjusted]
    weeks = ask(client, "inquire_daily_itemchartprice", FID_PERIOD_DIV_CODE="W").rows(CandleRow)
    assert [(row.open, row.close, row.high, row.low) for row in weeks] == [(10_000, 10_500, 10_500, 9_900)]


def test_an_order_whose_client_has_gone_is_there_and_told(client: Client) -> None:
    body = json.dumps({"CANO": client.number, "ACNT_PRDT_CD": "01", "PDNO": "005930", "ORD_DVSN": "00", "ORD_QTY": "7",
                       "ORD_UNPR": "9000"})  # fmt: skip
    lines = [f"{name}: {value}" for name, value in client.headers("TTTC0012U").items()]
    request = "\r\n".join(
        [f"POST {TRADING}/order-cash HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *lines, "", body]
    )
    with client.stream() as stream:
        stream.subscribe("H0STCNI0", client.hts_id)
        host, port = client.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes with a reset
            raw.sendall(request.encode())
        assert stream.record()[1][16] == "7"


TEXTS = st.text(max_size=24) | st.sampled_from(["005930", "01", "00", "Y", "-1", "1e5", "999999999999999", "20240230"])
NAMES = sorted(name for name, call in ENDPOINTS.items() if call.area is not Area.ACCESS)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), values=st.dictionaries(st.sampled_from(sorted(GIVEN)), TEXTS, max_size=6))
def test_whatever_is_sent_gets_an_answer_of_kis(client: Client, name: str, values: dict[str, str]) -> None:
    call = ENDPOINTS[name]
    tr_id = call.tr_id("live", next(iter(call.tr)))
    sent = {**{parameter.name: GIVEN.get(parameter.name.upper(), "") for parameter in call.parameters}, **values}
    answer = client.post(call.path, tr_id, **sent) if call.method == "POST" else client.get(call.path, tr_id, **sent)
    assert client.last.status_code == 200
    assert answer["rt_cd"] in ("0", "1", "2", "7")
    assert answer["msg_cd"]


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[]", b"{", b'{"CANO": {"a": 1}}', b"null", b"9" * 50])
def test_a_body_that_is_no_order_is_refused(client: Client, body: bytes) -> None:
    answer = requests.post(
        f"{client.url}{TRADING}/order-cash", data=body, headers=client.headers("TTTC0012U"), timeout=10
    )
    assert answer.json()["rt_cd"] != "0"


def test_frames_of_any_bytes_do_not_end_a_socket(client: Client) -> None:
    draw = np.random.default_rng(1)
    with client.stream() as stream:
        for _ in range(50):
            text = "".join(chr(int(point)) for point in draw.integers(32, 0x2000, size=40))
            stream.socket.send(text)
            assert stream.acknowledgement()["body"]["msg_cd"] == "OPSP9991"
        stream.socket.send(
            '{"header": {"approval_key": "x", "tr_type": "1"}, "body": {"input": {"tr_id": "a", "tr_key": "b"}}}'
        )
        assert stream.acknowledgement()["body"]["msg_cd"] == "OPSP0011"
