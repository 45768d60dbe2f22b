"""The sentences of the gate in Korean and English, made from the codes and figures of its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.research import gate_texts
from engine.research.verdict import Decision, Step, Verdict
from engine.rules.messages import Language, Text

DECISIONS: dict[Decision, Text] = {
    "promote": Text("승격", "promote"),
    "shadow": Text("관찰", "shadow"),
    "reject": Text("기각", "reject"),
}

# name of the step -> what it is called
STEPS: dict[str, Text] = {
    "compiles": Text("컴파일", "compiles"),
    "units": Text("단위", "units"),
    "category": Text("분류의 권한", "rights of the category"),
    "numbers": Text("글과 식의 수", "numbers in the text"),
    "look_back": Text("과거 봉", "look-back"),
    "complexity": Text("복잡도", "complexity"),
    **gate_texts.STEPS,
}

_NOT_CHECKED = Text(
    "앞의 문제를 고쳐야 확인할 수 있습니다.", "It cannot be checked before the other problem is put right."
)

# (name of the step, reason) -> sentence; the fields in braces are figures of the step.
SENTENCES: dict[tuple[str, str], Text] = {
    ("compiles", "compiles"): Text("바뀐 규칙 {rules}개가 컴파일됩니다.", "Rules that changed and compile: {rules}."),
    ("compiles", "can_be_read"): Text("규칙을 읽을 수 있습니다.", "The rules can be read."),
    ("compiles", "does_not_compile"): Text(
        "규칙이 컴파일되지 않습니다(문제 {count}개). {problem}",
        "The rules do not compile (problems: {count}). {problem}",
    ),
    ("units", "units_agree"): Text("단위가 모두 맞습니다.", "All units agree."),
    ("units", "units_differ"): Text("단위가 맞지 않습니다. {problem}", "Units do not agree. {problem}"),
    ("units", "not_checked"): _NOT_CHECKED,
    ("category", "allowed"): Text("분류에 허락된 행동입니다.", "Each category may do what its rule does."),
    ("category", "not_allowed"): Text(
        "분류에 허락되지 않은 행동입니다. {problem}", "A category may not do this. {problem}"
    ),
    ("category", "not_checked"): _NOT_CHECKED,
    ("numbers", "numbers_agree"): Text(
        "글에 적힌 수 {said}개와 식의 수 {written}개가 서로 맞습니다.",
        "The numbers of the text ({said}) and of the rule ({written}) agree.",
    ),
    ("numbers", "number_not_in_rule"): Text(
        "글에 적힌 수가 조건에도 행동에도 없습니다: {missing}. 글이나 식을 고치십시오.",
        "A number of the text is neither in the condition nor in the action: {missing}. Correct one of them.",
    ),
    ("numbers", "number_unsure"): Text(
        "글에 적힌 수로 보이는 말이 조건이나 행동과 맞는지 분명하지 않습니다: {unsure}.",
        "What seems to be a number of the text has no counterpart in the condition or action: {unsure}.",
    ),
    ("numbers", "number_not_in_text"): Text(
        "조건이나 행동의 수가 글에 없습니다: {unmentioned}.",
        "A number of the condition or action is not in the text: {unmentioned}.",
    ),
    ("numbers", "not_checked"): _NOT_CHECKED,
    ("look_back", "enough"): Text(
        "과거 {needed:,}봉이 필요하고 {available:,}봉이 있습니다.",
        "It needs {needed:,} bars and {available:,} are there.",
    ),
    ("look_back", "little_left"): Text(
        "`{rule}`은(는) 과거 {needed:,}봉이 필요해서 {available:,}봉 가운데 {left:,}봉에서만 판단할 수 있습니다.",
        "`{rule}` needs {needed:,} bars, so it can decide on {left:,} of {available:,} only.",
    ),
    ("look_back", "too_long"): Text(
        "`{rule}`은(는) 과거 {needed:,}봉이 필요한데 {available:,}봉뿐입니다. 기간을 늘리거나 짧은 창을 쓰십시오.",
        "`{rule}` needs {needed:,} bars, but there are only {available:,}. Use a longer window or shorter look-backs.",
    ),
    ("look_back", "not_checked"): _NOT_CHECKED,
    ("complexity", "simple"): Text(
        "가장 복잡한 규칙이 부분 {nodes}개, 함수 {functions}개, 수 {constants}개입니다.",
        "The most complex rule has {nodes} parts, {functions} functions and {constants} numbers.",
    ),
    ("complexity", "too_complex"): Text(
        "`{rule}`이(가) 너무 복잡합니다: 부분 {nodes}개(한도 {most_nodes}), 함수 {functions}개(한도 {most_functions}), "
        "수 {constants}개(한도 {most_constants}). 규칙을 나누거나 줄이십시오.",
        "`{rule}` is too complex: {nodes} parts (limit {most_nodes}), {functions} functions (limit {most_functions}), "
        "{constants} numbers (limit {most_constants}). Split or shorten it.",
    ),
    ("complexity", "not_checked"): _NOT_CHECKED,
    **gate_texts.SENTENCES,
}

# Below this a p-value is told as a bound: how far below is a matter of the normal curve's tail, not of evidence.
LEAST_SHOWN = 1e-4

ALL_PASSED = Text("모든 단계를 통과했습니다.", "Every step passed.")


def step_title(step: Step, lang: Language) -> str:
    """What a step is called; its code when it has no title."""
    return name_of_step(step.name, lang)


def name_of_step(name: str, lang: Language) -> str:
    """What the step of a code is called; the code when it has no title."""
    return STEPS[name].in_language(lang) if name in STEPS else name


def sentence(step: Step, lang: Language, *, wait: bool = True) -> str:
    """What a step says, with its figures, and how long to wait where time would tell and `wait` asks for it.

    >>> sentence(Step(name="units", outcome="pass", reason="units_agree"), "en")
    'All units agree.'
    """
    if step.reason == "not_reached":
        return gate_texts.NOT_REACHED.in_language(lang)
    said = SENTENCES[step.name, step.reason].in_language(lang)
    told = said.format(**{name: _shown(_named(name, value), lang) for name, value in step.figures.items()})
    if wait and step.outcome == "unknown" and step.figures.get("weeks"):
        told += " " + gate_texts.WAIT.in_language(lang).format(weeks=step.figures["weeks"])
    return told


def verdict_sentence(verdict: Verdict, lang: Language) -> str:
    """The decision and the sentence of the step that decided it."""
    why = ALL_PASSED.in_language(lang) if verdict.deciding is None else sentence(verdict.deciding, lang)
    return f"{DECISIONS[verdict.decision].in_language(lang)}: {why}"


def next_sentence(verdict: Verdict, lang: Language) -> str:
    """What to do now."""
    run = any(step.name == "training" and step.reason != "not_reached" for step in verdict.steps)
    refused_unseen = verdict.decision == "reject" and not run
    after = gate_texts.NEXT_AFTER_TEXT if refused_unseen else gate_texts.NEXT[verdict.decision]
    return after.in_language(lang)


def _named(name: str, value: Any) -> Any:
    """Codes that have a name of their own: phases of the market, reasons why there is no value; and probabilities."""
    if name == "probability" and value is not None:
        return _probability(value)
    if name == "p_value":
        return f"{value:.2g}" if value >= LEAST_SHOWN else f"< {LEAST_SHOWN:g}"
    if name == "losing":
        return [_both(gate_texts.PHASES[code]) for code in value]
    return _both(gate_texts.WHY[value]) if name == "why" and value in gate_texts.WHY else value


def _probability(value: float) -> str:
    """In percent; what would round to certainty is told as a bound, since nothing here is certain.

    >>> _probability(0.9321), _probability(0.99999), _probability(0.0)
    ('93.2%', '> 99.9%', '< 0.1%')
    """
    if value >= 0.9995:
        return "> 99.9%"
    return "< 0.1%" if value < 0.0005 else f"{value:.1%}"


def _both(text: Text) -> dict[str, str]:
    return {"ko": text.ko, "en": text.en}


def _shown(value: Any, lang: Language) -> Any:
    """A figure for a sentence: a text in the language, a list in one line, a number as it is."""
    if isinstance(value, Mapping) and set(value) == {"ko", "en"}:
        return value[lang]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(_shown(part, lang)) for part in value)
    return value
