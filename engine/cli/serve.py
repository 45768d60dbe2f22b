"""`geoul serve`: the KIS-compatible server in front of a replayed market."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.options import (
    READING,
    CashOption,
    ConfigOption,
    DataOption,
    FromOption,
    GapsOption,
    IntervalOption,
    Lang,
    LangOption,
    SeedOption,
    TickersOption,
    configure,
    progress_bar,
)
from engine.cli.serve_greeting import greeting
from engine.clock import SystemClock
from engine.errors import BadInput

if TYPE_CHECKING:
    import datetime

    from brokers.kis_server.faults import FaultRule
    from engine.data.panel import Panel

_SPEED = 60.0  # a session in six and a half minutes
_HISTORY = 250  # sessions that are traded when nobody says from when on: the last year of the data


def serve_command(
    data: DataOption = None,
    daily: Annotated[
        Path | None,
        typer.Option(
            "--daily",
            help="--data가 기록 폴더일 때 종목과 그전 일봉의 데이터셋 · with a recording as --data: dataset of its "
            "instruments and the daily bars before it",
        ),
    ] = None,
    start: FromOption = None,
    accounts: Annotated[
        Path | None, typer.Option("--accounts", help="계좌·한도 YAML(기본: 누구나) · accounts and limits")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="주소(기본: 이 컴퓨터만) · address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="포트 · port")] = 8700,
    key: Annotated[str, typer.Option("--key", help="모든 경로 앞에 붙일 열쇠 · key in front of every path")] = "",
    speed: Annotated[
        float | None,
        typer.Option("--speed", min=0, help="시간의 속도: 0 멈춤, 1 실시간, N배(기본 60) · speed of time"),
    ] = None,
    as_today: Annotated[
        bool,
        typer.Option("--as-today", help="재생하는 첫 날을 오늘 날짜로 · the first replayed day bears today's date"),
    ] = False,
    layout: Annotated[
        str | None, typer.Option("--layout", help="실시간 필드: legacy, 2025, 2026 · fields of the stream")
    ] = None,
    order_hours: Annotated[
        str | None, typer.Option("--order-hours", help="주문 시간: venue, any · when orders are taken")
    ] = None,
    faults: Annotated[Path | None, typer.Option("--faults", help="장애 규칙 YAML · what goes wrong, and when")] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            help="세계를 보관할 폴더(기본: 인자마다 하나, 포트 0이면 없음) · where the world is kept",
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="보관된 세계를 버리고 처음부터 · forget the kept world, begin anew")
    ] = False,
    config: ConfigOption = None,
    cash: CashOption = None,
    tickers: TickersOption = None,
    interval: IntervalOption = None,
    seed: SeedOption = 1,
    allow_gaps: GapsOption = False,
    lang: LangOption = Lang.ko,
) -> None:
    """KIS 호환 서버: 어떤 KIS 프로그램이든 주소만 바꾸어 백테스트 · a KIS-compatible server on a replayed market.

    --data가 `geoul data record`의 폴더면 기록된 체결을 그 시각과 순서 그대로 재생합니다(--daily 필요) · a recording as
    --data is served trade by trade, at the recorded times (needs --daily).
    """
    import asyncio  # noqa: PLC0415  (keeps --help fast)

    from brokers.kis_server.server import KisServer, check_host, serve  # noqa: PLC0415
    from brokers.kis_server.setup import load_server_setup  # noqa: PLC0415
    from brokers.kis_server.state import WorldState, world_facts  # noqa: PLC0415
    from brokers.kis_server.world import World  # noqa: PLC0415
    from engine.cli.dataset import dataset_folder  # noqa: PLC0415
    from engine.data.panel import load_part  # noqa: PLC0415

    settings = configure(config, cash)
    setup = load_server_setup(
        accounts, key=key or None, layout=layout, order_hours=order_hours, as_today=as_today or None, seed=seed
    )
    check_host(host, setup.key)
    rules = _fault_rules(faults)
    clock = SystemClock()
    with contextlib.ExitStack() as stack:
        with progress_bar() as bar:
            task = bar.add_task(READING(lang.value), total=None)
            folder = dataset_folder(data, lambda text: bar.update(task, description=text))
            panel = _recording(folder, daily, start, tickers, interval, allow_gaps=allow_gaps)
            panel = panel or load_part(folder, None, None, tickers, interval, allow_gaps=allow_gaps)
            first = start.date() if start else _a_year_before(panel)
            shown = clock.now().date() if setup.as_today else None
            kept = None
            if state is not None or port:
                beside = () if daily is None else (daily,)
                named = (data, start, accounts, tickers, interval, config, cash, allow_gaps, port, *beside)
                place = state or _usual_place(*named, setup.order_hours, setup.as_today)
                facts = world_facts(panel, settings, setup, first)
                kept = stack.enter_context(WorldState(place, facts, shown, fresh=fresh))
            bar.update(task, description=_RESTORING[lang.value])
            world = World(panel, settings, start=first, shown=shown if kept is None else kept.shown)
            server = KisServer(world, setup, clock, kept)
        server.give_rules(rules)
        server.pace.speed = speed if speed is not None else 1.0 if setup.as_today else _SPEED

        def ready(port: int) -> None:
            Console().print(greeting(server, kept, host, port, lang.language), highlight=False, soft_wrap=True)

        try:
            asyncio.run(serve(server, host, port, ready))
        except KeyboardInterrupt:
            Console().print(_BYE[lang.value])


_RESTORING = {"ko": "세계를 되살리는 중", "en": "restoring the world"}
_BYE = {"ko": "서버를 멈췄습니다.", "en": "The server has stopped."}


def _recording(
    folder: Path,
    daily: Path | None,
    start: datetime.datetime | None,
    tickers: list[str] | None,
    interval: str | None,
    *,
    allow_gaps: bool,
) -> Panel | None:
    """The trades of a recorded stream; None where the folder is no recording."""
    from engine.data.recorded_trades import is_recording  # noqa: PLC0415
    from engine.data.tick_panel import load_recording  # noqa: PLC0415

    if not is_recording(folder):
        if daily is not None:
            raise BadInput(
                f"--daily goes with a recording, and {folder} holds none (`geoul data record`). Leave it out."
            )
        return None
    if daily is None:
        raise BadInput(
            f"{folder} is a recording: it has trades, but not what was traded. Give a dataset with its instruments and "
            "their daily bars up to the day before: --daily DATASET (`geoul data download` makes one)."
        )
    if interval is not None:
        raise BadInput("A recording is served trade by trade: leave --interval out.")
    return load_recording(folder, daily, start.date() if start else None, None, tickers, allow_gaps=allow_gaps)


def _a_year_before(panel: Panel) -> datetime.date | None:
    """The first of the last 250 sessions; None if the data has fewer, or is a recording, of which all are traded."""
    import numpy as np  # noqa: PLC0415

    if panel.trades_from is not None:
        return None
    rows = np.append(0, np.flatnonzero(np.diff(panel.session)) + 1)
    return panel.session_date(int(rows[-_HISTORY])) if len(rows) > _HISTORY else None


def _usual_place(*arguments: object) -> Path:
    """The folder of the world that these arguments begin; the same ones find it again."""
    from engine.cache_root import state_root  # noqa: PLC0415

    named = repr([str(given.resolve()) if isinstance(given, Path) else str(given) for given in arguments])
    return state_root() / "worlds" / hashlib.sha256(named.encode()).hexdigest()[:12]


def _fault_rules(path: Path | None) -> list[FaultRule]:
    from brokers.kis_server.faults import read_rules  # noqa: PLC0415

    if path is None:
        return []
    import yaml  # noqa: PLC0415

    try:
        return read_rules(yaml.safe_load(path.read_text(encoding="utf-8-sig")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f"The faults {path} cannot be read: {error}.") from None
