"""Rows that both views of a comparison show: figures side by side, rule changes, the effect of each change."""

from __future__ import annotations

from dataclasses import dataclass

from engine.metrics.comparison import Comparison, FigureDifference
from engine.metrics.rule_changes import RuleChange
from engine.reports import format as show
from engine.reports.figures import FigureGroup, ShownFigure, figure_groups, show_value
from engine.reports.language import Lang, Text
from engine.reports.texts import word
from engine.reports.warnings import ShownWarning, all_warnings, show_warnings

EFFECT_FIGURES = ("total_return", "sharpe", "max_drawdown", "trades", "win_rate", "costs")


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """One figure of both runs as text; `tone` is "better", "worse" or "" for the new one."""

    name: str
    label: str
    meaning: str
    old: str
    new: str
    difference: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow:
    """What one change does alone: a label and one difference per figure of `EFFECT_FIGURES`."""

    label: str
    cells: tuple[tuple[str, str], ...]


def figure_rows(comparison: Comparison, lang: Lang) -> list[tuple[str, list[FigureRow]]]:
    """All figures in the groups of the report."""
    by_name = {row.name: row for row in comparison.differences}
    return [(group.title(lang), _group_rows(group, by_name, lang)) for group in figure_groups()]


def _group_rows(group: FigureGroup, by_name: dict[str, FigureDifference], lang: Lang) -> list[FigureRow]:
    rows = []
    for figure in group.figures:
        # A figure that neither run has is no row: there is nothing to compare.
        if figure.name not in by_name:
            continue
        row = by_name[figure.name]
        rows.append(
            FigureRow(
                name=figure.name,
                label=figure.label(lang),
                meaning=figure.meaning(lang),
                old=show_value(row.old, figure.unit, lang),
                new=show_value(row.new, figure.unit, lang),
                difference=difference_text(figure, row.difference, lang),
                tone=difference_tone(figure, row.difference),
            )
        )
    return rows


def difference_text(figure: ShownFigure, difference: float | None, lang: Lang) -> str:
    """A difference with its sign; of percentages in percentage points.

    >>> from engine.reports.figures import figure_named
    >>> difference_text(figure_named("total_return"), 0.0123, "ko")
    '+1.23%p'
    """
    if difference is None:
        return show.DASH
    text = show_value(difference, figure.unit, lang, signed=True)
    if not _visible(text):
        return "0"
    return f"{text}p" if figure.unit in ("percent", "change") else text


def difference_tone(figure: ShownFigure, difference: float | None) -> str:
    """Whether the new value is better or worse, where one can say so."""
    if not difference or not figure.better or not _visible(show_value(difference, figure.unit, "ko")):
        return ""
    return "better" if difference * figure.better > 0 else "worse"


def _visible(text: str) -> bool:
    """Whether a difference survives rounding; one that does not is shown as none."""
    return any(digit in text for digit in "123456789")


def effect_heads(lang: Lang) -> list[str]:
    """Headings of the effect table."""
    by_name = {figure.name: figure for group in figure_groups() for figure in group.figures}
    return [by_name[name].label(lang) for name in EFFECT_FIGURES]


def effect_rows(comparison: Comparison, lang: Lang) -> list[EffectRow]:
    """One row a change, then all changes together."""
    if not comparison.effects:
        return []
    rows = [EffectRow(label=effect.label, cells=_cells(effect.differences, lang)) for effect in comparison.effects]
    together = "모두 함께" if lang == "ko" else "all together"
    return [*rows, EffectRow(label=together, cells=_cells(comparison.differences, lang))]


def _cells(differences: tuple[FigureDifference, ...], lang: Lang) -> tuple[tuple[str, str], ...]:
    figures = {figure.name: figure for group in figure_groups() for figure in group.figures}
    by_name = {row.name: row.difference for row in differences}
    return tuple(
        (
            difference_text(figures[name], by_name.get(name), lang),
            difference_tone(figures[name], by_name.get(name)),
        )
        for name in EFFECT_FIGURES
    )


def field_name(field: str, lang: Lang) -> str:
    """A field of a rule as the prompt calls it."""
    return FIELDS[field](lang) if field in FIELDS else field


def change_words(change: RuleChange, lang: Lang) -> str:
    """What happened to a rule; says so when a change cannot move an order."""
    if change.kind == "interval":
        return "주기 변경" if lang == "ko" else "interval changed"
    if change.kind == "order":
        return "규칙 순서 변경" if lang == "ko" else "rules reordered"
    if not change.trades:
        return "설명만 변경(거래에 영향 없음)" if lang == "ko" else "words only (no effect on trading)"
    return word(change.kind, lang)


def both_warnings(comparison: Comparison, lang: Lang) -> list[ShownWarning]:
    """Warnings of either run, each code once, the serious ones first."""
    both = (
        *all_warnings(comparison.old_result, comparison.old),
        *all_warnings(comparison.new_result, comparison.new),
    )
    shown = {warning.code: warning for warning in show_warnings(both, lang)}
    return sorted(shown.values(), key=lambda warning: warning.weight != "serious")


def findings(comparison: Comparison, lang: Lang) -> list[str]:
    """What a reader must know first, as sentences."""
    korean = lang == "ko"
    found = list(comparison.notes)
    if not comparison.same_inputs:
        found.append(
            "두 실행의 데이터, 기간 또는 설정이 다릅니다. 차이가 규칙 때문이라고 말할 수 없습니다."
            if korean
            else "The two runs differ in data, range or configuration. The differences may not come from the rules."
        )
    if comparison.rated_from:
        first = show.day(comparison.rated_from)
        found.append(
            f"준비 기간이 서로 달라 비율과 연율 지표는 모두 {first}부터 계산했습니다."
            if korean
            else f"The warm-ups differ; ratios and annual figures of all runs start on {first}."
        )
    if comparison.identical:
        found.append(
            "두 실행의 자산, 주문, 체결이 모두 같습니다."
            if korean
            else "Equity, orders and fills of the two runs are the same."
        )
        return found
    orders, equity = comparison.first_order_difference, comparison.first_equity_difference
    if korean:
        found.append(f"주문이 처음 달라진 날: {show.day(orders)} · 자산이 처음 달라진 날: {show.day(equity)}")
        found.append(
            f"이전 규칙에만 있는 거래 {len(comparison.only_old):,}건, 새 규칙에만 있는 거래 "
            f"{len(comparison.only_new):,}건, 수량이나 손익이 달라진 거래 {comparison.resized:,}건"
        )
    else:
        found.append(f"Orders first differ on {show.day(orders)}, equity on {show.day(equity)}.")
        found.append(
            f"{len(comparison.only_old):,} trades only with the old rules, {len(comparison.only_new):,} only with the "
            f"new ones, {comparison.resized:,} with another quantity or profit."
        )
    return found


EFFECT_NOTE = Text(
    "각 줄은 이전 규칙에 그 변경 하나만 적용해 다시 실행한 결과와 이전 결과의 차이입니다. 규칙들은 같은 현금과 "
    "종목을 두고 서로 영향을 주므로 줄의 합은 전체 차이와 다를 수 있습니다.",
    "Each row is a run of the old rules with that change alone, less the old result. Rules share the same cash and "
    "positions, so the rows need not add up to the whole difference.",
)
LUCK_NOTE = Text(
    "같은 과거 데이터로 규칙을 여러 번 고쳐 보면 우연히 좋아 보이는 변경이 나옵니다. 이 비교는 변경이 무엇을 "
    "바꾸었는지 보여 줄 뿐, 개선이라는 증거는 아닙니다.",
    "Try enough changes on the same history and some look good by luck. This comparison shows what a change did; it "
    "is no evidence of an improvement.",
)
FIELDS = {
    "category": Text("종류", "category"),
    "condition": Text("조건", "condition"),
    "action": Text("행동", "action"),
    "priority": Text("우선순위", "priority"),
    "cadence": Text("평가", "cadence"),
    "text": Text("규칙", "rule"),
    "rationale": Text("근거", "rationale"),
    "added": Text("추가일", "date added"),
    "interval": Text("주기", "interval"),
}
