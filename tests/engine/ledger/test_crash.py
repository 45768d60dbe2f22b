"""SIGKILL at any moment: no acknowledged fact is lost, no half of a transaction stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.ledger.connection import LedgerError
from engine.ledger.ledger import open_ledger
from engine.ledger.rows import find_fill
from engine.ledger.verify import verify
from engine.order import TERMINAL
from tests.builders_ledger import approve, buy, make_clock, make_ledger, make_request

ROOT = Path(__file__).parents[3]

# Trades without end and says each fact aloud only after the ledger has returned.
TRADER = """
import sys
from pathlib import Path
from engine.events import OrderAccepted, OrderCancelled
from engine.ledger.ledger import open_ledger
from tests.builders_ledger import approve, make_clock, make_fill, make_request

ledger = open_ledger(Path(sys.argv[1]), make_clock())
now = ledger.clock.now()
for order in ledger.unresolved_orders():
    ledger.append(OrderAccepted(time=now, order_id=order.id))
print("ready", flush=True)
while True:
    order = ledger.record_intent(approve(make_request(quantity=30)))
    print("intent", order.id, flush=True)
    ledger.record_outcome(OrderAccepted(time=now, order_id=order.id))
    ledger.append_all([make_fill(order.id, key) for key in "12"])
    print("fill", order.id + "/1", flush=True)
    print("fill", order.id + "/2", flush=True)
    ledger.append(OrderCancelled(time=now, order_id=order.id))
    print("end", order.id, flush=True)
"""

# Dies by its own hand inside a transaction, after the journal row and before the commit.
SUICIDE = """
import os, signal, sys
from pathlib import Path
from engine.ledger import ledger as module
from tests.builders_ledger import buy, make_clock

def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(module, sys.argv[2], die)
buy(module.open_ledger(Path(sys.argv[1]), make_clock()))
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )


def test_a_killed_trader_loses_nothing_that_the_ledger_had_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    generator = np.random.default_rng(20_240_502)
    said: list[tuple[str, str]] = []
    for _ in range(5):
        with start(TRADER, str(path)) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            for _ in range(int(generator.integers(1, 25))):
                said.append(tuple(child.stdout.readline().split()))  # type: ignore[arg-type]
            child.send_signal(signal.SIGKILL)
            rest = child.stdout.read()
            # A line may be cut by the kill; whole ones were said after the commit.
            said += [tuple(line.split()) for line in rest.splitlines(keepends=True) if line.endswith("\n")]  # type: ignore[misc]
        with open_ledger(path, make_clock()) as ledger:
            assert verify(ledger.connection) == ()
            for fact, name in said:
                if fact == "intent":
                    assert ledger.order(name) is not None
                elif fact == "fill":
                    assert find_fill(ledger.connection, name) is not None
                else:
                    order = ledger.order(name)
                    assert order is not None and order.status in TERMINAL
            (fills, orders) = ledger.connection.execute(
                "SELECT count(*), count(DISTINCT order_id) FROM fills"
            ).fetchone()
            assert fills == 2 * orders  # both fills of a batch, or neither
            assert len(ledger.unresolved_orders()) <= 1
    assert len(said) > 20


@pytest.mark.parametrize(("step", "orders", "fills"), [("save_order", 0, 0), ("save_fill", 1, 0), ("save_trade", 1, 0)])
def test_a_kill_inside_a_transaction_leaves_no_half_of_it(tmp_path: Path, step: str, orders: int, fills: int) -> None:
    path = tmp_path / "ledger.db"
    with start(SUICIDE, str(path), step) as child:
        pass
    assert child.returncode == -signal.SIGKILL
    with open_ledger(path, make_clock()) as ledger:
        assert verify(ledger.connection) == ()
        counts = [
            ledger.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("orders", "fills", "trades")
        ]
        assert counts == [orders, fills, fills]
        assert ledger.positions == {}


def test_a_full_disk_books_nothing_and_says_so(tmp_path: Path) -> None:
    with make_ledger(tmp_path, deposit=1_000) as ledger:
        pages = ledger.connection.execute("PRAGMA page_count").fetchone()[0]
        ledger.connection.execute(f"PRAGMA max_page_count = {pages}")
        before = ledger.head, ledger.totals, ledger.unresolved_orders()
        with pytest.raises(LedgerError, match="Nothing was recorded"):
            for _ in range(1_000):
                ledger.record_intent(approve(make_request(rule_ids=("r" * 500,))))
                before = ledger.head, ledger.totals, ledger.unresolved_orders()
        assert (ledger.head, ledger.totals, ledger.unresolved_orders()) == before
        assert verify(ledger.connection) == ()
        ledger.connection.execute("PRAGMA max_page_count = 1000000")
        buy(ledger)
        assert verify(ledger.connection) == ()
