"""What both views of a walk forward show: sentences, the table of windows, and how the constants moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.metrics.ratios import sharpe
from engine.metrics.returns import periods_per_year
from engine.metrics.undefined import Figure, Undefined
from engine.reports import format as show
from engine.reports import walk_forward_texts as texts
from engine.reports.language import Lang
from engine.research.sweep import Sweep
from engine.research.walk_forward import Step, Stretch, WalkForward
from engine.research.walk_forward_paths import QUANTILES
from engine.rules.constants import all_constants
from engine.rules.grid import Axis


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForwardView:
    """A walk forward and what is said about its making.

    Args:
        result: the result.
        sweep: the variants.
        title: what the user calls the rules.
        data: name of the dataset.
        interval: of the bars.
        ledger: path of the ledger.
        counted: trials recorded by this run.
        trials: different variants tried on the dataset so far.
        synthetic: the data is made up.
        untouched: first session that the gate keeps unseen, where the range reaches into it.
    """

    result: WalkForward
    sweep: Sweep
    title: str
    data: str
    interval: str
    ledger: str
    counted: int
    trials: int
    synthetic: bool = False
    untouched: str | None = None

    @property
    def benchmark(self) -> str:
        """The index that the result is compared with."""
        return self.sweep.config.benchmark

    @property
    def base_sharpe(self) -> Figure:
        """Sharpe ratio of the unchanged rules over the whole range, as the paths are."""
        return sharpe(self.result.variants.base, periods_per_year(self.interval))


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRow:
    """One window as text; `tone` of the out-of-sample return."""

    number: str
    train: str
    test: str
    values: tuple[str, ...]
    sharpe_in: str
    sharpe_out: str
    return_in: str
    own: str
    base: str
    index: str
    trades: str
    tone: str


@dataclass(frozen=True, slots=True)
class Drift:
    """How one axis moved: the place on the axis that each window chose, and that of the unchanged rules."""

    axis: Axis
    places: tuple[int, ...]
    unchanged: int | None

    def label(self, place: int) -> str:
        """A value as it is written in the rule."""
        return self.axis.constant.write(self.axis.values[place])

    @property
    def moved(self) -> int:
        """Re-selections that changed the value."""
        return sum(before != after for before, after in zip(self.places, self.places[1:], strict=False))


def drifts(view: WalkForwardView) -> list[Drift]:
    """The axes of the grid with what each window chose."""
    present = all_constants(view.sweep.rules)
    found = []
    for axis in view.sweep.grid.axes:
        name = axis.constant.name
        points = [view.result.variants.points[step.chosen][name] for step in view.result.steps]
        places = [axis.place_of(value) for value in points]
        known = tuple(place for place in places if place is not None)
        same = all(present[constant.name].value == present[name].value for constant in axis.constants)
        found.append(Drift(axis, known, axis.place_of(present[name].value) if same else None))
    return found


def window_rows(view: WalkForwardView, lang: Lang) -> list[WindowRow]:
    """The windows in order."""
    moves = drifts(view)
    return [
        _row(number, step, tuple(drift.label(drift.places[number]) for drift in moves), lang)
        for number, step in enumerate(view.result.steps)
    ]


def value_heads(view: WalkForwardView) -> tuple[str, ...]:
    """Headings of the columns with the chosen constants."""
    return tuple(axis.name for axis in view.sweep.grid.axes)


def figure_rows(view: WalkForwardView, lang: Lang) -> list[tuple[str, str, str, str]]:
    """Name of a figure, then the walk forward, the unchanged rules and the index."""
    result = view.result
    rows = []
    for name in texts.FIGURES:
        index = show.percent(result.index_total, signed=True) if name == "total_return" else show.DASH
        rows.append((texts.FIGURES[name](lang), _figure(result.own, name), _figure(result.base, name), index))
    return rows


def headline(view: WalkForwardView, lang: Lang) -> str:
    """The result in one line."""
    result = view.result
    index = result.index_total
    return texts.HEADLINE(lang).format(
        own=show.percent(result.own.total_return, signed=True),
        own_sharpe=ratio(result.own.sharpe),
        base=show.percent(result.base.total_return, signed=True),
        base_sharpe=ratio(result.base.sharpe),
        index="" if index is None else f" · {view.benchmark} {show.percent(index, signed=True)}",
    )


def facts(view: WalkForwardView, lang: Lang) -> str:
    """Range, cut and data."""
    result, plan = view.result, view.result.plan
    return texts.FACTS(lang).format(
        first=result.steps[0].test[0],
        last=result.steps[-1].test[1],
        windows=len(result.steps),
        variants=len(result.variants.points),
        train=plan.train,
        gap=plan.purge + plan.embargo,
        test=plan.test,
        data=view.data,
    )


def findings(view: WalkForwardView, lang: Lang) -> list[str]:
    """What there is to think of the result."""
    result, plan = view.result, view.result.plan
    none = texts.NO_EFFICIENCY(lang)
    won = sum(step.out_of_sample.total_return > step.base.total_return for step in result.steps)
    found = [
        texts.EFFICIENCY(lang).format(
            returns=none if result.return_efficiency is None else show.number(result.return_efficiency),
            sharpe=none if result.sharpe_efficiency is None else show.number(result.sharpe_efficiency),
        ),
        texts.BETTER(lang).format(won=won, windows=len(result.steps)),
    ]
    if len(result.steps) > 1:
        found += [_drift_sentence(drift, lang) for drift in drifts(view)]
    quantiles = dict(zip(QUANTILES, result.paths.sharpe_quantiles, strict=False))
    low, middle, high = (show.number(quantiles.get(level)) for level in (0.05, 0.5, 0.95))
    found.append(
        texts.PATHS(lang).format(
            paths=len(result.paths.returns),
            splits=len(result.paths.chosen),
            folds=plan.folds,
            tests=plan.test_folds,
            low=low,
            middle=middle,
            high=high,
            loss=show.percent(result.paths.loss_share, 0),
            base=ratio(view.base_sharpe),
        )
    )
    return found


def warnings(view: WalkForwardView, lang: Lang) -> list[str]:
    """What to be careful about."""
    found = [texts.WARNING(lang)]
    if view.untouched is not None:
        found.insert(0, texts.UNTOUCHED(lang).format(day=view.untouched))
    return found


def notes(view: WalkForwardView, lang: Lang) -> list[str]:
    """How it was made, with its biases."""
    result, plan = view.result, view.result.plan
    choice = texts.CHOICES[plan.choice](lang)
    found = [texts.CHOICE(lang).format(choice=choice, gap=plan.purge + plan.embargo), texts.SEAM(lang)]
    if result.variants.skipped:
        found.append(texts.SKIPPED(lang).format(count=result.variants.skipped))
    found.append(texts.TRIALS(lang).format(count=view.counted, ledger=view.ledger, raw=view.trials))
    return found


def ratio(value: Figure) -> str:
    """A ratio, or a dash where it has no value."""
    return show.DASH if isinstance(value, Undefined) else show.number(value)


def _row(number: int, step: Step, values: tuple[str, ...], lang: Lang) -> WindowRow:
    out = step.out_of_sample.total_return
    return WindowRow(
        number=str(number + 1),
        train=f"{step.train[0]} ~ {step.train[1]}",
        test=f"{step.test[0]} ~ {step.test[1]}",
        values=values,
        sharpe_in=ratio(step.in_sample.sharpe),
        sharpe_out=ratio(step.out_of_sample.sharpe),
        return_in=show.percent(step.in_sample.annual_mean, 1, signed=True),
        own=show.percent(out, 1, signed=True),
        base=show.percent(step.base.total_return, 1, signed=True),
        index=show.percent(step.index_return, 1, signed=True),
        trades=show.count(step.trades),
        tone="up" if out > 0 else "down" if out < 0 else "",
    )


def _figure(stretch: Stretch, name: str) -> str:
    value: Figure = getattr(stretch, name)
    if isinstance(value, Undefined) or name == "sharpe":
        return ratio(value)
    return show.percent(value, signed=name != "max_drawdown")


def _drift_sentence(drift: Drift, lang: Lang) -> str:
    places = np.array(drift.places)
    return texts.DRIFT(lang).format(
        name=drift.axis.name,
        changes=len(places) - 1,
        moved=drift.moved,
        kinds=len(np.unique(places)),
        low=drift.label(int(places.min())),
        high=drift.label(int(places.max())),
    )
