"""The HTML page of a walk forward: the stitched account, its windows, the constants they chose, and the paths."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np

from engine.metrics.drawdown import drawdowns
from engine.metrics.returns import Floats
from engine.reports import format as show
from engine.reports import walk_forward_texts as texts
from engine.reports.charts import Line, drawdown_picture, equity_picture
from engine.reports.html import curve_data
from engine.reports.language import Lang
from engine.reports.page import PageOptions, keep_page, render_page
from engine.reports.points import Points, thin
from engine.reports.walk_forward_pictures import (
    drift_picture,
    fan_picture,
    pairs_picture,
    spread_picture,
    timeline_picture,
)
from engine.reports.walk_forward_view import (
    WalkForwardView,
    drifts,
    facts,
    figure_rows,
    findings,
    headline,
    notes,
    ratio,
    value_heads,
    warnings,
    window_rows,
)
from engine.research.walk_forward_plan import EPOCH


def write_walk_forward(view: WalkForwardView, path: Path, *, options: PageOptions | None = None) -> Path:
    """Write the page."""
    return keep_page(render_walk_forward(view, options=options), path)


def render_walk_forward(view: WalkForwardView, *, options: PageOptions | None = None) -> str:
    """The page as text. The same result and options give the same bytes."""
    options = options or PageOptions()
    lang = options.lang
    title = options.title or f"{texts.TITLE(lang)}: {view.title}"
    content: dict[str, object] = {
        "facts": facts(view, lang),
        "headline": headline(view, lang),
        "cards": _cards(view, lang),
        "findings": findings(view, lang),
        "warnings": warnings(view, lang),
        "notes": notes(view, lang),
        "figures": figure_rows(view, lang),
        "figure_heads": (texts.FIGURE(lang), texts.OWN(lang), texts.BASE(lang), view.benchmark),
        "heads": {name: head(lang) for name, head in texts.HEADS.items()},
        "value_heads": value_heads(view),
        "windows": window_rows(view, lang),
        "keys": {name: key(lang) for name, key in texts.KEYS.items()},
        "base_name": texts.BASE(lang),
        "timeline": timeline_picture(view, lang),
        "pairs": pairs_picture(view, lang),
        "drifts": [
            (texts.DRIFT_PICTURE(lang).format(name=drift.axis.name), drift_picture(view, drift, lang))
            for drift in drifts(view)
        ],
        "fan": fan_picture(view, lang),
        "spread": spread_picture(view, lang),
        "fan_name": texts.FAN_PICTURE(lang),
        "spread_name": texts.SPREAD_PICTURE(lang),
        "timeline_name": texts.TIMELINE(lang),
        "pairs_name": texts.PAIRS_PICTURE(lang),
        "paths_note": texts.PATHS_NOTE(lang),
    }
    content |= _curves(view, lang)
    return render_page("walk_forward.html.j2", content, options, title=title, synthetic=view.synthetic)


def _cards(view: WalkForwardView, lang: Lang) -> list[dict[str, str]]:
    result, base = view.result, texts.BASE(lang)
    figures = texts.FIGURES
    efficiency = show.number(result.return_efficiency)
    loss = show.percent(result.paths.loss_share, 0)
    paths = f"{len(result.paths.returns):,}"
    korean = lang == "ko"
    total = result.own.total_return
    return [
        {
            "name": figures["total_return"](lang),
            "value": show.percent(total, signed=True),
            "tone": "up" if total > 0 else "down" if total < 0 else "",
            "more": f"{base} {show.percent(result.base.total_return, signed=True)}",
        },
        {
            "name": figures["sharpe"](lang),
            "value": ratio(result.own.sharpe),
            "tone": "",
            "more": f"{base} {ratio(result.base.sharpe)}",
        },
        {
            "name": "효율(검증 ÷ 학습)" if korean else "Efficiency (out over in)",
            "value": efficiency,
            "tone": "",
            "more": f"{'샤프' if korean else 'Sharpe'} {show.number(result.sharpe_efficiency)}",
        },
        {
            "name": "손실 경로" if korean else "Paths that lose",
            "value": loss,
            "tone": "",
            "more": f"{paths}개 가운데" if korean else f"of {paths}",
        },
    ]


def _curves(view: WalkForwardView, lang: Lang) -> dict[str, object]:
    result = view.result
    equity, base = result.account.equity_won, result.base_account.equity_won
    falls = drawdowns(equity), drawdowns(base)
    points = _points(result.account.sessions, equity, falls[0])
    kept = points.position + 1
    lines = [
        Line(values=points.equity, style="own", label=texts.OWN(lang)),
        Line(values=base[kept], style="third", label=texts.BASE(lang)),
    ]
    if np.isfinite(result.index[0]) and np.isfinite(result.index[1:]).any():
        level = result.index / result.index[0] * equity[0]
        lines.append(Line(values=level[kept], style="market", label=view.benchmark))
    under = [
        Line(values=falls[0][kept], style="own", label=texts.OWN(lang)),
        Line(values=falls[1][kept], style="third", label=texts.BASE(lang)),
    ]
    return {
        "lines": [(line.style, line.label) for line in lines],
        "equity_linear": equity_picture(points, lines, lang, log=False),
        "equity_log": equity_picture(points, lines, lang, log=True),
        "drawdown": drawdown_picture(points, under, lang),
        "curve_data": curve_data(points, lines, under, lang),
    }


def _points(sessions: np.ndarray, equity: Floats, falls: Floats) -> Points:
    days: list[date] = [EPOCH + timedelta(days=int(day)) for day in sessions]
    kept = thin(equity[1:], falls[1:])
    nothing = np.zeros(len(kept))
    return Points(
        sessions=[days[place] for place in kept],
        position=kept,
        equity=equity[1:][kept],
        benchmark=np.full(len(kept), np.nan),
        drawdown=falls[1:][kept],
        exposure=nothing,
        positions=nothing,
        warmup_end=0,
        start_equity=float(equity[0]),
        all_sessions=days,
    )
