"""What a folded account depends on, as digests: the market up to a close, the configuration, the rules, the program."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

from engine.config import BacktestConfig
from engine.exchange import Exchange
from engine.matching import arrays as at
from engine.rules.tree import RuleSet

ENGINE = Path(__file__).parent.parent
_FOLDS = ("matching", "rules", "krx", "exchange.py", "simulation.py", "feature_feed.py", "risk.py", "config.py")
_FOLDS_HERE = ("told_account.py", "checkpoint.py", "fold_setting.py")
_MOMENT, _SESSION, _VENUE, _TICKS, _INSTRUMENTS, _ACTIONS = 4, 3, 5, slice(6, -3), -3, -2  # in the exchange's arrays


@cache
def code_digest() -> str:
    """Of the sources that turn events and bars into an account: another version folds anew, whatever it changed."""
    digest = hashlib.sha256()
    for root in (*(ENGINE / name for name in _FOLDS), *(Path(__file__).parent / name for name in _FOLDS_HERE)):
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def rules_digest(rules: RuleSet) -> str:
    """Of everything that a rule set says."""
    return hashlib.sha256(repr(rules).encode()).hexdigest()


def config_digest(config: BacktestConfig) -> str:
    """Of costs and limits. When a venue takes orders moves nothing here: what it told has its own times."""
    return hashlib.sha256(config.model_copy(update={"venue": "krx"}).model_dump_json().encode()).hexdigest()


class DataDigest:
    """Digests of a market up to a close. Asked for ascending rows it reads each bar once.

    Args:
        exchange: the market; what it says of later bars goes into nothing.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._digest, self._next = hashlib.sha256(), 0

    def at(self, row: int) -> str:
        """The digest at the close of a bar: everything that features, marks and fills up to it can have read."""
        if row < self._next - 1:
            self._digest, self._next = hashlib.sha256(), 0
        while self._next <= row:
            self._add(self._next)
            self._next += 1
        whole = self._digest.copy()
        for part in self._known_at(row):
            whole.update(part)
        return whole.hexdigest()

    def _add(self, row: int) -> None:
        panel, market = self._exchange.panel, self._exchange.arrays
        session = int(market[_SESSION][row])
        optional = (table[row] for table in (panel.value, panel.shares) if table is not None)
        series = (panel.indices[name][:, row] for name in sorted(panel.indices))
        times = [int(table[row]) for table in (panel.closed_at_ns, panel.session, panel.ordinal, market[_MOMENT])]
        # Orders of an evening reserve cash by the rules of the next session.
        venue = market[_VENUE][session : session + 2]
        self._digest.update(repr((session, times)).encode())
        for part in (panel.bars[:, row], panel.state[row], panel.base[row], venue, *optional, *series):
            self._digest.update(np.ascontiguousarray(part).tobytes())

    def _known_at(self, row: int) -> list[bytes]:
        """What is said once for all bars, as it was known at the close."""
        panel, market = self._exchange.panel, self._exchange.arrays
        instruments, actions = market[_INSTRUMENTS].copy(), market[_ACTIONS]
        ended = instruments[:, at.INSTRUMENT_LAST] < row
        instruments[~ended, at.INSTRUMENT_DELISTED] = 0
        for edge in (at.INSTRUMENT_FIRST, at.INSTRUMENT_LAST):
            instruments[:, edge] = np.minimum(instruments[:, edge], row)
        said = (
            panel.tickers,
            panel.interval,
            panel.manifest.price_scale,
            panel.manifest.adjusted,
            sorted(panel.indices),
            panel.value is None,
            panel.shares is None,
        )
        tables = [*market[_TICKS], instruments, actions[actions[:, at.ACTION_ROW] <= row]]
        return [repr(said).encode(), *(np.ascontiguousarray(table).tobytes() for table in tables)]
