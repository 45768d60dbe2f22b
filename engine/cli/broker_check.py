"""Whether a reflection compares what the ledger says with what KIS says was executed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.kis_options import ClockOption, KisConfigOption, clock_chooser, environment_of
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.reflection.broker_difference import BrokerDifference
    from engine.reflection.executions import Executions
    from engine.reflection.m1_aggregate import Window


@dataclass(frozen=True, kw_only=True)
class BrokerCheckOptions:
    """The account at KIS to compare with, if the user names one."""

    env: Annotated[
        str | None,
        typer.Option(
            "--env",
            help="KIS의 체결 내역과 견줌: paper 모의투자 · live 실전투자 · compare with what KIS says was executed",
        ),
    ] = None
    kis_config: KisConfigOption = None
    clock_of: ClockOption = "system"

    def differences(
        self, stack: contextlib.ExitStack, folder: Path
    ) -> Callable[[Executions, Window], tuple[BrokerDifference, ...] | None]:
        """Compares with KIS what the ledger says; gives None where no account is named.

        Args:
            stack: closes the connection.
            folder: of the account; the trader's tokens are in it.

        Raises:
            BadInput: options of an account without one, or a key is missing.
        """
        if self.env is None:
            if self.kis_config is not None or self.clock_of != "system":
                raise BadInput(
                    "--kis-config and --clock belong to --env paper or --env live. Add it, or leave them out."
                )
            return lambda executions, window: None
        from brokers.kis.config import load_kis_config  # noqa: PLC0415  (keeps --help fast)
        from brokers.kis.errors import KisError  # noqa: PLC0415
        from brokers.kis.rest import KisRest  # noqa: PLC0415
        from brokers.kis_executed import KisExecuted  # noqa: PLC0415
        from engine.clock import session_of  # noqa: PLC0415
        from engine.reflection.broker_check import check_against_broker  # noqa: PLC0415

        # A served market takes the keys of its own file, whatever the variables say; tokens are those of the trader.
        variables = {} if self.clock_of == "world" else os.environ
        options = {"token_folder": folder / "tokens"}
        keys = load_kis_config(environment_of(self.env), variables=variables, path=self.kis_config, options=options)
        now, sleep = clock_chooser(self.clock_of)(keys)
        rest = KisRest(keys, now, sleep=sleep)
        stack.callback(rest.close)
        broker = KisExecuted(rest, now)

        def differences(executions: Executions, window: Window) -> tuple[BrokerDifference, ...] | None:
            try:
                profit = broker.profit(session_of(window.first), session_of(window.last))
                return check_against_broker(executions, window, broker, profit)
            except KisError as error:  # the week is studied all the same
                Console(stderr=True).print(f"KIS: {error}", markup=False, highlight=False, soft_wrap=True)
                return None

        return differences
