"""Why a text cannot be read, in words a person or a model can act on."""

from __future__ import annotations

import difflib

from lark import Token

from engine.rules.messages import Text
from engine.rules.problem import RuleProblem
from engine.rules.tree import Span

# First word of an action -> how that action is written.
ACTION_FORMS: dict[str, tuple[str, ...]] = {
    "buy": ("buy [10% of equity | 500만] [at market | at limit EXPR | at stop EXPR] [add]",),
    "require": ("require",),
    "rank": ("rank by EXPR [ascending]",),
    "sell": ("sell all", "sell 50%"),
    "size": ("size 10% of equity", "size volatility target 1% over 20", "size risk 1% at stop 7%"),
    "block": ("block buys",),
    "halt": ("halt",),
    "limit": ("limit position 10%", "limit positions 20", "limit sector 30%", "limit day loss 2%"),
}

_SIGN_HINTS: tuple[tuple[str, Text], ...] = (
    ("=", Text("같음은 `==`로 씁니다.", "Write `==` for equality.")),
    ("&", Text("`and`로 쓰십시오.", "Write `and`.")),
    ("|", Text("`or`로 쓰십시오.", "Write `or`.")),
    ("!", Text("`not`으로 쓰십시오.", "Write `not`.")),
    ("≥", Text("`>=`로 쓰십시오.", "Write `>=`.")),
    ("≤", Text("`<=`로 쓰십시오.", "Write `<=`.")),
    ("≠", Text("`!=`로 쓰십시오.", "Write `!=`.")),
    ("×", Text("`*`로 쓰십시오.", "Write `*`.")),
    ("÷", Text("`/`로 쓰십시오.", "Write `/`.")),
    ("−", Text("뺄셈 기호는 `-`입니다.", "Write `-` for minus.")),
    ("–", Text("뺄셈 기호는 `-`입니다.", "Write `-` for minus.")),
    ("^", Text("거듭제곱은 없습니다. 곱하십시오.", "There are no powers; multiply.")),
    ("[", Text("과거 값은 `lag(close, 1)`로 씁니다.", "Past values are written `lag(close, 1)`.")),
    ("`", Text("백틱은 식 바깥에만 씁니다.", "Backticks stand outside the expression only.")),
)
_GENERAL_SIGN = Text(
    "글자, 숫자, `+ - * / < <= > >= == !=`, 괄호, 쉼표만 쓸 수 있습니다.",
    "Only letters, digits, `+ - * / < <= > >= == !=`, parentheses and commas can be written.",
)

_EXPECTED: tuple[tuple[str, Text], ...] = (
    ("NAME", Text("값(수, 이름, 함수)", "a value (number, name, function)")),
    ("STRING", Text('지수 이름 `"KOSPI"`', 'the name of an index, `"KOSPI"`')),
    ("LPAR", Text("`(`", "`(`")),
    ("COMPARE", Text("비교 `< <= > >= == !=`", "a comparison `< <= > >= == !=`")),
    ("PLUS", Text("`+ - * /`", "`+ - * /`")),
    ("_AND", Text("`and`, `or`", "`and`, `or`")),
    ("COMMA", Text("`,`", "`,`")),
    ("RPAR", Text("`)`", "`)`")),
    ("DOT", Text("`.close`", "`.close`")),
    ("$END", Text("식의 끝", "the end")),
)


def character_problem(text: str, position: int, line: int, column: int, *, start: str) -> RuleProblem:
    """A character that begins no word of the language."""
    found = text[position]
    span = Span(line, column + position, line, column + position + 1)
    if start == "action" and not text[:position].strip():
        return _action_problem(text, found, span)
    hint = next((hint for sign, hint in _SIGN_HINTS if found == sign), _GENERAL_SIGN)
    if found in "\"'" or text[:position].rstrip().endswith("index("):
        hint = Text('지수는 `index("KOSPI").close`로 씁니다.', 'An index is written `index("KOSPI").close`.')
    return RuleProblem("character", span, found=found, hint=hint)


def token_problem(
    text: str, token: Token, expected: frozenset[str], line: int, column: int, *, start: str
) -> RuleProblem:
    """A word that the language knows, in a place where it cannot stand."""
    if token.type == "$END":
        span = Span(line, column + len(text), line, column + len(text))
        if start == "action":
            return _action_problem(text, Text("끝", "the end"), span)
        return RuleProblem("ends_early", span, expected=_expected_words(expected))
    position = (token.column or 1) - 1
    span = Span(line, column + position, line, column + position + len(token))
    if token.type == "COMPARE" and start == "action":
        hint = Text(
            "주문 가격과 순위 기준은 비교가 아니라 수입니다.",
            "An order price or a ranking key is a number, not a comparison.",
        )
        return RuleProblem("unexpected", span, found=str(token), hint=hint)
    if start == "action" and "NAME" not in expected and not expected & {"COMPARE", "TIMES"}:
        return _action_problem(text, str(token), span)
    return RuleProblem("unexpected", span, found=str(token), hint=_token_hint(text, token, position, expected))


def _token_hint(text: str, token: Token, position: int, expected: frozenset[str]) -> Text:
    before = text[:position].rstrip()
    if token == "," and before[-1:].isdigit():
        return Text("천 단위는 `10_000` 또는 `1만`으로 씁니다.", "Write thousands as `10_000` or `1만`.")
    if token.type == "DOT":
        return Text("소수는 `0.5`처럼 0을 앞에 쓰십시오.", "Write decimals with a leading zero, such as `0.5`.")
    if before.endswith("index("):
        name = str(token).upper()
        return Text(f'`index("{name}").close`로 쓰십시오.', f'Write `index("{name}").close`.')
    words = _expected_words(expected)
    return Text(f"여기에 올 수 있는 것: {words.ko}.", f"What can stand here: {words.en}.")


def _action_problem(text: str, found: str | Text, span: Span) -> RuleProblem:
    words = text.split()
    verb = words[0].lower() if words else ""
    near = difflib.get_close_matches(verb, ACTION_FORMS, n=1, cutoff=0.6)
    forms = ACTION_FORMS[near[0]] if near else tuple(form for forms in ACTION_FORMS.values() for form in forms)
    return RuleProblem("action_form", span, found=found, forms=" · ".join(f"`{form}`" for form in forms))


def _expected_words(expected: frozenset[str]) -> Text:
    words = [text for terminal, text in _EXPECTED if terminal in expected]
    return Text(", ".join(word.ko for word in words), ", ".join(word.en for word in words))
