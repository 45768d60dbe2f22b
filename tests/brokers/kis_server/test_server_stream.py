"""The stream of the server: answers to subscriptions, layouts, limits, who hears what."""

from __future__ import annotations

import json
from typing import Any

import pytest
import websocket

from brokers.kis.realtime_fields import TABLES
from tests.builders_panel import flat, make_config, make_panel
from tests.kis_client import Client, make_server

BARS = [(10_000, 10_200, 9_900, 10_100), (10_150, 10_500, 10_000, 10_400), (10_300, 10_600, 10_250, 10_500)]


def panel() -> Any:
    return make_panel(
        {"005930": BARS, **{f"{number:06}": flat(1_000, 3) for number in range(900, 942)}}, index=[800, 810, 820]
    )


def named(tr_id: str, values: list[str]) -> dict[str, str]:
    layout = TABLES[tr_id].layout(len(values))
    assert layout is not None
    return dict(zip(layout, values, strict=True))


@pytest.mark.parametrize(("layout", "trade", "notice"), [("legacy", 46, 23), ("2025", 46, 26), ("2026", 47, 26)])
def test_the_layout_is_a_switch(layout: str, trade: int, notice: int) -> None:
    options = {"layout": layout}
    with make_server(panel(), make_config(), **options) as server, Client(server) as client, client.stream() as stream:
        stream.subscribe("H0STCNT0", "005930")
        stream.subscribe("H0STCNI9", client.hts_id)
        client.advance(until="open")
        assert len(stream.record()[1]) == trade
        client.order("buy", "005930", 1)
        assert len(stream.record()[1]) == notice


def test_a_socket_has_one_key_in_all_its_answers_and_encrypts_notices_only() -> None:
    with make_server(panel(), make_config()) as server, Client(server, "live") as client, client.stream() as stream:
        wanted = (("H0STCNT0", "005930"), ("H0STASP0", "005930"), ("H0STCNI0", client.hts_id), ("H0UPCNT0", "0001"))
        answers = [stream.subscribe(*one) for one in wanted]
        assert [answer["header"]["encrypt"] for answer in answers] == ["N", "N", "Y", "N"]
        assert len({json.dumps(answer["body"]["output"]) for answer in answers}) == 1
        assert [len(answers[0]["body"]["output"][name]) for name in ("iv", "key")] == [16, 32]


def test_wrong_subscriptions_are_answered_with_their_code() -> None:
    with make_server(panel(), make_config()) as server, Client(server) as client, client.stream() as stream:

        def code(*wanted: str, **more: str) -> str:
            return stream.subscribe(*wanted, **more)["body"]["msg_cd"]

        assert code("H0STCNT0", "005930", approval="wrong") == "OPSP0011"
        assert code("H0STCNT0", "999999") == "OPSP8992"
        assert code("H0STCNI9", "somebody else") == "OPSP8992"
        assert code("H0STMKO0", "005930") == "OPSP8991"  # paper has trades, books and notices only
        assert code("H0STCNI0", client.hts_id) == "OPSP8991"
        assert code("H0STCNT0", "005930", tr_type="7") == "OPSP8997"
        assert code("H0STCNT0", "005930", tr_type="2") == "OPSP0003"
        assert code("H0STCNT0", "005930") == "OPSP0000"
        assert code("H0STCNT0", "005930") == "OPSP0002"
        assert code("H0STCNT0", "005930", tr_type="2") == "OPSP0001"
        stream.socket.send("nonsense")
        assert stream.acknowledgement()["body"]["msg_cd"] == "OPSP9991"


def test_a_socket_takes_41_registrations_and_an_app_key_one_socket() -> None:
    with make_server(panel(), make_config()) as server, Client(server) as client, client.stream() as stream:
        codes = [stream.subscribe("H0STCNT0", f"{number:06}")["body"]["msg_cd"] for number in range(900, 942)]
        assert codes == ["OPSP0000"] * 41 + ["OPSP0008"]
        with client.stream() as second:
            answer = second.subscribe("H0STCNT0", "005930")
            assert (answer["body"]["rt_cd"], answer["body"]["msg_cd"]) == ("9", "OPSP8996")


def test_the_stream_shows_the_path_of_the_day_and_its_volume_once() -> None:
    with make_server(panel(), make_config()) as server, Client(server, "live") as client, client.stream() as stream:
        for wanted in (("H0STCNT0", "005930"), ("H0STMKO0", "005930"), ("H0UPCNT0", "0001")):
            assert stream.subscribe(*wanted)["body"]["rt_cd"] == "0"
        client.advance(until="close")
        heard = [stream.record() for _ in range(12)]
    trades = [named(*one) for one in heard if one[0] == "H0STCNT0"]
    assert [trade["STCK_PRPR"] for trade in trades] == ["10150", "10000", "10500", "10400"]
    assert [trade["STCK_CNTG_HOUR"] for trade in trades] == ["090000", "111000", "132000", "153000"]
    assert sum(int(trade["CNTG_VOL"]) for trade in trades) == int(trades[-1]["ACML_VOL"]) == 1_000_000
    assert (trades[-1]["STCK_HGPR"], trades[-1]["STCK_LWPR"], trades[-1]["STCK_OPRC"]) == ("10500", "10000", "10150")
    phases = [named(*one)["MKOP_CLS_CODE"] for one in heard if one[0] == "H0STMKO0"]
    assert phases == ["110", "112", "121", "129"]
    levels = [named(*one)["PRPR_NMIX"] for one in heard if one[0] == "H0UPCNT0"]
    assert levels == ["810.00"] * 4


def test_the_book_has_prices_and_no_shares() -> None:
    with make_server(panel(), make_config()) as server, Client(server) as client, client.stream() as stream:
        stream.subscribe("H0STASP0", "005930")
        client.advance(until="morning")
        book = named(*stream.record())
    assert (book["ASKP1"], book["BIDP1"], book["ASKP10"], book["BIDP10"]) == ("10110", "10090", "10200", "10000")
    assert {book[f"{side}_RSQN{level}"] for side in ("ASKP", "BIDP") for level in range(1, 11)} == {"0"}


def test_a_client_may_stay_silent_or_echo_a_ping_and_comes_in_at_any_path() -> None:
    with make_server(panel(), make_config(), ping_seconds=0.05) as server, Client(server) as client:
        stream = client.stream()
        stream.socket.close()
        stream.socket = websocket.create_connection(f"{server.websocket_url}/", timeout=10)
        ping = stream.socket.recv()
        assert json.loads(ping)["header"] == {"tr_id": "PINGPONG", "datetime": "20240304180000"}
        stream.socket.send(ping)
        stream.socket.pong(ping)
        assert stream.subscribe("H0STCNT0", "005930")["body"]["msg_cd"] == "OPSP0000"
        stream.socket.close()


def test_notices_of_one_account_are_not_heard_by_another() -> None:
    server = make_server(panel(), make_config())
    with server, Client(server, "live") as live, Client(server) as paper, live.stream() as stream:
        stream.subscribe("H0STCNI0", live.hts_id)
        live.advance(until="open")
        paper.order("buy", "005930", 1)
        live.order("buy", "005930", 2)
        fields = named(*stream.record())
        assert (fields["ACNT_NO"], fields["ODER_QTY"]) == ("6000000101", "2")
