"""`geoul live`: the same machine with real money, for whoever says so with the last digits of the account."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.option_group import spread
from engine.cli.options import Lang, PromptArgument
from engine.cli.trading_options import FolderOption, TradingOptions, broker_options, keys_and_time
from engine.cli.trading_run import trade
from engine.errors import BadInput
from engine.reports.language import Text

if TYPE_CHECKING:
    from brokers.kis.config import KisConfig
    from engine.clock import Clock
    from engine.trading.autonomy import Level

FOLDER = Path("geoul-live")
_DIGITS = 4
_NO_ACT = Text(
    "실전투자는 진짜 돈입니다. 계좌 번호 앞 8자리의 끝 {digits}자리를 붙여 다시 실행하세요: "
    "geoul live --i-am-trading-real-money {example}\n지금 단계: LV{level} ({name}). {next}",
    "This trades real money. Say so with the last {digits} of the account's first eight digits: "
    "geoul live --i-am-trading-real-money {example}\nThe account is at LV{level} ({name}). {next}",
)
_OTHER = Text(
    "--i-am-trading-real-money {given}: 설정 파일의 계좌와 다릅니다. 어느 계좌인지 확인하세요.",
    "--i-am-trading-real-money {given}: the configuration names another account. Look which one you mean.",
)
_NO_BUYS = Text(
    "이 단계에서는 사지 않고, 보유 종목만 지킵니다. 올리려면: geoul level {folder} --set 4 --paper FOLDER --reason …",
    "At this level nothing is bought, only holdings are guarded. To go up: "
    "geoul level {folder} --set 4 --paper FOLDER --reason …",
)
_BUYS = Text("이 단계에서는 진짜 돈으로 삽니다.", "At this level real money buys.")


@spread
def live_command(
    prompt: PromptArgument = None,
    real_money: Annotated[
        str | None,
        typer.Option(
            "--i-am-trading-real-money",
            metavar="ACCOUNT_LAST4",
            help="계좌 번호 앞 8자리의 끝 4자리: 진짜 돈으로 거래함을 확인 · the account's last four digits",
        ),
    ] = None,
    folder: FolderOption = FOLDER,
    *,
    options: TradingOptions,
) -> None:
    """실전 계좌에서 시간표대로 거래합니다(진짜 돈) · trade the live account: real money."""
    from engine.trading.freed_memory import give_back_freed_memory  # noqa: PLC0415  (keeps --help fast)

    give_back_freed_memory()
    settings = options.settings()
    reach = broker_options("live", folder, options.world, options.kis_config, options.clock)
    work = replace(options.work(), broker=reach)
    venue = keys_and_time("live", folder, options.world, options.kis_config, options.clock)
    keys, now, _ = venue
    require_the_act(keys, real_money, folder, now, options.lang, is_served=options.world is not None)
    folder.mkdir(parents=True, exist_ok=True)
    trade(folder, venue, prompt, settings, work, options)


def require_the_act(
    keys: KisConfig, given: str | None, folder: Path, now: Clock, lang: Lang, *, is_served: bool
) -> None:
    """Nothing, if the user has said that he trades real money; a served market (`--world`) has none.

    Raises:
        BadInput: he has not, or he means another account.
    """
    from engine.trading.autonomy import FALLEN, NAMES  # noqa: PLC0415  (keeps --help fast)

    if is_served and given is None:
        return
    level = level_of(folder, now)
    if given is None:
        words = _NO_BUYS if level <= FALLEN else _BUYS
        raise BadInput(
            _NO_ACT(lang.language).format(
                digits=_DIGITS,
                example="____",
                level=level.value,
                name=NAMES[level](lang.language),
                next=words(lang.language).format(folder=folder),
            )
        )
    if given != keys.account.get_secret_value()[-_DIGITS:]:
        raise BadInput(_OTHER(lang.language).format(given=given))


def level_of(folder: Path, now: Clock) -> Level:
    """The level at which a live account stands, as its ledger says."""
    from engine.ledger.ledger import open_ledger  # noqa: PLC0415
    from engine.trading.autonomy import DEFAULT, LIVE  # noqa: PLC0415
    from engine.trading.level_evidence import LEDGER  # noqa: PLC0415
    from engine.trading.standing import standing_of  # noqa: PLC0415

    if not (folder / LEDGER).is_file():
        return DEFAULT[LIVE]
    with open_ledger(folder / LEDGER, now, read_only=True) as ledger:
        return standing_of(ledger.connection, LIVE).grant.level_at(now.now())
