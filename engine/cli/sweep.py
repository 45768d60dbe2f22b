"""`geoul sweep`: many values of the constants of a rule set, and whether the best of them is more than luck."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from engine.cli.market_options import MarketOptions
from engine.cli.option_group import spread
from engine.cli.options import (
    DEFAULT_LEDGER,
    READING,
    JsonOption,
    Lang,
    LangOption,
    LedgerOption,
    PromptArgument,
    progress_bar,
    prompt_path,
)
from engine.cli.research_options import NewDatasetOption, WorkerOptions
from engine.cli.variants import VariantOptions
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.data.panel import Panel
    from engine.reports.sweep_view import SweepView
    from engine.research.sweep import Sweep
    from engine.rules.tree import RuleSet

DEFAULT_OUT = Path("reports/sweep")
INTERRUPTED = 130  # what a shell gives a command that Ctrl-C ended


@spread
def sweep_command(
    prompt: PromptArgument = None,
    *,
    variants: VariantOptions,
    market: MarketOptions,
    ledger: LedgerOption = DEFAULT_LEDGER,
    new_dataset: NewDatasetOption = False,
    out: Annotated[
        Path, typer.Option("--out", help="결과 폴더; 멈추면 여기서 이어짐 · folder of the results, resumed")
    ] = DEFAULT_OUT,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="폴더의 다른 탐색을 버림 · give up another sweep in the folder")
    ] = False,
    work: WorkerOptions,
    as_json: JsonOption = False,
    lang: LangOption = Lang.ko,
) -> None:
    """규칙의 상수를 바꿔 가며 시험 · sweep over the constants of the rules."""
    from engine.rules.prompt import load_rules  # noqa: PLC0415  (keeps --help fast)

    path = prompt_path(prompt)
    rules = load_rules(path)
    if not variants.vary:
        from engine.cli.sweep_constants import print_constants  # noqa: PLC0415

        print_constants(rules, lang=lang, as_json=as_json)
        return
    from engine.cli.sweep_run import SweepRun  # noqa: PLC0415  (loads the compiler)
    from engine.clock import SystemClock  # noqa: PLC0415
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415

    with progress_bar() as bar:
        task = bar.add_task(READING(lang.value), total=None)
        found = variants.read(
            rules,
            market,
            work.processes,
            check=lambda rules, panel: _check(rules, panel, *market.days()),
            announce=lambda text: bar.update(task, description=text),
            lang=lang,
        )
        _check_depth(found.sweep, found.panel)
        run = SweepRun(found.sweep, found.panel, found.source, out, variants.samples, variants.seed, bar, task, lang)
        run.refuse_target(overwrite=overwrite)
        with open_ledger(ledger, SystemClock()) as opened:
            try:
                view = run.all(opened, title=str(path), new=new_dataset, processes=work.processes, ray=work.ray)
            except KeyboardInterrupt:
                bar.stop()
                run.tell_stopped()
                raise typer.Exit(INTERRUPTED) from None
    _show(view, out, ledger, as_json=as_json, lang=lang)


def _check(rules: RuleSet, panel: Panel, first: datetime.date | None, last: datetime.date | None) -> None:
    """Refuse what could not run at all, before anything is written."""
    from engine.backtest import check_rules_fit, row_range  # noqa: PLC0415
    from engine.rules.findings import lookback_of_rule  # noqa: PLC0415

    check_rules_fit(rules, panel)
    _, end = row_range(panel, first, last)
    longest = max(rules.rules, key=lookback_of_rule)
    needed = lookback_of_rule(longest)
    if needed > end:
        raise BadInput(
            f"The rule {longest.id} looks back {needed:,} bars, but there are only {end:,} up to the last session. "
            "Give more data or a later --to."
        )


def _check_depth(sweep: Sweep, panel: Panel) -> None:
    """Refuse a grid with a variant that needs more history than there is: it would count as a trial of nothing."""
    from engine.backtest import row_range  # noqa: PLC0415
    from engine.research.sweep import window_values  # noqa: PLC0415
    from engine.rules.constants import all_constants, with_constants  # noqa: PLC0415
    from engine.rules.findings import lookback_of_rule  # noqa: PLC0415
    from engine.rules.problem import RuleProblem  # noqa: PLC0415

    _, end = row_range(panel, sweep.start, sweep.end)
    known = all_constants(sweep.rules)
    for point in window_values(sweep):
        try:
            needed = max(map(lookback_of_rule, with_constants(sweep.rules, point).rules))
        except RuleProblem:  # a point without a meaning, which the table will say
            continue
        if needed > end:
            values = ", ".join(f"{name}={known[name].write(value)}" for name, value in point.items())
            raise BadInput(
                f"With {values} a rule looks back {needed:,} bars, but there are only {end:,} up to the last session: "
                "it could not be judged. Narrow --vary, or give more data or a later --to."
            )


def _show(view: SweepView, out: Path, ledger: Path, *, as_json: bool, lang: Lang) -> None:
    from engine.cli.sweep_run import PAGE  # noqa: PLC0415
    from engine.reports.page import PageOptions  # noqa: PLC0415
    from engine.reports.sweep_html import write_sweep  # noqa: PLC0415
    from engine.reports.sweep_json import sweep_text  # noqa: PLC0415
    from engine.reports.sweep_terminal import print_sweep  # noqa: PLC0415
    from engine.research.sweep_store import TABLE  # noqa: PLC0415

    table: Any = out / TABLE
    if as_json:
        typer.echo(sweep_text(view, table=str(table), ledger=str(ledger)))
        return
    console = Console()
    print_sweep(console, view, lang=lang.value)
    page = write_sweep(view, out / PAGE, options=PageOptions(lang=lang.value))
    for place in (page, table, ledger):
        console.print(f"→ {place}", markup=False, highlight=False, soft_wrap=True)
