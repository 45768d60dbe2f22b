"""The options of `geoul serve`, and what they come to: a market, a server, a place to keep the world."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.options import (
    CashOption,
    ConfigOption,
    DataOption,
    FromOption,
    GapsOption,
    IntervalOption,
    SeedOption,
    TickersOption,
    configure,
)
from engine.errors import BadInput

if TYPE_CHECKING:
    import datetime

    from brokers.kis_server.faults import FaultRule
    from brokers.kis_server.setup import ServerSetup
    from engine.config import BacktestConfig
    from engine.data.panel import Panel

_SPEED = 60.0  # a session in six and a half minutes
_HISTORY = 250  # sessions that are traded when nobody says from when on: the last year of the data


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """What is served, and how, as the user chose it; see the options for each field."""

    data: DataOption = None
    daily: Annotated[
        Path | None,
        typer.Option(
            "--daily",
            help="--data가 기록 폴더일 때 종목과 그전 일봉의 데이터셋 · with a recording as --data: dataset of its "
            "instruments and the daily bars before it",
        ),
    ] = None
    start: FromOption = None
    accounts: Annotated[
        Path | None, typer.Option("--accounts", help="계좌·한도 YAML(기본: 누구나) · accounts and limits")
    ] = None
    host: Annotated[str, typer.Option("--host", help="주소(기본: 이 컴퓨터만) · address to listen on")] = "127.0.0.1"
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="포트 · port")] = 8700
    key: Annotated[str, typer.Option("--key", help="모든 경로 앞에 붙일 열쇠 · key in front of every path")] = ""
    speed: Annotated[
        float | None,
        typer.Option("--speed", min=0, help="시간의 속도: 0 멈춤, 1 실시간, N배(기본 60) · speed of time"),
    ] = None
    as_today: Annotated[
        bool,
        typer.Option("--as-today", help="재생하는 첫 날을 오늘 날짜로 · the first replayed day bears today's date"),
    ] = False
    layout: Annotated[
        str | None, typer.Option("--layout", help="실시간 필드: legacy, 2025, 2026 · fields of the stream")
    ] = None
    order_hours: Annotated[
        str | None, typer.Option("--order-hours", help="주문 시간: venue, any · when orders are taken")
    ] = None
    faults: Annotated[Path | None, typer.Option("--faults", help="장애 규칙 YAML · what goes wrong, and when")] = None
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            help="세계를 보관할 폴더(기본: 인자마다 하나, 포트 0이면 없음) · where the world is kept",
        ),
    ] = None
    fresh: Annotated[
        bool, typer.Option("--fresh", help="보관된 세계를 버리고 처음부터 · forget the kept world, begin anew")
    ] = False
    config: ConfigOption = None
    cash: CashOption = None
    tickers: TickersOption = None
    interval: IntervalOption = None
    seed: SeedOption = 1
    allow_gaps: GapsOption = False

    def settings(self) -> BacktestConfig:
        """Costs, limits and money."""
        return configure(self.config, self.cash)

    def setup(self) -> ServerSetup:
        """The server.

        Raises:
            BadInput: the file of accounts cannot be used.
        """
        from brokers.kis_server.setup import load_server_setup  # noqa: PLC0415  (keeps --help fast)

        return load_server_setup(
            self.accounts,
            key=self.key or None,
            layout=self.layout,
            order_hours=self.order_hours,
            as_today=self.as_today or None,
            seed=self.seed,
        )

    def fault_rules(self) -> list[FaultRule]:
        """What goes wrong, and when.

        Raises:
            BadInput: the file cannot be read.
        """
        from brokers.kis_server.faults import read_rules  # noqa: PLC0415

        if self.faults is None:
            return []
        import yaml  # noqa: PLC0415

        try:
            return read_rules(yaml.safe_load(self.faults.read_text(encoding="utf-8-sig")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise BadInput(f"The faults {self.faults} cannot be read: {error}.") from None

    def panel(self, folder: Path) -> Panel:
        """The market in the folder of --data: the trades of a recording, or the bars of a dataset."""
        from engine.data.panel import load_part  # noqa: PLC0415

        recorded = self._recording(folder)
        return recorded or load_part(folder, None, None, self.tickers, self.interval, allow_gaps=self.allow_gaps)

    def first_day(self, panel: Panel) -> datetime.date | None:
        """The first day that is traded; None = that of the data."""
        return self.start.date() if self.start else _a_year_before(panel)

    def place(self, setup: ServerSetup) -> Path | None:
        """The folder of the world that these options begin, the same ones find it again; None = it is not kept."""
        from engine.cache_root import state_root  # noqa: PLC0415

        if self.state is not None:
            return self.state
        if not self.port:
            return None
        beside = () if self.daily is None else (self.daily,)
        market = (self.data, self.start, self.accounts, self.tickers, self.interval, self.config, self.cash)
        every = (*market, self.allow_gaps, self.port, *beside, setup.order_hours, setup.as_today)
        named = repr([str(given.resolve()) if isinstance(given, Path) else str(given) for given in every])
        return state_root() / "worlds" / hashlib.sha256(named.encode()).hexdigest()[:12]

    def speed_of(self, setup: ServerSetup) -> float:
        """Seconds of the world in one of ours."""
        return self.speed if self.speed is not None else 1.0 if setup.as_today else _SPEED

    def _recording(self, folder: Path) -> Panel | None:
        """The trades of a recorded stream; None where the folder is no recording."""
        from engine.data.recorded_trades import is_recording  # noqa: PLC0415
        from engine.data.tick_panel import load_recording  # noqa: PLC0415

        if not is_recording(folder):
            if self.daily is not None:
                raise BadInput(
                    f"--daily goes with a recording, and {folder} holds none (`geoul data record`). Leave it out."
                )
            return None
        if self.daily is None:
            raise BadInput(
                f"{folder} is a recording: it has trades, but not what was traded. Give a dataset with its instruments "
                "and their daily bars up to the day before: --daily DATASET (`geoul data download` makes one)."
            )
        if self.interval is not None:
            raise BadInput("A recording is served trade by trade: leave --interval out.")
        return load_recording(
            folder,
            self.daily,
            self.start.date() if self.start else None,
            None,
            self.tickers,
            allow_gaps=self.allow_gaps,
        )


def _a_year_before(panel: Panel) -> datetime.date | None:
    """The first of the last 250 sessions; None if the data has fewer, or is a recording, of which all are traded."""
    import numpy as np  # noqa: PLC0415

    if panel.trades_from is not None:
        return None
    rows = np.append(0, np.flatnonzero(np.diff(panel.session)) + 1)
    return panel.session_date(int(rows[-_HISTORY])) if len(rows) > _HISTORY else None
