"""A backup holds what the ledger held, and comes back whole; a damaged one is refused and harms nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from engine.cli import backup as backup_cli
from engine.cli.main import app
from engine.clock import KST, SystemClock
from engine.errors import BadInput, DataError
from engine.events import CashMoved, CashReason
from engine.ledger.ledger import open_ledger
from engine.ledger.verify import verify
from engine.trading.backup import backup_path, make_backup, moment_of, newest_backup, read_backup, restore, rotate
from tests.builders_ledger import START, make_clock, make_ledger

ROOT = Path(__file__).parents[2]
NOW = datetime(2024, 5, 2, 16, 0, tzinfo=KST)


def account(folder: Path, deposit: int = 1_000_000) -> Path:
    """The folder of an account with a ledger and a prompt with a history."""
    prompts = folder / "prompts"
    (prompts / "backups").mkdir(parents=True)
    (prompts / "mine.md").write_text("규칙 둘", encoding="utf-8")
    (prompts / "mine.history.json").write_text("[]", encoding="utf-8")
    (prompts / "backups" / "mine_20240501_180000_v1.0.0.md").write_text("규칙 하나", encoding="utf-8")
    (folder / "kis_devlp.yaml").write_text("paper_sec: secret-of-the-account", encoding="utf-8")
    make_ledger(folder, deposit=deposit).close()
    return prompts / "mine.md"


def pay_in(folder: Path, amount: int) -> None:
    with open_ledger(folder / "ledger.db", make_clock()) as ledger:
        ledger.append(CashMoved(time=START, reason=CashReason.DEPOSIT, amount=amount))


def cash_of(folder: Path) -> int:
    with open_ledger(folder / "ledger.db", SystemClock(), read_only=True) as ledger:
        assert verify(ledger.connection) == ()
        return ledger.totals.cash


def test_what_was_backed_up_comes_back_and_what_was_there_is_kept_aside(tmp_path: Path) -> None:
    prompt = account(tmp_path)
    path = make_backup(tmp_path, prompt, tmp_path / "backups", NOW)
    pay_in(tmp_path, 500)
    prompt.write_text("규칙 셋", encoding="utf-8")
    done = restore(tmp_path, path, NOW + timedelta(days=1))
    assert cash_of(tmp_path) == 1_000_000
    assert done.aside is not None and cash_of(done.aside) == 1_000_500
    assert (tmp_path / "HALT").exists()
    assert prompt.read_text(encoding="utf-8") == "규칙 셋", "the prompt in use is the person's"
    assert done.prompts is not None
    assert (done.prompts / "mine.md").read_text(encoding="utf-8") == "규칙 둘"
    assert (done.prompts / "backups" / "mine_20240501_180000_v1.0.0.md").exists()
    assert done.contents.moment == NOW
    assert not [each.name for each in tmp_path.iterdir() if each.name.startswith(".")]


def test_no_secret_is_in_a_backup_and_nobody_else_reads_it(tmp_path: Path) -> None:
    path = make_backup(tmp_path, account(tmp_path), tmp_path / "backups", NOW)
    assert path.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        assert not any(b"secret-of-the-account" in archive.read(name) for name in names)
    history = "prompts/backups/mine_20240501_180000_v1.0.0.md"
    assert names == {"ledger.db", "prompts/mine.md", "prompts/mine.history.json", history, "manifest.json"}


def test_a_ledger_that_is_being_written_is_backed_up_whole(tmp_path: Path) -> None:
    prompt = account(tmp_path)
    stop, written = threading.Event(), []

    def write() -> None:
        with open_ledger(tmp_path / "ledger.db", make_clock()) as ledger:
            while not stop.is_set():
                ledger.append(CashMoved(time=START, reason=CashReason.DEPOSIT, amount=1))
                written.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not written:
            stop.wait(0.01)
        paths = [make_backup(tmp_path, prompt, tmp_path / "b", NOW + timedelta(seconds=each)) for each in range(4)]
    finally:
        stop.set()
        writer.join()
    sequences = [read_backup(path).sequence for path in paths]
    assert sequences == sorted(sequences) and sequences[-1] > sequences[0]
    for number, path in enumerate(paths):
        folder = tmp_path / f"restored{number}"
        restore(folder, path, NOW)
        assert 1_000_000 < cash_of(folder) <= 1_000_000 + len(written)


def test_any_changed_byte_is_found_and_the_ledger_stays(tmp_path: Path) -> None:
    path = make_backup(tmp_path, account(tmp_path), tmp_path / "backups", NOW)
    good, refused = path.read_bytes(), 0
    for place in range(40, len(good), len(good) // 60):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x55]) + good[place + 1 :])
        try:
            read_backup(path)
        except DataError:
            refused += 1
            with pytest.raises(DataError):
                restore(tmp_path, path, NOW)
        else:  # a byte that means nothing, such as a time in the directory of the archive
            with zipfile.ZipFile(path) as changed:
                assert changed.testzip() is None
    for cut in (0, 10, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:cut])
        with pytest.raises(DataError, match=r"damaged"):
            restore(tmp_path, path, NOW)
    assert refused > 30
    assert not (tmp_path / "HALT").exists()
    assert cash_of(tmp_path) == 1_000_000


def test_members_that_would_leave_the_folder_are_refused(tmp_path: Path) -> None:
    path = make_backup(tmp_path, account(tmp_path), tmp_path / "backups", NOW)
    with zipfile.ZipFile(path) as archive:
        manifest, ledger = archive.read("manifest.json").decode(), archive.read("ledger.db")
    evil = tmp_path / "evil.zip"
    for name in ("../ledger.db", "/etc/x", "prompts/../../x", "deliveries.db", "kis_devlp.yaml"):
        with zipfile.ZipFile(evil, "w") as archive:
            archive.writestr("manifest.json", manifest.replace("prompts/mine.md", name))
            archive.writestr("ledger.db", ledger)
        with pytest.raises(DataError, match="it names"):
            read_backup(evil)


def test_a_ledger_that_was_changed_is_not_stored_over_good_backups(tmp_path: Path) -> None:
    prompt = account(tmp_path)
    good = make_backup(tmp_path, prompt, tmp_path / "backups", NOW)
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'")
        for (name,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE events SET payload = replace(payload, '1000000', '9000000')")
    connection.close()
    with pytest.raises(DataError, match="not in order"):
        make_backup(tmp_path, prompt, tmp_path / "backups", NOW + timedelta(days=1))
    assert [each.name for each in (tmp_path / "backups").iterdir()] == [good.name]
    restore(tmp_path, good, NOW)
    assert cash_of(tmp_path) == 1_000_000


KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from engine.trading import backup
backup.read_backup = lambda _: os.kill(os.getpid(), signal.SIGKILL)  # when all is copied, and not yet in place
backup.make_backup(Path(sys.argv[1]), None, Path(sys.argv[2]), datetime.fromisoformat(sys.argv[3]))
"""


def test_what_a_killed_process_left_half_made_is_removed_a_day_later(tmp_path: Path) -> None:
    prompt, target = account(tmp_path), tmp_path / "backups"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(target), NOW.isoformat()],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    (left,) = target.iterdir()
    assert (left / "ledger.db").is_file()
    made = make_backup(tmp_path, prompt, target, NOW)
    assert set(target.iterdir()) == {left, made}  # whoever makes it may still be at work
    yesterday = left.stat().st_mtime - 90_000
    os.utime(left, (yesterday, yesterday))
    make_backup(tmp_path, prompt, target, NOW)
    assert set(target.iterdir()) == {made}


def test_the_last_of_each_day_and_week_is_kept(tmp_path: Path) -> None:
    moments = [NOW + timedelta(hours=12 * half) for half in range(2 * 70)]
    for moment in moments:
        backup_path(tmp_path, moment).write_bytes(b"")
    (tmp_path / "geoul-backup-of-mine.zip").write_bytes(b"")
    rotate(tmp_path, daily=7, weekly=4)
    left = sorted(moment for path in tmp_path.glob("geoul-backup-2*.zip") if (moment := moment_of(path)) is not None)
    days = [max(each for each in moments if each.date() == day) for day in sorted({each.date() for each in moments})]
    sundays = [day for day in days if day.isoweekday() == 7 and day < days[-1]]
    this_week = [days[-1]] if days[-1].isoweekday() != 7 else []
    assert left == sorted({*days[-7:], *(sundays + this_week)[-4:]})
    assert (tmp_path / "geoul-backup-of-mine.zip").exists()
    assert date(2024, 5, 2) not in {each.date() for each in left}
    assert rotate(tmp_path, daily=7, weekly=4) == []
    newest = newest_backup(tmp_path)
    assert newest is not None and moment_of(newest) == days[-1]


def test_the_commands_and_that_restoring_waits_for_the_trader_to_stop(tmp_path: Path) -> None:
    prompt = account(tmp_path)
    run = CliRunner()
    made = run.invoke(app, ["backup", str(tmp_path), "--prompt", str(prompt), "--lang", "en"], catch_exceptions=False)
    assert made.exit_code == 0 and "rows of the journal" in made.output
    path = newest_backup(tmp_path / backup_cli.BACKUPS)
    assert path is not None
    pay_in(tmp_path, 1)
    command = ["restore", str(tmp_path), "--from", str(path), "--lang", "en"]
    with FileLock(tmp_path / ".lock"), pytest.raises(BadInput, match="Stop it first"):
        run.invoke(app, command, catch_exceptions=False)
    assert cash_of(tmp_path) == 1_000_001
    done = run.invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0 and "halted" in done.output
    assert cash_of(tmp_path) == 1_000_000
    for arguments in (["backup", str(tmp_path / "none")], ["restore", str(tmp_path), "--from", str(prompt)]):
        with pytest.raises(BadInput):
            run.invoke(app, arguments, catch_exceptions=False)


def test_a_backup_by_hand_is_named_by_the_time_of_the_books(tmp_path: Path) -> None:
    prompt = account(tmp_path)
    CliRunner().invoke(app, ["backup", str(tmp_path), "--prompt", str(prompt)], catch_exceptions=False)
    made = newest_backup(tmp_path / backup_cli.BACKUPS)
    assert made is not None and moment_of(made) == START.astimezone(KST).replace(microsecond=0)
