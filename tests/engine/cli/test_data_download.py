"""`geoul data download` as a person types it, against a server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from brokers.kis_server.server import ServerThread
from engine.cli.data import app
from engine.cli.universe import universe_codes
from engine.errors import BadInput
from engine.krx.sessions import sessions_between
from tests.builders_panel import DAY_ONE, flat, make_panel
from tests.kis_client import Client, make_server
from tests.kis_venue import write_server_keys

DAYS = sessions_between(DAY_ONE, date(2024, 4, 1))


@pytest.fixture
def server() -> Iterator[ServerThread]:
    panel = make_panel({"005930": flat(10_000, 8), "000660": flat(20_000, 8)}, index=[2_000.0] * 8)
    with make_server(panel, start=DAYS[5]) as running:
        yield running


def run(tmp_path: Path, server: ServerThread, *arguments: str):
    client = Client(server, "paper")
    client.session.close()
    file = write_server_keys(tmp_path, server, client)
    runner = CliRunner(env={"COLUMNS": "200", "GEOUL_CACHE": str(tmp_path / "cache"), "HOME": str(tmp_path)})
    return runner.invoke(app, ["download", *arguments, "--kis-config", str(file), "--clock", "world"])


def test_a_universe_file_is_downloaded_and_then_extended_without_saying_more(tmp_path, server):
    universe = tmp_path / "universe.csv"
    universe.write_text(
        'ticker,name\n"005930",삼성전자\n000660,SK하이닉스 # a note\n999999,없음\n', encoding="utf-8-sig"
    )
    folder = str(tmp_path / "mine")
    result = run(tmp_path, server, folder, "--universe", str(universe), "--from", str(DAYS[0]), "--lang", "en")
    assert result.exit_code == 0, result.output
    assert f"10 new bars, up to {DAYS[4]}" in result.output
    assert "Unknown to KIS, or no bar: 999999, KOSDAQ" in result.output
    with Client(server, "paper") as client:
        client.advance(until="evening")
    result = run(tmp_path, server, folder)
    assert result.exit_code == 0, result.output
    assert f"새 봉 2개, {DAYS[5]}까지" in result.output


def test_a_lost_host_is_told_with_what_to_do(tmp_path, server):
    with Client(server, "paper") as client:
        client.world("faults", [{"fault": "server_error", "calls": ["reads"]}])
        assert client.last.status_code == 200
    result = run(tmp_path, server, str(tmp_path / "mine"), "--ticker", "005930", "--from", str(DAYS[0]))
    assert result.exit_code == 1
    assert "같은 명령으로 이어서" in result.output


def test_a_universe_without_codes_is_refused(tmp_path, server):
    with pytest.raises(BadInput, match="name no code"):
        (tmp_path / "empty.txt").write_text("ticker\n")
        result = run(tmp_path, server, str(tmp_path / "mine"), "--universe", str(tmp_path / "empty.txt"))
        raise result.exception or AssertionError(result.output)


def test_codes_come_from_every_option_and_each_once(tmp_path):
    listed = tmp_path / "names.txt"
    listed.write_text("000660\n035720 # a note\n", encoding="utf-8")
    assert universe_codes(None, None) is None
    assert universe_codes(["005930", "000660,035420"], listed, "005930,051910") == [
        "005930",
        "000660",
        "035420",
        "051910",
        "035720",
    ]
    assert universe_codes(None, None, "005930") == ["005930"]
    with pytest.raises(BadInput, match="name no code"):
        universe_codes([" ,"], None)


def test_the_option_is_ticker_and_its_old_name_still_works(tmp_path, server):
    for option in (("--ticker", "005930", "--ticker", "000660"), ("--tickers", "005930,000660")):
        folder = tmp_path / option[0].strip("-")
        result = run(tmp_path, server, str(folder), *option, "--from", str(DAYS[0]), "--lang", "en")
        assert "10 new bars" in result.output, result.output
    help_text = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["download", "--help"]).output
    assert "--ticker " in help_text and "--tickers" not in help_text
