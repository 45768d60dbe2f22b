"""The `geoul` command: finds the commands when they are asked for, and turns errors into messages."""

from __future__ import annotations

import importlib
import importlib.metadata
import io
import itertools
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from engine.errors import BadInput, BrokenInvariant, GeoulError, NotNow

# Where each command lives: a Typer application, or a function that is one command. Nothing is imported before it is
# asked for, so that a command pays only for the libraries it needs.
COMMANDS = {
    "backtest": "engine.cli.backtest:backtest_command",
    "compare": "engine.cli.compare:compare_command",
    "plan": "engine.cli.plan:plan_command",
    "data": "engine.cli.data:app",
    "gate": "engine.cli.gate:gate_command",
    "audit": "engine.cli.audit:audit_command",
    "placebo": "engine.cli.placebo:placebo_command",
    "rules": "engine.cli.rules:app",
    "reflect": "engine.cli.reflect:reflect_command",
    "ledger": "engine.cli.ledger:app",
    "kis": "engine.cli.kis:app",
    "model": "engine.cli.model:app",
    "sweep": "engine.cli.sweep:sweep_command",
    "walk-forward": "engine.cli.walk_forward:walk_forward_command",
    "trials": "engine.cli.trials:trials_command",
    "serve": "engine.cli.serve:serve_command",
    "paper": "engine.cli.paper:paper_command",
    "live": "engine.cli.live:live_command",
    "cash": "engine.cli.cash:cash_command",
    "traded": "engine.cli.traded:traded_command",
    "halt": "engine.cli.halt:halt_command",
    "resume": "engine.cli.halt:resume_command",
    "level": "engine.cli.level:level_command",
    "plans": "engine.cli.approve:plans_command",
    "approve": "engine.cli.approve:approve_command",
    "reject": "engine.cli.approve:reject_command",
    "watch": "engine.cli.watch:watch_command",
    "status": "engine.cli.status:status_command",
    "trace": "engine.cli.trace:trace_command",
    "log": "engine.cli.trace:log_command",
    "service": "engine.cli.service:app",
    "notify": "engine.cli.notify:app",
    "report": "engine.cli.report:app",
    "mirror": "engine.cli.mirror:mirror_command",
    "backup": "engine.cli.backup:backup_command",
    "restore": "engine.cli.backup:restore_command",
}

_LATER = 75  # EX_TEMPFAIL of sysexits.h


class LazyCommands(TyperGroup):
    """A group whose commands are imported when they are named."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        found = getattr(importlib.import_module(module), name)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
            single.command(cmd_name)(found)
            found = single
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=LazyCommands,
    help="거울: 백테스트한 그대로 거래하는 한국 주식 엔진 · a backtest-first trading engine for Korean stocks",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _print_version(asked: bool) -> None:
    if not asked:
        return
    try:
        print(f"geoul {importlib.metadata.version('geoul')}")
    except importlib.metadata.PackageNotFoundError:
        print("geoul (run from its source, not installed)")
    raise typer.Exit


@app.callback()
def geoul(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="판 번호 · the version")
    ] = False,
) -> None:
    """거울: 백테스트한 그대로 거래하는 한국 주식 엔진 · a backtest-first trading engine for Korean stocks."""


def main() -> None:
    """Entry point: exit status 2 for bad input, 75 if it may be right later, 3 for a fault of Geoul itself."""
    _write_any_letter()
    try:
        app()
    except NotNow as error:
        _fail(f"geoul: {error}", _LATER)
    except BadInput as error:
        _fail(f"geoul: {_told(error)}", 2)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        _fail(f"geoul: the system refused: {error.strerror or error}{where}. Check the path, its rights and space.", 2)
    except BrokenInvariant as error:
        _fail(f"geoul: stopped: {error}", 3)
    except GeoulError as error:
        _fail(*_of_the_system(error))


def _told(error: BadInput) -> str:
    """The message; a problem of a rule is told in English where the command was to speak English."""
    from engine.rules.problem import RuleProblem  # noqa: PLC0415  (keeps --help fast)

    english = "--lang=en" in sys.argv or ("--lang", "en") in itertools.pairwise(sys.argv)
    return error.report("en") if english and isinstance(error, RuleProblem) else str(error)


def _of_the_system(error: GeoulError) -> tuple[str, int]:
    """Message and exit status: a ledger that cannot be written is no fault of Geoul, like any other file."""
    from engine.ledger.connection import LedgerError  # noqa: PLC0415  (keeps --help fast)

    return (f"geoul: {error}", 2) if isinstance(error, LedgerError) else (f"geoul: stopped: {error}", 3)


def _fail(message: str, status: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(status)


def _write_any_letter() -> None:
    """A terminal without Korean letters shows other signs in their place; it must not end the run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # ASCII is what a system says that does not know its encoding: UTF-8 is then the better guess.
            unknown = stream.encoding.lower() in ("ascii", "us-ascii", "ansi_x3.4-1968")
            stream.reconfigure(encoding="utf-8" if unknown else None, errors="replace")


if __name__ == "__main__":
    main()
