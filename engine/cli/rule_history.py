"""`geoul rules history | show | rollback`: the versions of a prompt file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.cli.options import DEFAULT_LEDGER, Lang, LangOption, prompt_path
from engine.reports.language import Text

PromptOption = Annotated[
    Path | None, typer.Option("--prompt", help="프롬프트(기본: prompts/core_decision_prompt.md) · the prompt")
]
VersionArgument = Annotated[str, typer.Argument(metavar="VERSION", help="1.2.0 또는 current · a version")]

_T = {
    "none": Text(
        "{path}에는 아직 버전이 없습니다. geoul reflect가 규칙을 바꾸면 생깁니다.",
        "{path} has no versions yet. The first change by geoul reflect makes them.",
    ),
    "by_hand": Text(
        "마지막 버전 뒤에 손으로 고친 내용이 있습니다. 다음 변경 때 버전이 됩니다.",
        "The file was edited by hand since the last version; the next change makes that a version.",
    ),
    "version": Text("버전", "version"),
    "time": Text("시각", "time"),
    "reason": Text("까닭", "reason"),
    "added": Text("추가", "added"),
    "removed": Text("제거", "removed"),
    "back": Text("{old}의 내용이 {new} 버전으로 다시 쓰입니다.", "The text of {old} is in force again, as {new}."),
    "backup": Text("백업 파일: {file}", "Backup: {file}"),
}


def history_command(prompt: PromptOption = None, lang: LangOption = Lang.ko) -> None:
    """프롬프트의 버전들 · the versions of a prompt."""
    from engine.reflection.prompt_history import PromptFiles, prompt_hash, read_history  # noqa: PLC0415

    files, console, language = PromptFiles(prompt_path(prompt)), Console(), lang.language
    versions = read_history(files)
    if not versions:
        console.print(_T["none"](language).format(path=files.prompt), markup=False, highlight=False)
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("version", "time", "reason", "added", "removed"):
        table.add_column(_T[name](language), overflow="fold")
    for version in reversed(versions):
        cells = (version.reason, ", ".join(version.added), ", ".join(version.removed))
        table.add_row(version.version, f"{version.changed_at:%Y-%m-%d %H:%M}", *(escape(cell) for cell in cells))
    console.print(table)
    if prompt_hash(files.text()) != versions[-1].prompt_hash:
        console.print(_T["by_hand"](language))


def show_command(version: VersionArgument, prompt: PromptOption = None) -> None:
    """한 버전의 내용을 그대로 출력 · print the text of a version."""
    from engine.reflection.prompt_history import PromptFiles, find_version, text_of  # noqa: PLC0415

    files = PromptFiles(prompt_path(prompt))
    typer.echo(text_of(files, find_version(files, version)), nl=False)


def rollback_command(
    version: VersionArgument,
    prompt: PromptOption = None,
    ledger: Annotated[Path, typer.Option("--ledger", help="변경을 적을 장부 · ledger to note it in")] = DEFAULT_LEDGER,
    git: Annotated[bool, typer.Option("--git", help="git에 커밋 · commit it")] = False,
    lang: LangOption = Lang.ko,
) -> None:
    """앞선 버전의 내용을 새 버전으로 되살림 · put an earlier text into force again."""
    from engine.clock import SystemClock  # noqa: PLC0415  (keeps --help fast)
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415
    from engine.reflection.m4_prompt import roll_back  # noqa: PLC0415
    from engine.reflection.prompt_history import PromptFiles, find_version, text_of  # noqa: PLC0415

    files, clock = PromptFiles(prompt_path(prompt)), SystemClock()
    found = find_version(files, version)
    text = text_of(files, found)
    with open_ledger(ledger, clock) as opened:
        done = roll_back(files, text, found.version, opened, clock, git=git)
    console = Console()
    lines = [
        _T["back"](lang.language).format(old=found.version, new=done.version.version),
        _T["backup"](lang.language).format(file=done.backup),
        *done.warnings,
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
