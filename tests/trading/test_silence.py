"""The alarm of `geoul watch` outlives everybody: in control.db at once, in the ledger when somebody trades again."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine.clock import KST, SimulatedClock
from engine.errors import DataError
from engine.events import CashMoved, CashReason
from engine.ledger.alerts import alerts_after
from engine.ledger.ledger import Ledger, open_ledger
from engine.trading.backup import make_backup, read_backup, restore
from engine.trading.control import FILE, SILENT, ControlFile
from engine.trading.heartbeat import Heartbeat
from engine.trading.request_handling import WAS_SILENT
from engine.trading.standing import standing_of
from engine.trading.supervision_book import SupervisionBook
from engine.trading.supervisor import Supervisor

ROOT = Path(__file__).parents[2]
NOW = datetime(2024, 5, 2, 16, 0, tzinfo=KST)
HALT = {"reason": "a test", "everything": False, "cancel": False, "sell": False}


def watch(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "engine.cli.main", "watch", str(folder), "--silent-after", "0.2", "--once"]
    command += ["--lang", "en"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def silences(ledger: Ledger) -> list[str]:
    return [each.text for each in alerts_after(ledger.connection, 0, -1) if each.code == WAS_SILENT]


def supervisor(folder: Path, ledger: Ledger) -> Supervisor:
    return Supervisor(SupervisionBook(folder, ledger, ledger.clock, "paper", tell=lambda line: None, lang="en"))


def deposit(folder: Path) -> None:
    with open_ledger(folder / "ledger.db", SimulatedClock(NOW)) as ledger:
        ledger.append(CashMoved(time=NOW, reason=CashReason.DEPOSIT, amount=1_000_000))


def test_the_alarm_waits_for_the_next_trader_who_writes_it_down_once(tmp_path: Path) -> None:
    Heartbeat(tmp_path).beat(NOW)
    done = watch(tmp_path)
    assert done.returncode == 1, done.stderr
    (request,) = ControlFile(tmp_path).unanswered()
    assert (request.command, request.who) == (SILENT, "geoul watch")
    assert request.parameters["has_ended"] is False
    with open_ledger(tmp_path / "ledger.db", SimulatedClock(NOW)) as ledger:
        trader = supervisor(tmp_path, ledger)
        trader.look()
        (told,) = silences(ledger)
        assert "No sign of life" in told and f"{request.time:%Y-%m-%d %H:%M:%S}" in told
        assert ControlFile(tmp_path).request(request.request_id).done
        assert trader.halt is None
        trader._handle(request)  # killed between the ledger and the answer, it hears of it again
        assert len(silences(ledger)) == 1
        trader.close()
    assert watch(tmp_path).returncode == 1
    (again,) = ControlFile(tmp_path).unanswered()
    assert again.parameters["has_ended"] is True


def test_an_account_that_cannot_be_written_does_not_silence_the_alarm(tmp_path: Path) -> None:
    Heartbeat(tmp_path).beat(NOW)
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    done = watch(tmp_path)
    assert done.returncode == 1, done.stderr
    assert "No sign of life" in done.stdout
    assert "cannot be used" in done.stdout


def test_requests_are_in_a_backup_and_what_nobody_had_answered_is_refused_at_its_return(tmp_path: Path) -> None:
    deposit(tmp_path)
    control = ControlFile(tmp_path)
    answered = control.ask("halt", "tester", HALT, NOW)
    control.listen()
    control.answer(control.request(answered), done=True, text="halted", now=NOW)
    open_one = control.ask("resume", "tester", {"reason": "then"}, NOW)
    alarm = control.ask(SILENT, "geoul watch", {"text": "No sign of life", "has_ended": False}, NOW)
    path = make_backup(tmp_path, None, tmp_path / "backups", NOW)
    assert FILE in read_backup(path).digests
    later = control.ask("resume", "tester", {"reason": "now"}, NOW)
    control.close()
    done = restore(tmp_path, path, NOW + timedelta(hours=1))
    assert done.aside is not None
    assert {each.request_id for each in ControlFile(done.aside).unanswered()} == {open_one, alarm, later}
    back = ControlFile(tmp_path)
    assert [each.request_id for each in back.unanswered()] == [alarm], "an alarm is no wish"
    assert back.request(answered).done
    assert "ask again" in back.request(open_one).answer
    with pytest.raises(DataError, match="has no request"):
        back.request(later)
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_a_backup_without_requests_keeps_the_numbers_and_refuses_what_waits(tmp_path: Path) -> None:
    deposit(tmp_path)
    path = make_backup(tmp_path, None, tmp_path / "backups", NOW)
    assert FILE not in read_backup(path).digests
    waits = ControlFile(tmp_path).ask("resume", "tester", {"reason": "now"}, NOW)
    restore(tmp_path, path, NOW + timedelta(hours=1))
    assert ControlFile(tmp_path).unanswered() == []
    assert not ControlFile(tmp_path).request(waits).done
    assert ControlFile(tmp_path).ask("halt", "tester", HALT, NOW) > waits


def test_a_halt_after_the_file_of_requests_was_lost_is_no_old_one(tmp_path: Path) -> None:
    """The ledger knows the numbers of requests that were carried out; a new file must not give them again."""
    with open_ledger(tmp_path / "ledger.db", SimulatedClock(NOW)) as ledger:
        trader = supervisor(tmp_path, ledger)
        for minute, command, values in ((0, "halt", HALT), (1, "resume", {"reason": "looked"})):
            ControlFile(tmp_path).ask(command, "tester", values, NOW + timedelta(minutes=minute))
            trader.look()
        assert trader.halt is None
        trader.close()
        for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        number = ControlFile(tmp_path).ask("halt", "tester", HALT, NOW + timedelta(minutes=2))
        trader = supervisor(tmp_path, ledger)
        assert number in trader.standing.handled, "a request of the lost file had the same number"
        trader.look()
        assert trader.halt is not None
        assert standing_of(ledger.connection, "paper").halt is not None
        trader.close()
