"""Folding from an account that was kept gives, array for array, what folding the whole history gives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from brokers.replay import ReplayBroker
from engine.backtest import prepare
from engine.clock import from_nanoseconds
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.events import CashMoved, CashReason, Event, Slice
from engine.ledger.journal import Head
from engine.matching import arrays as at
from engine.operating.graph import decision_id_of
from engine.reports.language import Text
from engine.rules.tree import RuleSet
from engine.simulation import Simulation
from engine.trading.checkpoint import LATE_NEWS, OTHER_RULES, Checkpoint, pack, unpack
from engine.trading.fold_history import ListedHistory
from engine.trading.told_account import told_account
from tests.lively_rules import any_rules
from tests.random_panels import configs, panels
from tests.told_diary import Diary, cut, index_fields


class MemoryHistory(ListedHistory):
    """Events in a list that grows, and accounts that went through the form in which they are stored."""

    def __init__(self, events: Sequence[Event], kept: list[Checkpoint]) -> None:
        super().__init__(events)
        self.kept = kept
        self.reasons: list[Text] = []
        self.looked = 0  # how often an account was taken up

    def checkpoints(self, before: int, since: int) -> Sequence[Checkpoint]:
        return sorted((each for each in self.kept if each.row < before), key=lambda each: -each.row)

    def keep(self, checkpoint: Checkpoint) -> None:
        self.kept.append(unpack(pack(checkpoint)))

    def check(self, *heads: Head) -> None:
        self.looked += 1

    def set_aside(self, checkpoint: Checkpoint, reason: Text) -> None:
        self.reasons.append(reason)


def replayed(rules: RuleSet, panel: Panel, config: BacktestConfig, first: int) -> tuple[list[Event], list[int]]:
    """What a venue would have told of a replay, and how much of it was known at each close from `first` on."""
    simulation = prepare(rules, panel, config, start=panel.session_date(first))
    broker = ReplayBroker(simulation)
    diary, known = Diary(simulation, first), []
    for told in broker.events():
        if not isinstance(told, Slice):
            continue
        broker.catch_up()
        diary.write()
        known.append(len(diary.events))
        for place in range(simulation.decide()):
            code, quantity = simulation.check(place)
            if code == at.ACCEPTED:
                broker.submit_proposal(place, quantity)
        broker.watch_guards()
    return diary.events, known


def same(found: Simulation, expected: Simulation, first: int) -> None:
    """Every array of two accounts, and what the rules ask for on them."""
    ours, theirs = found.account.used(), expected.account.used()
    row = expected.row
    assert (found.row, found.next_row, found.first) == (row, expected.next_row, expected.first)
    for used in (ours, theirs):
        used["marks"] = used["marks"][first : row + 1]
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array, err_msg=name)
    count = expected.decide()
    assert found.decide() == count
    np.testing.assert_array_equal(found.book.proposals[:count], expected.book.proposals[:count])
    for name in ("account", "positions", "exits", "arms"):
        np.testing.assert_array_equal(getattr(found.book, name), getattr(expected.book, name), err_msg=name)


def close(panel: Panel, row: int) -> datetime:
    return from_nanoseconds(int(panel.closed_at_ns[row]))


@given(data=st.data(), panel=panels(adjusted=False), config=configs())
@settings(max_examples=60, deadline=None)
def test_from_any_close_on_the_fold_gives_what_the_whole_history_gives(
    data: st.DataObject, panel: Panel, config: BacktestConfig
) -> None:
    """Splits, distributions, dividends, delistings, evening deposits, lifted halts and new rules included."""
    first = 1
    assume(panel.rows > first + 3)
    rules = data.draw(any_rules(panel.interval), label="rules")
    newer = data.draw(any_rules(panel.interval), label="newer rules")
    assume("session_open" not in " ".join(rule.action_source for rule in rules.rules))  # held until it has a price
    assume(not {field.index for each in (rules, newer) for field in index_fields(each)} - panel.indices.keys())
    plain = config.model_copy(update={"latency_bars": 0, "latency_points": 0, "costs": True})
    events, known = replayed(rules, panel, plain, first)

    rows = st.integers(first, panel.rows - 2)
    kept_at = data.draw(st.lists(rows, min_size=1, max_size=3, unique=True), label="kept at").copy()
    kept_at.sort()
    row = data.draw(st.integers(kept_at[-1], panel.rows - 1), label="folded up to")
    began = data.draw(st.none() | st.integers(first, panel.rows - 1), label="rules since")
    since = None if began is None else close(panel, began)
    lifted = data.draw(st.lists(rows, max_size=2), label="lifted")
    resumed = tuple(decision_id_of(close(panel, each)) for each in lifted)
    evening = data.draw(st.none() | rows, label="evening deposit")
    if evening is not None:
        place = known[evening - first]
        time = close(panel, evening) + timedelta(minutes=1)
        events.insert(place, CashMoved(time=time, reason=CashReason.DEPOSIT, amount=1_000_000))
        known = [count + (count >= place) for count in known]

    kept: list[Checkpoint] = []
    for each in kept_at:
        told = MemoryHistory(events[: known[each - first]], kept)
        told_account(rules, cut(panel, each + 1), plain, told, since, resumed=resumed, keeps=True)
        later = close(panel, panel.rows - 1)
        told_account(rules, cut(panel, each + 1), plain, told, later + timedelta(days=1), keeps=True)

    history, market = events[: known[row - first]], cut(panel, row + 1)
    told = MemoryHistory(history, kept)
    # The profile of the venue decides when orders take part in a replay, and nothing of what has been told.
    other_venue = plain.model_copy(update={"venue": "krx" if plain.venue == "paper" else "paper"})
    for by, when in ((rules, since), (newer, close(panel, data.draw(st.integers(kept_at[0], row))))):
        told.reasons.clear()
        found = told_account(by, market, plain, told, when, resumed=resumed)
        assert set(told.reasons) <= {LATE_NEWS, OTHER_RULES}
        event("went on" if told.looked > told.reasons.count(LATE_NEWS) else "folded the whole")
        told.looked = 0
        same(found, told_account(by, market, plain, history, when, resumed=resumed), first)
        found = told_account(by, market, other_venue, told, when, resumed=resumed)
        same(found, told_account(by, market, other_venue, history, when, resumed=resumed), first)
