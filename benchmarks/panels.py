"""A benchmark market as Geoul's `Panel`: the bars as they are, on real sessions, shares of KOSPI."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.market import CLOSE, load_bars
from engine.data.interval import minute_ordinal
from engine.data.manifest import Manifest
from engine.data.panel import ActionTable, Panel, State, freeze
from engine.krx.sessions import close_times_ns, ordinals, session_days

FIRST_DAILY_SESSION = date(2015, 6, 15)  # since then a day may move by 30 %
FIRST_MINUTE_SESSION = date(2016, 8, 1)  # since then the regular session lasts 390 minutes
MINUTES_A_SESSION = 390
MINUTE_NS = 60_000_000_000


def daily_panel(folder: Path, rows: int | None = None) -> Panel:
    """One row a session from 2015-06-15 on."""
    bars = load_bars(folder)[:, :rows]
    session = _sessions(FIRST_DAILY_SESSION, bars.shape[1])
    base = np.vstack([bars[CLOSE, :1], bars[CLOSE, :-1]])
    return _panel(bars, base, session, close_times_ns(session), ordinals(session), "1d")


def minute_panel(folder: Path, rows: int | None = None) -> Panel:
    """390 rows a session from 2016-08-01 on; every session ends at its own closing time."""
    bars = load_bars(folder)[:, :rows]
    count = bars.shape[1]
    session = np.repeat(_sessions(FIRST_MINUTE_SESSION, -(-count // MINUTES_A_SESSION)), MINUTES_A_SESSION)[:count]
    minute = np.arange(count) % MINUTES_A_SESSION
    closed_at_ns = close_times_ns(session) - (MINUTES_A_SESSION - 1 - minute) * MINUTE_NS
    before = np.arange(count) // MINUTES_A_SESSION * MINUTES_A_SESSION - 1
    base = bars[CLOSE][np.maximum(before, 0)]
    return _panel(bars, base, session, closed_at_ns, minute_ordinal(ordinals(session), closed_at_ns, 1), "1m")


PANELS = {"1d": daily_panel, "1m": minute_panel}  # by the interval of the rules


def _sessions(first: date, count: int) -> np.ndarray:
    days = session_days()
    begin = int(np.searchsorted(days, (first - date(1970, 1, 1)).days))
    if begin + count > len(days):
        raise ValueError(f"{count} sessions from {first} reach beyond the calendar; take fewer rows.")
    return days[begin : begin + count]


def _panel(
    bars: np.ndarray,
    base: np.ndarray,
    session: np.ndarray,
    closed_at_ns: np.ndarray,
    ordinal: np.ndarray,
    interval: str,
) -> Panel:
    rows, columns = bars.shape[1:]
    tickers = tuple(f"{column:06d}" for column in range(columns))
    none = np.empty(0, np.int64)
    first, last = (date(1970, 1, 1).toordinal() + int(session[at]) for at in (0, -1))
    return Panel(
        bars=freeze(bars),
        state=freeze(np.full((rows, columns), State.PRESENT | State.TRADED, np.uint8)),
        base=freeze(base),
        value=None,
        shares=None,
        closed_at_ns=freeze(closed_at_ns),
        session=freeze(session),
        ordinal=freeze(ordinal),
        tickers=tickers,
        instruments=_instruments(tickers),
        first_row=freeze(np.zeros(columns, np.int64)),
        last_row=freeze(np.full(columns, rows - 1)),
        delisted_known=freeze(np.zeros(columns, np.bool_)),
        indices={},
        actions=ActionTable(none, none, none, none, none, none),
        interval=interval,
        manifest=Manifest(
            name="benchmark",
            source=("benchmarks.market",),
            first=date.fromordinal(first),
            last=date.fromordinal(last),
            interval=interval,
            adjusted=False,
            synthetic=True,
        ),
    )


def _instruments(tickers: tuple[str, ...]) -> pl.DataFrame:
    columns = {
        "ticker": list(tickers),
        "name": list(tickers),
        "market": ["KOSPI"] * len(tickers),
        "product": ["STOCK"] * len(tickers),
        "sector": [None] * len(tickers),
        "multiple": [1] * len(tickers),
        "listed": [None] * len(tickers),
        "delisted": [None] * len(tickers),
    }
    unknown = {"sector": pl.String, "listed": pl.Date, "delisted": pl.Date}
    return pl.DataFrame(columns, schema_overrides=unknown)
