"""`geoul trials`: everything that was ever tried, how many trials that really is, and who has seen unseen data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.cli.options import DEFAULT_LEDGER, JsonOption, Lang, LangOption, LedgerOption

if TYPE_CHECKING:
    from engine.ledger.looks import WindowLooks
    from engine.ledger.trials import RecordedTrial
    from engine.research.trial_count import TrialCount

SCHEMA = 1
SHOWN = 20
UNKNOWN = "–"


# Name -> Korean, English.
_TEXTS: dict[str, tuple[str, str]] = {
    "none": ("아직 시험한 규칙이 없습니다.", "Nothing has been tried yet."),
    "trials": ("시험 전체 {total:,}건", "trials, {total:,} in all"),
    "last": ("시험 전체 {total:,}건 중 마지막 {shown:,}건", "trials, the last {shown:,} of {total:,}"),
    "counts": ("시험 횟수", "how many trials"),
    "windows": ("검증 구간을 본 횟수", "looks at untouched windows"),
    "time": ("시각", "when"),
    "kind": ("종류", "kind"),
    "candidate": ("후보", "candidate"),
    "verdict": ("판정", "verdict"),
    "sharpe": ("샤프 지수", "Sharpe"),
    "dataset": ("데이터", "dataset"),
    "again": ("재시험", "again"),
    "recorded": ("기록", "recorded"),
    "raw": ("서로 다른 변형", "different variants"),
    "effective": ("유효 시험 수", "effective trials"),
    "window": ("구간", "window"),
    "used": ("사용", "used"),
    "left": ("남음", "left"),
    "threshold": (
        "유효 시험 수: 일별 수익률의 평균 상관이 {threshold:g} 이상인 변형은 한 번의 시험으로 셉니다. "
        "같은 변형을 다시 시험하면 표에는 남지만 한 번만 셉니다.",
        "Effective trials: variants whose daily returns correlate by {threshold:g} or more on average count as one. "
        "A variant tried again stays in the table and is counted once.",
    ),
    "rolls": (
        "한 구간은 후보 {looks}개까지 볼 수 있고, 다 쓰면 그 뒤의 거래일로 넘어갑니다.",
        "{looks} candidates may look at one window; then it rolls forward to the sessions after it.",
    ),
}
_NAMES: dict[str, tuple[str, str]] = {
    "candidate": ("후보", "candidate"),
    "sweep": ("탐색", "sweep"),
    "walk forward": ("전진 분석", "walk-forward"),
    "promote": ("승격", "promote"),
    "shadow": ("관찰", "shadow"),
    "reject": ("기각", "reject"),
    "": (UNKNOWN, UNKNOWN),
}


def trials_command(
    ledger: LedgerOption = DEFAULT_LEDGER,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="이 데이터의 시험만 · trials of this dataset only")
    ] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", help="한 번으로 셀 상관계수 · correlation from which variants count as one")
    ] = 0.5,
    looks: Annotated[
        int, typer.Option("--looks", min=1, help="구간마다 볼 수 있는 후보 수 · candidates that may see one window")
    ] = 20,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="마지막 몇 건(기본: 표 20건) · how many last trials")
    ] = None,
    as_json: JsonOption = False,
    lang: LangOption = Lang.ko,
) -> None:
    """지금까지 시험한 모든 규칙과 그 횟수 · every rule ever tried, and how many trials that is."""
    from engine.clock import SystemClock  # noqa: PLC0415  (keeps --help fast)
    from engine.errors import BadInput  # noqa: PLC0415
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415
    from engine.ledger.looks import window_looks  # noqa: PLC0415
    from engine.ledger.trials import datasets_tried, recorded_trials  # noqa: PLC0415
    from engine.research.trial_count import count_trials  # noqa: PLC0415

    with open_ledger(ledger, SystemClock(), read_only=True) as opened:
        seen = window_looks(opened, dataset=dataset)
        names = [*datasets_tried(opened)]
        if dataset is not None:
            if dataset not in names and dataset not in seen:
                known = "; ".join(names) or "none"
                raise BadInput(f'{ledger} has no trials on "{dataset}". It knows these datasets: {known}.')
            names = [name for name in names if name == dataset]
        trials = recorded_trials(opened, dataset=dataset)
        counts = {name: count_trials(opened, dataset=name, threshold=threshold) for name in names}
    if as_json:
        shown = trials if limit is None else trials[-limit:]
        typer.echo(_json(shown, trials, counts, seen, threshold, looks))
        return
    _Page(0 if lang is Lang.ko else 1).show(trials, counts, seen, threshold, looks, limit or SHOWN)


class _Page:
    """The three tables in one language (0 Korean, 1 English)."""

    def __init__(self, lang: int) -> None:
        self._lang = lang
        self._console = Console()

    def show(
        self,
        trials: list[RecordedTrial],
        counts: dict[str, TrialCount],
        seen: dict[str, list[WindowLooks]],
        threshold: float,
        looks: int,
        limit: int,
    ) -> None:
        if not trials and not seen:
            self._console.print(self._text("none"))
            return
        title = self._text("trials" if len(trials) <= limit else "last")
        table = self._table(
            title.format(total=len(trials), shown=min(limit, len(trials))),
            ("time", "kind", "candidate", "verdict", "sharpe", "dataset", "again"),
        )
        for trial in trials[-limit:]:
            sharpe = trial.metrics.get("sharpe")
            table.add_row(
                f"{trial.recorded_at:%Y-%m-%d %H:%M}",
                self._name(trial.kind),
                escape(trial.candidate_hash[:12]),
                self._name(trial.verdict),
                f"{sharpe:.2f}" if isinstance(sharpe, int | float) else UNKNOWN,
                escape(trial.dataset),
                "✓" if trial.repeated else "",
            )
        self._print(table)
        recorded = _recorded(trials)
        table = self._table(self._text("counts"), ("dataset", "recorded", "raw", "effective"))
        for name, count in counts.items():
            table.add_row(escape(name), *(f"{number:,}" for number in (recorded[name], count.raw, count.effective)))
        self._print(table)
        self._console.print(self._text("threshold").format(threshold=threshold), style="dim", highlight=False)
        if not seen:
            return
        table = self._table(self._text("windows"), ("dataset", "window", "used", "left"))
        for name, windows in seen.items():
            for entry in windows:
                place = f"{entry.window.first} … {entry.window.last}"
                table.add_row(escape(name), place, str(entry.looks), str(max(looks - entry.looks, 0)))
        self._print(table)
        self._console.print(self._text("rolls").format(looks=looks), style="dim", highlight=False)

    def _table(self, title: str, columns: tuple[str, ...]) -> Table:
        table = Table(title=title, title_justify="left")
        for column in columns:
            number = column in ("sharpe", "recorded", "raw", "effective", "used", "left")
            table.add_column(self._text(column), justify="right" if number else "left", no_wrap=True)
        return table

    def _print(self, table: Table) -> None:
        """A terminal too narrow for a table wraps its lines: a figure that is cut would be a wrong one."""
        needed = self._console.measure(table, options=self._console.options.update(max_width=10_000)).maximum
        Console(width=max(self._console.width, needed)).print(table)

    def _text(self, name: str) -> str:
        return _TEXTS[name][self._lang]

    def _name(self, code: str) -> str:
        return _NAMES[code][self._lang] if code in _NAMES else escape(code)


def _recorded(trials: list[RecordedTrial]) -> dict[str, int]:
    """Rows of each dataset, repetitions included."""
    found: dict[str, int] = {}
    for trial in trials:
        found[trial.dataset] = found.get(trial.dataset, 0) + 1
    return found


def _json(
    shown: list[RecordedTrial],
    trials: list[RecordedTrial],
    counts: dict[str, TrialCount],
    seen: dict[str, list[WindowLooks]],
    threshold: float,
    looks: int,
) -> str:
    recorded = _recorded(trials)
    names = dict.fromkeys([*counts, *seen])
    document = {
        "schema": SCHEMA,
        "threshold": threshold,
        "looks_per_window": looks,
        "datasets": [
            {
                "dataset": name,
                "recorded": recorded.get(name, 0),
                "raw": counts[name].raw if name in counts else 0,
                "effective": counts[name].effective if name in counts else 0,
                "windows": [
                    {
                        "first": entry.window.first.isoformat(),
                        "last": entry.window.last.isoformat(),
                        "looks_used": entry.looks,
                        "looks_left": max(looks - entry.looks, 0),
                    }
                    for entry in seen.get(name, [])
                ],
            }
            for name in names
        ],
        "trials": [
            {
                "trial": trial.trial_id,
                "recorded_at": trial.recorded_at.isoformat(),
                "kind": trial.kind,
                "candidate": trial.candidate_hash,
                "verdict": trial.verdict or None,
                "dataset": trial.dataset,
                "data_hash": trial.data_hash,
                "first": trial.first.isoformat() if trial.first else None,
                "last": trial.last.isoformat() if trial.last else None,
                "p_value": trial.p_value,
                "metrics": trial.metrics,
                "repeated": trial.repeated,
            }
            for trial in shown
        ],
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False)
