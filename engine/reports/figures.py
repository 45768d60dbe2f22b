"""The figures a reader sees: name, unit and definition of each, in the groups of `figures.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from engine.metrics.summary import Metrics
from engine.reports import format as show
from engine.reports.language import Lang, Text

Unit = Literal["percent", "change", "won", "profit", "number", "count", "bars"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFigure:
    """One figure of `Metrics` and how it is shown.

    Args:
        name: the field of `Metrics`.
        label: what it is called.
        unit: "change" and "profit" carry a sign and a colour, "percent" and "won" do not.
        meaning: its definition, one sentence.
        better: 1 if more is better, -1 if less is better, 0 if neither.
    """

    name: str
    label: Text
    unit: Unit
    meaning: Text
    better: int = 0

    def text(self, metrics: Metrics, lang: Lang) -> str:
        """The value as people read it."""
        return show_value(getattr(metrics, self.name), self.unit, lang)


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureGroup:
    """Figures that stand together in one table."""

    title: Text
    figures: tuple[ShownFigure, ...]


@cache
def figure_groups() -> tuple[FigureGroup, ...]:
    """All figures in reading order."""
    table = tomllib.loads(Path(__file__).with_name("figures.toml").read_text(encoding="utf-8"))
    return tuple(
        FigureGroup(
            title=Text(group["ko"], group["en"]),
            figures=tuple(
                ShownFigure(
                    name=row["name"],
                    label=Text(row["ko"], row["en"]),
                    unit=row["unit"],
                    meaning=Text(row["meaning_ko"], row["meaning_en"]),
                    better=row["better"],
                )
                for row in group["figure"]
            ),
        )
        for group in table["group"]
    )


def figure_named(name: str) -> ShownFigure:
    """One figure by its field of `Metrics`."""
    return next(row for group in figure_groups() for row in group.figures if row.name == name)


def show_value(value: float | int | None, unit: Unit, lang: Lang, *, signed: bool = False) -> str:
    """One value in its unit; "–" for None."""
    if unit in ("percent", "change"):
        return show.percent(value, signed=signed or unit == "change")
    if unit in ("won", "profit"):
        return show.won(value, lang, signed=signed or unit == "profit")
    sign = "+" if signed and value is not None and value > 0 else ""
    if unit == "count":
        return sign + show.count(None if value is None else int(value))
    return sign + show.number(value, 1 if unit == "bars" else 2)
