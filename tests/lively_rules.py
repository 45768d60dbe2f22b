"""Rule sets for whole backtests: random ones seldom trade, so half of these are put together from rules that do."""

from __future__ import annotations

from hypothesis import strategies as st

from engine.rules.tree import RuleSet
from tests.builders_panel import make_rules
from tests.rule_strategies import Taste, rule_sets

TASTE = Taste(depth=1, window=4, money=False)
ENTRIES = [
    ("entry", "always", "buy 20% of equity"),
    ("entry", "always", "buy 10% of equity add"),
    ("entry", "close > open", "buy 30% of equity at limit 0.98 * close add"),
    ("entry", "close <= open", "buy 30% of equity at stop 1.01 * close"),
    ("entry", "always", "buy 15% of equity at stop session_open + 0.3 * (high - low)"),
    ("entry", "always", "buy 15% of equity at limit session_open - 0.3 * (high - low) add"),
    ("entry", "always", "rank by volume"),
    ("entry", "volume > 10", "require"),
]
EXITS = [
    ("exit", "pnl <= -2%", "sell all"),
    ("exit", "pnl >= 2%", "sell 50%"),
    ("exit", "drawdown_from_peak <= -3%", "sell 33.3%"),
    ("exit", "days_held >= 2 and pnl < 1%", "sell 50%"),
    ("exit", "close < open", "sell all"),
    ("risk", "always", "limit day loss 2%"),
    ("risk", "day_pnl < -1%", "block buys"),
    ("risk", "bars_since_exit < 2", "block buys"),
    ("risk", "drawdown < -15%", "halt"),
    ("size", "positions >= 1", "size risk 1% at stop 3%"),
    ("size", "always", "limit positions 2"),
    ("size", "always", "limit position 15%"),
]


@st.composite
def any_rules(draw: st.DrawFn, interval: str) -> RuleSet:
    """Half of them random in every part, half of them put together from rules that trade a lot."""
    if draw(st.booleans()):
        return draw(rule_sets(TASTE, most_rules=7, interval=interval))
    picked = [draw(st.sampled_from(ENTRIES[:6]))]
    picked += draw(st.lists(st.sampled_from(ENTRIES), max_size=2)) + draw(st.lists(st.sampled_from(EXITS), max_size=5))
    return make_rules(*((*rule, draw(st.integers(1, 10))) for rule in picked), interval=interval)
