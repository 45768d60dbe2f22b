"""`geoul live`: the same machine with real money, for whoever says so with the last digits of the account."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.model_run import ModelConfigOption, PlannerKind, PlannerOption
from engine.cli.options import (
    ConfigOption,
    DataOption,
    Lang,
    LangOption,
    PromptArgument,
    TickersOption,
    configure,
    prompt_path,
)
from engine.cli.trading_options import (
    AdoptOption,
    FolderOption,
    KisConfigOption,
    MetricsPortOption,
    OnceOption,
    SessionsOption,
    UniverseOption,
    WhoseClockOption,
    WorldOption,
    keys_and_time,
    names_of,
)
from engine.cli.trading_run import trade
from engine.cli.work_options import (
    BackupsOption,
    Reflect,
    ReflectDataOption,
    ReflectOption,
    ReflectWriterOption,
    RuleWriter,
    regular_work,
)
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
    world: WorldOption = None,
    kis_config: KisConfigOption = None,
    clock: WhoseClockOption = "system",
    tickers: TickersOption = None,
    universe: UniverseOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    adopt: AdoptOption = False,
    once: OnceOption = False,
    sessions: SessionsOption = None,
    reflect: ReflectOption = Reflect.off,
    reflect_writer: ReflectWriterOption = RuleWriter.scripted,
    reflect_data: ReflectDataOption = None,
    backups: BackupsOption = None,
    metrics_port: MetricsPortOption = None,
    planner: PlannerOption = PlannerKind.rules,
    model_config: ModelConfigOption = None,
    lang: LangOption = Lang.ko,
) -> None:
    """실전 계좌에서 시간표대로 거래합니다(진짜 돈) · trade the live account: real money."""
    settings, work = configure(config, None), regular_work(reflect, reflect_writer, reflect_data, backups)
    keys, now, sleep = keys_and_time("live", folder, world, kis_config, clock)
    require_the_act(keys, real_money, folder, now, lang, is_served=world is not None)
    folder.mkdir(parents=True, exist_ok=True)
    trade(
        folder=folder,
        keys=keys,
        now=now,
        sleep=sleep,
        prompt=prompt_path(prompt),
        settings=settings,
        tickers=names_of(folder, tickers, universe, data),
        adopt=adopt,
        once=once,
        sessions=sessions,
        lang=lang,
        work=work,
        metrics_port=metrics_port,
        planner=planner,
        model_config=model_config,
    )


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
