"""The account folded from a ledger is, bar for bar, the account that a replay of the same fills has."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from brokers.replay import ReplayBroker
from engine.backtest import prepare
from engine.clock import from_nanoseconds
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.errors import BadInput
from engine.events import CashMoved, CashReason, Slice
from engine.matching import arrays as at
from engine.rules.tree import RuleSet
from engine.trading.told_account import told_account
from tests.builders_panel import flat, make_config, make_panel, make_rules
from tests.lively_rules import any_rules
from tests.random_panels import configs, panels
from tests.told_diary import Diary, cut, index_fields, wandering, whole_sessions

STATE = [
    at.CASH,
    at.RECEIVABLE,
    at.PAYABLE,
    at.RESERVED,
    at.DEPOSITS,
    at.REALISED,
    at.FEES,
    at.TAXES,
    at.RURAL_TAXES,
    at.HOLDINGS_COST,
    at.HOLDINGS_VALUE,
    at.EQUITY,
    at.HELD,
    at.PENDING_NAMES,
    at.DAY_START_EQUITY,
    at.MONTH_START_EQUITY,
    at.PEAK_EQUITY,
    at.CONSECUTIVE_LOSSES,
    at.HALTED,
    at.DAY_LOSS_HIT,
    at.OPEN_COUNT,
    at.ARM_COUNT,
    at.POSITION_COUNT,
    at.PENDING_VALUE,
    at.BUYS_BLOCKED,
]


def compare(rules: RuleSet, panel: Panel, config: BacktestConfig, first: int, every: int) -> int:
    """Replay, and fold the diary at every n-th bar. Returns the number of fills."""
    simulation = prepare(rules, panel, config, start=panel.session_date(first))
    broker = ReplayBroker(simulation)
    diary = Diary(simulation, first)
    for event in broker.events():
        if not isinstance(event, Slice):
            continue
        broker.catch_up()
        diary.write()  # an order goes out in the morning, restated for a split, and not before
        count = simulation.decide()
        if event.row % every == 0:
            told = told_account(rules, cut(panel, event.row + 1), config, diary.events)
            same_count = told.decide()
            here, there = told.book, simulation.book
            for name in STATE:
                assert here.account[name] == there.account[name], (event.row, name)
            np.testing.assert_array_equal(
                here.positions[:, : at.POSITION_BUDGET_ROW], there.positions[:, : at.POSITION_BUDGET_ROW]
            )
            np.testing.assert_array_equal(here.exits, there.exits)
            np.testing.assert_array_equal(
                here.arms[: here.account[at.ARM_COUNT]], there.arms[: there.account[at.ARM_COUNT]]
            )
            assert same_count == count
            np.testing.assert_array_equal(here.proposals[:count], there.proposals[:count])
        for place in range(count):
            code, quantity = simulation.check(place)
            if code == at.ACCEPTED:
                broker.submit_proposal(place, quantity)
        broker.watch_guards()
    return diary.fills


RULES = make_rules(
    ("entry", "close > mean(close, 5)", "buy 20% of equity"),
    ("exit", "close < mean(close, 5)", "sell 50%"),
    ("exit", "pnl <= -3%", "sell all"),
    ("exit", "pnl >= 4%", "sell 50%"),
)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_ledger_gives_the_account_and_the_proposals_of_the_replay_at_every_bar(seed: int) -> None:
    config = make_config(cash_won=50_000_000, costs=True)
    assert compare(RULES, wandering(seed), config, first=10, every=7) > 60


def test_deposits_move_every_figure_that_profit_is_measured_from() -> None:
    panel = make_panel({"000100": flat(10_000, 12)})
    rules = make_rules(("entry", "close > 20_000", "buy 10% of equity"))
    begin = from_nanoseconds(int(panel.closed_at_ns[2])) + timedelta(hours=1)
    later = from_nanoseconds(int(panel.closed_at_ns[5])) + timedelta(hours=1)
    history = [
        CashMoved(time=begin, reason=CashReason.DEPOSIT, amount=1_000_000),
        CashMoved(time=later, reason=CashReason.DEPOSIT, amount=500_000),
        CashMoved(time=later, reason=CashReason.COST_ADJUSTMENT, amount=-30),
    ]
    told = told_account(rules, panel, make_config(), history)
    account = told.book.account
    assert told.decide() == 0
    assert account[at.EQUITY] == account[at.CASH] == 1_499_970
    assert account[at.DEPOSITS] == 1_500_000
    assert account[at.FEES] == 30
    assert account[at.BROKEN] == 0


def test_without_a_deposit_or_history_before_it_there_is_a_sentence() -> None:
    panel = make_panel({"000100": flat(10_000, 5)})
    rules = make_rules(("entry", "close > 20_000", "buy 10% of equity"))
    with pytest.raises(BadInput, match="no deposit"):
        told_account(rules, panel, make_config(), [])
    early = CashMoved(
        time=from_nanoseconds(int(panel.closed_at_ns[0])) - timedelta(days=3), reason=CashReason.DEPOSIT, amount=5
    )
    with pytest.raises(BadInput, match="earlier history"):
        told_account(rules, panel, make_config(), [early])


@given(data=st.data(), panel=panels(adjusted=False), config=configs())
@settings(max_examples=60, deadline=None)
def test_any_rules_on_any_market_fold_to_the_same_account(
    data: st.DataObject, panel: Panel, config: BacktestConfig
) -> None:
    """Splits, distributions, suspensions and delistings included."""
    assume(panel.rows > 2)
    assume(panel.interval == "1d" or not len(panel.actions))  # an order of the evening reserves at unsplit prices
    panel = cut(
        panel, whole_sessions(panel)
    )  # a replay ends with its data, an account goes on in the middle of a session
    assume(panel.rows > 2)
    rules = data.draw(any_rules(panel.interval))
    assume("session_open" not in " ".join(rule.action_source for rule in rules.rules))  # held until it has a price
    assume(not {field.index for field in index_fields(rules)} - panel.indices.keys())
    plain = config.model_copy(update={"latency_bars": 0, "latency_points": 0, "costs": True})
    compare(rules, panel, plain, first=1, every=3)
