"""The distribution of the trades' returns as a picture."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from engine.metrics.returns import Floats
from engine.reports import svg
from engine.reports.format import percent
from engine.reports.language import Lang
from engine.reports.scale import Scale, round_ticks

WIDTH, HEIGHT = 520, 220
LEFT, RIGHT, BOTTOM = 40, 10, 24
STEPS = (0.0025, 0.005, 0.01, 0.02, 0.025, 0.05, 0.1, 0.25, 0.5)


def return_histogram(returns: Floats, lang: Lang) -> Markup:
    """How many trades ended with which return; the outermost bars hold all beyond them."""
    if not len(returns):
        return Markup("")
    counts, edges = binned(returns)
    half = len(counts) // 2
    scale = Scale(low=0, high=float(counts.max()) * 1.05, bottom=HEIGHT - BOTTOM, top=8)
    wide = (WIDTH - LEFT - RIGHT) / len(counts)
    parts = []
    for value in round_ticks(0, float(counts.max()), 3):
        if value == round(value):
            parts.append(svg.rule(LEFT, scale(value), WIDTH - RIGHT, scale(value)))
            parts.append(svg.tick(LEFT - 6, scale(value) + 4, f"{value:.0f}", "end"))
    for index in np.flatnonzero(counts).tolist():
        top = scale(float(counts[index]))
        hint = f"{percent(float(edges[index]), 1)} … {percent(float(edges[index + 1]), 1)}: {counts[index]}"
        style = "loss" if index < half else "gain"
        left = LEFT + index * wide + 0.5
        parts.append(svg.bar(left, top, max(wide - 1, 0.5), HEIGHT - BOTTOM - top, style=style, hint=hint))
    for value in round_ticks(float(edges[0]), float(edges[-1]), 6):
        place = LEFT + (value - float(edges[0])) / float(edges[-1] - edges[0]) * (WIDTH - LEFT - RIGHT)
        parts.append(svg.tick(place, HEIGHT - 7, percent(value, 0), "middle"))
    label = "거래 수익률 분포" if lang == "ko" else "Distribution of trade returns"
    return svg.picture(parts, WIDTH, HEIGHT, label, 'class="histogram"')


def binned(returns: Floats) -> tuple[np.ndarray, Floats]:
    """Counts (2 k,) and edges (2 k + 1,) of bins around zero, each open on the left and closed on the right.

    So a return of exactly zero falls below zero, as it does in the win rate.
    """
    # The few largest trades would flatten all others; they are counted in the outermost bars.
    reach = max(0.02, float(np.quantile(np.abs(returns), 0.98)))
    step = next((width for width in STEPS if reach / width <= 20), reach / 20)
    half = int(np.ceil(reach / step))
    edges = np.arange(-half, half + 1, dtype=np.float64) * step
    bins = np.ceil(np.round(returns / step, 9)).astype(np.int64) - 1 + half
    return np.bincount(np.clip(bins, 0, 2 * half - 1), minlength=2 * half), edges
