"""What the commands that talk to a running trader share: whose folder it is, who asks, and waiting for the answer."""

from __future__ import annotations

import getpass
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.options import Lang
from engine.clock import SystemClock
from engine.errors import BadInput
from engine.reports.language import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from engine.trading.control import Request
    from engine.trading.standing import Standing

ReasonOption = Annotated[str, typer.Option("--reason", help="이유(장부에 남음) · why; kept in the ledger")]
_PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 0.1
_NO_ANSWER = Text(
    "적어 두었습니다. 거래 프로세스가 돌고 있지 않거나 바쁩니다: 다음에 볼 때(늦어도 시작할 때) 처리합니다.",
    "Written down. The trader does not run or is busy: it is handled when it looks next, at its start at the latest.",
)


def require_account(folder: Path) -> str:
    """The environment of an account's folder.

    Raises:
        BadInput: it is no such folder.
    """
    path = folder / "account.json"
    if not path.is_file():
        raise BadInput(f"{folder} holds no account: geoul paper or geoul live makes one.")
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["environment"])
    except (ValueError, KeyError) as error:
        raise BadInput(f"{path} cannot be read ({error}). Restore it from a backup.") from None


def who() -> str:
    """The login of the person at the keys."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user table
        return "?"


def ask(folder: Path, command: str, parameters: Mapping[str, object], lang: Lang) -> None:
    """Ask the trader, wait a moment for its answer and print it; status 2 if it refused.

    Raises:
        BadInput: it refused.
    """
    from engine.trading.control import ControlFile  # noqa: PLC0415  (keeps --help fast)

    control = ControlFile(folder)
    number = control.ask(command, who(), parameters, time_in(folder))
    told = _answer(control.request, number)
    if not told.is_answered:
        Console(highlight=False).print(_NO_ANSWER(lang.language), markup=False, soft_wrap=True)
    elif not told.done:
        raise BadInput(told.answer)
    else:
        Console(highlight=False).print(told.answer, markup=False, soft_wrap=True)


def _answer(look: Callable[[int], Request], number: int) -> Request:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not (told := look(number)).is_answered and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return told


def time_in(folder: Path) -> datetime:
    """What time it is for the trader of an account; the machine's where none was heard of."""
    from engine.trading.heartbeat import last_beat  # noqa: PLC0415  (keeps --help fast)

    beat = last_beat(folder, SystemClock())
    return SystemClock().now() if beat is None else beat.now


def read_standing(folder: Path, environment: str) -> Standing:
    """How an account stands as its ledger says; a new one is at the default of its environment."""
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415
    from engine.trading.autonomy import DEFAULT, Grant  # noqa: PLC0415
    from engine.trading.level_evidence import LEDGER  # noqa: PLC0415
    from engine.trading.standing import Standing, standing_of  # noqa: PLC0415

    if not (folder / LEDGER).is_file():
        return Standing(Grant(level=DEFAULT[environment]))
    with open_ledger(folder / LEDGER, SystemClock(), read_only=True) as ledger:
        return standing_of(ledger.connection, environment)
