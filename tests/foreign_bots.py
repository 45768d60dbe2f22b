"""A world for programs that know nothing of Geoul: today's dates, real tokens, and one who moves it step by step."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from brokers.kis_server.server import ServerThread
from engine.clock import SystemClock
from tests.builders_panel import make_config, make_panel
from tests.kis_client import Client, make_server

TICKER = "005930"
# The first bar is the day before; the second is replayed: 10,150 at the opening, then 10,000, 10,500 and 10,400.
BARS = [(10_000, 10_200, 9_900, 10_100), (10_150, 10_500, 10_000, 10_400), (10_300, 10_600, 10_250, 10_500)]
WAIT_SECONDS = 20


@contextlib.contextmanager
def world_of_today() -> Iterator[tuple[ServerThread, Client]]:
    """A server whose first session bears today's date, and somebody who moves it; the market has just opened."""
    clock = SystemClock()
    panel = make_panel({TICKER: BARS, "000660": BARS})
    options = {"as_today": True, "shown": clock.now().date()}
    with make_server(panel, make_config(), clock=clock, **options) as server, Client(server, "live") as mover:
        mover.advance(until="open")
        yield server, mover


def eventually(found: Callable[[], object], what: str) -> None:
    """Wait until something has arrived in another thread or process."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not found():
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.01)
