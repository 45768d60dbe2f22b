"""A server that is killed: its world comes back, and nothing that anybody was told is lost or doubled."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import requests

from brokers.kis_server.server import ServerThread
from tests.builders_panel import make_config
from tests.kis_client import TRADING, Client, make_server
from tests.served_process import POINTS, Forge, Served, market

ENROLLED = {"appkey": "E" * 36, "appsecret": "F" * 180}


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    made = Forge("small")
    yield made
    made.close()


def of(served: Served, environment: str = "live") -> Client:
    return Client(cast("ServerThread", served), environment)


def day_of(client: Client) -> str:
    return str(client.world("clock")["time"][:10]).replace("-", "")


def seen(client: Client) -> dict[str, Any]:
    """All that an account can ask about itself."""
    cancellable = {"INQR_DVSN_1": "0", "INQR_DVSN_2": "0"}
    return {
        "balance": client.balance(),
        "executions": client.executions(day_of(client)),
        "open": client.get(f"{TRADING}/inquire-psbl-rvsecncl", "TTTC0084R", **client.account, **cancellable),
        "power": client.get(
            f"{TRADING}/inquire-psbl-order",
            client.own("TTTC8908R"),
            **client.account,
            PDNO="005930",
            ORD_UNPR="10000",
            ORD_DVSN="00",
        ),
        "clock": {
            name: value for name, value in client.world("clock").items() if name not in ("life", "sockets", "frames")
        },
    }


def first_day(client: Client) -> None:
    """Orders of every sort, up to the afternoon of the first day."""
    client.advance(until="morning")
    bought = client.order("buy", "005930", 30)["output"]["ODNO"]
    resting = client.order("buy", "000660", 5, 19_000)["output"]["ODNO"]
    client.order("buy", "035720", 10, 4_800)
    assert client.change("amend", resting, price=18_500)["rt_cd"] == "0"
    assert client.order("buy", "000660", 10**6, 19_000)["rt_cd"] != "0"  # not covered, and it took a number
    client.advance(until="open")
    assert client.change("cancel", bought)["rt_cd"] != "0"
    client.order("sell", "005930", 12, 10_300)
    stopping = client.order("sell", "005930", 3, 9_700, kind="22", CNDT_PRIC="9800")
    assert stopping["rt_cd"] == "0", stopping
    client.advance(to="2024-03-05T12:34:56")


def second_day(client: Client) -> None:
    """One more day, which goes on from the first."""
    client.advance(until="close")
    client.advance(until="open")
    client.order("sell", "005930", 5)
    client.order("buy", "000660", 2, 20_000)
    client.advance(until="evening")


def test_a_killed_server_comes_back_as_it_was_and_goes_on_as_if_it_had_not_been_killed(
    forge: Forge, tmp_path: Path
) -> None:
    with make_server(market(), make_config()) as whole, Client(whole, "live") as other:
        first_day(other)
        second_day(other)
        wanted = seen(other)
    with Served(forge, tmp_path / "world") as served, of(served) as client:
        first_day(client)
        before, token = seen(client), client.token
        served.kill()
        served.start()
        assert seen(client) == before, "the same token is good, and nothing has changed"
        served.kill()
        served.start()
        second_day(client)
        served.kill()
        served.start()
        assert seen(client) == wanted
        assert client.world("clock")["life"] == 4
        client.log_in()
        assert client.token != token, "the text of an old token is known to nobody"


@pytest.mark.parametrize("point", POINTS)
def test_an_order_whose_answer_was_lost_with_the_server_is_there_once_or_not_at_all(
    forge: Forge, tmp_path: Path, point: str
) -> None:
    with Served(forge, tmp_path / "world") as served, of(served) as client:
        client.advance(until="open")
        client.order("buy", "005930", 1)
        served.kill()
        served.start(death=("order", point, 2))
        answered = client.order("buy", "005930", 2)["output"]["ODNO"]
        with pytest.raises(requests.ConnectionError):
            client.order("buy", "005930", 3)
        assert served.wait() < 0
        served.start()
        listed = {row["odno"]: row["ord_qty"] for row in client.executions(day_of(client))["output1"]}
        taken = point in ("written", "saved")
        assert sorted(listed.values()) == (["1", "2", "3"] if taken else ["1", "2"])
        assert listed[answered] == "2"
        following = client.order("buy", "005930", 4)["output"]["ODNO"]
        assert int(following) == max(int(number) for number in listed) + 1
        client.advance(until="close")
        assert client.balance()["output1"][0]["hldg_qty"] == str(10 if taken else 7)


@pytest.mark.parametrize("point", ["before", "torn", "written"])
def test_a_step_that_nobody_heard_of_is_taken_once(forge: Forge, tmp_path: Path, point: str) -> None:
    with Served(forge, tmp_path / "world") as served, of(served) as client:
        client.advance(until="morning")
        client.order("buy", "005930", 5)
        served.kill()
        served.start(death=("step", point, 1))
        with pytest.raises(requests.ConnectionError):
            client.advance(until="open")
        served.wait()
        served.start()
        clock = client.world("clock")
        assert clock["sequence"] == (2 if point == "written" else 1)
        if point != "written":
            assert client.advance(until="open")["sequence"] == 2
        (row,) = client.executions(day_of(client))["output1"]
        assert row["tot_ccld_qty"] == "5"
        assert client.balance()["output1"][0]["hldg_qty"] == "5"


def test_an_enrolled_key_keeps_its_account_its_token_and_its_notices(forge: Forge, tmp_path: Path) -> None:
    with Served(forge, tmp_path / "world") as served, of(served) as client:
        client.app_key, client.app_secret, client.number = ENROLLED["appkey"], ENROLLED["appsecret"], "77777777"
        client.hts_id = "stranger"
        client.log_in()
        client.advance(until="open")
        with client.stream() as stream:
            assert stream.subscribe("H0STCNI0", "stranger")["body"]["msg_cd"] == "OPSP0000"
        approval = stream.key
        client.order("buy", "005930", 7)
        served.kill()
        served.start()
        with client.stream() as stream:
            assert stream.subscribe("H0STCNI0", "somebody", approval=approval)["body"]["msg_cd"] == "OPSP8992"
            assert stream.subscribe("H0STCNI0", "stranger", approval=approval)["body"]["msg_cd"] == "OPSP0000"
            client.advance(until="step")
            record = stream.record()
        assert record[0] == "H0STCNI0"
        assert record[1][1] == "7777777701"
        assert client.balance()["output1"][0]["hldg_qty"] == "7"
        client.app_secret = "G" * 180
        assert client.price("005930")["msg_cd"] == "EGW00105"


def test_a_client_is_waited_for_until_it_has_registered_once_more(forge: Forge, tmp_path: Path) -> None:
    with Served(forge, tmp_path / "world", setup={"answer_seconds": 0.2}) as served, of(served) as client:
        client.advance(until="morning")
        client.world("clients", {"name": "a bot", "app_key": client.app_key})
        client.world("clients", {"name": "gone", "app_key": ""})
        client.session.delete(f"{served.url}/_world/clients/gone")
        served.kill()
        served.start()
        clock = client.world("clock")
        assert (clock["busy"], list(clock["silent"])) == (["a bot"], ["a bot"])
        assert client.world("clock?client=a bot")["frames"] == 0
        assert "a bot" in client.advance(until="step")["error"], "the world waits"
        assert "once more" in client.world("acknowledge", {"name": "a bot", "sequence": 1})["error"]
        client.world("clients", {"name": "a bot", "app_key": client.app_key})
        assert client.world("clock")["busy"] == []
        client.world("advance", {"until": "step"})  # waits for the answer in vain
        assert client.world("clock")["sequence"] == 2
        assert client.world("acknowledge", {"name": "a bot", "sequence": 2})["busy"] == []


def test_faults_stay_in_force_and_what_they_did_to_an_order_is_done_again(forge: Forge, tmp_path: Path) -> None:
    rules = [
        {"fault": "reject_after_accept", "calls": ["orders"], "times": 1},
        {"fault": "cancel_races_fill", "calls": ["orders"], "times": 2},
        {"fault": "lost_answer", "calls": ["inquire_price"], "times": 2},
    ]
    with Served(forge, tmp_path / "world") as served, of(served) as client:
        client.advance(until="open")
        client.world("faults", rules)
        client.order("buy", "005930", 9)
        resting = client.order("buy", "005930", 8, 9_000)["output"]["ODNO"]
        client.change("cancel", resting, quantity=3)
        with pytest.raises(requests.ConnectionError):
            client.price("005930")
        before = seen(client)
        served.kill()
        served.start()
        assert seen(client) == before
        assert [rule["fault"] for rule in client.world("faults")["rules"]] == [rule["fault"] for rule in rules]
        with pytest.raises(requests.ConnectionError):
            client.price("005930")
        assert client.price("005930")["rt_cd"] == "0", "two times in all, over both lives"
        client.advance(until="step")
        rows = {row["ord_qty"]: row for row in client.executions(day_of(client))["output1"]}
        assert rows["9"]["rjct_qty"] == "9"
        assert rows["8"]["rmn_qty"] == "5"


def test_no_secret_is_kept_and_only_the_owner_reads(forge: Forge, tmp_path: Path) -> None:
    folder = tmp_path / "world"
    with Served(forge, folder) as served, of(served) as client:
        client.app_key, client.app_secret, client.number = ENROLLED["appkey"], ENROLLED["appsecret"], "77777777"
        client.log_in()
        client.advance(until="open")
        client.order("buy", "005930", 7)
        with client.stream() as stream:
            approval = stream.key
        tokens = (client.token, client.app_key, client.app_secret, approval)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    kept = [path for path in folder.iterdir() if path.stat().st_size]
    assert {path.name for path in kept} == {"journal", "now"}
    for path in kept:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        content = path.read_bytes()
        assert not any(secret.encode() in content for secret in tokens)
