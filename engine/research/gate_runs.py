"""The runs of the gate, as tasks that any worker can do: rule sets on a window, reduced to what the steps read."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.config import BacktestConfig, Slippage
from engine.data.panel import Panel
from engine.matching import arrays as at
from engine.metrics.returns import Floats
from engine.research.gate_settings import GateSettings
from engine.rules.tree import RuleSet
from engine.simulation import Simulation
from engine.track import session_returns
from engine.variants import Variant, run_variants

# Rule sets in one task: enough to share their features, few enough that the last task of two cores is short.
TOGETHER = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """A task: rule sets on one window.

    Args:
        variants: rule sets with configurations.
        first, last: sessions that trade.
    """

    variants: tuple[Variant, ...]
    first: datetime.date
    last: datetime.date


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """What is kept of a run.

    Args:
        returns: float64[S], a session each.
        cost_shares: float64[S], fees and taxes of a session against the equity before it.
        sale_days: int64[Q], running number of the session of each sale; sales of one name and session are one.
        sale_columns: int64[Q], which name.
        sale_weights: float64[Q], amount against the equity before the session.
        filled: int64[R], filled orders that name a rule, by the place of the rule in the file.
        days: int64[R], sessions with an order that names it, filled or not.
        together: int64[R, R], orders that name both.
    """

    returns: Floats
    cost_shares: Floats
    sale_days: NDArray[np.int64]
    sale_columns: NDArray[np.int64]
    sale_weights: Floats
    filled: NDArray[np.int64]
    days: NDArray[np.int64]
    together: NDArray[np.int64]


def run(panel: Panel, item: Runs) -> list[RunFigures]:
    """Do one task."""
    return list(run_variants(item.variants, panel, item.first, item.last, measure=run_figures))


def returns_of(panel: Panel, item: Runs) -> Floats:
    """Do one task of which the returns alone are wanted: float64[S, variants]."""
    return np.stack(list(run_variants(item.variants, panel, item.first, item.last, measure=session_returns)), axis=1)


def chunks(rules: Sequence[RuleSet], config: BacktestConfig, first: datetime.date, last: datetime.date) -> list[Runs]:
    """Many rule sets under one configuration as tasks."""
    return [
        Runs(
            variants=tuple(Variant(one, config) for one in rules[begin : begin + TOGETHER]),
            first=first,
            last=last,
        )
        for begin in range(0, len(rules), TOGETHER)
    ]


def delayed(config: BacktestConfig) -> BacktestConfig:
    """The configuration under which every order reaches the exchange one bar later."""
    return config.model_copy(update={"latency_bars": config.latency_bars + 1})


def slipping(config: BacktestConfig, settings: GateSettings) -> BacktestConfig:
    """The configuration with twice its slippage, or with that of the settings where it has none."""
    now = config.slippage
    size = now.size * 2 if now.size else 0.0
    worse = now.model_copy(update={"size": size}) if size else Slippage(model="rate", size=settings.slippage)
    return config.model_copy(update={"slippage": worse})


def run_figures(simulation: Simulation) -> RunFigures:
    """Reduce a finished run."""
    returns = session_returns(simulation)
    account, numbers = simulation.book.account, simulation.exchange.session_number
    start = simulation.exchange.config.cash_won * simulation.exchange.scale
    before = start * np.append(1.0, np.cumprod(1 + returns)[:-1])
    begin = int(numbers[simulation.first])
    fills = simulation.book.fills[: account[at.FILL_COUNT]]
    day = numbers[fills[:, at.FILL_ROW]].astype(np.int64) - begin
    costs = fills[:, [at.FILL_FEE, at.FILL_TAX, at.FILL_RURAL]].sum(axis=1)
    spent = np.bincount(day, weights=costs, minlength=len(returns))
    sold = fills[:, at.FILL_SIDE] != at.BUY
    names = simulation.exchange.panel.columns
    keys, place = np.unique(day[sold] * names + fills[sold, at.FILL_COL], return_inverse=True)
    amounts = np.bincount(
        place, weights=fills[sold, at.FILL_PRICE] * fills[sold, at.FILL_QUANTITY], minlength=len(keys)
    )
    sale_days = keys // names
    filled, days, together = _named(simulation, numbers)
    return RunFigures(
        returns=returns,
        cost_shares=_share(spent, before),
        sale_days=sale_days,
        sale_columns=keys % names,
        sale_weights=_share(amounts, before[sale_days]),
        filled=filled,
        days=days,
        together=together,
    )


def _named(simulation: Simulation, numbers: NDArray[np.int32]) -> tuple[Any, Any, Any]:
    """Filled orders, sessions with orders, and orders in common, by rule: from the rule bits of the orders."""
    rules = 0 if simulation.rules is None else len(simulation.rules.source)
    log = simulation.book.orders[: simulation.book.account[at.ORDER_COUNT]]
    places = np.arange(rules)
    words = np.where(places < 63, log[:, [at.ORDER_RULES_LOW]], log[:, [at.ORDER_RULES_HIGH]])
    named = (words >> (places % 63)) & 1
    filled = named[log[:, at.ORDER_FILLED] > 0].sum(axis=0)
    day = numbers[log[:, at.ORDER_ROW]]
    days = np.array([len(np.unique(day[named[:, rule] == 1])) for rule in range(rules)], dtype=np.int64)
    return filled, days, named.T @ named


def _share(amount: NDArray[Any], equity: Floats) -> Floats:
    return np.divide(amount, equity, out=np.zeros(len(amount)), where=equity > 0)
