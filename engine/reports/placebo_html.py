"""The HTML page of a placebo run: the answer, what decided in the worlds, and where the market lies among them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from engine.reports.format import number
from engine.reports.gate_pictures import Mark, distribution
from engine.reports.language import Lang, Text
from engine.reports.page import PageOptions, keep_page, render_page
from engine.reports.placebo_view import Bar, facts, funnel, headline, promoted, reasons, remarks
from engine.research.placebo_run import PlaceboRun


def write_placebo(
    run: PlaceboRun, path: Path, *, names: tuple[str, str], labels: Sequence[str], options: PageOptions | None = None
) -> Path:
    """Write the page; `names` are what the base and the candidate are called, `labels` every candidate of the plan."""
    return keep_page(render_placebo(run, names=names, labels=labels, options=options), path)


def render_placebo(
    run: PlaceboRun, *, names: tuple[str, str], labels: Sequence[str], options: PageOptions | None = None
) -> str:
    """The page as text. The same run and options give the same bytes."""
    options = options or PageOptions()
    lang = options.lang
    word, why = headline(run, lang)
    view: dict[str, object] = {
        "base_name": names[0],
        "candidate_name": names[1],
        "word": word,
        "tone": "good" if run.test.passed else "bad",
        "why": why,
        "remarks": remarks(run, lang),
        "added": added_picture(run, lang),
        "p_values": p_value_picture(run, lang),
        "reasons": _metered(reasons(run, lang)),
        "funnel": _metered(funnel(run, lang)),
        "promoted": promoted(run, labels, lang),
        "facts": facts(run, lang),
    }
    return render_page("placebo.html.j2", view, options, title=options.title or TITLE(lang), synthetic=run.synthetic)


def added_picture(run: PlaceboRun, lang: Lang) -> Markup:
    """What the candidates added in the training windows of the worlds, with the market's own value marked."""
    values = np.array([verdict.sharpe for verdict in run.verdicts if verdict.sharpe is not None])
    if not len(values):
        return Markup("")
    marks = [Mark(0.0, "0", "zero")]
    if run.market is not None:
        marks.append(Mark(run.market, MARKET(lang), "mine"))
    return distribution(values, marks, lambda value: number(value, 2), ADDED(lang))


def p_value_picture(run: PlaceboRun, lang: Lang) -> Markup:
    """The p-values of the worlds, with the level marked: a fair measure leaves that share of them below it."""
    values = np.array([verdict.p_value for verdict in run.verdicts if verdict.p_value is not None])
    if not len(values):
        return Markup("")
    level = Mark(run.test.false_promotion_rate, LEVEL(lang), "mine")
    return distribution(values, [level], lambda value: number(value, 2), P_VALUES(lang))


def _metered(rows: Sequence[Bar]) -> list[dict[str, str]]:
    return [
        {"label": row.label, "detail": row.detail, "count": f"{row.count:,}", "width": f"{100 * row.share:.1f}"}
        for row in rows
    ]


TITLE = Text("위약 시험: 심사는 운에 속는가", "Placebo: does luck fool the gate?")
ADDED = Text("세계마다 후보가 더한 것(연 샤프)", "What the candidate adds in each world (yearly Sharpe)")
P_VALUES = Text("세계마다의 p값", "p-value of each world")
MARKET = Text("실제 시장", "the market itself")
LEVEL = Text("기준", "level")
