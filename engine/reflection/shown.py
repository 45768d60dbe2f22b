"""The data of a reflection as a model sees it: fixed decimals, bounded size, behind a mask if there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from engine.clock import session_of
from engine.reflection.entry_features import FEATURES
from engine.reflection.m1_aggregate import FeatureRate, PerformanceReport, TradeView
from engine.rules.tree import RuleSet

MOST_LOSERS = 60
LONGEST_REASON = 400


class Mask(Protocol):
    """How tickers, days, money and texts are shown."""

    def ticker(self, ticker: str) -> str:
        """The name under which a model knows a ticker."""
        ...

    def day(self, moment: datetime) -> str:
        """A day as text."""
        ...

    def money(self, won: float) -> float:
        """Won, or a share of equity."""
        ...

    def text(self, text: str) -> str:
        """A text without names that must not be seen."""
        ...

    def expression(self, source: str) -> str:
        """A condition or action without levels that would tell where and when."""
        ...


class Plain:
    """Everything as it is."""

    def ticker(self, ticker: str) -> str:
        """The ticker."""
        return ticker

    def day(self, moment: datetime) -> str:
        """The day in Seoul."""
        return session_of(moment).isoformat()

    def money(self, won: float) -> float:
        """Whole won."""
        return round(won)

    def text(self, text: str) -> str:
        """The text."""
        return text

    def expression(self, source: str) -> str:
        """The expression."""
        return source


def report_context(report: PerformanceReport, mask: Mask) -> dict[str, Any]:
    """The figures of M1."""
    return {
        "period": {
            "first_day": mask.day(report.window.first),
            "last_day": mask.day(report.window.last),
            "trades": report.trades,
            "wins": report.wins,
            "win_rate": ratio(report.win_rate),
            "win_rate_95": _interval(report.win_interval),
            "profit": mask.money(report.pnl),
            "costs": mask.money(report.costs),
            "held_days": ratio(report.held_days, 1),
            "purchases": report.bought,
            "open_positions": len(report.open),
            "best": [_trade(view, mask) for view in report.best],
            "worst": [_trade(view, mask) for view in report.worst],
        },
        "studied_trades": report.studied,
        "losers": [_loser(view, mask) for view in report.losers[:MOST_LOSERS]],
        "losers_left_out": max(0, len(report.losers) - MOST_LOSERS),
        "rates": rates_context(report.rates, mask),
        "rule_profits": [
            {
                "rule_id": rule.rule_id,
                "role": rule.role,
                "trades": rule.trades,
                "wins": rule.wins,
                "profit": mask.money(rule.pnl),
            }
            for rule in report.rules
        ],
    }


def rates_context(rates: Sequence[FeatureRate], mask: Mask) -> list[dict[str, Any]]:
    """Base rates, those with a lift alone."""
    return [
        {
            "feature": rate.name,
            "trades": rate.trades,
            "trades_with": rate.trades_with,
            "losers": rate.losers,
            "losers_with": rate.losers_with,
            "share": ratio(rate.share),
            "share_95": _interval(rate.share_interval),
            "share_of_losers": ratio(rate.share_of_losers),
            "share_of_losers_95": _interval(rate.losers_interval),
            "lift": ratio(rate.lift),
            "lost": mask.money(rate.lost),
        }
        for rate in rates
        if rate.lift is not None
    ]


def features_context() -> dict[str, dict[str, str]]:
    """Features by name, as conditions of the rule language."""
    return {feature.name: {"condition": feature.condition, "opposite": feature.opposite} for feature in FEATURES}


def rules_context(rules: RuleSet, mask: Mask) -> list[dict[str, Any]]:
    """The present rules."""
    return [
        {
            "id": rule.id,
            "category": rule.category.value,
            "condition": mask.expression(rule.condition_source),
            "action": mask.expression(rule.action_source),
            "priority": rule.priority,
            "text": mask.text(rule.text),
        }
        for rule in rules.rules
    ]


def ratio(value: float | None, places: int = 4) -> float | None:
    """Fixed decimals, so that equal figures have equal texts."""
    return None if value is None else round(value, places)


def _interval(interval: tuple[float, float] | None) -> list[float | None] | None:
    return None if interval is None else [ratio(bound) for bound in interval]


def _trade(view: TradeView, mask: Mask) -> dict[str, Any]:
    trade = view.trade
    return {
        "trade_id": trade.trade_id,
        "ticker": mask.ticker(trade.ticker),
        "entered": mask.day(trade.entered_at),
        "held_days": ratio(trade.held_days, 1),
        "return": ratio(trade.return_ratio),
        "profit": mask.money(trade.pnl),
        "entry_rules": list(trade.entry_rules),
        "exit_rules": list(trade.exit_rules),
        "why": mask.text(trade.why[:LONGEST_REASON]),
        "features": _met(view.features),
        "after_7_days_percent": ratio(view.after_7_days, 2),
        "after_30_days_percent": ratio(view.after_30_days, 2),
    }


def _loser(view: TradeView, mask: Mask) -> dict[str, Any]:
    trade = view.trade
    return {
        "trade_id": trade.trade_id,
        "ticker": mask.ticker(trade.ticker),
        "return": ratio(trade.return_ratio),
        "profit": mask.money(trade.pnl),
        "held_days": ratio(trade.held_days, 1),
        "entry_rules": list(trade.entry_rules),
        "exit_rules": list(trade.exit_rules),
        "features": _met(view.features),
    }


def _met(features: Mapping[str, bool | None]) -> list[str]:
    return sorted(name for name, value in features.items() if value)
