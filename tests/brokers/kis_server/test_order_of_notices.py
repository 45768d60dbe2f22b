"""What the market does to an order is told after what KIS said about it, however slowly its answer is written."""

from __future__ import annotations

import json

from brokers.kis.frames import DataFrame, read_frame
from brokers.kis.notice import Notice
from brokers.kis.realtime import read_records
from brokers.kis_server.server import KisServer
from brokers.kis_server.setup import ServerSetup
from brokers.kis_server.stream import Socket
from brokers.kis_server.world import World
from tests.builders_panel import flat, make_config, make_panel
from tests.kis_client import example_accounts, machine_clock

LIVE = example_accounts()[0]


def test_a_fill_does_not_overtake_the_notice_of_an_order_whose_answer_is_still_being_written() -> None:
    world = World(make_panel({"005930": flat(10_000, 3)}), make_config())
    server = KisServer(world, ServerSetup(accounts=example_accounts()), machine_clock())
    keys = {"appkey": LIVE.app_key.get_secret_value(), "appsecret": LIVE.app_secret.get_secret_value()}
    socket, frames = _listen(server, keys)
    world.run_step()  # the opening call
    order = {"CANO": LIVE.number, "ACNT_PRDT_CD": "01", "PDNO": "005930", "ORD_DVSN": "01"}
    token = server.rest.access.issue_token({"grant_type": "client_credentials", **keys})["access_token"]
    answered = server.rest.answer(
        "POST",
        "/uapi/domestic-stock/v1/trading/order-cash",
        {"authorization": f"Bearer {token}", "tr_id": "TTTC0012U", **keys},
        {},
        json.dumps({**order, "ORD_QTY": "3", "ORD_UNPR": "0"}).encode(),
    )
    assert len(answered.notices) == 1, answered.body
    server.stream.hold(answered.notices)
    world.run_step()  # the opening price, at which it fills, comes before the answer has gone
    server.stream.release(answered.notices)
    assert [_notice(frame, socket).filled for frame in frames[1:]] == [False, True]


def _listen(server: KisServer, keys: dict[str, str]) -> tuple[Socket, list[str]]:
    """A socket that hears the notices of the live account, and what it has heard."""
    frames: list[str] = []
    socket = Socket(send=frames.append, close=frames.clear)
    server.stream.join(socket)
    wanted = {"grant_type": "client_credentials", "appkey": keys["appkey"], "secretkey": keys["appsecret"]}
    approval = server.rest.access.approve(wanted)["approval_key"]
    header = {"approval_key": approval, "custtype": "P", "tr_type": "1", "content-type": "utf-8"}
    body = {"input": {"tr_id": "H0STCNI0", "tr_key": LIVE.hts_id}}
    server.stream.receive(socket, json.dumps({"header": header, "body": body}))
    return socket, frames


def _notice(frame: str, socket: Socket) -> Notice:
    read = read_frame(frame)
    assert isinstance(read, DataFrame)
    (record,) = read_records(read, machine_clock().now(), socket.cipher)
    assert isinstance(record, Notice)
    return record
