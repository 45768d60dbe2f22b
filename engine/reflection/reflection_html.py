"""The weekly report as one page."""

from __future__ import annotations

from pathlib import Path

from engine.reflection import reflection_view as view
from engine.reflection.reflection import Reflection
from engine.reports.language import Text
from engine.reports.page import PageOptions, keep_page, render_page


def write_reflection(
    reflection: Reflection, path: Path, *, options: PageOptions | None = None, synthetic: bool = False
) -> Path:
    """Write the page."""
    return keep_page(render_reflection(reflection, options=options, synthetic=synthetic), path)


def render_reflection(reflection: Reflection, *, options: PageOptions | None = None, synthetic: bool = False) -> str:
    """The page as text. The same reflection and options give the same bytes."""
    options = options or PageOptions()
    lang, report = options.lang, reflection.report
    content: dict[str, object] = {
        "period": view.period(report),
        "writer": reflection.writer,
        "cards": view.cards(report, lang),
        "closing": view.closing(reflection, lang),
        "groups": [
            (Text("수익이 큰 거래", "Best trades")(lang), view.trade_rows(report.best, lang)),
            (Text("손실이 큰 거래", "Worst trades")(lang), view.trade_rows(report.worst, lang)),
        ],
        "rates": view.rate_rows(report.rates, lang),
        "rules": view.rule_rows(report, lang),
        "patterns": view.pattern_rows(reflection, lang),
        "insights": reflection.thought.analysis.insights,
        "areas": reflection.thought.analysis.areas,
        "refused": reflection.thought.analysis.refused,
        "proposals": view.proposal_rows(reflection.proposals, lang),
        "studied": f"{report.studied:,}",
    }
    title = options.title or f"{view.TITLE(lang)} {view.period(report)}"
    return render_page("reflection.html.j2", content, options, title=title, synthetic=synthetic)
