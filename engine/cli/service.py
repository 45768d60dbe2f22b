"""`geoul service`: an account as a service that starts with the machine and comes back after every fault."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.cli.options import AccountFolderArgument, Lang, LangOption
from engine.errors import BadInput
from engine.reports.language import Text

app = typer.Typer(help="무인 실행: systemd 서비스 · an account as a systemd service", no_args_is_help=True)

_MORE = {"allow_extra_args": True, "ignore_unknown_options": True}
_NEXT = Text(
    "{path}\n다음: systemctl {own}daemon-reload && systemctl {own}enable --now {name}{linger}",
    "{path}\nNext: systemctl {own}daemon-reload && systemctl {own}enable --now {name}{linger}",
)
_LINGER = " && loginctl enable-linger"


class Mode(StrEnum):
    """Which command trades."""

    paper = "paper"
    live = "live"


ModeOption = Annotated[Mode, typer.Option("--mode", help="paper 모의투자 · live 실전")]
UserOption = Annotated[
    str, typer.Option("--user", help="이 사용자로 실행하는 시스템 서비스(기본: 내 서비스) · a system unit that runs as")
]


@app.command("print", context_settings=_MORE)
def print_command(
    context: typer.Context, folder: AccountFolderArgument, mode: ModeOption = Mode.paper, user: UserOption = ""
) -> None:
    """서비스 파일을 출력합니다. 뒤의 옵션은 geoul paper/live에 전달 · print the unit; more options go to the trader."""
    print(_unit(folder, mode, user, context.args), end="")


@app.command("install", context_settings=_MORE)
def install_command(
    context: typer.Context,
    folder: AccountFolderArgument,
    mode: ModeOption = Mode.paper,
    user: UserOption = "",
    lang: LangOption = Lang.ko,
) -> None:
    """서비스 파일을 제자리에 씁니다(시작하지는 않음) · put the unit where systemd looks; does not start it."""
    from engine.data.atomic import atomic_path  # noqa: PLC0415  (keeps --help fast)
    from engine.service.unit import unit_name  # noqa: PLC0415

    text, name = _unit(folder, mode, user, context.args), unit_name(folder.resolve(), mode.value)
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    path = (Path("/etc/systemd/system") if user else own) / name
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")
    values = {"own": "", "linger": ""} if user else {"own": "--user ", "linger": _LINGER}
    Console(highlight=False).print(
        _NEXT(lang.language).format(path=path, name=name, **values), markup=False, soft_wrap=True
    )


def _unit(folder: Path, mode: Mode, user: str, options: list[str]) -> str:
    from engine.cache_root import cache_root  # noqa: PLC0415
    from engine.service.unit import unit_text  # noqa: PLC0415

    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}. Make it, with the account's kis_devlp.yaml in it.")
    program = [sys.executable, "-m", "engine.cli.main"]
    return unit_text(folder.resolve(), mode.value, program, options=options, user=user, cache=cache_root())
