"""M2: what the losing trades have in common, in the words of a model and the figures of the program.

Each pattern must cite losing trades that exist. How often it occurs and what it cost is counted from them, never read
from the model's adjectives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from engine.ledger.canonical import dump_plain, plain
from engine.model.asking import Asks
from engine.reflection.answers import ModelSettings, ask_checked, prompt_file, schema_text
from engine.reflection.m1_aggregate import PerformanceReport
from engine.reflection.shown import Mask, report_context, rules_context
from engine.rules.tree import RuleSet

ANALYSIS = "reflection_analysis"
REPAIRS = 1
Sentence = Annotated[str, Field(min_length=1, max_length=500)]


class FailureAnswer(BaseModel):
    """One failure as the model tells it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pattern: Sentence
    trade_ids: list[int]
    feature: str


class AnalysisAnswer(BaseModel):
    """The model's answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    common_failures: list[FailureAnswer]
    key_insights: list[Sentence]
    improvement_areas: list[Sentence]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePattern:
    """A failure with its figures.

    Args:
        pattern: in the model's words.
        feature: of the entry, "" if none.
        trade_ids: losing trades that show it.
        frequency: how many they are; `share` of all losers.
        lost: won that they lost, positive; `share_lost` of what all losers lost.
        priority: 1 to 10, see `priority_of`.
    """

    pattern: str
    feature: str
    trade_ids: tuple[int, ...]
    frequency: int
    share: float
    lost: float
    share_lost: float
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What M2 found.

    Args:
        patterns: most important first.
        insights, areas: sentences.
        refused: patterns that cite nothing or something that does not exist, and why.
        asked: how often the model was asked.
    """

    patterns: tuple[FailurePattern, ...] = ()
    insights: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    asked: int = 0

    def as_plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        found: dict[str, Any] = plain(self)
        return found


def analyse(
    report: PerformanceReport,
    rules: RuleSet,
    asks: Asks,
    settings: ModelSettings,
    mask: Mask,
    *,
    not_promoted: Sequence[str] = (),
    decision_id: str = "",
) -> Analysis:
    """Ask for failure patterns; without a losing trade there is nothing to ask.

    Args:
        report: of M1.
        rules: in force.
        asks, settings: the model and how it is asked.
        mask: how names and money are shown.
        not_promoted: conditions that the gate has turned down.
        decision_id: under which the answers are stored.

    Raises:
        ModelFailure: no answer can be had.
    """
    if not report.losers:
        return Analysis()
    context = report_context(report, mask) | {
        "rules": rules_context(rules, mask),
        "not_promoted": sorted(set(not_promoted)),
    }
    system = prompt_file(ANALYSIS, settings.lang, settings.folder, {"schema": schema_text(AnalysisAnswer)})
    repair = prompt_file("reflection_repair", settings.lang, settings.folder, {})
    features = {rate.name for rate in report.rates}

    def check(answer: AnalysisAnswer) -> list[str]:
        return [error for failure in answer.common_failures for error in _errors(failure, report, features)]

    request = settings.request(ANALYSIS, system, dump_plain(plain(context)), AnalysisAnswer)
    checked = ask_checked(asks, request, AnalysisAnswer, check, repair, repairs=REPAIRS, decision_id=decision_id)
    if checked.answer is None:
        return Analysis(refused=checked.errors, asked=checked.asked)
    good, refused = [], []
    for failure in checked.answer.common_failures:
        errors = _errors(failure, report, features)
        if errors:
            refused += errors
        else:
            good.append(_counted(failure, report))
    return Analysis(
        patterns=tuple(sorted(good, key=lambda found: (-found.priority, -found.lost, found.pattern))),
        insights=tuple(checked.answer.key_insights),
        areas=tuple(checked.answer.improvement_areas),
        refused=tuple(refused),
        asked=checked.asked,
    )


def priority_of(frequency: int, losers: int, lost: float, lost_in_all: float) -> int:
    """1 to 10: ten times the mean of the share of losers and the share of the money lost, rounded up.

    >>> priority_of(3, 10, 500_000, 1_000_000), priority_of(1, 100, 1, 1_000_000), priority_of(5, 5, 7, 7)
    (4, 1, 10)
    """
    if not losers or lost_in_all <= 0:
        return 1
    mean = (frequency / losers + lost / lost_in_all) / 2
    # A share that is a tenth but for its last bit must not count as more than a tenth.
    return min(10, max(1, ceil(round(10 * mean, 9))))


def _errors(failure: FailureAnswer, report: PerformanceReport, features: set[str]) -> list[str]:
    name = f'"{failure.pattern[:60]}"'
    if not failure.trade_ids:
        return [f"{name} cites no trade. Name the losing trades that show it in trade_ids."]
    errors = []
    unknown = sorted(set(failure.trade_ids) - report.loser_ids)
    if unknown:
        told = ", ".join(map(str, unknown[:10]))
        errors.append(f"{name} cites {told}: there is no losing trade of that number. Cite trade_id of losers only.")
    if failure.feature and failure.feature not in features:
        errors.append(f'{name}: "{failure.feature}" is no feature of rates. Use one of them, or an empty string.')
    return errors


def _counted(failure: FailureAnswer, report: PerformanceReport) -> FailurePattern:
    cited = set(failure.trade_ids)
    lost = -sum(view.trade.pnl for view in report.losers if view.trade.trade_id in cited)
    lost_in_all = -sum(view.trade.pnl for view in report.losers)
    return FailurePattern(
        pattern=failure.pattern,
        feature=failure.feature,
        trade_ids=tuple(sorted(cited)),
        frequency=len(cited),
        share=len(cited) / len(report.losers),
        lost=lost,
        share_lost=lost / lost_in_all,
        priority=priority_of(len(cited), len(report.losers), lost, lost_in_all),
    )
