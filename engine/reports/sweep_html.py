"""The HTML page of a sweep: the best variants, heat maps, the shape around the best, luck and overfitting."""

from __future__ import annotations

from pathlib import Path

from engine.metrics.undefined import Undefined
from engine.reports import format as show
from engine.reports import sweep_texts as texts
from engine.reports.language import Lang
from engine.reports.page import PageOptions, keep_page, render_page
from engine.reports.sweep_charts import fall_picture, heat_picture, profile_picture, rank_picture
from engine.reports.sweep_view import (
    SweepView,
    best_rows,
    facts,
    headline,
    heads,
    influence_sentence,
    lead_sentence,
    map_note,
    notes,
    overfitting_sentence,
    own_sentence,
    shape_sentence,
    trials_sentence,
)
from engine.research.sweep_summary import Deflated


def write_sweep(view: SweepView, path: Path, *, options: PageOptions | None = None) -> Path:
    """Write the page."""
    return keep_page(render_sweep(view, options=options), path)


def render_sweep(view: SweepView, *, options: PageOptions | None = None) -> str:
    """The page as text; the same view and options give the same bytes."""
    options = options or PageOptions()
    lang = options.lang
    title = options.title or f"{texts.TITLE(lang)}: {view.title}"
    return render_page("sweep.html.j2", _page(view, lang), options, title=title, synthetic=view.synthetic)


def _page(view: SweepView, lang: Lang) -> dict[str, object]:
    summary, complete = view.summary, view.sweep.complete
    names = [axis.name for axis in view.sweep.grid.axes]
    by_influence = sorted(summary.profiles, key=lambda profile: (-profile.influence, profile.axis))
    shape, overfitting = summary.neighbourhood, summary.overfitting
    return {
        "facts": facts(view, lang),
        "cards": _cards(view, lang),
        "headline": headline(view, lang),
        "notes": notes(view, lang),
        "heads": heads(view, lang),
        "rows": best_rows(view, lang),
        "width": len(names),
        "maps": [(map_note(view, found, lang), heat_picture(found, names, lang)) for found in summary.maps],
        "influence": influence_sentence(view, lang),
        "profiles": [
            (names[one.axis], show.percent(one.influence, 0), profile_picture(one, names[one.axis], lang))
            for one in by_influence
        ],
        "shape": shape_sentence(view, lang),
        "fall": fall_picture(shape, lang, complete=complete) if shape is not None and shape.rings else "",
        "lead": lead_sentence(view, lang),
        "own": own_sentence(view, lang),
        "trials": trials_sentence(view, lang),
        "overfitting": overfitting_sentence(view, lang),
        "ranks": "" if isinstance(overfitting, Undefined) else rank_picture(overfitting, lang),
        "texts": {name: getattr(texts, name)(lang) for name in _TITLES},
    }


_TITLES = ("BEST_TABLE", "MAP", "PROFILES", "PROFILE_NOTE", "STABILITY", "LUCK", "FALL", "QUARTILES", "LOGITS")


def _cards(view: SweepView, lang: Lang) -> list[dict[str, str]]:
    summary = view.summary
    best = summary.table.row(summary.best_row, named=True) if summary.best_row is not None else {}
    base = summary.table.row(summary.base_row, named=True)
    luck, overfitting = summary.luck, summary.overfitting
    lead, own = (luck.lead, luck.own) if luck else (None, None)
    unchanged = texts.UNCHANGED(lang)
    return [
        {
            "name": "가장 나은 샤프 지수" if lang == "ko" else "Best Sharpe ratio",
            "value": show.number(best.get("sharpe")),
            "tone": "",
            "more": f"{unchanged} {show.number(base['sharpe'])}",
        },
        {
            "name": "앞선 몫이 운보다 나을 확률" if lang == "ko" else "Lead better than luck",
            "value": _probability(lead),
            "tone": "",
            "more": _against(lead, lang),
        },
        {
            "name": "수익이 운보다 나을 확률" if lang == "ko" else "Returns better than luck",
            "value": _probability(own),
            "tone": "",
            "more": _against(own, lang),
        },
        {
            "name": "과최적화 확률" if lang == "ko" else "Overfitting (PBO)",
            "value": show.percent(None if isinstance(overfitting, Undefined) else overfitting.pbo, 0),
            "tone": "",
            "more": "50%면 고르지 않은 것과 같음" if lang == "ko" else "50% is no choice at all",
        },
    ]


def _probability(found: Deflated | None) -> str:
    return show.percent(None if found is None or isinstance(found.probability, Undefined) else found.probability, 1)


def _against(found: Deflated | None, lang: Lang) -> str:
    if found is None:
        return ""
    measured, expected = show.number(found.measured), show.number(found.expected)
    return f"샤프 {measured}, 운 {expected}" if lang == "ko" else f"Sharpe {measured}, luck {expected}"
