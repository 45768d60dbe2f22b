"""A model as the planner of a running account, as the options of `geoul paper` and `geoul live` ask for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.model_run import PlannerKind
from engine.cli.options import Lang

if TYPE_CHECKING:
    from brokers.kis.config import KisConfig
    from engine.data.panel import Panel
    from engine.operating.desk import Planner
    from engine.trading.decision import RulesInForce


def planner_of(
    kind: PlannerKind, model_config: Path | None, ledger: Path, keys: KisConfig, lang: Lang, stack: ExitStack
) -> Callable[[RulesInForce, Panel], Planner] | None:
    """Makes the planner of each decision; None lets the rules stand.

    The model sees real names and prices: what it is asked about has not happened yet, so there is nothing to hide. Its
    answers are kept in the account's ledger before they are used, so that a decision which is made again after a
    crash does not ask twice.

    Args:
        kind: who plans.
        model_config: file, None for the usual places.
        ledger: of the account.
        keys: of the broker, which must never reach a provider.
        lang: of prompts and texts.
        stack: closes the way to the model.

    Raises:
        ConfigError: the model is not configured.
    """
    if kind is PlannerKind.rules:
        return None
    from engine.clock import SystemClock  # noqa: PLC0415  (keeps --help fast)
    from engine.model.config import load_model_config  # noqa: PLC0415
    from engine.model.opening import open_transport  # noqa: PLC0415
    from engine.planning.opening import PlannerSetup  # noqa: PLC0415

    config = load_model_config(model_config, os.environ)
    secrets = [keys.app_key, keys.app_secret, keys.account, *([keys.hts_id] if keys.hts_id is not None else [])]
    asks = stack.enter_context(
        open_transport(
            config,
            "live",
            SystemClock(),
            ledger=ledger,
            run="account",
            secrets=[secret.get_secret_value() for secret in secrets],
        )
    )
    setup = PlannerSetup(config=config, mask_seed=None, lang=lang.language, misses_stop=False)

    def planner(rules: RulesInForce, panel: Panel) -> Planner:
        return setup.planner(asks, rules.rules, rules.text, panel)

    return planner
