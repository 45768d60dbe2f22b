"""The rotation: three rising leaders at most, chosen once a month."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from brokers.replay import replay
from engine.config import BacktestConfig
from engine.data.panel import CLOSE, Panel, load_panel
from engine.result import Result
from strategies.etf_rotation import EtfRotation
from tests.strategies.holdings import bought, shares_by_session


@pytest.fixture(scope="module")
def liquid(daily: Path) -> Panel:
    """Eight instruments without corporate actions, so that raw closes give the returns."""
    panel = load_panel(daily)
    acted = set(panel.actions.col.tolist())
    whole = [
        ticker
        for column, ticker in enumerate(panel.tickers)
        if column not in acted and panel.first_row[column] == 0 and panel.last_row[column] == panel.rows - 1
    ]
    return load_panel(daily, tickers=whole[:8])


@pytest.fixture(scope="module")
def rotation(liquid: Panel) -> Result:
    return replay(EtfRotation(), liquid, BacktestConfig(participation=0.0))


def first_sessions(panel: Panel) -> dict[datetime.date, int]:
    """First session of every month, with its row."""
    found: dict[tuple[int, int], tuple[datetime.date, int]] = {}
    for row in range(panel.rows):
        day = panel.session_date(row)
        found.setdefault((day.year, day.month), (day, row))
    return dict(found.values())


def leaders(panel: Panel, row: int) -> set[str]:
    """The three with the highest 120-day return, those that rose."""
    if row < 120:
        return set()
    now, then = panel.bars[CLOSE, row], panel.bars[CLOSE, row - 120]
    past = sorted(zip((now - then) / then, panel.tickers, strict=True), reverse=True)
    return {ticker for change, ticker in past[:3] if change > 0}


def test_it_never_holds_more_than_three(rotation: Result) -> None:
    counts = [len(held) for held in shares_by_session(rotation).values()]
    assert max(counts) == 3


def test_it_buys_only_leaders_of_the_month(rotation: Result, liquid: Panel) -> None:
    starts = first_sessions(liquid)
    assert bought(rotation).height
    for session, ticker in bought(rotation).select("session", "ticker").rows():
        decided = max(day for day in starts if day < session)
        assert ticker in leaders(liquid, starts[decided])


def test_what_is_held_at_the_end_of_a_month_is_a_leader_of_that_month(rotation: Result, liquid: Panel) -> None:
    starts = first_sessions(liquid)
    holdings = shares_by_session(rotation)
    for day, row in starts.items():
        month = [held for session, held in holdings.items() if (session.year, session.month) == (day.year, day.month)]
        if month:
            assert set(month[-1]) <= leaders(liquid, row)


def test_it_stays_in_cash_while_no_return_is_known(rotation: Result, liquid: Panel) -> None:
    assert rotation.fills["session"][0] > liquid.session_date(120)
