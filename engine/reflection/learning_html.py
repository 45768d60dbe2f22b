"""A learning run as one page: the account with and without learning, when each rule came in, and what it earned."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from markupsafe import Markup

from engine.reflection import learning_view as view
from engine.reflection.learning import LearningRun
from engine.reports import svg
from engine.reports.charts import INNER, LEFT, WIDTH, Line, drawdown_picture, equity_picture
from engine.reports.html import curve_data
from engine.reports.language import Lang, Text
from engine.reports.page import PageOptions, keep_page, render_page
from engine.reports.points import Points, paired_points
from engine.reports.warnings import is_synthetic

STRIP = 46  # height of the picture of births
LEARNED = Text("배움", "learning")
WITHOUT = Text("배우지 않음", "without learning")


def write_learning(run: LearningRun, path: Path, *, options: PageOptions | None = None) -> Path:
    """Write the page."""
    return keep_page(render_learning(run, options=options), path)


def render_learning(run: LearningRun, *, options: PageOptions | None = None) -> str:
    """The page as text. The same run and options give the same bytes."""
    options = options or PageOptions()
    lang = options.lang
    without, learned = paired_points(run.baseline, run.result)
    lines = [
        Line(values=learned.equity, style="own", label=LEARNED(lang)),
        Line(values=without.equity, style="third", label=WITHOUT(lang)),
    ]
    falls = [
        Line(values=learned.drawdown, style="own", label=LEARNED(lang)),
        Line(values=without.drawdown, style="third", label=WITHOUT(lang)),
    ]
    content: dict[str, object] = {
        "headline": view.headline(run, lang),
        "warnings": view.warnings(run, lang),
        "writer": run.writer,
        "figures": view.figure_rows(run, lang),
        "fates": view.fate_rows(run, lang),
        "weeks": view.week_rows(run, lang),
        "hindsight": view.HINDSIGHT(lang),
        "lines": [(line.style, line.label) for line in lines],
        "equity_linear": equity_picture(learned, lines, lang, log=False),
        "equity_log": equity_picture(learned, lines, lang, log=True),
        "drawdown": drawdown_picture(learned, falls, lang),
        "births": births_picture(run, learned, lang),
        "curve_data": curve_data(learned, lines, falls, lang),
        "prompt": run.text,
    }
    title = options.title or view.TITLE(lang)
    return render_page("learning.html.j2", content, options, title=title, synthetic=is_synthetic(run.result))


def births_picture(run: LearningRun, points: Points, lang: Lang) -> Markup:
    """A strip under the curves: a tall mark where a change came into force, a short one where it was turned down."""
    parts = [svg.rule(LEFT, STRIP - 14, LEFT + INNER, STRIP - 14)]
    for row, fate in zip(view.fate_rows(run, lang), run.fates, strict=True):
        x = LEFT + INNER * _place(points.all_sessions, fate.time.date())
        height, style = (24, "gain") if fate.promoted else (10, "loss")
        hint = f"{row.time} {row.rule_id}: {row.decision} {row.earned}"
        parts.append(svg.bar(x - 3, STRIP - 14 - height, 6, height, style=style, hint=hint))
    name = Text("규칙이 들어온 때(높은 막대)와 떨어진 때(낮은 막대)", "Changes in force (tall) and turned down (short)")
    return svg.picture(parts, WIDTH, STRIP, name(lang))


def _place(sessions: list[date], day: date) -> float:
    """Where a day lies among the sessions, from 0 to 1."""
    return sum(session <= day for session in sessions) / max(len(sessions), 1)
