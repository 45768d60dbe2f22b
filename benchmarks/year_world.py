"""A synthetic market of a year, `geoul serve` in front of it and `geoul paper` on it, each a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import yaml

from benchmarks.market import whole_market
from engine.data.import_options import ImportOptions
from engine.data.importer import import_dataset
from engine.data.panel import Panel, load_panel
from engine.krx.dated import date_of
from engine.krx.sessions import session_days
from tests.notify_servers import PASSWORD, Mailbox, Web

ROOT = Path(__file__).parent.parent
GEOUL = (sys.executable, "-m", "engine.cli.main")
BEFORE, AFTER = 90, 3  # sessions of history, and some more so that the world does not end with the last evening
WAIT_SECONDS = 600.0  # a first start compiles, on a machine that may be busy


def make_market(folder: Path, sessions: int, names: int, seed: int) -> Panel:
    """A dataset in `folder/market`, as a user would import it."""
    rows = BEFORE + sessions + AFTER
    bars = whole_market(rows, names, seed)
    days = [date_of(int(day)) for day in session_days()]
    days = days[: next(place for place, day in enumerate(days) if day.year == 2025)][-rows:]
    tickers = [f"{number + 1:05}0" for number in range(names)]
    frame = pl.DataFrame(
        {
            "date": [day for day in days for _ in range(names)],
            "ticker": tickers * rows,
            **{name: bars[place].ravel() for place, name in enumerate(("open", "high", "low", "close", "volume"))},
        }
    )
    frame.write_parquet(folder / "bars.parquet")
    level = 2_000.0 + np.cumsum(np.random.default_rng(seed).normal(0, 10, rows))
    index = {name: level.round(2) for name in ("open", "high", "low", "close")}
    pl.DataFrame({"date": days, "index": "KOSPI", **index}).write_csv(folder / "index.csv")
    options = ImportOptions(adjusted=False, market="KOSPI", product="STOCK", index=folder / "index.csv", overwrite=True)
    import_dataset([str(folder / "bars.parquet")], folder / "market", options)
    return load_panel(folder / "market")


@contextmanager
def served(folder: Path, panel: Panel) -> Iterator[str]:
    """`geoul serve` in a process of its own; its address."""
    command = [*GEOUL, "serve", "--data", str(folder / "market"), "--from", panel.session_date(BEFORE).isoformat()]
    command += [
        "--speed",
        "0",
        "--port",
        "0",
        "--state",
        str(folder / "world"),
        "--config",
        str(folder / "config.yaml"),
    ]
    with _process([*command, "--fresh", "--lang", "en"], folder / "serve.log", {}) as process:
        log = folder / "serve.log"
        wait_for(lambda: "prod: http" in log.read_text(encoding="utf-8"), "no server", process)
        yield log.read_text(encoding="utf-8").partition("prod: ")[2].split()[0]


@contextmanager
def trading(
    folder: Path, url: str, prompt: Path, panel: Panel, web: Web, mailbox: Mailbox
) -> Iterator[subprocess.Popen[bytes]]:
    """`geoul paper` in a process of its own, with everything that runs beside it."""
    (folder / "names.txt").write_text("\n".join(panel.tickers) + "\n", encoding="utf-8")
    channels = {
        "log": {"kind": "console"},
        "team": {"kind": "slack", "minimum": "warning", "reports": False},
        "mail": {
            "kind": "email",
            "host": "127.0.0.1",
            "port": mailbox.port,
            "security": "none",
            "user": "me",
            "sender": "geoul@example.com",
            "to": "owner@example.com",
            "minimum": "critical",
        },
    }
    notify = folder / "notify.yaml"
    notify.write_text(yaml.safe_dump({"notify": {"channels": channels, "quiet": None}}), encoding="utf-8")
    secrets = {"GEOUL_SLACK_WEBHOOK": web.webhook, "GEOUL_SMTP_PASSWORD": PASSWORD}
    command = [*GEOUL, "paper", str(prompt), "--folder", str(folder / "account"), "--world", url, "--lang", "en"]
    command += ["--universe", str(folder / "names.txt"), "--config", str(folder / "config.yaml"), "--metrics-port", "0"]
    variables = {"GEOUL_NOTIFY_CONFIG": str(notify), **secrets}
    with _process(command, folder / "paper.log", variables) as process:
        yield process


@contextmanager
def _process(command: list[str], log: Path, variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, env={**os.environ, **variables}
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(happened: Callable[[], bool], otherwise: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until it has happened, while the process lives."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not happened():
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError(f"{otherwise} (exit status {process.returncode})")
        time.sleep(0.1)


def tail_of(log: Path) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
