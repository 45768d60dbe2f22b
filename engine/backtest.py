"""Backtest a rule set on a panel: the ten lines that everything else is built on."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence

import numpy as np

from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.errors import ConfigError, DataError
from engine.exchange import EPOCH, build_exchange
from engine.outcome import build_result
from engine.result import Result
from engine.rules.program import compile_rules
from engine.rules.tree import IndexField, Name, Node, RuleSet
from engine.rules.walk import rule_expressions, walk
from engine.simulation import Simulation

# Fields of a rule that need a column which a dataset may lack.
COLUMN_OF = {"value": "value", "market_cap": "shares"}


def backtest(
    rules: RuleSet,
    panel: Panel,
    config: BacktestConfig | None = None,
    start: datetime.date | None = None,
    end: datetime.date | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Run a rule set over a panel.

    Args:
        rules: checked rules; their interval must be the panel's.
        panel: the data.
        config: cash, costs, limits; the defaults if None.
        start: first session that trades; earlier rows only feed the windows.
        end: last session that trades.
        on_progress: told how many bars of how many are done.

    Raises:
        ConfigError: the interval of the rules is not the panel's.
        DataError: no session between start and end.
        RuleError: the rules do not compile.
    """
    began = time.perf_counter()
    simulation = prepare(rules, panel, config or BacktestConfig(), start, end)
    prepared = time.perf_counter()
    simulation.run(on_progress)
    ran = time.perf_counter()
    timings = {"prepare": prepared - began, "run": ran - prepared}
    return build_result(simulation, timings)


def prepare(
    rules: RuleSet,
    panel: Panel,
    config: BacktestConfig,
    start: datetime.date | None = None,
    end: datetime.date | None = None,
    watched: Sequence[Node] = (),
) -> Simulation:
    """A simulation of a rule set, ready to run; errors as for `backtest`.

    Args:
        rules: checked rules; none for a strategy in Python.
        panel: the data.
        config: cash, costs, limits.
        start: first session that trades.
        end: last session that trades.
        watched: further features to compute.
    """
    check_rules_fit(rules, panel)
    for node in watched:
        check_known(node, panel, "A feature of the strategy")
    exchange = build_exchange(panel, config)
    compiled = compile_rules(rules, price_scale=exchange.scale)
    return Simulation(exchange, compiled, *row_range(panel, start, end), watched=watched)


def check_rules_fit(rules: RuleSet, panel: Panel) -> None:
    """Refuse rules that count other bars than the panel's, or look at something that the data lacks."""
    if panel.trades_from is not None and rules.rules:
        raise ConfigError(
            f"The rules count bars of {rules.interval} (주기), and {panel.manifest.name} has recorded trades. Run a "
            "KIS program (`geoul serve`) or a strategy in Python (`brokers.replay.replay`) on them, and rules on bars "
            "of them (`geoul data bars`)."
        )
    if rules.interval != panel.interval:
        raise ConfigError(
            f"The rules count bars of {rules.interval} (주기), the panel has bars of {panel.interval}. "
            f"Load it with interval={rules.interval!r}."
        )
    for rule in rules.rules:
        for expression in rule_expressions(rule):
            check_known(expression, panel, f"Rule {rule.id}")


def check_known(expression: Node, panel: Panel, who: str) -> None:
    """Refuse what looks at something that the data lacks entirely: it could never fire, and nobody would notice."""
    for node in walk(expression):
        if isinstance(node, IndexField) and node.index not in panel.indices:
            have = ", ".join(sorted(panel.indices)) or "none"
            raise DataError(
                f"{who} looks at the index {node.index}, but the data {panel.manifest.name} has {have}. "
                "Import the data again with `--index FILE`, or change the expression."
            )
        if isinstance(node, Name) and node.name in COLUMN_OF and getattr(panel, COLUMN_OF[node.name]) is None:
            instead = " (`close * volume` comes near it)" if node.name == "value" else ""
            raise DataError(
                f"{who} looks at {node.name}, but the data {panel.manifest.name} has no column {COLUMN_OF[node.name]}. "
                f"Import data that has it, or change the expression{instead}."
            )


def row_range(panel: Panel, start: datetime.date | None, end: datetime.date | None) -> tuple[int, int]:
    """Rows [first, last) of the sessions between two dates, both included."""
    first = 0 if start is None else int(np.searchsorted(panel.session, (start - EPOCH).days, side="left"))
    last = panel.rows if end is None else int(np.searchsorted(panel.session, (end - EPOCH).days, side="right"))
    if first >= last:
        have = f"{panel.session_date(0)} to {panel.session_date(panel.rows - 1)}"
        asked = " ".join(f"{word} {day}" for word, day in (("from", start), ("to", end)) if day)
        raise DataError(f"No session {asked}: the data reaches from {have}. Choose dates inside it, in that order.")
    return first, last
