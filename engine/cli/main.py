"""The `geoul` command: finds the commands when they are asked for, and turns errors into messages."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from engine.errors import BadInput, BrokenInvariant

# Where each command lives: a Typer application, or a function that is one command. Nothing is imported before it is
# asked for, so that a command pays only for the libraries it needs.
COMMANDS = {
    "backtest": "engine.cli.backtest:backtest_command",
    "compare": "engine.cli.compare:compare_command",
    "data": "engine.cli.data:app",
    "rules": "engine.cli.rules:app",
    "ledger": "engine.cli.ledger:app",
}


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


@app.callback()
def geoul() -> None:
    """거울: 백테스트한 그대로 거래하는 한국 주식 엔진 · a backtest-first trading engine for Korean stocks."""


def main() -> None:
    """Entry point: exit status 2 for bad input, 3 for a fault of Geoul itself."""
    try:
        app()
    except BadInput as error:
        print(f"geoul: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenInvariant as error:
        print(f"geoul: stopped: {error}", file=sys.stderr)
        sys.exit(3)


if __name__ == "__main__":
    main()
