"""What all views of a placebo run show: the answer in words, how far the worlds got, and what decided in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.reports.format import number, percent
from engine.reports.language import Lang, Text
from engine.research.placebo import PlaceboResult
from engine.research.placebo_run import PlaceboRun
from engine.research.placebo_worlds import DEFAULT_BLOCK, PlaceboKind
from engine.research.texts import DECISIONS, name_of_step
from engine.research.verdict import Decision

MOST_PROMOTED = 10  # promoted worlds that are listed; a gate that promotes more has other worries


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A row with a count and its share of all worlds."""

    label: str
    detail: str
    count: int
    share: float


def headline(run: PlaceboRun, lang: Lang) -> tuple[str, str]:
    """Passed or failed, and the sentence that says why."""
    test = run.test
    word = (PASSED if test.passed else FAILED)(lang)
    allowed = CANNOT_FAIL if test.largest_allowed >= test.worlds else ALLOWED
    counted = COUNTED if run.plan.kind is PlaceboKind.FLIPPED else COUNTED_PERMUTED
    told = counted(lang).format(promotions=test.promotions, worlds=test.worlds) + " "
    told += allowed(lang).format(
        level=percent(test.false_promotion_rate, 0), largest=test.largest_allowed, p_value=number(test.p_value, 3)
    )
    return word, f"{told} {(MEANS_PASSED if test.passed else MEANS_FAILED)(lang)}"


def remarks(run: PlaceboRun, lang: Lang) -> list[str]:
    """What a reader must know beside the answer, a sentence each."""
    told = []
    if run.measured < len(run.verdicts):
        told.append(MEASURED(lang).format(measured=run.measured, worlds=len(run.verdicts)))
    if run.fairness is not None:
        told.append(fairness(run.fairness, lang))
    if run.plan.kind is PlaceboKind.PERMUTED:
        told.append(DRIFTS(lang))
    elif (run.plan.block or 1) > 1:
        told.append(LONG_BLOCKS(lang))
    if not run.plan.free:
        told.append(COSTLY(lang))
    below = run.share_below_market
    if run.market is not None and below is not None:
        beside = BESIDE(lang).format(market=number(run.market), share=percent(below, 0))
        told.append(beside + (f" {NO_DRIFT(lang)}" if run.plan.kind is PlaceboKind.FLIPPED else ""))
    return told


def fairness(test: PlaceboResult, lang: Lang) -> str:
    """What the p-values say about the measure behind the gate."""
    told = FAIR if test.passed else UNFAIR
    return told(lang).format(
        level=number(test.false_promotion_rate),
        count=test.promotions,
        worlds=test.worlds,
        largest=test.largest_allowed,
        share=percent(test.promotions / test.worlds, 1),
    )


def funnel(run: PlaceboRun, lang: Lang) -> list[Bar]:
    """In how many worlds every step so far stood against nothing, by step; first steps that all passed are one row."""
    worlds = len(run.verdicts)
    steps = run.steps
    open_door = next((place for place, step in enumerate(steps) if step.left < worlds), len(steps))
    rows = []
    if open_door:
        names = [name_of_step(steps[place].name, lang) for place in (0, open_door - 1)]
        rows.append(Bar(label=" … ".join(dict.fromkeys(names)), detail="", count=worlds, share=1.0))
    return rows + [
        Bar(
            label=name_of_step(step.name, lang),
            detail=PARTS(lang).format(failed=step.failed, unknown=step.unknown) if step.failed or step.unknown else "",
            count=step.left,
            share=step.left / worlds,
        )
        for step in steps[open_door:]
    ]


def reasons(run: PlaceboRun, lang: Lang) -> list[Bar]:
    """What decided, the most frequent first: the verdict, the step and its code."""
    rows = []
    for reason, decision, count in run.reasons:
        step = reason.partition(".")[0]
        told = EVERY_STEP(lang) if decision == "promote" else name_of_step(step, lang)
        label = f"{decision_word(decision, lang)} · {told}"
        rows.append(Bar(label=label, detail=reason, count=count, share=count / len(run.verdicts)))
    return rows


def promoted(run: PlaceboRun, labels: Sequence[str], lang: Lang) -> list[tuple[str, str, str]]:
    """Seed, candidate and p-value of the worlds that promoted, the first of them."""
    found = [verdict for verdict in run.verdicts if verdict.decision == "promote"]
    rows = [
        (str(verdict.seed), labels[verdict.candidate], "–" if verdict.p_value is None else f"{verdict.p_value:.2g}")
        for verdict in found[:MOST_PROMOTED]
    ]
    if len(found) > MOST_PROMOTED:
        rows.append(("…", MORE(lang).format(count=len(found) - MOST_PROMOTED), ""))
    return rows


def facts(run: PlaceboRun, lang: Lang) -> list[tuple[str, str]]:
    """Label and value of what a reader needs to place the answer."""
    plan, settings = run.plan, run.plan.settings
    kind = (FLIPPED if plan.kind is PlaceboKind.FLIPPED else PERMUTED)(lang)
    block = plan.block or DEFAULT_BLOCK[plan.kind]
    near = NEIGHBOURS(lang).format(count=settings.neighbours) if settings.neighbours else NO_NEIGHBOURS(lang)
    rows = [
        (DATA(lang), run.dataset),
        (KIND(lang), f"{kind}, {BLOCK(lang).format(block=block)}"),
        (SEED(lang), str(plan.seed)),
        (COSTS(lang), (FREE if plan.free else CONFIGURED)(lang)),
        (TRIALS(lang), FIRST_TRIAL(lang)),
        (AROUND(lang), near),
        (RESAMPLES(lang), f"{settings.resamples:,}"),
    ]
    if len(plan.candidates) > 1:
        rows.insert(0, (RULES(lang), RANDOM(lang).format(count=len(plan.candidates))))
    return rows


def decision_word(decision: Decision, lang: Lang) -> str:
    """What a verdict is called."""
    return DECISIONS[decision].in_language(lang)


PASSED = Text("통과", "passed")
FAILED = Text("실패", "failed")
COUNTED = Text(
    "예측할 것이 없는 세계 {worlds:,}개 가운데 {promotions:,}개에서 승격했습니다.",
    "The gate promoted in {promotions:,} of {worlds:,} worlds in which nothing can be found.",
)
COUNTED_PERMUTED = Text(
    "거래일의 순서를 섞은 세계 {worlds:,}개 가운데 {promotions:,}개에서 승격했습니다.",
    "The gate promoted in {promotions:,} of {worlds:,} worlds whose sessions were put into another order.",
)
ALLOWED = Text(
    "승격률이 {level}인 심사라면 {largest:,}개까지는 운으로 나옵니다(이만큼 이상 나올 확률 {p_value}).",
    "A gate that promotes {level} of them shows up to {largest:,} by luck (probability of as many or more: {p_value}).",
)
CANNOT_FAIL = Text(
    "세계가 너무 적어 모두 승격해도 실패할 수 없는 시험입니다.",
    "So few worlds cannot fail the test, even if all promote.",
)
MEANS_PASSED = Text(
    "심사가 운을 실력으로 착각한다는 증거가 없습니다.",
    "Nothing says that it takes luck for skill more often than that.",
)
MEANS_FAILED = Text(
    "심사가 운을 실력으로 착각하거나, 이 세계에 예측할 것이 남아 있습니다. 그 까닭을 알기 전에는 승격을 믿지 마십시오.",
    "Either it takes luck for skill, or something can still be found in these worlds. Trust no promotion before you "
    "know which.",
)
MEASURED = Text(
    "{worlds:,}개 가운데 {measured:,}개에서만 두 규칙의 수익률을 잴 수 있었습니다. 나머지는 발동이나 거래가 "
    "모자랐습니다.",
    "Returns could be measured in {measured:,} of {worlds:,} worlds; in the others the candidate fired or traded too "
    "rarely.",
)
FAIR = Text(
    "판단의 잣대도 공정합니다: p값 {level} 이하가 {worlds:,}개 가운데 {count:,}개({share})이고, 운으로 "
    "{largest:,}개까지 나올 수 있습니다.",
    "The measure behind it is fair too: {count:,} of {worlds:,} p-values ({share}) are {level} or less, and up to "
    "{largest:,} would be by luck.",
)
UNFAIR = Text(
    "그러나 판단의 잣대가 의심스럽습니다: p값 {level} 이하가 {worlds:,}개 가운데 {count:,}개({share})로, 운으로 "
    "나올 수 있는 {largest:,}개보다 많습니다.",
    "But the measure behind it is in doubt: {count:,} of {worlds:,} p-values ({share}) are {level} or less, more than "
    "the {largest:,} that luck explains.",
)
DRIFTS = Text(
    "순서만 섞은 세계에는 시장의 상승과 블록 안의 움직임이 남아 있습니다. 더 많이 보유하거나 그 움직임을 쓰는 규칙은 "
    "정말로 벌 수 있으므로, 승격이 모두 착각은 아닙니다.",
    "Permuted worlds keep the drift of the market and what unfolds inside a block: a rule that holds more or uses that "
    "may rightly earn more, so not every promotion is an error.",
)
LONG_BLOCKS = Text(
    "하루보다 긴 블록 안에는 방향이 남아 있어 예측할 것이 있습니다.",
    "Inside blocks longer than a session the direction stays, so something can be found.",
)
COSTLY = Text(
    "비용을 무는 세계에서는 덜 거래하는 규칙이 정말로 낫습니다. 그런 후보의 승격은 착각이 아닙니다.",
    "In worlds with costs a rule that trades less is really better; promoting it there is no error.",
)
BESIDE = Text(
    "실제 시장의 학습 구간에서 후보가 더한 것은 샤프 {market}로, 세계의 {share}보다 높습니다. 검증 구간은 보지 "
    "않았습니다.",
    "On the training window of the market itself the candidate adds a Sharpe ratio of {market}, more than in {share} "
    "of the worlds. The untouched window was not looked at.",
)
NO_DRIFT = Text(
    "이 세계들에는 시장의 상승이 없으므로, 더 많이 보유하는 것만으로도 실제 시장에서는 높게 나옵니다.",
    "These worlds have no drift, so merely holding more looks good beside them.",
)
PARTS = Text("실패 {failed:,} · 모름 {unknown:,}", "failed {failed:,} · unknown {unknown:,}")
EVERY_STEP = Text("모든 단계", "every step")
MORE = Text("그 밖에 {count:,}개", "and {count:,} more")
DATA = Text("데이터", "Data")
KIND = Text("세계", "Worlds")
FLIPPED = Text("방향을 동전으로 정함", "direction by the toss of a coin")
PERMUTED = Text("블록의 순서를 섞음", "blocks in another order")
BLOCK = Text("블록 {block:,}거래일", "sessions in a block: {block:,}")
SEED = Text("시드", "Seed")
COSTS = Text("비용", "Costs")
FREE = Text(
    "없음(덜 거래하는 것만으로 나아지지 않도록)",
    "none, so that trading less is no advantage in itself",
)
CONFIGURED = Text("설정대로", "as configured")
TRIALS = Text("시험 횟수", "Trials")
FIRST_TRIAL = Text(
    "세계마다 1번(장부 없음): 가장 통과하기 쉬운 첫 후보",
    "1 in each world, without a ledger: the first candidate, for which it is easiest",
)
AROUND = Text("이웃 규칙", "Neighbours")
NEIGHBOURS = Text("{count:,}개", "{count:,}")
NO_NEIGHBOURS = Text("없음(경고만 하는 단계라 판정은 같음)", "none: that step only warns, verdicts are the same")
RESAMPLES = Text("부트스트랩", "Resamples")
RULES = Text("후보", "Candidates")
RANDOM = Text("무작위 규칙 {count:,}개, 세계마다 하나", "{count:,} random rules, one in each world")
