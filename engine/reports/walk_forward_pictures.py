"""The pictures of a walk forward: windows in time, chosen constants, in and out of sample, and the paths."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
from markupsafe import Markup

from engine.metrics.undefined import Undefined
from engine.reports import svg
from engine.reports import walk_forward_texts as texts
from engine.reports.format import number
from engine.reports.language import Lang
from engine.reports.scale import Scale, fit, round_ticks, time_ticks
from engine.reports.walk_forward_view import Drift, WalkForwardView, ratio
from engine.research.walk_forward_plan import EPOCH

WIDTH, LEFT, RIGHT, BOTTOM = 1080, 110, 20, 24
INNER = WIDTH - LEFT - RIGHT
MOST_PATHS, MOST_POINTS, MOST_ROWS = 60, 300, 60
MOST_LABELS, MOST_DATES = 8, 12
BINS = 20
WIDE = 3.0


def timeline_picture(view: WalkForwardView, lang: Lang) -> Markup:
    """One line a window, or one for each of some of them: what it was chosen on and what it was judged on."""
    steps, days = view.result.steps, view.result.days
    shown = _thinned(range(len(steps)), MOST_ROWS)
    high = max(6.0, min(16.0, 320 / len(shown)))
    height = high * len(shown) + BOTTOM + 6
    last = max(len(days) - 1, 1)

    def place(day: date) -> float:
        return LEFT + int(np.searchsorted(days, (day - EPOCH).days)) / last * INNER

    parts = _time_axis(_dates(view), lang, height)
    for row, number_of_step in enumerate(shown):
        step = steps[number_of_step]
        hint = texts.TIMELINE_HINT(lang).format(
            number=number_of_step + 1,
            train_first=step.train[0],
            train_last=step.train[1],
            first=step.test[0],
            last=step.test[1],
        )
        top = 4 + row * high
        for (first, end), style in ((step.train, "area own"), (step.test, "dot own")):
            x = place(first)
            parts.append(svg.bar(x, top, max(place(end) - x, 1.5), high * 0.72, style=style, hint=hint))
    return svg.picture(parts, WIDTH, int(height), texts.TIMELINE(lang), 'class="chart"')


def drift_picture(view: WalkForwardView, drift: Drift, lang: Lang, height: int = 150) -> Markup:
    """The chosen value of one axis over the windows as steps; that of the unchanged rules dotted."""
    shown = sorted({*drift.places, *(() if drift.unchanged is None else (drift.unchanged,))})
    scale = Scale(low=shown[0] - 0.5, high=shown[-1] + 0.5, bottom=height - BOTTOM, top=8)
    parts = []
    for place in _thinned(shown, MOST_LABELS):
        parts.append(svg.rule(LEFT, scale(place), LEFT + INNER, scale(place)))
        parts.append(svg.tick(LEFT - 8, scale(place) + 4, drift.label(place), "end"))
    if drift.unchanged is not None:
        parts.append(svg.rule(LEFT, scale(drift.unchanged), LEFT + INNER, scale(drift.unchanged), "start"))
    wide = INNER / len(drift.places)
    d = "".join(
        f"{'L' if column else 'M'}{LEFT + column * wide:.1f} {scale(place):.1f}H{LEFT + (column + 1) * wide:.1f}"
        for column, place in enumerate(drift.places)
    )
    parts.append(svg.stroke(d, "line own"))
    for column in range(0, len(drift.places), -(-len(drift.places) // MOST_DATES)):
        label = view.result.steps[column].test[0].strftime("%Y-%m")
        parts.append(svg.tick(LEFT + (column + 0.5) * wide, height - 7, label, "middle"))
    name = texts.DRIFT_PICTURE(lang).format(name=drift.axis.name)
    return svg.picture(parts, WIDTH, height, name, 'class="chart"')


def pairs_picture(view: WalkForwardView, lang: Lang, height: int = 200) -> Markup:
    """Two bars a window: the Sharpe ratio in training, faint, and in the test."""
    steps = view.result.steps
    pairs = [
        [0.0 if isinstance(value, Undefined) else value for value in (step.in_sample.sharpe, step.out_of_sample.sharpe)]
        for step in steps
    ]
    scale = fit([0.0, *(value for pair in pairs for value in pair)], height - BOTTOM, 8)
    parts = _levels(scale, 1)
    wide = INNER / len(steps)
    thick = min(18.0, wide * 0.4)
    for column, (step, pair) in enumerate(zip(steps, pairs, strict=True)):
        middle = LEFT + (column + 0.5) * wide
        hint = f"{step.test[0]} ~ {step.test[1]}: {ratio(step.in_sample.sharpe)} → {ratio(step.out_of_sample.sharpe)}"
        for offset, value, style in ((-thick, pair[0], "area own"), (0.0, pair[1], "dot own")):
            top, low = sorted((scale(value), scale(0.0)))
            parts.append(svg.bar(middle + offset, top, thick, max(low - top, 0.5), style=style, hint=hint))
    parts.append(svg.rule(LEFT, scale(0.0), LEFT + INNER, scale(0.0), "start"))
    for column in range(0, len(steps), -(-len(steps) // MOST_DATES)):
        parts.append(
            svg.tick(LEFT + (column + 0.5) * wide, height - 7, steps[column].test[0].strftime("%Y-%m"), "middle")
        )
    return svg.picture(parts, WIDTH, height, texts.PAIRS_PICTURE(lang), 'class="chart"')


def fan_picture(view: WalkForwardView, lang: Lang, height: int = 300) -> Markup:
    """Growth of every path, or of evenly chosen ones, with their median and the unchanged rules."""
    result = view.result
    kept = np.unique(np.linspace(0, len(result.days) - 1, MOST_POINTS).astype(np.int64))
    growth = np.cumprod(1.0 + result.paths.returns, axis=1)[:, kept]
    base = np.cumprod(1.0 + result.variants.base)[kept]
    order = np.argsort(growth[:, -1], kind="stable")
    shown = growth[order[_thinned(range(len(order)), MOST_PATHS)]]
    known = [1.0, *shown.min(axis=1).tolist(), *shown.max(axis=1).tolist(), *base.tolist()]
    # Where the best path dwarfs the others, equal factors are drawn equally long; a lost account has no logarithm.
    log = min(known) > 0 and max(known) > WIDE * min(known)
    scale = fit(known, height - BOTTOM, 8, log=log)
    xs = [LEFT + place / max(len(result.days) - 1, 1) * INNER for place in kept.tolist()]

    def line(values: Sequence[float], style: str) -> Markup:
        points = "L".join(f"{x:.1f} {scale(value):.1f}" for x, value in zip(xs, values, strict=True))
        return svg.stroke(f"M{points}", f"line {style}")

    parts = [*_time_axis(_dates(view), lang, height), *_levels(scale, 2)]
    parts.append(svg.rule(LEFT, scale(1.0), LEFT + INNER, scale(1.0), "start"))
    parts += [line(path.tolist(), "path") for path in shown]
    parts.append(line(base.tolist(), "third"))
    parts.append(line(np.median(growth, axis=0).tolist(), "own"))
    return svg.picture(parts, WIDTH, height, texts.FAN_PICTURE(lang), 'class="chart"')


def spread_picture(view: WalkForwardView, lang: Lang, height: int = 180) -> Markup:
    """How many paths have which Sharpe ratio; that of the unchanged rules as a line."""
    known = [value for value in view.result.paths.sharpes if not isinstance(value, Undefined)]
    if not known:
        return Markup("")
    base = view.base_sharpe
    marks = [] if isinstance(base, Undefined) else [base]
    low, high = min([0.0, *known, *marks]), max([0.0, *known, *marks])
    across = Scale(low=low - 0.05, high=high + 0.05, bottom=LEFT, top=LEFT + INNER)
    counts, edges = np.histogram(known, bins=BINS, range=(across.low, across.high))
    scale = Scale(low=0, high=float(counts.max()) * 1.1, bottom=height - BOTTOM, top=8)
    parts = []
    for value in round_ticks(0, float(counts.max()), 3):
        if value == round(value):
            parts.append(svg.rule(LEFT, scale(value), LEFT + INNER, scale(value)))
            parts.append(svg.tick(LEFT - 8, scale(value) + 4, f"{value:.0f}", "end"))
    for place in np.flatnonzero(counts).tolist():
        left, right = across(float(edges[place])), across(float(edges[place + 1]))
        top = scale(float(counts[place]))
        hint = f"{number(float(edges[place]))} … {number(float(edges[place + 1]))}: {counts[place]}"
        parts.append(svg.bar(left + 1, top, right - left - 2, height - BOTTOM - top, style="dot own", hint=hint))
    parts.append(svg.rule(across(0.0), 0, across(0.0), height - BOTTOM, "start"))
    parts += [svg.rule(across(mark), 0, across(mark), height - BOTTOM, "line third") for mark in marks]
    for value in round_ticks(across.low, across.high, 8):
        parts.append(svg.tick(across(value), height - 7, number(value, 1), "middle"))
    return svg.picture(parts, WIDTH, height, texts.SPREAD_PICTURE(lang), 'class="chart"')


def _dates(view: WalkForwardView) -> list[date]:
    return [EPOCH + timedelta(days=int(day)) for day in view.result.days]


def _time_axis(sessions: list[date], lang: Lang, height: float) -> list[Markup]:
    last = max(len(sessions) - 1, 1)
    parts = []
    for position, label in time_ticks(sessions, lang):
        x = LEFT + position / last * INNER
        parts += [svg.rule(x, 0, x, height - BOTTOM), svg.tick(x, height - 7, label, "middle")]
    return parts


def _levels(scale: Scale, digits: int) -> list[Markup]:
    parts = []
    for value in scale.ticks(4):
        parts.append(svg.rule(LEFT, scale(value), LEFT + INNER, scale(value)))
        parts.append(svg.tick(LEFT - 8, scale(value) + 4, number(value, digits), "end"))
    return parts


def _thinned(values: Sequence[int], most: int) -> list[int]:
    """All values, or evenly spread ones with the first and the last."""
    if len(values) <= most:
        return list(values)
    return [values[place] for place in np.unique(np.linspace(0, len(values) - 1, most).astype(np.int64)).tolist()]
