"""A courier in a process of its own, to be killed: `python -m tests.notify_process FOLDER CONFIG PAUSE [WORLD]`."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from brokers.kis.errors import KisError
from brokers.kis.world_clock import WorldClock
from engine.clock import Clock, SystemClock
from engine.notify.courier import Courier
from engine.notify.settings import load_notify_settings


def clock_of(world: str) -> Clock:
    """The clock of a served world, which may be dead just now."""
    while True:
        try:
            return WorldClock(world)
        except KisError:
            time.sleep(0.05)


def main() -> None:
    folder, config, pause, *world = sys.argv[1:]
    clock = clock_of(world[0]) if world else SystemClock()
    courier = Courier(Path(folder), load_notify_settings(Path(config), os.environ), clock, lang="en", reports={})
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    courier.start(pause_seconds=float(pause))
    stopped.wait()
    courier.close()


if __name__ == "__main__":
    main()
