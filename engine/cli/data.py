"""`geoul data`: import, check, describe, make and download datasets, and record the live stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from engine.cli.data_bars import bars_command
from engine.cli.data_download import download_command
from engine.cli.data_record import record_command
from engine.cli.dataset_view import print_dataset
from engine.cli.options import Lang, LangOption
from engine.data import catalog
from engine.data.manifest import FILE_NAME

app = typer.Typer(help="시세 데이터 · datasets", no_args_is_help=True)
app.command("download")(download_command)
app.command("record")(record_command)
app.command("bars")(bars_command)

SEVERITY = {
    "error": ("[bold red]오류[/]", "[bold red]error[/]"),
    "warning": ("[yellow]주의[/]", "[yellow]warning[/]"),
    "info": ("[dim]정보[/]", "[dim]info[/]"),
}


AdjustedOption = Annotated[
    bool | None,
    typer.Option("--adjusted/--unadjusted", help="수정주가 여부 (기본: 자동 판별) · prices are back-adjusted or raw"),
]
MarketOption = Annotated[
    str | None,
    typer.Option(
        "--market", help="KOSPI·KOSDAQ·KONEX 또는 종목-시장 파일 · a market, or a file with ticker and market"
    ),
]
IndexOption = Annotated[Path | None, typer.Option("--index", help="지수 파일 · file with index series")]
ActionsOption = Annotated[
    Path | None,
    typer.Option("--actions", help="권리락·분할 파일 (date, ticker, ratio, cash) · stated corporate actions"),
]
DividendsOption = Annotated[
    Path | None,
    typer.Option(
        "--dividends",
        help="주식 현금배당 파일 (배당락일 date, ticker, 주당 원 cash, 지급일 pay_date) · cash dividends of stocks",
    ),
]
IntervalOption = Annotated[
    str | None, typer.Option("--interval", help="1d, 1w, 1m, 5m … (기본: 자동 판별) · interval of the bars")
]
ProductOption = Annotated[
    str | None, typer.Option("--product", help="STOCK, ETF, ETN, ELW (모르는 종목에 적용) · product where unknown")
]
TickerOption = Annotated[
    str | None, typer.Option("--ticker", help="종목코드 열이 없는 파일의 종목 · ticker of files without that column")
]
StampOption = Annotated[
    str | None, typer.Option("--stamp", help="분봉 시각의 뜻: open·close · what minute stamps name")
]
PadOption = Annotated[bool, typer.Option("--pad-tickers", help="잃어버린 앞자리 0 복원 · put lost leading zeros back")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="기존 데이터셋 교체 · replace an existing dataset")]


@app.command("import")
def import_command(
    paths: Annotated[list[str], typer.Argument(help="원본 파일·폴더·패턴 … 대상 폴더 · SOURCE … DEST")],
    adjusted: AdjustedOption = None,
    market: MarketOption = None,
    index: IndexOption = None,
    actions: ActionsOption = None,
    dividends: DividendsOption = None,
    interval: IntervalOption = None,
    product: ProductOption = None,
    ticker: TickerOption = None,
    stamp: StampOption = None,
    pad_tickers: PadOption = False,
    drop_bad: Annotated[
        bool, typer.Option("--drop-bad", help="잘못된 행을 빼고 보고서를 남김 · leave bad rows out, with a report")
    ] = False,
    overwrite: OverwriteOption = False,
    lang: LangOption = Lang.ko,
) -> None:
    """CSV·Parquet 시세를 데이터셋으로 가져오기 · import CSV or Parquet files into a dataset."""
    from engine.data.importer import DROPPED, import_dataset  # noqa: PLC0415  (keeps --help fast)
    from engine.errors import BadInput  # noqa: PLC0415

    if len(paths) < 2:
        raise BadInput(
            "geoul data import needs a source and a destination: `geoul data import prices.csv datasets/mine`."
        )
    *sources, destination = paths
    options = _options(
        adjusted, market, index, actions, dividends, interval, product, ticker, stamp, pad_tickers, drop_bad, overwrite
    )
    with _progress() as tell:
        result = import_dataset(sources, Path(destination), options, tell)
    console = Console()
    print_dataset(console, Path(destination), result.manifest, lang.language)
    if result.dropped:
        text = f"{result.dropped:,}개 행을 뺐습니다" if lang is Lang.ko else f"{result.dropped:,} rows were dropped"
        console.print(f"[yellow]{text}: {escape(str(Path(destination) / DROPPED))}[/]")


@app.command("check")
def check_command(
    target: Annotated[list[str], typer.Argument(help="데이터셋 폴더 또는 원본 파일 · a dataset, or files to import")],
    adjusted: AdjustedOption = None,
    market: MarketOption = None,
    interval: IntervalOption = None,
    product: ProductOption = None,
    ticker: TickerOption = None,
    stamp: StampOption = None,
    pad_tickers: PadOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON으로 출력 · print JSON")] = False,
    lang: LangOption = Lang.ko,
) -> None:
    """데이터 품질 검사 (오류가 있으면 종료 상태 1) · check the quality; exit status 1 on errors."""
    from engine.data.quality import check_dataset, check_source  # noqa: PLC0415

    if len(target) == 1 and (Path(target[0]) / FILE_NAME).is_file():
        report = check_dataset(Path(target[0]))
    else:
        beside = (None, None, None)  # indices, actions and dividends are no question of a check
        options = _options(adjusted, market, *beside, interval, product, ticker, stamp, pad_tickers, True, False)
        with _progress() as tell:
            report = check_source(target, options, tell)
    if as_json:
        typer.echo(json.dumps(_report_json(report), ensure_ascii=False, indent=2))
    else:
        _print_report(Console(), report, lang.language)
    raise typer.Exit(1 if report.errors else 0)


@app.command("sample")
def sample_command(
    destination: Annotated[Path, typer.Argument(help="대상 폴더 · destination")],
    tickers: Annotated[int | None, typer.Option(help="종목 수 (일봉 200, 분봉 1) · number of tickers")] = None,
    years: Annotated[int, typer.Option(help="연수 · years of sessions until 2024")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="난수 씨앗 · seed")] = 1,
    interval: Annotated[str, typer.Option(help="1d 또는 1m · 1d or 1m")] = "1d",
    overwrite: OverwriteOption = False,
    lang: LangOption = Lang.ko,
) -> None:
    """합성 시장 만들기 (실제 시세가 아님) · make a synthetic market, not real prices."""
    from engine.data.atomic import refuse_existing  # noqa: PLC0415
    from engine.errors import BadInput  # noqa: PLC0415

    refuse_existing(destination, overwrite=overwrite)
    if interval == "1d":
        from engine.data.sample import make_sample  # noqa: PLC0415

        tickers = 200 if tickers is None else tickers
        manifest = make_sample(destination, tickers=tickers, years=years, seed=seed, overwrite=overwrite)
    elif interval == "1m":
        from engine.data.sample_minutes import make_minute_sample  # noqa: PLC0415

        tickers = 1 if tickers is None else tickers
        manifest = make_minute_sample(destination, tickers=tickers, years=years, seed=seed, overwrite=overwrite)
    else:
        raise BadInput(
            f"--interval {interval!r}: a sample has bars of 1d or 1m; coarser bars are made when it is loaded."
        )
    print_dataset(Console(), destination, manifest, lang.language)


@app.command("info")
def info_command(
    dataset: Annotated[Path, typer.Argument(help="데이터셋 폴더 · a dataset")], lang: LangOption = Lang.ko
) -> None:
    """데이터셋 요약 · describe a dataset."""
    folder, manifest = catalog.open_dataset(dataset)
    print_dataset(Console(), folder, manifest, lang.language)


def _options(
    adjusted: bool | None,
    market: str | None,
    index: Path | None,
    actions: Path | None,
    dividends: Path | None,
    interval: str | None,
    product: str | None,
    ticker: str | None,
    stamp: str | None,
    pad_tickers: bool,
    drop_bad: bool,
    overwrite: bool,
) -> Any:
    from engine.data.import_options import ImportOptions  # noqa: PLC0415
    from engine.errors import BadInput  # noqa: PLC0415

    if stamp not in (None, "open", "close"):
        raise BadInput(f"--stamp {stamp!r}: say open or close.")
    reference = Path(market) if market and Path(market).is_file() else None
    if market and reference is None and (Path(market).suffix or Path(market).name != market):
        raise BadInput(f"--market {market}: there is no such file. Give KOSPI, KOSDAQ, KONEX or a file.")
    return ImportOptions(
        adjusted=adjusted,
        market=None if reference else market,
        reference=reference,
        index=index,
        actions=actions,
        dividends=dividends,
        interval=interval,
        product=product.upper() if product else None,
        ticker=ticker,
        stamp=stamp,
        pad_tickers=pad_tickers,
        drop_bad=drop_bad,
        overwrite=overwrite,
    )


@contextmanager
def _progress() -> Iterator[Any]:
    """A progress bar on standard error; it disappears when done."""
    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("…", total=None)

        def tell(what: str, done: int, total: int) -> None:
            progress.update(task, description=escape(what), completed=done, total=total)

        yield tell


def _print_report(console: Console, report: Any, lang: str) -> None:
    from engine.data.quality import CHECKS  # noqa: PLC0415

    korean = lang == "ko"
    heads = ("", "검사", "건수", "처음 몇 건") if korean else ("", "check", "count", "first examples")
    table = Table(title=escape(report.manifest.name), title_justify="left")
    table.add_column(heads[0], no_wrap=True)
    table.add_column(heads[1], max_width=34, overflow="fold")
    table.add_column(heads[2], justify="right", no_wrap=True)
    table.add_column(heads[3], overflow="fold")
    for finding in report.findings:
        _, korean_text, english_text = CHECKS[finding.code]
        table.add_row(
            SEVERITY[finding.severity][not korean],
            korean_text if korean else english_text,
            f"{finding.count:,}",
            escape("\n".join(finding.examples)),
        )
    if report.findings:
        console.print(table)
    for code, reason in report.not_checked.items():
        text = CHECKS[code][1 if korean else 2]
        console.print(f"[dim]· {'검사하지 않음' if korean else 'not checked'}: {text} ({escape(reason)})[/]")
    summary = (
        f"오류 {report.errors}종, 주의 {report.warnings}종"
        if korean
        else f"{report.errors} kinds of errors, {report.warnings} kinds of warnings"
    )
    console.print(f"[bold]{summary}[/]")


def _report_json(report: Any) -> dict[str, Any]:
    return {
        "dataset": report.manifest.name,
        "errors": report.errors,
        "warnings": report.warnings,
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity,
                "count": finding.count,
                "examples": list(finding.examples),
            }
            for finding in report.findings
        ],
        "not_checked": report.not_checked,
    }
