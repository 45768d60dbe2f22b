"""A courier in a process of its own, to be killed: `python -m tests.notify_process FOLDER URL`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from engine.clock import SystemClock
from engine.notify.courier import Courier
from tests.notify_servers import Web, settings_for


def main() -> None:
    folder, url = Path(sys.argv[1]), sys.argv[2]
    courier = Courier(folder, settings_for(Web(url=url), without=("phone",), quiet=None), SystemClock())
    courier.start(pause_seconds=0.001)
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main()
