"""The kill switch as people throw it: `geoul halt`, or a file HALT in the account's folder (`touch` is enough).

Words in the file ask for more: `cancel`, `sell`, `everything`. The file works without Geoul, without Python and without
a trader that runs; whoever takes it away and says why (`geoul resume`) lets the account go on.
"""

from __future__ import annotations

import re
from pathlib import Path

from engine.clock import from_nanoseconds
from engine.trading.control import Request
from engine.trading.standing import Halt

FILE = "HALT"


class HaltFile:
    """The file of one account.

    Args:
        folder: of the account.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def exists(self) -> bool:
        """Whether it is there."""
        return self.path.exists()

    def read(self) -> Halt | None:
        """What it asks for; None if it is not there. One that cannot be read halts all the same."""
        try:
            since = from_nanoseconds(self.path.stat().st_mtime_ns)
        except FileNotFoundError:
            return None
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        words = set(re.findall(r"[a-z]+", text.lower()))
        return Halt(
            since=since,
            who=FILE,
            reason=" ".join(text.split())[:200],
            everything="everything" in words,
            cancel="cancel" in words,
            sell="sell" in words,
        )

    def remove(self) -> None:
        """Take it away."""
        self.path.unlink(missing_ok=True)


def halt_of(request: Request) -> Halt:
    """The halt that a request asks for."""
    values = request.parameters
    return Halt(
        since=request.time,
        who=request.who,
        reason=str(values.get("reason", "")),
        everything=bool(values.get("everything")),
        cancel=bool(values.get("cancel")),
        sell=bool(values.get("sell")),
    )
