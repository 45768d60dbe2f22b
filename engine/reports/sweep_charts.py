"""The pictures of a sweep as SVG: heat map, one constant at a time, the fall around the best, ranks out of sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from engine.metrics.overfitting import Overfitting
from engine.reports import svg
from engine.reports import sweep_texts as texts
from engine.reports.format import number, percent
from engine.reports.language import Lang
from engine.reports.scale import Scale, fit
from engine.research.sweep_shape import HeatMap, Neighbourhood, Profile

WIDTH = 1080
CELL_HEIGHT, LEAST_CELL_WIDTH = 26, 34
LETTER = 7.2  # pixels of a character at the size of the labels
BOTTOM = 42
SMALL_WIDTH, SMALL_HEIGHT = 520, 200
RANK_BINS = 20


def heat_picture(found: HeatMap, names: Sequence[str], lang: Lang) -> Markup:
    """One cell for each pair of values, darker for a higher figure; a frame marks the best and the unchanged rules."""
    known = found.cells[np.isfinite(found.cells)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    left = 14 + LETTER * max(len(label) for label in found.rows) + 18
    wide = min(90.0, (WIDTH - left - 10) / len(found.columns))
    top = 24
    height = top + CELL_HEIGHT * len(found.rows) + BOTTOM
    parts = [svg.tick(left, 14, f"{names[found.down]} ↓   {names[found.across]} →")]
    for line, label in enumerate(found.rows):
        y = top + line * CELL_HEIGHT
        parts.append(svg.tick(left - 8, y + CELL_HEIGHT / 2 + 4, label, "end"))
        for column, other in enumerate(found.columns):
            value = float(found.cells[line, column])
            if not np.isfinite(value):
                continue
            share = (value - low) / (high - low) if high > low else 0.5
            hint = f"{names[found.down]} {label}, {names[found.across]} {other}: {number(value)}"
            x = left + column * wide
            parts.append(_cell(x, y, wide, share, hint))
            if wide >= LEAST_CELL_WIDTH:
                parts.append(svg.tick(x + wide / 2, y + CELL_HEIGHT / 2 + 4, number(value), "middle", "heat-figure"))
    every = max(1, int(np.ceil(LETTER * (2 + max(len(label) for label in found.columns)) / wide)))
    for column in range(0, len(found.columns), every):
        place = left + (column + 0.5) * wide
        parts.append(svg.tick(place, height - BOTTOM + 16, found.columns[column], "middle"))
    for cell, style, words in ((found.base, "mark base", texts.MARK_BASE), (found.best, "mark best", texts.MARK_BEST)):
        if cell is not None:
            x, y = left + cell[1] * wide, top + cell[0] * CELL_HEIGHT
            parts.append(svg.bar(x + 1, y + 1, wide - 2, CELL_HEIGHT - 2, style=style, hint=words(lang)))
    return svg.picture(parts, WIDTH, height, texts.MAP(lang), 'class="heat-map"')


def profile_picture(profile: Profile, name: str, lang: Lang) -> Markup:
    """The median figure over the values of one constant."""
    known = [float(value) for value in profile.medians if np.isfinite(value)]
    left, base = 54, SMALL_HEIGHT - 24
    scale = fit(known or [0.0], base, 12)
    step = (SMALL_WIDTH - left - 16) / max(len(profile.labels) - 1, 1)
    parts = [_levels(scale.ticks(3), scale, left, SMALL_WIDTH - 10)]
    path, command = "", "M"
    for place, value in enumerate(profile.medians.tolist()):
        if np.isfinite(value):
            path += f"{command}{left + place * step:.1f} {scale(value):.1f}"
        command = "L" if np.isfinite(value) else "M"
    parts.append(svg.stroke(path, "line own"))
    every = max(1, int(np.ceil(LETTER * (2 + max(len(label) for label in profile.labels)) / max(step, 1.0))))
    for place, (label, value) in enumerate(zip(profile.labels, profile.medians.tolist(), strict=True)):
        if np.isfinite(value):
            parts.append(_dot(left + place * step, scale(value), f"{name} {label}: {number(value)}"))
        if place % every == 0:
            anchor = "start" if place == 0 else "end" if place == len(profile.labels) - 1 else "middle"
            parts.append(svg.tick(left + place * step, SMALL_HEIGHT - 7, label, anchor))
    return svg.picture(parts, SMALL_WIDTH, SMALL_HEIGHT, f"{texts.PROFILES(lang)}: {name}", 'class="profile"')


def fall_picture(shape: Neighbourhood, lang: Lang, *, complete: bool) -> Markup:
    """The figure of the best, then the middle half of each ring around it."""
    left, base = 54, SMALL_HEIGHT - BOTTOM
    values = [shape.best, shape.middle, *(value for ring in shape.rings for value in (ring.low, ring.high))]
    scale = fit(values, base, 12)
    step = (SMALL_WIDTH - left - 130) / max(len(shape.rings), 1)
    parts = [_levels(scale.ticks(4), scale, left, SMALL_WIDTH - 10)]
    parts.append(svg.rule(left, scale(shape.middle), SMALL_WIDTH - 10, scale(shape.middle), "start"))
    parts.append(svg.tick(SMALL_WIDTH - 10, scale(shape.middle) - 5, texts.ALL_MIDDLE(lang), "end"))
    path = f"M{left + 12:.1f} {scale(shape.best):.1f}"
    for place, ring in enumerate(shape.rings, start=1):
        x = left + 12 + place * step
        hint = f"{ring.count:,}: {number(ring.low)} … {number(ring.median)} … {number(ring.high)}"
        parts.append(svg.bar(x - 9, scale(ring.high), 18, scale(ring.low) - scale(ring.high), style="band", hint=hint))
        path += f"L{x:.1f} {scale(ring.median):.1f}"
        label = texts.STEPS(lang).format(distance=ring.distance) if complete else f"{ring.distance * 10}"
        parts.append(svg.tick(x, base + 16, label, "middle"))
    parts += [svg.stroke(path, "line own"), _dot(left + 12, scale(shape.best), number(shape.best))]
    parts.append(svg.tick(left + 12, base + 16, texts.MARK_BEST(lang), "middle"))
    about = (texts.STEPS_AWAY if complete else texts.NEAREST)(lang)
    parts.append(svg.tick((left + SMALL_WIDTH) / 2, SMALL_HEIGHT - 6, about, "middle"))
    return svg.picture(parts, SMALL_WIDTH, SMALL_HEIGHT, texts.FALL(lang), 'class="fall"')


def rank_picture(found: Overfitting, lang: Lang) -> Markup:
    """How the best of one half of history ranks in the other, over all halves."""
    ranks = 1.0 / (1.0 + np.exp(-found.logits))
    counts, edges = np.histogram(ranks, bins=RANK_BINS, range=(0.0, 1.0))
    left, base = 54, SMALL_HEIGHT - 24
    scale = fit([0.0, float(counts.max()) / len(ranks)], base, 12, pad=0.0)
    wide = (SMALL_WIDTH - left - 16) / RANK_BINS
    parts = [_levels(scale.ticks(3), scale, left, SMALL_WIDTH - 10, share=True)]
    for place, count in enumerate(counts.tolist()):
        top = scale(count / len(ranks))
        hint = f"{percent(float(edges[place]), 0)} … {percent(float(edges[place + 1]), 0)}: {count:,}"
        style = "loss" if place < RANK_BINS // 2 else "gain"
        parts.append(svg.bar(left + place * wide + 0.5, top, max(wide - 1, 0.5), base - top, style=style, hint=hint))
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(svg.tick(left + share * RANK_BINS * wide, SMALL_HEIGHT - 7, percent(share, 0), "middle"))
    return svg.picture(parts, SMALL_WIDTH, SMALL_HEIGHT, texts.LOGITS(lang), 'class="histogram"')


def _cell(x: float, y: float, wide: float, share: float, hint: str) -> Markup:
    return Markup(
        '<rect class="heat" style="--heat:{:.3f}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}"><title>{}</title>'
        "</rect>"
    ).format(0.04 + 0.86 * share, x + 0.5, y + 0.5, wide - 1, CELL_HEIGHT - 1, hint)


def _dot(x: float, y: float, hint: str) -> Markup:
    return Markup('<circle class="dot own" cx="{:.1f}" cy="{:.1f}" r="3"><title>{}</title></circle>').format(x, y, hint)


def _levels(values: Sequence[float], scale: Scale, left: float, right: float, *, share: bool = False) -> Markup:
    parts = []
    for value in values:
        label = percent(value, 0) if share else number(value)
        parts += [svg.rule(left, scale(value), right, scale(value)), svg.tick(left - 6, scale(value) + 4, label, "end")]
    return Markup("").join(parts)
