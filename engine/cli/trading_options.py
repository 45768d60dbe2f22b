"""The options that `geoul paper` and `geoul live` share, and what they come to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from engine.cli.kis_options import ClockOption, KisConfigOption, clock_chooser
from engine.cli.model_run import ModelConfigOption, PlannerKind, PlannerOption
from engine.cli.options import ConfigOption, DataOption, Lang, LangOption, TickersOption, configure
from engine.cli.reflection_writer import Writer
from engine.cli.universe import UniverseOption, universe_codes
from engine.cli.work_options import (
    BackupsOption,
    Reflect,
    ReflectDataOption,
    ReflectOption,
    ReflectWriterOption,
    regular_work,
)
from engine.clock import elapsed_seconds
from engine.errors import BadInput
from engine.reports.language import Text
from engine.steady_clock import SteadyClock

if TYPE_CHECKING:
    from brokers.kis.config import KisConfig
    from brokers.kis.environment import EnvironmentName
    from engine.clock import Clock
    from engine.config import BacktestConfig
    from engine.trading.account_jobs import RegularWork

KEYS, NAMES = "kis_devlp.yaml", "names.txt"
_NAMES_KEPT = Text(
    "{folder} 계좌는 처음 시작할 때의 {all:,}종목을 계속 거래합니다. --ticker/--universe의 {given:,}종목으로 줄이려면 "
    "다른 --folder로 새 계좌를 시작하세요.",
    "{folder} goes on trading the {all:,} names of its first start, not only the {given:,} of --ticker or --universe: "
    "what is held must stay guarded. To trade fewer, begin an account with another --folder.",
)
_APP_KEY, _APP_SECRET = 36, 180  # characters, as KIS's own
_FIRST_DIGIT = {"paper": "5", "live": "6"}

FolderOption = Annotated[
    Path, typer.Option("--folder", help="계좌 폴더: 장부와 시세 · the account's folder: ledger and history")
]
WorldOption = Annotated[
    str | None,
    typer.Option("--world", metavar="URL", help="geoul serve의 주소(키 없이 바로) · a market of geoul serve"),
]
AdoptOption = Annotated[
    bool, typer.Option("--adopt", help="이미 보유한 종목도 맡김 · what is held already is traded too")
]
OnceOption = Annotated[bool, typer.Option("--once", help="판단 한 번만 하고 끝냄 · one decision, then stop")]
SessionsOption = Annotated[
    int | None, typer.Option("--sessions", min=1, help="이만큼의 거래일 뒤에 끝냄 · stop after so many sessions")
]
MetricsPortOption = Annotated[
    int | None,
    typer.Option("--metrics-port", min=0, max=65_535, help="127.0.0.1에 /metrics와 /healthz · for Prometheus"),
]


@dataclass(frozen=True, kw_only=True)
class TradingOptions:
    """How an account trades, as the user chose it; see the options for each field.

    Raises:
        BadInput: the configuration cannot be used, or options do not go together.
    """

    world: WorldOption = None
    kis_config: KisConfigOption = None
    clock: ClockOption = "system"
    tickers: TickersOption = None
    universe: UniverseOption = None
    data: DataOption = None
    config: ConfigOption = None
    adopt: AdoptOption = False
    once: OnceOption = False
    sessions: SessionsOption = None
    reflect: ReflectOption = Reflect.off
    reflect_writer: ReflectWriterOption = Writer.scripted
    reflect_data: ReflectDataOption = None
    backups: BackupsOption = None
    metrics_port: MetricsPortOption = None
    planner: PlannerOption = PlannerKind.rules
    model_config: ModelConfigOption = None
    lang: LangOption = Lang.ko

    def settings(self) -> BacktestConfig:
        """Costs and limits; the account's money is what the venue says."""
        return configure(self.config, None)

    def work(self) -> RegularWork:
        """What the account does beside its decisions."""
        return regular_work(self.reflect, self.reflect_writer, self.reflect_data, self.backups)

    def names(self, folder: Path) -> Sequence[str] | None:
        """The names of the first start; None afterwards, when the account's own history says it.

        Raises:
            BadInput: the list of names cannot be read, there is none for an account at KIS, or a later one has names
                that the account does not trade.
        """
        chosen = universe_codes(self.tickers, self.universe)
        if (folder / "data" / "manifest.json").is_file():
            _require_known(chosen or (), folder)
            return chosen
        if chosen is not None:
            return chosen
        if (folder / NAMES).is_file():
            return universe_codes(None, folder / NAMES)
        if self.data is None and self.world is None and self.clock != "world":
            raise BadInput(
                "Which names may be traded? The first start of an account at KIS needs --universe FILE or --ticker "
                f"CODE, or the file {folder / NAMES}: a code a line."
            )
        import polars as pl  # noqa: PLC0415  (keeps --help fast)

        from engine.cli.dataset import dataset_folder  # noqa: PLC0415

        source = dataset_folder(self.data, lambda text: None)
        found = pl.read_parquet(source / "instruments.parquet").filter(pl.col("delisted").is_null())
        return found["ticker"].to_list()

    def names_kept(self, folder: Path) -> str:
        """What to say where the options name fewer names than the account trades; "" otherwise."""
        chosen = universe_codes(self.tickers, self.universe)
        if chosen is None or not (folder / "data" / "manifest.json").is_file():
            return ""
        known = _known_names(folder)
        if known <= set(chosen):
            return ""
        values = {"folder": folder, "all": len(known), "given": len(chosen)}
        return _NAMES_KEPT(self.lang.language).format(**values)


def _known_names(folder: Path) -> set[str]:
    import polars as pl  # noqa: PLC0415  (keeps --help fast)

    return set(pl.read_parquet(folder / "data" / "instruments.parquet")["ticker"].to_list())


def _require_known(chosen: Sequence[str], folder: Path) -> None:
    if not chosen:
        return
    others = sorted(set(chosen) - _known_names(folder))
    if others:
        raise BadInput(
            f"{folder} trades the names of its first start, and {', '.join(others[:5])} "
            f"{'is' if len(others) == 1 else 'are'} not among them. Leave --ticker and --universe out, or begin an "
            "account of its own with --folder."
        )


def keys_and_time(
    environment: EnvironmentName, folder: Path, world: str | None, kis_config: Path | None, clock: str
) -> tuple[KisConfig, Clock, Callable[[float], None]]:
    """The adapter's configuration, the clock of the venue's world, and what waits in its time.

    Raises:
        BadInput: a key is missing, nobody answers at the address of a served market, or the account is of another one.
    """
    from brokers.kis.config import load_kis_config  # noqa: PLC0415  (keeps --help fast)

    clock_chooser(clock)  # a mistyped one is told, though a world has its own
    path, whose = (kis_config, clock) if world is None else (_keys_for(world, folder, environment), "world")
    options = {"token_folder": folder / "tokens"}
    keys = load_kis_config(environment, variables=os.environ if world is None else {}, path=path, options=options)
    if world is not None and keys.rest_url != world.rstrip("/"):
        raise BadInput(
            f"{folder} is an account at {keys.rest_url}, and --world says {world}. Another market needs another "
            f"--folder; if it is the same one, moved, change its address in {path}."
        )
    now, sleep = clock_chooser(whose)(keys)
    return keys, SteadyClock(now, elapsed_seconds) if whose == "system" else now, sleep


def broker_options(
    environment: EnvironmentName, folder: Path, world: str | None, kis_config: Path | None, clock: str
) -> tuple[str, ...]:
    """How a command in a process of its own reaches the same account as `keys_and_time`."""
    path, whose = (kis_config, clock) if world is None else (folder / KEYS, "world")
    given = () if path is None else ("--kis-config", str(path.resolve()))
    return ("--env", environment, "--clock", whose, *given)


def _keys_for(url: str, folder: Path, environment: EnvironmentName) -> Path:
    """A configuration file for a served market, which takes any keys; made once, for this folder's own account."""
    from brokers.kis.private_files import write_private  # noqa: PLC0415

    path = folder / KEYS
    if not path.is_file():
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
            raise BadInput(f"--world {url}: give the address that geoul serve prints, such as http://127.0.0.1:8700.")
        folder.mkdir(parents=True, exist_ok=True)
        mark = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()
        socket = "ws" + url.removeprefix("http")
        key, secret, account = (
            ("paper_app", "paper_sec", "my_paper_stock")
            if environment == "paper"
            else ("my_app", "my_sec", "my_acct_stock")
        )
        values = {
            key: f"GEOUL{mark}"[:_APP_KEY].ljust(_APP_KEY, "0"),
            secret: (mark * 4)[:_APP_SECRET],
            account: f"{_FIRST_DIGIT[environment]}{int(mark[:12], 16) % 10**7:07}",
            "my_htsid": f"geoul{mark[:6]}",
            "my_prod": "01",
            "prod": url.rstrip("/"),
            "vps": url.rstrip("/"),
            "ops": socket.rstrip("/"),
            "vops": socket.rstrip("/"),
        }
        write_private(path, "".join(f'{name}: "{value}"\n' for name, value in values.items()))
    return path
