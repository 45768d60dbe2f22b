"""`geoul audit`: does a rule set, or a strategy in Python, look into the future?"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.decider import prompt_or_strategy
from engine.cli.market_options import MarketOptions
from engine.cli.option_group import spread
from engine.cli.options import (
    READING,
    IntervalOption,
    JsonOption,
    Lang,
    LangOption,
    PromptArgument,
    SeedOption,
    StrategyOption,
    TickersOption,
    progress_bar,
)

if TYPE_CHECKING:
    import datetime

    from engine.config import BacktestConfig
    from engine.data.panel import Panel
    from engine.research.audit_bench import Run
    from engine.result import Result

LOOK_AHEAD = 1  # exit status


@spread
def audit_command(
    prompt: PromptArgument = None,
    *,
    strategy: StrategyOption = None,
    market: MarketOptions,
    cuts: Annotated[
        int, typer.Option("--cuts", help="미래를 바꿀 시점의 수 · bars after which the future changes")
    ] = 5,
    seed: SeedOption = 1,
    tickers: TickersOption = None,
    interval: IntervalOption = None,
    as_json: JsonOption = False,
    lang: LangOption = Lang.ko,
) -> None:
    """미래를 보는 규칙·전략 찾기 · look for look-ahead; exit status 1 if there is any."""
    from engine.reports.audit_json import audit_text  # noqa: PLC0415  (loads the compiler: keeps --help fast)
    from engine.reports.audit_terminal import print_audit  # noqa: PLC0415
    from engine.research.audit import audit  # noqa: PLC0415

    settings = market.settings()
    source = prompt_or_strategy(prompt, strategy, interval, verb="is audited")
    subject = _rules(source, settings) if isinstance(source, Path) else _strategy(source, interval, settings)
    first, last = market.days()
    with progress_bar() as bar:
        task = bar.add_task(READING(lang.value), total=None)

        def announce(text: str) -> None:
            bar.update(task, description=text)

        panel = market.source(announce, subject.interval, tickers).load()
        # Two worlds a cut, one that ends there, and those of the other checks; a finding takes more.
        planned = 3 * cuts + 8

        def tell(check: str, runs: int) -> None:
            bar.update(task, description=_STAGES[check][lang.value], completed=runs, total=max(planned, runs + 1))

        found = audit(
            subject.run,
            panel,
            first,
            last,
            cuts=cuts,
            seed=seed,
            lookback_bars=subject.lookback(panel),
            source=subject.source,
            on_progress=tell,
        )
    if as_json:
        typer.echo(audit_text(found, title=subject.title))
    else:
        print_audit(Console(), found, title=subject.title, interval=panel.interval, lang=lang.language)
    if not found.passed:
        raise typer.Exit(LOOK_AHEAD)


_STAGES = {
    "repeat": {"ko": "같은 실행을 두 번", "en": "the same run twice"},
    "future": {"ko": "미래 값을 바꿈", "en": "changing the future"},
    "history": {"ko": "데이터를 중간에서 끊음", "en": "cutting the data off"},
    "names": {"ko": "나중에 상장한 종목을 뺌", "en": "leaving later listings out"},
    "start": {"ko": "데이터를 늦게 시작", "en": "beginning the data later"},
}


@dataclass(frozen=True)
class _Subject:
    """What is audited.

    Args:
        title: where it came from, as the user knows it.
        interval: of the bars it wants; None takes those of the data.
        run: a backtest of it, fresh every time.
        lookback: rows of history that it declares on a panel.
        source: what its file does outside the view.
    """

    title: str
    interval: str | None
    run: Run
    lookback: Callable[[Panel], int]
    source: tuple[tuple[int, str], ...] = ()


def _rules(path: Path, settings: BacktestConfig) -> _Subject:
    from engine.backtest import backtest  # noqa: PLC0415  (loads the compiler)
    from engine.research.audit_start import declared_lookback  # noqa: PLC0415
    from engine.rules.program import compile_rules  # noqa: PLC0415
    from engine.rules.prompt import load_rules  # noqa: PLC0415

    rules = load_rules(path)

    def lookback(panel: Panel) -> int:
        features = compile_rules(rules, price_scale=panel.manifest.price_scale).features
        return declared_lookback(features, panel.interval)

    return _Subject(
        title=str(path),
        interval=rules.interval,
        run=lambda panel, start, end: backtest(rules, panel, settings, start, end),
        lookback=lookback,
    )


def _strategy(source: str, interval: str | None, settings: BacktestConfig) -> _Subject:
    from brokers.replay import replay  # noqa: PLC0415  (loads the compiler)
    from engine.cli.load_strategy import errors_of, load_strategy  # noqa: PLC0415
    from engine.research.audit_source import outside_reads  # noqa: PLC0415
    from engine.research.audit_start import declared_lookback  # noqa: PLC0415
    from engine.rules.annotate import annotate  # noqa: PLC0415
    from engine.rules.parse import parse_expression  # noqa: PLC0415

    # One class and many objects: what a strategy keeps outside its object shows as a run that cannot be repeated.
    kind = type(load_strategy(source))
    nodes = [annotate(parse_expression(text)) for text in kind.features.values()]

    def run(panel: Panel, start: datetime.date | None, end: datetime.date | None) -> Result:
        with errors_of(kind):
            return replay(kind(), panel, settings, start, end)

    return _Subject(
        title=source,
        interval=interval,
        run=run,
        lookback=lambda panel: declared_lookback(nodes, panel.interval),
        source=outside_reads(Path(inspect.getfile(kind)).read_text(encoding="utf-8")),
    )
