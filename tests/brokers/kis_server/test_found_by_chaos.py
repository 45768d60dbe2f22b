"""What the chaos runs found in the server: averages without end, and clients that die in the middle of a request."""

from __future__ import annotations

import logging
import socket
import struct

import pytest

from tests.builders_panel import make_config, make_panel
from tests.kis_client import TRADING, Client, make_server

BARS = [(10_000, 10_200, 9_900, 10_100, 40)] * 3


def test_an_average_that_has_no_end_is_cut_where_kis_has_no_more_room() -> None:
    later = (10_300, 10_400, 10_300, 10_400, 40)
    panel = make_panel({"005930": [*BARS, later]}, bars_a_session=2)
    with make_server(panel, make_config(participation=0.2)) as server, Client(server, "live") as client:
        client.advance(until="morning")
        client.order("buy", "005930", 9)
        client.advance(until="evening")  # eight shares of the first bar, one of the second
        listed = client.executions("20240305")["output1"][0]
        assert (listed["tot_ccld_qty"], listed["avg_prvs"]) == ("9", "10033.3333")


def test_a_client_that_dies_in_the_middle_of_a_request_leaves_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    with make_server(make_panel({"005930": BARS})) as server, Client(server, "live") as client:
        client.advance(until="morning")
        address = server.url.removeprefix("http://").split(":")
        with caplog.at_level(logging.WARNING):
            with socket.create_connection((address[0], int(address[1]))) as line:
                head = f"POST {TRADING}/order-cash HTTP/1.1\r\nHost: kis\r\nContent-Length: 100\r\n\r\n"
                line.sendall(head.encode() + b'{"CANO"')
                client.price("005930")  # the server has begun to read
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            for _ in range(20):
                client.price("005930")
        assert caplog.records == []
        assert client.executions("20240305")["output1"] == []
