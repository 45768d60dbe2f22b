"""The graph as a whole: six nodes in one literal, one cycle a slice, and the data that a cycle saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brokers.graph_replay import PanelPrices, run_graph
from engine.clock import from_nanoseconds
from engine.data.panel import Panel
from engine.errors import ConfigError, DataError
from engine.operating.data_seen import DataSeen
from engine.operating.graph import NODES
from engine.operating.state import Cycle
from tests.engine.operating.builders_graph import busy_rules, make_rules, with_bars, with_split


def test_the_six_nodes_stand_in_their_order() -> None:
    assert [node.__name__ for node in NODES] == [
        "diagnose",
        "analyse",
        "make_plan",
        "check_risk",
        "execute",
        "record",
    ]


def test_there_is_one_cycle_a_slice_and_the_caller_sees_each(panel: Panel) -> None:
    seen: list[Cycle] = []
    run = run_graph(busy_rules(), panel, on_cycle=seen.append)
    assert tuple(seen) == run.cycles
    assert [cycle.row for cycle in seen] == list(range(panel.rows))
    assert len({cycle.decision_id for cycle in seen}) == panel.rows


def test_the_hash_of_the_data_depends_on_what_was_seen_and_on_nothing_later(panel: Panel) -> None:
    def hashes(market: Panel, first: int = 0) -> list[str]:
        seen = DataSeen(market, first)
        return [seen.up_to(row) for row in range(first, market.rows)]

    row = 100
    changed = with_bars(panel, lambda bars: bars.__setitem__((3, row, 2), bars[3, row, 2] + 1))
    before, after = hashes(panel), hashes(changed)
    assert before[:row] == after[:row]
    assert all(one != other for one, other in zip(before[row:], after[row:], strict=True))
    assert hashes(panel, first=50) == before[50:]


def test_prices_of_outcomes_undo_splits_and_end_at_a_delisting(panel: Panel) -> None:
    col, ticker = 5, panel.tickers[5]
    ends, gone = panel.last_row.copy(), np.zeros_like(panel.delisted_known)
    ends[col], gone[col] = 80, True
    nothing = replace(
        panel.actions,
        **dict.fromkeys(("row", "col", "kind", "numerator", "denominator", "cash"), panel.actions.row[:0]),
    )
    market = with_split(replace(panel, actions=nothing, last_row=ends, delisted_known=gone), 60, col, 5)
    moments = [from_nanoseconds(int(ns)) for ns in panel.closed_at_ns]
    price_at, close = PanelPrices(market, haircut=0.75), panel.bars[3, :, col]
    assert price_at(ticker, moments[50], moments[55]) == close[55]
    assert price_at(ticker, moments[50], moments[70]) == 5 * close[70]
    assert price_at(ticker, moments[60], moments[70]) == close[70]
    assert price_at(ticker, moments[70], moments[90]) == 0.25 * close[80]
    merely_ended = replace(market, delisted_known=np.zeros_like(gone))
    assert PanelPrices(merely_ended)(ticker, moments[70], moments[90]) == close[80]


def test_rules_that_do_not_fit_the_data_are_refused(panel: Panel) -> None:
    with pytest.raises(ConfigError, match="interval='5m'"):
        run_graph(replace(busy_rules(), interval="5m"), panel)
    index = make_rules(
        ("Entry Criteria: index", 'index("KOSDAQ").close > mean(index("KOSDAQ").close, 5)', "buy 5% of equity", "지수")
    )
    with pytest.raises(DataError, match="KOSDAQ"):
        run_graph(index, replace(panel, indices={}))
