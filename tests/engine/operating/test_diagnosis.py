"""Node 1: the account as the broker tells it."""

from __future__ import annotations

import polars as pl
import pytest

from brokers.graph_replay import run_graph
from engine.data.panel import Panel
from engine.operating.state import Diagnosis
from tests.engine.operating.builders_graph import busy_rules


@pytest.fixture(scope="module")
def diagnoses(panel: Panel) -> tuple[list[Diagnosis], pl.DataFrame]:
    run = run_graph(busy_rules(), panel)
    return [cycle.diagnosis for cycle in run.cycles if cycle.diagnosis is not None], run.result.equity


def test_every_cycle_has_one_and_its_total_is_the_equity_of_the_bar(diagnoses: tuple) -> None:
    found, equity = diagnoses
    assert len(found) == len(equity)
    assert [diagnosis.total for diagnosis in found] == equity["equity"].to_list()
    assert [diagnosis.holdings_value for diagnosis in found] == equity["holdings"].to_list()
    assert [len(diagnosis.holdings) for diagnosis in found] == equity["positions"].to_list()


def test_what_can_be_ordered_is_what_the_account_says(diagnoses: tuple) -> None:
    found, equity = diagnoses
    # The curve is written before the orders of its bar, and so is the diagnosis.
    assert [diagnosis.orderable for diagnosis in found] == equity["orderable"].to_list()


def test_a_holding_tells_quantity_average_value_and_profit(diagnoses: tuple) -> None:
    found, _ = diagnoses
    holdings = [holding for diagnosis in found for holding in diagnosis.holdings]
    assert len(holdings) > 100
    for holding in holdings:
        cost = holding.average_price * holding.quantity
        assert holding.value == holding.price * holding.quantity
        assert holding.profit == pytest.approx(holding.value - cost)
        assert holding.profit_ratio == pytest.approx((holding.value - cost) / cost)
        assert holding.name != holding.ticker
