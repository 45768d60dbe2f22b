"""Strategies that look into the future: each is found, with the input it looks at and how far ahead."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from engine.data.panel import CLOSE, HIGH, LOW, OPEN, VOLUME, Panel, State, freeze
from tests.builders_panel import make_rules
from tests.engine.research.audit.auditing import audit_rules, audit_strategy, check_of
from tests.engine.research.audit.cheating_strategies import (
    CountsNames,
    Dice,
    FailsOnAJump,
    FailsOnALaterJump,
    FeatureOfTomorrow,
    OwnAverage,
    Remembering,
    Signal,
    Switch,
    above_mean_of_all_history,
    dividends_ahead,
    index_rises,
    never_flagged_within,
    no_action_ahead,
    rises,
    rises_against_base,
    rises_within,
    survives,
    table_rises,
    trades_tomorrow,
)

ONE_BAR_AHEAD: list[tuple[str, Signal]] = [
    ("open", rises(OPEN)),
    ("high", rises(HIGH)),
    ("low", rises(LOW)),
    ("close", rises(CLOSE)),
    ("volume", rises(VOLUME)),
    ("value", table_rises("value")),
    ("shares", table_rises("shares")),
    ("base", table_rises("base")),
    ("index", index_rises),
    ("halts", trades_tomorrow),
]


@pytest.mark.parametrize(("name", "signal"), ONE_BAR_AHEAD, ids=[name for name, _ in ONE_BAR_AHEAD])
def test_a_look_at_one_input_of_the_next_bar_is_blamed_on_that_input_alone(
    single: Panel, name: str, signal: Signal
) -> None:
    found = audit_strategy(lambda _: Switch(signal), single)
    finding = check_of(found, "future").finding
    assert not found.passed
    assert finding is not None
    assert finding.inputs == (name,)
    assert (finding.nearest_bars, finding.furthest_bars) == (1, 1)
    assert finding.move.what == "order"
    assert finding.move.time == finding.cut  # only the bar before the change could see it


@pytest.mark.parametrize(
    ("signal", "inputs"), [(rises_within, {"open", "close"}), (rises_against_base, {"base", "close"})]
)
def test_values_of_one_future_bar_move_against_each_other(single: Panel, signal: Signal, inputs: set[str]) -> None:
    finding = check_of(audit_strategy(lambda _: Switch(signal), single), "future").finding
    assert finding is not None
    assert set(finding.inputs) == inputs
    assert finding.furthest_bars == 1


@pytest.mark.parametrize("bars", [2, 5, 21])
def test_the_distance_is_measured(single: Panel, bars: int) -> None:
    finding = check_of(audit_strategy(lambda _: Switch(rises(CLOSE, bars)), single), "future").finding
    assert finding is not None
    assert finding.inputs == ("close",)
    assert (finding.nearest_bars, finding.furthest_bars) == (bars, bars)


def test_a_mean_over_all_history_reaches_to_the_end(single: Panel) -> None:
    found = audit_strategy(lambda _: Switch(above_mean_of_all_history), single)
    finding = check_of(found, "future").finding
    assert finding is not None
    assert finding.inputs == ("close",)
    assert finding.furthest_bars is not None
    assert finding.furthest_bars > 100
    assert check_of(found, "history").status == "found"


def test_a_panel_handed_to_the_constructor_is_noticed(single: Panel) -> None:
    found = audit_strategy(lambda panel: Switch(rises(CLOSE), panel), single)
    finding = check_of(found, "future").finding
    assert finding is not None
    assert finding.inputs == ("close",)


def test_the_next_row_of_a_block_of_features_is_the_future_too(single: Panel) -> None:
    finding = check_of(audit_strategy(lambda _: FeatureOfTomorrow(), single), "future").finding
    assert finding is not None
    assert (finding.inputs, finding.furthest_bars) == (("close",), 1)


def test_minute_bars_are_cut_inside_sessions(minutes: Panel) -> None:
    found = audit_strategy(lambda _: Switch(rises(CLOSE)), minutes, cuts=4)
    finding = check_of(found, "future").finding
    assert finding is not None
    assert (finding.inputs, finding.furthest_bars) == (("close",), 1)
    assert finding.cut.strftime("%H:%M") < "15:30"


@pytest.mark.parametrize(
    ("name", "signal"),
    [
        ("status", never_flagged_within(State.MANAGED | State.LIQUIDATION, 3)),
        ("delisting", survives),
        ("actions", no_action_ahead),
        ("dividends", dividends_ahead),
    ],
)
def test_what_will_happen_to_a_name_is_the_future(single: Panel, name: str, signal: Signal) -> None:
    found = audit_strategy(lambda _: Switch(signal), single, cuts=10)
    finding = check_of(found, "future").finding
    assert finding is not None
    assert finding.inputs == (name,)


def test_the_date_of_a_listing_still_to_come_is_the_future(daily: Panel) -> None:
    def nothing_listed_soon(panel: Panel, row: int) -> bool:
        return not ((panel.first_row > row) & (panel.first_row <= row + 60)).any()

    finding = check_of(audit_strategy(lambda _: Switch(nothing_listed_soon), daily, cuts=12), "future").finding
    assert finding is not None
    assert finding.inputs == ("listing",)


@pytest.mark.parametrize("kind", [Dice, Remembering])
def test_what_cannot_be_repeated_is_said_first_and_nothing_else(single: Panel, kind: type[Dice | Remembering]) -> None:
    found = audit_strategy(lambda _: kind(), single)
    assert not found.passed
    assert [(check.name, check.status) for check in found.checks] == [
        ("repeat", "found"),
        *((name, "skipped") for name in ("future", "history", "names", "start")),
    ]
    assert found.checks[0].finding is not None
    assert found.checks[0].finding.move.what == "order"


def test_a_mean_of_its_own_depends_on_the_start_which_is_no_look_ahead(single: Panel) -> None:
    found = audit_strategy(lambda _: OwnAverage(), single)
    start = check_of(found, "start")
    assert found.passed
    assert (check_of(found, "future").status, check_of(found, "history").status) == ("clean", "clean")
    assert start.status == "warning"
    assert start.finding is not None
    # Weights fall to a tenth in 91 bars of a mean with a fortieth of new: about that many are needed.
    assert start.finding.history_bars is not None
    assert 40 < start.finding.history_bars < 400


def test_a_list_of_names_that_knows_later_years_is_told(daily: Panel) -> None:
    found = audit_strategy(lambda _: CountsNames(), daily)
    names = check_of(found, "names")
    later = int((daily.first_row > 0).sum())
    assert later > 0
    assert found.passed
    assert names.status == "warning"
    assert names.finding is not None
    before, after = names.finding.move.before, names.finding.move.after
    assert before is not None
    assert after is not None
    # The same money divided by fewer names buys more.
    assert after.quantity > before.quantity
    assert after.ticker == before.ticker == daily.tickers[0]


def test_a_failure_in_a_world_that_never_was_says_nothing_of_the_bars_before(single: Panel) -> None:
    found = audit_strategy(lambda _: FailsOnAJump(), single)
    assert check_of(found, "future").status == "clean"


def test_a_failure_that_comes_before_its_cause_is_the_future(single: Panel) -> None:
    finding = check_of(audit_strategy(lambda _: FailsOnALaterJump(), single), "future").finding
    assert finding is not None
    assert finding.move.what == "error"
    assert "a jump still to come" in finding.move.error


def test_rules_on_data_that_are_a_day_early_are_found_with_the_rule_that_moved(daily: Panel) -> None:
    rules = make_rules(
        ("entry", 'index("KOSPI").close > 0 and index("KOSPI").open < index("KOSPI").close', "buy 20% of equity"),
        ("exit", 'index("KOSPI").open > index("KOSPI").close', "sell all"),
    )

    def a_day_early(panel: Panel) -> Panel:
        moved = {name: freeze(np.roll(series, -1, axis=1)) for name, series in panel.indices.items()}
        return dataclasses.replace(panel, indices=moved)

    assert audit_rules(rules, daily).passed
    found = audit_rules(rules, daily, leak=a_day_early)
    finding = check_of(found, "future").finding
    assert finding is not None
    assert (finding.inputs, finding.nearest_bars, finding.furthest_bars) == (("index",), 1, 1)
    decision = finding.move.before or finding.move.after
    assert decision is not None
    assert decision.rule_ids[0] in {"rule-0", "rule-1"}
