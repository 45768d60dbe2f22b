"""`geoul compare --planner llm`: two prompts under one model, by overlay or by asking again."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.model_run import ModelMode, ModelRun, estimate
from engine.errors import BadInput
from engine.reports.language import Text

if TYPE_CHECKING:
    from brokers.graph_replay import GraphRun
    from engine.cli.market_options import MarketOptions
    from engine.cli.options import Lang
    from engine.config import BacktestConfig
    from engine.data.panel import Panel
    from engine.metrics.comparison import Comparison
    from engine.model.estimate import CostEstimate
    from engine.operating.desk import Planner
    from engine.planning.divergence import Divergence
    from engine.planning.overlay import Tape
    from engine.rules.tree import RuleSet


class Replay(StrEnum):
    """How a model's decisions are carried over to changed rules."""

    overlay = "overlay"
    reask = "reask"


ReplayOption = Annotated[
    Replay,
    typer.Option(
        "--replay", help="모델 판단: 그대로 얹기(무료), 다시 묻기 · freeze the model's decisions or ask again"
    ),
]

OVERLAY = Text(
    "덧씌우기: 녹음된 판단 {decisions:,}건을 새 규칙에 얹었습니다(비용 0원). 매수·매도 {followed:,}건을 따랐고 "
    "(수량 변경 {resized:,}건) {vetoed:,}건은 새 규칙이 막았으며, 새 신호 {signals:,}건 가운데 {unseen:,}건({share})은 "
    "모델이 본 적이 없어 사지 않았습니다.",
    "Overlay: {decisions:,} recorded decisions laid over the new rules, for nothing. {followed:,} actions were "
    "followed ({resized:,} resized), {vetoed:,} vetoed by the new rules; of {signals:,} signals the model has "
    "never seen {unseen:,} ({share}), which were not bought.",
)
REASK = Text(
    "다시 묻기: 질문 {questions:,}개 가운데 {misses:,}개({share})가 이전 실행에 없던 질문입니다. "
    "처음 달라진 질문: {first}, 이번 비용 {won:,}원.",
    "Re-ask: {misses:,} of {questions:,} questions ({share}) were none of the old run's, the first at {first}; "
    "asking cost {won:,} won now.",
)
FIRST = Text(
    "처음 갈라진 판단: {first}({why}). 판단 {cycles:,}건 가운데 {differing:,}건의 주문이 다릅니다.",
    "The runs part at decision {first} ({why}); the orders of {differing:,} of {cycles:,} decisions differ.",
)
SAME = Text("판단 {cycles:,}건의 주문과 계좌가 모두 같습니다.", "Orders and account agree in all {cycles:,} decisions.")
WHY = {
    "orders": Text("주문이 다름", "other orders"),
    "account": Text("계좌가 다름", "another account"),
}
NONE = Text("없음", "none")


@dataclass(frozen=True)
class ModelComparison:
    """Runs two prompts with one model.

    Args:
        model: as the user chose it.
        panel: the data.
        settings: of both runs.
        start: first session.
        end: last session.
        lang: of texts.
    """

    model: ModelRun
    panel: Panel
    settings: BacktestConfig
    start: datetime.date | None
    end: datetime.date | None
    lang: Lang

    def overlay(self, old: tuple[RuleSet, str], new: tuple[RuleSet, str]) -> Comparison:
        """The decisions of the old run, replayed from its cassette, laid over the new rules."""
        from engine.planning.overlay import TapePlanner  # noqa: PLC0415  (loads the compiler: keeps --help fast)

        before, tape = self._recorded(old)
        planner = TapePlanner(tape, self.model.config().model)
        after = self._run(new[0], planner)
        counts = planner.counts
        note = OVERLAY(self.lang.language).format(
            decisions=counts.decisions,
            followed=counts.followed,
            resized=counts.resized,
            vetoed=counts.vetoed,
            signals=counts.signals,
            unseen=counts.unseen,
            share=_share(counts.miss_share),
        )
        facts: dict[str, object] = {
            "replay": "overlay",
            "miss_share": counts.miss_share,
            "unseen": counts.unseen,
            "vetoed": counts.vetoed,
        }
        return self._compared(before, after, old[0], new[0], note, facts)

    def price(self, old: tuple[RuleSet, str], new: tuple[RuleSet, str]) -> tuple[CostEstimate, int]:
        """What asking again will cost about, and how many recorded answers fit: questions as the overlay has them."""
        from engine.planning.overlay import TapePlanner  # noqa: PLC0415
        from engine.planning.pricing import PricedPlanner  # noqa: PLC0415

        _, tape = self._recorded(old)
        config = self.model.config()
        with self.model.recorded() as cassette:
            from engine.cli.graph_run import NOBODY  # noqa: PLC0415

            asked = self.model.setup(config).planner(NOBODY, *new, self.panel)
            priced = PricedPlanner(
                asked, lambda key: cassette is not None and key in cassette, TapePlanner(tape, config.model).plan
            )
            self._run(new[0], priced)
        return estimate(priced, config), priced.recorded

    def reask(self, old: tuple[RuleSet, str], new: tuple[RuleSet, str]) -> Comparison:
        """The new run asks where no recorded answer fits; in the mode replay such a question ends it."""
        from engine.planning.reask import CountedAsks, ReaskCounts  # noqa: PLC0415

        before, _ = self._recorded(old)
        config, counts = self.model.config(), ReaskCounts()
        known = frozenset(key for cycle in before.cycles if cycle.trace for key in cycle.trace.keys)
        with self.model.transport(config) as transport:
            planner = self.model.setup(config).planner(CountedAsks(transport, known, counts), *new, self.panel)
            after = self._run(new[0], planner)
        spent = after.result.model_costs.get("spent_won", 0)
        note = REASK(self.lang.language).format(
            questions=counts.questions,
            misses=counts.misses,
            share=_share(counts.miss_share),
            first=counts.first_miss or NONE(self.lang.language),
            won=spent,
        )
        facts: dict[str, object] = {
            "replay": "reask",
            "miss_share": counts.miss_share,
            "misses": counts.misses,
            "questions": counts.questions,
            "first_miss": counts.first_miss,
            "spent_won": spent,
        }
        return self._compared(before, after, old[0], new[0], note, facts)

    def _recorded(self, old: tuple[RuleSet, str]) -> tuple[GraphRun, Tape]:
        """The old run from its cassette, and its decisions."""
        from engine.planning.overlay import TapeRecorder  # noqa: PLC0415

        replayed = replace(self.model, mode=ModelMode.replay)
        config = self.model.config()
        tape: Tape = {}
        with replayed.transport(config) as transport:
            planner = replayed.setup(config).planner(transport, *old, self.panel)
            return self._run(old[0], TapeRecorder(planner, tape)), tape

    def _run(self, rules: RuleSet, planner: Planner) -> GraphRun:
        from brokers.graph_replay import run_graph  # noqa: PLC0415

        return run_graph(
            rules, self.panel, self.settings, None, self.start, self.end, self.lang.language, planner=planner
        )

    def _compared(
        self,
        before: GraphRun,
        after: GraphRun,
        old: RuleSet,
        new: RuleSet,
        note: str,
        facts: dict[str, object],
    ) -> Comparison:
        from engine.metrics.comparison import compare_results  # noqa: PLC0415
        from engine.planning.divergence import divergence  # noqa: PLC0415

        parts = divergence(before.cycles, after.cycles)
        facts |= {"first_divergence": parts.first, "cycles": parts.cycles, "differing": parts.differing}
        compared = compare_results(before.result, after.result, old, new)
        return replace(compared, notes=(note, self._parting(parts)), facts=facts)

    def _parting(self, parts: Divergence) -> str:
        lang = self.lang.language
        if not parts.first:
            return SAME(lang).format(cycles=parts.cycles)
        why = WHY[parts.why](lang)
        return FIRST(lang).format(first=parts.first, why=why, cycles=parts.cycles, differing=parts.differing)


def model_comparison(model: ModelRun, rules: tuple[RuleSet, RuleSet], market: MarketOptions) -> ModelComparison:
    """The comparison on one dataset.

    Raises:
        BadInput: the two prompts count bars of different intervals.
    """
    intervals = {each.interval for each in rules}
    if len(intervals) > 1:
        raise BadInput(
            f"The prompts count bars of {' and '.join(sorted(intervals))}, so their decisions cannot be laid over each "
            "other."
        )
    settings, (start, end) = market.settings(), market.days()
    panel = market.source(lambda words: None, intervals.pop()).load()
    return ModelComparison(model, panel, settings, start, end, model.lang)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
