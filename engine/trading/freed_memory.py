"""A process that runs for months gives freed memory back to the system.

The C library of Linux learns from what is freed: after one large block it keeps all smaller ones in its heap, between
small objects that live on, and the process grows with every day's arrays. With fixed borders, arrays come from the
system and go back to it. Source: mallopt(3), M_MMAP_THRESHOLD and M_ARENA_MAX. Polars brings an allocator of its own,
which keeps what was freed in one of many arenas until it happens to look there again. Source: jemalloc(3), TUNING.

Python frees most things when they are let go, and searches for rings of objects that hold each other. Such a search of
the whole trader takes a tenth of a second or more, in which no price is looked at: it belongs to the evening.
"""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_BORDER_BYTES = 128 * 1024
_ARENAS = 2  # more threads than that hardly ever allocate at once
_OF_POLARS = "_RJEM_MALLOC_CONF"
_KEEP_NOTHING = f"narenas:{_ARENAS},dirty_decay_ms:0,muzzy_decay_ms:0"


def give_back_freed_memory() -> bool:
    """From now on, and for the whole process; call it before anything has imported polars.

    Returns:
        False where the C library has no such setting.
    """
    _tell_polars()
    gc.freeze()
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return False
    settings = {_ARENA_MAX: _ARENAS, _MMAP_THRESHOLD: _BORDER_BYTES, _TRIM_THRESHOLD: _BORDER_BYTES}
    taken = [mallopt(ctypes.c_int(name), ctypes.c_int(value)) == 1 for name, value in settings.items()]
    return all(taken)


def give_back_now() -> None:
    """Free what only rings hold, and give back what is free between small objects: for the end of a day.

    What lives on is set aside, so that searches before the next call do not go through it. Rings are left to Python
    where the process has not begun with `give_back_freed_memory`. Source: malloc_trim(3), Python's `gc.freeze`.
    """
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.collect()
        gc.freeze()
    with suppress(OSError, TypeError, AttributeError):
        ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(0))


def _tell_polars() -> None:
    """Its allocator reads this once, when it is loaded; polars puts its own settings in front.

    A process that this one starts has what this one was started with.
    """
    given = os.environ.get(_OF_POLARS)
    os.environ[_OF_POLARS] = f"{given},{_KEEP_NOTHING}" if given else _KEEP_NOTHING
    import polars  # noqa: F401, PLC0415

    if given is None:
        del os.environ[_OF_POLARS]
    else:
        os.environ[_OF_POLARS] = given
