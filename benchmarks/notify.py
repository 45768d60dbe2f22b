"""What notifications cost the trader: entries into its ledger with hanging channels beside it, and an idle courier.

python benchmarks/notify.py [--alerts N]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from engine.clock import KST, SimulatedClock, SystemClock
from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.ledger import Ledger, open_ledger
from engine.notify.courier import Courier
from engine.notify.outbox import Outbox
from tests.notify_servers import settings_for, web_server


def entries(ledger: Ledger, count: int) -> np.ndarray:
    """Milliseconds that each of so many alerts took to be written."""
    taken = []
    for number in range(count):
        began = time.perf_counter()
        record_alert(ledger, Urgency.WARNING, f"code_{number}", "text", {"ticker": "005930"})
        taken.append((time.perf_counter() - began) * 1_000)
    return np.array(taken)


def show(what: str, taken: np.ndarray) -> None:
    half, most, worst = np.percentile(taken, [50, 99, 100])
    print(f"{what:<52} {half:8.2f} {most:8.2f} {worst:8.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=1_000)
    count = parser.parse_args().alerts
    print(f"{'':<52} {'median':>8} {'99 %':>8} {'worst':>8}")
    with tempfile.TemporaryDirectory() as name, web_server() as web:
        folder = Path(name) / "alone"
        with open_ledger(folder / "ledger.db", SystemClock()) as ledger:
            show("an alert into the ledger, no courier", entries(ledger, count))
        folder = Path(name) / "hanging"
        web.before_answer = lambda: time.sleep(8)
        courier = Courier(folder, settings_for(web, quiet=None), SystemClock())
        with open_ledger(folder / "ledger.db", SystemClock()) as ledger:
            courier.start()
            show("the same beside two channels that hang", entries(ledger, count))
        began = time.perf_counter()
        courier.close()
        print(f"close while both hang: {time.perf_counter() - began:.2f} s")
        web.before_answer = lambda: None
        folder = Path(name) / "idle"
        clock = SimulatedClock(datetime(2024, 5, 2, 12, 0, tzinfo=KST))
        courier = Courier(folder, settings_for(web, without=("phone",)), clock)
        with open_ledger(folder / "ledger.db", clock) as ledger:
            entries(ledger, count)
            began = time.perf_counter()
            sent = 0
            while sent < min(count, 200):
                sent += courier.turn()
            each = (time.perf_counter() - began) / sent * 1_000
            print(f"{sent} messages to a channel that answers at once: {each:.1f} ms each")
            clock.advance(timedelta(days=300))
            while Outbox(folder).deliveries(status="waiting", most=1):
                courier.turn()
            taken = []
            for _ in range(500):
                began = time.perf_counter()
                courier.turn()
                taken.append((time.perf_counter() - began) * 1_000)
            show("a turn with nothing to do, once a second a channel", np.array(taken))


if __name__ == "__main__":
    main()
