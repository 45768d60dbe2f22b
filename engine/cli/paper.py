"""`geoul paper`: the rules on the paper account, or on a replayed market behind `geoul serve`, on the timetable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.cli.option_group import spread
from engine.cli.options import PromptArgument
from engine.cli.trading_options import FolderOption, TradingOptions, broker_options, keys_and_time
from engine.cli.trading_run import trade

FOLDER = Path("geoul-paper")


@spread
def paper_command(
    prompt: PromptArgument = None,
    folder: FolderOption = FOLDER,
    *,
    options: TradingOptions,
) -> None:
    """모의투자 계좌에서 시간표대로 거래합니다 · trade the paper account on the exchange's timetable."""
    from engine.trading.freed_memory import give_back_freed_memory  # noqa: PLC0415  (keeps --help fast)

    give_back_freed_memory()
    settings = options.settings()
    reach = broker_options("paper", folder, options.world, options.kis_config, options.clock)
    work = replace(options.work(), broker=reach)
    venue = keys_and_time("paper", folder, options.world, options.kis_config, options.clock)
    trade(folder, venue, prompt, settings, work, options)
