"""Pictures over time as SVG text, drawn here: a plotting library takes longer to load than a backtest to run.

Colours come from the page's style sheet by class, so one picture fits light, dark and paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from engine.metrics.returns import Floats
from engine.reports import svg
from engine.reports.format import percent, short_won
from engine.reports.language import Lang, Text
from engine.reports.points import Points
from engine.reports.scale import Scale, fit, round_ticks

WIDTH, LEFT, RIGHT = 1080, 64, 118
INNER = WIDTH - LEFT - RIGHT
BOTTOM = 24  # room for the labels of the time axis
LABEL_GAP = 34  # an end label has two lines; closer ones would overlap


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One curve: values with gaps where not a number, its style class and the label at its end."""

    values: Floats
    style: str
    label: str


def equity_picture(points: Points, lines: Sequence[Line], lang: Lang, *, log: bool, height: int = 340) -> Markup:
    """Curves in won over sessions; the start level as a dotted line, the warm-up shaded."""
    # A lost account has no logarithm; it is drawn at a thousandth of its start.
    floor = points.start_equity / 1_000 if log else -np.inf
    drawn = [np.maximum(line.values, floor) for line in lines]
    known = [float(value) for values in drawn for value in values[np.isfinite(values)]]
    scale = fit([*known, points.start_equity], height - BOTTOM, 10, log=log)
    level = scale(points.start_equity)
    curves = [
        svg.stroke(path(points, values, scale), f"line {line.style}") for line, values in zip(lines, drawn, strict=True)
    ]
    parts = [
        _warmup(points, height),
        _rows(scale, lambda value: short_won(value, lang)),
        _columns(points, lang, height),
        svg.rule(LEFT, level, LEFT + INNER, level, "start"),
        *reversed(curves),  # the first curve lies on top
        _end_labels(points, lines, scale, floor),
    ]
    name = EQUITY_LOG if log else EQUITY
    return _chart(name(lang), "log" if log else "linear", height, parts, scale)


def drawdown_picture(points: Points, lines: Sequence[Line], lang: Lang, height: int = 150) -> Markup:
    """Ratios below the highest value so far; the first curve is filled from zero down."""
    known = [float(value) for line in lines for value in line.values[np.isfinite(line.values)]]
    low = min([*known, -0.005])
    scale = Scale(low=low * 1.08, high=0.0, bottom=height - BOTTOM, top=8)
    parts = [
        _warmup(points, height),
        _rows(scale, lambda value: percent(value, 1 if low > -0.05 else 0), count=3),
        _columns(points, lang, height),
        *(svg.stroke(area(points, np.nan_to_num(line.values), scale), f"area {line.style}") for line in lines[:1]),
        *(svg.stroke(path(points, line.values, scale), f"line {line.style}") for line in reversed(lines)),
    ]
    return _chart(DRAWDOWN(lang), "drawdown", height, parts, scale)


def exposure_picture(points: Points, lang: Lang, height: int = 150) -> Markup:
    """Share of equity invested as an area, number of names held as a line with its own axis on the right."""
    scale = Scale(low=0.0, high=max(1.0, _largest(points.exposure)), bottom=height - BOTTOM, top=8)
    most = max(1.0, _largest(points.positions))
    names = Scale(low=0.0, high=most * 1.08, bottom=height - BOTTOM, top=8)
    counts = [value for value in round_ticks(0, most, 3) if value == round(value)]
    parts = [
        _warmup(points, height),
        _rows(scale, lambda value: percent(value, 0), count=2),
        _columns(points, lang, height),
        svg.stroke(area(points, points.exposure, scale), "area exposure"),
        svg.stroke(path(points, points.positions, names), "line names"),
        *(svg.tick(LEFT + INNER + 8, names(value) + 4, f"{value:.0f}", style="tick names") for value in counts),
    ]
    return _chart(EXPOSURE(lang), "exposure", height, parts, scale)


def path(points: Points, values: Floats, scale: Scale) -> str:
    """The `d` of a line through the known values; a gap starts a new stroke."""
    strokes = []
    command = "M"
    known = np.isfinite(values).tolist()
    for x, value, drawn in zip(_places(points), values.tolist(), known, strict=True):
        if drawn:
            strokes.append(f"{command}{x:.1f} {scale(value):.1f}")
        command = "L" if drawn else "M"
    return "".join(strokes)


def area(points: Points, values: Floats, scale: Scale) -> str:
    """The `d` of the surface between a curve without gaps and zero."""
    places = _places(points)
    if not places:
        return ""
    zero = scale(0.0)
    curve = path(points, values, scale).replace("M", "L")
    return f"M{places[0]:.1f} {zero:.1f}{curve}L{places[-1]:.1f} {zero:.1f}Z"


def _places(points: Points) -> list[float]:
    last = max(len(points.all_sessions) - 1, 1)
    return [LEFT + place / last * INNER for place in points.position.tolist()]


def _largest(values: Floats) -> float:
    return float(values.max()) if len(values) else 0.0


def _warmup(points: Points, height: int) -> Markup:
    share = min(1.0, points.warmup_end / max(len(points.all_sessions) - 1, 1))
    return svg.bar(LEFT, 0, share * INNER, height - BOTTOM, style="warmup") if share else Markup("")


def _rows(scale: Scale, label: Callable[[float], str], count: int = 5) -> Markup:
    parts = []
    for value in scale.ticks(count):
        parts.append(svg.rule(LEFT, scale(value), LEFT + INNER, scale(value)))
        parts.append(svg.tick(LEFT - 8, scale(value) + 4, label(value), "end"))
    return Markup("").join(parts)


def _columns(points: Points, lang: Lang, height: int) -> Markup:
    last = max(len(points.all_sessions) - 1, 1)
    parts = []
    for position, label in points.ticks(lang):
        x = LEFT + position / last * INNER
        parts.append(svg.rule(x, 0, x, height - BOTTOM))
        parts.append(svg.tick(x, height - 7, label, "middle"))
    return Markup("").join(parts)


def _end_labels(points: Points, lines: Sequence[Line], scale: Scale, floor: float) -> Markup:
    """Name and return of each curve at its end, moved apart where they would overlap."""
    ends = []
    for line in lines:
        known = line.values[np.isfinite(line.values)]
        if len(known):
            change = known[-1] / points.start_equity - 1 if points.start_equity else 0.0
            ends.append((scale(max(float(known[-1]), floor)), line, percent(change, 1, signed=True)))
    ends.sort(key=lambda end: end[0])
    # The lowest label keeps its two lines above the time axis, the others stand above it.
    ceiling = scale.bottom - 14
    places: list[float] = []
    for y, _, _ in reversed(ends):
        ceiling = min(y, ceiling)
        places.append(ceiling)
        ceiling -= LABEL_GAP
    x = LEFT + INNER + 8
    labels = []
    for (_, line, change), y in zip(ends, reversed(places), strict=True):
        labels.append(svg.tick(x, y, line.label, style=f"end {line.style}"))
        labels.append(svg.tick(x, y + 15, change, style=f"end {line.style}"))
    return Markup("").join(labels)


def _chart(label: str, style: str, height: int, parts: Iterable[Markup], scale: Scale) -> Markup:
    """A picture whose scale the page's script can read, for the dots under the pointer."""
    attributes = (
        f'class="chart {style}" data-low="{scale.low:.6g}" data-high="{scale.high:.6g}" '
        f'data-bottom="{scale.bottom:g}" data-top="{scale.top:g}" data-log="{int(scale.log)}"'
    )
    return svg.picture(parts, WIDTH, height, label, attributes)


EQUITY = Text("자산 곡선", "Equity curve")
EQUITY_LOG = Text("자산 곡선(로그)", "Equity curve (logarithmic)")
DRAWDOWN = Text("낙폭", "Drawdown")
EXPOSURE = Text("투자 비중과 보유 종목 수", "Exposure and positions")
