"""Masked and plain questions about the same situations: what counts as a flip, and what the report says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from io import StringIO

import pytest
from rich.console import Console

from brokers.graph_replay import run_graph
from engine.data.panel import Panel
from engine.operating.desk import NoPlan, StopsTheRun
from engine.operating.state import Action, Plan, Situation
from engine.order import OrderKind, Side
from engine.planning.deciles import Deciles
from engine.planning.flips import Flip, MaskedAndPlain, compare_plans
from engine.planning.masking import Mask
from engine.planning.opening import names_of
from engine.reports.html import render_report
from engine.reports.json import json_text
from engine.reports.language import Lang
from engine.reports.page import PageOptions
from engine.reports.terminal import print_result
from tests.builders_result import make_result
from tests.engine.operating.builders_graph import Chooser, busy_rules, make_action, take_all
from tests.planner_world import Model, planner, saying, situation, take_every_signal
from tests.planning.builders_mask import take_every_signal_by_weight

SAMSUNG, HYNIX = "005930", "000660"


def plan(*actions: Action) -> Plan:
    return Plan(planner="model", actions=actions)


BUY = make_action(SAMSUNG, quantity=100)


@pytest.mark.parametrize(
    ("masked", "plain", "flip"),
    [
        (plan(BUY), plan(BUY), Flip.SAME),
        (plan(BUY), plan(make_action(SAMSUNG, quantity=101)), Flip.SAME),
        (plan(make_action(SAMSUNG, quantity=10_000)), plan(make_action(SAMSUNG, quantity=10_100)), Flip.SAME),
        (plan(BUY, make_action(HYNIX)), plan(make_action(HYNIX), BUY), Flip.SAME),
        (plan(BUY), plan(make_action(SAMSUNG, quantity=102)), Flip.SIZES),
        (plan(BUY), plan(replace(BUY, kind=OrderKind.LIMIT, price=70_000)), Flip.SIZES),
        (
            plan(replace(BUY, kind=OrderKind.LIMIT, price=70_000)),
            plan(replace(BUY, kind=OrderKind.LIMIT, price=70_300)),
            Flip.SAME,
        ),
        (plan(BUY), plan(), Flip.DIFFERENT),
        (plan(BUY), plan(make_action(SAMSUNG, Side.SELL, 100)), Flip.DIFFERENT),
        (plan(BUY), plan(make_action(HYNIX, quantity=100)), Flip.DIFFERENT),
        (plan(BUY), plan(BUY, make_action(HYNIX)), Flip.DIFFERENT),
        (plan(), plan(), Flip.NOTHING),
        (None, plan(), Flip.MASKED_FAILED),
        (plan(BUY), None, Flip.PLAIN_FAILED),
        (None, None, Flip.BOTH_FAILED),
    ],
)
def test_what_a_flip_is(masked: Plan | None, plain: Plan | None, flip: Flip) -> None:
    assert compare_plans(masked, plain) is flip


def test_a_model_that_looks_at_the_data_only_never_flips(panel: Panel) -> None:
    mask = Mask(names_of(panel), 3, Deciles(panel))
    masked = planner(Model(take_every_signal_by_weight), busy_rules(), mask)
    plain = planner(Model(take_every_signal), busy_rules())
    both = MaskedAndPlain(masked, plain)
    run = run_graph(busy_rules(), panel, planner=both)
    told = both.document(None)
    assert told["decisions"] == len(run.cycles) == panel.rows
    assert told["compared"] > 100 and told["flipped"] == 0
    assert told["first"] == []
    alone = run_graph(busy_rules(), panel, planner=planner(Model(take_every_signal_by_weight), busy_rules(), mask))
    assert alone.result.result_hash == run.result.result_hash  # the plain question changes nothing
    assert both.plain_costs()["calls"] == len(both.plain_traces) > 100


def test_a_model_that_knows_the_future_by_name_flips_where_it_does(panel: Panel) -> None:
    favourite = panel.tickers[3]

    def by_name(asked: Situation) -> Sequence[Action]:
        return [action for action in asked.signals if action.ticker == favourite]

    both = MaskedAndPlain(take_all(), Chooser(by_name))
    run_graph(busy_rules(), panel, planner=both)
    middle = both.decisions[120].day
    told = both.document(middle)
    flipped = [decision for decision in both.decisions if decision.flip is Flip.DIFFERENT]
    assert told["flipped"] == len(flipped) > 50
    before, after = told["before"], told["after"]
    assert isinstance(before, dict) and isinstance(after, dict)
    assert before["different"] == sum(decision.day <= middle for decision in flipped)
    assert before["different"] + after["different"] == len(flipped)
    assert sum(before.values()) == 121
    assert isinstance(told["first"], list)
    assert told["first"][0]["decision"] == flipped[0].decision_id
    assert len(told["first"]) == 20


def test_the_masked_failure_is_the_cycles_failure_and_the_plain_one_is_only_counted(panel: Panel) -> None:
    def fail(asked: Situation) -> Sequence[Action]:
        raise NoPlan("the model refused", "refused")

    failing = MaskedAndPlain(Chooser(fail), take_all())
    run = run_graph(busy_rules(), panel, planner=failing)
    assert {cycle.failure_code for cycle in run.cycles} == {"refused"}
    assert {decision.flip for decision in failing.decisions} == {Flip.MASKED_FAILED}
    working = MaskedAndPlain(take_all(), Chooser(fail))
    run = run_graph(busy_rules(), panel, planner=working)
    assert not [cycle for cycle in run.cycles if cycle.failure]
    assert {decision.flip for decision in working.decisions} == {Flip.PLAIN_FAILED}
    assert working.decisions[0].plain == ("! the model refused",)


def test_a_side_that_cannot_be_asked_ends_the_run() -> None:
    def stop(asked: Situation) -> Sequence[Action]:
        raise StopsTheRun("no answer is recorded")

    with pytest.raises(StopsTheRun, match="no answer"):
        MaskedAndPlain(take_all(), Chooser(stop)).plan(situation())


def test_nobody_is_asked_where_there_is_nothing_to_decide() -> None:
    both = MaskedAndPlain(planner(saying(), busy_rules()), planner(saying(), busy_rules()))
    both.plan(situation())
    assert [decision.flip for decision in both.decisions] == [Flip.NOTHING]
    assert both.plain_costs()["calls"] == 0


DOCUMENT = {
    "decisions": 240,
    "compared": 100,
    "flipped": 20,
    "before": {
        **{"same": 50, "nothing": 70, "sizes": 5, "different": 15},
        **{"masked_failed": 1, "plain_failed": 2, "both_failed": 7},
    },
    "after": {
        **{"same": 25, "nothing": 63, "sizes": 0, "different": 2},
        **{"masked_failed": 0, "plain_failed": 0, "both_failed": 0},
    },
    "first": [{"decision": "2024-03-05T15:30", "kind": "different", "masked": ["buy 005930 10"], "plain": []}],
}


@pytest.mark.parametrize(("lang", "nothing"), [("ko", "거래 없음"), ("en", "no trade")])
def test_terminal_and_page_show_counts_and_the_first_flips(lang: Lang, nothing: str) -> None:
    run = replace(
        make_result(sessions=80),
        model_run={"model": "small-1", "knowledge_cutoff": "2021-03-01", "masked": True, "flips": DOCUMENT},
    )
    console = Console(width=110, record=True, file=StringIO())
    print_result(console, run, lang=lang)
    for text in (console.export_text(), render_report(run, options=PageOptions(lang=lang))):
        assert "20.0%" in text and "13% ~ 29%" in text  # Wilson interval of 20 in 100
        assert "18 / 73 (24.7%)" in text and "2 / 27 (7.4%)" in text
        assert "2024-03-05T15:30" in text and "buy 005930 10" in text and nothing in text
    assert json.loads(json_text(run, tables=False))["mask_flips"] == DOCUMENT


def test_a_run_that_asked_one_way_shows_no_flips() -> None:
    run = replace(make_result(sessions=80), model_run={"model": "m", "knowledge_cutoff": None, "masked": True})
    assert json.loads(json_text(run, tables=False))["mask_flips"] is None
    assert 'id="flips"' not in render_report(run)


def test_days_before_and_after_the_cutoff_are_all_days() -> None:
    both = MaskedAndPlain(take_all(), take_all())
    both.plan(situation())
    told = both.document(date(2024, 3, 5))
    assert isinstance(told["before"], dict) and told["before"]["nothing"] == 1
    told = both.document(date(2024, 3, 4))
    assert isinstance(told["after"], dict) and told["after"]["nothing"] == 1
