"""Whole small markets and configurations, drawn by hypothesis: every odd thing a panel can hold, in few bars."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
from hypothesis import strategies as st

from engine.config import BacktestConfig
from engine.data.panel import Panel, State
from engine.krx.instrument_class import instrument_class
from engine.krx.price_limit import limits_of
from engine.krx.tick_size import grid_below
from tests.builders_panel import HALT, Bar, make_panel

STARTS = [
    datetime.date(2024, 3, 4),
    datetime.date(2024, 12, 23),  # new taxes on the 27th
    datetime.date(2025, 2, 26),  # base prices rounded up from 4 March on
    datetime.date(2014, 5, 26),  # 15 % limits, tens of shares until 1 June
    datetime.date(2023, 1, 16),  # new ticks on the 25th
    datetime.date(2023, 6, 19),  # first days between 60 % and 400 % of the issue price from the 26th on
    datetime.date(2010, 5, 3),  # multiples widen the limits from the 10th on, dear issues trade in single shares
]
CLASSES = [
    ("KOSPI", "STOCK", 1),
    ("KOSDAQ", "STOCK", 1),
    ("KOSPI", "ETF", 1),
    ("KOSPI", "ETF", -2),
    ("KONEX", "STOCK", 1),
]
SPLITS = [(2, 1), (1, 2), (5, 1), (1, 10), (3, 2), (11, 10), (2, 3)]


@st.composite
def panels(draw: st.DrawFn, most_rows: int = 24, most_names: int = 4, adjusted: bool | None = None) -> Panel:
    """Prices that walk, jump and lock at their limits; halts, thin volume, splits, listings, delistings, flags."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bars_a_session = draw(st.sampled_from([1, 1, 1, 3, 4]))
    rows = draw(st.integers(4, most_rows))
    names = [f"{number:06d}" for number in range(1, draw(st.integers(1, most_names)) + 1)]
    scaled = draw(st.sampled_from([False, False, True])) if adjusted is None else adjusted
    start = draw(st.sampled_from(STARTS))
    listed = [kind for kind in CLASSES if kind[0] != "KONEX" or start.year > 2013]
    classes = {name: listed[int(generator.integers(len(listed)))] for name in names}
    splits, cash, dividends = [], [], []
    bars: dict[str, list[Bar]] = {}
    for name in names:
        bars[name] = _bars(generator, rows, bars_a_session, start, classes[name], scaled)
        for row in range(bars_a_session, rows, bars_a_session):
            held_through = bars[name][row] is not None and bars[name][row - 1] is not None
            if held_through and generator.random() < 0.06:
                splits.append((row, name, *SPLITS[int(generator.integers(len(SPLITS)))]))
            elif held_through and generator.random() < 0.04:
                cash.append((row, name, int(generator.integers(1, 300))))
            if not scaled and row < rows and bars[name][row] is not None and generator.random() < 0.06:
                # Paid at once, some bars later, or after the last one; several may be owed at a time.
                later = int(generator.choice([0, 1, 2, 5, rows]))
                paid = min(row + later * bars_a_session, rows)
                dividends.append((row, name, int(generator.integers(1, 3_000)), paid))
    _apply(bars, splits)
    odd = [State.UNTRADABLE, State.LIQUIDATION, State.MANAGED, State.FIRST_DAY, State.FIRST_DAY, State.FIRST_DAY]
    state = {
        (row, name): odd[int(generator.integers(len(odd)))]
        for name in names
        for row in range(rows)
        if bars[name][row] is not None and generator.random() < 0.08
    }
    for (row, name), bits in state.items():
        bar = bars[name][row]
        if bits == State.FIRST_DAY and isinstance(bar, tuple) and generator.random() < 0.4:
            bars[name][row] = (bar[0],) * 4 + bar[4:]  # one price all bar, perhaps at a limit
    return make_panel(
        bars,
        start=start,
        market={name: market for name, (market, _, _) in classes.items()},
        product={name: product for name, (_, product, _) in classes.items()},
        multiple={name: multiple for name, (_, _, multiple) in classes.items()},
        sector={name: ("은행", "조선")[int(generator.integers(2))] for name in names if generator.random() < 0.7},
        state=state,
        base=_odd_bases(generator, bars, state, splits),
        splits=splits,
        cash=cash,
        dividends=dividends,
        delisted=[name for name in names if bars[name][-1] is None and generator.random() < 0.6],
        index=(2_000 + np.cumsum(generator.normal(0, 20, rows))).tolist(),
        bars_a_session=bars_a_session,
        adjusted=scaled,
        price_scale=100 if scaled and generator.random() < 0.5 else 1,
    )


def _odd_bases(
    generator: np.random.Generator,
    bars: dict[str, list[Bar]],
    state: dict[tuple[int, str], State],
    splits: list[tuple[int, str, int, int]],
) -> dict[tuple[int, str], int]:
    """Base prices that are no previous close: unknown after a split, issue prices on first days."""
    odd = {(row, name): 0 for row, name, *_ in splits if generator.random() < 0.3}
    for (row, name), bits in state.items():
        bar = bars[name][row]
        if bits == State.FIRST_DAY and isinstance(bar, tuple):
            # Unknown, equal to the opening price, or so that the open lies in its range, at its edge or beyond it.
            share = (None, 1.0, 0.95, 1.2, 0.5, 0.25, 0.25, 1.7)[int(generator.integers(8))]
            odd[row, name] = 0 if share is None else max(int(bar[0] * share), 1)
    return odd


def _bars(
    generator: np.random.Generator, rows: int, bars_a_session: int, start: datetime.date, kind: Any, scaled: bool
) -> list[Bar]:
    market, product, multiple = kind
    price = int(generator.choice([1, 40, 990, 2_050, 4_990, 9_800, 48_000, 510_000]))
    volume = int(generator.choice([50, 2_000, 10**6]))
    listed = int(generator.integers(0, rows // 2)) if generator.random() < 0.2 else 0
    ended = int(generator.integers(rows // 2, rows)) if generator.random() < 0.25 else rows
    bars: list[Bar] = []
    for row in range(rows):
        if not listed <= row < ended:
            bars.append(None)
            continue
        dice = generator.random()
        if row > listed and dice < 0.05:
            bars.append(HALT)
            continue
        if row > listed and dice < 0.12 and not scaled and bars_a_session == 1:
            limits = limits_of(price, start, instrument_class(market, product), multiple)
            assert limits is not None
            price = limits.upper if generator.random() < 0.5 else limits.lower
            bars.append((price,) * 4 + (int(generator.integers(1, volume + 1)),))
            continue
        steps = price * (1 + generator.normal(0, 0.03, 4))
        open_, high, low, close = (max(int(step), 1) for step in steps)
        if not scaled:
            made = (grid_below(each, start, instrument_class(market, product)) for each in (open_, high, low, close))
            open_, high, low, close = (max(each, 1) for each in made)
        high, low = max(open_, high, low, close), min(open_, high, low, close)
        price = close
        bars.append((open_, high, low, close, int(generator.integers(0, volume + 1))))
    if listed < rows and not any(isinstance(bar, tuple) for bar in bars):
        bars[listed] = (price,) * 4 + (volume,)
    return bars


def _apply(bars: dict[str, list[Bar]], splits: list[tuple[int, str, int, int]]) -> None:
    """Let the prices from the row of a split on follow it."""
    for row, name, new, old in splits:
        for later in range(row, len(bars[name])):
            bar = bars[name][later]
            if isinstance(bar, tuple):
                bars[name][later] = (*(max(price * old // new, 1) for price in bar[:4]), bar[4])


@st.composite
def configs(draw: st.DrawFn, decidable_limits: bool = True) -> BacktestConfig:
    """Any configuration; without the limits that `tests.reference_exchange` does not know, if asked."""
    pick = lambda *choices: draw(st.sampled_from(choices))  # noqa: E731
    model = pick("none", "none", "ticks", "rate", "root")
    size = {"none": 0.0, "ticks": pick(1.0, 3.0), "rate": pick(0.001, 0.05), "root": pick(0.01, 0.3)}[model]
    return BacktestConfig.model_validate(
        {
            "cash_won": pick(1, 1_000_000, 10_000_000, 10**12),
            "venue": pick("krx", "krx", "paper"),
            "path": pick("low_first", "high_first"),
            "touch": draw(st.booleans()),
            "participation": pick(0.0, 0.01, 0.1, 1.0),
            "funding": pick("strict", "strict", "optimistic"),
            "costs": pick(True, True, False),
            "fee_ppb": pick(0, 140_527, 3_000_000),
            "cost_step_won": pick(1, 10),
            "cost_rounding": pick("order", "day"),
            "slippage": {"model": model, "size": size},
            "latency_bars": pick(0, 0, 0, 1, 2),
            "latency_points": pick(0, 0, 0, 1, 2, 3),
            "delisting_haircut": pick(1.0, 0.7, 0.0),
            "limits": {
                "max_positions": pick(1, 2, 20),
                "max_position_weight": pick(1.0, 0.3),
                "max_sector_weight": pick(1.0, 1.0, 0.5),
                "max_gross_exposure": pick(1.0, 1.0, 0.6),
                "max_order_won": pick(10**15, 10**15, 500_000),
                "min_order_won": pick(0, 0, 50_000),
                "min_order_share": pick(0.1, 0.1, 0.0, 0.5, 1.0),
                "max_day_loss": pick(None, None, 0.02),
                "allow_managed": draw(st.booleans()),
                **(draw(_decidable_limits()) if decidable_limits else {"allow_warned": True}),
            },
        }
    )


@st.composite
def _decidable_limits(draw: st.DrawFn) -> dict[str, Any]:
    pick = lambda *choices: draw(st.sampled_from(choices))  # noqa: E731
    return {
        "allow_warned": pick(True, True, False),
        "restricted": pick((), (), ("000002",)),
        "max_price_distance": pick(None, None, 0.01, 0.3),
        "max_orders_per_day": pick(None, None, 1, 3),
        **pick({}, {}, {"max_losing_streak": 1}, {"max_losing_streak": 2, "losing_streak_pause": 3}),
    }
