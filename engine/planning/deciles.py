"""Where a size stands among all names of its slice: 1 is the smallest tenth, 10 the largest."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from engine.clock import to_nanoseconds
from engine.data.panel import CLOSE, VOLUME, Panel, State

_TENTHS = np.arange(10, 100, 10)


class Deciles:
    """Borders of the tenths of market value and volume, at the last bar that had closed; kept for one slice.

    Args:
        panel: the data; names without a row or without known shares take no part.
    """

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._row = -1
        self._moment: datetime | None = None
        self._borders: dict[str, list[float]] = {}

    def of(self, kind: str, value: float, moment: datetime) -> int | None:
        """The tenth in which a value lies; None where nothing is there to compare it with.

        Args:
            kind: "market_cap" (won) or "volume" (shares).
            value: of one name.
            moment: of the decision; later bars are not looked at.
        """
        if moment != self._moment:
            row = int(np.searchsorted(self._panel.closed_at_ns, to_nanoseconds(moment), side="right")) - 1
            if row != self._row:
                self._row, self._borders = row, self._of_row(row) if row >= 0 else {}
            self._moment = moment
        if self._row < 0:
            return None
        borders = self._borders[kind]
        return bisect_right(borders, value) + 1 if borders else None

    def _of_row(self, row: int) -> dict[str, list[float]]:
        panel = self._panel
        traded = (panel.state[row] & State.TRADED) > 0
        volume = panel.bars[VOLUME, row, traded].astype(np.float64)
        caps: NDArray[np.float64] = np.empty(0)
        if panel.shares is not None:
            known = ((panel.state[row] & State.PRESENT) > 0) & (panel.shares[row] >= 0)
            close = panel.bars[CLOSE, row, known].astype(np.float64) / panel.manifest.price_scale
            caps = close * panel.shares[row, known]
        return {
            name: np.percentile(all_, _TENTHS).tolist() if len(all_) else []
            for name, all_ in (("market_cap", caps), ("volume", volume))
        }
