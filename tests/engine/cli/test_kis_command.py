"""`geoul kis doctor` and `geoul kis resolve`, as a person types them, against a server on loopback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from brokers.kis.world_clock import WorldClock
from brokers.kis_server.server import ServerThread
from engine.cli.kis import app
from engine.errors import BadInput
from engine.events import OrderAccepted, OrderUnknown
from engine.ledger.ledger import open_ledger
from engine.order import OrderStatus
from tests.builders_ledger import approve, make_clock, make_ledger, make_request
from tests.builders_panel import flat, make_panel
from tests.kis_client import Client, make_server
from tests.kis_venue import write_server_keys


@pytest.fixture
def server() -> Iterator[ServerThread]:
    with make_server(make_panel({"005930": flat(10_000, 4)})) as running:
        yield running


def run(tmp_path: Path, *arguments: str):
    # A fresh cache folder, so that no token of another test is reused.
    runner = CliRunner(env={"COLUMNS": "200", "GEOUL_CACHE": str(tmp_path / "cache"), "HOME": str(tmp_path)})
    return runner.invoke(app, [*arguments])


def secrets(client: Client) -> tuple[str, ...]:
    return client.app_key, client.app_secret, client.number


@pytest.mark.parametrize("environment", ["paper", "live"])
def test_doctor_finds_nothing_wrong_where_nothing_is(server, tmp_path, environment):
    client = Client(server, environment)
    file = write_server_keys(tmp_path, server, client)
    result = run(
        tmp_path, "doctor", "--env", environment, "--kis-config", str(file), "--clock", "world", "--lang", "en"
    )
    client.session.close()
    assert result.exit_code == 0, result.output
    assert result.output.count("✓") == 9
    assert "All is well" in result.output
    assert not [secret for secret in secrets(client) if secret in result.output]


def test_doctor_tells_a_wrong_key_a_loose_file_and_a_missing_hts_id(server, tmp_path):
    client = Client(server, "paper")
    client.app_secret, client.hts_id = "x" * 180, ""
    file = write_server_keys(tmp_path, server, client)
    file.chmod(0o644)
    result = run(tmp_path, "doctor", "--kis-config", str(file), "--clock", "world")
    client.session.close()
    assert result.exit_code == 1
    assert "chmod 600" in result.output
    assert "✗ 토큰·시세" in result.output
    assert not [secret for secret in secrets(client) if secret in result.output]


def test_doctor_tells_clocks_that_differ(server, tmp_path):
    client = Client(server, "paper")
    file = write_server_keys(tmp_path, server, client)
    result = run(tmp_path, "doctor", "--kis-config", str(file), "--lang", "en")
    client.session.close()
    assert result.exit_code == 1
    assert "--clock world" in result.output


def test_doctor_without_a_configuration_names_what_is_missing(tmp_path):
    result = run(tmp_path, "doctor", "--kis-config", str(tmp_path / "none.yaml"))
    assert result.exit_code == 1
    assert "none.yaml" in result.output
    assert "✓" not in result.output


@pytest.mark.parametrize("arguments", [("--env", "demo"), ("--clock", "sundial")])
def test_doctor_refuses_what_it_does_not_know(tmp_path, arguments):
    result = run(tmp_path, "doctor", *arguments)
    assert isinstance(result.exception, BadInput)


@pytest.fixture
def blocked(tmp_path: Path) -> tuple[Path, str]:
    """A ledger with an order whose answer was lost."""
    with make_ledger(tmp_path, deposit=10_000_000) as ledger:
        order = ledger.record_intent(approve(make_request()))
        ledger.record_outcome(OrderUnknown(time=ledger.clock.now(), order_id=order.id, text="no answer"))
    return tmp_path / "ledger.db", order.id


def test_resolve_lists_what_waits_and_takes_the_number_that_a_person_found(tmp_path, blocked):
    file, order = blocked
    assert order in run(tmp_path, "resolve", str(file)).output
    assert run(tmp_path, "resolve", str(file), order, "--number", "0000117057").exit_code == 0
    with open_ledger(file, make_clock()) as ledger:
        assert (ledger.order(order).status, ledger.order(order).order_number) == (OrderStatus.OPEN, "0000117057")
        assert ledger.blocked_tickers() == frozenset()
    assert "막힌 주문이 없습니다" in run(tmp_path, "resolve", str(file)).output


def test_resolve_takes_the_word_of_a_person_that_there_is_no_such_order(tmp_path, blocked):
    file, order = blocked
    assert run(tmp_path, "resolve", str(file), order, "--absent").exit_code == 0
    with open_ledger(file, make_clock()) as ledger:
        assert ledger.order(order).status is OrderStatus.NOT_SENT


@pytest.mark.parametrize("arguments", [(), ("--absent", "--number", "1"), ("--number", "12a"), ("--number", "0")])
def test_resolve_needs_one_clear_answer(tmp_path, blocked, arguments):
    file, order = blocked
    assert isinstance(run(tmp_path, "resolve", str(file), order, *arguments).exception, BadInput)
    with open_ledger(file, make_clock()) as ledger:
        assert ledger.order(order).status is OrderStatus.UNKNOWN


def test_resolve_of_an_order_that_does_not_wait_is_refused(tmp_path, blocked):
    file, _ = blocked
    assert isinstance(run(tmp_path, "resolve", str(file), "20990101-000001", "--absent").exception, BadInput)


def test_resolve_does_not_give_two_orders_one_number(tmp_path):
    with make_ledger(tmp_path, deposit=10_000_000) as ledger:
        known, lost = (ledger.record_intent(approve(make_request())) for _ in range(2))
        ledger.record_outcome(OrderAccepted(time=ledger.clock.now(), order_id=known.id, order_number="0000117057"))
        ledger.record_outcome(OrderUnknown(time=ledger.clock.now(), order_id=lost.id, text="no answer"))
    file = tmp_path / "ledger.db"
    refused = run(tmp_path, "resolve", str(file), lost.id, "--number", "117057").exception
    assert isinstance(refused, BadInput)
    assert known.id in str(refused)
    assert run(tmp_path, "resolve", str(file), lost.id, "--number", "117058").exit_code == 0


def test_resolve_of_an_account_on_a_served_market_bears_the_time_of_that_market(tmp_path, blocked, server):
    file, order = blocked
    assert run(tmp_path, "resolve", str(file), order, "--absent", "--world", server.url).exit_code == 0
    with contextlib.closing(WorldClock(server.url)) as world, open_ledger(file, make_clock()) as ledger:
        assert ledger.order(order).done_at == world.now()
