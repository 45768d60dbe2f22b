"""Every figure of a model's run on both sides of its knowledge cutoff, as rows for the terminal, the page and JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text as Words

from engine.metrics.cutoff import UNDIVIDED, CutoffSplit, divided_figures, split_at
from engine.metrics.summary import Metrics
from engine.reports import format as show
from engine.reports.figures import figure_groups, figure_named
from engine.reports.language import Lang, Text
from engine.result import Result

IN_TERMINAL = (
    *("total_return", "annual_return", "sharpe", "max_drawdown", "benchmark_return", "excess_return"),
    *("trades", "win_rate", "profit_factor", "mean_trade_return", "costs"),
)
TITLE = Text("모델의 지식 한계로 나눈 성과", "Figures split at the model's knowledge cutoff")
FIGURE = Text("지표", "Figure")
BEFORE = Text("{day}까지 · 증거 아님", "up to {day} · not evidence")
BEFORE_UNKNOWN = Text("전 기간 · 증거 아님", "whole run · not evidence")
AFTER = Text("{day} 뒤", "after {day}")
SESSIONS = Text("세션", "Sessions")
WHY = Text(
    "{model}은(는) {day}까지의 일을 배웠을 수 있습니다. 그날까지의 성과는 예측이 아니라 기억일 수 있으므로 "
    "모델의 판단에 대한 증거가 아닙니다.",
    "{model} may have read about everything up to {day}. Results until then can be memory instead of foresight and are "
    "not evidence for the model's decisions.",
)
WHY_UNKNOWN = Text(
    "{model}의 지식 한계를 모릅니다. 모든 기간을 모델이 배웠을 수 있으므로 이 성과는 모델의 판단에 대한 증거가 "
    "아닙니다. 설정의 knowledge_cutoff에 날짜를 적으면 그 뒤가 따로 계산됩니다.",
    "Nobody has said what {model} may have read about, so it may have read about all of this: no evidence for the "
    "model's decisions. Give the date in knowledge_cutoff of its configuration, and what follows it is told apart.",
)
NOTHING_AFTER = Text(
    "그 뒤의 세션이 없습니다: 증거가 되는 부분이 없습니다.", "No session follows: nothing is evidence."
)
UNMASKED = Text("종목, 날짜, 가격을 가리지 않았습니다(--plain).", "Names, dates and prices were not masked (--plain).")
BY_PURCHASE = Text(
    "거래는 산 날의 판단이므로 산 날로 나눕니다. 미청산 종목처럼 나눌 수 없는 지표는 뺐습니다.",
    "A trade belongs to the day it was bought on, which was the decision. Figures that cannot be divided, such as open "
    "positions, are left out.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutoffRow:
    """One figure on both sides, as people read it."""

    name: str
    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CutoffView:
    """The split as a reader sees it.

    Args:
        heads: of the three columns.
        rows: sessions and every figure that can be divided.
        notes: sentences: why, and what is missing.
        split: the figures themselves.
        model: that planned.
    """

    heads: tuple[str, str, str]
    rows: tuple[CutoffRow, ...]
    notes: tuple[str, ...]
    split: CutoffSplit
    model: str


def cutoff_view(result: Result, lang: Lang) -> CutoffView | None:
    """The split of a run that a model planned; None for every other run."""
    if not result.model_run:
        return None
    told = result.model_run.get("knowledge_cutoff")
    cutoff = date.fromisoformat(str(told)) if told else None
    split, model = split_at(result, cutoff), str(result.model_run["model"])
    day = show.day(cutoff) if cutoff else ""
    notes = [(WHY if cutoff else WHY_UNKNOWN)(lang).format(model=model, day=day)]
    if split.after is None and cutoff:
        notes.append(NOTHING_AFTER(lang))
    if not result.model_run.get("masked"):
        notes.append(UNMASKED(lang))
    names = [row.name for group in figure_groups() for row in group.figures if row.name not in UNDIVIDED]
    return CutoffView(
        heads=(
            FIGURE(lang),
            BEFORE(lang).format(day=day) if cutoff else BEFORE_UNKNOWN(lang),
            AFTER(lang).format(day=day) if cutoff else show.DASH,
        ),
        rows=(
            CutoffRow(
                name="rated_sessions",
                label=SESSIONS(lang),
                before=_sessions(split.before),
                after=_sessions(split.after),
            ),
            *(
                CutoffRow(
                    name=name,
                    label=figure_named(name).label(lang),
                    before=_text(name, split.before, lang),
                    after=_text(name, split.after, lang),
                )
                for name in names
            ),
        ),
        notes=(*notes, BY_PURCHASE(lang)),
        split=split,
        model=model,
    )


def cutoff_terminal(result: Result, lang: Lang) -> list[RenderableType]:
    """The figures that decide, on both sides; nothing for a run without a model."""
    view = cutoff_view(result, lang)
    if view is None:
        return []
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    table.add_column(view.heads[0], overflow="fold")
    for head in view.heads[1:]:
        table.add_column(head, justify="right", overflow="fold")
    for row in view.rows:
        if row.name in ("rated_sessions", *IN_TERMINAL):
            table.add_row(Words(row.label), Words(row.before, style="dim"), Words(row.after))
    title = Words(TITLE(lang), style="bold underline")
    return [Words(""), Group(title, table, *(Words(note, style="bold red") for note in view.notes[:-1]))]


def cutoff_document(result: Result) -> dict[str, object] | None:
    """The split with plain numbers; None for a run without a model."""
    view = cutoff_view(result, "en")
    if view is None:
        return None
    before, after = view.split.before, view.split.after
    return {
        "model": view.model,
        "cutoff": view.split.cutoff,
        "masked": bool(result.model_run.get("masked")),
        "before": None if before is None else {"evidence": False, **divided_figures(before)},
        "after": None if after is None else {"evidence": True, **divided_figures(after)},
    }


def _sessions(metrics: Metrics | None) -> str:
    return show.DASH if metrics is None else f"{metrics.rated_sessions:,}"


def _text(name: str, metrics: Metrics | None, lang: Lang) -> str:
    return show.DASH if metrics is None else figure_named(name).text(metrics, lang)
