"""The hash of the market data that a decision saw: a chain over the bars, one link a row.

A link depends on its row and on all rows before it and on nothing later, so the hash of a decision stays the same
when the dataset grows, and changes when anything that the decision could see is changed.
"""

from __future__ import annotations

import hashlib

from engine.data.panel import Panel


class DataSeen:
    """The chain over one panel.

    Args:
        panel: the data.
        first: first row that will be asked for.
    """

    def __init__(self, panel: Panel, first: int) -> None:
        self._panel = panel
        self._next = 0
        names = ";".join((panel.interval, str(panel.manifest.price_scale), *panel.tickers))
        self._hash = hashlib.sha256(names.encode())
        self.up_to(first - 1)

    def up_to(self, row: int) -> str:
        """Hash of the rows up to `row`, hexadecimal; rows only go forward."""
        panel = self._panel
        for link in range(self._next, row + 1):
            self._hash.update(panel.closed_at_ns[link].tobytes())
            for array in (*panel.bars, panel.state, panel.base):
                self._hash.update(array[link])
        self._next = max(self._next, row + 1)
        return self._hash.copy().hexdigest()
