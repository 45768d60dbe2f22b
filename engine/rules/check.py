"""From the text of a decision prompt to checked rules: each must compile, and its category must allow it."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import TypeVar

from engine.rules.annotate import annotate, annotate_condition, annotate_price, varies_by_instrument
from engine.rules.cadence import default_cadence, is_exact, level_of_condition, price_level
from engine.rules.findings import Finding, findings_of
from engine.rules.format import format_action, format_node, format_percent
from engine.rules.functions import MAX_WINDOW
from engine.rules.interval import DEFAULT_INTERVAL, INTERVALS
from engine.rules.messages import CATEGORY_TITLES, UNIT_NAMES, Text
from engine.rules.order_price import check_session_open
from engine.rules.parse import MAX_LENGTH, parse_action, parse_expression
from engine.rules.parse_hints import ACTION_FORMS
from engine.rules.problem import RuleProblem
from engine.rules.sections import HEAD_FIELDS, RULE_FIELDS, RULES_TITLE, Block, Line, Prompt, Section
from engine.rules.tree import (
    Action,
    BlockBuys,
    Buy,
    Cadence,
    Category,
    Halt,
    Limit,
    LimitKind,
    Name,
    Node,
    RankBy,
    Require,
    Rule,
    RuleSet,
    Scope,
    Sell,
    Size,
    SizeMethod,
    Span,
)
from engine.rules.truth import Truth, decide
from engine.rules.units import NUMERIC
from engine.rules.walk import walk

__all__ = [
    "MAX_RULES",
    "RIGHTS",
    "Review",
    "action_words",
    "check_rule",
    "check_rules",
    "price_level",
    "recheck",
    "review",
]

MAX_RULES = 126  # a decision keeps the rules that fired in a bit mask

# First words of the actions each category may take, as DESIGN 4 gives them.
RIGHTS: dict[Category, tuple[str, ...]] = {
    Category.ENTRY: ("buy", "require", "rank by"),
    Category.EXIT: ("sell",),
    Category.SIZING: ("size", "limit position", "limit positions", "limit sector"),
    Category.RISK: (
        "block buys",
        "halt",
        "sell",
        "limit position",
        "limit positions",
        "limit sector",
        "limit day loss",
    ),
}

Result = TypeVar("Result")

_RULE_ID = re.compile(r"\w[\w.\-]{0,63}")
_PRIORITY = re.compile(r"([0-9]{1,2})(?:\s*/\s*10)?")
_FIELD_EXAMPLES = {
    "규칙": "**규칙**: 거래량이 20일 평균의 1.5배 이상이면 매수한다",
    "조건": "**조건**: `volume_ratio(20) >= 1.5` (조건이 필요 없으면 `always`)",
    "행동": "**행동**: `buy 10% of equity`",
    "우선순위": "**우선순위**: 5/10",
}
_ENGLISH_FIELDS = {
    "rule": "규칙",
    "condition": "조건",
    "action": "행동",
    "priority": "우선순위",
    "rationale": "근거",
    "added": "추가일",
    "evaluation": "평가",
    "cadence": "평가",
    "interval": "주기",
}


@dataclass(frozen=True, slots=True)
class Review:
    """Everything that is to be said about the rules of a prompt.

    Attributes:
        rules: the rules that compile, in the order of the file.
        interval: the bar length that windows count.
        problems: in the order of the file, at most one per rule; empty when the prompt can be used.
        findings: what is allowed but worth a look.
    """

    rules: tuple[Rule, ...]
    interval: str
    problems: tuple[RuleProblem, ...]
    findings: tuple[Finding, ...]


def check_rules(prompt: Prompt) -> RuleSet:
    """The checked rules of a prompt.

    Raises:
        RuleProblem: the first thing that is wrong, with its place in the text.
    """
    result = review(prompt)
    if result.problems:
        raise result.problems[0]
    return RuleSet(interval=result.interval, rules=result.rules)


def review(prompt: Prompt) -> Review:
    """Check all rules and collect every problem instead of stopping at the first."""
    problems: list[RuleProblem] = []
    if prompt.unclosed is not None:
        mark = prompt.unclosed.text.strip()
        problems.append(RuleProblem("unclosed", _whole_line(prompt.unclosed), found=f"`{mark}`"))
    sections = prompt.rules_sections
    if not sections:
        missing = () if problems else (RuleProblem("no_section", Span(1, 1, 1, 1)),)
        return Review((), DEFAULT_INTERVAL, (*problems, *missing), ())
    section = sections[0]
    for other in sections[1:]:
        first, again = section.heading, other.heading
        if first is not None and again is not None:
            problems.append(RuleProblem("two_sections", _whole_line(again), first=first.number))
    interval = _collect(problems, lambda: _interval(section)) or DEFAULT_INTERVAL
    rules = _rules(section, problems)
    # Rules that an open fence or comment hides are not missing.
    if not section.blocks and section.heading is not None and prompt.unclosed is None:
        problems.append(RuleProblem("no_rules", _whole_line(section.heading)))
    if not problems:
        _collect(problems, lambda: _check_sizes(rules))
    findings = (*findings_of(rules, interval), *_outside(prompt)) if not problems else ()
    ordered = sorted(problems, key=lambda problem: (problem.line, problem.column))
    told = tuple(problem.found_in("", prompt.line(problem.line)) for problem in ordered)
    return Review(rules, interval, told, findings)


def _outside(prompt: Prompt) -> Iterator[Finding]:
    """Rules that stand in another section, where they do nothing."""
    titles = {_plain(title) for title in CATEGORY_TITLES.values()}
    for section in prompt.sections:
        for line in section.lines:
            title, _, rule_id = line.title.partition(":")
            if line.level == 3 and not section.is_rules and _plain(title) in titles:
                text = Text(
                    f"`## {RULES_TITLE}` 구역 밖에 있어서 읽지 않습니다.",
                    f"It stands outside the section `## {RULES_TITLE}` and is not read.",
                )
                yield Finding("outside", text, rule_id.strip(), line.number)


def check_rule(block: Block) -> Rule:
    """One block of the rules section as a checked rule."""
    category, rule_id = _heading(block)
    try:
        return _compile(block, category, rule_id)
    except RuleProblem as problem:
        raise problem.of_rule(rule_id) from None


def recheck(rule: Rule, *, condition: Node, action: Action, condition_source: str, action_source: str) -> Rule:
    """The rule with another condition and action, checked as if they had been read from a file.

    Args:
        rule: everything else is taken from it.
        condition, action: as the parser gives them, without units.
        condition_source, action_source: their texts.

    Raises:
        RuleProblem: as for a file; its span counts from the start of the text.
    """
    for text in (condition_source, action_source):
        if len(text) > MAX_LENGTH:
            raise RuleProblem("too_long", Span(1, 1, 1, len(text) + 1), length=len(text), limit=MAX_LENGTH)
    condition, action = _typed(rule.category, condition, action, Span(1, 1, 1, len(action_source) + 1))
    cadence = default_cadence(condition, action)
    if rule.cadence_given:
        _check_cadence(rule.cadence, condition, action, condition.span)
        cadence = rule.cadence
    return replace(
        rule,
        condition=condition,
        action=action,
        cadence=cadence,
        condition_source=condition_source,
        action_source=action_source,
    )


def _collect(problems: list[RuleProblem], step: Callable[[], Result]) -> Result | None:
    try:
        return step()
    except RuleProblem as problem:
        problems.append(problem)
        return None


def _rules(section: Section, problems: list[RuleProblem]) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    seen: dict[str, Line] = {}
    for block in section.blocks:
        rule = _collect(problems, functools.partial(check_rule, block))
        first = seen.setdefault(block.rule_id, block.heading)
        if block.rule_id and first is not block.heading:
            span = _whole_line(block.heading)
            problems.append(RuleProblem("duplicate_id", span, found=block.rule_id, first=first.number))
        if rule is not None:
            rules.append(rule)
    if len(section.blocks) > MAX_RULES:
        span = _whole_line(section.blocks[MAX_RULES].heading)
        problems.append(RuleProblem("too_many_rules", span, count=len(section.blocks), limit=MAX_RULES))
    return tuple(rules)


# the section's head and the fields of a block


def _interval(section: Section) -> str:
    found = [line for line in section.lines if line.name and not line.quiet]
    given = DEFAULT_INTERVAL
    for index, line in enumerate(found):
        if line.name not in HEAD_FIELDS:
            if line.name in RULE_FIELDS:
                raise RuleProblem("stray_field", _whole_line(line), found=line.name)
            raise _unknown_field(line, HEAD_FIELDS)
        if index:
            raise RuleProblem("duplicate_field", _whole_line(line), found=line.name)
        given = line.value.strip("`")
        if given not in INTERVALS:
            span = _value_span(line)
            raise RuleProblem("interval", span, found=line.value, expected=", ".join(INTERVALS))
    return given


def _heading(block: Block) -> tuple[Category, str]:
    span = _whole_line(block.heading)
    if not block.title or not block.rule_id:
        raise RuleProblem("heading", span, found=block.heading.text.strip())
    if not _RULE_ID.fullmatch(block.rule_id):
        raise RuleProblem("rule_id", span, found=block.rule_id)
    wanted = _plain(block.title)
    for category, title in CATEGORY_TITLES.items():
        if wanted == _plain(title):
            return category, block.rule_id
    titles = {_plain(title): title for title in CATEGORY_TITLES.values()}
    near = difflib.get_close_matches(wanted, titles, n=1, cutoff=0.6)
    expected = [titles[near[0]]] if near else list(titles.values())
    raise RuleProblem("unknown_category", span, found=block.title, expected=", ".join(expected))


def _plain(title: str) -> str:
    return " ".join(title.replace("_", " ").lower().split())


def _fields(block: Block) -> dict[str, Line]:
    fields: dict[str, Line] = {}
    before: Line | None = None
    for line in block.lines:
        if line.quiet or line.level:
            before = None
            continue
        if line.name:
            if line.name not in RULE_FIELDS:
                raise _unknown_field(line, RULE_FIELDS)
            if line.name in fields:
                raise RuleProblem("duplicate_field", _whole_line(line), found=line.name)
            fields[line.name] = line
        elif not line.blank and before is not None and before.name in ("조건", "행동"):
            # A condition that runs on would silently lose its second half.
            raise RuleProblem("continued", _whole_line(line), found=before.name)
        before = line
    return fields


def _unknown_field(line: Line, known: tuple[str, ...]) -> RuleProblem:
    english = _ENGLISH_FIELDS.get(line.name.lower())
    near = [english] if english in known else difflib.get_close_matches(line.name, known, n=1, cutoff=0.5)
    names = ", ".join(f"**{name}**" for name in near or known)
    return RuleProblem("unknown_field", _whole_line(line), found=f"**{line.name}**", expected=names)


def _check_present(fields: dict[str, Line], block: Block) -> None:
    span = _whole_line(block.heading)
    missing = [name for name in ("조건", "행동") if name not in fields or not fields[name].value]
    if len(missing) == 2:
        raise RuleProblem(
            "prose_only",
            span,
            found="**조건**, **행동**",
            condition="volume_ratio(20) >= 1.5",
            action="buy 10% of equity",
        )
    missing += [name for name in ("규칙", "우선순위") if name not in fields or not fields[name].value]
    if missing:
        raise RuleProblem("missing_field", span, found=missing[0], example=_FIELD_EXAMPLES[missing[0]])


def _source(line: Line) -> tuple[str, int]:
    """The expression of a field without its backticks, and its column."""
    value = line.value
    if "`" not in value:
        return value, line.column
    if len(value) < 2 or value[0] != "`" or value[-1] != "`" or "`" in value[1:-1]:
        raise RuleProblem("backticks", _value_span(line), found=line.name)
    return value[1:-1], line.column + 1


def _whole_line(line: Line) -> Span:
    return Span(line.number, 1, line.number, len(line.text) + 1)


def _value_span(line: Line) -> Span:
    return Span(line.number, line.column, line.number, line.column + len(line.value))


# one rule


def _compile(block: Block, category: Category, rule_id: str) -> Rule:
    fields = _fields(block)
    _check_present(fields, block)
    condition_text, condition_column = _source(fields["조건"])
    action_text, action_column = _source(fields["행동"])
    action_line = fields["행동"]
    action_span = _value_span(action_line)
    condition = parse_expression(condition_text, fields["조건"].number, condition_column)
    action = parse_action(action_text, action_line.number, action_column)
    condition, action = _typed(category, condition, action, action_span)
    cadence, given = _cadence(fields.get("평가"), condition, action)
    return Rule(
        id=rule_id,
        category=category,
        text=fields["규칙"].value,
        condition=condition,
        action=action,
        priority=_priority(fields["우선순위"]),
        cadence=cadence,
        cadence_given=given,
        rationale=fields["근거"].value if "근거" in fields else "",
        added=_added(fields.get("추가일")),
        condition_source=condition_text.strip(),
        action_source=action_text.strip(),
        line=block.heading.number,
    )


def _typed(category: Category, condition: Node, action: Action, action_span: Span) -> tuple[Node, Action]:
    """Condition and action with units, after all that a category and the two together must obey."""
    _check_rights(category, action, action_span)
    _check_amounts(action, action_span)
    action = _annotate_action(action, action_span)
    condition = annotate_condition(condition)
    _check_scope(condition, action)
    _check_truth(condition, action)
    return condition, action


def _priority(line: Line) -> int:
    found = _PRIORITY.fullmatch(line.value)
    if not found or not 1 <= int(found.group(1)) <= 10:
        raise RuleProblem("priority", _value_span(line), found=line.value)
    return int(found.group(1))


def _added(line: Line | None) -> str:
    if line is None or not line.value:
        return ""
    try:
        return date.fromisoformat(line.value).isoformat()
    except ValueError:
        raise RuleProblem("added", _value_span(line), found=line.value) from None


def _cadence(line: Line | None, condition: Node, action: Action) -> tuple[Cadence, bool]:
    if line is None or not line.value:
        return default_cadence(condition, action), False
    names = {cadence.value: cadence for cadence in Cadence}
    if line.value not in names:
        raise RuleProblem("cadence", _value_span(line), found=line.value)
    cadence = names[line.value]
    _check_cadence(cadence, condition, action, _value_span(line))
    return cadence, True


def _check_cadence(cadence: Cadence, condition: Node, action: Action, span: Span) -> None:
    if cadence is Cadence.INTRADAY:
        if not isinstance(action, Sell):
            raise RuleProblem("cadence_action", span)
        if level_of_condition(condition) is None:
            raise RuleProblem("cadence_level", condition.span)


# what an action may say


def action_words(action: Action) -> str:
    """The first words of an action, which name it: `buy`, `rank by`, `limit day loss`.

    >>> action_words(Halt())
    'halt'
    """
    match action:
        case RankBy():
            return "rank by"
        case Limit():
            return f"limit {action.kind.value}"
        case BlockBuys():
            return "block buys"
        case _:
            return format_action(action).split()[0]


def _check_rights(category: Category, action: Action, span: Span) -> None:
    words = action_words(action)
    if words in RIGHTS[category]:
        return
    home = next(CATEGORY_TITLES[other] for other, allowed in RIGHTS.items() if words in allowed)
    allowed = ", ".join(f"`{word}`" for word in RIGHTS[category])
    raise RuleProblem(
        "category_action", span, category=CATEGORY_TITLES[category], found=words, allowed=allowed, home=home
    )


def _check_amounts(action: Action, span: Span) -> None:
    ratios: list[tuple[Text, Fraction | None]] = []
    count: int | None = None
    low = 1
    match action:
        case Buy():
            ratios.append((Text("매수 비중", "The share of equity"), action.ratio))
        case Sell():
            ratios.append((Text("매도 비율", "The part that is sold"), action.fraction))
        case Size():
            ratios.append((Text("비중", "The size"), action.ratio))
            if action.method is SizeMethod.RISK:
                ratios.append((Text("손절 폭", "The stop distance"), action.stop))
            if action.method is SizeMethod.VOLATILITY:
                count, low = action.window_bars, 2
        case Limit():
            ratios.append((Text("한도", "The limit"), action.ratio))
            count = action.count
        case _:
            return
    example = ACTION_FORMS[format_action(action).split()[0]][0]
    for what, ratio in ratios:
        if ratio is not None and not 0 < ratio <= 1:
            raise RuleProblem(
                "ratio_range", span, what=what, found=format_percent(ratio), high="100 %", example=example
            )
        if ratio is not None and not is_exact(ratio):
            raise RuleProblem("ratio_fine", span, found=format_percent(ratio))
    if count is not None and not low <= count <= MAX_WINDOW:
        what = Text("개수", "The count")
        raise RuleProblem("count_range", span, what=what, found=count, low=low, high=MAX_WINDOW, example=example)


def _annotate_action(action: Action, span: Span) -> Action:
    if isinstance(action, Buy) and action.price is not None:
        price = annotate_price(action.price)
        check_session_open(price)
        for name in _names(price):
            if name.scope in (Scope.PORTFOLIO, Scope.POSITION):
                raise RuleProblem("order_price_scope", name.span, found=name.name)
        return replace(action, price=price)
    if isinstance(action, RankBy):
        key = annotate(action.key)
        held = [name for name in _names(key) if name.scope > Scope.MARKET]
        if held or not varies_by_instrument(key):
            found = held[0] if held else key
            unit = Text("모든 종목에서 같은 값", "the same for all instruments")
            if held:
                unit = Text("보유나 계좌에 속한 값", "a value of the position or the account")
            raise RuleProblem("rank_key", found.span, found=format_node(found), unit=unit)
        if key.unit not in NUMERIC:
            raise RuleProblem("rank_key", key.span, found=format_node(key), unit=UNIT_NAMES[key.unit])
        return replace(action, key=key)
    return action


# what a condition may speak of


def _names(node: Node) -> list[Name]:
    return [part for part in walk(node) if isinstance(part, Name)]


def _check_scope(condition: Node, action: Action) -> None:
    for name in _names(condition):
        if name.scope is Scope.EXECUTION:
            raise RuleProblem("session_open", name.span)
        if name.scope is Scope.POSITION and name.name != "bars_since_exit":
            _check_position_name(name, action)
    for_all = isinstance(action, Halt) or (isinstance(action, Limit) and action.kind is not LimitKind.POSITION)
    if for_all and varies_by_instrument(condition):
        raise RuleProblem(
            "scope",
            condition.span,
            found=format_node(condition),
            reason=Text(
                "이 행동은 전체에 적용되는데 조건은 종목마다 다릅니다.",
                "the action concerns the whole account, but the condition differs by instrument.",
            ),
            hint=Text(
                "지수나 비율로 쓰십시오. 예: `breadth(close > mean(close, 20)) <= 40%`, `drawdown <= -15%`",
                "Use the market or the account, for example `breadth(close > mean(close, 20)) <= 40%` "
                "or `drawdown <= -15%`.",
            ),
        )
    if isinstance(action, Require) and format_node(condition) == "always":
        raise RuleProblem("always_require", condition.span)


def _check_position_name(name: Name, action: Action) -> None:
    if isinstance(action, Sell):
        return
    hint = Text("시세나 계좌의 값으로 쓰십시오.", "Use market data or values of the account.")
    if isinstance(action, Buy):
        if action.add:
            return
        hint = Text(
            "보유한 종목을 더 사려면 행동 끝에 `add`를 붙이십시오.",
            "To add to a held name, end the action with `add`.",
        )
    raise RuleProblem(
        "scope",
        name.span,
        found=name.name,
        reason=Text("보유한 종목에만 있는 값입니다.", "only a held name has it."),
        hint=hint,
    )


def _check_truth(condition: Node, action: Action) -> None:
    verdict = decide(condition)
    culprit = verdict.culprit or condition
    span = culprit.span if culprit.span.line else condition.span
    if verdict.truth is Truth.NEVER:
        raise RuleProblem("never", span, reason=verdict.reason, hint=verdict.hint)
    # Selling or stopping on every bar by a slip of the sign costs money; who means it writes `always`.
    guarded = isinstance(action, Sell | Halt | BlockBuys)
    if guarded and verdict.truth is Truth.ALWAYS and format_node(culprit) != "always":
        meant = Text("정말 언제나라면 조건을 `always`로 쓰십시오.", "If that is meant, write `always`.")
        hint = Text(f"{verdict.hint.ko} {meant.ko}".strip(), f"{verdict.hint.en} {meant.en}".strip())
        raise RuleProblem("always_true", span, reason=verdict.reason, hint=hint)


def _check_sizes(rules: tuple[Rule, ...]) -> None:
    if any(isinstance(rule.action, Size) for rule in rules):
        return
    for rule in rules:
        if isinstance(rule.action, Buy) and rule.action.ratio is None and rule.action.won is None:
            raise RuleProblem("no_size", Span(rule.line, 1, rule.line, 1), rule_id=rule.id)
