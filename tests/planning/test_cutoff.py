"""A model's run split at its knowledge cutoff: figures of both parts, and which of them is evidence."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import date, timedelta
from io import StringIO

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from engine.metrics.cutoff import UNDIVIDED, divided_figures, split_at
from engine.metrics.summary import Metrics, summarize
from engine.reports.cutoff_view import cutoff_view
from engine.reports.html import render_report
from engine.reports.json import json_text
from engine.reports.language import Lang
from engine.reports.page import PageOptions
from engine.reports.terminal import print_result
from engine.result import Result
from tests.builders_result import make_result


@pytest.fixture(scope="module")
def result() -> Result:
    return make_result(sessions=520)


def by_model(result: Result, cutoff: date | None, *, masked: bool = True) -> Result:
    told = None if cutoff is None else cutoff.isoformat()
    return replace(result, model_run={"model": "small-1", "knowledge_cutoff": told, "masked": masked})


@pytest.mark.parametrize("session", [40, 200, 300, 518])
def test_the_two_parts_make_the_whole(result: Result, session: int) -> None:
    cutoff = result.equity["session"][session]
    split, whole = split_at(result, cutoff), summarize(result)
    before, after = split.before, split.after
    assert before is not None and after is not None
    assert before.total_return is not None and after.total_return is not None and whole.total_return is not None
    assert (1 + before.total_return) * (1 + after.total_return) - 1 == pytest.approx(whole.total_return)
    assert before.benchmark_return is not None and after.benchmark_return is not None
    assert (1 + before.benchmark_return) * (1 + after.benchmark_return) - 1 == pytest.approx(whole.benchmark_return)
    assert before.rated_sessions + after.rated_sessions == whole.rated_sessions
    for name in ("trades", "wins", "losses", "orders", "fills", "fees", "stt", "rural", "slippage", "bought", "sold"):
        assert getattr(before, name) + getattr(after, name) == pytest.approx(getattr(whole, name)), name
    assert before.last_session == cutoff
    assert after.final_equity == whole.final_equity
    assert after.initial_equity == before.final_equity


def test_drawdown_and_volatility_of_the_second_part_are_those_of_its_own_curve(result: Result) -> None:
    session = 260
    cutoff = result.equity["session"][session]
    after = split_at(result, cutoff).after
    assert after is not None
    curve = result.equity["equity"].to_numpy()[session:].astype(float)
    assert after.max_drawdown == pytest.approx((curve / np.maximum.accumulate(curve) - 1).min())
    changes = curve[1:] / curve[:-1] - 1
    assert after.volatility == pytest.approx(changes.std(ddof=1) * np.sqrt(252))


def test_a_trade_belongs_to_the_day_it_was_bought_on(result: Result) -> None:
    trade = result.trades.filter(pl.col("exit_session") > pl.col("entry_session") + timedelta(days=3)).row(
        5, named=True
    )
    bought, sold = trade["entry_session"], trade["exit_session"]
    between = bought + (sold - bought) / 2
    split = split_at(result, between)
    assert split.before is not None
    assert split.before.trades == (result.trades["entry_session"] <= between).sum()
    assert split.before.trades > (result.trades["exit_session"] <= between).sum()


def test_a_day_without_a_session_cuts_behind_the_session_before(result: Result) -> None:
    friday = next(day for day in result.equity["session"].to_list()[100:] if day.weekday() == 4)
    assert split_at(result, friday) == replace(split_at(result, friday + timedelta(days=2)), cutoff=friday)


def test_an_unknown_cutoff_leaves_nothing_that_is_evidence(result: Result) -> None:
    split = split_at(result, None)
    assert split.after is None and split.before is not None
    assert split.before.total_return == summarize(result).total_return


def test_a_cutoff_outside_the_run_leaves_one_part(result: Result) -> None:
    first, last = result.equity["session"][0], result.equity["session"][-1]
    early, late = split_at(result, first - timedelta(days=1)), split_at(result, last)
    assert early.before is None and early.after is not None
    assert late.after is None and late.before is not None
    assert early.after.total_return == late.before.total_return == summarize(result).total_return


def test_a_cutoff_inside_the_warm_up(result: Result) -> None:
    split = split_at(result, result.equity["session"][5])
    assert split.before is not None and split.after is not None
    assert split.before.rated_sessions == 0
    assert split.after.total_return == pytest.approx(summarize(result).total_return)


def test_every_figure_that_can_be_divided_is_there() -> None:
    names = {each.name for each in fields(Metrics)}
    assert names > UNDIVIDED
    assert set(divided_figures(summarize(make_result(sessions=60)))) == names - UNDIVIDED


def terminal(result: Result, lang: Lang, width: int = 100) -> str:
    console = Console(width=width, record=True, file=StringIO())
    print_result(console, result, lang=lang)
    return console.export_text()


@pytest.mark.parametrize(("lang", "word"), [("ko", "증거 아님"), ("en", "not evidence")])
def test_terminal_and_page_call_the_first_part_no_evidence(result: Result, lang: Lang, word: str) -> None:
    run = by_model(result, result.equity["session"][260])
    for text in (terminal(run, lang), render_report(run, options=PageOptions(lang=lang))):
        assert word in text
        assert "small-1" in text
        assert "--plain" not in text
    view = cutoff_view(run, lang)
    assert view is not None
    growth = next(row for row in view.rows if row.name == "total_return")
    assert growth.before in terminal(run, lang) and growth.after in terminal(run, lang)
    assert growth.before != growth.after


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_an_unknown_cutoff_and_a_plain_run_are_said(result: Result, lang: Lang) -> None:
    run = by_model(result, None, masked=False)
    for text in (terminal(run, lang), render_report(run, options=PageOptions(lang=lang))):
        assert "knowledge_cutoff" in text
        assert "--plain" in text


def test_json_holds_both_parts_with_plain_numbers(result: Result) -> None:
    cutoff = result.equity["session"][260]
    split = split_at(result, cutoff)
    told = json.loads(json_text(by_model(result, cutoff), tables=False))["knowledge_cutoff"]
    assert (told["model"], told["cutoff"], told["masked"]) == ("small-1", cutoff.isoformat(), True)
    assert (told["before"]["evidence"], told["after"]["evidence"]) == (False, True)
    assert split.before is not None and split.after is not None
    assert told["before"]["sharpe"] == split.before.sharpe
    assert told["after"]["total_return"] == split.after.total_return
    assert not UNDIVIDED & set(told["after"])


def test_a_run_without_a_model_says_nothing_of_it(result: Result) -> None:
    assert json.loads(json_text(result, tables=False))["knowledge_cutoff"] is None
    assert "증거 아님" not in terminal(result, "ko") + render_report(result)
