"""A trader in this process: started, told to stop by signals, and shown line by line."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from engine.cli.graceful_stop import leaving_when_stopped, stop_on_signals
from engine.cli.options import Lang, progress_bar, prompt_path
from engine.cli.trading_options import TradingOptions
from engine.cli.trading_planner import planner_of
from engine.errors import NotNow
from engine.reports.language import Text

_LAST_SECONDS = 5.0  # for the channels, which look once a second, to tell why the trader ends
_STOPPED = Text(
    "거래를 끝냈습니다. 지금 모습: geoul status {folder} · 재생과 비교: geoul mirror {folder}",
    "Trading has stopped. To see the account: geoul status {folder}; beside its replay: geoul mirror {folder}",
)

if TYPE_CHECKING:
    from brokers.kis.config import KisConfig
    from brokers.kis_trading.trading import Trading
    from engine.clock import Clock
    from engine.config import BacktestConfig
    from engine.trading.account_jobs import RegularWork


def trade(
    folder: Path,
    venue: tuple[KisConfig, Clock, Callable[[float], None]],
    prompt: Path | None,
    settings: BacktestConfig,
    work: RegularWork,
    options: TradingOptions,
) -> None:
    """Trade until a signal, one decision (`once`), so many sessions, or the end of a served market."""
    from brokers.kis_trading.account_folder import LEDGER  # noqa: PLC0415  (keeps --help fast)
    from brokers.kis_trading.opening import open_trading  # noqa: PLC0415
    from brokers.kis_trading.plan import TradingPlan  # noqa: PLC0415
    from engine.trading.autonomy import NAMES  # noqa: PLC0415
    from engine.trading.supervisor_texts import LEVEL_SET  # noqa: PLC0415

    console, lang = Console(highlight=False), options.lang
    keys, now, sleep = venue

    def tell(line: str) -> None:
        # As it is: what is laid out stays in rich's memory, line by line.
        console.out(f"{now.now():%m-%d %H:%M:%S}", style="dim", end=" ", highlight=False)
        console.out(line, highlight=False)

    if kept := options.names_kept(folder):
        tell(kept)
    stopped = stop_on_signals()
    with leaving_when_stopped(stopped), ExitStack() as stack:
        stack.enter_context(passing_troubles())
        delivers = (folder / LEDGER).is_file()
        if delivers:  # before anything can fail: why a start fails is told too
            _start_courier(stack, folder, now, tell, lang)
        with progress_bar() as bar:
            task = bar.add_task("", total=None)
            plan = TradingPlan(
                folder=folder,
                config=keys,
                prompt=prompt_path(prompt),
                settings=settings,
                tickers=options.names(folder),
                clock=now,
                sleep=sleep,
                adopt=options.adopt,
                planner=planner_of(options.planner, options.model_config, folder / LEDGER, keys, lang, stack),
                tell=tell,
                progress=lambda what, done, total: bar.update(
                    task, description=f"KIS {what}", completed=done, total=total or None
                ),
                lang=lang.language,
                work=work,
            )
            trading = stack.enter_context(open_trading(plan))
        if options.metrics_port is not None:
            from engine.trading.health_http import HealthServer  # noqa: PLC0415

            server = HealthServer(lambda: trading.monitor.snapshot, plan.steady, options.metrics_port)
            stack.callback(server.close)
            tell(f"{server.url}/metrics")
        if not delivers:
            _start_courier(stack, folder, now, tell, lang)
        level = trading.supervisor.level
        tell(LEVEL_SET(lang.language).format(level=level.value, name=NAMES[level](lang.language)))
        trading.run(_until_done(trading, stopped, once=options.once, sessions=options.sessions))
        tell(_STOPPED(lang.language).format(folder=folder))


@contextmanager
def passing_troubles() -> Iterator[None]:
    """A disk that is full, or a file that is held by another program: a service tries again, it may be over soon."""
    from engine.ledger.connection import LedgerError  # noqa: PLC0415

    try:
        yield
    except (LedgerError, OSError) as error:
        raise NotNow(str(error)) from error


def _until_done(
    trading: Trading, stopped: Callable[[], bool], *, once: bool, sessions: int | None
) -> Callable[[], bool]:
    """Whether to stop: told to, decided once, or so many sessions have been booked since."""
    from engine.ledger.equity import equity_points  # noqa: PLC0415

    before = len(equity_points(trading.ledger))

    def stop() -> bool:
        if stopped() or (once and trading.trader.cycles_run > 0):
            return True
        return sessions is not None and len(equity_points(trading.ledger)) - before >= sessions

    return stop


def _start_courier(stack: ExitStack, folder: Path, now: Clock, tell: Callable[[str], None], lang: Lang) -> None:
    """Deliver alerts and reports to the channels of `geoul.yaml`, from threads of their own."""
    from brokers.kis.world_clock import WorldClock  # noqa: PLC0415
    from engine.notify.courier import Courier  # noqa: PLC0415
    from engine.notify.settings import load_notify_settings  # noqa: PLC0415

    settings = load_notify_settings(None, os.environ)
    if not settings.channels:
        return
    # A world's clock has a connection of its own, which is not for several threads.
    clock = now.twin() if isinstance(now, WorldClock) else now
    courier = Courier(folder, settings, clock, tell=tell, lang=lang.language)
    courier.start()

    def close(kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, Exception):
            time.sleep(_LAST_SECONDS)
        courier.close()

    stack.push(close)
