"""The market at entry, as yes-or-no conditions in the rule language.

A feature that is written in the rule language can become a rule as it stands: if losers had it more often than all
trades had, its opposite is a filter. The values are those that a rule would have seen at the decision, computed by
the same feature graph, from rows up to that decision and no later ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from engine.backtest import check_known
from engine.clock import to_nanoseconds
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.errors import DataError
from engine.exchange import build_exchange
from engine.feature_feed import FeatureFeed
from engine.reports.language import Text
from engine.rules.edit import RuleEntry, add_rule
from engine.rules.prompt import load_rules_text
from engine.rules.sections import RULES_TITLE
from engine.rules.tree import Category, Rule


@dataclass(frozen=True, slots=True)
class EntryFeature:
    """A condition that a purchase may have met.

    Attributes:
        name: stable, also the stem of a rule's id.
        condition: in the rule language.
        opposite: what is true exactly where the condition is known to be false.
        meaning: in words.
    """

    name: str
    condition: str
    opposite: str
    meaning: Text


FEATURES: tuple[EntryFeature, ...] = (
    EntryFeature(
        "thin-volume",
        "volume_ratio(20) < 2",
        "volume_ratio(20) >= 2",
        Text("거래량이 조금 늘었다", "little more volume"),
    ),
    EntryFeature(
        "heavy-volume",
        "volume_ratio(20) >= 4",
        "volume_ratio(20) < 4",
        Text("거래량이 몹시 늘었다", "had far more volume than usual"),
    ),
    EntryFeature(
        "risen-5", "returns(5) >= 10%", "returns(5) < 10%", Text("한 주 사이 크게 올랐다", "rose much in a week")
    ),
    EntryFeature(
        "risen-20",
        "returns(20) >= 20%",
        "returns(20) < 20%",
        Text("한 달 사이 크게 올랐다", "had risen much in a month"),
    ),
    EntryFeature(
        "fallen-20",
        "returns(20) <= -10%",
        "returns(20) > -10%",
        Text("한 달 사이 크게 내렸다", "fell much in a month"),
    ),
    EntryFeature(
        "fallen-60",
        "returns(60) <= -20%",
        "returns(60) > -20%",
        Text("석 달 사이 크게 내렸다", "fell much in three months"),
    ),
    EntryFeature("wild", "volatility(20) >= 60%", "volatility(20) < 60%", Text("변동이 컸다", "swung widely")),
    EntryFeature("calm", "volatility(20) < 25%", "volatility(20) >= 25%", Text("변동이 작았다", "hardly moved")),
    EntryFeature(
        "below-mean-60",
        "close < mean(close, 60)",
        "close >= mean(close, 60)",
        Text("60봉 평균 아래였다", "was below its mean of 60 bars"),
    ),
    EntryFeature(
        "far-above-mean-20",
        "close > mean(close, 20) * 1.1",
        "close <= mean(close, 20) * 1.1",
        Text("20봉 평균보다 10% 넘게 높았다", "was more than 10 % above its mean of 20 bars"),
    ),
    EntryFeature(
        "weak-breadth",
        "breadth(close > mean(close, 20)) < 40%",
        "breadth(close > mean(close, 20)) >= 40%",
        Text("오르는 종목이 적은 시장이었다", "few names of the market were rising"),
    ),
    EntryFeature(
        "falling-index",
        'index("KOSPI").close < mean(index("KOSPI").close, 20)',
        'index("KOSPI").close >= mean(index("KOSPI").close, 20)',
        Text("코스피가 20봉 평균 아래였다", "KOSPI was below its mean of 20 bars"),
    ),
)


class EntryConditions:
    """Which features purchases met, read from a panel.

    Args:
        panel: the data; what lies after a decision is never read for it.
        config: of the run.
    """

    def __init__(self, panel: Panel, config: BacktestConfig) -> None:
        self._panel, self._exchange = panel, build_exchange(panel, config)
        self._column = {ticker: place for place, ticker in enumerate(panel.tickers)}
        compiled = {rule.id: rule for rule in _rules(FEATURES, panel.interval)}
        self.features = tuple(feature for feature in FEATURES if _can_tell(compiled[feature.name], panel))
        self._nodes = {feature.name: compiled[feature.name].condition for feature in self.features}
        self._known: dict[tuple[str, int], dict[str, bool | None]] = {}

    def met(self, decisions: Sequence[tuple[str, datetime]]) -> list[Mapping[str, bool | None]]:
        """For each (ticker, moment of the decision): feature name -> yes, no, or None where it is unknown."""
        cells = [(ticker, self._row(moment)) for ticker, moment in decisions]
        missing = sorted({cell for cell in cells if cell not in self._known}, key=lambda cell: cell[1])
        self._known |= {cell: dict.fromkeys(self._nodes) for cell in missing}
        readable = [cell for cell in missing if cell[1] >= 0 and cell[0] in self._column]
        if readable and self._nodes:
            self._read(readable)
        return [self._known[cell] for cell in cells]

    def _row(self, moment: datetime) -> int:
        """The last bar that was closed at a moment; -1 before the first."""
        return int(np.searchsorted(self._panel.closed_at_ns, to_nanoseconds(moment), side="right")) - 1

    def _read(self, cells: Sequence[tuple[str, int]]) -> None:
        """Fill cells, which come in order of their rows."""
        feed = FeatureFeed(self._exchange, tuple(self._nodes.values()), cells[0][1], cells[-1][1] + 1)
        if feed.graph is None:
            return
        for ticker, row in cells:
            feed.advance(row)
            for name, node in self._nodes.items():
                column = feed.graph.column(node)
                place = self._column[ticker] if column.shape[1] > 1 else 0
                value = int(column[row - feed.known_from, place])
                self._known[ticker, row][name] = {0: False, 1: True}.get(value)


def _rules(features: Sequence[EntryFeature], interval: str) -> tuple[Rule, ...]:
    text = f"## {RULES_TITLE}\n**주기**: {interval}\n"
    for feature in features:
        entry = RuleEntry(
            id=feature.name,
            category=Category.ENTRY,
            text=feature.name,
            condition=feature.condition,
            action="require",
            priority=1,
        )
        text = add_rule(text, entry)
    return load_rules_text(text).rules


def _can_tell(rule: Rule, panel: Panel) -> bool:
    try:
        check_known(rule.condition, panel, rule.id)
    except DataError:
        return False
    return True
