"""`geoul backtest --reflect weekly`: the learning loop in simulated time."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.market_options import MarketOptions
from engine.cli.model_run import ModelOptions
from engine.cli.options import Lang, progress_bar, prompt_path
from engine.cli.reflection_writer import Writer

if TYPE_CHECKING:
    from brokers.learning_replay import LearningSetup
    from engine.data.panel import Panel
    from engine.reflection.learning import LearningRun
    from engine.research.gate_settings import GateSettings


class Rhythm(StrEnum):
    """How often the rules are studied."""

    weekly = "weekly"


class LearningGate(StrEnum):
    """How hard a rule is judged, and whether the verdict counts."""

    full = "full"
    quick = "quick"
    advice = "advice"
    off = "off"

    @property
    def settings(self) -> GateSettings | None:
        """Of the gate; None where there is none."""
        from engine.reflection.gating import quick  # noqa: PLC0415  (keeps --help fast)
        from engine.research.gate_settings import GateSettings  # noqa: PLC0415

        if self is LearningGate.off:
            return None
        return GateSettings() if self is LearningGate.full else quick(GateSettings())

    @property
    def obeyed(self) -> bool:
        """Whether a rule that the gate turns down stays out."""
        return self is not LearningGate.advice


ReflectOption = Annotated[
    Rhythm | None,
    typer.Option(
        "--reflect",
        help="일요일 18시마다 돌아보고 규칙을 고침(모의 시간) · study and mend the rules every Sunday 18:00",
    ),
]
LearningGateOption = Annotated[
    LearningGate | None,
    typer.Option(
        "--gate",
        help="--reflect의 심사: full, quick(기본, 이웃 20개와 재표집 200회), advice(quick의 판정을 보이되 모두 적용, "
        "--demo의 기본), off(모두 적용) · gate of --reflect: full, quick (default; 20 neighbours, 200 resamples), "
        "advice (quick, shown and not obeyed; default of --demo), off",
    ),
]
LearningWriterOption = Annotated[
    Writer, typer.Option("--writer", help="--reflect의 규칙을 쓰는 쪽 · who writes the rules of --reflect")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """What the user asked for.

    Args:
        prompt: file, None for the usual one.
        writer, gate: see the options.
        model: that writes, and the mask before it.
        ledger: that gets the run and its reflections, None for none.
        lang: of texts.
    """

    prompt: Path | None
    writer: Writer
    gate: LearningGate
    model: ModelOptions = field(default_factory=ModelOptions)
    ledger: Path | None = None
    lang: Lang = Lang.ko

    def run(self, market: MarketOptions, tickers: Sequence[str] | None, report: Path, *, as_json: bool) -> None:
        """Run the loop and show it.

        The gate wants history before the first session, so the whole dataset up to the last one is loaded.
        """
        from brokers.learning_replay import run_learning  # noqa: PLC0415  (loads the compiler)
        from engine.data.atomic import refuse_target  # noqa: PLC0415
        from engine.data.panel import load_part  # noqa: PLC0415
        from engine.rules.prompt import load_rules, read_prompt  # noqa: PLC0415

        if not as_json:
            refuse_target(report)
        folder = market.folder(lambda text: None)
        settings, (first, last) = market.settings(), market.days()
        path = prompt_path(self.prompt)
        text, rules = read_prompt(path), load_rules(path)
        with progress_bar() as bar, self._setup() as setup:
            task = bar.add_task({"ko": "배우는 중", "en": "learning"}[self.lang.value], total=None)
            panel = load_part(folder, None, last, tickers, rules.interval, allow_gaps=market.allow_gaps)
            start = first or _default_start(panel, last)
            run = run_learning(
                text,
                panel,
                settings,
                setup,
                start,
                last,
                on_week=lambda done, total: bar.update(task, completed=done, total=total),
            )
        self.tell(run, path, text, report, as_json=as_json)

    def tell(self, run: LearningRun, path: Path, text: str, report: Path, *, as_json: bool) -> None:
        """Into the ledger, if there is one, and to the user.

        Args:
            run: that is over.
            path: of the prompt it began with; `text` is what stood there.
            report: page to write.
            as_json: to standard output, without a page.
        """
        if self.ledger is not None:
            self._record(run, text, str(path))
        self._show(run, path, report, as_json=as_json)

    @contextlib.contextmanager
    def _setup(self) -> Iterator[LearningSetup]:
        from brokers.learning_replay import LearningSetup  # noqa: PLC0415

        gate, obeyed = self.gate.settings, self.gate.obeyed
        if self.writer is Writer.scripted:
            yield LearningSetup(gate=gate, obeyed=obeyed)
            return
        from engine.reflection.answers import ModelSettings  # noqa: PLC0415
        from engine.reflection.m2_analyse import ANALYSIS  # noqa: PLC0415

        model = self.model.run(self.ledger, self.lang)
        config = model.config(ANALYSIS)
        with model.transport(config) as transport:
            yield LearningSetup(
                asks=lambda clock: transport,
                settings=ModelSettings.of(config, self.lang.language),
                gate=gate,
                obeyed=obeyed,
                mask_seed=None if self.model.plain else self.model.seed,
            )

    def _record(self, run: LearningRun, text: str, label: str) -> None:
        """The learned account as a run, with every reflection and proposal."""
        from engine.clock import SystemClock  # noqa: PLC0415
        from engine.ledger.canonical import digest, plain  # noqa: PLC0415
        from engine.ledger.ledger import open_ledger  # noqa: PLC0415
        from engine.ledger.reflections import ReflectionRecord, record_reflection  # noqa: PLC0415
        from engine.ledger.runs import write_run  # noqa: PLC0415

        assert self.ledger is not None
        with open_ledger(self.ledger, SystemClock()) as ledger:
            run_id = write_run(ledger, run.result, kind="learning", label=label, prompt_text=text)
            for week in run.weeks:
                report = week.thought.report
                record_reflection(
                    ledger,
                    ReflectionRecord(
                        run_id=run_id,
                        time=week.time,
                        first=report.window.first,
                        last=report.window.last,
                        writer=run.writer,
                        status="failed" if week.thought.failure else "updated" if week.changed else "unchanged",
                        failure=week.thought.failure,
                        prompt_hash=digest(week.before),
                        new_prompt_hash=digest(week.after) if week.changed else None,
                        figures=plain(report),
                        analysis=week.thought.analysis.as_plain(),
                        proposals=week.thought.gated.proposals,
                    ),
                )

    def _show(self, run: LearningRun, path: Path, report: Path, *, as_json: bool) -> None:
        from engine.reflection.learning_html import write_learning  # noqa: PLC0415
        from engine.reflection.learning_terminal import print_learning  # noqa: PLC0415
        from engine.reflection.learning_view import TITLE, learning_json  # noqa: PLC0415
        from engine.reports.page import PageOptions  # noqa: PLC0415

        if as_json:
            typer.echo(json.dumps(learning_json(run), ensure_ascii=False, sort_keys=True))
            return
        console, lang = Console(), self.lang.language
        print_learning(console, run, lang)
        title = f"{TITLE(lang)}: {path.name}"
        written = write_learning(run, report, options=PageOptions(lang=lang, title=title))
        for place in (written, *([self.ledger] if self.ledger else ())):
            console.print(f"→ {place}", markup=False, highlight=False, soft_wrap=True)


def _default_start(panel: Panel, last: datetime.date | None) -> datetime.date:
    """A year before the end: what comes before is history for the gate."""
    end = last or panel.session_date(panel.rows - 1)
    year_before = end - datetime.timedelta(days=365)
    return max(year_before, panel.session_date(0))
