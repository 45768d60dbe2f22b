"""An account whose rules change: nothing happens because of the change."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.backtest import backtest
from engine.errors import BadInput
from engine.research.handover import Leg, Relay, run_relay
from tests.builders_panel import flat, make_config, make_panel, make_rules
from tests.lively_rules import any_rules
from tests.random_panels import configs, panels

PATIENT = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def days_of(panel):
    return sorted({panel.session_date(row) for row in range(panel.rows)})


def legs_of(rules, days, cuts):
    """The same rules, handed over to themselves on every day of `cuts`."""
    starts = [0, *sorted(cuts)]
    return tuple(
        Leg(rules, days[begin], days[end - 1]) for begin, end in zip(starts, [*starts[1:], len(days)], strict=True)
    )


@settings(PATIENT, max_examples=60)
@given(data=st.data())
def test_rules_handed_over_to_themselves_are_an_ordinary_backtest(data):
    panel = data.draw(panels())
    rules, config = data.draw(any_rules(panel.interval)), data.draw(configs())
    days = days_of(panel)
    cuts = data.draw(st.sets(st.integers(1, len(days) - 1), max_size=4)) if len(days) > 1 else set()
    first = data.draw(st.integers(0, min([*cuts, len(days)]) - 1))
    legs = [*legs_of(rules, days, cuts)]
    legs[0] = Leg(rules, days[first], legs[0].last)
    track = run_relay(panel, Relay(tuple(legs), config))
    result = backtest(rules, panel, config, days[first])
    sessions = result.equity.group_by("session", maintain_order=True).last()
    assert track.equity_won[0] == config.cash_won
    assert track.equity_won[1:].tolist() == [float(value) for value in sessions["equity"]]
    assert track.sessions.tolist() == sessions["session"].to_physical().to_list()
    assert sum(track.trades) == result.trades.height
    assert len(track.trades) == len(legs)


def test_a_holding_survives_the_change_and_is_sold_by_the_new_rules():
    # The price never moves, so only the number of days held can sell it.
    panel = make_panel({"A": flat(1_000, 12)})
    patient, hasty = (
        make_rules(("entry", "positions < 1", "buy 50% of equity"), ("exit", f"days_held >= {days}", "sell all"))
        for days in (100, 2)
    )
    days = days_of(panel)
    config = make_config()
    track = run_relay(panel, Relay((Leg(patient, days[0], days[5]), Leg(hasty, days[6], days[11])), config))
    assert track.trades[0] == 0
    assert track.trades[1] >= 1
    assert np.all(track.equity_won == config.cash_won)


def test_the_new_share_of_an_exit_counts_after_the_change():
    rising = [(1_000 + 20 * row,) * 4 + (10**9,) for row in range(14)]
    panel = make_panel({"A": rising})
    days = days_of(panel)
    half, all_of_it = (
        make_rules(("entry", "positions < 1", "buy 50% of equity"), ("exit", "pnl >= 10%", f"sell {share}"))
        for share in ("50%", "100%")
    )
    config = make_config()
    kept = run_relay(panel, Relay((Leg(half, days[0], days[3]), Leg(half, days[4], days[13])), config))
    sold = run_relay(panel, Relay((Leg(half, days[0], days[3]), Leg(all_of_it, days[4], days[13])), config))
    plain = backtest(half, panel, config)
    assert kept.equity_won[-1] == plain.equity["equity"][-1]
    assert sold.equity_won[-1] != kept.equity_won[-1]


def test_legs_must_follow_each_other():
    panel = make_panel({"A": flat(1_000, 12)})
    rules = make_rules(("entry", "always", "buy 50% of equity"))
    days = days_of(panel)
    gap = (Leg(rules, days[0], days[3]), Leg(rules, days[5], days[11]))
    with pytest.raises(BadInput, match="do not begin where"):
        run_relay(panel, Relay(gap, make_config()))
    with pytest.raises(BadInput, match="at least one leg"):
        run_relay(panel, Relay((), make_config()))


def test_exits_of_another_kind_cannot_take_over():
    panel = make_panel({"A": flat(1_000, 12)})
    days = days_of(panel)
    guarded = make_rules(("entry", "always", "buy 50% of equity"), ("exit", "pnl <= -7%", "sell all"))
    closing = make_rules(("entry", "always", "buy 50% of equity"), ("exit", "pnl <= -7%", "sell all", 5, "종가"))
    legs = (Leg(guarded, days[0], days[5]), Leg(closing, days[6], days[11]))
    with pytest.raises(BadInput, match="how an exit is watched"):
        run_relay(panel, Relay(legs, make_config()))


def test_dates_outside_the_data_are_refused():
    panel = make_panel({"A": flat(1_000, 12)})
    rules = make_rules(("entry", "always", "buy 50% of equity"))
    with pytest.raises(BadInput, match="No session"):
        run_relay(panel, Relay((Leg(rules, datetime.date(2000, 1, 3), datetime.date(2000, 2, 1)),), make_config()))
