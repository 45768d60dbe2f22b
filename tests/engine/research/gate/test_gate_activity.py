"""How often a rule fires, and what it shares with others, counted by hand."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.research.gate_activity import Conditions, comparable, count_firings, market_overlap, source_of
from engine.rules.tree import Rule
from tests.builders_panel import flat, make_panel, make_rules

EPOCH = datetime.date(1970, 1, 1)


@pytest.fixture
def panel() -> Panel:
    """Two names over ten sessions: A at 100 then 200, B at 300, listed from the fourth session on."""
    return make_panel(
        {"A": flat(100, 5) + flat(200, 5), "B": [None] * 3 + flat(300, 7)}, start=datetime.date(2024, 3, 4)
    )


def conditions(panel: Panel, judged: tuple[Rule, ...], active: tuple[Rule, ...], first: int = 0) -> Conditions:
    return Conditions(
        judged=judged,
        active=active,
        config=BacktestConfig(),
        first=panel.session_date(first),
        last=panel.session_date(panel.rows - 1),
    )


def test_cells_are_names_that_are_listed_and_days_those_with_any(panel: Panel) -> None:
    high, low, other = make_rules(
        ("entry", "close >= 200", "buy 5% of equity"),
        ("entry", "close <= 100", "buy 5% of equity"),
        ("entry", "close >= 300", "buy 5% of equity"),
    ).rules
    found = count_firings(panel, conditions(panel, (high, low), (other,)))
    assert found.cells == 10 + 7
    assert found.true == {high.id: 5 + 7, low.id: 5, other.id: 7}
    assert found.days == {high.id: 7, low.id: 5}
    assert found.both == {(high.id, other.id): 7, (low.id, other.id): 0}
    assert market_overlap(found, high, other) == 7 / 12
    later = count_firings(panel, conditions(panel, (high,), (), first=5))
    assert (later.cells, later.true[high.id], later.days[high.id]) == (10, 10, 5)


def test_a_requirement_is_superfluous_only_where_two_agree(panel: Panel) -> None:
    wide, narrow = make_rules(("entry", "close >= 200", "require"), ("entry", "close >= 300", "require")).rules
    found = count_firings(panel, conditions(panel, (wide, narrow), (wide, narrow)))
    assert market_overlap(found, narrow, wide) == market_overlap(found, wide, narrow) == 7 / 12


def test_only_rules_that_could_replace_each_other_are_compared() -> None:
    buy, other, need, cap, same_cap, smaller = make_rules(
        ("entry", "close > 1", "buy 5% of equity"),
        ("entry", "close > 2", "buy 9% of equity"),
        ("entry", "close > 2", "require"),
        ("risk", "always", "limit position 10%"),
        ("risk", "weekday == mon", "limit position 10%"),
        ("risk", "always", "limit position 5%"),
    ).rules
    assert comparable(buy, other) and not comparable(buy, buy)
    assert not comparable(buy, need)
    assert comparable(cap, same_cap) and not comparable(cap, smaller)


def test_where_firings_are_read_follows_from_what_a_condition_looks_at() -> None:
    rules = make_rules(
        ("entry", "weekday == wed", "buy 5% of equity"),
        ("exit", "pnl <= -7%", "sell all"),
        ("risk", "drawdown <= -10%", "limit position 5%"),
        ("risk", "always", "limit position 10%"),
        ("entry", "cash_ratio > 20%", "buy 5% of equity"),
    ).rules
    assert [source_of(rule) for rule in rules] == ["market", "orders", "difference", "always", "orders"]


def test_a_session_condition_is_true_for_every_listed_name(panel: Panel) -> None:
    monday = make_rules(("entry", "weekday == mon", "buy 5% of equity")).rules[0]
    found = count_firings(panel, conditions(panel, (monday,), ()))
    mondays = [row for row in range(10) if panel.session_date(row).weekday() == 0]
    listed = [1 + int(row >= 3) for row in mondays]
    assert found.days[monday.id] == len(mondays) and found.true[monday.id] == int(np.sum(listed))
