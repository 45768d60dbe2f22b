"""The HTML page of a gated candidate: the verdict, every step in a sentence, and the pictures behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.reports import format as show
from engine.reports.gate_pictures import bootstrap_picture, difference_picture, neighbours_picture
from engine.reports.gate_view import TONES, facts, headline, step_rows, waiting
from engine.reports.language import Lang, Text
from engine.reports.page import PageOptions, keep_page, render_page
from engine.research.gate_report import GateReport
from engine.research.gate_texts import PHASES
from engine.research.texts import step_title

STRESSES = ("costs", "delay", "slippage")


def write_gate(report: GateReport, path: Path, *, names: tuple[str, str], options: PageOptions | None = None) -> Path:
    """Write the page; `names` are what the base and the candidate are called."""
    return keep_page(render_gate(report, names=names, options=options), path)


def render_gate(report: GateReport, *, names: tuple[str, str], options: PageOptions | None = None) -> str:
    """The page as text. The same report and options give the same bytes."""
    options = options or PageOptions()
    lang = options.lang
    title = options.title or TITLE(lang)
    return render_page("gate.html.j2", _view(report, names, lang), options, title=title, synthetic=report.synthetic)


def _view(report: GateReport, names: tuple[str, str], lang: Lang) -> dict[str, object]:
    decision, why, following = headline(report, lang)
    drawn = len(report.sessions) > 0
    return {
        "base_name": names[0],
        "candidate_name": names[1],
        "decision": decision,
        "tone": TONES[report.verdict.decision],
        "why": why,
        "waiting": waiting(report, lang),
        "following": following,
        "steps": step_rows(report, lang),
        "facts": facts(report, lang),
        "difference": difference_picture(report, lang) if drawn else "",
        "looked": len(report.sessions) > report.training_sessions,
        "windows": _windows(report, lang),
        "stresses": _stresses(report, lang),
        "bootstrap": bootstrap_picture(report, lang),
        "neighbours": neighbours_picture(report, lang),
        "phases": _phases(report, lang),
        "index": _index(report, lang),
        "hashes": (report.base_hash, report.candidate_hash, report.config_hash, report.data_hash),
    }


def _windows(report: GateReport, lang: Lang) -> list[dict[str, str]]:
    """Base and candidate side by side in each window that was run."""
    rows = []
    for name in ("training", "untouched"):
        step = report.step(name)
        if step is None or "base_return" not in step.figures:
            continue
        figures = step.figures
        row = {"window": step_title(step, lang), "sessions": f"{figures['sessions']:,}"}
        for side in ("base", "candidate"):
            row[f"{side}_return"] = show.percent(figures[f"{side}_return"], 1, signed=True)
            row[f"{side}_sharpe"] = show.number(figures[f"{side}_sharpe"])
            row[f"{side}_drawdown"] = show.percent(figures[f"{side}_drawdown"], 1)
        row["difference"] = show.percent(figures["difference"], 1, signed=True)
        row["tone"] = tone(figures["difference"])
        rows.append(row)
    return rows


def _stresses(report: GateReport, lang: Lang) -> list[dict[str, str]]:
    """What the candidate adds without and with each stress."""
    steps = [step for step in map(report.step, STRESSES) if step is not None and "difference" in step.figures]
    if not steps:
        return []
    rows = [(PLAIN(lang), steps[0].figures["without"])]
    rows += [(step_title(step, lang), step.figures["difference"]) for step in steps]
    return _metered([(label, value, "") for label, value in rows])


def _phases(report: GateReport, lang: Lang) -> list[dict[str, str]]:
    step = report.step("regimes")
    if step is None:
        return []
    phases: list[dict[str, Any]] = list(step.figures["phases"])
    return _metered(
        [(PHASES[row["phase"]].in_language(lang), row["difference"], f"{row['sessions']:,}") for row in phases]
    )


def _index(report: GateReport, lang: Lang) -> str:
    """What the phases are measured on."""
    step = report.step("regimes")
    name = "" if step is None else str(step.figures["index"])
    return MEDIAN(lang) if name == "median" else name


def _metered(rows: list[tuple[str, float | None, str]]) -> list[dict[str, str]]:
    """Label, value and a bar around zero; the longest bar fills its half."""
    most = max((abs(value) for _, value, _ in rows if value is not None), default=0.0) or 1.0
    return [
        {
            "label": label,
            "value": show.percent(value, 1, signed=True),
            "tone": tone(value),
            "side": "gain" if (value or 0.0) > 0 else "loss",
            "width": f"{50 * abs(value or 0.0) / most:.1f}",
            "more": more,
        }
        for label, value, more in rows
    ]


def tone(value: float | None) -> str:
    """Better or worse than the base, by the sign.

    >>> tone(0.1), tone(-0.1), tone(None)
    ('better', 'worse', '')
    """
    return "" if not value else "better" if value > 0 else "worse"


TITLE = Text("규칙 변경 심사", "The gate: improvement or luck?")
MEDIAN = Text("전 종목 등락률의 중앙값", "the median move of all names")
PLAIN = Text("그대로", "as configured")
