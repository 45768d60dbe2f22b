"""What happened and the alert that tells of it are one entry: a trader that dies there leaves both or neither."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import engine.trading.supervision_book
import engine.trading.trader
from engine.clock import SystemClock
from engine.ledger.alerts import all_alerts, record_alert
from engine.ledger.equity import equity_points
from engine.ledger.ledger import Ledger
from engine.ledger.supervision import supervisions
from engine.trading.control import ControlFile
from engine.trading.mirror_store import MirrorStore
from tests.kis_client import make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, Running, advance, market, trader_on, write_prompt


class Dies(BaseException):
    """The process is killed here."""


def dies_at(told: str) -> Callable[..., int]:
    """An outbox in front of which the process dies when it comes to an alert of this code."""

    def record(ledger: Ledger, urgency: Any, code: str, text: str, parameters: Any = None) -> int:
        if code == told:
            raise Dies
        return record_alert(ledger, urgency, code, text, parameters)

    return record


def codes(running: Running) -> list[str]:
    return [alert.code for alert in all_alerts(running.trading.ledger)]


def test_the_report_of_a_day_is_told_though_its_trader_died_when_the_books_were_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, prompt, folder = market(1, 3), write_prompt(tmp_path), tmp_path / "a"
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with monkeypatch.context() as patched, trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            advance(server, running, "close")
            server_time = server.server.world.now().replace(hour=18)
            server.server.world.set_time(server_time)
            patched.setattr(engine.trading.trader, "record_alert", dies_at("day_report"))
            with pytest.raises(Dies):
                running.trading.trader.turn(0.0)
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            running.trading.trader.begin()
            running.trading.trader.turn(0.0)
            assert codes(running).count("day_report") == 1
            assert [point.session for point in equity_points(running.trading.ledger)] == [panel.session_date(BEFORE)]
            assert MirrorStore(folder).days()


def test_a_halt_is_told_though_its_trader_died_when_it_came_into_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, prompt, folder = market(1, 3), write_prompt(tmp_path), tmp_path / "a"
    halt = {"reason": "a test", "everything": False, "cancel": False, "sell": False}
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with monkeypatch.context() as patched, trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            running.trading.trader.begin()
            asked = ControlFile(folder).ask("halt", "tester", halt, SystemClock().now())
            patched.setattr(engine.trading.supervision_book, "record_alert", dies_at("halted"))
            with pytest.raises(Dies):
                running.trading.trader.turn(0.0)
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            running.trading.trader.begin()
            assert ControlFile(folder).request(asked).done
            assert len(supervisions(running.trading.ledger.connection)) == codes(running).count("halted") == 1


def test_a_session_whose_mirror_was_cut_off_is_mirrored_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, prompt, folder = market(1, 4), write_prompt(tmp_path), tmp_path / "a"
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            advance(server, running, "evening")
        with monkeypatch.context() as patched, trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            advance(server, running, "close")
            server.server.world.set_time(server.server.world.now().replace(hour=18))

            def dies(store: MirrorStore, days: object) -> None:
                raise Dies

            patched.setattr(MirrorStore, "keep", dies)
            with pytest.raises(Dies):
                running.trading.trader.turn(0.0)
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            advance(server, running, "evening")
            mirrored = [day.session for day in MirrorStore(folder).days()]
            assert mirrored == [point.session for point in equity_points(running.trading.ledger)]
            assert len(mirrored) == 3
