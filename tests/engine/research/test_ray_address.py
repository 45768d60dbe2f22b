"""Every way in which a Ray cluster cannot be reached ends soon, as bad input, with what to do next."""

from __future__ import annotations

import socket
import sys
import threading

import pytest

from engine.data.panel import Panel
from engine.errors import BadInput
from engine.research import ray_address
from engine.research.ray_workers import RayCluster
from engine.research.workers import PanelSource, open_workers
from tests.builders_panel import flat, make_panel


@pytest.fixture
def source() -> Panel:
    """Any market: it is never sent."""
    return make_panel({"005930": flat(100, 3)})


@pytest.mark.parametrize("address", ["", "cluster", "127.0.0.1", "127.0.0.1:0", "http://10.0.0.1:80", "host:port"])
def test_what_is_no_address_is_said_to_be_none(source, address):
    with pytest.raises(BadInput, match="is no address"):
        RayCluster(address, source)


@pytest.mark.parametrize("kind", ["{}", "ray://{}"])
def test_an_address_where_nothing_listens_is_refused_at_once(source, kind):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = kind.format(f"127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(BadInput, match=f"--ray {address}: 127.0.0.1 cannot be reached"):
        RayCluster(address, source)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", None])
def test_a_server_that_is_no_ray_is_refused(source, monkeypatch, answer):
    monkeypatch.setattr(ray_address, "SECONDS_TO_ANSWER", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer_once, args=(server, answer))
        thread.start()
        with pytest.raises(BadInput, match="is no Ray" if answer is not None else "no answer within"):
            RayCluster(f"127.0.0.1:{server.getsockname()[1]}", source)
        thread.join()


def test_the_environment_may_name_the_cluster(source, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "nowhere.invalid:6379")
    with pytest.raises(BadInput, match=r"nowhere\.invalid cannot be reached"):
        RayCluster("auto", source)


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadInput, match=r"pip install 'geoul\[cluster\]'"):
        open_workers(PanelSource(folder=tmp_path), ray="local")


def answer_once(server: socket.socket, answer: bytes | None) -> None:
    """One guest is greeted with `answer` and sent away; with None it waits until it goes by itself."""
    guest, _ = server.accept()
    with guest:
        if answer is not None:
            guest.recv(1_000)
            guest.sendall(answer)
        while answer is None and guest.recv(1_000):
            pass
