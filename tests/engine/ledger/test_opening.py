"""Opening a ledger: what is none, damaged, too new or locked says so; everything else recovers."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import BrokenInvariant, DataError
from engine.ledger import connection, journal, migrations
from engine.ledger.alerts import Urgency, all_alerts, record_alert
from engine.ledger.connection import LedgerError, transaction
from engine.ledger.ledger import open_ledger
from engine.ledger.verify import verify
from tests.builders_ledger import Market, buy, make_clock, make_ledger

TABLES = {
    "events",
    "trades",
    "orders",
    "fills",
    "decisions",
    "equity",
    "rules",
    "rule_trials",
    "trial_returns",
    "trial_windows",
    "window_looks",
    "prompt_versions",
    "llm_calls",
    "alerts",
    "runs",
}


def test_a_new_ledger_has_every_table_and_is_private(tmp_path: Path) -> None:
    with make_ledger(tmp_path / "new" / "folder") as ledger:
        found = {name for (name,) in ledger.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert found >= TABLES
        steps = ledger.connection.execute("SELECT number FROM migrations ORDER BY number").fetchall()
        assert steps == [(number,) for number in range(1, len(migrations.MIGRATIONS) + 1)]
    mode = stat.S_IMODE((tmp_path / "new" / "folder" / "ledger.db").stat().st_mode)
    assert mode == 0o600


def test_an_older_ledger_is_brought_up_to_date_with_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_ledger(tmp_path, deposit=1_000_000) as ledger:
        buy(ledger)
    newer = (*migrations.MIGRATIONS, ("a later step", "CREATE TABLE later (value TEXT) STRICT;"))
    monkeypatch.setattr(migrations, "MIGRATIONS", newer)
    monkeypatch.setattr(connection, "MIGRATIONS", newer)
    with open_ledger(tmp_path / "ledger.db", make_clock(), read_only=True) as ledger:
        assert ledger.connection.execute("SELECT count(*) FROM later").fetchone() == (0,)
    with open_ledger(tmp_path / "ledger.db", make_clock()) as ledger:
        assert ledger.connection.execute("SELECT count(*) FROM later").fetchone() == (0,)
        assert ledger.positions["005930"].quantity == 10


def test_what_an_older_geoul_wrote_is_kept_beside_the_ledger_before_it_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, path = migrations.MIGRATIONS, tmp_path / "ledger.db"
    older = len(whole) - 1
    for module in (migrations, connection):
        monkeypatch.setattr(module, "MIGRATIONS", whole[:older])
    with make_ledger(tmp_path, deposit=1_000_000) as ledger:
        buy(ledger)
    for module in (migrations, connection):
        monkeypatch.setattr(module, "MIGRATIONS", whole)
    with open_ledger(path, make_clock()) as ledger:
        record_alert(ledger, Urgency.INFO, "a_code", "a text")
    with open_ledger(path, make_clock()) as ledger:  # what is up to date is not copied again
        assert ledger.positions["005930"].quantity == 10
    kept = tmp_path / f"ledger-version-{older}.db"
    assert {each.name for each in tmp_path.iterdir()} == {"ledger.db", kept.name}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    for module in (migrations, connection):
        monkeypatch.setattr(module, "MIGRATIONS", whole[:older])
    with open_ledger(kept, make_clock()) as ledger:  # the older Geoul goes on with it
        assert ledger.positions["005930"].quantity == 10
        assert not all_alerts(ledger)
        assert not verify(ledger.connection)


@pytest.mark.parametrize("version", range(3, len(migrations.MIGRATIONS)))
def test_a_reader_sees_an_older_ledger_up_to_date_and_leaves_the_file_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    path, whole = tmp_path / "ledger.db", migrations.MIGRATIONS
    for module in (migrations, connection):
        monkeypatch.setattr(module, "MIGRATIONS", whole[:version])
    with make_ledger(tmp_path, deposit=1_000_000) as ledger:
        buy(ledger)
        record_alert(ledger, Urgency.INFO, "a_code", "a text")
        head = ledger.head
    for module in (migrations, connection):
        monkeypatch.setattr(module, "MIGRATIONS", whole)
    before, names = path.read_bytes(), {each.name for each in tmp_path.iterdir()}
    with open_ledger(path, make_clock(), read_only=True) as ledger:
        assert ledger.positions["005930"].quantity == 10
        assert ledger.head == head
        assert [alert.code for alert in all_alerts(ledger)] == ["a_code"]
        assert not verify(ledger.connection)
        assert ledger.connection.execute("PRAGMA user_version").fetchone() == (len(whole),)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            ledger.connection.execute("DELETE FROM alerts")
    assert path.read_bytes() == before
    assert {each.name for each in tmp_path.iterdir()} == names
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA user_version").fetchone() == (version,)


def test_a_reader_sees_what_a_writer_of_an_older_geoul_has_just_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_ledger(tmp_path, deposit=1_000_000) as writer:  # what it writes is in the write-ahead log
        newer = (*migrations.MIGRATIONS, ("a later step", "CREATE TABLE later (value TEXT) STRICT;"))
        for module in (migrations, connection):
            monkeypatch.setattr(module, "MIGRATIONS", newer)
        for count in (1, 2):
            record_alert(writer, Urgency.INFO, "a_code", "a text")
            with open_ledger(tmp_path / "ledger.db", make_clock(), read_only=True) as reader:
                assert len(all_alerts(reader)) == count


def test_an_empty_file_is_told_from_a_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch()
    with pytest.raises(DataError, match="empty"):
        open_ledger(tmp_path / "ledger.db", make_clock(), read_only=True)


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make_ledger(tmp_path) as ledger:
        buy(ledger)
    original = migrations.MIGRATIONS
    broken = (*original, ("broken", "CREATE TABLE half (value TEXT); CREATE TABLE half (value TEXT);"))
    monkeypatch.setattr(migrations, "MIGRATIONS", broken)
    with pytest.raises(LedgerError, match="half already exists"):
        open_ledger(tmp_path / "ledger.db", make_clock())
    monkeypatch.setattr(migrations, "MIGRATIONS", original)
    with open_ledger(tmp_path / "ledger.db", make_clock()) as ledger:
        assert ledger.connection.execute("SELECT name FROM sqlite_master WHERE name = 'half'").fetchall() == []


def test_a_ledger_of_a_newer_geoul_is_not_touched(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        ledger.connection.execute("PRAGMA user_version = 99")
    with pytest.raises(DataError, match="version 99"):
        open_ledger(tmp_path / "ledger.db", make_clock())


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "trading_database.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE trades (trade_id INTEGER PRIMARY KEY)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(DataError, match="not a ledger of Geoul"):
        open_ledger(path, make_clock())
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"time,ticker,quantity\n" * 100)
    with pytest.raises(DataError, match=r"ledger\.db is damaged or no SQLite file"):
        open_ledger(path, make_clock())


def test_a_missing_file_is_not_made_by_a_reader(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no ledger at"):
        open_ledger(tmp_path / "ledger.db", make_clock(), read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(LedgerError, match="cannot be opened"):
        open_ledger(tmp_path / "file" / "ledger.db", make_clock())


def test_programs_that_open_a_new_file_at_once_all_get_the_ledger(tmp_path: Path) -> None:
    together = 6
    for number in range(10):
        path, gate = tmp_path / f"{number}.db", threading.Barrier(together)

        def opened(path: Path = path, gate: threading.Barrier = gate) -> int:
            gate.wait()
            with open_ledger(path, make_clock()) as ledger:
                return int(ledger.connection.execute("SELECT count(*) FROM migrations").fetchone()[0])

        with ThreadPoolExecutor(together) as programs:
            answers = [programs.submit(opened) for _ in range(together)]
        assert [answer.result() for answer in answers] == [len(migrations.MIGRATIONS)] * together


def test_a_locked_file_books_nothing_and_says_so(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        ledger.connection.execute("PRAGMA busy_timeout = 1")
        outsider = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
        outsider.execute("BEGIN IMMEDIATE")
        before = ledger.head
        with pytest.raises(LedgerError, match="database is locked"):
            buy(ledger)
        assert ledger.head == before
        outsider.execute("ROLLBACK")
        outsider.close()
        buy(ledger)


def test_an_exception_rolls_the_transaction_back(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        with pytest.raises(KeyError), transaction(ledger.connection):
            ledger.connection.execute("INSERT INTO prompt_versions VALUES ('h', 't', NULL, '', 'text')")
            raise KeyError("h")
        assert ledger.connection.execute("SELECT count(*) FROM prompt_versions").fetchone() == (0,)


def test_a_table_that_disagrees_with_the_journal_stops_the_start(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        ledger.append_all(Market().events([1, 1, 2, 3]))
        ledger.connection.execute("UPDATE orders SET quantity = quantity + 1")
    with pytest.raises(BrokenInvariant, match="disagree about"):
        open_ledger(tmp_path / "ledger.db", make_clock())


def test_a_start_folds_only_what_came_after_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a ledger of a million events opens as fast as a small one."""
    monkeypatch.setattr("engine.ledger.ledger.CHECKPOINT_EVERY", 100)
    choices = np.random.default_rng(2).integers(0, 10**6, 950).tolist()
    with make_ledger(tmp_path) as ledger:
        ledger.append_all(Market().events(choices))
        live = ledger.head, ledger.totals, ledger.positions
        assert ledger.head.sequence > 900
    read: list[int] = []
    entries = journal.entries

    def counted(*arguments: Any) -> Iterator[journal.Entry]:
        for entry in entries(*arguments):
            read.append(entry.sequence)
            yield entry

    monkeypatch.setattr(journal, "entries", counted)
    with open_ledger(tmp_path / "ledger.db", make_clock()) as ledger:
        assert (ledger.head, ledger.totals, ledger.positions) == live
    assert read == list(range(live[0].sequence // 100 * 100 + 1, live[0].sequence + 1))
