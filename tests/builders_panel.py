"""Small panels written by hand: a few bars in plain lists, everything else follows from them.

    make_panel({"005930": [(100, 110, 90, 105), (105, 106, 100, 101)]})

A bar is (open, high, low, close) or (open, high, low, close, volume); "halt" is a suspended session (the close is
carried, volume 0) and None a row before listing or after the last row.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from engine.backtest import backtest
from engine.config import BacktestConfig
from engine.data.manifest import Manifest
from engine.data.panel import CASH, CLOSE, SPLIT, ActionTable, DividendTable, Panel, State, freeze
from engine.krx.sessions import close_times_ns, ordinals, session_days
from engine.result import Result
from engine.rules.edit import RuleEntry, add_rule
from engine.rules.prompt import load_rules_text
from engine.rules.tree import Cadence, Category, RuleSet

EPOCH = datetime.date(1970, 1, 1)
DAY_ONE = datetime.date(2024, 3, 4)  # a Monday: common tick table, 30 % limits, taxes of 2024
HALT = "halt"
PLENTY = 1_000_000  # shares a bar, far more than any test trades
MINUTE_NS = 60_000_000_000
Bar = tuple[int, ...] | str | None


def make_panel(
    bars: Mapping[str, Sequence[Bar]],
    *,
    start: datetime.date = DAY_ONE,
    market: str | Mapping[str, str] = "KOSPI",
    product: str | Mapping[str, str] = "STOCK",
    multiple: Mapping[str, int] | None = None,
    sector: Mapping[str, str] | None = None,
    state: Mapping[tuple[int, str], State] | None = None,
    base: Mapping[tuple[int, str], int] | None = None,
    splits: Iterable[tuple[int, str, int, int]] = (),
    cash: Iterable[tuple[int, str, int]] = (),
    dividends: Iterable[tuple[int, str, int, int]] = (),
    delisted: Iterable[str] = (),
    index: Sequence[float] | None = None,
    bars_a_session: int = 1,
    adjusted: bool = False,
    price_scale: int = 1,
) -> Panel:
    """A panel on real sessions from `start` on.

    Args:
        bars: one list of bars a ticker, all equally long.
        start: first session.
        market, product: of all tickers, or by ticker.
        multiple, sector: by ticker; 1 and unknown where left out.
        state: further bits of single rows.
        base: base prices of single rows; elsewhere the previous session's close, restated by a split.
        splits: (row, ticker, numerator, denominator): new shares for old ones.
        cash: (row, ticker, price units a share): a distribution.
        dividends: (row, ticker, price units a share, row of the payment).
        delisted: tickers whose rows end at a known delisting.
        index: closes of KOSPI.
        bars_a_session: more than 1 makes minute bars, the last at the close of the session.
        adjusted, price_scale: see the manifest.
    """
    tickers = tuple(sorted(bars))
    rows = len(bars[tickers[0]])
    place = {ticker: column for column, ticker in enumerate(tickers)}
    cells, states = _cells(bars, tickers, rows)
    first, last = _ends(states)
    for (row, ticker), bits in (state or {}).items():
        states[row, place[ticker]] |= bits
    actions = _actions(place, splits, cash)
    bases = _bases(cells, states, actions, bars_a_session)
    for (row, ticker), price in (base or {}).items():
        bases[row, place[ticker]] = price
    session, closed_at_ns, ordinal = _times(start, rows, bars_a_session)
    return Panel(
        bars=freeze(cells),
        state=freeze(states),
        base=freeze(bases),
        value=None,
        shares=None,
        closed_at_ns=freeze(closed_at_ns),
        session=freeze(session),
        ordinal=freeze(ordinal),
        tickers=tickers,
        instruments=_instruments(tickers, market, product, multiple or {}, sector or {}),
        first_row=freeze(first),
        last_row=freeze(last),
        delisted_known=freeze(np.array([ticker in set(delisted) for ticker in tickers])),
        indices={} if index is None else {"KOSPI": np.tile(np.asarray(index, np.float64), (4, 1))},
        actions=actions,
        interval="1d" if bars_a_session == 1 else "1m",
        manifest=Manifest(
            name="by hand",
            source=("tests",),
            first=EPOCH + datetime.timedelta(days=int(session[0])),
            last=EPOCH + datetime.timedelta(days=int(session[-1])),
            interval="1d" if bars_a_session == 1 else "1m",
            adjusted=adjusted,
            price_scale=price_scale,
            synthetic=True,
        ),
        dividends=_dividends(place, dividends),
    )


def flat(price: int, rows: int, volume: int = PLENTY) -> list[Bar]:
    """`rows` bars without any move."""
    return [(price, price, price, price, volume)] * rows


def _cells(bars: Mapping[str, Sequence[Bar]], tickers: Sequence[str], rows: int) -> tuple[Any, Any]:
    cells = np.zeros((5, rows, len(tickers)), np.int64)
    states = np.zeros((rows, len(tickers)), np.uint8)
    for column, ticker in enumerate(tickers):
        close = 0
        for row, bar in enumerate(bars[ticker]):
            if bar is None:
                continue
            if bar == HALT:
                cells[:, row, column] = (close, close, close, close, 0)
                states[row, column] = State.PRESENT
                continue
            values = (*bar, PLENTY) if len(bar) == 4 else bar
            cells[:, row, column] = values
            close = int(values[CLOSE])
            states[row, column] = State.PRESENT | (State.TRADED if values[4] else State.ABSENT)
    return cells, states


def _ends(states: Any) -> tuple[Any, Any]:
    present = (states & State.PRESENT) > 0
    first = present.argmax(axis=0)
    last = len(states) - 1 - present[::-1].argmax(axis=0)
    return first.astype(np.int64), last.astype(np.int64)


def _actions(
    place: Mapping[str, int], splits: Iterable[tuple[int, str, int, int]], cash: Iterable[tuple[int, str, int]]
) -> ActionTable:
    table = [(row, place[ticker], SPLIT, new, old, 0) for row, ticker, new, old in splits]
    table += [(row, place[ticker], CASH, 1, 1, amount) for row, ticker, amount in cash]
    columns = np.array(sorted(table), np.int64).reshape(-1, 6).T
    return ActionTable(*(freeze(column) for column in columns))


def _dividends(place: Mapping[str, int], dividends: Iterable[tuple[int, str, int, int]]) -> DividendTable:
    table = sorted((row, place[ticker], amount, paid) for row, ticker, amount, paid in dividends)
    return DividendTable(*(freeze(column) for column in np.array(table, np.int64).reshape(-1, 4).T))


def _bases(cells: Any, states: Any, actions: ActionTable, bars_a_session: int) -> Any:
    bases = np.zeros(states.shape, np.int64)
    for row in range(len(states)):
        opening = row - row % bars_a_session
        if opening > 0:
            bases[row] = cells[CLOSE, opening - 1]
    for row, col, kind, new, old, _ in zip(*dataclasses.astuple(actions), strict=True):
        if kind == SPLIT:
            bases[row : row + bars_a_session, col] = bases[row, col] * old // new
    bases[states == 0] = 0
    return bases


def _times(start: datetime.date, rows: int, bars_a_session: int) -> tuple[Any, Any, Any]:
    days = session_days()
    begin = int(np.searchsorted(days, (start - EPOCH).days))
    count = -(-rows // bars_a_session)
    session = np.repeat(days[begin : begin + count], bars_a_session)[:rows].astype(np.int64)
    minute = np.arange(rows) % bars_a_session
    closed_at_ns = close_times_ns(session) - (bars_a_session - 1 - minute) * MINUTE_NS
    return session, closed_at_ns, ordinals(session) * 1_000 + minute if bars_a_session > 1 else ordinals(session)


def _instruments(
    tickers: Sequence[str],
    market: str | Mapping[str, str],
    product: str | Mapping[str, str],
    multiple: Mapping[str, int],
    sector: Mapping[str, str],
) -> pl.DataFrame:
    def of(what: str | Mapping[str, str], ticker: str, otherwise: str) -> str:
        return what if isinstance(what, str) else what.get(ticker, otherwise)

    return pl.DataFrame(
        {
            "ticker": list(tickers),
            "name": [f"name of {ticker}" for ticker in tickers],
            "market": [of(market, ticker, "KOSPI") for ticker in tickers],
            "product": [of(product, ticker, "STOCK") for ticker in tickers],
            "sector": [sector.get(ticker) for ticker in tickers],
            "multiple": [multiple.get(ticker, 1) for ticker in tickers],
            "listed": [None] * len(tickers),
            "delisted": [None] * len(tickers),
        },
        schema_overrides={"sector": pl.String, "listed": pl.Date, "delisted": pl.Date},
    )


CATEGORIES = {"entry": Category.ENTRY, "exit": Category.EXIT, "size": Category.SIZING, "risk": Category.RISK}


def make_rules(*rules: tuple[Any, ...], interval: str = "1d") -> RuleSet:
    """Checked rules from (category, condition, action[, priority[, cadence]]); their ids are rule-0, rule-1, …"""
    text = f"## 투자 원칙 및 규칙\n**주기**: {interval}\n"
    for number, (category, condition, action, *rest) in enumerate(rules):
        entry = RuleEntry(
            id=f"rule-{number}",
            category=CATEGORIES[category],
            text="시험",
            condition=condition,
            action=action,
            priority=rest[0] if rest else 5,
            cadence=Cadence(rest[1]) if len(rest) > 1 else None,
        )
        text = add_rule(text, entry)
    return load_rules_text(text)


def make_config(**values: Any) -> BacktestConfig:
    """Ten million won, no costs, no participation limit, no slippage unless asked for."""
    plain: dict[str, Any] = {"cash_won": 10_000_000, "costs": False, "participation": 0.0}
    return BacktestConfig.model_validate(plain | values)


def run_rules(panel: Panel, *rules: tuple[Any, ...], **config: Any) -> Result:
    """Batch mode."""
    return backtest(make_rules(*rules, interval=panel.interval), panel, make_config(**config))


def fills_of(result: Result) -> list[tuple[Any, ...]]:
    """(row, point, ticker, side, quantity, price) of every fill."""
    row = {time: number for number, time in enumerate(result.equity["time"])}
    columns = ("time", "point", "ticker", "side", "quantity", "price")
    return [(row[time], *rest) for time, *rest in result.fills.select(columns).iter_rows()]
