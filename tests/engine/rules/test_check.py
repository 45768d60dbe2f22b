"""What a whole rule may say, and how a wrong one is told."""

from __future__ import annotations

import pytest

from engine.rules.check import MAX_RULES, RIGHTS, check_rules, review
from engine.rules.edit import RuleEntry, add_rule
from engine.rules.problem import RuleProblem
from engine.rules.prompt import load_rules, load_rules_text, read_prompt
from engine.rules.sections import parse_prompt
from engine.rules.tree import Cadence, Category, Name, RuleSet, Scope, Unit

HEAD = "# 제목\n\n## 투자 원칙 및 규칙\n**주기**: 1d\n"


def block(
    heading: str = "Entry Criteria: a",
    condition: str | None = "`close > open`",
    action: str | None = "`buy 10% of equity`",
    priority: str | None = "5/10",
    text: str | None = "양봉이면 산다",
    extra: str = "",
) -> str:
    fields = {"규칙": text, "조건": condition, "행동": action, "우선순위": priority}
    lines = [f"**{name}**: {value}" for name, value in fields.items() if value is not None]
    return "\n".join(["", f"### {heading}", *lines, extra])


def problem_of(text: str) -> RuleProblem:
    with pytest.raises(RuleProblem) as caught:
        load_rules_text(text)
    return caught.value


def problem_with(condition: str, action: str, category: str) -> RuleProblem:
    return problem_of(HEAD + block(f"{category}: a", f"`{condition}`", f"`{action}`"))


def load_one(condition: str, action: str, category: str) -> RuleSet:
    return load_rules_text(HEAD + block(f"{category}: a", f"`{condition}`", f"`{action}`"))


def test_a_rule_keeps_everything_that_was_written() -> None:
    text = HEAD + block(extra="**근거**: 시험\n**추가일**: 2026-01-05\n**평가**: 종가\n")
    ruleset = load_rules_text(text)
    rule = ruleset.rules[0]
    assert ruleset.interval == "1d"
    assert (rule.id, rule.category, rule.priority, rule.text) == ("a", Category.ENTRY, 5, "양봉이면 산다")
    assert (rule.rationale, rule.added, rule.cadence, rule.cadence_given) == ("시험", "2026-01-05", Cadence.CLOSE, True)
    assert (rule.condition_source, rule.action_source, rule.line) == ("close > open", "buy 10% of equity", 6)
    assert (rule.condition.unit, rule.condition.scope) == (Unit.BOOL, Scope.MARKET)


def test_always_is_a_constant_condition() -> None:
    rule = load_one("always", "limit position 10%", "Risk Management").rules[0]
    assert rule.condition == Name("always", unit=Unit.BOOL, scope=Scope.CONSTANT)


@pytest.mark.parametrize(
    ("text", "code", "line", "hint"),
    [
        ("", "no_section", 1, "제목"),
        ("# x\n\n본문\n", "no_section", 1, "제목"),
        (HEAD, "no_rules", 3, "### Entry Criteria"),
        (HEAD + block() + "\n## 투자 원칙 및 규칙\n", "two_sections", 12, "합치"),
        (HEAD.replace("1d", "2d") + block(), "interval", 4, "1d"),
        (HEAD + "**조건**: `always`\n" + block(), "stray_field", 5, "###"),
        (HEAD + "**주기**: 1d\n" + block(), "duplicate_field", 5, "하나"),
        (HEAD + "**주기간**: 1d\n" + block(), "unknown_field", 5, "**주기**"),
        (HEAD + block("Entry Criteria"), "heading", 6, "### Entry Criteria: 이름"),
        (HEAD + block("Entry Criterium: a"), "unknown_category", 6, "Entry Criteria"),
        (HEAD + block("Entry Criteria: a b"), "rule_id", 6, "빈칸"),
        (HEAD + block() + block(), "duplicate_id", 12, "다른 이름"),
        (HEAD + block(condition=None, action=None), "prose_only", 6, "buy 10% of equity"),
        (HEAD + block(condition=None), "missing_field", 6, "**조건**: `volume_ratio(20) >= 1.5`"),
        (HEAD + block(condition=""), "missing_field", 6, "always"),
        (HEAD + block(action=None), "missing_field", 6, "**행동**: `buy 10% of equity`"),
        (HEAD + block(priority=None), "missing_field", 6, "**우선순위**: 5/10"),
        (HEAD + block(text=None), "missing_field", 6, "**규칙**"),
        (HEAD + block(priority="11/10"), "priority", 10, "7/10"),
        (HEAD + block(priority="0/10"), "priority", 10, "7/10"),
        (HEAD + block(priority="5/9"), "priority", 10, "7/10"),
        (HEAD + block(priority="높음"), "priority", 10, "7/10"),
        (HEAD + block(extra="**추가일**: 어제"), "added", 11, "2026-01-05"),
        (HEAD + block(extra="**평가**: 아침"), "cadence", 11, "`종가`"),
        (HEAD + block(extra="**condition**: x"), "unknown_field", 11, "**조건**"),
        (HEAD + block(extra="**조건**: `close > 3`"), "duplicate_field", 11, "하나"),
        (HEAD + block(condition="`close > open"), "backticks", 8, "`close > open`"),
        (HEAD + block(condition="`close` > `open`"), "backticks", 8, "`close > open`"),
        (HEAD + block(action="`buy 10% of equity`\n  at limit close"), "continued", 10, "한 줄"),
        (HEAD + block(condition="``"), "empty", 8, "mean"),
        (HEAD + block(condition="`close > 7%`"), "compare_units", 8, "returns(1) > 7%"),
        (HEAD + "```\n" + block(), "unclosed", 5, "닫는"),
        (HEAD + "<!--\n" + block(), "unclosed", 5, "닫는"),
    ],
)
def test_a_wrong_prompt_is_told_with_its_line_and_what_to_write(text: str, code: str, line: int, hint: str) -> None:
    problem = problem_of(text)
    assert (problem.code, problem.line) == (code, line)
    assert hint in problem.suggestion


def test_the_column_counts_from_the_start_of_the_line() -> None:
    problem = problem_of(HEAD + block(condition="`close > 7%`"))
    assert (problem.line, problem.column) == (8, len("**조건**: `") + 1)
    bare = problem_of(HEAD + block(condition="close > 7%"))
    assert bare.column == len("**조건**: ") + 1


def test_expressions_may_stand_without_backticks_and_categories_in_snake_case() -> None:
    text = HEAD + block("entry_criteria: a", "close > open", "buy 10% of equity", "7")
    assert load_rules_text(text).rules[0].category is Category.ENTRY


def test_every_problem_is_collected_and_the_first_is_raised() -> None:
    text = (
        HEAD
        + block("Entry Criteria: a", "`close > 7%`")
        + block("Entry Criteria: b", "`foo > 1`")
        + block("Entry Criteria: c")
    )
    result = review(parse_prompt(text))
    assert [problem.rule_id for problem in result.problems] == ["a", "b"]
    assert [rule.id for rule in result.rules] == ["c"]
    assert problem_of(text).rule_id == "a"


ACTIONS = {
    "buy": "buy 10% of equity",
    "require": "require",
    "rank by": "rank by returns(20)",
    "sell": "sell all",
    "size": "size 10% of equity",
    "block buys": "block buys",
    "halt": "halt",
    "limit position": "limit position 10%",
    "limit positions": "limit positions 20",
    "limit sector": "limit sector 30%",
    "limit day loss": "limit day loss 2%",
}


@pytest.mark.parametrize("category", list(Category))
@pytest.mark.parametrize("words", list(ACTIONS))
def test_a_category_may_take_its_own_actions_only(category: Category, words: str) -> None:
    entry = RuleEntry(
        id="a", category=category, text="x", condition="drawdown <= -5%", action=ACTIONS[words], priority=5
    )
    text = add_rule("", entry)
    if words in RIGHTS[category]:
        assert load_rules_text(text).rules[0].action is not None
    else:
        assert problem_of(text).code == "category_action"


@pytest.mark.parametrize(
    ("condition", "action", "category", "code"),
    [
        ("pnl > 5%", "buy 10% of equity", "Entry Criteria", "scope"),
        ("pnl > 5%", "require", "Entry Criteria", "scope"),
        ("weight < 5%", "rank by close", "Entry Criteria", "scope"),
        ("pnl < 0", "block buys", "Risk Management", "scope"),
        ("days_held > 3", "limit position 5%", "Risk Management", "scope"),
        ("close > open", "halt", "Risk Management", "scope"),
        ("close > open", "limit positions 5", "Risk Management", "scope"),
        ("close > open", "limit day loss 2%", "Risk Management", "scope"),
        ("bars_since_exit < 5", "halt", "Risk Management", "scope"),
        ("session_open > close", "buy 10% of equity", "Entry Criteria", "session_open"),
        ("always", "require", "Entry Criteria", "always_require"),
        ("always", "rank by drawdown", "Entry Criteria", "rank_key"),
        ("always", "rank by pnl", "Entry Criteria", "rank_key"),
        ("always", "rank by breadth(close > open)", "Entry Criteria", "rank_key"),
        ("always", "rank by top(close, 3)", "Entry Criteria", "rank_key"),
        ("always", "buy 10% of equity at limit entry_price", "Entry Criteria", "order_price_scope"),
        ("always", "buy 10% of equity at limit volume", "Entry Criteria", "order_price"),
        ("always", "buy 10% of equity at limit value", "Entry Criteria", "order_price"),
        ("always", "buy 10% of equity at stop 2 * session_open", "Entry Criteria", "session_open_linear"),
        ("always", "buy 10% of equity at stop close - session_open", "Entry Criteria", "session_open_linear"),
        (
            "always",
            "buy 10% of equity at stop session_open + session_open - close",
            "Entry Criteria",
            "session_open_linear",
        ),
        ("always", "buy 10% of equity at stop -session_open + close", "Entry Criteria", "session_open_linear"),
        ("close > open", "buy 300% of equity", "Entry Criteria", "ratio_range"),
        ("close > open", "buy 0% of equity", "Entry Criteria", "ratio_range"),
        ("pnl > 5%", "sell 120%", "Exit Criteria", "ratio_range"),
        ("pnl > 5%", "sell 33.33333333333%", "Exit Criteria", "ratio_fine"),
        ("always", "limit positions 0", "Risk Management", "count_range"),
        ("always", "size volatility target 1% over 1", "Position Sizing", "count_range"),
        ("always", "size risk 1% at stop 0%", "Position Sizing", "ratio_range"),
        ("close > open", "buy", "Entry Criteria", "no_size"),
        ("pnl <= -7", "sell all", "Exit Criteria", "never"),
        ("close > highest(close, 252)", "buy 10% of equity", "Entry Criteria", "never"),
        ("drawdown_from_peak <= 8%", "sell all", "Exit Criteria", "always_true"),
        ("volume >= 0", "block buys", "Risk Management", "always_true"),
    ],
)
def test_rules_that_would_do_something_else_than_meant_are_refused(
    condition: str, action: str, category: str, code: str
) -> None:
    assert problem_with(condition, action, category).code == code


@pytest.mark.parametrize(
    ("condition", "action", "category"),
    [
        ("pnl > 5%", "buy 5% of equity add", "Entry Criteria"),
        ("bars_since_exit >= 5", "require", "Entry Criteria"),
        ("bars_since_exit < 5", "block buys", "Risk Management"),
        ("volatility(20) > 60%", "limit position 5%", "Risk Management"),
        ("breadth(close > mean(close, 20)) < 40%", "halt", "Risk Management"),
        ("drawdown <= -15%", "sell 50%", "Risk Management"),
        ("always", "sell all", "Exit Criteria"),
        (
            "close > open and positions < 5",
            "buy 10% of equity at stop session_open + 0.5 * (high - low)",
            "Entry Criteria",
        ),
        ("close > open", "buy 10% of equity at limit mean(close, 3) + session_open - close", "Entry Criteria"),
        ("close > open", "buy 10% of equity at limit 50000", "Entry Criteria"),
        ("cash_ratio >= 20%", "size volatility target 1% over 20", "Position Sizing"),
    ],
)
def test_rules_that_are_allowed(condition: str, action: str, category: str) -> None:
    assert len(load_one(condition, action, category).rules) == 1


def test_a_size_rule_makes_up_for_a_purchase_without_size() -> None:
    sizing = block("Position Sizing: s", "`always`", "`size 5% of equity`")
    assert len(load_rules_text(HEAD + block(action="`buy`") + sizing).rules) == 2


def test_at_most_126_rules() -> None:
    text = HEAD + "".join(block(f"Entry Criteria: r{number}") for number in range(MAX_RULES))
    assert len(load_rules_text(text).rules) == MAX_RULES
    assert problem_of(text + block("Entry Criteria: one-more")).code == "too_many_rules"


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (block("Exit Criteria: x", "`pnl < 0`", "`sell all`"), "no_buy"),
        (block(), "no_sell"),
        (block(condition="`close > 0`"), "always_true"),
        (block(condition="`close > open and volume >= 0`"), "idle_part"),
        (block("Exit Criteria: x", "`days_held >= 20 or pnl <= -7`", "`sell all`"), "idle_part"),
        (block(condition="`close > open or day_pnl > 15`"), "huge_ratio"),
        (block(condition="`close > 0.05`"), "tiny_won"),
        (block(condition="`time >= 14:50`"), "time_on_daily"),
        (block(condition="`close > mean(close, 600)`"), "long_lookback"),
        (block() + block("Entry Criteria: b"), "repeated"),
        (block() + block("Risk Management: cap", "`always`", "`limit position 5%`"), "capped"),
    ],
)
def test_what_is_allowed_but_odd_becomes_a_warning(rules: str, code: str) -> None:
    result = review(parse_prompt(HEAD + rules))
    assert not result.problems
    found = [finding for finding in result.findings if finding.code == code]
    assert found, [finding.code for finding in result.findings]
    assert found[0].text.ko and found[0].text.en


def test_a_rule_in_another_section_is_told_to_do_nothing() -> None:
    text = HEAD + block() + "\n## 메모\n" + block("Exit Criteria: x", "`pnl <= -7%`", "`sell all`")
    findings = {finding.code: finding for finding in review(parse_prompt(text)).findings}
    assert (findings["outside"].rule_id, findings["outside"].line) == ("x", 14)


def test_a_sound_prompt_has_no_warnings() -> None:
    result = review(parse_prompt(HEAD + block() + block("Exit Criteria: x", "`pnl <= -7%`", "`sell all`")))
    assert not result.findings


def test_rules_inside_code_fences_and_comments_are_not_rules() -> None:
    text = HEAD + block() + "\n```\n### Entry Criteria: x\n```\n<!--\n### Entry Criteria: y\n-->\n"
    assert [rule.id for rule in load_rules_text(text).rules] == ["a"]


def test_windows_line_ends_and_a_byte_order_mark_do_not_matter() -> None:
    text = HEAD + block() + "\n"
    assert load_rules_text("\ufeff" + text.replace("\n", "\r\n")) == load_rules_text(text)


def test_files_that_cannot_be_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RuleProblem, match=r"none\.md"):
        load_rules(tmp_path / "none.md")
    korean = tmp_path / "cp949.md"
    korean.write_bytes("# 제목".encode("cp949"))
    with pytest.raises(RuleProblem, match="UTF-8"):
        read_prompt(korean)
    good = tmp_path / "good.md"
    good.write_bytes((HEAD + block()).encode())
    bad = tmp_path / "bad.md"
    bad.write_bytes((HEAD + block(condition="`close > 7%`")).encode())
    with pytest.raises(RuleProblem) as caught:
        load_rules(bad)
    assert str(caught.value).startswith(f"{bad}: [a] 8줄 10칸: ")
    assert str(caught.value).endswith(f"    **조건**: `close > 7%`\n    {' ' * 11}^^^^^^^^^^")
    assert load_rules(good) == load_rules(HEAD + block()) == check_rules(parse_prompt(HEAD + block()))
