"""`geoul serve` on a folder of `geoul data record`: a foreign client sees the recorded trades and trades on them."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from engine.errors import BadInput, DataError
from tests.builders_recording import TUESDAY, write_daily, write_recording
from tests.kis_client import QUOTES, Client

SAMSUNG, HYNIX = "005930", "000660"
BARS = {SAMSUNG: [(9_800, 9_900, 9_700, 9_900, 50)], HYNIX: [(20_000, 20_100, 19_900, 20_050, 60)]}
TICKS = [
    (SAMSUNG, "09:00:02", 10_000, 300),
    (HYNIX, "09:00:02", 20_000, 30),
    (SAMSUNG, "09:00:41", 10_050, 200),
    (SAMSUNG, "09:01:05", 10_020, 100),
    (HYNIX, "15:30:20", 20_100, 90),
]
STOCK = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": SAMSUNG}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("serve")
    recording = write_recording(root / "recording", TICKS, TUESDAY, {SAMSUNG: 9_900, HYNIX: 20_050})
    return recording, write_daily(root / "daily", BARS)


@contextlib.contextmanager
def served(folders: tuple[Path, Path], *options: str) -> Iterator[Client]:
    """An enrolled client of the served recording, which has read the greeting; at the end the server is killed."""
    recording, daily = folders
    command = [sys.executable, "-m", "engine.cli.main", "serve", "--data", str(recording), "--daily", str(daily)]
    command += ["--port", "0", "--speed", "0", "--lang", "en", *options]
    surroundings = {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "120"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings)
    assert process.stdout is not None
    try:
        greeting = ""
        while "Ctrl-C" not in greeting:
            line = process.stdout.readline()
            assert line, "the server ended"
            greeting += line
        address = re.search(r"http://127\.0\.0\.1:\d+", greeting)
        assert address is not None
        assert "5 trades recorded from 2024-03-05 to 2024-03-05; left out: 0 outside" in greeting
        server: Any = SimpleNamespace(url=address[0], server=SimpleNamespace(setup=SimpleNamespace(key="")))
        with Client(server, "live") as connected:
            yield connected
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def client(folders: tuple[Path, Path]) -> Iterator[Client]:
    with served(folders) as connected:
        yield connected


def test_a_client_sees_the_recorded_day_and_fills_at_its_trades(client: Client) -> None:
    assert client.price(SAMSUNG)["output"]["stck_prpr"] == "9900"
    client.advance(until="morning")
    assert client.price(SAMSUNG)["output"]["stck_sdpr"] == "9900"
    assert client.order("buy", SAMSUNG, 45)["rt_cd"] == "0"
    client.advance(until="open")
    ioc = client.order("buy", HYNIX, 99, 20_100, "11")  # meets the first trade of its own name, not that of another
    assert ioc["rt_cd"] == "0"
    with client.stream() as stream:
        for ticker in (SAMSUNG, HYNIX):
            stream.subscribe("H0STCNT0", ticker)
        client.advance(to="2024-03-05T12:00:00")
        told = [stream.record()[1] for _ in range(4)]
        assert [(row[0], row[1], row[2], row[12], row[13]) for row in told] == [
            (SAMSUNG, "090002", "10000", "300", "300"),
            (HYNIX, "090002", "20000", "30", "30"),
            (SAMSUNG, "090041", "10050", "200", "500"),
            (SAMSUNG, "090105", "10020", "100", "600"),
        ]
    held = {row["pdno"]: (row["hldg_qty"], row["pchs_amt"]) for row in client.balance()["output1"]}
    assert held == {SAMSUNG: ("45", str(30 * 10_000 + 15 * 10_050)), HYNIX: ("3", "60000")}
    executions = {row["odno"]: row for row in client.executions("20240305")["output1"]}
    done = executions[ioc["output"]["ODNO"]]
    assert (done["tot_ccld_qty"], done["cncl_cfrm_qty"], done["rmn_qty"]) == ("3", "96", "0")


def test_candles_trades_and_limits_are_those_of_the_recording(client: Client) -> None:
    client.advance(to="2024-03-05T15:29:00")
    quote = client.price(SAMSUNG)["output"]
    assert [quote[name] for name in ("stck_oprc", "stck_hgpr", "stck_lwpr", "acml_vol")] == [
        "10000",
        "10050",
        "10000",
        "600",
    ]
    assert (quote["stck_mxpr"], quote["stck_llam"]) == ("12870", "6930")
    minutes = client.get(
        f"{QUOTES}/inquire-time-itemchartprice",
        "FHKST03010200",
        **STOCK,
        FID_ETC_CLS_CODE="",
        FID_INPUT_HOUR_1="120000",
        FID_PW_DATA_INCU_YN="N",
    )["output2"]
    shown = [
        (row["stck_cntg_hour"], row["stck_oprc"], row["stck_hgpr"], row["stck_prpr"], row["cntg_vol"])
        for row in minutes
    ]
    assert shown[:2] == [("090100", "10020", "10020", "10020", "100"), ("090000", "10000", "10050", "10050", "500")]
    days = client.get(
        f"{QUOTES}/inquire-daily-itemchartprice",
        "FHKST03010100",
        **STOCK,
        **{
            "FID_INPUT_DATE_1": "20240301",
            "FID_INPUT_DATE_2": "20240305",
            "FID_PERIOD_DIV_CODE": "D",
            "FID_ORG_ADJ_PRC": "1",
        },
    )["output2"]
    assert [(row["stck_bsop_date"], row["stck_clpr"], row["acml_vol"]) for row in days] == [
        ("20240305", "10020", "600"),
        ("20240304", "9900", "50"),
    ]


def test_the_day_ends_after_its_last_trade(client: Client) -> None:
    client.advance(until="close")
    clock = client.world("clock")
    assert clock["time"][:19] == "2024-03-05T15:30:20"
    assert client.price(HYNIX)["output"]["stck_prpr"] == "20100"


def test_a_killed_server_goes_on_at_the_trade_where_it_was(folders: tuple[Path, Path], tmp_path: Path) -> None:
    kept = ["--state", str(tmp_path / "world")]
    with served(folders, *kept) as client:
        client.advance(until="open")
        assert client.order("buy", SAMSUNG, 45)["rt_cd"] == "0"
        client.advance(to="2024-03-05T09:00:30")
    with served(folders, *kept) as client:
        assert client.world("clock")["time"][:19] == "2024-03-05T09:00:30"
        assert [row["hldg_qty"] for row in client.balance()["output1"]] == ["30"]
        client.advance(to="2024-03-05T09:00:41.5")
        assert [row["hldg_qty"] for row in client.balance()["output1"]] == ["45"]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ([], BadInput, "Give a dataset"),
        (["--daily", "{daily}", "--interval", "1m"], BadInput, "leave --interval out"),
        (["--daily", "{daily}", "--ticker", "035720"], DataError, "has no trade of 035720"),
        (["--daily", "{recording}"], DataError, "not a dataset"),
        (["--data", "{daily}", "--daily", "{daily}"], BadInput, "goes with a recording"),
    ],
)
def test_what_a_recording_lacks_is_told(
    folders: tuple[Path, Path], options: list[str], error: type[Exception], words: str
) -> None:
    recording, daily = folders
    named = [option.format(recording=recording, daily=daily) for option in options]
    result = CliRunner().invoke(app, ["serve", "--data", str(recording), "--port", "0", *named])
    assert isinstance(result.exception, error), result.output
    assert words in str(result.exception)
