"""Cuts, comparisons and the look at a strategy's source."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from brokers.replay import replay
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.errors import BadInput
from engine.research.audit import audit, cut_rows
from engine.research.audit_compare import first_move
from engine.research.audit_source import outside_reads
from engine.strategy import Strategy, View
from strategies.moving_average_cross import MovingAverageCross
from tests.builders_panel import flat, make_config, make_panel, make_rules, run_rules
from tests.engine.research.audit.auditing import audit_rules, audit_strategy, check_of


class Idle(Strategy):
    """Never decides anything."""


def test_cuts_are_spread_over_the_range_and_prefer_rows_with_orders() -> None:
    panel = make_panel({"000001": flat(100, 100)})
    rows = cut_rows(panel, np.array([3, 27, 64], np.int64), 0, 100, 5, seed=1)
    assert rows[:2] == (3, 27)
    assert rows[3] == 64
    assert 40 <= rows[2] < 60
    assert 80 <= rows[4] < 100
    assert cut_rows(panel, np.array([3, 27, 64], np.int64), 0, 100, 5, seed=1) == rows
    assert cut_rows(panel, np.array([], np.int64), 0, 100, 5, seed=1) != cut_rows(
        panel, np.array([], np.int64), 0, 100, 5, seed=2
    )


def test_more_cuts_than_bars_cut_at_every_bar() -> None:
    panel = make_panel({"000001": flat(100, 6)})
    assert cut_rows(panel, np.array([], np.int64), 0, 5, 50, seed=1) == (0, 1, 2, 3, 4)


def test_of_minute_bars_every_second_cut_ends_its_session() -> None:
    panel = make_panel({"000001": flat(100, 120)}, bars_a_session=10)
    rows = cut_rows(panel, np.array([], np.int64), 0, 119, 6, seed=1)
    ends = [row for row in rows if row % 10 == 9]
    assert len(ends) >= 3
    assert len(rows) > len(ends)


def test_the_first_difference_names_the_order_that_moved() -> None:
    bars = [(100, 110, 90, 100), (100, 130, 90, 120), (120, 130, 110, 115), (115, 140, 110, 130)]
    panel = make_panel({"000001": bars, "000002": [(50, 55, 45, 50)] * 4})
    base = run_rules(panel, ("entry", "close > 60", "buy 20% of equity"))
    more = run_rules(panel, ("entry", "close > 60", "buy 30% of equity"))
    both = run_rules(panel, ("entry", "close > 40", "buy 20% of equity"))
    last = base.equity["time"][-1]
    assert first_move(base, base, last) is None

    move = first_move(base, more, last)
    assert move is not None
    assert (move.what, move.time) == ("order", base.orders["sent_at"][0])
    assert move.before is not None
    assert move.after is not None
    assert (move.before.ticker, move.before.quantity, move.after.quantity) == ("000001", 20_000, 30_000)
    assert move.before.rule_ids == ("rule-0",)

    move = first_move(base, both, last)
    assert move is not None
    assert move.before is None
    assert move.after is not None
    assert (move.after.ticker, move.after.side) == ("000002", "buy")


def test_only_what_happens_up_to_the_last_bar_counts() -> None:
    bars = [(100, 110, 90, 100), (100, 130, 90, 120), (120, 130, 110, 115), (115, 140, 110, 130)]
    panel = make_panel({"000001": bars})
    base = run_rules(panel, ("entry", "close > 110", "buy 20% of equity"))
    early = run_rules(panel, ("entry", "close > 90", "buy 20% of equity"))
    times = base.equity["time"].to_list()
    assert first_move(base, early, times[0] - datetime.timedelta(seconds=1)) is None
    assert first_move(base, early, times[0]) is not None


def test_an_account_that_differs_without_an_order_is_a_move() -> None:
    panel = make_panel({"000001": flat(100, 4)})
    one, other = (
        run_rules(panel, ("entry", "close > 90", "buy 20% of equity"), costs=costs) for costs in (False, True)
    )
    last = one.equity["time"][-1]
    assert first_move(one, other, last) is not None
    assert first_move(one, other, one.equity["time"][0]) is None
    assert first_move(one, other, last, accounts=False) is None


def test_prices_fixed_by_the_next_opening_are_no_look_ahead(daily: Panel) -> None:
    rules = make_rules(
        ("entry", "close > mean(close, 5)", "buy 10% of equity at stop session_open + 0.3 * (high - low)"),
        ("exit", "days_held >= 2", "sell all"),
    )
    found = audit_rules(rules, daily, make_config(latency_bars=1))
    assert found.orders > 100
    assert found.passed


def test_a_strategy_without_orders_is_not_called_clean(single: Panel) -> None:
    found = audit_strategy(lambda _: Idle(), single)
    assert found.orders == 0
    assert {check.name: check.reason for check in found.checks} == {
        "repeat": "",
        "future": "no_orders",
        "history": "no_orders",
        "names": "no_later_names",
        "start": "no_orders",
    }


def test_only_the_range_asked_for_is_audited(single: Panel) -> None:
    start, end = single.session_date(200), single.session_date(400)
    found = audit(
        lambda world, first, last: replay(MovingAverageCross(), world, None, first, last), single, start, end, cuts=4
    )
    assert all(start <= cut.date() <= end for cut in found.cuts)
    assert check_of(found, "future").worlds == 8


def test_the_same_seed_finds_the_same(single: Panel) -> None:
    one, again = (audit_strategy(lambda _: MovingAverageCross(), single, seed=5) for _ in range(2))
    assert one == again
    assert audit_strategy(lambda _: MovingAverageCross(), single, seed=6).cuts != one.cuts


@pytest.mark.parametrize(("cuts", "seed", "words"), [(0, 1, "1 to 1,000"), (1_001, 1, "1,001"), (5, -1, "seed")])
def test_impossible_numbers_are_refused(single: Panel, cuts: int, seed: int, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        audit_strategy(lambda _: MovingAverageCross(), single, cuts=cuts, seed=seed)


def test_a_range_without_a_future_is_refused(single: Panel) -> None:
    day = single.session_date(100)
    with pytest.raises(BadInput, match="at least three bars"):
        audit(lambda world, first, last: replay(Idle(), world, None, first, last), single, day, day)


def test_what_the_strategy_itself_raises_is_not_hidden(single: Panel) -> None:
    class Broken(Strategy):
        def on_bar(self, view: View) -> None:
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        audit(lambda world, first, last: replay(Broken(), world, BacktestConfig(), first, last), single)


def test_reads_outside_the_view_are_listed_with_their_lines() -> None:
    source = """
import polars as pl
import requests
from urllib.request import urlopen

TABLE = pl.read_parquet("prices.parquet")

class Reader(Strategy):
    def __init__(self):
        self._last = 0
        with open("notes.csv") as lines:
            self.lines = list(lines)

    def on_bar(self, view):
        if view._panel.bars[3, view._row + 1, 0] > view.close() and view.volume() > 0:
            view.buy(weight=0.5)
"""
    assert outside_reads(source) == (
        (3, "import requests"),
        (4, "from urllib.request import"),
        (6, "pl.read_parquet"),
        (11, "open"),
        (15, "view._panel"),
        (15, "view._row"),
    )
