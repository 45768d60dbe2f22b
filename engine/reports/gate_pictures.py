"""Pictures of a gated candidate: what it adds over time, and where it lies among resamples and neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from markupsafe import Markup

from engine.metrics.returns import Floats
from engine.reports import svg
from engine.reports.format import number, percent
from engine.reports.language import Lang, Text
from engine.reports.scale import Scale, fit, round_ticks, time_ticks
from engine.research.gate_report import GateReport

WIDTH, LEFT, RIGHT, BOTTOM = 1080, 64, 24, 24
BINS = 40
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Mark:
    """A labelled vertical line in a distribution; `style` is its class."""

    value: float
    label: str
    style: str


def difference_picture(report: GateReport, lang: Lang, height: int = 300) -> Markup:
    """Sum of the daily differences over both windows; the purge between them is a grey band without a line."""
    cut = report.training_sessions
    gap = report.purge_sessions if len(report.sessions) > cut else 0
    places = np.arange(len(report.sessions)) + np.where(np.arange(len(report.sessions)) >= cut, gap, 0)
    last = max(int(places[-1]), 1)
    total = np.append(0.0, np.cumsum(report.difference))
    scale = fit([*total.tolist(), 0.0], height - BOTTOM, 26)
    inner = WIDTH - LEFT - RIGHT

    def x(place: float) -> float:
        return LEFT + place / last * inner

    parts = []
    for value in scale.ticks(5):
        parts.append(svg.rule(LEFT, scale(value), LEFT + inner, scale(value)))
        parts.append(svg.tick(LEFT - 8, scale(value) + 4, percent(value, 0), "end"))
    days = [EPOCH + timedelta(days=int(day)) for day in report.sessions]
    for position, label in time_ticks(days, lang):
        parts.append(svg.tick(x(float(places[position])), height - 7, label, "middle"))
    if gap:
        start, end = x(cut - 1), x(float(places[cut]))
        parts.append(svg.bar(start, 20, end - start, height - BOTTOM - 20, style="purge", hint=PURGED(lang)))
        parts.append(svg.bar(end, 20, x(last) - end, height - BOTTOM - 20, style="unseen"))
        parts.append(svg.tick(x(last), 14, UNSEEN(lang), "end"))
    parts.append(svg.tick(x(0), 14, TRAINED(lang)))
    parts.append(svg.rule(LEFT, scale(0.0), LEFT + inner, scale(0.0), "start"))
    known = total[1:]
    for begin, stop, style in ((0, cut, "own"), (cut, len(known), "third")):
        points = [f"{x(float(places[i])):.1f} {scale(float(known[i])):.1f}" for i in range(begin, stop)]
        if points:
            parts.append(svg.stroke("M" + "L".join(points), f"line {style}"))
    return svg.picture(parts, WIDTH, height, SUMMED(lang), 'class="chart"')


def bootstrap_picture(report: GateReport, lang: Lang) -> Markup:
    """Yearly differences of the resampled histories, with the interval shaded and 0 marked."""
    step = report.step("bootstrap")
    if step is None or not len(report.resampled):
        return Markup("")
    figures = step.figures
    marks = [Mark(0.0, "0", "zero"), Mark(figures["mean"], MEASURED(lang), "mine")]
    return distribution(
        report.resampled * report.periods,
        marks,
        lambda value: percent(value, 1),
        RESAMPLED(lang),
        interval=(figures["low"], figures["high"]),
    )


def neighbours_picture(report: GateReport, lang: Lang) -> Markup:
    """Sharpe ratios of what each neighbour adds, with the candidate and 0 marked."""
    step = report.step("overfitting")
    if step is None or not step.figures.get("sharpes"):
        return Markup("")
    marks = [Mark(0.0, "0", "zero"), Mark(step.figures["sharpe"], THIS(lang), "mine")]
    values = np.array(step.figures["sharpes"], dtype=np.float64)
    return distribution(values, marks, lambda value: number(value, 2), AROUND(lang))


def distribution(
    values: Floats,
    marks: Sequence[Mark],
    label: Callable[[float], str],
    title: str,
    *,
    interval: tuple[float, float] | None = None,
    width: int = 520,
    height: int = 230,
) -> Markup:
    """A histogram with marked values; all marks and the interval lie inside the picture."""
    shown = [*values.tolist(), *(mark.value for mark in marks), *(interval or ())]
    axis = fit(shown, 40, width - 16)
    counts, edges = np.histogram(values, bins=BINS, range=(axis.low, axis.high))
    scale = Scale(low=0, high=float(counts.max()) * 1.08, bottom=height - BOTTOM, top=40)
    parts = []
    if interval:
        low, high = axis(interval[0]), axis(interval[1])
        parts.append(svg.bar(low, scale.top, high - low, scale.bottom - scale.top, style="interval"))
    for place in np.flatnonzero(counts).tolist():
        left, right = axis(float(edges[place])), axis(float(edges[place + 1]))
        top = scale(float(counts[place]))
        hint = f"{label(float(edges[place]))} … {label(float(edges[place + 1]))}: {counts[place]}"
        parts.append(svg.bar(left + 0.5, top, right - left - 1, scale.bottom - top, style="bin", hint=hint))
    for value in round_ticks(axis.low, axis.high, 5):
        if axis.low <= value <= axis.high:
            parts.append(svg.tick(axis(value), height - 7, label(value), "middle"))
    below_labels = 17 + 14 * (len(marks) - 1)  # no line of one mark may cross the label of another
    for row, mark in enumerate(marks):
        x, y = axis(mark.value), 14 + 14 * row
        anchor = "end" if x > width / 2 else "start"
        parts.append(svg.rule(x, below_labels, x, scale.bottom, f"pin {mark.style}"))
        text = f"{mark.label} {label(mark.value)}" if mark.style == "mine" else mark.label
        parts.append(svg.tick(x + (-5 if anchor == "end" else 5), y, text, anchor, style=f"pin {mark.style}"))
    return svg.picture(parts, width, height, title, 'class="histogram"')


SUMMED = Text("하루 차이의 누적 합", "Sum of the daily differences")
TRAINED = Text("학습 구간", "training")
UNSEEN = Text("검증 구간", "untouched")
PURGED = Text("사이에 비운 기간", "left out between")
RESAMPLED = Text("다시 뽑은 과거에서의 연 차이", "Yearly difference in resampled histories")
AROUND = Text("이웃 규칙의 샤프 지수", "Sharpe ratios of the neighbours")
MEASURED = Text("측정", "measured")
THIS = Text("이 후보", "this candidate")
