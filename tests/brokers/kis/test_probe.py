"""The probe against the server in several positions of its switches; the adapter then uses what was found."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from brokers.kis.config import KisConfig, load_kis_config
from brokers.kis.findings import Findings, load_findings
from brokers.kis.history import KisHistory
from brokers.kis.probe import Probe, ProbeSettings
from brokers.kis.rest import KisRest
from brokers.kis.world_clock import WorldClock
from brokers.kis_server.server import ServerThread
from engine.cli.kis import app
from engine.clock import SystemClock
from engine.errors import BadInput, ConfigError
from engine.krx.sessions import sessions_between
from tests.builders_panel import DAY_ONE, flat, make_panel
from tests.kis_client import Client, make_server
from tests.kis_venue import write_server_keys
from tests.scripted_kis import SharedClock, good, make_kis_config, scripted_kis

DAYS = sessions_between(DAY_ONE, date(2025, 12, 1))
LENGTH = 130


@contextmanager
def probing(
    tmp_path: Path, environment: str, **switches: Any
) -> Iterator[tuple[ServerThread, Client, KisConfig, WorldClock, Path]]:
    """A server in the middle of a session, and a configuration that points at it."""
    bars = {"005930": flat(10_000, LENGTH - 20) + flat(5_000, 20)}
    panel = make_panel(bars, splits=[(LENGTH - 20, "005930", 2, 1)], index=[2_000.0] * LENGTH)
    served = make_server(panel, start=DAYS[LENGTH - 3], ping_seconds=0.1, **switches)
    with served as server, Client(server, environment) as client:
        client.advance(until="open")
        path = write_server_keys(tmp_path, server, client)
        options = {"token_folder": tmp_path / "tokens", "calls_per_second": 500}
        config = load_kis_config(environment, variables={}, path=path, options=options)  # type: ignore[arg-type]
        clock = WorldClock(server.url)
        yield server, client, config, clock, path
        clock.close()


def run(server: ServerThread, client: Client, config: KisConfig, clock: WorldClock, **settings: Any) -> Findings:
    """Probe; as soon as the stream is listened to, the world prints trades."""
    done = threading.Event()

    def trade() -> None:
        heard = server.server.stream._heard
        while not done.wait(0.02):
            if heard.get(("H0STCNT0", "005930")):
                client.session.post(f"{client.url}/_world/advance", json={"until": "step"})
                client.session.post(f"{client.url}/_world/advance", json={"until": "step"})
                return

    trader = threading.Thread(target=trade)
    trader.start()
    probe = Probe(config, clock, clock.sleep, ProbeSettings(**{"rates": (), "listen_seconds": 1.0, **settings}))
    names = [answered.name for answered in probe.run()]
    done.set()
    trader.join()
    assert len(names) == len(set(names))
    return probe.findings


def answer(findings: Findings, name: str) -> Any:
    (found,) = [one for one in findings.questions if one.name == name]
    return found


@pytest.mark.parametrize(("layout", "trade", "notice"), [("legacy", 46, 23), ("2025", 46, 26), ("2026", 47, 26)])
def test_layouts_keys_and_notices_are_found_with_one_order_on_paper(tmp_path, layout, trade, notice):
    with probing(tmp_path, "paper", layout=layout) as (server, client, config, clock, _):
        findings = run(server, client, config, clock, order=True)
        orders = client.executions(f"{clock.now():%Y%m%d}")["output1"]
    assert (findings.field_counts["H0STCNT0"], findings.field_counts["H0STCNI9"]) == (trade, notice)
    assert findings.field_counts["H0STASP0"] == 59
    assert f"H0STCNT0 {trade}" in answer(findings, "fields").finding_en
    assert (findings.notices, findings.lists_rows) == (True, True)
    assert answer(findings, "order_keys").finding_en == "keys upper case, number not padded"
    assert not answer(findings, "branch").is_open
    assert not answer(findings, "ping").is_open
    assert orders
    assert {(row["rmn_qty"], row["tot_ccld_qty"]) for row in orders} == {("0", "0")}  # cancelled, nothing bought


def test_live_is_only_read_and_has_the_other_exchanges_messages(tmp_path):
    with probing(tmp_path, "live", layout="2026") as (server, client, config, clock, _):
        with pytest.raises(BadInput, match="on paper"):
            Probe(config, clock, clock.sleep, ProbeSettings(order=True))
        findings = run(server, client, config, clock)
        orders = client.executions(f"{clock.now():%Y%m%d}")["output1"]
    assert orders == []
    assert answer(findings, "notices").is_open
    assert findings.field_counts["H0STCNT0"] == 47
    assert answer(findings, "list").is_open


def test_pages_and_the_meaning_of_the_change_are_found(tmp_path):
    with probing(tmp_path, "live") as (server, client, config, clock, _):
        findings = run(server, client, config, clock)
    assert findings.most_rows == {"inquire_daily_itemchartprice": 100, "inquire_daily_indexchartprice": 50}
    assert answer(findings, "base").finding_en == "the change counts from the base price"
    assert "output2 []" in answer(findings, "empty").finding_en


def test_a_list_without_rows_and_errors_are_written_down(tmp_path):
    with probing(tmp_path, "paper") as (server, client, config, clock, _):
        client.order("buy", "005930", 1, 4_000)
        client.world("faults", [{"fault": "empty_output1", "calls": ["inquire_daily_ccld"]}])
        client.world(
            "faults",
            [
                {"fault": "empty_output1", "calls": ["inquire_daily_ccld"]},
                {"fault": "gateway_timeout", "calls": ["inquire_balance"], "times": 1},
            ],
        )
        findings = run(server, client, config, clock)
    assert findings.lists_rows is False
    assert answer(findings, "list").finding_en == "sums only, no rows"
    assert "inquire_balance" in answer(findings, "statuses").finding_en


@pytest.mark.parametrize(("limit", "rates", "advised"), [(4, (3.0, 6.0), 2.55), (30, (6.0,), 5.1)])
def test_the_rate_is_raised_until_it_is_refused_and_used_from_then_on(tmp_path, limit, rates, advised):
    switches = {"live_calls_per_second": limit, "clock": SystemClock()}
    with probing(tmp_path, "live", **switches) as (server, client, config, clock, path):
        findings = run(server, client, config, clock, rates=rates)
        assert findings.calls_per_second == advised
        findings.save(config.findings_path)
        options = {"token_folder": tmp_path / "tokens"}
        again = load_kis_config("live", variables={}, path=path, options=options)
        assert again.options.calls_per_second == advised
        own = load_kis_config("live", variables={}, path=path, options={**options, "calls_per_second": 7})
        assert own.options.calls_per_second == 7


def test_a_market_that_is_closed_leaves_the_stream_open(tmp_path):
    with probing(tmp_path, "paper") as (_, client, config, clock, _path):
        client.advance(until="evening")
        clock.refresh()
        probe = Probe(config, clock, clock.sleep, ProbeSettings(rates=(), listen_seconds=0.3, order=True))
        told = {answered.name: answered for answered in probe.run()}
    assert told["fields"].is_open
    assert "refused" in told["rejection"].finding_en
    assert told["notices"].is_open


def test_the_command_prints_a_table_and_writes_a_private_file_without_secrets(tmp_path):
    with probing(tmp_path, "paper") as (_, client, _config, _clock, path):
        runner = CliRunner(env={"COLUMNS": "200", "GEOUL_CACHE": str(tmp_path / "cache"), "HOME": str(tmp_path)})
        line = ["probe", "--no-rate", "--listen", "1", "--clock", "world", "--lang", "en", "--kis-config", str(path)]
        result = runner.invoke(app, [*line, "--out", str(tmp_path / "found.yaml")])
        assert result.exit_code == 0, result.output
    text = (tmp_path / "found.yaml").read_text(encoding="utf-8")
    assert stat.S_IMODE((tmp_path / "found.yaml").stat().st_mode) == 0o600
    assert "How many rows does one answer hold?" in result.output
    for secret in (client.app_key, client.app_secret, client.number, client.token):
        assert secret not in text + result.output


def test_shorter_pages_that_were_found_are_followed_to_the_end(tmp_path):
    clock = SharedClock()
    page = [
        {
            "stck_bsop_date": f"202611{day:02}",
            "stck_clpr": "100",
            "stck_oprc": "100",
            "stck_hgpr": "100",
            "stck_lwpr": "100",
            "acml_vol": "7",
        }
        for day in (20, 19, 18, 17)
    ]
    with scripted_kis(clock) as host:
        place = "/uapi/domestic-stock/v1/quotations/inquire-daily-itemchartprice"
        pages = [good(output1={}, output2=page[:2]), good(output1={}, output2=page[2:]), good(output1={}, output2=[])]
        config = make_kis_config(tmp_path, host.url)
        for found, count in ((None, 2), (2, 4)):
            host.on(place, *pages)
            if found:
                known = Findings(
                    environment="paper",
                    host=host.url,
                    probed_at="now",
                    most_rows={"inquire_daily_itemchartprice": found},
                )
                config = config.model_copy(update={"findings": known})
            rest = KisRest(config, clock, sleep=clock.sleep)
            bars = KisHistory(rest, clock).bars("005930", "1d", date(2026, 11, 1), date(2026, 11, 20))
            assert bars.height == count
            rest.close()


def test_findings_of_another_host_are_not_believed_and_a_damaged_file_is_told(tmp_path):
    path = tmp_path / "found.yaml"
    Findings(environment="paper", host="http://127.0.0.1:1", probed_at="now", silence_seconds=90.0).save(path)
    assert load_findings(path, "http://127.0.0.1:2") is None
    found = load_findings(path, "http://127.0.0.1:1")
    assert found is not None
    config = make_kis_config(tmp_path, "http://127.0.0.1:1", findings=path)
    assert config.stream_settings().silence_seconds == 90.0
    path.write_text("calls_per_second: -1\n")
    with pytest.raises(ConfigError, match="geoul kis probe"):
        load_findings(path, "http://127.0.0.1:1")
