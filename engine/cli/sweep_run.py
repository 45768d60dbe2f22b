"""One sweep on the command line: what is done already, what is left and how long it takes, what it amounts to."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import typer
from rich.progress import Progress, TaskID

from engine.cli.options import Lang
from engine.data.atomic import refuse_target
from engine.data.panel import Panel, load_panel
from engine.ledger.ledger import Ledger
from engine.ledger.lineage import require_dataset
from engine.ledger.trials import EPOCH
from engine.metrics.returns import periods_per_year
from engine.reports.language import Text
from engine.reports.sweep_texts import STOPPED
from engine.reports.sweep_view import SweepView
from engine.research.sweep import Chunk, Sweep, chunks_of, run_sweep
from engine.research.sweep_identity import identity_of
from engine.research.sweep_store import SweepStore, check_folder
from engine.research.sweep_summary import summarize_sweep
from engine.research.sweep_trials import TrialFacts, count_chunk, count_missing, facts_of
from engine.research.trial_count import count_trials
from engine.research.unseen_reach import reached_unseen
from engine.research.workers import InProcess, PanelSource, Workers, open_workers

PAGE = "sweep.html"
# Starting processes takes seconds: what is left must take longer than that to be worth it.
WORTH_PROCESSES_SECONDS = 5.0

_FIRST = Text("첫 묶음", "first chunk")
_RUNNING = Text("변형 {done:,}/{total:,}, 남은 시간 약 {left}", "variant {done:,} of {total:,}, about {left} left")
_SUMMING = Text("통계", "statistics")
_UNITS = (
    (365 * 86_400, "년", "years"),
    (86_400, "일", "days"),
    (3_600, "시간", "hours"),
    (60, "분", "minutes"),
    (1, "초", "seconds"),
)


class SweepRun:
    """A sweep that the user has asked for.

    Args:
        sweep: what is tried.
        panel: the data.
        source: how other processes find it.
        out: folder of the results.
        samples, seed: how the points were drawn.
        bar, task: told how far it is.
        lang: of what it is told.
    """

    def __init__(
        self,
        sweep: Sweep,
        panel: Panel,
        source: PanelSource,
        out: Path,
        samples: int | None,
        seed: int,
        bar: Progress,
        task: TaskID,
        lang: Lang,
    ) -> None:
        self.sweep, self.panel, self.source, self.out, self.seed = sweep, panel, source, out, seed
        self.bar, self.task, self.lang = bar, task, lang
        self.identity = identity_of(sweep, panel, samples=samples, seed=seed)
        self.chunks = chunks_of(sweep)
        self.kept = 0

    def refuse_target(self, *, overwrite: bool) -> None:
        """Raise before anything runs where the results could not be kept."""
        refuse_target(self.out / PAGE)
        check_folder(self.out, self.identity, replace=overwrite)

    def all(self, ledger: Ledger, *, title: str, new: bool, processes: int | None, ray: str | None) -> SweepView:
        """Run what is missing, count it, and sum everything up.

        Args:
            ledger: that counts the trials.
            title: what the user calls the rules.
            new: the ledger may count this dataset beside others.
            processes, ray: see `engine.research.workers.open_workers`.

        Raises:
            ForeignLedger: the ledger counts another dataset; nothing has run.
        """
        facts = facts_of(self.sweep, self.panel)
        self._require_dataset(ledger, facts, new=new)
        # The folder's check has passed, so another sweep in it is one that the user gives up.
        self.store = SweepStore(self.out, self.identity, replace=True)
        finished = [chunk for chunk in self.chunks if self.store.has(chunk.number)]
        numbers = [0] if self.store.finished else [chunk.number for chunk in finished]
        count_missing(ledger, facts, [self.store.read(number) for number in numbers])
        self.kept = len(finished)
        periods = periods_per_year(self.panel.interval)
        self._run_missing(ledger, facts, periods, processes, ray)
        self.bar.update(self.task, description=_SUMMING(self.lang.value))
        table = self.store.finish(len(self.chunks))
        trials = count_trials(ledger, dataset=facts.dataset)
        days = [EPOCH + datetime.timedelta(days=int(facts.sessions[end])) for end in (0, -1)]
        unseen = reached_unseen(ledger, facts.dataset, self.panel, days[1])
        return SweepView(
            sweep=self.sweep,
            summary=summarize_sweep(table, self.sweep, trials, periods=periods),
            title=title,
            data=facts.dataset,
            window=(days[0].isoformat(), days[1].isoformat()),
            seed=self.seed,
            synthetic=self.panel.manifest.synthetic,
            untouched=unseen.isoformat() if unseen else None,
        )

    def tell_stopped(self) -> None:
        """Say on standard error what is kept."""
        told = STOPPED(self.lang.value).format(done=self.kept, total=len(self.chunks), folder=self.out)
        typer.echo(told, err=True)

    def _run_missing(
        self, ledger: Ledger, facts: TrialFacts, periods: int, processes: int | None, ray: str | None
    ) -> None:
        """The first chunk runs here, which also tells how long the others will take; then everywhere."""
        missing = [chunk for chunk in self.chunks if not self.store.has(chunk.number)]
        pace = _Pace(sum(len(chunk.points) for chunk in missing))

        def keep(chunk: Chunk, frame: pl.DataFrame) -> None:
            count_chunk(ledger, facts, frame)
            self.kept += 1
            self._tell(pace.after(len(chunk.points)))

        def run(chunks: Sequence[Chunk], workers: Workers) -> None:
            with workers:
                run_sweep(self.sweep, self.store, chunks, workers, periods=periods, after_chunk=keep)

        if ray is not None:
            run(missing, open_workers(self.source, processes=processes, ray=ray))
            return
        self.bar.update(self.task, description=_FIRST(self.lang.value))
        run(missing[:1], InProcess(self.panel))
        short = pace.left_seconds < WORTH_PROCESSES_SECONDS
        rest = missing[1:]
        if rest:
            run(rest, open_workers(self.source, self.panel, processes=1 if short else processes))

    def _tell(self, pace: _Pace) -> None:
        left = duration(pace.left_seconds, self.lang)
        text = _RUNNING(self.lang.value).format(done=pace.done, total=pace.total, left=left)
        self.bar.update(self.task, description=text, completed=pace.done, total=pace.total)

    def _require_dataset(self, ledger: Ledger, facts: TrialFacts, *, new: bool) -> None:
        """The ledger counts this dataset, whose sessions are all known to it, those beyond a gap too."""
        whole = load_panel(self.source.folder, interval=self.source.interval, allow_gaps=True)
        require_dataset(ledger, facts.dataset, whole.session, new=new)


@dataclass
class _Pace:
    """How many variants are done, and how long the others will take."""

    total: int
    done: int = 0

    def __post_init__(self) -> None:
        self._began = time.perf_counter()

    def after(self, variants: int) -> _Pace:
        """More are done."""
        self.done += variants
        return self

    @property
    def left_seconds(self) -> float:
        """At the pace so far."""
        if not self.done:
            return 0.0
        return (time.perf_counter() - self._began) / self.done * (self.total - self.done)


def duration(seconds: float, lang: Lang) -> str:
    """Seconds in the largest unit that fits.

    >>> duration(90, Lang.en), duration(3e9, Lang.ko)
    ('1.5 minutes', '95년')
    """
    for size, korean, english in _UNITS:
        if seconds >= size or size == 1:
            value = seconds / size
            number = f"{value:,.0f}" if value >= 10 or size == 1 else f"{value:.1f}"
            return f"{number}{korean}" if lang is Lang.ko else f"{number} {english}"
    raise AssertionError(seconds)
