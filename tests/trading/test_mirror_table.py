"""The table of `geoul mirror` on an ordinary terminal."""

from __future__ import annotations

import io
from datetime import date

import pytest
from rich.console import Console

from engine.cli.mirror import show
from engine.cli.options import Lang
from engine.order import Side
from engine.trading.mirrored_day import Cause, DayMirror, OrderMirror


@pytest.mark.parametrize("lang", Lang)
def test_every_figure_can_be_read_at_eighty_columns(lang: Lang) -> None:
    order = OrderMirror(
        ticker="0019U0",
        side=Side.SELL,
        rules=("take-half",),
        asked=12_345,
        asked_in_replay=23_456,
        filled=12_000,
        filled_in_replay=23_000,
        amount=12_000 * 189_300,
        amount_in_replay=23_000 * 187_300,
        costs=543_210,
        costs_in_replay=0,
        cause=Cause.INSIDE_THE_BAR,
    )
    day = DayMirror(session=date(2024, 1, 29), decision_id="2024-01-26T15:30", decision=Cause.NONE, orders=(order,))
    empty = DayMirror(session=date(2024, 1, 30), decision_id="2024-01-29T15:30", decision=Cause.NONE, orders=())
    told = io.StringIO()
    show(Console(file=told, width=80, highlight=False), [day, empty], 2, lang)
    text = told.getvalue()
    assert "…" not in text
    figures = (
        "24-01-29",
        "0019U0",
        "12,345",
        "23,456",
        "12,000",
        "23,000",
        "189,300",
        "187,300",
        "543,210",
        "24-01-30",
    )
    for figure in (*figures, f"{order.slippage:+,}"):
        assert figure in text, figure


def test_an_account_without_a_closed_session_has_no_table() -> None:
    told = io.StringIO()
    show(Console(file=told, width=80), [], 0, Lang.en)
    assert told.getvalue() == "No session has been closed yet.\n"
