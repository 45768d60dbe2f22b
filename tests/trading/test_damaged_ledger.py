"""A ledger with changed bytes is refused at the start, wherever in the file they are; a backup goes on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from engine.clock import SystemClock
from engine.errors import DataError
from engine.ledger.connection import LedgerError
from engine.ledger.verify import verify
from engine.trading.sound_ledger import require_sound
from tests.kis_client import make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, market, trader_on, write_prompt


def is_damaged(path: Path) -> bool:
    """Whether the ledger's own proof finds anything; bytes that nothing uses prove nothing."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            return bool(verify(connection))
    except sqlite3.DatabaseError:
        return True


def test_bytes_changed_on_any_page_are_found_before_anything_trades(tmp_path: Path) -> None:
    panel, prompt, folder = market(1, 4), write_prompt(tmp_path), tmp_path / "a"
    with make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server:
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            for _ in range(2):
                advance(server, running, "evening")
        path = folder / "ledger.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            size = connection.execute("PRAGMA page_size").fetchone()[0]
        sound, draw, refused = path.read_bytes(), np.random.default_rng(5), 0
        require_sound(path, SystemClock())
        pages = len(sound) // size
        for number in range(2 * pages):
            at = number // 2 * size  # the head of each page, and its cells, which grow from the end
            at += (number % 2) * int(draw.integers(size // 2, size - 64))
            path.write_bytes(sound[:at] + draw.bytes(64) + sound[at + 64 :])
            if is_damaged(path):
                refused += 1
                with pytest.raises((DataError, LedgerError)):
                    require_sound(path, SystemClock())
        assert refused >= pages
        at = sound.index(b'"reason":"deposit"')
        path.write_bytes(sound[:at] + b'"reason":"DEPOSIT"' + sound[at + 18 :])
        with pytest.raises(DataError, match="geoul restore"), trader_on(server, folder, prompt, NAMES, SETTINGS):
            pass
        path.write_bytes(sound)
        with trader_on(server, folder, prompt, NAMES, SETTINGS) as running:
            advance(server, running, "evening")
            assert verify(running.trading.ledger.connection) == ()
