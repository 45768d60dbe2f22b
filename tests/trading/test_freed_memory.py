"""What a trader has freed does not stay with it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Each program ends with what it keeps of 160 MB that it has freed.
BEGIN = """
import sys
from engine.trading.freed_memory import give_back_freed_memory

if "fixed" in sys.argv and not give_back_freed_memory():
    sys.exit(3)
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * 4096
"""
ARRAYS = """
import numpy as np
del (large := [np.ones(3_000_000)])[:]  # 24 MB: from here on the C library keeps blocks of that size
before, kept, days = resident(), [], []
for _ in range(200):
    days.append(np.ones(100_000))  # 0.8 MB
    kept.append(np.ones(1_000))    # lives on, behind it
days.clear()
print((resident() - before) // 1_000_000)
"""
TABLES = """
import polars as pl
pl.select(pl.int_range(100_000))  # starts the threads
before = resident()
days = [pl.select(pl.int_range(100_000)) for _ in range(200)]  # 0.8 MB each
days.clear()
print((resident() - before) // 1_000_000)
"""
PIECES = """
from engine.trading.freed_memory import give_back_now
before, kept, freed = resident(), [], []
for _ in range(1_600):
    freed.append(bytearray(100_000))
    kept.append(bytearray(1_000))  # lives on, behind it
freed.clear()
if "fixed" in sys.argv:
    give_back_now()
print((resident() - before) // 1_000_000)
"""
RINGS = """
import gc
import weakref
from engine.trading.freed_memory import give_back_now

class Part:
    pass

part = Part()
part.itself, lives = part, weakref.ref(part)
give_back_now()
print(len(gc.get_objects()))  # that a search goes through
del part
give_back_now()
print(int(lives() is None))
"""


def kept_by(program: str, *how: str) -> int:
    """MB that are not given back."""
    (kept,) = printed_by(program, *how)
    return kept


def printed_by(program: str, *how: str) -> list[int]:
    """The numbers that a program wrote, one a line."""
    # As polars leaves it to every process that one which has imported it starts.
    environment = {**os.environ, "_RJEM_MALLOC_CONF": "dirty_decay_ms:500,muzzy_decay_ms:1000"}
    command = [sys.executable, "-c", BEGIN + program, *how]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode == 3:
        pytest.skip("this C library has no mallopt")
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("program", [ARRAYS, TABLES, PIECES], ids=["arrays", "tables", "pieces"])
def test_what_was_freed_goes_back_to_the_system(program: str) -> None:
    assert kept_by(program, "fixed") < 20 < kept_by(program)


def test_rings_are_searched_for_in_the_evening_and_not_through_all_that_lives_on() -> None:
    searched, is_freed = printed_by(RINGS, "fixed")
    assert searched < 1_000
    assert is_freed
    searched, is_freed = printed_by(RINGS)  # a process that is not a trader's own: nothing of it is touched
    assert searched > 1_000
    assert not is_freed
