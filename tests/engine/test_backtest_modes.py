"""One step, two drivers: event mode and batch mode give the same bytes, whatever the market, rules, configuration."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.matching import arrays as at
from engine.outcome import build_result
from engine.simulation import Simulation
from tests.event_mode import run_batch, run_events, run_watched, simulate
from tests.lively_rules import any_rules
from tests.random_panels import configs, panels

PATIENT = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def same_logs(first: Simulation, second: Simulation) -> None:
    """Orders, fills, refusals, counters and the result's hash are the same."""
    one, two = (
        {
            "orders": simulation.book.orders[: simulation.book.account[at.ORDER_COUNT]],
            "fills": simulation.book.fills[: simulation.book.account[at.FILL_COUNT]],
            "marks": simulation.book.marks,
            "refusals": simulation.book.refusals,
            "positions": simulation.book.positions[:, : at.POSITION_BUDGET_ROW],
            "exits": simulation.book.exits,
            "owed": simulation.book.positions[:, at.POSITION_FIELDS :],
        }
        for simulation in (first, second)
    )
    for name, log in one.items():
        assert np.array_equal(log, two[name]), name
    counters = (at.PATH_SPLIT_DAYS, at.BLIND_EXITS, at.HALTED_BARS, at.CONSECUTIVE_LOSSES, at.SLIPPAGE)
    for counter in (*counters, at.INCOME, at.DIVIDENDS, at.DIVIDEND_TAX):
        assert first.book.account[counter] == second.book.account[counter]
    ours, theirs = build_result(first, {}), build_result(second, {})
    assert ours.result_hash == theirs.result_hash
    assert ours.equity.equals(theirs.equity)


@settings(PATIENT, max_examples=60)
@given(data=st.data())
def test_event_mode_is_batch_mode(data):
    panel, config = data.draw(panels()), data.draw(configs())
    rules = data.draw(any_rules(panel.interval))
    batch = run_batch(simulate(rules, panel, config))
    same_logs(batch, run_events(simulate(rules, panel, config)))


@settings(PATIENT, max_examples=40)
@given(data=st.data())
def test_books_add_up_after_every_part_of_every_bar(data):
    panel, config = data.draw(panels()), data.draw(configs())
    rules = data.draw(any_rules(panel.interval))
    watched = run_watched(simulate(rules, panel, config))
    same_logs(run_batch(simulate(rules, panel, config)), watched)


@settings(PATIENT, max_examples=25)
@given(data=st.data(), block_rows=st.sampled_from([1, 3, 7]))
def test_any_cut_into_blocks_and_any_room_in_the_logs_gives_the_same_bytes(data, block_rows):
    panel, config = data.draw(panels()), data.draw(configs())
    rules = data.draw(any_rules(panel.interval))
    same_logs(
        run_batch(simulate(rules, panel, config)), run_batch(simulate(rules, panel, config, block_rows=block_rows))
    )
