"""Whatever the market, the rules and the limits: no purchase goes beyond a limit, and a tighter one never buys more."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.backtest import prepare
from engine.config import BacktestConfig
from engine.data.panel import CLOSE, Panel, State
from engine.matching import arrays as at
from engine.matching import step
from engine.simulation import AFTER_CLOSE, Simulation
from tests.builders_panel import make_config, make_panel, make_rules
from tests.event_mode import run_batch, run_events, simulate
from tests.lively_rules import any_rules
from tests.random_panels import configs, panels

PATIENT = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@st.composite
def warned_panels(draw: st.DrawFn) -> Panel:
    """Random markets in which some names stand under a warning or supervision."""
    panel = draw(panels())
    state = panel.state.copy()
    for col in range(panel.columns):
        bits = draw(st.sampled_from([0, 0, int(State.WARNING), int(State.MANAGED)]))
        state[:, col] |= np.uint8(bits) * ((state[:, col] & State.PRESENT) > 0)
    state.flags.writeable = False
    object.__setattr__(panel, "state", state)
    return panel


class Onlooker:
    """Recomputes the limits from the panel, the holdings and the orders, after every purchase that is accepted."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation, self.panel = simulation, simulation.exchange.panel
        self.config, self.limits = simulation.exchange.config, simulation.exchange.config.limits
        self.sectors = simulation.exchange.arrays[-3][:, at.INSTRUMENT_SECTOR]
        self.session = np.unique(self.panel.session, return_inverse=True)[1]
        self.bought: dict[int, int] = {}
        self.paused_until = -1
        self.start = self.equity = self.config.cash_won * simulation.exchange.scale
        self.accepted = 0

    def close(self, row: int) -> None:
        """A bar has closed."""
        account, positions = self.simulation.book.account, self.simulation.book.positions
        if row == 0 or self.session[row] != self.session[row - 1]:
            self.start = self.equity
        self.equity = int(account[at.EQUITY])
        streak = self.limits.max_losing_streak
        has_closed = (positions[:, at.POSITION_LAST_EXIT] == row).any()
        if streak is not None and has_closed and account[at.CONSECUTIVE_LOSSES] >= streak:
            self.paused_until = self.session[row] + self.limits.losing_streak_pause
            orders = self.simulation.book.orders[: account[at.ORDER_COUNT]]
            waiting = orders[:, at.ORDER_STATUS] == at.STATUS_OPEN
            assert not (waiting & (orders[:, at.ORDER_SIDE] == at.BUY)).any()

    def day(self, row: int) -> int:
        """Session of the bar after a row."""
        return int(self.session[row + 1] if row + 1 < self.panel.rows else self.session[row] + 1)

    def purchase(self, row: int, proposal: Any, quantity: int) -> None:
        """A purchase was accepted."""
        book, limits, scale = self.simulation.book, self.limits, self.simulation.exchange.scale
        account, col = book.account, int(proposal[at.PROPOSAL_COL])
        self.accepted += 1
        marks = self.panel.bars[CLOSE, np.minimum(row, self.panel.last_row), np.arange(self.panel.columns)]
        price, state = int(marks[col]), State(int(self.panel.state[row, col]))
        assert self.panel.tickers[col] not in limits.restricted
        assert limits.allow_warned or not state & State.WARNING
        assert limits.allow_managed or not state & State.MANAGED
        assert quantity * price <= limits.max_order_won * scale
        assert limits.min_order_won * scale <= quantity * price
        self._shares_of_equity(marks, col)
        assert account[at.HELD] + account[at.PENDING_NAMES] <= limits.max_positions
        day = self.day(row)
        self.bought[day] = self.bought.get(day, 0) + 1
        assert limits.max_orders_per_day is None or self.bought[day] <= limits.max_orders_per_day
        assert day > self.paused_until
        if limits.max_price_distance is not None and proposal[at.PROPOSAL_KIND] in (at.LIMIT, at.STOP):
            away = abs(int(proposal[at.PROPOSAL_PRICE]) - (0 if proposal[at.PROPOSAL_RELATIVE] else price))
            assert away <= limits.max_price_distance * price * (1 + 1e-9)
        if limits.max_day_loss is not None and self.start > 0:
            assert Fraction(self.start - self.equity, self.start) < Fraction(str(limits.max_day_loss))

    def _shares_of_equity(self, marks: Any, col: int) -> None:
        positions, limits = self.simulation.book.positions, self.limits
        value = marks * positions[:, at.POSITION_QUANTITY] + positions[:, at.POSITION_PENDING_VALUE]
        equity = int(self.simulation.book.account[at.EQUITY])
        assert value[col] <= limits.max_position_weight * equity * (1 + 1e-9)
        if limits.max_sector_weight < 1.0:
            assert value[self.sectors == self.sectors[col]].sum() <= limits.max_sector_weight * equity * (1 + 1e-9)
        if limits.max_gross_exposure < 1.0:
            assert value.sum() <= limits.max_gross_exposure * equity * (1 + 1e-9)


def run_with(simulation: Simulation, before: Any = None, after: Any = None, closed: Any = None) -> None:
    """Every bar, every decision, every proposal; `before` is told each proposal, `after` what was accepted."""
    for row in range(simulation.first, simulation.last):
        simulation.make_room()
        for part in range(-1, at.POINTS + 1):
            simulation.trade_part(part)
        simulation.row, simulation.point = row, AFTER_CLOSE
        if closed is not None:
            closed(row)
        for place in range(simulation.decide()):
            proposal = simulation.book.proposals[place]
            if before is not None:
                before(row, place)
            code, quantity = simulation.check(place)
            if code == at.ACCEPTED:
                simulation.accept(place, quantity)
                if after is not None and proposal[at.PROPOSAL_SIDE] == at.BUY:
                    after(row, proposal, quantity)
            else:
                simulation.book.refusals[code] += 1


@settings(PATIENT, max_examples=80)
@given(data=st.data())
def test_no_purchase_goes_beyond_any_limit(data):
    panel, config = data.draw(warned_panels()), data.draw(configs())
    simulation = simulate(data.draw(any_rules(panel.interval)), panel, config)
    onlooker = Onlooker(simulation)
    run_with(simulation, after=onlooker.purchase, closed=onlooker.close)
    assert (
        onlooker.accepted
        == (simulation.book.orders[: simulation.book.account[at.ORDER_COUNT], at.ORDER_SIDE] == at.BUY).sum()
    )


CHURN = (
    ("entry", "always", "buy 30% of equity"),
    ("entry", "always", "buy 10% of equity at limit 0.97 * close add"),
    ("exit", "always", "sell all"),
)


@settings(PATIENT, max_examples=40)
@given(panel=warned_panels(), config=configs(), losses=st.integers(1, 3), pause=st.integers(1, 3))
def test_no_purchase_in_the_sessions_after_a_losing_streak_in_either_mode(panel, config, losses, pause):
    limits = config.limits.model_copy(update={"max_losing_streak": losses, "losing_streak_pause": pause})
    config = config.model_copy(update={"limits": limits, "cash_won": 10**9})
    rules = make_rules(*CHURN, interval=panel.interval)
    watched = simulate(rules, panel, config)
    onlooker = Onlooker(watched)
    run_with(watched, after=onlooker.purchase, closed=onlooker.close)
    for other in (run_batch(simulate(rules, panel, config)), run_events(simulate(rules, panel, config))):
        orders = other.book.orders[: other.book.account[at.ORDER_COUNT]]
        assert np.array_equal(orders, watched.book.orders[: watched.book.account[at.ORDER_COUNT]])
        assert np.array_equal(other.book.refusals, watched.book.refusals)


TIGHTER: dict[str, list[Any]] = {
    "max_positions": [1, 2],
    "max_position_weight": [0.05, 0.2],
    "max_sector_weight": [0.1, 0.4],
    "max_gross_exposure": [0.1, 0.5],
    "max_order_won": [100_000, 400_000],
    "min_order_won": [100_000],
    "max_orders_per_day": [1],
    "max_price_distance": [0.005],
    "allow_managed": [False],
    "allow_warned": [False],
    "restricted": [("000001", "000002"), ("000001", "000002", "000003")],
    "losing_streak_pause": [5],
}
SMALLER = ("max_positions", "max_position_weight", "max_sector_weight", "max_gross_exposure", "max_order_won")


@st.composite
def pairs(draw: st.DrawFn) -> tuple[BacktestConfig, BacktestConfig]:
    """A configuration and the same with some limits tightened.

    The least share of a purchase is off: it is a share of what the limits of the name allow, so that a tighter limit of
    the name makes less of the cash enough.
    """
    loose = draw(configs())
    limits = loose.limits.model_dump() | {"min_order_share": 0.0, "max_losing_streak": 1}
    wanted = draw(st.lists(st.sampled_from(sorted(TIGHTER)), min_size=1, unique=True))
    tight = dict(limits)
    for name in wanted:
        value = draw(st.sampled_from(TIGHTER[name]))
        known = limits.get(name)
        tight[name] = min(value, known) if name in SMALLER else max(value, known) if name == "min_order_won" else value
    if tight["min_order_won"] > tight["max_order_won"]:
        tight["min_order_won"] = limits["min_order_won"] = 0
    made = [loose.model_dump() | {"limits": each} for each in (limits, tight)]
    return BacktestConfig.model_validate(made[0]), BacktestConfig.model_validate(made[1])


@settings(PATIENT, max_examples=60)
@given(data=st.data())
def test_tightening_limits_never_makes_an_order_larger(data):
    panel = data.draw(warned_panels())
    loose, tight = data.draw(pairs())
    simulation = simulate(data.draw(any_rules(panel.interval)), panel, loose)
    other = simulation.exchange.with_config(tight).arrays
    config = other[-1]

    def compare(row: int, place: int) -> None:
        book = simulation.book
        allowed = simulation.check(place)[1]
        account = book.account.copy()
        for limit, column in (
            (at.LIMIT_POSITIONS, at.CONFIG_MAX_POSITIONS),
            (at.LIMIT_WEIGHT, at.CONFIG_MAX_WEIGHT),
            (at.LIMIT_SECTOR, at.CONFIG_MAX_SECTOR),
        ):
            account[limit] = min(account[limit], config[column])
        then = step.check_one(other, tuple(book._replace(account=account)), row, place)[1]
        assert then <= allowed
        if book.proposals[place, at.PROPOSAL_SIDE] == at.SELL:
            assert then == allowed

    run_with(simulation, before=compare)


def test_a_purchase_that_expires_as_the_streak_is_reached_gives_back_what_it_held_once() -> None:
    quiet = (10_000, 10_000, 10_000, 10_000, 1_000_000)
    losing = [quiet, quiet, (9_900, 9_900, 9_000, 9_100, 1_000_000)]
    panel = make_panel({"000100": losing, "000200": [(1_000, 1_000, 1_000, 1_000, 1_000_000)] * 3})
    rules = make_rules(
        ("entry", "close > 9500", "buy 20% of equity"),
        ("entry", "close < 5000", "buy 20% of equity at limit 0.8 * close"),
        ("exit", "pnl <= -3%", "sell all"),
    )
    simulation = prepare(rules, panel, make_config(limits={"max_losing_streak": 1, "losing_streak_pause": 1}))
    simulation.run()
    account = simulation.book.account
    assert account[at.CONSECUTIVE_LOSSES] == 1
    assert [account[each] for each in (at.OPEN_COUNT, at.RESERVED, at.PENDING_VALUE, at.PENDING_NAMES)] == [0, 0, 0, 0]
