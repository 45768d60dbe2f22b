"""`geoul paper`: the rules on the paper account, or on a replayed market behind `geoul serve`, on the timetable."""

from __future__ import annotations

import hashlib
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.kis import clock_chooser
from engine.cli.options import (
    CashOption,
    ConfigOption,
    DataOption,
    Lang,
    LangOption,
    PromptArgument,
    TickersOption,
    configure,
    progress_bar,
    prompt_path,
)
from engine.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


FOLDER = Path("geoul-paper")
_FILE = "kis_devlp.yaml"
_APP_KEY, _APP_SECRET = 36, 180  # characters, as KIS's own


def paper_command(
    prompt: PromptArgument = None,
    folder: Annotated[
        Path, typer.Option("--folder", help="계좌 폴더: 장부와 시세 · the account's folder: ledger and history")
    ] = FOLDER,
    world: Annotated[
        str | None,
        typer.Option("--world", metavar="URL", help="geoul serve의 주소(키 없이 바로) · a market of geoul serve"),
    ] = None,
    kis_config: Annotated[
        Path | None, typer.Option("--kis-config", help="kis_devlp.yaml 경로 · the official configuration file")
    ] = None,
    clock: Annotated[
        str, typer.Option("--clock", help="system 컴퓨터 시각 · world geoul serve의 시각 · whose time")
    ] = "system",
    tickers: TickersOption = None,
    universe: Annotated[
        Path | None, typer.Option("--universe", help="종목코드 파일(한 줄에 하나) · a file of tickers, one a line")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    cash: CashOption = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="이미 보유한 종목도 맡김 · what is held already is traded too")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="판단 한 번만 하고 끝냄 · one decision, then stop")] = False,
    sessions: Annotated[
        int | None, typer.Option("--sessions", min=1, help="이만큼의 거래일 뒤에 끝냄 · stop after so many sessions")
    ] = None,
    lang: LangOption = Lang.ko,
) -> None:
    """모의투자 계좌에서 시간표대로 거래합니다 · trade the paper account on the exchange's timetable."""
    from brokers.kis.config import load_kis_config  # noqa: PLC0415  (keeps --help fast)
    from brokers.kis_trading import TradingPlan, open_trading  # noqa: PLC0415
    from engine.ledger.equity import equity_points  # noqa: PLC0415

    if cash is not None:
        raise BadInput("--cash: the account's money is what the venue says. Leave it out.")
    settings = configure(config, None)
    folder.mkdir(parents=True, exist_ok=True)
    path, whose = (kis_config, clock) if world is None else (_keys_for(world, folder), "world")
    options = {"token_folder": folder / "tokens"}
    keys = load_kis_config("paper", variables=os.environ if world is None else {}, path=path, options=options)
    now, sleep = clock_chooser(whose)(keys)
    console = Console(highlight=False)

    def tell(line: str) -> None:
        console.print(f"[dim]{now.now():%m-%d %H:%M:%S}[/dim] ", end="")
        console.print(line, markup=False, soft_wrap=True)

    stopped = _stop_on_signals()
    with ExitStack() as stack:
        with progress_bar() as bar:
            task = bar.add_task("", total=None)
            plan = TradingPlan(
                folder=folder,
                config=keys,
                prompt=prompt_path(prompt),
                settings=settings,
                tickers=_names(folder, tickers, universe, data),
                clock=now,
                sleep=sleep,
                adopt=adopt,
                tell=tell,
                progress=lambda what, done, total: bar.update(
                    task, description=f"KIS {what}", completed=done, total=total or None
                ),
                lang=lang.language,
            )
            trading = stack.enter_context(open_trading(plan))
        before = len(equity_points(trading.ledger))

        def stop() -> bool:
            if stopped() or (once and trading.trader.cycles_run > 0):
                return True
            return sessions is not None and len(equity_points(trading.ledger)) - before >= sessions

        trading.run(stop)


def _stop_on_signals() -> Callable[[], bool]:
    """Ends the loop at the next turn; a second signal ends the process as usual."""
    seen: list[int] = []

    def note(number: int, _: object) -> None:
        seen.append(number)
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
        signal.siginterrupt(number, True)
    return lambda: bool(seen)


def _keys_for(url: str, folder: Path) -> Path:
    """A configuration file for a served market, which takes any keys; made once, for this folder's own account."""
    from brokers.kis.private_files import write_private  # noqa: PLC0415

    path = folder / _FILE
    if not path.is_file():
        mark = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()
        socket = "ws" + url.removeprefix("http") if url.startswith("http") else url
        values = {
            "paper_app": f"GEOUL{mark}"[:_APP_KEY].ljust(_APP_KEY, "0"),
            "paper_sec": (mark * 4)[:_APP_SECRET],
            "my_paper_stock": f"5{int(mark[:12], 16) % 10**7:07}",
            "my_htsid": f"geoul{mark[:6]}",
            "my_prod": "01",
            "prod": url.rstrip("/"),
            "vps": url.rstrip("/"),
            "ops": socket.rstrip("/"),
            "vops": socket.rstrip("/"),
        }
        write_private(path, "".join(f'{key}: "{value}"\n' for key, value in values.items()))
    return path


def _names(
    folder: Path, tickers: Sequence[str] | None, universe: Path | None, data: Path | None
) -> Sequence[str] | None:
    """The names of the first start; None afterwards, when the account's own history says it."""
    from engine.cli.dataset import dataset_folder  # noqa: PLC0415

    if tickers:
        return list(tickers)
    if universe is not None:
        try:
            lines = universe.read_text(encoding="utf-8-sig").splitlines()
        except OSError as error:
            raise BadInput(f"The list of names {universe} cannot be read: {error.strerror}.") from None
        return [word for line in lines if (word := line.split("#")[0].strip().split(",")[0])]
    if (folder / "data" / "manifest.json").is_file():
        return None
    import polars as pl  # noqa: PLC0415

    source = dataset_folder(data, lambda text: None)
    found = pl.read_parquet(source / "instruments.parquet").filter(pl.col("delisted").is_null())
    return found["ticker"].to_list()
