"""What commands share that let a model plan: their options, the way to the model, and the price beforehand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.options import DEFAULT_LEDGER, Lang, SeedOption
from engine.errors import BadInput
from engine.reports.language import Text

if TYPE_CHECKING:
    from engine.model.cassette import Cassette
    from engine.model.config import ModelConfig
    from engine.model.estimate import CostEstimate
    from engine.model.transport import Transport
    from engine.planning.opening import PlannerSetup
    from engine.planning.pricing import PricedPlanner


class PlannerKind(StrEnum):
    """Who plans."""

    rules = "rules"
    llm = "llm"


class ModelMode(StrEnum):
    """Where the answers of a model come from; see `engine.model.transport`."""

    replay = "replay"
    record = "record"
    live = "live"
    refresh = "refresh"


PlannerOption = Annotated[
    PlannerKind,
    typer.Option("--planner", help="계획을 세우는 쪽: 규칙, 언어 모델 · who plans: rules or a model"),
]
ModelConfigOption = Annotated[
    Path | None,
    typer.Option("--model-config", help="모델 설정 YAML(기본: geoul.yaml, 재생은 녹음 파일) · of the model"),
]
CassetteOption = Annotated[Path | None, typer.Option("--cassette", help="녹음된 답변 파일 · file of recorded answers")]
ModeOption = Annotated[
    ModelMode,
    typer.Option("--mode", help="답변의 출처: 재생·녹음·실시간·다시 녹음 · where answers come from; replay never asks"),
]
EstimateOption = Annotated[
    bool, typer.Option("--estimate", help="실행하지 않고 모델 비용만 어림 · only tell what the model will cost")
]
LatencyOption = Annotated[
    int | None, typer.Option("--latency-bars", min=0, help="계획이 도착하기까지의 봉 수 · bars until a plan arrives")
]
PlainOption = Annotated[
    bool, typer.Option("--plain", help="종목·날짜·가격을 가리지 않음 · show the model real names, dates and prices")
]
BothOption = Annotated[
    bool,
    typer.Option(
        "--masked-and-plain", help="가린 질문과 안 가린 질문 비교(두 배로 묻는다) · how many decisions flip; asks twice"
    ),
]


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Whether a model plans, and how it is asked; see the options for each field."""

    planner: PlannerOption = PlannerKind.rules
    model_config: ModelConfigOption = None
    cassette: CassetteOption = None
    mode: ModeOption = ModelMode.replay
    only_estimate: EstimateOption = False
    plain: PlainOption = False
    seed: SeedOption = 0

    @property
    def plans(self) -> bool:
        """Whether a model plans."""
        return self.planner is PlannerKind.llm

    def run(self, ledger: Path | None, lang: Lang, *, both: bool = False) -> ModelRun:
        """The model; see `ModelRun`."""
        return ModelRun(
            model_config=self.model_config,
            cassette=self.cassette,
            mode=self.mode,
            ledger=ledger,
            plain=self.plain,
            seed=self.seed,
            lang=lang,
            both=both,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRun:
    """The model of one command, as the user chose it.

    Args:
        model_config: file, None for the usual places.
        cassette: of recorded answers.
        mode: where answers come from.
        ledger: that keeps the costs; None takes the usual one.
        plain: without a mask.
        both: masked, and asked without a mask besides, to compare.
        seed: of the mask.
        lang: of prompts and texts.
    """

    model_config: Path | None
    cassette: Path | None
    mode: ModelMode
    ledger: Path | None
    plain: bool
    seed: int
    lang: Lang
    both: bool = False

    def __post_init__(self) -> None:
        if self.plain and self.both:
            raise BadInput("--masked-and-plain asks both ways already. Leave --plain out.")

    def config(self, purpose: str = "plan") -> ModelConfig:
        """The model's configuration; a replay without one takes what its cassette recorded for a purpose."""
        from engine.model.config import load_model_config  # noqa: PLC0415  (keeps --help fast)

        if self.mode is not ModelMode.replay or self.model_config is not None:
            return load_model_config(self.model_config, os.environ)
        from engine.model.cassette import Cassette  # noqa: PLC0415
        from engine.planning.opening import config_of_cassette  # noqa: PLC0415

        with Cassette(self._cassette(), read_only=True) as cassette:
            return config_of_cassette(cassette, purpose)

    def setup(self, config: ModelConfig, *, misses_stop: bool = True) -> PlannerSetup:
        """How the model plans."""
        from engine.planning.opening import PlannerSetup  # noqa: PLC0415

        seed = None if self.plain else self.seed
        return PlannerSetup(config=config, mask_seed=seed, lang=self.lang.language, misses_stop=misses_stop)

    @contextmanager
    def transport(self, config: ModelConfig, run: str = "") -> Iterator[Transport]:
        """The way to the model; closed at the end."""
        from engine.clock import SystemClock  # noqa: PLC0415
        from engine.model.opening import open_transport  # noqa: PLC0415

        cassette = self._cassette() if self.mode is not ModelMode.live else None
        ledger = self.ledger if self.mode is ModelMode.replay else self.ledger or DEFAULT_LEDGER
        with open_transport(
            config, self.mode.value, SystemClock(), cassette=cassette, ledger=ledger, run=run or None
        ) as transport:
            yield transport

    @contextmanager
    def recorded(self) -> Iterator[Cassette | None]:
        """The cassette for reading, None if there is none yet."""
        from engine.model.cassette import Cassette  # noqa: PLC0415

        if self.cassette is None or not self.cassette.is_file():
            yield None
            return
        with Cassette(self.cassette, read_only=True) as cassette:
            yield cassette

    def _cassette(self) -> Path:
        if self.cassette is None:
            raise BadInput(
                f"--mode {self.mode.value} needs a file of recorded answers: name it with --cassette. "
                "To ask the model and record its answers, use --mode record --cassette FILE; it costs money."
            )
        return self.cassette


_ESTIMATE = {
    "title": Text("모델 비용 어림(아무것도 묻지 않았습니다)", "What the model will cost (nothing was asked)"),
    "calls": Text("질문 {calls:,}개(녹음된 답 {recorded:,}개 제외)", "{calls:,} questions ({recorded:,} are recorded)"),
    "likely": Text("약 {won:,}원, 토큰 약 {tokens:,}개", "about {won:,} won, about {tokens:,} tokens"),
    "most": Text("고쳐 묻기를 빼고 아무리 많아도 {won:,}원", "at most {won:,} won, repairs aside"),
    "over": Text(
        "한도를 넘습니다({caps}): 한도에 이르면 그 뒤 판단은 계획 없이 지나갑니다",
        "beyond the caps ({caps}): decisions after that will have no plan",
    ),
}


def estimate(priced: PricedPlanner, config: ModelConfig) -> CostEstimate:
    """The price of the questions that a run has counted."""
    from engine.clock import SystemClock, session_of  # noqa: PLC0415
    from engine.model.estimate import estimate_cost  # noqa: PLC0415
    from engine.model.prices import prices_for  # noqa: PLC0415

    return estimate_cost(
        priced.sizes,
        prices_for(config),
        provider=config.provider,
        model=config.model,
        on=session_of(SystemClock().now()),
        caps=config.caps,
    )


def print_estimate(console: Console, cost: CostEstimate, recorded: int, lang: Lang) -> None:
    """The price in words."""
    text = {name: words(lang.language) for name, words in _ESTIMATE.items()}
    lines = [
        text["title"],
        text["calls"].format(calls=cost.calls, recorded=recorded),
        text["likely"].format(won=cost.likely_won, tokens=cost.likely_tokens),
        text["most"].format(won=cost.most_won),
    ]
    if cost.over:
        lines.append(text["over"].format(caps=", ".join(cost.over)))
    for line in lines:
        console.print(line, markup=False, highlight=False)
