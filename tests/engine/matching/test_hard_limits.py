"""Hard limits that a backtest can decide: number of purchases, distance of a price, losing streak, names, warnings."""

from __future__ import annotations

from typing import Any

import pytest

from engine.data.panel import State
from engine.exchange import build_exchange
from engine.matching import arrays as at
from tests.builders_panel import fills_of, flat, make_config, make_panel, make_rules, run_rules
from tests.event_mode import run_batch, simulate
from tests.scripted import buy, run_orders, sell

A, B, C = "A00001", "A00002", "A00003"
THREE = {name: flat(10_000, 5) for name in (A, B, C)}


def bought(panel: Any, orders: Any, after: Any = None, **limits: Any) -> tuple[list[tuple[int, str, int]], Any]:
    """(row, ticker, shares) of every purchase that filled, and how often what was refused."""
    result = run_orders(panel, orders, after, limits=limits)
    return [(row, name, size) for row, _, name, side, size, _ in fills_of(result) if side == "buy"], result.refusals


# Names --------------------------------------------------------------------------------------------------------------


def test_a_restricted_name_is_never_bought_and_may_be_sold():
    orders = {0: [buy(10, A), buy(10, B)], 2: [sell(10, A)]}
    fills, refusals = bought(make_panel(THREE), orders, restricted=(B,))
    assert fills == [(1, A, 10)]
    assert refusals == {"restricted": 1}


def test_an_issue_under_warning_is_bought_unless_the_configuration_says_no():
    warned = make_panel(THREE, state={(row, B): State.WARNING for row in range(5)})
    orders = {0: [buy(10, A), buy(10, B)]}
    assert bought(warned, orders) == ([(1, A, 10), (1, B, 10)], {})
    assert bought(warned, orders, allow_warned=False) == ([(1, A, 10)], {"warned_issue": 1})


def test_restricted_names_of_another_configuration_do_not_stay():
    exchange = build_exchange(make_panel(THREE), make_config(limits={"restricted": (B,)}))
    marks = exchange.arrays[-3][:, at.INSTRUMENT_RESTRICTED]
    other = exchange.with_config(make_config(limits={"restricted": (A, C)})).arrays[-3][:, at.INSTRUMENT_RESTRICTED]
    assert (marks.tolist(), other.tolist()) == ([0, 1, 0], [1, 0, 1])
    assert exchange.with_config(make_config()).arrays[-3][:, at.INSTRUMENT_RESTRICTED].sum() == 0


# Number of purchases ------------------------------------------------------------------------------------------------


def test_purchases_of_a_session_are_counted_and_begin_again_with_the_next():
    orders = {row: [buy(1, A), buy(1, B), buy(1, C)] for row in range(3)}
    fills, refusals = bought(make_panel(THREE), orders, max_orders_per_day=2)
    assert [row for row, *_ in fills] == [1, 1, 2, 2, 3, 3]
    assert refusals == {"order_rate_limit": 3}


def test_sells_do_not_count_as_purchases_and_are_not_counted():
    orders = {0: [buy(3, A)], 1: [sell(1, A), sell(1, A), buy(1, B)], 2: [sell(1, A), buy(1, C), buy(1, B)]}
    result = run_orders(make_panel(THREE), orders, limits={"max_orders_per_day": 1})
    done = sorted((row, name, side) for row, _, name, side, *_ in fills_of(result))
    assert done == [(1, A, "buy"), (2, A, "sell"), (2, A, "sell"), (2, B, "buy"), (3, A, "sell"), (3, C, "buy")]
    assert result.refusals == {"order_rate_limit": 1}


def test_an_order_of_the_evening_counts_for_the_next_session_and_one_inside_for_its_own():
    panel = make_panel({name: flat(10_000, 6) for name in (A, B)}, bars_a_session=3)
    # Sent after bars 0 and 1 of the first session, then after its last bar 2 and inside the second session.
    orders = {0: [buy(1, A)], 1: [buy(1, B)], 2: [buy(1, A)], 3: [buy(1, B)]}
    fills, refusals = bought(panel, orders, max_orders_per_day=1)
    assert fills == [(1, A, 1), (3, A, 1)]
    assert refusals == {"order_rate_limit": 2}


def test_a_refused_purchase_is_not_counted():
    orders = {0: [buy(1, B), buy(1, A)]}
    fills, refusals = bought(make_panel(THREE), orders, max_orders_per_day=1, restricted=(B,))
    assert fills == [(1, A, 1)]
    assert refusals == {"restricted": 1}


# Distance of a price ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("price", "passes"), [(9_800, True), (9_790, False), (10_200, True), (10_210, False)])
def test_a_limit_price_may_lie_two_percent_from_the_last_price_and_not_a_won_more(price, passes):
    panel = make_panel({A: flat(10_000, 3)})
    refused = run_orders(panel, {0: [buy(1, A, limit=price)]}, limits={"max_price_distance": 0.02}).refusals
    assert refused == ({} if passes else {"price_too_far": 1})


def test_a_stop_price_is_bounded_too_and_a_market_order_has_none():
    panel = make_panel({A: flat(10_000, 3)})
    rule = "buy 10% of equity at stop 1.05 * close"
    assert run_rules(panel, ("entry", "weekday == mon", rule)).refusals == {}
    limits = {"max_price_distance": 0.02}
    assert run_rules(panel, ("entry", "weekday == mon", rule), limits=limits).refusals == {"price_too_far": 1}
    assert run_rules(panel, ("entry", "weekday == mon", "buy 10% of equity"), limits=limits).refusals == {}


def test_a_price_that_counts_from_the_open_is_measured_from_the_open():
    panel = make_panel({A: [(10_000, 10_400, 9_600, 10_000)] * 3})
    rule = ("entry", "weekday == mon", "buy 10% of equity at stop session_open + 0.5 * (high - low)")  # open + 400
    assert run_rules(panel, rule, limits={"max_price_distance": 0.04}).refusals == {}
    assert run_rules(panel, rule, limits={"max_price_distance": 0.039}).refusals == {"price_too_far": 1}


def test_a_sell_may_ask_any_price():
    panel = make_panel({A: flat(10_000, 4)})
    result = run_orders(panel, {0: [buy(5, A)], 1: [sell(5, A, limit=12_500)]}, limits={"max_price_distance": 0.01})
    assert result.refusals == {}


# Losing streak ------------------------------------------------------------------------------------------------------


def falling(rows: int, until: int = 99) -> list[tuple[int, ...]]:
    """A name that loses 100 won a bar up to row `until`, and gains as much from there on."""
    closes = [10_000 - 100 * row if row <= until else 10_000 - 100 * until + 100 * (row - until) for row in range(rows)]
    return [(close, close, close, close) for close in closes]


ALWAYS = (("entry", "positions == 0", "buy 10% of equity"), ("exit", "always", "sell all"))


def rows_bought(panel: Any, **limits: Any) -> list[int]:
    """Rows in which a name is bought that is sold again in the next row."""
    return [row for row, _, _, side, *_ in fills_of(run_rules(panel, *ALWAYS, limits=limits)) if side == "buy"]


def test_after_so_many_losing_positions_no_purchase_for_the_configured_sessions():
    panel = make_panel({A: falling(16)})
    assert rows_bought(panel) == [1, 3, 5, 7, 9, 11, 13, 15]
    # Losses close in rows 2 and 4. The rest of session 4 and sessions 5 to 7 are without purchases; the next loss is
    # one more, and pauses again.
    assert rows_bought(panel, max_losing_streak=2, losing_streak_pause=3) == [1, 3, 8, 13]
    assert rows_bought(panel, max_losing_streak=2) == [1, 3, 6, 9, 12, 15]


def test_a_profit_ends_the_streak():
    panel = make_panel({A: falling(12, until=4)})
    # Losses close in rows 2 and 4; what is bought in row 6 is sold at a profit in row 7.
    assert rows_bought(panel, max_losing_streak=2) == [1, 3, 6, 8, 10]


def test_open_purchases_are_cancelled_when_the_streak_is_reached_and_sells_are_not():
    bars = {A: [(10_000,) * 4] * 2 + [(9_000,) * 4] * 6, B: flat(10_000, 8), C: flat(10_000, 8)}
    panel = make_panel(bars, bars_a_session=8)
    # Minutes of one session: the limit purchase of B waits while A is sold at a loss in bar 2.
    orders = {0: [buy(10, A), buy(10, C)], 1: [sell(10, A), buy(5, B, limit=9_900)], 2: [sell(10, C), buy(1, C)]}
    result = run_orders(panel, orders, limits={"max_losing_streak": 1})
    statuses = {(row[0], row[1]): row[2] for row in result.orders.select("ticker", "side", "status").iter_rows()}
    assert statuses == {
        (A, "buy"): "filled",
        (C, "buy"): "filled",
        (A, "sell"): "filled",
        (B, "buy"): "cancelled",
        (C, "sell"): "filled",
    }
    assert result.refusals == {"losing_streak": 1}


def test_an_order_on_a_fill_of_the_same_bar_is_refused():
    panel = make_panel({A: falling(5), B: flat(10_000, 5)})
    orders = {0: [buy(10, A)], 1: [sell(10, A)]}
    after = {1: [buy(1, B)]}  # the sell that makes the loss
    assert bought(panel, orders, after, max_losing_streak=1) == ([(1, A, 10)], {"losing_streak": 1})


def test_the_curve_shows_the_evenings_without_purchases():
    config = make_config(limits={"max_losing_streak": 1, "losing_streak_pause": 2})
    book = run_batch(simulate(make_rules(*ALWAYS), make_panel({A: falling(9)}), config)).book
    curve = book.curve[: book.account[at.CURVE_COUNT]]
    # Sold at a loss in rows 2 and 6; the purchase of row 5 was sent after row 4, that of row 9 would be after row 8.
    assert curve[curve[:, at.CURVE_BLOCKED] == 1, at.CURVE_ROW].tolist() == [2, 3, 6, 7]
    assert book.refusals[at.REFUSED_STREAK] == 4


def test_everything_that_is_off_leaves_the_account_as_it_was():
    simulation = run_batch(simulate(make_rules(*ALWAYS), make_panel({A: falling(9)}), make_config()))
    assert simulation.book.account[at.STREAK_ROW] == -1
    assert simulation.book.account[at.CONSECUTIVE_LOSSES] == 4
