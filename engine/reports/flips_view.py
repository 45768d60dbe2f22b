"""How many decisions flipped between the masked and the plain question, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text as Words

from engine.metrics.trades import wilson_interval
from engine.metrics.undefined import Undefined
from engine.reports import format as show
from engine.reports.language import Lang, Text
from engine.result import Result

TITLE = Text("가린 질문과 가리지 않은 질문", "Masked against plain questions")
KINDS = {
    "same": Text("같은 판단", "the same decision"),
    "sizes": Text("같은 종목, 다른 수량이나 가격", "the same names, other sizes or prices"),
    "different": Text("다른 종목이나 방향", "other names or directions"),
    "masked_failed": Text("가린 쪽만 계획 없음", "no plan on the masked side only"),
    "plain_failed": Text("가리지 않은 쪽만 계획 없음", "no plan on the plain side only"),
    "nothing": Text("양쪽 모두 할 일 없음", "nothing to do on both sides"),
    "both_failed": Text("양쪽 모두 계획 없음", "no plan on both sides"),
}
FLIPPED = Text("뒤집힘", "flips")
HEADS = (Text("비교", "Comparison"), Text("지식 한계까지", "Up to the cutoff"), Text("그 뒤", "After it"))
DECISION_HEADS = (Text("판단", "Decision"), Text("가림", "Masked"), Text("가리지 않음", "Plain"))
SUMMARY = Text(
    "판단 {decisions:,}건 가운데 어느 쪽이든 무언가 하려 한 {compared:,}건에서 {flipped:,}건({share}, "
    "95% 구간 {interval})이 이름·날짜·가격을 보여 주자 뒤집혔습니다.",
    "Of {decisions:,} decisions, {compared:,} had something to do on either side; {flipped:,} of these ({share}, 95 % "
    "interval {interval}) flipped when the model could see names, dates and prices.",
)
MEANING = Text(
    "두 질문은 같은 계좌의 같은 상황에 대한 것이며 거래한 것은 가린 쪽입니다. 많이 뒤집히면 모델이 자료가 아니라 "
    "기억이나 이름을 보고 판단한다는 뜻입니다. 뒤집힘: 다른 종목이나 방향, 한쪽만 계획 없음.",
    "Both questions are about the same situation of the same account, and the masked plan is the one that traded. Many "
    "flips mean that the model decides by memory or by name, not by the data. A flip: other names or directions, or no "
    "plan on one side only.",
)
NO_ACTION = Text("거래 없음", "no trade")
FIRST_FLIPS = 5  # on a terminal
FLIPS = frozenset({"different", "masked_failed", "plain_failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipsView:
    """The comparison as a reader sees it.

    Args:
        summary: one sentence with the share of flips.
        meaning: what it says.
        heads: of the table of counts.
        rows: (what, before the cutoff, after it, whether it is a flip).
        decision_heads: of the table of flips.
        decisions: the first flips: (decision, masked, plain).
    """

    summary: str
    meaning: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, str, str, bool], ...]
    decision_heads: tuple[str, ...]
    decisions: tuple[tuple[str, str, str], ...]


def flips_view(result: Result, lang: Lang) -> FlipsView | None:
    """The comparison of a run that asked both ways; None for every other run."""
    told: Any = result.model_run.get("flips")
    if told is None:
        return None
    interval = wilson_interval(told["flipped"], told["compared"])
    low_high = (
        show.DASH if isinstance(interval, Undefined) else " ~ ".join(show.percent(bound, 0) for bound in interval)
    )
    share = show.percent(told["flipped"] / told["compared"], 1) if told["compared"] else show.DASH
    before, after = told["before"], told["after"]
    return FlipsView(
        summary=SUMMARY(lang).format(
            decisions=told["decisions"],
            compared=told["compared"],
            flipped=told["flipped"],
            share=share,
            interval=low_high,
        ),
        meaning=MEANING(lang),
        heads=tuple(head(lang) for head in HEADS),
        rows=(
            *((KINDS[kind](lang), f"{before[kind]:,}", f"{after[kind]:,}", kind in FLIPS) for kind in KINDS),
            (FLIPPED(lang), _share(before), _share(after), True),
        ),
        decision_heads=tuple(head(lang) for head in DECISION_HEADS),
        decisions=tuple(
            (each["decision"], _actions(each["masked"], lang), _actions(each["plain"], lang)) for each in told["first"]
        ),
    )


def flips_terminal(result: Result, lang: Lang) -> list[RenderableType]:
    """The counts and the first flips; nothing for a run that asked one way only."""
    view = flips_view(result, lang)
    if view is None:
        return []
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for number, head in enumerate(view.heads):
        table.add_column(head, justify="right" if number else "left", overflow="fold")
    for what, before, after, flips in view.rows:
        style = "" if flips else "dim"
        table.add_row(Words(what, style=style), Words(before, style=style), Words(after, style=style))
    parts: list[RenderableType] = [Words(TITLE(lang), style="bold underline"), table, Words(view.summary)]
    if view.decisions:
        firsts = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
        for head in view.decision_heads:
            firsts.add_column(head, overflow="fold")
        for row in view.decisions[:FIRST_FLIPS]:
            firsts.add_row(*map(Words, row))
        parts.append(firsts)
    return [Words(""), Group(*parts, Words(view.meaning, style="dim"))]


def _share(counts: Mapping[str, int]) -> str:
    """Flips among the decisions that say something."""
    flipped = sum(counts[kind] for kind in FLIPS)
    compared = flipped + counts["same"] + counts["sizes"]
    return f"{flipped:,} / {compared:,} ({show.percent(flipped / compared, 1)})" if compared else show.DASH


def _actions(texts: list[str], lang: Lang) -> str:
    return ", ".join(texts) or NO_ACTION(lang)
