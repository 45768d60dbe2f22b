"""What is allowed but worth a look before money follows: warnings about single rules and about the set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.rules.format import format_node, format_number, format_percent
from engine.rules.lookback import lookback_bars
from engine.rules.messages import Language, Text
from engine.rules.tree import (
    Buy,
    Comparison,
    Limit,
    LimitKind,
    Name,
    Negative,
    Node,
    Number,
    Rule,
    Sell,
    Size,
    SizeMethod,
    Unit,
)
from engine.rules.truth import Truth, decide, idle_parts
from engine.rules.walk import rule_expressions, walk

LONG_LOOKBACK = 500  # about two years of sessions: most listings of the last two years would never qualify

_SHARES_OF_MONEY = frozenset({"pnl", "weight", "day_pnl", "month_pnl", "cash_ratio", "drawdown", "drawdown_from_peak"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One warning. `rule_id` is empty and `line` 0 when it concerns all rules together."""

    code: str
    text: Text
    rule_id: str = ""
    line: int = 0

    def in_language(self, lang: Language) -> str:
        prefix = f"[{self.rule_id}] " if self.rule_id else ""
        return prefix + self.text.in_language(lang)


def findings_of(rules: tuple[Rule, ...], interval: str) -> tuple[Finding, ...]:
    """All warnings, in the order of the rules, then those of the set."""
    found: list[Finding] = []
    for position, rule in enumerate(rules):
        for code, text in _of_rule(rule, interval):
            found.append(Finding(code, text, rule.id, rule.line))
        for earlier in rules[:position]:
            if earlier.condition == rule.condition and earlier.action == rule.action:
                found.append(Finding("repeated", _repeated(earlier), rule.id, rule.line))
    return (*found, *_of_set(rules))


def lookback_of_rule(rule: Rule) -> int:
    """Rows that the rule needs before it can be known, over its condition and its action."""
    rows = max(lookback_bars(node) for node in rule_expressions(rule))
    if isinstance(rule.action, Size) and rule.action.method is SizeMethod.VOLATILITY:
        rows = max(rows, rule.action.window_bars + 1)
    return rows


def _of_rule(rule: Rule, interval: str) -> Iterator[tuple[str, Text]]:
    verdict = decide(rule.condition)
    plain = isinstance(rule.condition, Name)
    if verdict.truth is Truth.ALWAYS and not plain:
        yield (
            "always_true",
            Text(
                f"조건이 언제나 참입니다: {verdict.reason.ko} {verdict.hint.ko}",
                f"The condition is always true: {verdict.reason.en} {verdict.hint.en}",
            ),
        )
    for part in idle_parts(rule.condition):
        never = part.truth is Truth.NEVER
        yield (
            "idle_part",
            Text(
                f"조건의 일부가 언제나 {'거짓' if never else '참'}입니다: {part.reason.ko} {part.hint.ko}",
                f"A part of the condition is always {'false' if never else 'true'}: {part.reason.en} {part.hint.en}",
            ),
        )
    for node in rule_expressions(rule):
        yield from _of_literals(node)
        if interval.endswith(("d", "w")) and any(isinstance(part, Name) and part.name == "time" for part in walk(node)):
            yield (
                "time_on_daily",
                Text(
                    f"주기가 {interval}이면 `time`은 언제나 장 마감 시각입니다.",
                    f"With bars of {interval} `time` is always the time of the close.",
                ),
            )
    rows = lookback_of_rule(rule)
    if rows > LONG_LOOKBACK:
        yield (
            "long_lookback",
            Text(
                f"과거 {rows}봉이 필요해서 그보다 늦게 상장한 종목에는 쓰이지 않습니다.",
                f"It needs {rows} bars, so younger listings never qualify.",
            ),
        )


def _of_literals(node: Node) -> Iterator[tuple[str, Text]]:
    for part in walk(node):
        if not isinstance(part, Comparison):
            continue
        for field, literal in ((part.left, part.right), (part.right, part.left)):
            number = literal.operand if isinstance(literal, Negative) else literal
            if not isinstance(number, Number):
                continue
            if isinstance(field, Name) and field.name in _SHARES_OF_MONEY and number.value >= 3:
                share, slip = format_percent(number.value), format_percent(number.value / 100)
                yield (
                    "huge_ratio",
                    Text(
                        f"`{format_node(part)}`의 {format_number(number.value, Unit.COUNT)}은(는) {share}입니다. "
                        f"{slip}를 뜻하셨습니까?",
                        f"In `{format_node(part)}` the number is {share}; did you mean {slip}?",
                    ),
                )
            if number.unit is Unit.WON and 0 < number.value < 1:
                won = format_number(number.value, Unit.WON)
                yield (
                    "tiny_won",
                    Text(
                        f"`{format_node(part)}`의 {won}은 가장 작은 가격보다 작습니다. 비율을 뜻하셨습니까?",
                        f"In `{format_node(part)}` the amount is below the smallest price; did you mean a ratio?",
                    ),
                )


def _repeated(earlier: Rule) -> Text:
    return Text(f"`{earlier.id}`와(과) 조건과 행동이 같습니다.", f"Condition and action are those of `{earlier.id}`.")


def _of_set(rules: tuple[Rule, ...]) -> Iterator[Finding]:
    actions = [rule.action for rule in rules]
    if not any(isinstance(action, Buy) for action in actions):
        yield Finding(
            "no_buy",
            Text(
                "`buy` 규칙이 없어서 아무것도 사지 않습니다(`require`와 `rank by`만으로는 사지 않음).",
                "There is no `buy`, so nothing is ever bought (`require` and `rank by` alone never buy).",
            ),
        )
    elif not any(isinstance(action, Sell) for action in actions):
        yield Finding(
            "no_sell",
            Text("`sell` 규칙이 없어서 산 종목을 팔지 않습니다.", "There is no `sell`: nothing is ever sold."),
        )
    caps = [
        (rule, rule.action.ratio)
        for rule in rules
        if isinstance(rule.action, Limit) and rule.action.kind is LimitKind.POSITION
    ]
    for rule in rules:
        if not isinstance(rule.action, Buy) or rule.action.ratio is None:
            continue
        for cap_rule, cap in caps:
            if cap is not None and cap < rule.action.ratio:
                size, limit = format_percent(rule.action.ratio), format_percent(cap)
                yield Finding(
                    "capped",
                    Text(
                        f"{size}를 사려 하지만 `{cap_rule.id}`의 한도 {limit}에 걸립니다.",
                        f"It asks for {size}, but `{cap_rule.id}` allows {limit}.",
                    ),
                    rule.id,
                    rule.line,
                )
