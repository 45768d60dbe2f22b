"""A program that has died holds the world up: who it is can be read, and it can be sent away."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from brokers.kis_server.clients import Clients
from brokers.kis_server.page import page_html
from brokers.kis_server.setup import ServerSetup
from tests.builders_panel import flat, make_config, make_panel
from tests.kis_client import Client, make_server


def test_silence_is_counted_from_the_last_word_of_those_who_are_waited_for() -> None:
    seconds = [0.0]
    clients = Clients(monotonic=lambda: seconds[0])

    async def live() -> None:
        await clients.register("quick", "", 0)
        await clients.register("dead", "", 0)
        seconds[0] = 5.0
        await clients.acknowledge("quick", 1)
        assert clients.silence(1) == {"dead": 5.0}
        clients.find("dead")  # it asks for the clock, so it lives
        seconds[0] = 7.0
        assert clients.silence(1) == {"dead": 2.0}
        assert clients.silence(0) == {}

    asyncio.run(live())


@pytest.mark.parametrize("name", ["a bot", "거울/1 b", "50%"])
def test_a_dead_client_is_named_and_removed(name: str) -> None:
    panel = make_panel({"005930": flat(10_000, 4)})
    with make_server(panel, make_config(), answer_seconds=0.05) as server, Client(server) as client:
        client.world("clients", {"name": name, "app_key": client.app_key})
        assert name in client.advance(until="step")["error"]
        clock = client.world("clock")
        assert list(clock["silent"]) == clock["busy"] == [name]
        left = client.session.delete(f"{server.url}/_world/clients/{quote(name, safe='')}").json()
        assert (left["busy"], left["silent"]) == ([], {})
        assert client.advance(until="step")["sequence"] == 2


@pytest.mark.parametrize(("lang", "words"), [("ko", "더 기다리지 않기"), ("en", "wait no more")])
def test_the_page_offers_to_wait_no_more(lang: str, words: str) -> None:
    assert words in page_html(ServerSetup(), lang, "127.0.0.1:8700")
