"""A process that runs for months gives freed memory back to the system.

The C library of Linux learns from what is freed: after one large block it keeps all smaller ones in its heap, between
small objects that live on, and the process grows with every day's arrays. With fixed borders, arrays come from the
system and go back to it. Source: mallopt(3), M_MMAP_THRESHOLD and M_ARENA_MAX.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_BORDER_BYTES = 128 * 1024
_ARENAS = 2  # more threads than that hardly ever allocate at once


def give_back_freed_memory() -> bool:
    """From now on, and for the whole process; False where the C library has no such setting. Call it early."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return False
    settings = {_ARENA_MAX: _ARENAS, _MMAP_THRESHOLD: _BORDER_BYTES, _TRIM_THRESHOLD: _BORDER_BYTES}
    taken = [mallopt(ctypes.c_int(name), ctypes.c_int(value)) == 1 for name, value in settings.items()]
    return all(taken)
