"""Rules side by side on the same recorded days: those in force, and those that only watch.

Each rule set trades an account of its own in replay, from the same day and with the same money, so that their daily
returns can be subtracted. Nothing of it reaches a venue.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np

from engine.backtest import backtest
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.krx.sessions import previous_session
from engine.rules.tree import RuleSet


def shadow_returns(
    rules: Mapping[str, RuleSet], panel: Panel, config: BacktestConfig, start: date
) -> dict[str, dict[date, float]]:
    """Simple returns by session of each rule set, from `start` on; the decision for it is made the session before.

    Args:
        rules: rule sets by name.
        panel: raw bars.
        config: costs, limits and the money that each begins with.
        start: first session that counts.

    Raises:
        DataError: the data has no session before `start`.
    """
    found = {}
    for name, each in rules.items():
        equity = backtest(each, panel, config, start=previous_session(start)).equity
        sessions, values = equity["session"].to_list(), equity["equity"].to_numpy().astype(np.float64)
        changes = np.divide(values[1:], values[:-1], out=np.ones(len(values) - 1), where=values[:-1] > 0) - 1
        found[name] = dict(zip(sessions[1:], changes.tolist(), strict=True))
    return found
