"""`status.json` in the account's folder: the last snapshot of a running trader, whole or not there."""

from __future__ import annotations

import json
import os
from pathlib import Path

from engine.errors import DataError
from engine.trading.health import Health, health_as_plain, health_from_plain

FILE = "status.json"


class StatusFile:
    """The file of one account.

    Args:
        folder: of the account.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._part = folder / f".{FILE}.part"

    def write(self, health: Health) -> None:
        """Replace it. Nothing waits for the disk: a snapshot need not survive a power failure, the ledger does.

        Raises:
            OSError: it cannot be written.
        """
        self._part.write_text(json.dumps(health_as_plain(health), ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(self._part, self.path)

    def read(self) -> Health | None:
        """The last snapshot, None before the first.

        Raises:
            DataError: it is damaged, or of another version.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f"The status {self.path} cannot be read: {error.strerror}.") from None
        try:
            values = json.loads(text)
        except ValueError:
            raise DataError(f"The status {self.path} is damaged. The next turn of the trader writes it anew.") from None
        return health_from_plain(values)
