"""The few SVG elements that the pictures are made of. Every text is escaped: names and rules are data."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup


def rule(x1: float, y1: float, x2: float, y2: float, style: str = "grid") -> Markup:
    """A straight line."""
    return Markup(f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')


def tick(x: float, y: float, label: str, anchor: str = "start", style: str = "tick") -> Markup:
    """A label beside an axis.

    >>> print(tick(1, 2, "<b>"))
    <text class="tick" x="1.0" y="2.0" text-anchor="start">&lt;b&gt;</text>
    """
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        style, x, y, anchor, label
    )


def stroke(d: str, style: str) -> Markup:
    """A path."""
    return Markup(f'<path class="{style}" d="{d}"/>')


def bar(x: float, y: float, width: float, height: float, *, style: str, hint: str = "") -> Markup:
    """A rectangle with a hint shown while the pointer rests on it."""
    title = Markup("<title>{}</title>").format(hint) if hint else Markup("")
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">{}</rect>').format(
        style, x, y, width, height, title
    )


def picture(parts: Iterable[Markup], width: int, height: int, label: str, attributes: str = "") -> Markup:
    """The whole picture; `attributes` is markup of our own, never data."""
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}" {}>{}</svg>').format(
        width, height, label, Markup(attributes), Markup("").join(parts)
    )
