"""Audits as the tests ask for them."""

from __future__ import annotations

from collections.abc import Callable

from brokers.replay import replay
from engine.backtest import backtest
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.research.audit import audit
from engine.research.audit_report import Audit, Check
from engine.research.audit_start import declared_lookback
from engine.rules.annotate import annotate
from engine.rules.parse import parse_expression
from engine.rules.program import compile_rules
from engine.rules.tree import RuleSet
from engine.strategy import Strategy


def audit_strategy(make: Callable[[Panel], Strategy], panel: Panel, cuts: int = 5, seed: int = 1) -> Audit:
    """A strategy in Python, made anew for every run from the panel of that run."""
    nodes = [annotate(parse_expression(text)) for text in make(panel).features.values()]
    return audit(
        lambda world, start, end: replay(make(world), world, None, start, end),
        panel,
        cuts=cuts,
        seed=seed,
        lookback_bars=declared_lookback(nodes, panel.interval),
    )


def audit_rules(
    rules: RuleSet,
    panel: Panel,
    config: BacktestConfig | None = None,
    cuts: int = 5,
    seed: int = 1,
    leak: Callable[[Panel], Panel] = lambda panel: panel,
) -> Audit:
    """Rules in batch mode; `leak` is what a faulty reader of data would make of the panel."""
    features = compile_rules(rules, price_scale=panel.manifest.price_scale).features
    return audit(
        lambda world, start, end: backtest(rules, leak(world), config, start, end),
        panel,
        cuts=cuts,
        seed=seed,
        lookback_bars=declared_lookback(features, panel.interval),
    )


def check_of(found: Audit, name: str) -> Check:
    """The check of that name."""
    return next(check for check in found.checks if check.name == name)
