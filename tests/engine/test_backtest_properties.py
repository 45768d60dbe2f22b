"""What must hold for any backtest: no future, no scale, no place and time of the run in its result."""

from __future__ import annotations

import dataclasses
import datetime
import subprocess
import sys

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.backtest import backtest
from engine.config import BacktestConfig
from engine.data.panel import CASH, ActionTable, Panel, State, freeze, load_panel
from engine.data.sample import make_sample
from engine.matching import arrays as at
from tests.builders_panel import fills_of, flat, make_config, make_panel, make_rules
from tests.event_mode import run_events, simulate
from tests.lively_rules import any_rules
from tests.random_panels import configs, panels

PATIENT = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def with_another_future(panel: Panel, row: int, seed: int) -> Panel:
    """The same panel up to `row`; every price, volume, flag, index level, action, dividend after it is another one."""
    generator = np.random.default_rng(seed)
    later = slice(row + 1, None)
    bars, state, base = panel.bars.copy(), panel.state.copy(), panel.base.copy()
    factor = generator.uniform(0.5, 2.0, bars[0, later].shape)
    bars[:4, later] = np.maximum((bars[:4, later] * factor).astype(np.int64), 1)
    bars[4, later] = generator.integers(0, 10**6, factor.shape)
    bars[:, later] *= (state[later] & State.PRESENT) > 0
    state[later] ^= (generator.random(factor.shape) < 0.2) * np.uint8(State.UNTRADABLE)
    base[later] = bars[0, later]
    kept = panel.actions.row <= row
    actions = ActionTable(*(freeze(column[kept]) for column in dataclasses.astuple(panel.actions)))
    cash = panel.dividends.cash * np.where(panel.dividends.row > row, 3, 1)
    dividends = dataclasses.replace(panel.dividends, cash=freeze(cash))
    indices = {name: series.copy() for name, series in panel.indices.items()}
    for series in indices.values():
        series[:, later] *= 0.9
    return dataclasses.replace(
        panel,
        bars=freeze(bars),
        state=freeze(state),
        base=freeze(base),
        actions=actions,
        dividends=dividends,
        indices=indices,
    )


@settings(PATIENT, max_examples=30)
@given(data=st.data(), seed=st.integers(0, 10**6))
def test_changing_anything_after_a_row_changes_nothing_at_or_before_it(data, seed):
    panel, config = data.draw(panels()), data.draw(configs())
    rules = data.draw(any_rules(panel.interval))
    row = data.draw(st.integers(0, panel.rows - 2))
    one = run_events(simulate(rules, panel, config), stop_after=row).book
    two = run_events(simulate(rules, with_another_future(panel, row, seed), config), stop_after=row).book
    in_use = {
        "orders": one.account[at.ORDER_COUNT],
        "open": one.account[at.OPEN_COUNT],
        "fills": one.account[at.FILL_COUNT],
        "curve": one.account[at.CURVE_COUNT],
        "arms": one.account[at.ARM_COUNT],
        "marks": row + 1,
        "proposals": 0,
    }
    for name, array in one._asdict().items():
        used = in_use.get(name, len(array))
        assert np.array_equal(array[:used], two._asdict()[name][:used]), name


def test_result_of_the_whole_is_the_result_of_the_part_while_it_lasts():
    bars = {"A00001": [(10_000 + 100 * n,) * 4 for n in range(12)]}
    rules = make_rules(("entry", "close > mean(close, 3)", "buy 30% of equity"), ("exit", "pnl >= 3%", "sell 50%"))
    panel = make_panel(bars)
    whole = backtest(rules, panel, make_config())
    part = backtest(rules, panel, make_config(), end=panel.session_date(7))
    assert part.equity["equity"].to_list() == whole.equity["equity"].to_list()[:8]
    assert fills_of(part) == [fill for fill in fills_of(whole) if fill[0] <= 7]


def test_rows_before_the_start_only_feed_the_windows():
    panel = make_panel({"A00001": [(10_000 + 100 * n,) * 4 for n in range(8)]})
    rules = make_rules(("entry", "close > mean(close, 5)", "buy 10% of equity"))
    late = backtest(rules, panel, make_config(), start=panel.session_date(5))
    # The mean over five rows is known on the first row of the run: the order leaves that evening.
    assert late.orders["session_sent"].to_list() == [panel.session_date(5)]
    assert len(late.equity) == 3
    assert not any(late.equity["warmup"])


MARKET_ORDERS = (
    ("entry", "close > mean(close, 3)", "buy 20% of equity"),
    ("entry", "always", "rank by returns(2)"),
    ("exit", "pnl <= -2%", "sell all", 5, "종가"),
    ("exit", "pnl >= 3%", "sell 50%", 5, "종가"),
    ("exit", "days_held >= 4", "sell all"),
    ("risk", "drawdown <= -20%", "block buys"),
)


@settings(PATIENT, max_examples=15)
@given(panel=panels(adjusted=True), rounding=st.sampled_from(["order", "day"]), fee=st.sampled_from([0, 140_527]))
def test_hundredfold_prices_in_hundredths_of_a_won_are_the_same_market(panel, rounding, fee):
    # Splits are left out: fractions are paid to the unit, which is finer. So are limits, which reserve to the unit.
    panel = dataclasses.replace(
        panel, actions=_only_cash(panel), manifest=panel.manifest.model_copy(update={"price_scale": 1})
    )
    finer = dataclasses.replace(
        panel,
        bars=freeze(np.concatenate([panel.bars[:4] * 100, panel.bars[4:]])),
        base=freeze(panel.base * 100),
        actions=dataclasses.replace(panel.actions, cash=freeze(panel.actions.cash * 100)),
        manifest=panel.manifest.model_copy(update={"price_scale": 100}),
    )
    config = make_config(costs=True, fee_ppb=fee, cost_rounding=rounding, funding="optimistic", participation=0.1)
    rules = make_rules(*MARKET_ORDERS, interval=panel.interval)
    one, two = backtest(rules, panel, config), backtest(rules, finer, config)
    assert fills_of(one) == fills_of(two)
    assert one.equity["equity"].to_list() == two.equity["equity"].to_list()
    assert one.orders.drop("price").equals(two.orders.drop("price"))


def _only_cash(panel: Panel) -> ActionTable:
    kept = panel.actions.kind == CASH
    return ActionTable(*(freeze(column[kept]) for column in dataclasses.astuple(panel.actions)))


FRESH = """
import sys
from tests.engine.test_backtest_properties import sampled_hash
print(sampled_hash())
"""


def sampled_hash() -> str:
    """The result of one fixed run."""
    bars = {f"A0000{n}": [(10_000 + 37 * ((row * (n + 3)) % 11),) * 4 for row in range(40)] for n in range(5)}
    rules = make_rules(*MARKET_ORDERS)
    return backtest(rules, make_panel(bars), BacktestConfig()).result_hash


def test_equal_inputs_give_equal_results_in_a_fresh_process():
    run = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == sampled_hash()


def test_result_hash_changes_with_the_run_and_not_with_its_timing():
    bars = {"A00001": flat(10_000, 5)}
    rules = make_rules(("entry", "weekday == mon", "buy 10% of equity"))
    one, two = (backtest(rules, make_panel(bars), make_config()) for _ in range(2))
    assert one.result_hash == two.result_hash
    other = backtest(rules, make_panel(bars), make_config(cash_won=20_000_000))
    assert other.result_hash != one.result_hash


def test_books_of_a_synthetic_market_balance(tmp_path):
    """A whole year of the sample with its splits, halts, delistings and locked days; the books are tested each row."""
    make_sample(tmp_path / "sample", tickers=60, years=1, seed=11)
    panel = load_panel(tmp_path / "sample")
    rules = make_rules(
        ("entry", "volume_ratio(5) >= 1.2 and crosses_above(close, mean(close, 5))", "buy 10% of equity"),
        ("exit", "pnl <= -7%", "sell all"),
        ("exit", "pnl >= 15%", "sell 50%"),
    )
    result = backtest(rules, panel, BacktestConfig())
    last = result.equity.row(-1, named=True)
    cost = sum(round(p["average_price"] * p["quantity"]) for p in result.positions.iter_rows(named=True))
    made = last["realised"] - last["fees"] - last["stt"] - last["rural"]
    assert last["cash"] + cost == result.initial_cash + made
    assert len(result.fills) > 50
    assert result.equity["session"].to_list()[0] == datetime.date(2024, 1, 2)
