"""Many rule sets on one market at once: every feature that they share is computed once, block by block.

The step is the one of a single backtest, and so are the fills: a test runs both.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.backtest import check_rules_fit, row_range
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.exchange import Exchange, build_exchange
from engine.feature_feed import FeatureFeed
from engine.rules.program import CompiledRules, compile_rules
from engine.rules.tree import RuleSet
from engine.simulation import Simulation
from engine.track import Track, track_of

T = TypeVar("T")

# Accounts that run side by side: enough to share features, few enough that their books stay below half a gigabyte.
TOGETHER = 128


@dataclass(frozen=True, slots=True)
class Variant:
    """One rule set under one configuration."""

    rules: RuleSet
    config: BacktestConfig


def run_variants(
    variants: Sequence[Variant],
    panel: Panel,
    start: datetime.date | None = None,
    end: datetime.date | None = None,
    *,
    measure: Callable[[Simulation], T] = track_of,  # type: ignore[assignment]
) -> Iterator[T]:
    """Backtest every variant; yields what `measure` makes of each finished run, in order.

    Args:
        variants: rule sets with their configurations; their interval must be the panel's.
        panel: the data.
        start: first session that trades; earlier rows only feed the windows.
        end: last session that trades.
        measure: what to keep of a run; its simulation is given back afterwards. A `Track` by default.

    Raises:
        ConfigError, DataError, RuleError: as `engine.backtest.backtest`.
    """
    exchanges = _Exchanges(panel)
    first, last = row_range(panel, start, end)
    for begin in range(0, len(variants), TOGETHER):
        group = variants[begin : begin + TOGETHER]
        for simulation in _run_group(group, exchanges, first, last):
            yield measure(simulation)


def _run_group(group: Sequence[Variant], exchanges: _Exchanges, first: int, last: int) -> list[Simulation]:
    compiled: list[CompiledRules] = []
    for variant in group:
        check_rules_fit(variant.rules, exchanges.panel)
        compiled.append(compile_rules(variant.rules, price_scale=exchanges.panel.manifest.price_scale))
    nodes = dict.fromkeys(node for rules in compiled for node in rules.features)
    feed = FeatureFeed(exchanges.of(group[0].config), tuple(nodes), first, last)
    simulations = [
        Simulation(exchanges.of(variant.config), rules, first, last, feed=feed)
        for variant, rules in zip(group, compiled, strict=True)
    ]
    while feed.known_to < last:
        feed.advance(feed.known_to)
        for simulation in simulations:
            simulation.run_known()
    return simulations


class _Exchanges:
    """The market under each configuration: they differ in a few numbers, so the rest is made once."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self._made: dict[str, Exchange] = {}

    def of(self, config: BacktestConfig) -> Exchange:
        key = config.model_dump_json()
        if key not in self._made:
            known = next(iter(self._made.values()), None)
            self._made[key] = known.with_config(config) if known else build_exchange(self.panel, config)
        return self._made[key]


__all__ = ["Track", "Variant", "run_variants"]
