"""The journal and the folder of a world: what is whole, what is torn, what another world is."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from brokers.kis_server import journal as at_journal
from brokers.kis_server.journal import Journal, JournalFailed, decode, encode, read_journal
from brokers.kis_server.server import KisServer, ServerThread
from brokers.kis_server.setup import ServerSetup
from brokers.kis_server.state import JOURNAL, NOW, WorldState, world_facts
from brokers.kis_server.world import World
from engine.clock import KST
from engine.config import BacktestConfig
from engine.errors import ConfigError, DataError
from tests.builders_panel import flat, make_config, make_panel
from tests.kis_client import Client, example_accounts, machine_clock

LINES: list[tuple[str, dict[str, Any]]] = [
    ("order", {"number": 1, "values": {"PDNO": "005930", "odd": "\ud800 거울\n"}}),
    ("step", {"sequence": 1}),
    ("left", {"client": "a bot"}),
]


def write(path: Path) -> bytes:
    journal = Journal(path)
    for kind, content in LINES:
        journal.append(kind, content)
    journal.close()
    return path.read_bytes()


def panel() -> Any:
    return make_panel({"005930": flat(10_000, 4)})


def facts(**options: Any) -> dict[str, str]:
    return world_facts(panel(), make_config(), ServerSetup(accounts=example_accounts(), **options), None)


def test_wherever_the_end_is_torn_off_the_whole_lines_before_it_are_read_and_the_rest_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    whole = write(path)
    ends = [place + 1 for place, byte in enumerate(whole) if byte == 10]
    assert list(read_journal(path)) == LINES
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length] + bytes(length % 3))  # a lost write may leave zeros
        kept = [end for end in ends if end <= length]
        assert list(read_journal(path)) == LINES[: len(kept)]
        assert path.stat().st_size == (kept[-1] if kept else 0)


def test_one_changed_byte_in_the_middle_is_found_and_nothing_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    whole = write(path)
    second = whole.index(b"\n") + 1
    for place in range(second):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DataError, match=r"Line 1 of .* is damaged"):
            list(read_journal(path))
        assert path.stat().st_size == len(whole)


def test_a_line_is_not_whole_without_its_end() -> None:
    line = encode("step", {"sequence": 1})
    assert decode(line) == ("step", {"sequence": 1})
    assert decode(line[:-1]) is None
    assert decode(b"") is None


def test_those_who_wait_together_wait_for_one_write_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[int] = []
    monkeypatch.setattr(at_journal, "_to_disk", writes.append)
    journal = Journal(tmp_path / "journal")

    async def order() -> None:
        journal.append("step", {})
        assert journal.behind
        await journal.settled()

    async def all_at_once() -> None:
        await asyncio.gather(*(order() for _ in range(50)))

    asyncio.run(all_at_once())
    assert not journal.behind
    assert len(writes) == 1
    journal.close()


def test_a_full_disk_stops_the_server_and_nobody_hears_of_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    setup = ServerSetup(accounts=example_accounts())
    with WorldState(tmp_path, facts()) as state:
        server = KisServer(World(panel(), make_config()), setup, machine_clock(), state)
        with pytest.raises(JournalFailed, match="--state"), ServerThread(server) as running:
            with Client(running, "live") as client:
                client.advance(until="open")
                monkeypatch.setattr(at_journal, "_to_disk", full)
                with pytest.raises(requests.ConnectionError):
                    client.order("buy", "005930", 1)
                with pytest.raises(requests.ConnectionError):
                    client.balance()
            monkeypatch.undo()


def test_another_world_is_refused_by_what_differs_and_fresh_forgets(tmp_path: Path) -> None:
    with WorldState(tmp_path, facts()) as state:
        state.mark(datetime(2024, 3, 5, 9, tzinfo=KST))
        state.journal.append("life", {"life": 1})
    config = BacktestConfig(cash_won=5)
    other = world_facts(panel(), config, ServerSetup(accounts=example_accounts(), order_hours="any"), date(2024, 3, 6))
    with pytest.raises(ConfigError, match="configuration, first session, order hours differ"):
        WorldState(tmp_path, other)
    with WorldState(tmp_path, facts()) as state:
        assert not state.is_new
        assert list(state.records()) == [("life", {"life": 1})]
    with WorldState(tmp_path, other, fresh=True) as state:
        assert state.is_new
        assert (list(state.records()), state.marked()) == ([], None)


def test_two_servers_do_not_share_a_folder(tmp_path: Path) -> None:
    with WorldState(tmp_path, facts()), pytest.raises(ConfigError, match="Another server"):
        WorldState(tmp_path, facts())
    WorldState(tmp_path, facts()).close()
    (tmp_path / "a file").touch()
    with pytest.raises(ConfigError, match="No world can be kept"):
        WorldState(tmp_path / "a file", facts())


def test_the_date_of_the_first_start_holds_the_day_after(tmp_path: Path) -> None:
    with WorldState(tmp_path, facts(as_today=True), date(2026, 11, 23)):
        pass
    with WorldState(tmp_path, facts(as_today=True), date(2026, 11, 24)) as state:
        assert state.shown == date(2026, 11, 23)


def test_one_of_two_times_is_always_whole(tmp_path: Path) -> None:
    times = [datetime(2024, 3, 5, 9, minute, tzinfo=KST) for minute in range(5)]
    with WorldState(tmp_path, facts()) as state:
        for number, time in enumerate(times):
            state.mark(time)
            assert state.marked() == time
            kept = (tmp_path / NOW).read_bytes()
            place = 64 * (number % 2)
            (tmp_path / NOW).write_bytes(kept[:place] + b"torn" + kept[place + 4 :])
            assert state.marked() == (times[number - 1] if number else None)
            (tmp_path / NOW).write_bytes(kept)


def test_a_journal_that_comes_to_something_else_is_refused(tmp_path: Path) -> None:
    setup = ServerSetup(accounts=example_accounts())
    with WorldState(tmp_path, facts()) as state:
        server = KisServer(World(panel(), make_config()), setup, machine_clock(), state)
        with ServerThread(server) as running, Client(running, "live") as client:
            client.advance(until="open")
            client.order("buy", "005930", 1)
            client.advance(until="close")
    lines = (tmp_path / JOURNAL).read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        record = decode(line)
        assert record is not None
        kind, content = record
        if kind in ("order", "step"):
            name = "number" if kind == "order" else "cash"
            changed = encode(kind, {**content, name: content[name] + 1})
            (tmp_path / JOURNAL).write_bytes(b"".join([*lines[: number - 1], changed, *lines[number:]]))
            with WorldState(tmp_path, facts()) as state, pytest.raises(DataError, match=f"Line {number} of"):
                KisServer(World(panel(), make_config()), setup, machine_clock(), state)
