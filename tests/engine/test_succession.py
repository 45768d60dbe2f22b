"""An account that goes on under other rules: what it holds, owes and guards stays, under the names of the new rules."""

from __future__ import annotations

import datetime

import pytest

from engine.backtest import backtest, prepare
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.outcome import build_result
from engine.result import Result
from engine.rules.edit import remove_rule
from engine.rules.program import compile_rules
from engine.rules.prompt import load_rules_text
from engine.simulation import Simulation
from engine.succession import Successor
from tests.gate_world import BASE, GOOD, make_world, rule

CONFIG = BacktestConfig(cash_won=100_000_000)
STOP = rule("stop", "Exit Criteria", "pnl <= -3%", "sell all")
HALF = rule("half", "Exit Criteria", "pnl >= 2%", "sell 50%")
TARGET = rule("target", "Exit Criteria", "pnl >= 6%", "sell all")
REQUIRE = rule("quiet", "Entry Criteria", "volatility(20) < 30%", "require")
# A base whose exits are of every kind: on the close, guarded below, guarded above, a part.
ALL = BASE + STOP + HALF + TARGET


@pytest.fixture(scope="module")
def panel() -> Panel:
    return make_world()


def run(panel: Panel, *legs: tuple[str, int]) -> Result:
    """Trade under each text up to its row."""
    simulation: Simulation | None = None
    for text, until in legs:
        rules = load_rules_text(text)
        if simulation is None:
            simulation = prepare(rules, panel, CONFIG)
            simulation.last = simulation.feed.last = until
        else:
            simulation = Successor(simulation, compile_rules(rules, price_scale=panel.manifest.price_scale), until)
        simulation.run()
    assert simulation is not None
    return build_result(simulation, {})


@pytest.mark.parametrize("cuts", [(60,), (61, 62, 200), tuple(range(40, 400, 7))])
def test_rules_that_do_not_change_give_the_account_of_one_run(panel: Panel, cuts: tuple[int, ...]) -> None:
    whole = backtest(load_rules_text(ALL), panel, CONFIG)
    cut = run(panel, *((ALL, row) for row in (*cuts, panel.rows)))
    assert cut.result_hash == whole.result_hash
    for table in ("equity", "orders", "fills", "trades", "positions"):
        assert getattr(cut, table).equals(getattr(whole, table)), table
    assert cut.rules == whole.rules


@pytest.mark.parametrize("row", [50, 133, 260])
def test_the_order_of_a_file_means_nothing_to_what_is_held(panel: Panel, row: int) -> None:
    """Exits in another order: every level, rest and open order must be found again under its new place."""
    other = BASE.replace(GOOD, "") + TARGET + HALF + STOP
    whole = run(panel, (ALL, panel.rows))
    moved = run(panel, (ALL, row), (other, panel.rows))
    names = [(order[0], set(order[1])) for order in moved.orders.select("id", "rule_ids").iter_rows()]
    assert names == [(order[0], set(order[1])) for order in whole.orders.select("id", "rule_ids").iter_rows()]
    assert moved.fills.equals(whole.fills)
    assert moved.equity.equals(whole.equity)


def test_an_exit_that_is_gone_guards_nothing_any_more(panel: Panel) -> None:
    row = 200
    without = remove_rule(ALL, "stop")
    result = run(panel, (ALL, row), (without, panel.rows))
    change = panel.session_date(row)
    named = result.orders.explode("rule_ids").filter(result.orders.explode("rule_ids")["rule_ids"] == "stop")
    assert len(named) > 0
    assert max(named["session_sent"]) < change
    assert [found.id for found in result.rules] == [found.id for found in load_rules_text(ALL).rules]


def test_a_new_exit_and_a_new_filter_work_from_the_first_close_on(panel: Panel) -> None:
    row = 200
    result = run(panel, (BASE, row), (BASE + STOP + REQUIRE, panel.rows))
    orders = result.orders.explode("rule_ids")
    stops = orders.filter(orders["rule_ids"] == "stop")
    first = panel.session_date(row)
    assert min(stops["session_sent"]) >= first
    before = result.equity.filter(result.equity["session"] < first)
    alone = backtest(load_rules_text(BASE), panel, CONFIG, end=panel.session_date(row - 1))
    assert before.equals(alone.equity)
    assert first > datetime.date(2021, 1, 4)
    assert "quiet" in {found.id for found in result.rules}
