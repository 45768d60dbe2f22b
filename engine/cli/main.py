"""The `geoul` command: assembles the commands and turns errors into messages."""

from __future__ import annotations

import sys

import typer

from engine.errors import BadInput, BrokenInvariant

app = typer.Typer(
    help="거울: 백테스트한 그대로 거래하는 한국 주식 엔진 · a backtest-first trading engine for Korean stocks",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def assemble() -> typer.Typer:
    """The application with all its commands. They import what they need when they run, so that help stays fast."""
    from engine.cli import data, ledger, rules  # noqa: PLC0415
    from engine.cli.backtest import backtest_command  # noqa: PLC0415
    from engine.cli.compare import compare_command  # noqa: PLC0415

    app.command("backtest")(backtest_command)
    app.command("compare")(compare_command)
    app.add_typer(data.app, name="data")
    app.add_typer(rules.app, name="rules")
    app.add_typer(ledger.app, name="ledger")
    return app


def main() -> None:
    """Entry point: exit status 2 for bad input, 3 for a fault of Geoul itself."""
    try:
        assemble()()
    except BadInput as error:
        print(f"geoul: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenInvariant as error:
        print(f"geoul: stopped: {error}", file=sys.stderr)
        sys.exit(3)


if __name__ == "__main__":
    main()
