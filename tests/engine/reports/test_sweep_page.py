"""The page and the sentences of a sweep: every case has words in both languages, and data cannot become markup."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from io import StringIO
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from engine.config import BacktestConfig
from engine.metrics.trial_clusters import cluster_trials
from engine.metrics.undefined import Undefined
from engine.reports.language import Lang
from engine.reports.page import PageOptions
from engine.reports.sweep_html import render_sweep
from engine.reports.sweep_json import sweep_text
from engine.reports.sweep_terminal import print_sweep
from engine.reports.sweep_view import (
    SweepView,
    headline,
    lead_sentence,
    notes,
    overfitting_sentence,
    own_sentence,
    shape_sentence,
)
from engine.research.sweep import OUTSIDE, Sweep
from engine.research.sweep_summary import Deflated, summarize_sweep
from engine.research.sweep_table import Evaluated, chunk_frame
from engine.research.trial_count import TrialCount
from engine.rules.grid import parse_grid
from engine.rules.messages import Text
from engine.rules.prompt import load_rules_text
from engine.track import Track

RULES = load_rules_text(
    "## 투자 원칙 및 규칙\n### Entry Criteria: surge\n**규칙**: 산다\n"
    "**조건**: `volume_ratio(20) >= 1.5`\n**행동**: `buy 10% of equity`\n**우선순위**: 5/10\n"
)
LANGS: tuple[Lang, ...] = ("ko", "en")


def a_view(
    returns: np.ndarray,
    axes: tuple[str, ...] = ("surge.1=11:20:1", "surge.2=1:10:1"),
    *,
    base: int = 3,
    title: str = "rules.md",
    without: tuple[int, ...] = (),
    samples: int | None = None,
    reason: str = "no meaning",
) -> SweepView:
    grid = parse_grid(RULES, axes)
    places = range(grid.size) if samples is None else sorted(grid.draw(samples, 1))
    sweep = Sweep(rules=RULES, grid=grid, places=places, config=BacktestConfig())
    numbers = [*range(len(places)), *([OUTSIDE] if base == OUTSIDE else [])]
    rows = []
    for place, number in enumerate(numbers):
        point: dict[str, Fraction] = {} if number == OUTSIDE else grid.point(places[number])
        if number in without:
            rows.append(Evaluated(number=number, point=point, reason=Text(f"뜻: {reason}", reason)))
            continue
        series = returns[:, place]
        fills = int(np.count_nonzero(series))
        growth = 1e8 * float(np.prod(1 + series))
        track = Track(
            returns=series,
            orders=fills,
            fills=fills,
            trades=fills // 2,
            wins=fills // 5,
            final_equity_won=growth,
            costs_won=12_345.0,
            refused=0,
        )
        rows.append(Evaluated(number=number, point=point, rules_hash=f"{number:064d}", track=track))
    table = chunk_frame(rows, grid, base=base, cash_won=100_000_000, periods=252)
    ran = [place for place, number in enumerate(numbers) if number not in without]
    clusters = cluster_trials(returns[:, ran] - returns[:, [numbers.index(base)]], 0.5)
    trials = TrialCount(raw=len(rows), effective=clusters.effective_trials, threshold=0.5, clusters=clusters)
    summary = summarize_sweep(table, sweep, trials, periods=252)
    return SweepView(
        sweep=sweep, summary=summary, title=title, data="krx 1d raw", window=("2020-01-02", "2024-12-30"), seed=1
    )


def noise(columns: int = 100, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.01, (800, columns))


def printed(view: SweepView, lang: Lang, width: int = 100) -> str:
    page = StringIO()
    print_sweep(Console(width=width, file=page), view, lang=lang)
    return page.getvalue()


@pytest.mark.parametrize("lang", LANGS)
def test_the_page_shows_the_table_the_map_and_the_pictures(lang: Lang) -> None:
    view = a_view(noise())
    page = render_sweep(view, options=PageOptions(lang=lang))
    assert page == render_sweep(view, options=PageOptions(lang=lang))
    assert len(re.findall(r'<rect class="heat"', page)) == 100
    assert page.count('class="mark best"') == page.count('class="mark base"') == 1
    assert page.count('class="profile"') == 2
    best = view.summary.table["sharpe"].max()
    assert f"{best:.2f}" in page
    pictures = re.findall(r"<svg .*?</svg>", page, re.DOTALL)
    assert len(pictures) == 5
    for picture in pictures:
        ElementTree.fromstring(picture)  # well-formed
    for sentence in (headline(view, lang), lead_sentence(view, lang), overfitting_sentence(view, lang)):
        assert sentence in page
    assert "{" not in "".join((headline(view, lang), shape_sentence(view, lang), own_sentence(view, lang)))


def test_names_and_reasons_are_data_not_markup() -> None:
    view = a_view(noise(), title="<script>alert(1)</script>", without=(7,), reason="<b>&</b>")
    page = render_sweep(view, options=PageOptions(lang="en"))
    assert "<script>alert" not in page
    assert "<b>&</b>" not in page
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in page


@pytest.mark.parametrize("lang", LANGS)
def test_the_terminal_shows_every_figure_even_when_narrow(lang: Lang) -> None:
    view = a_view(noise())
    shown = printed(view, lang, width=40)
    ranked = view.summary.table.sort("sharpe", descending=True, nulls_last=True).head(10)
    for row in ranked.iter_rows(named=True):
        assert f"{row['sharpe']:.2f}" in shown
        assert f"{row['max_drawdown']:.2%}" in shown
    assert "…" not in shown
    assert "*" in shown


@pytest.mark.parametrize(
    ("measured", "probability", "words"),
    [
        (0.5, 0.3, ("what luck alone would give", "운만으로 나올 수준")),
        (0.9, 0.7, ("but not surely", "확실하지 않습니다")),
        (1.9, 0.97, ("more than the 0.60", "0.60보다 높습니다")),
        (-0.1, 0.01, ("no lead that could be luck", "운을 따질 것도")),
        (None, None, ("no lead that could be luck", "운을 따질 것도")),
        (1.0, Undefined.NO_VARIATION, ("cannot be told", "판단할 수 없습니다")),
    ],
)
def test_a_lead_is_told_by_what_luck_would_give(measured: Any, probability: Any, words: tuple[str, str]) -> None:
    view = a_view(noise())
    luck = view.summary.luck
    assert luck is not None
    lead = None
    if measured is not None:
        lead = Deflated(measured=measured, expected=0.6, probability=probability, trials=12)
    other = replace(view, summary=replace(view.summary, luck=replace(luck, lead=lead)))
    assert words[0] in lead_sentence(other, "en")
    assert words[1] in lead_sentence(other, "ko")


def test_a_single_peak_is_told_to_be_a_spike_and_what_it_earns_beside_every_variant() -> None:
    returns = noise()
    returns[:, 44] += 0.004
    view = a_view(returns)
    assert "A spike" in shape_sentence(view, "en")
    assert "뾰족" in shape_sentence(view, "ko")
    assert "each of the 100 variants" in own_sentence(view, "en")
    assert "변형 100개" in own_sentence(view, "ko")


@pytest.mark.parametrize("lang", LANGS)
def test_a_sweep_in_which_nothing_traded_says_so(lang: Lang) -> None:
    view = a_view(np.zeros((800, 100)))
    words = "No variant traded" if lang == "en" else "고를 것이 없습니다"
    assert words in headline(view, lang)
    assert words in render_sweep(view, options=PageOptions(lang=lang))
    assert words in printed(view, lang)
    assert '"best": {}' in sweep_text(view, table="t", ledger="l")


@pytest.mark.parametrize("lang", LANGS)
def test_notes_tell_edges_impossible_points_and_what_the_gate_has_not_seen(lang: Lang) -> None:
    returns = noise()
    returns[:, 0] += 0.004
    view = replace(a_view(returns, without=(9, 10)), untouched="2023-12-18")
    told = notes(view, lang)
    assert len(told) == 3
    assert "surge.1, surge.2" in told[0]
    assert "no meaning" in told[1]
    assert "2023-12-18" in told[2]


@pytest.mark.parametrize("lang", LANGS)
def test_one_constant_a_sample_and_unchanged_rules_outside_the_grid(lang: Lang) -> None:
    one = a_view(noise(10), axes=("surge.1=11:20:1",))
    assert "svg" in render_sweep(one, options=PageOptions(lang=lang))
    sample = a_view(noise(61), axes=("surge.1=2:900:1", "surge.2=1:900:1"), base=OUTSIDE, samples=60)
    assert "60" in printed(sample, lang)
    assert "809,100" in printed(sample, lang)
    page = render_sweep(sample, options=PageOptions(lang=lang))
    assert 'class="mark base"' not in page
    assert " … " in page  # values that are put together
