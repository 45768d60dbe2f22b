"""What a long run keeps until its end is not searched for garbage again and again.

Python's collector goes through everything that is alive each time that has grown by a quarter. A run that keeps every
decision with its reasons only ever grows, so these searches find nothing and take a tenth of its time. Here what is
kept is set aside now and then; ordinary garbage is freed at once as ever, because it is counted, not searched for.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OFTEN = 32  # things kept between two times; an object that is part of a ring waits that long, or for the end


@contextmanager
def settled_heap() -> Iterator[Callable[[], None]]:
    """Gives what is called whenever something has been kept. At the end everything is as it was.

    Where somebody has set objects aside already (`gc.freeze`), or collects nothing, nothing is done.
    """
    if gc.get_freeze_count() or not gc.isenabled():
        yield lambda: None
        return
    kept = 0

    def keep() -> None:
        nonlocal kept
        kept += 1
        if kept % OFTEN == 0:
            gc.freeze()

    gc.freeze()
    try:
        yield keep
    finally:
        gc.unfreeze()
