"""A machine's clock is set to another day while the trader runs: the books stay with KIS's time, or nothing is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

import tests.trading_world as trading_world
from brokers.kis.errors import KisError
from brokers.kis.world_clock import WorldClock
from brokers.kis_server.server import ServerThread
from brokers.kis_trading.right_clock import RightClock
from engine.cli.trading_options import KEYS, keys_and_time
from engine.clock import SystemClock
from engine.data.panel import Panel
from engine.errors import DataError
from engine.ledger.alerts import Urgency, all_alerts
from engine.ledger.equity import equity_points
from engine.ledger.ledger import Ledger, open_ledger
from engine.rules.edit import add_rule
from engine.rules.tree import Category
from engine.steady_clock import SteadyClock
from engine.trading.account_jobs import RegularWork
from engine.trading.decision import RulesInForce
from engine.trading.heartbeat import last_beat
from engine.trading.prompts import rules_in_force
from tests.builders_panel import Bar, make_panel
from tests.engine.test_steady_clock import Machine
from tests.kis_client import Client, make_server
from tests.trading.test_week import backups_of, finish_work
from tests.trading_world import BEFORE, SETTINGS, Running, advance, entry, trader_on
from tests.week.trader import PausedMachine

NAME = "000100"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
QUIET: Bar = (10_000, 10_050, 9_950, 10_000, 500_000)
DIP: Bar = (10_000, 10_000, 9_500, 9_600, 500_000)
BOUGHT: Bar = (9_600, 9_650, 9_590, 9_600, 500_000)
DEEP: Bar = (9_600, 9_640, 9_000, 9_610, 500_000)  # below the stop at 11:10
DAYS = [*[QUIET] * (BEFORE - 1), DIP, BOUGHT, DEEP, BOUGHT]


@contextmanager
def watching_a_stop(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    until: Sequence[str] = ("evening", "open"),
    work: RegularWork | None = None,
) -> Iterator[tuple[ServerThread, Running, PausedMachine, Panel]]:
    """A trader that has bought on the first day, on a machine of which the test has the clock."""
    monkeypatch.setattr(trading_world, "WorldClock", PausedMachine)
    monkeypatch.setattr("brokers.kis_trading.right_clock._AGAIN_SECONDS", 0.0)
    monkeypatch.setattr("engine.trading.monitor.EVERY_SECONDS", 0.0)  # the machine's: a served day may take less
    text = "## 투자 원칙 및 규칙\n**주기**: 1d\n"
    text = add_rule(text, entry("dip", Category.ENTRY, "close < 0.98 * lag(close, 1)", "buy 20% of equity"))
    text = add_rule(text, entry("stop", Category.EXIT, "pnl <= -4%", "sell all"))
    prompt, panel = tmp_path / "prompt.md", make_panel({NAME: DAYS}, index=[2_000.0] * len(DAYS))
    prompt.write_text(text, encoding="utf-8")
    machines: list[PausedMachine] = []

    def seen_by(clock: WorldClock) -> SteadyClock:
        assert isinstance(clock, PausedMachine)
        machines.append(clock)
        return SteadyClock(clock, clock.elapsed)

    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, tmp_path / "a", prompt, (NAME,), SETTINGS, work=work, seen_by=seen_by) as running,
    ):
        for moment in until:
            advance(server, running, moment)
        yield server, running, machines[0], panel


def told(ledger: Ledger) -> list[tuple[str, Urgency]]:
    return [(each.code, each.urgency) for each in all_alerts(ledger) if each.code.startswith("clock_")]


def sold(ledger: Ledger) -> list[str]:
    """Days on which the stop was sold, by the ledger."""
    rows = ledger.connection.execute("SELECT intended_at FROM orders WHERE side = 'sell'").fetchall()
    return [moment[:10] for (moment,) in rows]


def refuse_reads(client: Client, how_often: int) -> None:
    rules = [{"fault": "server_error", "calls": ["reads"], "every": 1, "times": how_often}] if how_often else []
    client.session.post(f"{client.server.url}/_world/faults", json=rules).raise_for_status()


@pytest.mark.parametrize("jump", [DAY, -DAY, timedelta(days=400)])
def test_a_day_is_lived_through_by_a_clock_that_is_a_day_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    with watching_a_stop(tmp_path, monkeypatch) as (server, running, machine, panel):
        machine.shift = jump
        running.trading.trader.turn(0.0)  # before the world moves: its steps of hours are no machine's
        advance(server, running, "evening")
        ledger, days = running.trading.ledger, [panel.session_date(BEFORE + number) for number in (0, 1)]
        assert sold(ledger) == [days[1].isoformat()]
        assert not ledger.positions
        assert [point.session for point in equity_points(ledger)] == days
        assert told(ledger) == [("clock_jumped", Urgency.CRITICAL)]
        health = running.trading.monitor.latest
        assert health is not None and health.facts.clock_drift == pytest.approx(-jump.total_seconds(), abs=60)
        machine.shift = timedelta(seconds=3)
        running.trading.trader.turn(0.0)
        assert told(ledger)[1:] == [("clock_right", Urgency.INFO)]


def test_work_that_reads_the_machine_s_clock_waits_until_that_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching_a_stop(tmp_path, monkeypatch, work=RegularWork()) as (server, running, machine, panel):
        finish_work(running.trading.schedule, running.trading.trader.turn)
        first, second = (panel.session_date(BEFORE + number) for number in (0, 1))
        machine.shift = DAY
        running.trading.trader.turn(0.0)
        advance(server, running, "evening")
        for _ in range(3):
            running.trading.trader.turn(0.0)
        assert not running.trading.schedule.is_busy
        assert backups_of(tmp_path / "a") == [first]
        machine.shift = timedelta(0)
        running.trading.trader.turn(0.0)
        finish_work(running.trading.schedule, running.trading.trader.turn)
        assert backups_of(tmp_path / "a") == [first, second]


def test_nothing_is_sent_until_kis_can_say_what_time_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        watching_a_stop(tmp_path, monkeypatch) as (server, running, machine, panel),
        Client(server, "live") as client,
    ):
        trader, ledger = running.trading.trader, running.trading.ledger
        refuse_reads(client, 1_000)
        machine.shift = DAY
        trader.orders.on_trade(NAME, 9_000)  # the stop is reached
        for _ in range(3):
            trader.turn(0.0)
            trader.guard()
        assert not sold(ledger)
        assert told(ledger) == [("clock_unknown", Urgency.CRITICAL)]
        beat = last_beat(tmp_path / "a", SystemClock())
        assert beat is not None and beat.is_alive, "nothing is silent"
        refuse_reads(client, 0)
        trader.turn(0.0)
        assert sold(ledger) == [panel.session_date(BEFORE + 1).isoformat()]
        assert told(ledger)[1:] == [("clock_jumped", Urgency.CRITICAL)]


def test_a_clock_that_comes_back_by_itself_ends_the_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        watching_a_stop(tmp_path, monkeypatch) as (server, running, machine, _),
        Client(server, "live") as client,
    ):
        trader, ledger = running.trading.trader, running.trading.ledger
        refuse_reads(client, 1_000)
        machine.shift = -DAY
        trader.turn(0.0)
        assert told(ledger) == [("clock_unknown", Urgency.CRITICAL)]
        machine.shift = timedelta(0)
        trader.turn(0.0)
        assert told(ledger)[1:] == [("clock_right", Urgency.INFO)]
        refuse_reads(client, 0)
        trader.orders.on_trade(NAME, 9_000)
        trader.turn(0.0)
        assert sold(ledger)


def test_where_neither_clock_is_right_it_waits_for_the_machine_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching_a_stop(tmp_path, monkeypatch) as (server, running, machine, panel):
        trader, ledger = running.trading.trader, running.trading.ledger
        machine._missed += 5 * HOUR.total_seconds()
        machine.shift = DAY
        trader.orders.on_trade(NAME, 9_000)
        for _ in range(3):
            trader.turn(0.0)
        assert not sold(ledger)
        assert told(ledger) == [("clock_unknown", Urgency.CRITICAL)]
        machine.shift = timedelta(0)
        trader.turn(0.0)
        assert told(ledger)[1:] == [("clock_followed", Urgency.INFO)]
        assert sold(ledger) == [panel.session_date(BEFORE + 1).isoformat()]
        advance(server, running, "evening")
        assert len(equity_points(ledger)) == 2


def test_a_machine_that_stood_still_goes_on_with_the_time_that_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching_a_stop(tmp_path, monkeypatch, until=("evening",)) as (server, running, machine, panel):
        machine.is_paused = True  # from one evening into the next morning
        advance(server, running, "open")
        assert told(running.trading.ledger) == [("clock_followed", Urgency.INFO)]
        advance(server, running, "evening")
        assert sold(running.trading.ledger) == [panel.session_date(BEFORE + 1).isoformat()]
        assert told(running.trading.ledger) == [("clock_followed", Urgency.INFO)]


def test_a_purchase_waits_where_the_time_is_lost_in_the_middle_of_a_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[bool] = []
    with (
        watching_a_stop(tmp_path, monkeypatch, until=()) as (server, running, machine, panel),
        Client(server, "live") as client,
    ):

        def rules_when_the_time_is_lost(prompt: Path, ledger: Ledger) -> RulesInForce:
            if not lost:
                lost.append(True)
                machine.shift = DAY
                refuse_reads(client, 8)
            return rules_in_force(prompt, ledger)

        monkeypatch.setattr("brokers.kis_trading.opening.rules_in_force", rules_when_the_time_is_lost)
        advance(server, running, "open")
        ledger = running.trading.ledger
        assert told(ledger) == [("clock_unknown", Urgency.CRITICAL), ("clock_jumped", Urgency.CRITICAL)]
        moments = ledger.connection.execute("SELECT intended_at FROM orders").fetchall()
        assert [moment[:16] for (moment,) in moments] == [f"{panel.session_date(BEFORE)}T09:00"], "08:30 was too soon"


class Kis:
    """Answers with a time, or not at all."""

    def __init__(self) -> None:
        self.clock_difference: timedelta | None = None
        self.answers: list[timedelta | None] = []
        self.seen_meanwhile: list[bool] = []
        self.right: RightClock

    def call(self, name: str) -> None:
        self.seen_meanwhile.append(self.right(0.0))
        answer = self.answers.pop(0)
        if answer is None:
            raise KisError("no line")
        self.clock_difference = answer


def test_guards_wait_while_kis_is_asked_and_a_silent_kis_leaves_the_doubt(tmp_path: Path) -> None:
    machine = SystemClock()
    kis, lines, slept, now = Kis(), list[str](), list[float](), [0.0]
    with open_ledger(tmp_path / "ledger.db", machine) as ledger:
        kis.right = right = RightClock(
            SteadyClock(machine, lambda: 0.0),
            kis,  # type: ignore[arg-type]
            ledger,
            tell=lines.append,
            lang="ko",
            steady=lambda: now[0],
            sleep=slept.append,
        )
        assert right(1.0)
        kis.clock_difference = 4 * HOUR  # some answer has told it: this machine stood still, its clock too
        kis.answers = [None, 4 * HOUR, timedelta(seconds=1)]
        assert not right(1.0)
        assert kis.seen_meanwhile == [False]
        assert not right(1.0) and len(kis.answers) == 2, "it is asked again after half a minute"
        assert slept == [1.0, 1.0]
        now[0] = 30.0
        assert not right(0.0)
        now[0] = 60.0
        assert right(1.0)
        assert [code for code, _ in told(ledger)] == ["clock_unknown", "clock_right"]
        assert len(lines) == 2 and "no line" in lines[0]


def test_kis_is_asked_at_once_when_the_machine_s_clock_is_set(tmp_path: Path) -> None:
    machine, kis = Machine(), Kis()
    with open_ledger(tmp_path / "ledger.db", SystemClock()) as ledger:
        clock = SteadyClock(machine, lambda: machine.passed)
        kis.right = right = RightClock(clock, kis, ledger, tell=print, lang="en", steady=lambda: 0.0)  # type: ignore[arg-type]
        machine.is_set(90 * timedelta(minutes=1))
        kis.answers = [5 * HOUR, 5 * HOUR]  # and it stood still for so long
        assert not right()
        assert not right(), "it was asked just now"
        assert len(kis.answers) == 1
        machine.is_set(5 * HOUR - 90 * timedelta(minutes=1))
        assert right()
        assert clock.now() == machine.time
        assert [code for code, _ in told(ledger)] == ["clock_unknown", "clock_followed"]


def test_a_trader_does_not_begin_at_a_time_that_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RightClock, "__call__", lambda right, wait_seconds=0.0: False)
    with (
        pytest.raises(DataError, match="what time it is"),
        watching_a_stop(tmp_path, monkeypatch),
    ):
        """It does not come to this."""


def test_a_trader_at_kis_has_a_steady_clock_over_the_machine_s(tmp_path: Path) -> None:
    with pytest.raises(KisError):  # nobody serves a market there, but the keys are made
        keys_and_time("live", tmp_path, "http://127.0.0.1:1", None, "world")
    _, clock, _ = keys_and_time("live", tmp_path, None, tmp_path / KEYS, "system")
    assert isinstance(clock, SteadyClock)
    assert isinstance(clock.machine, SystemClock)
