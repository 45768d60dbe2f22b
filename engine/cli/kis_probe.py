"""`geoul kis probe`: the open questions about KIS, asked of the real host; the adapter uses what is found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.cli.kis_options import ClockOption, EnvironmentOption, KisConfigOption, clock_chooser, environment_of
from engine.cli.options import Lang, LangOption
from engine.errors import BadInput


def probe_command(
    environment: EnvironmentOption = "paper",
    order: Annotated[
        bool, typer.Option("--order", help="모의투자에 1주 주문 후 바로 취소 · one order of one share, on paper only")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="결과 파일(기본: 토큰 폴더) · file of the findings")] = None,
    listen: Annotated[
        float, typer.Option("--listen", min=1, max=86_400, help="실시간을 듣는 초 · seconds to listen to the stream")
    ] = 30.0,
    ticker: Annotated[str, typer.Option("--ticker", help="물어볼 종목 · instrument that is asked about")] = "005930",
    rate: Annotated[
        bool, typer.Option("--rate/--no-rate", help="초당 호출 한도를 잽니다 · measure how many calls are borne")
    ] = True,
    file: KisConfigOption = None,
    clock: ClockOption = "system",
    lang: LangOption = Lang.ko,
) -> None:
    """문서에 없는 것을 KIS 서버에서 알아내어 적습니다(조회만) · ask the host what no document tells; read-only."""
    from brokers.kis.config import load_kis_config  # noqa: PLC0415  (keeps --help fast)
    from brokers.kis.probe import Probe, ProbeSettings  # noqa: PLC0415

    if out is not None and out.is_dir():
        raise BadInput(f"--out {out} is a folder. Give the path of a file.")
    options = {"findings": out} if out is not None else {}
    config = load_kis_config(environment_of(environment), variables=os.environ, path=file, options=options)
    now, sleep = clock_chooser(clock)(config)
    settings = ProbeSettings(ticker=ticker, order=order, listen_seconds=listen, rates=None if rate else ())
    probe = Probe(config, now, sleep, settings)
    korean = lang is Lang.ko
    table = Table(title="geoul kis probe", title_justify="left", show_lines=True)
    for head in ("질문", "알아낸 것", "근거") if korean else ("question", "finding", "evidence"):
        table.add_column(head, overflow="fold")
    progress = Console(stderr=True)
    with progress.status("…") as status:
        for answered in probe.run():
            question = answered.question_ko if korean else answered.question_en
            found = answered.finding_ko if korean else answered.finding_en
            status.update(escape(question))
            sign = "[yellow]?[/] " if answered.is_open else "[green]✓[/] "
            table.add_row(escape(question), sign + escape(found), escape(answered.evidence))
    path = config.findings_path
    probe.findings.save(path)
    console = Console()
    console.print(table)
    place = escape(str(path))
    console.print(f"적었습니다: {place}" if korean else f"Written to {place}", soft_wrap=True)
    if out is not None:
        console.print(
            f"이 파일을 쓰려면 kis_devlp.yaml의 geoul 아래에 findings: {place}"
            if korean
            else f"To use this file put findings: {place} under geoul in kis_devlp.yaml",
            soft_wrap=True,
        )
