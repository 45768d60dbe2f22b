"""Every fault does what it says, where it says, and leaves the account as it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import requests
import websocket

from brokers.kis_server.faults import FAULTS, Effect, Faults, read_rules
from engine.errors import BadInput
from tests.builders_panel import make_config, make_panel
from tests.kis_client import Client, Stream, make_server

BARS = [(10_000, 10_200, 9_900, 10_100), (10_150, 10_500, 10_000, 10_400), (10_300, 10_600, 10_250, 10_500)]


@pytest.fixture
def client() -> Iterator[Client]:
    panel = make_panel({"005930": BARS, "000660": BARS})
    with make_server(panel, make_config(), seed=7) as server, Client(server) as found:
        found.advance(until="open")
        yield found


@pytest.fixture
def stream(client: Client) -> Iterator[Stream]:
    with client.stream() as found:
        found.subscribe("H0STCNI9", client.hts_id)
        yield found


def use(client: Client, fault: str, **more: Any) -> None:
    answer = client.world("faults", [{"fault": fault, **more}])
    assert "rules" in answer, answer


def listed(client: Client) -> list[Any]:
    return client.executions("20240305")["output1"]


@pytest.mark.parametrize("fault", ["lost_request", "lost_answer"])
def test_a_broken_connection_tells_nothing_about_the_order(client: Client, fault: str) -> None:
    use(client, fault, calls=["orders"], times=1)
    with pytest.raises(requests.ConnectionError):
        client.order("buy", "005930", 1)
    assert len(listed(client)) == (1 if fault == "lost_answer" else 0)
    assert client.order("buy", "005930", 1)["rt_cd"] == "0"


def test_a_late_answer_comes_after_the_order_has_been_carried_out(client: Client, stream: Stream) -> None:
    use(client, "late_answer", calls=["order_cash"], seconds=5, times=1)
    with pytest.raises(requests.ReadTimeout):
        client.session.post(
            f"{client.url}/uapi/domestic-stock/v1/trading/order-cash",
            headers=client.headers("VTTC0012U"),
            data=json.dumps({**client.account, "PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0"}),
            timeout=0.3,
        )
    assert stream.record()[1][13] == "1"
    assert len(listed(client)) == 1


def test_a_slow_answer_is_a_good_answer(client: Client) -> None:
    use(client, "slow_answer", calls=["reads"], seconds=0.05, times=1)
    assert client.price("005930")["rt_cd"] == "0"
    assert client.world("faults")["struck"] == {"slow_answer": 1}


@pytest.mark.parametrize(("fault", "carried_out"), [("server_error", 0), ("server_error_after", 1)])
def test_a_server_error_is_a_page_and_not_json(client: Client, fault: str, carried_out: int) -> None:
    use(client, fault, calls=["orders"], times=1)
    with pytest.raises(requests.JSONDecodeError):
        client.order("buy", "005930", 1)
    assert (client.last.status_code, client.last.headers["Content-Type"][:9]) == (500, "text/html")
    assert len(listed(client)) == carried_out


@pytest.mark.parametrize(
    ("fault", "code", "carried_out"),
    [("gateway_timeout", "EGW00302", 1), ("rate_limited", "EGW00201", 0), ("token_expired", "EGW00123", 0)],
)
def test_gateway_codes_come_with_status_500(client: Client, fault: str, code: str, carried_out: int) -> None:
    use(client, fault, calls=["order_cash"], times=1)
    assert client.order("buy", "005930", 1)["msg_cd"] == code
    assert client.last.status_code == 500
    assert len(listed(client)) == carried_out


def test_broken_json_is_half_of_the_answer(client: Client) -> None:
    use(client, "broken_json", calls=["order_cash"], times=1)
    with pytest.raises(requests.JSONDecodeError):
        client.order("buy", "005930", 1)
    assert client.last.status_code == 200
    assert len(listed(client)) == 1


def test_answers_can_change_places(client: Client) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    use(client, "reordered_answer", calls=["inquire_price"], times=1, seconds=5)
    came: list[str] = []

    def ask(ticker: str) -> None:
        answer = requests.get(
            f"{client.url}/uapi/domestic-stock/v1/quotations/inquire-price",
            headers=client.headers("FHKST01010100"),
            params={"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": ticker},
            timeout=10,
        ).json()
        came.append(answer["output"]["stck_shrn_iscd"])

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, "005930")
        while client.world("faults")["struck"] != {"reordered_answer": 1}:
            pass
        pool.submit(ask, "000660").result()
        first.result()
    assert came == ["000660", "005930"]


def test_a_lost_notice_is_lost_and_the_list_has_the_fill(client: Client, stream: Stream) -> None:
    use(client, "lost_notice", times=1)
    client.order("buy", "005930", 1)
    client.advance(until="step")
    assert stream.record()[1][13] == "2"  # the fill; the first notice, of acceptance, never came
    assert listed(client)[0]["tot_ccld_qty"] == "1"


def test_a_notice_can_come_twice_late_early_and_out_of_order(client: Client, stream: Stream) -> None:
    use(client, "duplicate_notice", times=1)
    client.order("buy", "005930", 1)
    assert stream.record() == stream.record()
    use(client, "late_notice", seconds=0.05, times=1)
    client.order("buy", "005930", 2)
    assert stream.record()[1][16] == "2"
    use(client, "reordered_notice", times=1)
    client.order("buy", "005930", 3)
    client.order("buy", "005930", 4)
    assert [stream.record()[1][16] for _ in range(2)] == ["4", "3"]
    client.world(
        "faults",
        [{"fault": "early_notice", "times": 1}, {"fault": "late_answer", "calls": ["orders"], "seconds": 0.05}],
    )
    client.order("buy", "005930", 5)
    assert stream.record()[1][16] == "5"
    assert client.world("faults")["struck"]["early_notice"] == 1


def test_a_frame_can_be_cut_off_and_the_socket_too(client: Client, stream: Stream) -> None:
    use(client, "truncated_frame", times=1)
    client.order("buy", "005930", 1)
    frame = stream.socket.recv()
    assert frame.startswith("1|H0STCNI9|001|")
    with pytest.raises(ValueError, match=r"padding|length|block"):
        stream.decrypt(frame.split("|")[3])
    use(client, "socket_cut", times=1)
    client.order("buy", "005930", 1)
    with pytest.raises((websocket.WebSocketException, OSError)):
        stream.socket.recv()


def test_everything_can_be_struck_now(client: Client, stream: Stream) -> None:
    assert client.world("faults", {"now": "socket_cut"}) == {"struck": 1}
    with pytest.raises((websocket.WebSocketException, OSError)):
        stream.socket.recv()
    assert client.world("faults", {"now": "token_expired"}) == {"struck": 1}
    assert client.price("005930")["msg_cd"] == "EGW00123"


def test_the_exchange_can_refuse_what_was_accepted(client: Client, stream: Stream) -> None:
    use(client, "reject_after_accept", times=1)
    assert client.order("buy", "005930", 3)["rt_cd"] == "0"
    notices = [stream.record()[1] for _ in range(2)]
    assert [(fields[12], fields[13]) for fields in notices] == [("0", "1"), ("1", "1")]
    row = listed(client)[0]
    assert (row["rjct_qty"], row["rmn_qty"], row["sll_buy_dvsn_cd_name"]) == ("3", "0", "BUY REJECT")
    client.advance(until="step")
    assert client.balance()["output1"] == []


@pytest.mark.parametrize(("price", "filled"), [(10_100, True), (9_000, False)])
def test_a_cancel_can_lose_the_race(client: Client, stream: Stream, price: int, filled: bool) -> None:
    use(client, "cancel_races_fill", times=1)
    number = client.order("buy", "005930", 1, price)["output"]["ODNO"]
    assert client.change("cancel", number)["rt_cd"] == "0"
    client.advance(until="step")
    rows = {row["odno"]: row for row in listed(client)}
    assert rows[number]["tot_ccld_qty"] == ("1" if filled else "0")
    assert rows[number]["cncl_cfrm_qty"] == ("0" if filled else "1")
    notices = [stream.record()[1] for _ in range(4 if filled else 3)]
    last = notices[-1]
    assert (last[5], last[12], last[14]) == ("2", "1" if filled else "0", "2")


def test_the_list_of_orders_can_be_empty_with_right_totals(client: Client) -> None:
    client.order("buy", "005930", 3, 9_000)
    use(client, "empty_output1")
    answer = client.executions("20240305")
    assert (answer["output1"], answer["output2"]["tot_ord_qty"]) == ([], "3")


def test_pages_can_be_short(client: Client) -> None:
    for _ in range(5):
        client.order("buy", "005930", 1, 9_000)
    use(client, "page_break", rows=2)
    assert (len(listed(client)), client.last.headers["tr_cont"]) == (2, "M")


def test_a_seeded_schedule_strikes_the_same_calls_again() -> None:
    def struck(seed: int) -> list[bool]:
        faults = Faults(np.random.default_rng(seed))
        faults.use(read_rules([{"fault": "lost_answer", "calls": ["orders"], "chance": 0.3}]))
        return [faults.fires("lost_answer", "order_cash") is not None for _ in range(200)]

    assert struck(1) == struck(1) != struck(2)
    assert 30 < sum(struck(1)) < 90


def test_a_schedule_counts_calls() -> None:
    faults = Faults(np.random.default_rng(1))
    faults.use(read_rules([{"fault": "lost_answer", "calls": ["reads"], "every": 3, "times": 2}]))
    struck = [faults.fires("lost_answer", "inquire_price") is not None for _ in range(12)]
    assert [place for place, hit in enumerate(struck, 1) if hit] == [3, 6]
    assert faults.fires("lost_answer", "order_cash") is None
    assert faults.fires("lost_answer", "tokenP") is None


def test_every_fault_declares_its_effect_and_says_it_in_two_languages(client: Client) -> None:
    known = client.world("faults")["known"]
    assert set(known) == set(FAULTS)
    assert {kind["effect"] for kind in known.values()} == {effect.value for effect in Effect}
    assert all(kind["ko"] and kind["en"] for kind in known.values())


@pytest.mark.parametrize(
    "rules",
    [
        {"fault": "lost_answer"},
        ["meteor"],
        [{"fault": "lost_answer", "chance": 2}],
        [{"fault": "lost_answer", "calls": ["nothing"]}],
    ],
)
def test_impossible_rules_are_named(client: Client, rules: Any) -> None:
    if isinstance(rules, list):
        with pytest.raises(BadInput, match="Fault 1"):
            read_rules(rules)
    answer = client.world("faults", rules)
    assert client.last.status_code == 400
    assert answer["error"]
