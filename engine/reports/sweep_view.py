"""What both views of a sweep show: the sentences, and the table of the best variants with the unchanged rules in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from engine.metrics.undefined import Undefined
from engine.reports import format as show
from engine.reports import sweep_texts as texts
from engine.reports.language import Lang, Text
from engine.reports.texts import undefined
from engine.research.sweep import Sweep
from engine.research.sweep_shape import HeatMap
from engine.research.sweep_summary import Deflated, SweepSummary
from engine.rules.constants import all_constants

MOST_ROWS = 10
USUAL_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepView:
    """A sweep and what it amounts to.

    Args:
        sweep: what was tried.
        summary: of its table.
        title: what the user calls the rules.
        data: name of the dataset.
        window: first and last session that traded.
        seed: of a random sample.
        synthetic: the data is made up.
        untouched: first session that the gate keeps unseen, where the sweep reaches into it.
    """

    sweep: Sweep
    summary: SweepSummary
    title: str
    data: str
    window: tuple[str, str]
    seed: int
    synthetic: bool = False
    untouched: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantRow:
    """One variant as text; `base` marks the unchanged rules."""

    rank: str
    values: tuple[str, ...]
    sharpe: str
    total_return: str
    max_drawdown: str
    trades: str
    win_rate: str
    costs: str
    base: bool


def facts(view: SweepView, lang: Lang) -> str:
    """One line: how many points, data, window."""
    size, count = view.sweep.grid.size, len(view.sweep.places)
    tried = (
        texts.ALL_RUN(lang).format(size=size)
        if view.sweep.complete
        else texts.ALL_SAMPLED(lang).format(size=size, count=count, seed=view.seed)
    )
    return f"{tried} · {view.window[0]} ~ {view.window[1]} · {view.data}"


def heads(view: SweepView, lang: Lang) -> tuple[str, ...]:
    """Headings of the table of variants."""
    names = [axis.name for axis in view.sweep.grid.axes]
    return (texts.HEADS["rank"](lang), *names, *(texts.HEADS[name](lang) for name in list(texts.HEADS)[1:]))


def best_rows(view: SweepView, lang: Lang) -> list[VariantRow]:
    """The best variants, and the unchanged rules below them where they are not among them."""
    summary = view.summary
    shown = list(summary.ranking[:MOST_ROWS])
    if summary.base_row not in shown:
        shown.append(summary.base_row)
    places = {row: rank for rank, row in enumerate(summary.ranking, start=1)}
    return [_row(view, row, places.get(row), lang) for row in shown]


def variant_words(view: SweepView, row: int, lang: Lang) -> str:
    """A variant in one line: `volume-filter.2 1.8 · stop-loss.1 -5%`."""
    entry = view.summary.table.row(row, named=True)
    if entry["variant"] < 0:
        return texts.UNCHANGED(lang)
    pairs = zip((axis.name for axis in view.sweep.grid.axes), _values(view, entry), strict=True)
    return " · ".join(f"{name} {value}" for name, value in pairs)


def headline(view: SweepView, lang: Lang) -> str:
    """The best and the unchanged rules in one sentence."""
    summary = view.summary
    if summary.best_row is None:
        return texts.NOTHING(lang)
    best = summary.table.row(summary.best_row, named=True)
    base = summary.table.row(summary.base_row, named=True)
    text = texts.HEADLINE if summary.base_rank else texts.BASE_SILENT
    return (texts.BASE_BEST if summary.base_rank == 1 else text)(lang).format(
        best=variant_words(view, summary.best_row, lang),
        sharpe=show.number(best["sharpe"]),
        growth=show.percent(best["total_return"], signed=True),
        base=show.number(base["sharpe"]),
        rank=f"{summary.base_rank or 0:,}",
        count=len(summary.ranking),
    )


def lead_sentence(view: SweepView, lang: Lang) -> str:
    """Is the lead of the best over the unchanged rules more than luck?"""
    luck = view.summary.luck
    if luck is None:
        return texts.LUCK_UNKNOWN(lang)
    lead = luck.lead
    if lead is None or lead.measured <= 0:
        return texts.LEAD_NONE(lang)
    if isinstance(lead.probability, Undefined):
        return texts.LUCK_UNKNOWN(lang)
    text = texts.LEAD_BEATEN if lead.probability >= USUAL_CONFIDENCE else texts.LEAD_MAYBE
    return _deflated(texts.LEAD_LUCK if lead.measured <= lead.expected else text, lead, lang)


def own_sentence(view: SweepView, lang: Lang) -> str:
    """Are the returns of the best more than luck? Empty where they do not vary."""
    luck = view.summary.luck
    return "" if luck is None else _deflated(texts.OWN, luck.own, lang)


def _deflated(text: Text, found: Deflated, lang: Lang) -> str:
    probability = None if isinstance(found.probability, Undefined) else found.probability
    return text(lang).format(
        measured=show.number(found.measured),
        expected=show.number(found.expected),
        probability=show.percent(probability, 1),
        trials=found.trials,
    )


def trials_sentence(view: SweepView, lang: Lang) -> str:
    """Raw and effective number of trials."""
    luck = view.summary.luck
    if luck is None:
        return ""
    count = luck.count
    return texts.TRIALS(lang).format(raw=count.raw, effective=count.effective, threshold=count.threshold)


def overfitting_sentence(view: SweepView, lang: Lang) -> str:
    """What becomes of the best of one half of history in the other."""
    found = view.summary.overfitting
    if isinstance(found, Undefined):
        return texts.PBO_UNKNOWN(lang).format(reason=undefined(found.value, lang))
    return texts.PBO(lang).format(
        splits=len(found.logits), pbo=show.percent(found.pbo, 0), loss=show.percent(found.probability_of_loss, 0)
    )


def shape_sentence(view: SweepView, lang: Lang) -> str:
    """Plateau or spike."""
    shape = view.summary.neighbourhood
    if shape is None:
        return texts.FORMS["alone"](lang)
    nearest = shape.rings[0] if shape.rings else None
    near = (texts.NEAR_GRID if view.sweep.complete else texts.NEAR_SAMPLE)(lang)
    kept = texts.NOTHING_KEPT(lang) if (shape.kept or 0.0) <= 0 else show.percent(shape.kept, 0)
    return texts.FORMS[shape.form](lang).format(
        near=near.format(count=nearest.count if nearest else 0),
        median=show.number(nearest.median if nearest else None),
        middle=show.number(shape.middle),
        kept=kept,
    )


def influence_sentence(view: SweepView, lang: Lang) -> str:
    """Which constants matter."""
    found = sorted(view.summary.profiles, key=lambda profile: (-profile.influence, profile.axis))
    names = [
        f"{view.sweep.grid.axes[profile.axis].name} ({show.percent(profile.influence, 0)})"
        for profile in found
        if profile.influence >= 0.01
    ]
    return texts.INFLUENCE(lang).format(names=", ".join(names)) if names else texts.NO_INFLUENCE(lang)


def notes(view: SweepView, lang: Lang) -> list[str]:
    """What else a reader has to know."""
    summary, found = view.summary, []
    shape = summary.neighbourhood
    if shape is not None and shape.edges:
        names = ", ".join(view.sweep.grid.axes[axis].name for axis in shape.edges)
        found.append(texts.EDGE(lang).format(names=names))
    if summary.without_meaning:
        reasons = summary.table[f"reason_{lang}"].drop_nulls()
        found.append(texts.WITHOUT_MEANING(lang).format(count=summary.without_meaning, example=reasons[0]))
    if summary.silent:
        found.append(texts.SILENT(lang).format(count=summary.silent))
    if view.untouched:
        found.append(texts.SEEN(lang).format(last=view.window[1], untouched=view.untouched))
    return found


def map_note(view: SweepView, found: HeatMap, lang: Lang) -> str:
    """What a cell of a heat map stands for."""
    if found.fixed:
        fixed = ", ".join(f"{view.sweep.grid.axes[axis].name} = {label}" for axis, label in found.fixed)
        return texts.MAP_AT_BEST(lang).format(fixed=fixed)
    if len(view.sweep.grid.axes) > 2:
        return texts.MAP_MEDIAN(lang)
    one_each = len(found.columns) * len(found.rows) >= view.summary.evaluated
    return (texts.MAP_EXACT if one_each else texts.MAP_GROUPED)(lang)


def _row(view: SweepView, row: int, rank: int | None, lang: Lang) -> VariantRow:
    entry = view.summary.table.row(row, named=True)
    return VariantRow(
        rank=show.DASH if rank is None else f"{rank:,}",
        values=_values(view, entry),
        sharpe=show.number(entry["sharpe"]),
        total_return=show.percent(entry["total_return"], signed=True),
        max_drawdown=show.percent(entry["max_drawdown"]),
        trades=show.count(entry["trades"]),
        win_rate=show.percent(entry["wins"] / entry["trades"] if entry["trades"] else None, 1),
        costs=show.won(entry["costs_won"], lang),
        base=bool(entry["base"]) or entry["variant"] < 0,
    )


def _values(view: SweepView, entry: Mapping[str, Any]) -> tuple[str, ...]:
    """The constants of a variant as the rule would write them."""
    known = all_constants(view.sweep.rules)
    texts_of = []
    for axis in view.sweep.grid.axes:
        name = axis.constant.name
        given = entry[name]
        value = known[name].value if given is None else Fraction(repr(given))
        texts_of.append(axis.constant.write(value))
    return tuple(texts_of)
