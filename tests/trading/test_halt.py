"""The kill switch: nothing new is bought, whoever throws it and however; it outlives the trader; a person ends it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from brokers.kis_server.server import ServerThread
from engine.clock import KST, SimulatedClock, SystemClock
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.supervision import What, supervisions
from engine.ledger.verify import verify
from engine.order import OrderRequest, OrderStatus, RefusalReason, Side
from engine.rules.tree import Category
from engine.trading.control import ControlFile
from engine.trading.heartbeat import Heartbeat, SilenceWatch
from tests.builders_panel import make_panel
from tests.kis_client import Client, make_server
from tests.kis_venue import write_server_keys
from tests.trading_world import (
    BEFORE,
    NAMES,
    SETTINGS,
    Running,
    advance,
    market,
    trader_on,
    write_prompt,
    write_rules,
)

ROOT = Path(__file__).parents[2]
HALT = {"reason": "a test", "everything": False, "cancel": False, "sell": False}


def ask(folder: Path, command: str, **parameters: object) -> int:
    """As another process would."""
    return ControlFile(folder).ask(command, "tester", parameters, SystemClock().now())


def answer(folder: Path, request: int) -> tuple[bool, str]:
    told = ControlFile(folder).request(request)
    assert told.is_answered
    return told.done, told.answer


def orders_of(ledger: Ledger, side: Side) -> int:
    return int(ledger.connection.execute("SELECT count(*) FROM orders WHERE side = ?", (side.value,)).fetchone()[0])


def wait_for(what: str, is_so: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def traded_days(server: ServerThread, running: Running, count: int) -> None:
    for _ in range(count):
        advance(server, running, "evening")


def test_a_halt_stops_purchases_and_not_exits_until_a_person_says_why_it_may_go_on(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 12), write_prompt(tmp_path), tmp_path / "a"
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, folder, prompt, NAMES, SETTINGS) as running,
    ):
        traded_days(server, running, 3)
        ledger = running.trading.ledger
        assert ledger.positions
        bought, sold = orders_of(ledger, Side.BUY), orders_of(ledger, Side.SELL)
        asked = ask(folder, "halt", **HALT)
        traded_days(server, running, 5)
        assert answer(folder, asked)[0]
        assert orders_of(ledger, Side.BUY) == bought
        assert orders_of(ledger, Side.SELL) > sold
        refused = ledger.connection.execute("SELECT nodes FROM decisions ORDER BY time DESC LIMIT 5").fetchall()
        assert any("halted: nothing is bought" in nodes for (nodes,) in refused)
        no_reason = ask(folder, "resume", reason=" ")
        resumed = ask(folder, "resume", reason="the price feed is back")
        traded_days(server, running, 4)
        assert not answer(folder, no_reason)[0]
        assert answer(folder, resumed)[0]
        assert orders_of(ledger, Side.BUY) > bought
        kinds = [(each.what, each.who, each.reason) for each in supervisions(ledger.connection)]
        assert kinds == [
            (What.HALT, "tester", "a test"),
            (What.RESUME, "tester", "the price feed is back"),
        ]
        assert verify(ledger.connection) == ()
        codes = {code for (code,) in ledger.connection.execute("SELECT code FROM alerts")}
        assert {"halted", "resumed"} <= codes


def test_a_touched_file_halts_a_trader_that_is_down_and_survives_its_starts(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 6), write_prompt(tmp_path), tmp_path / "a"
    folder.mkdir()
    (folder / "HALT").touch()
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            traded_days(server, running, 2)
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            traded_days(server, running, 1)
            ledger = running.trading.ledger
            assert orders_of(ledger, Side.BUY) == 0
            kept = ask(folder, "resume", reason="too early: the file is there")
            traded_days(server, running, 1)
            assert not answer(folder, kept)[0]
            assert orders_of(ledger, Side.BUY) == 0
            (folder / "HALT").unlink()
        asked = ask(folder, "resume", reason="asked while nobody trades")
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            traded_days(server, running, 2)
            assert answer(folder, asked)[0]
            assert orders_of(running.trading.ledger, Side.BUY) > 0
            kinds = [each.what for each in supervisions(running.trading.ledger.connection)]
    assert kinds == [What.HALT, What.RESUME]  # once, however often it was seen


def test_a_request_holds_the_very_next_order_back_before_it_has_been_handled(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 2), write_prompt(tmp_path), tmp_path / "a"
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, folder, prompt, NAMES, SETTINGS) as running,
    ):
        supervisor = running.trading.supervisor
        buy = OrderRequest(ticker=NAMES[0], side=Side.BUY, quantity=1)
        sell = OrderRequest(ticker=NAMES[0], side=Side.SELL, quantity=1)
        assert supervisor.check(buy) is None
        ask(folder, "halt", **HALT)
        refused = supervisor.check(buy)
        assert refused is not None and refused.reason is RefusalReason.HALTED
        assert supervisor.check(sell) is None
        ask(folder, "halt", **(HALT | {"everything": True}))
        refused = supervisor.check(sell)
        assert refused is not None and refused.reason is RefusalReason.HALTED


def waiting_limits(folder: Path) -> Path:
    """Rules whose purchases wait far below the market, beside one that buys at once and never sells."""
    return write_rules(folder, ("low", Category.ENTRY, "close > 0", "buy 5% of equity at limit 0.8 * close"))


def test_cancel_withdraws_what_waits_at_the_venue(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 3), waiting_limits(tmp_path), tmp_path / "a"
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, folder, prompt, NAMES, SETTINGS) as running,
    ):
        advance(server, running, "open")
        ledger = running.trading.ledger
        waiting = ledger.open_orders()
        assert len(waiting) == len(NAMES)
        ask(folder, "halt", **(HALT | {"cancel": True}))
        advance(server, running, "close")
        assert not ledger.open_orders()
        found = [ledger.order(order.id) for order in waiting]
        assert {order.status for order in found if order is not None} == {OrderStatus.CANCELLED}


def test_sell_empties_the_account_through_kills_and_sells_no_share_twice(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 8), write_prompt(tmp_path), tmp_path / "a"
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            traded_days(server, running, 4)
            held = dict(running.trading.ledger.positions)
            assert held
            ask(folder, "halt", **(HALT | {"sell": True}))
            advance(server, running, "open")  # the process ends here, as it stands
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            traded_days(server, running, 2)
            ledger = running.trading.ledger
            assert not ledger.positions
            rows = "SELECT ticker, sum(filled) FROM orders WHERE decision_id = 'halt' GROUP BY ticker"
            sold = dict(ledger.connection.execute(rows).fetchall())
            assert sold
            assert all(held[ticker].quantity >= shares for ticker, shares in sold.items())
            assert not running.trading.broker.positions()


def test_a_rule_halts_until_a_person_resumes_and_no_later_fold_halts_again(tmp_path: Path) -> None:
    sessions = 8
    day = [(10_000, 10_050, 9_950, 10_000, 500_000)] * (BEFORE + sessions)
    levels = [2_000.0] * (BEFORE + sessions)
    levels[BEFORE + 1] = 1_000.0  # one evening only
    panel = make_panel({"000100": day, "000200": day}, index=levels)
    prompt = write_rules(
        tmp_path,
        ("buy", Category.ENTRY, "close > 0", "buy 10% of equity"),
        ("sell", Category.EXIT, "always", "sell all"),
        ("stop", Category.RISK, 'index("KOSPI").close < 1500', "halt"),
    )
    folder, bought = tmp_path / "a", []
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        for session in range(sessions):
            if session == 4:
                ask(folder, "resume", reason="the index is back")
            # A start every day: each decision folds the whole history anew.
            with trader_on(server, folder, prompt, ("000100", "000200"), SETTINGS) as running:
                before = orders_of(running.trading.ledger, Side.BUY)
                traded_days(server, running, 1)
                bought.append(orders_of(running.trading.ledger, Side.BUY) - before)
                lines = running.lines
    assert bought[0] == 2
    assert bought[2] == bought[3] == 0, lines  # halted after the second evening
    assert sum(bought[4:]) > 0
    assert sum(bought[5:]) > 0  # and stays so
    with open_ledger(folder / "ledger.db", SystemClock(), read_only=True) as ledger:
        codes = [code for (code,) in ledger.connection.execute("SELECT code FROM alerts WHERE code = 'rule_halted'")]
    assert len(codes) == 2  # at each decision that it held back


def geoul(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "engine.cli.main", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_another_process_halts_a_running_trader_that_is_killed_and_started_again(tmp_path: Path) -> None:
    panel, prompt, folder = market(2, 8), write_prompt(tmp_path), tmp_path / "a"
    folder.mkdir()
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE), answer_seconds=30.0) as server:
        client = Client(server, "live")
        write_server_keys(folder, server, client)
        command = [sys.executable, "-m", "tests.trading_process", server.url, str(folder), str(prompt), "live"]
        command += [",".join(NAMES), SETTINGS.model_dump_json()]

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)

        def go_on(days: int) -> None:
            for _ in range(days):
                answer = client.session.post(f"{server.url}/_world/advance", json={"until": "evening"}, timeout=120)
                assert answer.status_code == 200, answer.text

        def purchases() -> int:
            with open_ledger(folder / "ledger.db", SystemClock(), read_only=True) as ledger:
                return orders_of(ledger, Side.BUY)

        process = start()
        try:
            wait_for("the trader did not come", lambda: len(server.server.clients))
            go_on(2)
            done = geoul("halt", str(folder), "--reason", "two screens disagree", "--lang", "en")
            assert (done.returncode, done.stderr) == (0, ""), done.stderr
            assert "halted" in done.stdout
            bought = purchases()
            process.send_signal(signal.SIGKILL)
            process.wait()
            process = start()
            go_on(3)
            assert purchases() == bought > 0
            empty = geoul("resume", str(folder), "--reason", " ", "--lang", "en")
            assert empty.returncode != 0
            done = geoul("resume", str(folder), "--reason", "the second screen was wrong", "--lang", "en")
            assert done.returncode == 0, done.stderr
            assert "the second screen was wrong" in done.stdout
            go_on(2)
            assert purchases() > bought
        finally:
            process.kill()
            process.wait()
            client.session.close()


def test_requests_survive_and_a_second_answer_changes_nothing(tmp_path: Path) -> None:
    """Killed between the ledger and the answer: the request is still unanswered, its effect is there."""
    panel, prompt, folder = market(1, 1), write_prompt(tmp_path), tmp_path / "a"
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            running.trading.trader.begin()
            asked = ask(folder, "halt", **HALT)
            running.trading.trader.turn(0.0)
            running.trading.begun = True
        with sqlite3.connect(folder / "control.db") as connection:
            connection.execute("UPDATE requests SET answered_at = NULL, done = NULL, answer = NULL")
        connection.close()
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            running.trading.trader.begin()
            assert answer(folder, asked)[0]
            assert len(supervisions(running.trading.ledger.connection)) == 1


def test_a_control_file_that_cannot_be_read_stops_purchases(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 1), write_prompt(tmp_path), tmp_path / "a"
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, folder, prompt, NAMES, SETTINGS) as running,
    ):
        supervisor = running.trading.supervisor
        buy = OrderRequest(ticker=NAMES[0], side=Side.BUY, quantity=1)
        assert supervisor.check(buy) is None
        ask(folder, "halt", **HALT)
        with sqlite3.connect(folder / "control.db") as connection:
            connection.execute("DROP TABLE requests")
        connection.close()
        refused = supervisor.check(buy)
        assert refused is not None and refused.reason is RefusalReason.HALTED


def test_silence_is_measured_by_a_steady_clock_from_the_last_change(tmp_path: Path) -> None:
    steady = [100.0]
    clock = SimulatedClock(datetime(2026, 3, 2, 9, 0, tzinfo=KST))
    heart = Heartbeat(tmp_path)
    watch = SilenceWatch(tmp_path, 60, lambda: steady[0])
    steady[0] += 59
    assert not watch.is_silent
    heart.beat(clock.now())
    steady[0] += 30
    assert watch.silent_for == 0
    os.utime(tmp_path / "heartbeat", (0, 0))  # the machine's clock jumps back: a change is a sign of life all the same
    steady[0] += 59
    assert not watch.is_silent
    steady[0] += 60
    assert watch.is_silent
    assert not watch.has_ended
    heart.end(clock.now())
    assert not watch.is_silent
    assert watch.has_ended


def test_watch_ends_with_status_one_when_nobody_beats(tmp_path: Path) -> None:
    Heartbeat(tmp_path).beat(datetime(2026, 3, 2, 9, 0, tzinfo=KST))
    done = geoul("watch", str(tmp_path), "--silent-after", "0.2", "--once", "--lang", "en")
    assert done.returncode == 1, done.stderr
    assert "No sign of life" in done.stdout
