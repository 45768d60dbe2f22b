"""`geoul backtest --demo`: a year of weekly reflection from recorded answers, for a new user without a key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.learning import Learning, LearningGate
from engine.cli.options import Lang, progress_bar
from engine.cli.reflection_writer import Writer
from engine.errors import BadInput

DemoOption = Annotated[
    bool,
    typer.Option(
        "--demo",
        help="키 없이: 합성 시장에서 1년간 매주 배우는 시연을 녹음된 답(모델 없음)으로 재생 · "
        "without a key: replay a year of weekly reflection on the synthetic market from recorded, scripted answers",
    ),
]
# What the recorded answers do not depend on; everything else of the demo is fixed.
BESIDE_DEMO = ("demo", "gate", "ledger", "report", "as_json", "lang")


def require_nothing_beside_demo(context: typer.Context) -> None:
    """Raise `BadInput` for an option that would change the questions of the demo."""
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name not in BESIDE_DEMO and source is not None and source.name == "COMMANDLINE":
            told = parameter.opts[0] if parameter.param_type_name == "option" else f"the prompt {context.params[name]}"
            raise BadInput(
                f"--demo replays recorded answers, and {told} would change what is asked. Leave it out, or run your "
                "own with --reflect weekly."
            )


def demo_of_learning(gate: LearningGate, report: Path, *, ledger: Path | None, as_json: bool, lang: Lang) -> None:
    """Replay the demo and show it.

    Args:
        gate: not `full`, whose verdicts can lead to questions that were never recorded.
        report: page to write.
        ledger: that gets the run; None for none.
        as_json: to standard output, without a page.
        lang: of the report.

    Raises:
        BadInput: the gate is `full`. ReplayMiss: the tape does not fit this Geoul.
    """
    if gate is LearningGate.full:
        raise BadInput("The answers of --demo are recorded for --gate advice, quick and off. Choose one of them.")
    from brokers.learning_demo import demo_panel, run_demo  # noqa: PLC0415  (loads the compiler: keeps --help fast)
    from engine.cli.dataset import dataset_folder  # noqa: PLC0415
    from engine.clock import SystemClock  # noqa: PLC0415
    from engine.data.atomic import refuse_target  # noqa: PLC0415
    from engine.reflection.demo.tape import PROMPT, DemoAnswers, open_tape  # noqa: PLC0415
    from engine.rules.prompt import read_prompt  # noqa: PLC0415

    if not as_json:
        refuse_target(report)
    with progress_bar() as bar, open_tape(SystemClock()) as tape:
        task = bar.add_task({"ko": "배우는 중", "en": "learning"}[lang.value], total=None)
        panel = demo_panel(dataset_folder(None, lambda text: bar.update(task, description=text)))
        run = run_demo(
            panel,
            lambda clock: DemoAnswers(tape),
            gate.settings,
            obeyed=gate.obeyed,
            on_week=lambda done, total: bar.update(task, completed=done, total=total),
        )
    learning = Learning(prompt=PROMPT, writer=Writer.llm, gate=gate, ledger=ledger, lang=lang)
    learning.tell(run, PROMPT, read_prompt(PROMPT), report, as_json=as_json)
