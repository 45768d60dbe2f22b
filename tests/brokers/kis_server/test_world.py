"""The world: its clock, its steps, who is waited for, days as today, keys, minutes, and where the data ends."""

from __future__ import annotations

import asyncio
import threading
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import requests

from brokers.kis.world_clock import WorldClock
from brokers.kis_server.clients import Clients
from brokers.kis_server.pace import Pace
from brokers.kis_server.server import check_host
from brokers.kis_server.wire_dates import WireDates
from brokers.kis_server.world import World
from engine.errors import BadInput, ConfigError, DataError
from engine.krx.sessions import is_session, sessions_between
from tests.builders_panel import flat, make_config, make_panel
from tests.kis_client import QUOTES, Client, make_server

BARS = [(10_000, 10_200, 9_900, 10_100), (10_150, 10_500, 10_000, 10_400), (10_300, 10_600, 10_250, 10_500)]

STOCK = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}


def daily() -> Any:
    return make_panel({"005930": [*BARS, *flat(10_500, 3)]}, index=[800, 810, 820, 830, 840, 850])


def test_the_world_goes_from_step_to_step_and_never_back() -> None:
    with make_server(daily(), make_config()) as server, Client(server) as client:
        seen = [client.advance(until="step")["time"][:19] for _ in range(7)]
        assert seen == [
            "2024-03-05T08:30:00",
            "2024-03-05T09:00:00",
            "2024-03-05T11:10:00",
            "2024-03-05T13:20:00",
            "2024-03-05T15:20:00",
            "2024-03-05T15:30:00",
            "2024-03-06T08:30:00",
        ]
        assert client.advance(bars=2)["time"][:19] == "2024-03-07T15:30:00"
        assert client.advance(to="2024-03-08T12:00:00")["time"][:19] == "2024-03-08T12:00:00"
        assert client.advance(until="evening")["time"][:19] == "2024-03-08T18:00:00"
        assert "cannot go back" in client.advance(to="2024-03-08T12:00:00")["error"]
        assert client.last.status_code == 400
        ended = client.advance(until="close")
        assert (ended["ended"], ended["next"]) == (True, None)
        assert "ended" in client.advance(until="step")["error"]


@pytest.mark.parametrize(
    "wrong",
    [{}, {"until": "noon"}, {"bars": 0}, {"bars": 99}, {"to": "soon"}, {"steps": "x"}, {"until": "open", "bars": 1}],
)
def test_an_impossible_advance_is_refused_and_changes_nothing(wrong: dict[str, Any]) -> None:
    with make_server(daily(), make_config()) as server, Client(server) as client:
        before = client.world("clock")
        assert client.world("advance", wrong)["error"]
        assert client.last.status_code == 400
        assert client.world("clock") == before


def test_a_step_waits_for_those_who_have_registered() -> None:
    """A client that acts on each step before it acknowledges it takes part from the next point on."""
    with make_server(daily(), make_config()) as server, Client(server, "live") as client, client.stream() as stream:
        stream.subscribe("H0STCNT0", "005930")
        clock = client.world("clients", {"name": "bot", "app_key": client.app_key})
        heard: list[str] = []

        def bot() -> None:
            with requests.Session() as session:
                sequence, told = clock["sequence"], clock["frames"]
                while not told or heard[-1] != "10400":
                    now = session.post(
                        f"{server.url}/_world/acknowledge", json={"name": "bot", "sequence": sequence, "wait": 10}
                    ).json()
                    sequence = now["sequence"]
                    while told < now["frames"]:
                        heard.append(stream.record()[1][2])
                        told += 1
                        if heard[-1] == "10150":
                            client.order("buy", "005930", 1)
                session.post(f"{server.url}/_world/acknowledge", json={"name": "bot", "sequence": sequence})

        thread = threading.Thread(target=bot)
        thread.start()
        with requests.Session() as tester:
            answer = tester.post(f"{server.url}/_world/advance", json={"until": "close"}).json()
        thread.join()
        assert answer["busy"] == []
        assert heard == ["10150", "10000", "10500", "10400"]
        assert client.executions("20240305")["output1"][0]["tot_ccld_amt"] == "10000"


def test_a_client_that_does_not_answer_stops_the_world_and_is_named() -> None:
    with make_server(daily(), make_config(), answer_seconds=0.05) as server, Client(server) as client:
        client.world("clients", {"name": "sleeper"})
        answer = client.advance(until="close")
        assert (client.last.status_code, answer["busy"], answer["time"][:16]) == (504, ["sleeper"], "2024-03-05T08:30")
        assert "sleeper" in answer["error"]
        client.session.delete(f"{client.url}/_world/clients/sleeper")
        assert client.advance(until="close")["time"][:16] == "2024-03-05T15:30"


def test_the_replayed_days_can_bear_todays_date() -> None:
    shown = date(2026, 11, 23)
    with make_server(daily(), make_config(), shown=shown) as server, Client(server, "live") as client:
        assert client.world("clock")["time"][:16] == "2026-11-20T18:00"  # the Friday before
        assert client.advance(until="open")["time"][:16] == "2026-11-23T09:00"
        client.order("buy", "005930", 1)
        client.advance(until="close")
        rows = client.executions("20261123")["output1"]
        assert [(row["ord_dt"], row["tot_ccld_qty"]) for row in rows] == [("20261123", "1")]
        chart = client.get(
            f"{QUOTES}/inquire-daily-itemchartprice", "FHKST03010100", **STOCK,
            FID_INPUT_DATE_1="00000101", FID_INPUT_DATE_2="20261231", FID_PERIOD_DIV_CODE="D", FID_ORG_ADJ_PRC="1",
        )["output2"]  # fmt: skip
        assert [row["stck_bsop_date"] for row in chart] == ["20261123", "20261120"]


def test_days_and_sessions_are_mapped_both_ways() -> None:
    dates = WireDates(date(2024, 3, 4), date(2026, 11, 23))
    for day in sessions_between(date(2023, 12, 1), date(2024, 6, 1)):
        shown = dates.out_day(day)
        assert is_session(shown)
        assert dates.in_day(shown) == day
    assert dates.out_day(date(2024, 3, 3)) == date(2026, 11, 22)  # the Sunday before
    assert WireDates(date(2024, 3, 4), date(2026, 11, 21)).out_day(date(2024, 3, 4)) == date(2026, 11, 23)
    assert WireDates(date(2024, 3, 4)).out_day(date(2024, 3, 3)) == date(2024, 3, 3)


def test_minute_bars_print_four_times_a_minute_and_orders_meet_them() -> None:
    bars = [(1_000 + step, 1_003 + step, 998 + step, 1_001 + step, 400) for step in range(12)]
    panel = make_panel({"005930": bars}, bars_a_session=6)
    with make_server(panel, make_config(), order_hours="any") as server, Client(server, "live") as client:
        clock = client.advance(bars=1)
        assert clock["time"][:19] == "2024-03-05T15:25:00"
        client.order("buy", "005930", 10)
        client.advance(until="step")
        row = client.executions("20240305")["output1"][0]
        assert (row["tot_ccld_qty"], row["tot_ccld_amt"]) == ("10", "10070")  # the open of the second minute
        client.advance(until="close")
        minutes = client.get(
            f"{QUOTES}/inquire-time-itemchartprice", "FHKST03010200", **STOCK,
            FID_INPUT_HOUR_1="153000", FID_PW_DATA_INCU_YN="N", FID_ETC_CLS_CODE="",
        )["output2"]  # fmt: skip
        found = [tuple(int(row[f"stck_{name}"]) for name in ("oprc", "hgpr", "lwpr", "prpr")) for row in minutes]
        assert found == [bar[:4] for bar in bars[:5:-1]]
        assert [row["stck_cntg_hour"] for row in minutes] == [f"15{minute}00" for minute in range(29, 23, -1)]


def test_time_can_run_by_itself_and_skips_the_nights() -> None:
    with make_server(daily(), make_config()) as server, Client(server) as client:
        clock = client.world("speed", {"speed": 1_000_000})
        while not clock["ended"]:
            clock = client.session.get(f"{client.url}/_world/clock?after={clock['sequence']}&wait=10").json()
        assert clock["sequence"] == 5 * 6  # five sessions of six steps
        assert client.price("005930")["output"]["stck_prpr"] == "10500"
        assert clock["time"][11:16] == "18:00"  # the books of the last day can be closed too
        assert clock["stands"]
        now = WorldClock(server.url)
        now.sleep(3_600)  # a trader that waits between two calls gets its answer all the same
        assert now.now() >= datetime.fromisoformat(clock["time"]) + timedelta(hours=1)
        now.close()


def test_no_evening_is_skipped_however_fast_time_runs() -> None:
    async def run_to_the_end() -> list[datetime]:
        shown: list[datetime] = []
        pace = Pace(World(daily(), make_config()), Clients(), 1.0, mark=shown.append)
        pace.speed = 1_000_000
        running = asyncio.create_task(pace.run())
        while not pace.has_ended:
            await asyncio.sleep(0.01)
        running.cancel()
        return shown

    shown = asyncio.run(run_to_the_end())
    evenings = [time.date() for time in shown if time.hour == 18]
    assert len(evenings) == len(set(evenings)) == 5
    assert not [time for time in shown if not 8 <= time.hour <= 18]


def test_the_night_waits_until_everybody_has_handled_the_evening() -> None:
    with make_server(daily(), make_config()) as server, Client(server) as client:
        client.world("clients", {"name": "trader"})
        clock = client.world("speed", {"speed": 1_000_000})
        for _ in range(6):  # the steps of the first session
            clock = client.session.get(f"{client.url}/_world/clock?after={clock['sequence']}&wait=10").json()
            clock = client.world("acknowledge", {"name": "trader", "sequence": clock["sequence"]})
        while not clock["busy"]:
            clock = client.session.get(f"{client.url}/_world/clock").json()
        assert (clock["time"][11:16], clock["sequence"]) == ("18:00", 6)
        client.world("acknowledge", {"name": "trader", "sequence": 6})
        clock = client.session.get(f"{client.url}/_world/clock?after=6&wait=10").json()
        assert clock["time"][:16] == "2024-03-06T08:30"


def test_a_night_halts_where_a_client_has_work_to_do_and_goes_on_when_that_is_done() -> None:
    with make_server(daily(), make_config()) as server, Client(server) as client:
        client.world("clients", {"name": "trader"})
        clock = client.world("speed", {"speed": 1_000_000})
        due = "2024-03-06T03:00:00+09:00"

        def handled(**more: object) -> dict:
            seen = {"name": "trader", "sequence": clock["sequence"], "seen": clock["time"]}
            return client.world("acknowledge", {**seen, **more})

        def look_until(time: str) -> dict:
            clock = client.world("clock")
            while not (clock["busy"] and clock["time"][:16] == time):
                clock = client.world("clock")
            return clock

        for _ in range(6):  # the steps of the first session
            clock = client.session.get(f"{client.url}/_world/clock?after={clock['sequence']}&wait=10").json()
            handled()
        clock = look_until("2024-03-05T18:00")
        handled(due=due)
        before, clock = clock, look_until("2024-03-06T03:00")
        now, clock = clock, before
        assert handled()["busy"], "what was said in the evening is no answer to the night"
        clock = now
        handled()
        clock = client.session.get(f"{client.url}/_world/clock?after=6&wait=10").json()
        assert clock["time"][:16] == "2024-03-06T08:30"


def test_time_that_flows_by_itself_stands_until_somebody_comes_and_again_when_the_last_has_left() -> None:
    with make_server(daily(), make_config()) as server:
        pace = server.server.pace
        pace.waits_for_company, pace.speed = True, 1_000_000

        def clock(path: str = "clock") -> dict:
            return requests.get(f"{server.url}/_world/{path}", timeout=20).json()

        first = clock("clock?after=0&wait=1")
        assert (first["sequence"], first["alone"], first["stands"]) == (0, True, True)
        requests.post(f"{server.url}/_world/clients", json={"name": "a", "ready": False}, timeout=10)
        assert not clock()["alone"]
        requests.delete(f"{server.url}/_world/clients/a", timeout=10)
        assert (clock("clock?after=0&wait=1")["sequence"], clock()["alone"]) == (0, True)
        with Client(server) as client:  # any program of KIS, which does not register
            client.price("005930")
            assert clock("clock?after=0&wait=20")["sequence"] > 0


def test_whoever_says_how_fast_starts_a_world_in_which_nobody_takes_part() -> None:
    with make_server(daily(), make_config()) as server:
        server.server.pace.waits_for_company = True
        requests.post(f"{server.url}/_world/speed", json={"speed": 1_000_000}, timeout=10)
        told = requests.get(f"{server.url}/_world/clock?after=0&wait=20", timeout=30).json()
        assert told["sequence"] > 0


def test_a_key_stands_in_front_of_every_path() -> None:
    with (
        make_server(daily(), make_config(), key="abc123") as server,
        Client(server) as client,
        client.stream() as stream,
    ):
        assert client.price("005930")["rt_cd"] == "0"
        assert stream.subscribe("H0STCNT0", "005930")["body"]["rt_cd"] == "0"
        for path in ("/", "/_world/clock", "/oauth2/tokenP", "/abc124/_world/clock"):
            assert requests.get(server.url + path, timeout=10).status_code == 403


def test_other_machines_need_a_key() -> None:
    check_host("127.0.0.1", "")
    check_host("::1", "")
    check_host("0.0.0.0", "key")
    for host in ("0.0.0.0", "192.168.0.7", "example.com"):
        with pytest.raises(ConfigError, match="key"):
            check_host(host, "")


def test_the_pages_of_other_hosts_cannot_move_the_world() -> None:
    with make_server(daily(), make_config()) as server:
        address = f"{server.url}/_world/advance"
        foreign = requests.post(address, json={"until": "step"}, headers={"Origin": "http://evil.example"}, timeout=10)
        own = requests.post(address, json={"until": "step"}, headers={"Origin": server.url}, timeout=10)
        assert (foreign.status_code, own.status_code) == (403, 200)


def test_the_page_explains_itself_in_korean_and_english() -> None:
    with make_server(daily(), make_config()) as server, Client(server) as client:
        korean, english = (requests.get(f"{server.url}/?lang={lang}", timeout=10).text for lang in ("ko", "en"))
        assert "KIS 호환 재생 서버" in korean
        assert "replay server" in english
        assert server.url in korean
        client.advance(until="open")
        client.order("buy", "005930", 1)
        accounts = {account["number"]: account for account in client.world("accounts")}
        assert accounts[client.number]["orders"][0]["name"] == "name of 005930"
        assert client.world("speed", {"speed": 60})["speed"] == 60


def test_an_unknown_app_key_gets_an_account_of_its_own_or_is_refused() -> None:
    for enrol in (True, False):
        with make_server(daily(), make_config(), accounts=(), enrol=enrol) as server:
            client = Client(server, "live")
            body = {"grant_type": "client_credentials", "appkey": "A" * 36, "appsecret": "B" * 180}
            answer = client.post_plain("/oauth2/tokenP", body)
            if not enrol:
                assert (client.last.status_code, answer["error_code"]) == (403, "EGW00103")
                client.session.close()
                continue
            client.token, client.app_key, client.app_secret = answer["access_token"], "A" * 36, "B" * 180
            assert client.balance()["output2"][0]["dnca_tot_amt"] == "10000000"
            client.number = "11112222"
            assert client.balance()["msg_cd"] == "OPSQ2000"  # one app key, one account
            client.session.close()


def test_the_world_needs_a_session_before_the_first_and_raw_prices() -> None:
    with pytest.raises(DataError, match="cannot start"):
        make_server(daily(), make_config(), start=date(2024, 3, 4))
    adjusted = make_panel({"005930": flat(1_000_000, 3)}, adjusted=True, price_scale=100)
    with pytest.raises(DataError, match="raw prices"):
        make_server(adjusted, make_config())
    with pytest.raises(BadInput):
        make_server(daily(), make_config(), start=date(2025, 3, 4))
