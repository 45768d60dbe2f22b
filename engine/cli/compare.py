"""`geoul compare`: what a change of the rules changes, on the same data with the same configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.compare_model import Replay, ReplayOption, model_comparison
from engine.cli.market_options import MarketOptions
from engine.cli.model_run import ModelMode, ModelOptions, print_estimate
from engine.cli.option_group import spread
from engine.cli.options import JsonOption, Lang, LangOption, ReportOption, progress_bar
from engine.cli.revisions import PromptSource, at_revision, read_source
from engine.errors import BadInput
from engine.result import Result
from engine.rules.tree import RuleSet

if TYPE_CHECKING:
    from engine.metrics.comparison import Comparison


@spread
def compare_command(
    old: Annotated[str | None, typer.Argument(help="이전 프롬프트: 파일 또는 REV:파일 · old prompt")] = None,
    new: Annotated[str | None, typer.Argument(help="새 프롬프트: 파일 또는 REV:파일 · new prompt")] = None,
    revisions: Annotated[
        tuple[str, str, str] | None,
        typer.Option("--revisions", metavar="A B FILE", help="한 파일의 두 git 리비전 · two revisions of one file"),
    ] = None,
    *,
    market: MarketOptions,
    report: ReportOption = Path("reports/compare.html"),
    effects: Annotated[
        bool, typer.Option("--effects/--no-effects", help="변경 하나씩 따로 실행 · run each change alone")
    ] = True,
    replay: ReplayOption = Replay.overlay,
    model: ModelOptions,
    as_json: JsonOption = False,
    lang: LangOption = Lang.ko,
) -> None:
    """규칙 변경의 효과 비교 · compare two prompts or two revisions of one."""
    from engine.data.atomic import refuse_target  # noqa: PLC0415  (keeps --help fast)
    from engine.metrics.comparison import compare_rules  # noqa: PLC0415

    sources = prompt_pair(old, new, revisions, Path())
    before, after = (rules_of(source) for source in sources)
    if not as_json:
        refuse_target(report)
    names = (sources[0].name, sources[1].name)
    if model.plans:
        texts = (sources[0].text, sources[1].text)
        told = _with_the_model((before, after), texts, market, model, replay, lang)
    else:
        with progress_bar() as progress:
            task = progress.add_task("…", total=None)

            def announce(text: str) -> None:
                progress.update(task, description=text)

            told = compare_rules(before, after, runner(market, announce), effects=effects, announce=announce)
    if told is not None:
        _show(told, names, report, lang, as_json=as_json)


def _with_the_model(
    rules: tuple[RuleSet, RuleSet],
    texts: tuple[str, str],
    market: MarketOptions,
    model: ModelOptions,
    replay: Replay,
    lang: Lang,
) -> Comparison | None:
    """Both prompts with one model; None where only the price was asked for."""
    both = model_comparison(model.run(None, lang), rules, market)
    sides = (rules[0], texts[0]), (rules[1], texts[1])
    if replay is Replay.overlay:
        return both.overlay(*sides)
    if model.only_estimate or model.mode is ModelMode.replay:
        cost, recorded = both.price(*sides)
        if model.only_estimate or cost.calls:
            print_estimate(Console(), cost, recorded, lang)
            if not model.only_estimate:
                raise BadInput("Nothing was asked. To ask for this price, add --mode record.")
            return None
    return both.reask(*sides)


def _show(comparison: Comparison, names: tuple[str, str], report: Path, lang: Lang, *, as_json: bool) -> None:
    from engine.reports.comparison_html import write_comparison  # noqa: PLC0415  (keeps --help fast)
    from engine.reports.comparison_terminal import print_comparison  # noqa: PLC0415
    from engine.reports.json import comparison_text  # noqa: PLC0415
    from engine.reports.page import PageOptions  # noqa: PLC0415

    if as_json:
        typer.echo(comparison_text(comparison, names=names, lang=lang.value))
        return
    console = Console()
    print_comparison(console, comparison, names=names, lang=lang.value)
    path = write_comparison(comparison, report, names=names, options=PageOptions(lang=lang.value))
    console.print(f"\nHTML: {path}", markup=False, highlight=False, soft_wrap=True)


def runner(market: MarketOptions, announce: Callable[[str], None]) -> Callable[[RuleSet], Result]:
    """A function that backtests a rule set on one dataset; each interval is loaded once."""
    from engine.backtest import backtest  # noqa: PLC0415  (loads the compiler)
    from engine.data.panel import Panel, load_part  # noqa: PLC0415

    settings, (start, end) = market.settings(), market.days()
    folder = market.folder(announce)
    panels: dict[str, Panel] = {}

    def run(rules: RuleSet) -> Result:
        if rules.interval not in panels:
            panels[rules.interval] = load_part(
                folder, start, end, interval=rules.interval, allow_gaps=market.allow_gaps
            )
        return backtest(rules, panels[rules.interval], settings, start, end)

    return run


def rules_of(source: PromptSource) -> RuleSet:
    """The checked rules of a prompt; a problem names the source."""
    from engine.rules.problem import RuleProblem  # noqa: PLC0415
    from engine.rules.prompt import load_rules_text  # noqa: PLC0415

    try:
        return load_rules_text(source.text)
    except RuleProblem as problem:
        raise problem.found_in(source.name, problem.source) from None


def prompt_pair(
    old: str | None, new: str | None, revisions: tuple[str, str, str] | None, folder: Path
) -> tuple[PromptSource, PromptSource]:
    """The two prompts of the command line: two sources, or two revisions of one file.

    Raises:
        BadInput: neither or both forms were given, or a source cannot be read.
    """
    if revisions and (old or new):
        raise BadInput("Give two prompts, or --revisions A B FILE, not both.")
    if revisions:
        first, second, path = revisions
        return at_revision(first, path, folder), at_revision(second, path, folder)
    if not old or not new:
        raise BadInput(
            "geoul compare needs two prompts: `geoul compare OLD.md NEW.md`, "
            "`geoul compare HEAD~1:prompts/core_decision_prompt.md prompts/core_decision_prompt.md`, "
            "or `geoul compare --revisions HEAD~1 HEAD prompts/core_decision_prompt.md`."
        )
    return read_source(old, folder), read_source(new, folder)
