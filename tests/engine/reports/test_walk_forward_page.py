"""The page and the terminal of a walk forward, where there is much and where there is nothing to draw."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from rich.console import Console

from engine.config import BacktestConfig
from engine.data.panel import load_panel
from engine.data.sample import make_sample
from engine.reports.page import PageOptions
from engine.reports.walk_forward_html import render_walk_forward
from engine.reports.walk_forward_json import walk_forward_text
from engine.reports.walk_forward_terminal import print_walk_forward
from engine.reports.walk_forward_view import WalkForwardView, drifts
from engine.research.sweep import Sweep, places_to_try
from engine.research.walk_forward import walk_forward
from engine.research.walk_forward_plan import Plan
from engine.research.workers import InProcess
from engine.rules.grid import parse_grid
from tests.builders_panel import make_rules

PLAN = Plan(train=100, test=40, purge=5, folds=6, test_folds=3)
CROSS = (
    ("entry", "crosses_above(close, mean(close, 10))", "buy 20% of equity"),
    ("exit", "pnl <= -5%", "sell all"),
)


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    place = tmp_path_factory.mktemp("data") / "market"
    make_sample(place, tickers=8, years=1, seed=4)
    return load_panel(place)


def view_of(panel, *, rules=CROSS, axes=("rule-0.1=5,10,20", "rule-1.1=-8%,-5%"), plan=PLAN, **config):
    made = make_rules(*rules)
    grid = parse_grid(made, axes)
    places = places_to_try(grid, None, 0)
    sweep = Sweep(rules=made, grid=grid, places=places, config=BacktestConfig.model_validate(config))
    return WalkForwardView(
        result=walk_forward(sweep, plan, panel, InProcess(panel)),
        sweep=sweep,
        title="<script>alert(1)</script>.md",
        data="made up",
        interval="1d",
        ledger="ledger.db",
        counted=6,
        trials=6,
        synthetic=True,
    )


@pytest.fixture(scope="module")
def view(panel):
    return view_of(panel)


def printed(view, lang, width=100):
    file = io.StringIO()
    print_walk_forward(Console(file=file, width=width), view, lang=lang)
    return file.getvalue()


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_equal_results_give_equal_bytes_and_names_are_escaped(view, lang):
    page = render_walk_forward(view, options=PageOptions(lang=lang))
    assert page == render_walk_forward(view, options=PageOptions(lang=lang))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert not re.search(r"\bnan\b|\binf\b", page)


def test_both_languages_say_the_same_figures(view):
    figures = re.compile(r"[-+]?\d[\d,.]*%?")
    korean, english = (set(figures.findall(printed(view, lang, 400))) for lang in ("ko", "en"))
    assert {figure for figure in english if "%" in figure} <= korean


def test_a_window_of_the_table_is_one_of_the_result(view):
    lines = printed(view, "en")
    for step in view.result.steps:
        assert f"{step.test[0]} ~ {step.test[1]}" in lines
    assert printed(view, "en").count("moved in") == 2


def test_drift_counts_the_changes(view):
    for drift in drifts(view):
        texts = [drift.label(place) for place in drift.places]
        assert len(texts) == len(view.result.steps)
        assert drift.moved == sum(before != after for before, after in pairwise(texts))
    assert drifts(view)[0].label(drifts(view)[0].unchanged) == "10"


def test_rules_that_never_trade_have_dashes_and_no_error(panel):
    silent = (("entry", "close > 100_000_000_000", "buy 20% of equity"),)
    view = view_of(panel, rules=silent, axes=("rule-0.2=10%,20%",))
    assert view.result.return_efficiency is None
    assert view.result.paths.sharpe_quantiles == ()
    for lang in ("ko", "en"):
        assert "nan" not in printed(view, lang)
        assert "<svg" in render_walk_forward(view, options=PageOptions(lang=lang))
    found = json.loads(walk_forward_text(view))
    assert found["efficiency"] == {"mean_return": None, "sharpe": None}
    assert found["out_of_sample"]["sharpe"] is None


def test_without_the_index_there_is_no_line_of_it(panel):
    view = view_of(panel, benchmark="KOSDAQ150")
    assert view.result.index_total is None
    assert np.isnan(view.result.index).all()
    assert 'class="line market"' not in render_walk_forward(view)
    assert json.loads(walk_forward_text(view))["index"]["total_return"] is None


def test_one_window_and_many_paths_can_be_drawn(panel):
    one = replace(PLAN, test=1_000, folds=10, test_folds=5)
    view = view_of(panel, plan=one)
    assert len(view.result.steps) == 1
    assert len(view.result.paths.returns) == 126
    page = render_walk_forward(view)
    assert page.count('class="line path"') == 60
    assert "moved in" not in printed(view, "en")


def test_many_windows_are_told_in_few_lines(panel):
    view = view_of(panel, plan=replace(PLAN, test=2))
    steps = view.result.steps
    assert len(steps) > 60
    lines = printed(view, "en")
    assert f"{len(steps) - 40} earlier windows" in lines
    assert f"{steps[-1].test[0]} ~" in lines
    assert f"{steps[0].test[0]} ~" not in lines.partition("Figure")[2]
    page = render_walk_forward(view, options=PageOptions(lang="en"))
    drawn = page.partition('aria-label="Training and test windows"')[2].partition("</svg>")[0]
    assert drawn.count('class="dot own"') == 60
    assert all(f"{step.test[0]} ~ {step.test[1]}" in page for step in steps)


def test_every_small_axis_label_stands_once(view):
    page = render_walk_forward(view, options=PageOptions(lang="en"))
    for name in ("rule-0.1", "rule-1.1"):
        assert page.count(f'aria-label="Value chosen in each window: {name}"') == 1
