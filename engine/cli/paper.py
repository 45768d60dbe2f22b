"""`geoul paper`: the rules on the paper account, or on a replayed market behind `geoul serve`, on the timetable."""

from __future__ import annotations

from pathlib import Path

from engine.cli.model_run import ModelConfigOption, PlannerKind, PlannerOption
from engine.cli.options import (
    CashOption,
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

FOLDER = Path("geoul-paper")


def paper_command(
    prompt: PromptArgument = None,
    folder: FolderOption = FOLDER,
    world: WorldOption = None,
    kis_config: KisConfigOption = None,
    clock: WhoseClockOption = "system",
    tickers: TickersOption = None,
    universe: UniverseOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    cash: CashOption = None,
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
    """모의투자 계좌에서 시간표대로 거래합니다 · trade the paper account on the exchange's timetable."""
    if cash is not None:
        raise BadInput("--cash: the account's money is what the venue says. Leave it out.")
    settings, work = configure(config, None), regular_work(reflect, reflect_writer, reflect_data, backups)
    folder.mkdir(parents=True, exist_ok=True)
    keys, now, sleep = keys_and_time("paper", folder, world, kis_config, clock)
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
