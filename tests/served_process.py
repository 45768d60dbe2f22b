"""A KIS server in a process of its own that keeps its world, made to be killed.

    with Served(forge, folder) as served, Client(served, "live") as client:
        client.order(…)
        served.kill()
        served.start()
        client.order(…)     # the same address, the same token

A death is drawn beforehand: at the n-th line of a kind, before the line is written, with half of it written, with all
of it written, or when the disk has it, and always before anybody was told.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from brokers.kis_server import journal
from brokers.kis_server.journal import Journal, encode
from brokers.kis_server.server import KisServer, serve
from brokers.kis_server.setup import ServerSetup
from brokers.kis_server.state import WorldState, world_facts
from brokers.kis_server.world import World
from engine.clock import SystemClock
from engine.data.panel import Panel
from tests.builders_panel import flat, make_config, make_panel
from tests.kis_client import example_accounts

ROOT = Path(__file__).parents[1]
POINTS = ("before", "torn", "written", "saved")
SESSIONS = 8  # of the world "trading"


def market() -> Panel:
    """Three instruments, ten sessions, prices that move both ways."""
    moving = [
        (10_000 + 100 * place, 10_400 + 100 * place, 9_700 + 100 * place, 10_100 + 100 * place)
        for place in (0, 1, 2, 1, 0, 1, 2, 3, 2, 1)
    ]
    return make_panel({"000660": flat(20_000, 10), "005930": moving, "035720": flat(5_000, 10)})


def world_of(name: str) -> World:
    """A world by its name: "small" of `market`, "trading" of `tests.trading_world` with eight sessions to trade, "week
    1 5" of `tests.week.market` with seed 1 and five sessions."""
    if name == "small":
        return World(market(), make_config())
    if name.startswith("week "):
        from tests.week.market import world  # noqa: PLC0415  (imports the whole trader)

        seed, sessions = map(int, name.split()[1:])
        return world(seed, sessions)
    from tests import trading_world  # noqa: PLC0415  (imports the whole trader)

    panel = trading_world.market(2, SESSIONS)
    return World(panel, trading_world.SETTINGS, start=panel.session_date(trading_world.BEFORE))


def setup_of(told: Mapping[str, Any]) -> ServerSetup:
    """Two listed accounts; strangers are enrolled."""
    return ServerSetup(accounts=example_accounts(), **told.get("setup", {}))


class MortalJournal(Journal):
    """A journal at whose n-th line of a kind the process dies."""

    kind, point, passages = "", "", 0

    def append(self, kind: str, content: Mapping[str, Any]) -> None:
        cls = type(self)
        dies = False
        if kind == cls.kind:
            cls.passages -= 1
            dies = cls.passages == 0
        if dies and cls.point == "before":
            _die()
        if dies and cls.point == "torn":
            line = encode(kind, content)
            self.flush()
            os.write(self._file, line[: len(line) // 2])
            _die()
        super().append(kind, content)
        if dies and cls.point == "written":
            self.flush()
            _die()
        if dies:
            self.settle()
            _die()


def _death_file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.death")


def _arm(path: Path) -> None:
    """A death that is drawn while the server lives."""
    MortalJournal.kind, MortalJournal.point, MortalJournal.passages = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _live(told: dict[str, Any], world: World) -> None:
    setup, dying = setup_of(told), told.get("death")
    if dying:
        MortalJournal.kind, MortalJournal.point, MortalJournal.passages = dying
    signal.signal(signal.SIGUSR1, lambda *_: _arm(_death_file(Path(told["folder"]))))
    state = WorldState(Path(told["folder"]), world_facts(world.market.panel, world.config, setup, None))
    server = KisServer(world, setup, SystemClock(), state)
    asyncio.run(serve(server, "127.0.0.1", told["port"], lambda port: print(json.dumps({"port": port}), flush=True)))


def main() -> None:
    """Fork a server for every line read, and say how it ended."""
    import brokers.kis_server.state as at_state  # noqa: PLC0415

    at_state.Journal = journal.Journal = MortalJournal  # type: ignore[misc]
    name = sys.argv[1]
    world_of(name).prepare()  # loads the compiled kernels once
    for line in sys.stdin:
        world = world_of(name)  # before the fork: the threads of the data frames do not survive one
        child = os.fork()
        if child == 0:
            _live(json.loads(line), world)
            os._exit(0)
        print(json.dumps({"process": child}), flush=True)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"ended": os.waitstatus_to_exitcode(status)}), flush=True)


class Forge:
    """The process from which servers are forked, so that a start costs no import."""

    def __init__(self, world: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.served_process", world],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )

    def tell(self, told: Mapping[str, Any]) -> None:
        """Order a server."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """What it or its child says next."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the server's parent process has ended"
        heard: dict[str, Any] = json.loads(line)
        return heard

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


class Served:
    """The server as its clients see it; stands where they expect a `ServerThread`."""

    def __init__(self, forge: Forge, folder: Path, **told: Any) -> None:
        self.folder, self._told, self._port, self._forge = folder, told, 0, forge
        self.server = SimpleNamespace(setup=setup_of(told))
        self._child, self._is_up = 0, False

    @property
    def url(self) -> str:
        """Base address of REST."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def websocket_url(self) -> str:
        """Base address of the stream."""
        return f"ws://127.0.0.1:{self._port}"

    def __enter__(self) -> Served:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._child:
            self.kill()

    def start(self, death: tuple[str, str, int] | None = None) -> None:
        """Begin a life; it ends at the drawn point, if one is given: kind of line, point, how many lines on."""
        self._forge.tell({**self._told, "folder": str(self.folder), "port": self._port, "death": death})
        self._child = self._forge.hear()["process"]
        self._port = self._forge.hear()["port"]
        self._is_up = True

    @property
    def process(self) -> int:
        """Number of the process of this life."""
        return self._child

    def arm(self, death: tuple[str, str, int]) -> None:
        """Draw the end of this life; see `start`."""
        path = _death_file(self.folder)
        path.with_suffix(".new").write_text(json.dumps(death), encoding="utf-8")
        path.with_suffix(".new").replace(path)
        os.kill(self._child, signal.SIGUSR1)
        while path.exists():
            time.sleep(0.005)

    def cut(self) -> None:
        """SIGKILL, if it is there; another thread may wait for its end."""
        if self._is_up:
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(self._child, signal.SIGKILL)

    def kill(self) -> None:
        """SIGKILL, and its end."""
        os.kill(self._child, signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """Wait for its end; how it ended."""
        ended = int(self._forge.hear()["ended"])
        self._child, self._is_up = 0, False
        return ended


if __name__ == "__main__":
    main()
