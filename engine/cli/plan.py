"""`geoul plan --dry-run`: what would be done now, what the risk check says, and what asking the model cost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.model_run import (
    CassetteOption,
    ModelConfigOption,
    ModelMode,
    ModelRun,
    PlannerKind,
)
from engine.cli.options import (
    CashOption,
    ConfigOption,
    DataOption,
    JsonOption,
    Lang,
    LangOption,
    PromptArgument,
    SeedOption,
    ToOption,
    configure,
    progress_bar,
    prompt_path,
)
from engine.errors import BadInput, ConfigError

if TYPE_CHECKING:
    from engine.config import BacktestConfig
    from engine.data.panel import Panel
    from engine.operating.state import Cycle
    from engine.rules.tree import RuleSet

MaskOption = Annotated[
    bool, typer.Option("--mask", help="모델에게 종목·날짜·가격을 가림 · hide names, dates and prices from the model")
]


def plan_command(
    prompt: PromptArgument = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="주문을 내지 않고 보여 주기만 함 · show the plan, send nothing")
    ] = False,
    data: DataOption = None,
    end: ToOption = None,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", help="보유 종목을 읽을 장부 · ledger of the account to plan for")
    ] = None,
    config: ConfigOption = None,
    cash: CashOption = None,
    planner: Annotated[
        PlannerKind | None,
        typer.Option("--planner", help="규칙, 모델(기본: 설정된 모델) · default: the model, if configured"),
    ] = None,
    model_config: ModelConfigOption = None,
    cassette: CassetteOption = None,
    mode: Annotated[ModelMode, typer.Option("--mode", help="답변의 출처 · where answers come from")] = ModelMode.live,
    mask: MaskOption = False,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    lang: LangOption = Lang.ko,
) -> None:
    """마지막 봉에서 할 일과 위험 점검 결과 · the plan for the last bar, checked and not sent."""
    from engine.cli.dataset import dataset_folder  # noqa: PLC0415  (loads the compiler: keeps --help fast)
    from engine.data.panel import load_panel  # noqa: PLC0415
    from engine.planning.plan_terminal import plan_document, print_plan  # noqa: PLC0415
    from engine.rules.prompt import load_rules, read_prompt  # noqa: PLC0415

    if not dry_run:
        raise BadInput("`geoul plan` only shows: give --dry-run. Orders are sent by `geoul trade`.")
    path = prompt_path(prompt)
    rules, text = load_rules(path), read_prompt(path)
    settings = configure(config, cash)
    model = None
    if _asks_a_model(planner, model_config):
        model = ModelRun(
            model_config=model_config, cassette=cassette, mode=mode, ledger=None, plain=not mask, seed=seed, lang=lang
        )
    with progress_bar() as bar:
        stage = bar.add_task("…", total=None)
        folder = dataset_folder(data, lambda words: bar.update(stage, description=words))
        panel = load_panel(folder, end=end.date() if end else None, interval=rules.interval)
        cycle = _last_cycle(rules, text, panel, settings, ledger, model, lang)
    if as_json:
        typer.echo(plan_document(cycle))
        return
    print_plan(Console(), cycle, lang.language, asked=model is not None)


def _asks_a_model(planner: PlannerKind | None, model_config: Path | None) -> bool:
    """Whether a model plans: when the user says so, or says nothing and one is configured."""
    from engine.model.config import load_model_config  # noqa: PLC0415  (keeps --help fast)

    if planner is not None or model_config is not None:
        return planner is not PlannerKind.rules
    try:
        load_model_config(None, os.environ)
    except ConfigError:
        return False
    return True


def _last_cycle(
    rules: RuleSet,
    text: str,
    panel: Panel,
    settings: BacktestConfig,
    ledger: Path | None,
    model: ModelRun | None,
    lang: Lang,
) -> Cycle:
    """The cycle of the last bar, planned and checked on the account of the ledger, or on cash alone."""
    from brokers.plan_replay import last_cycle  # noqa: PLC0415  (loads the compiler)

    if model is None:
        return last_cycle(rules, panel, settings, ledger, lang=lang.language)
    config = model.config()
    with model.transport(config) as transport:
        planner = model.setup(config).planner(transport, rules, text, panel)
        return last_cycle(rules, panel, settings, ledger, planner=planner, lang=lang.language)
