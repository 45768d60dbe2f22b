"""Before anything trades on a ledger: is it what it was? Damage on the disk is found at the start, not in a session.

Opening a ledger reads the journal after its last checkpoint, and nothing of the pages in between: bytes that changed
there would end the trader hours later, in the middle of a day. A file of a size that years of trading make is proved
whole in a second or two; beyond that the start would last too long, and the proof is left to the nightly backup.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from engine.clock import Clock
from engine.errors import DataError
from engine.ledger.connection import connect
from engine.ledger.verify import verify

MOST_BYTES = 48 << 20  # about 1.5 s


def require_sound(path: Path, clock: Clock) -> None:
    """Nothing, if there is no ledger yet or the whole of it proves true.

    Raises:
        DataError: it is damaged, or was changed outside Geoul. It is left as it is.
        LedgerError: it cannot be opened for writing.
    """
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        return
    with closing(connect(path, clock.now())) as connection:
        findings = verify(connection)
    if findings:
        first = findings[0]
        raise DataError(
            f"The ledger {path} is damaged ({first.code} {first.where}: {first.detail}). Nothing is traded on it. "
            f"Take the last backup: geoul restore {path.parent} --from BACKUP."
        )
