"""What the rule language says to its user, in Korean and English: one entry per kind of problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.rules.tree import Category, Unit

Language = Literal["ko", "en"]


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence or word in both languages."""

    ko: str
    en: str

    def in_language(self, lang: Language) -> str:
        return self.ko if lang == "ko" else self.en


UNIT_NAMES: dict[Unit, Text] = {
    Unit.WON: Text("원", "won"),
    Unit.SHARES: Text("주", "shares"),
    Unit.RATIO: Text("비율", "ratio"),
    Unit.DAYS: Text("일수", "days"),
    Unit.COUNT: Text("단위 없는 수", "plain number"),
    Unit.BOOL: Text("참·거짓", "true or false"),
    Unit.POINTS: Text("지수 포인트", "index points"),
    Unit.TIME: Text("시각", "time of day"),
    Unit.WEEKDAY: Text("요일", "weekday"),
    Unit.UNKNOWN: Text("알 수 없음", "unknown"),
}

# The titles are those the reflection writes: the snake_case name with spaces and capitals.
CATEGORY_TITLES: dict[Category, str] = {
    Category.ENTRY: "Entry Criteria",
    Category.EXIT: "Exit Criteria",
    Category.SIZING: "Position Sizing",
    Category.RISK: "Risk Management",
}

# code -> (what is wrong and why, what to write instead); the fields in braces are filled at the point of the error.
PROBLEMS: dict[str, tuple[Text, Text]] = {
    # reading
    "empty": (
        Text("식이 비어 있습니다.", "The expression is empty."),
        Text("예: `close > mean(close, 20)`", "For example: `close > mean(close, 20)`"),
    ),
    "too_long": (
        Text(
            "식이 {length}자입니다. {limit}자까지 쓸 수 있습니다.",
            "The text has {length} characters; the limit is {limit}.",
        ),
        Text("규칙을 여러 개로 나누십시오.", "Split it into several rules."),
    ),
    "too_deep": (
        Text("식이 {limit}겹보다 깊게 겹쳐 있습니다.", "The expression is nested deeper than {limit} levels."),
        Text("규칙을 여러 개로 나누십시오.", "Split it into several rules."),
    ),
    "character": (
        Text(
            "`{found}`은(는) 규칙 언어에 없는 글자입니다.",
            "`{found}` is not a character of the rule language.",
        ),
        Text("{hint}", "{hint}"),
    ),
    "ends_early": (
        Text("식이 중간에 끝났습니다.", "The text ends in the middle."),
        Text("여기에 올 수 있는 것: {expected}.", "What can stand here: {expected}."),
    ),
    "unexpected": (
        Text("여기에는 `{found}`이(가) 올 수 없습니다.", "`{found}` cannot stand here."),
        Text("{hint}", "{hint}"),
    ),
    "action_form": (
        Text("행동을 읽을 수 없습니다: `{found}`.", "The action cannot be read at `{found}`."),
        Text("쓸 수 있는 형식: {forms}", "Forms that can be written: {forms}"),
    ),
    "chain": (
        Text("비교를 이어 쓸 수 없습니다.", "Comparisons cannot be chained."),
        Text("`{suggestion}`", "Write `{suggestion}`."),
    ),
    "huge_number": (
        Text("수 `{found}`이(가) 너무 큽니다.", "The number `{found}` is too large."),
        Text("10의 18제곱보다 작은 수를 쓰십시오.", "Use a number below 10 to the power of 18."),
    ),
    "clock": (
        Text("`{found}`은(는) 시각이 아닙니다.", "`{found}` is not a time of day."),
        Text("00:00부터 23:59까지 쓸 수 있습니다. 예: `14:50`", "Use 00:00 to 23:59, for example `14:50`."),
    ),
    # names
    "unknown_name": (
        Text("`{found}`은(는) 없는 이름입니다.", "`{found}` is not a known name."),
        Text("{hint}", "{hint}"),
    ),
    "unknown_function": (
        Text("`{found}`은(는) 없는 함수입니다.", "`{found}` is not a known function."),
        Text("{hint}", "{hint}"),
    ),
    "function_without_arguments": (
        Text(
            "`{found}`은(는) 함수이므로 괄호가 필요합니다.",
            "`{found}` is a function and needs its arguments.",
        ),
        Text("`{signature}` 형식으로, 예: `{example}`", "Write `{signature}`, for example `{example}`."),
    ),
    "field_with_arguments": (
        Text("`{found}`은(는) 값이므로 괄호를 붙이지 않습니다.", "`{found}` is a field and takes no arguments."),
        Text("{hint}", "{hint}"),
    ),
    "unknown_index": (
        Text("`{found}`은(는) 없는 지수입니다.", "`{found}` is not a known index."),
        Text("쓸 수 있는 지수: {expected}", "Known: {expected}."),
    ),
    "unknown_index_field": (
        Text("지수에는 `{found}` 값이 없습니다.", "An index has no `{found}`."),
        Text("`open`, `high`, `low`, `close`만 쓸 수 있습니다.", "It has `open`, `high`, `low` and `close`."),
    ),
    # arguments
    "arity": (
        Text(
            "`{found}`에 인자 {given}개를 주었지만 {wanted}개가 필요합니다.",
            "`{found}` was given {given} arguments but takes {wanted}.",
        ),
        Text("`{signature}` 형식으로, 예: `{example}`", "Write `{signature}`, for example `{example}`."),
    ),
    "window_literal": (
        Text(
            "`{function}`의 {parameter}은(는) 봉의 개수이므로 정수를 그대로 써야 합니다.",
            "`{parameter}` of `{function}` counts bars and must be a whole number written as such.",
        ),
        Text("예: `{example}`", "For example `{example}`."),
    ),
    "window_range": (
        Text(
            "`{function}`의 {parameter}은(는) {low}부터 {high}까지인데 {found}을(를) 썼습니다.",
            "`{parameter}` of `{function}` must lie from {low} to {high}, but is {found}.",
        ),
        Text("예: `{example}`", "For example `{example}`."),
    ),
    "look_ahead": (
        Text(
            "`{function}`에 음수를 쓰면 미래를 보게 됩니다.",
            "A negative number in `{function}` would look into the future.",
        ),
        Text("과거 n봉 전은 양수로 씁니다: `{suggestion}`", "The past is a positive number: `{suggestion}`."),
    ),
    "macd_order": (
        Text(
            "macd의 첫 기간({fast})이 둘째 기간({slow})보다 짧아야 합니다.",
            "The fast length {fast} must be below the slow length {slow}.",
        ),
        Text("예: `macd(12, 26)`", "For example `macd(12, 26)`."),
    ),
    "long_history": (
        Text(
            "이 식은 과거 {rows}봉이 있어야 값이 생깁니다. {limit}봉까지 쓸 수 있습니다.",
            "This needs {rows} bars of history; the limit is {limit}.",
        ),
        Text("기간을 줄이십시오.", "Use shorter windows."),
    ),
    "number_wanted": (
        Text(
            "`{found}`은(는) {unit}이라 여기에 쓸 수 없습니다. 수가 필요합니다.",
            "`{found}` is {unit}; a number is needed here.",
        ),
        Text("{hint}", "{hint}"),
    ),
    "condition_wanted": (
        Text("`{found}`은(는) {unit}(이)라 조건이 될 수 없습니다.", "`{found}` is a {unit}, not a condition."),
        Text("비교로 쓰십시오. 예: `{example}`", "Compare it, for example `{example}`."),
    ),
    "always_alone": (
        Text("`always`는 조건 전체로만 쓸 수 있습니다.", "`always` can only be a whole condition."),
        Text("`always`를 빼거나, 나머지를 빼고 `always`만 쓰십시오.", "Leave it out, or write `always` alone."),
    ),
    "constant_series": (
        Text(
            "`{function}` 안의 `{found}`은(는) 변하지 않는 값입니다.",
            "`{found}` inside `{function}` never changes.",
        ),
        Text("가격이나 거래량처럼 봉마다 바뀌는 값을 쓰십시오.", "Use a value that changes from bar to bar."),
    ),
    "no_history": (
        Text(
            "`{found}`은(는) 과거 값을 보관하지 않으므로 `{function}` 안에 쓸 수 없습니다.",
            "`{found}` has no history and cannot stand inside `{function}`.",
        ),
        Text("`{function}` 밖에서 비교하십시오.", "Compare it outside `{function}`."),
    ),
    "same_for_all": (
        Text(
            "`{found}`은(는) 모든 종목에서 같은 값이므로 `{function}`(으)로 견줄 수 없습니다.",
            "`{found}` is the same for all instruments, so `{function}` cannot tell them apart.",
        ),
        Text(
            "종목마다 다른 값을 쓰십시오. 예: `{example}`",
            "Use a value of the instrument, for example `{example}`.",
        ),
    ),
    # units
    "compare_units": (
        Text(
            "단위가 다른 값은 비교할 수 없습니다: `{left}`은(는) {left_unit}, `{right}`은(는) {right_unit}.",
            "Different units cannot be compared: `{left}` is {left_unit}, `{right}` is {right_unit}.",
        ),
        Text("{hint}", "{hint}"),
    ),
    "add_units": (
        Text(
            "단위가 다른 값은 더하거나 뺄 수 없습니다: `{left}`은(는) {left_unit}, `{right}`은(는) {right_unit}.",
            "Different units cannot be added or subtracted: `{left}` is {left_unit}, `{right}` is {right_unit}.",
        ),
        Text("{hint}", "{hint}"),
    ),
    "multiply_units": (
        Text(
            "`{left}`({left_unit}) {operator} `{right}`({right_unit})은(는) 뜻이 있는 단위가 되지 않습니다.",
            "`{left}` ({left_unit}) {operator} `{right}` ({right_unit}) has no meaningful unit.",
        ),
        Text("{hint}", "{hint}"),
    ),
    "price_and_amount": (
        Text(
            "한 주의 가격과 전체 금액은 견줄 수 없습니다: `{left}`, `{right}`.",
            "A price per share and an amount of money cannot be mixed: `{left}`, `{right}`.",
        ),
        Text(
            "가격에 주식 수를 곱하면 금액이 됩니다. 예: `close * volume`",
            "A price times shares is an amount, for example `close * volume`.",
        ),
    ),
    "bool_compare": (
        Text(
            "조건끼리는 비교하지 않고 and, or, not으로 잇습니다.",
            "Conditions are joined by and, or, not, and not compared.",
        ),
        Text("예: `{left} and {right}`", "For example `{left} and {right}`."),
    ),
    "weekday_number": (
        Text(
            "요일은 0(월)부터 5(토)까지입니다: `{found}`.",
            "A weekday is 0 (Monday) to 5 (Saturday), not `{found}`.",
        ),
        Text("예: `weekday == fri`", "For example `weekday == fri`."),
    ),
    # rules and categories
    "no_section": (
        Text("`## 투자 원칙 및 규칙` 구역이 없습니다.", "There is no section `## 투자 원칙 및 규칙`."),
        Text("이 제목을 쓰고 그 아래에 규칙을 적으십시오.", "Write this heading and the rules below it."),
    ),
    "two_sections": (
        Text(
            "`## 투자 원칙 및 규칙` 구역이 두 번 나옵니다(처음은 {first}줄).",
            "The section `## 투자 원칙 및 규칙` appears twice (first in line {first}).",
        ),
        Text("한 구역으로 합치십시오.", "Join them into one."),
    ),
    "no_rules": (
        Text(
            "`## 투자 원칙 및 규칙` 구역에 규칙이 없습니다.",
            "The section `## 투자 원칙 및 규칙` holds no rule.",
        ),
        Text(
            "`### Entry Criteria: 이름`으로 시작하는 규칙을 쓰십시오.",
            "Write a rule that starts with `### Entry Criteria: name`.",
        ),
    ),
    "too_many_rules": (
        Text(
            "규칙이 {count}개입니다. {limit}개까지 쓸 수 있습니다.",
            "There are {count} rules; the limit is {limit}.",
        ),
        Text("필요 없는 규칙을 지우십시오.", "Remove rules that are not needed."),
    ),
    "heading": (
        Text("규칙 제목을 읽을 수 없습니다: `{found}`.", "The heading of the rule cannot be read: `{found}`."),
        Text("`### Entry Criteria: 이름` 형식으로 쓰십시오.", "Write `### Entry Criteria: name`."),
    ),
    "rule_id": (
        Text("`{found}`은(는) 규칙 이름이 될 수 없습니다.", "`{found}` cannot be the name of a rule."),
        Text(
            "글자, 숫자, `-`, `_`, `.`으로 64자까지, 빈칸 없이 쓰십시오.",
            "Use up to 64 letters, digits, `-`, `_` or `.` without blanks.",
        ),
    ),
    "unknown_category": (
        Text("`{found}`은(는) 없는 분류입니다.", "`{found}` is not a category."),
        Text("쓸 수 있는 분류: {expected}", "Categories: {expected}."),
    ),
    "duplicate_id": (
        Text(
            "규칙 이름 `{found}`이(가) {first}줄에 이미 있습니다.",
            "The rule name `{found}` is already used in line {first}.",
        ),
        Text("다른 이름을 쓰거나 하나를 지우십시오.", "Choose another name or remove one of them."),
    ),
    "unknown_field": (
        Text("`{found}`은(는) 규칙에 없는 항목입니다.", "`{found}` is not a field of a rule."),
        Text("쓸 수 있는 항목: {expected}", "Fields: {expected}."),
    ),
    "duplicate_field": (
        Text("항목 `{found}`이(가) 한 규칙에 두 번 있습니다.", "The field `{found}` appears twice in one rule."),
        Text("하나만 남기십시오.", "Keep one of them."),
    ),
    "missing_field": (
        Text("`**{found}**` 항목이 없습니다.", "The field `**{found}**` is missing."),
        Text("이렇게 쓰십시오: {example}", "Write: {example}"),
    ),
    "prose_only": (
        Text(
            "글로만 쓴 규칙이라 계산할 수 없습니다: {found} 항목이 없습니다.",
            "The rule is prose only and cannot be computed: {found} is missing.",
        ),
        Text(
            "식과 행동을 더하십시오. 예: **조건**: `{condition}` 과 **행동**: `{action}`",
            "Add a condition and an action, for example **조건**: `{condition}` and **행동**: `{action}`",
        ),
    ),
    "backticks": (
        Text(
            "`{found}` 항목의 백틱(`)이 짝이 맞지 않습니다.",
            "The backticks of the field `{found}` do not match.",
        ),
        Text(
            "한 줄 안에서 여닫으십시오. 예: `close > open`",
            "Open and close them on one line, for example `close > open`.",
        ),
    ),
    "continued": (
        Text(
            "`{found}` 항목이 다음 줄로 이어집니다. 이어진 줄은 읽지 않습니다.",
            "The field `{found}` runs on to the next line, which would not be read.",
        ),
        Text("한 줄로 쓰거나 빈 줄을 넣으십시오.", "Write it on one line, or leave a blank line after it."),
    ),
    "stray_field": (
        Text("`{found}` 항목이 규칙 제목 앞에 있습니다.", "The field `{found}` stands before the first rule."),
        Text("`### Entry Criteria: 이름` 아래에 쓰십시오.", "Write it below `### Entry Criteria: name`."),
    ),
    "unclosed": (
        Text(
            "{found}이(가) 닫히지 않아 뒤의 규칙이 모두 사라집니다.",
            "{found} is never closed and hides all rules after it.",
        ),
        Text("닫는 줄을 넣으십시오.", "Add the closing line."),
    ),
    "interval": (
        Text("주기 `{found}`은(는) 쓸 수 없습니다.", "The interval `{found}` cannot be used."),
        Text("쓸 수 있는 주기: {expected}", "Intervals: {expected}."),
    ),
    "priority": (
        Text(
            "우선순위 `{found}`은(는) 1부터 10까지의 정수가 아닙니다.",
            "The priority `{found}` is not a whole number from 1 to 10.",
        ),
        Text(
            "예: `**우선순위**: 7/10` (10이 가장 중요)",
            "For example `**우선순위**: 7/10` (10 is the most important).",
        ),
    ),
    "added": (
        Text("추가일 `{found}`은(는) 날짜가 아닙니다.", "The date `{found}` is not a date."),
        Text("예: `2026-01-05`", "For example `2026-01-05`."),
    ),
    "cadence": (
        Text("평가 `{found}`은(는) 쓸 수 없습니다.", "The cadence `{found}` cannot be used."),
        Text("`종가` 또는 `장중`을 쓰십시오.", "Use `종가` (close) or `장중` (intraday)."),
    ),
    "cadence_action": (
        Text(
            "장중 평가는 매도 규칙에만 쓸 수 있습니다.",
            "Only a rule that sells can be evaluated intraday (장중).",
        ),
        Text("`**평가**` 줄을 지우거나 `종가`로 바꾸십시오.", "Remove the line `**평가**` or write `종가`."),
    ),
    "cadence_level": (
        Text(
            "장중 평가는 조건이 봉 전에 정해지는 가격 하나로 바뀔 때만 쓸 수 있습니다. 이 조건은 그렇지 않습니다.",
            "Intraday evaluation needs a condition that is one price level known before the bar; this one is not.",
        ),
        Text(
            "예: `pnl <= -7%`, `drawdown_from_peak <= -8%`, `close <= entry_price * 0.93`. 아니면 `종가`로 바꾸십시오.",
            "For example `pnl <= -7%`, `drawdown_from_peak <= -8%` or `close <= entry_price * 0.93`; or write `종가`.",
        ),
    ),
    "category_action": (
        Text("{category} 규칙은 `{found}` 행동을 할 수 없습니다.", "A rule of {category} cannot do `{found}`."),
        Text(
            "이 분류의 행동: {allowed}. `{found}`은(는) {home}에 쓰십시오.",
            "Its actions: {allowed}. Put `{found}` under {home}.",
        ),
    ),
    "always_require": (
        Text(
            "조건이 `always`인 `require`는 아무것도 거르지 않습니다.",
            "`require` with the condition `always` filters nothing.",
        ),
        Text("예: `volume_ratio(20) >= 1.5`", "For example `volume_ratio(20) >= 1.5`."),
    ),
    "ratio_range": (
        Text(
            "{what} {found}은(는) 0 % 초과 {high} 이하여야 합니다.",
            "{what} must be above 0 % and at most {high}, not {found}.",
        ),
        Text("예: `{example}`", "For example `{example}`."),
    ),
    "ratio_fine": (
        Text("{found}은(는) 너무 잘게 나눈 비율입니다.", "{found} is finer than a rule can be."),
        Text("0.0000001 %의 배수로 쓰십시오.", "Use a multiple of 0.0000001 %."),
    ),
    "count_range": (
        Text(
            "{what} {found}은(는) {low}부터 {high}까지의 정수여야 합니다.",
            "{what} must be a whole number from {low} to {high}, not {found}.",
        ),
        Text("예: `{example}`", "For example `{example}`."),
    ),
    "won_range": (
        Text(
            "매수 금액 {found}은(는) 1원 이상의 정수여야 합니다.",
            "The amount {found} must be a whole number of won, at least 1.",
        ),
        Text("예: `buy 500만`", "For example `buy 500만`."),
    ),
    "no_size": (
        Text("얼마나 살지 정하지 않았습니다.", "Nothing says how much to buy."),
        Text(
            "`buy 10% of equity`처럼 쓰거나 `size 10% of equity` 규칙을 더하십시오.",
            "Write `buy 10% of equity`, or add a rule with `size 10% of equity`.",
        ),
    ),
    "scope": (
        Text(
            "`{found}`은(는) 이 규칙의 조건에 쓸 수 없습니다: {reason}",
            "`{found}` cannot stand in the condition of this rule: {reason}",
        ),
        Text("{hint}", "{hint}"),
    ),
    "session_open": (
        Text(
            "`session_open`은 주문이 체결되는 봉의 시가라서 조건에는 아직 알 수 없습니다.",
            "`session_open` is the opening price of the execution bar and is not known to a condition.",
        ),
        Text(
            "주문 가격에만 쓰십시오: `buy 20% of equity at stop session_open + 0.5 * (high - low)`",
            "Use it in an order price: `buy 20% of equity at stop session_open + 0.5 * (high - low)`.",
        ),
    ),
    "session_open_linear": (
        Text(
            "주문 가격에서 `session_open`은 한 번만, 더하거나 빼는 식의 맨 앞 항으로만 쓸 수 있습니다.",
            "In an order price `session_open` may appear once, as a plain term of a sum.",
        ),
        Text(
            "예: `session_open + 0.5 * (high - low)`, `session_open - 2% * close`",
            "For example `session_open + 0.5 * (high - low)` or `session_open - 2% * close`.",
        ),
    ),
    "order_price": (
        Text(
            "주문 가격 `{found}`은(는) {unit}입니다. 한 주의 가격(원)이어야 합니다.",
            "The order price `{found}` is {unit}; it must be a price per share in won.",
        ),
        Text("예: `close * 0.98`", "For example `close * 0.98`."),
    ),
    "order_price_scope": (
        Text(
            "주문 가격에는 시세만 쓸 수 있고 `{found}`은(는) 쓸 수 없습니다.",
            "An order price is made of market data; `{found}` cannot stand in it.",
        ),
        Text("예: `close * 0.98`", "For example `close * 0.98`."),
    ),
    "rank_key": (
        Text(
            "순위 기준 `{found}`은(는) {unit}입니다. 종목마다 다른 수가 필요합니다.",
            "The key `{found}` is {unit}; a number that differs by instrument is needed.",
        ),
        Text("예: `rank by returns(20)`", "For example `rank by returns(20)`."),
    ),
    "never": (
        Text("이 규칙은 절대 실행되지 않습니다: {reason}", "This rule can never fire: {reason}"),
        Text("{hint}", "{hint}"),
    ),
    "always_true": (
        Text("이 조건은 언제나 참입니다: {reason}", "This condition is always true: {reason}"),
        Text("{hint}", "{hint}"),
    ),
    # constants and grids
    "unknown_constant": (
        Text("`{found}`은(는) 없는 상수입니다.", "There is no constant `{found}`."),
        Text("있는 상수(지금 값): {expected}", "Constants (present value): {expected}."),
    ),
    "constant_text": (
        Text("`{name}`의 값 `{found}`을(를) 읽을 수 없습니다.", "The value `{found}` of `{name}` cannot be read."),
        Text("수 하나를 쓰십시오. 예: `{example}`", "Write one number, for example `{example}`."),
    ),
    "constant_unit": (
        Text(
            "`{name}`의 단위는 {wanted}인데 `{found}`의 단위는 {unit}입니다.",
            "The unit of `{name}` is {wanted}, that of `{found}` is {unit}.",
        ),
        Text("규칙에 적힌 단위로 쓰십시오. 지금 값: `{example}`", "Write it as the rule does; it is now `{example}`."),
    ),
    "constant_range": (
        Text("`{name}`에 {found}을(를) 쓸 수 없습니다.", "`{name}` cannot be {found}."),
        Text("쓸 수 있는 값: {allowed}", "Allowed: {allowed}."),
    ),
    "constant_rule": (
        Text(
            "{given}이면 규칙 `{text}`이(가) 성립하지 않습니다: {reason}",
            "With {given} the rule `{text}` has no meaning: {reason}",
        ),
        Text("다른 값을 쓰십시오.", "Choose other values."),
    ),
    "grid_form": (
        Text("`{found}`을(를) 읽을 수 없습니다.", "`{found}` cannot be read."),
        Text(
            "`이름=처음:끝:간격` 또는 `이름=값,값`으로 쓰십시오. 예: `volume-surge.2=1.2:3.0:0.1`",
            "Write `name=from:to:step` or `name=value,value`, for example `volume-surge.2=1.2:3.0:0.1`.",
        ),
    ),
    "grid_empty": (
        Text("바꿀 상수가 없습니다.", "No constant to vary is given."),
        Text("예: `volume-surge.2=1.2:3.0:0.1`", "For example `volume-surge.2=1.2:3.0:0.1`."),
    ),
    "grid_reverse": (
        Text(
            "`{name}`의 범위가 거꾸로입니다: {low}이(가) {high}보다 큽니다.",
            "The range of `{name}` runs backwards: {low} is above {high}.",
        ),
        Text("작은 값을 먼저 쓰십시오: `{suggestion}`", "Write the smaller value first: `{suggestion}`."),
    ),
    "grid_step": (
        Text("`{name}`의 간격 {found}은(는) 0보다 커야 합니다.", "The step {found} of `{name}` must be above 0."),
        Text("예: `{example}`", "For example `{example}`."),
    ),
    "grid_twice": (
        Text("`{found}`이(가) 두 번 있습니다.", "`{found}` is given twice."),
        Text("하나만 남기십시오.", "Keep one of them."),
    ),
    "grid_comma": (
        Text(
            "`{found}`에서 쉼표는 값을 나눕니다. 천 단위 구분이면 밑줄로 쓰십시오.",
            "In `{found}` a comma parts two values; thousands are parted by an underscore.",
        ),
        Text("예: `{suggestion}`", "For example `{suggestion}`."),
    ),
    "grid_range_of": (
        Text("`{name}`의 단위는 {unit}(이)라 범위로 쓸 수 없습니다.", "`{name}` is in {unit} and takes no range."),
        Text("값을 늘어놓으십시오. 예: `{example}`", "List the values, for example `{example}`."),
    ),
    # candidates of the gate
    "candidate_form": (
        Text(
            "후보는 `## 투자 원칙 및 규칙` 구역이 있는 프롬프트이거나 규칙 하나여야 합니다(규칙 {found}개).",
            "A candidate is a prompt with the section `## 투자 원칙 및 규칙`, or one rule; this has {found} rules.",
        ),
        Text(
            "규칙 하나는 `### Entry Criteria: 이름`으로 시작합니다. 여럿이면 프롬프트 전체를 주십시오.",
            "One rule begins with `### Entry Criteria: name`; for several give the whole prompt.",
        ),
    ),
    "candidate_same": (
        Text(
            "후보는 지금 규칙과 똑같이 거래합니다: 글만 다르거나 아무것도 다르지 않습니다.",
            "The candidate trades exactly as the present rules do: only words differ, or nothing.",
        ),
        Text(
            "조건, 행동, 우선순위, 평가, 주기 가운데 하나를 바꾸거나 규칙을 더하십시오.",
            "Change a condition, action, priority, cadence or the interval, or add a rule.",
        ),
    ),
    # files
    "not_utf8": (
        Text("파일이 UTF-8이 아닙니다({byte}번째 바이트).", "The file is not UTF-8 (byte {byte})."),
        Text("편집기에서 UTF-8로 다시 저장하십시오.", "Save it as UTF-8 in your editor."),
    ),
    "no_file": (
        Text("파일을 읽을 수 없습니다: {found}.", "The file cannot be read: {found}."),
        Text("경로를 확인하십시오.", "Check the path."),
    ),
    "unknown_rule": (
        Text("규칙 `{found}`이(가) 없습니다.", "There is no rule `{found}`."),
        Text("있는 규칙: {expected}", "Rules: {expected}."),
    ),
    "entry_text": (
        Text(
            "`{found}` 항목에 줄바꿈이나 제어 문자가 있습니다.",
            "The field `{found}` holds a line break or a control character.",
        ),
        Text("한 줄로 쓰십시오.", "Write it on one line."),
    ),
}
