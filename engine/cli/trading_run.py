"""A trader in this process: started, told to stop by signals, and shown line by line."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from engine.cli.graceful_stop import stop_on_signals
from engine.cli.model_run import PlannerKind
from engine.cli.options import Lang, progress_bar
from engine.cli.trading_planner import planner_of

if TYPE_CHECKING:
    from brokers.kis.config import KisConfig
    from engine.clock import Clock
    from engine.config import BacktestConfig
    from engine.trading.account_jobs import RegularWork


def trade(
    *,
    folder: Path,
    keys: KisConfig,
    now: Clock,
    sleep: Callable[[float], None],
    prompt: Path,
    settings: BacktestConfig,
    tickers: Sequence[str] | None,
    adopt: bool,
    once: bool,
    sessions: int | None,
    lang: Lang,
    work: RegularWork,
    metrics_port: int | None = None,
    planner: PlannerKind = PlannerKind.rules,
    model_config: Path | None = None,
) -> None:
    """Trade until a signal, one decision (`once`), so many sessions, or the end of a served market."""
    from brokers.kis_trading.account_folder import LEDGER  # noqa: PLC0415  (keeps --help fast)
    from brokers.kis_trading.opening import open_trading  # noqa: PLC0415
    from brokers.kis_trading.plan import TradingPlan  # noqa: PLC0415
    from engine.ledger.equity import equity_points  # noqa: PLC0415
    from engine.trading.autonomy import NAMES  # noqa: PLC0415
    from engine.trading.supervisor_texts import LEVEL_SET  # noqa: PLC0415

    console = Console(highlight=False)

    def tell(line: str) -> None:
        console.print(f"[dim]{now.now():%m-%d %H:%M:%S}[/dim] ", end="")
        console.print(line, markup=False, soft_wrap=True)

    stopped = stop_on_signals()
    with ExitStack() as stack:
        with progress_bar() as bar:
            task = bar.add_task("", total=None)
            plan = TradingPlan(
                folder=folder,
                config=keys,
                prompt=prompt,
                settings=settings,
                tickers=tickers,
                clock=now,
                sleep=sleep,
                adopt=adopt,
                planner=planner_of(planner, model_config, folder / LEDGER, keys, lang, stack),
                tell=tell,
                progress=lambda what, done, total: bar.update(
                    task, description=f"KIS {what}", completed=done, total=total or None
                ),
                lang=lang.language,
                work=work,
            )
            trading = stack.enter_context(open_trading(plan))
        if metrics_port is not None:
            from engine.trading.health_http import HealthServer  # noqa: PLC0415

            server = HealthServer(lambda: trading.monitor.snapshot, plan.steady, metrics_port)
            stack.callback(server.close)
            tell(f"{server.url}/metrics")
        _start_courier(stack, folder, now, tell, lang)
        before = len(equity_points(trading.ledger))
        level = trading.supervisor.level
        tell(LEVEL_SET(lang.language).format(level=level.value, name=NAMES[level](lang.language)))

        def stop() -> bool:
            if stopped() or (once and trading.trader.cycles_run > 0):
                return True
            return sessions is not None and len(equity_points(trading.ledger)) - before >= sessions

        trading.run(stop)


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
    stack.callback(courier.close)
