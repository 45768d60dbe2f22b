"""Numbers in sentences, and whether a rule says what it does."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.research.prose_check import NumberComparison, compare_numbers
from engine.research.prose_numbers import Kind, prose_numbers
from engine.rules.edit import RuleEntry, add_rule
from engine.rules.prompt import load_rules, load_rules_text
from engine.rules.tree import Category

ROOT = Path(__file__).parents[3]
FILES = [*sorted((ROOT / "strategies").glob("*.md")), ROOT / "prompts" / "core_decision_prompt.md"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("거래량이 20일 평균의 1.5배 이상", [("20", "bars"), ("3/2", "times")]),
        ("손실이 7%에 이르면", [("7/100", "percent")]),
        ("15퍼센트 오르면 절반을 판다", [("3/20", "percent"), ("1/2", "share")]),
        ("칠 퍼센트", [("7/100", "percent")]),
        ("구십오 프로", [("19/20", "percent")]),
        ("seven percent", [("7/100", "percent")]),
        ("7프로와 10프로그램", [("7/100", "percent"), ("10", "plain")]),
        ("５～１０％", [("1/20", "percent"), ("1/10", "percent")]),
        ("50bp", [("1/200", "percent")]),
        ("3할", [("3/10", "percent")]),
        ("세 배", [("3", "times")]),
        ("두배", [("2", "times")]),
        ("한 배", []),
        ("volume doubles", [("2", "times")]),
        ("3분의 1", [("1/3", "share")]),
        ("20일선", [("20", "bars")]),
        ("20/60일선", [("20", "bars"), ("60", "bars")]),
        ("20일과 60일 평균", [("20", "bars"), ("60", "bars")]),
        ("닷새", [("5", "bars")]),
        ("a 20-day mean", [("20", "bars")]),
        ("10,000원", [("10000", "plain")]),
        ("1만원", [("10000", "plain")]),
        ("1억 원", [("100000000", "plain")]),
        ("1억 5천만 원", [("150000000", "plain")]),
        ("1만2,500원", [("12500", "plain")]),
        ("백만 원", [("1000000", "plain")]),
        ("5 million won", [("5000000", "plain")]),
        ("10만 주", [("100000", "plain")]),
        ("오후 2시 50분", [("890", "time of day")]),
        ("9시 반", [("570", "time of day")]),
        ("14:50 이후", [("890", "time of day")]),
        ("52주 신고가", [("52", "calendar")]),
        ("반년", [("1/2", "calendar")]),
        ("두 달", [("2", "calendar")]),
        ("다섯 종목", [("5", "plain")]),
        ("한 종목", []),
        ("RSI14", [("14", "plain")]),
        ("코스피200과 KOSDAQ 150", []),
        ("코스피 200일선", [("200", "bars")]),
        ("2026년 1월 5일부터", []),
        ("2026-01-05부터", []),
        ("두 번째 신호, 2차전지, 1단계", []),
        ("두 평균이 만나면 그것만 산다", []),
        ("1) 거래량이 2배", [("2", "times")]),
        ("", []),
    ],
)
def test_a_sentence_names_these_numbers(text: str, wanted: list[tuple[str, str]]) -> None:
    assert [(str(number.value), number.kind.value) for number in prose_numbers(text)] == wanted


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789.,/%~:-배일주원만억천백달년시분반두세한절반 abxdaysT+월이", max_size=30))
def test_any_sentence_can_be_read(text: str) -> None:
    for number in prose_numbers(text):
        assert number.value >= 0
        assert number.text


@settings(max_examples=200, deadline=None)
@given(
    st.integers(2, 10**9),
    st.sampled_from([("{}일", Kind.BARS), ("{}배", Kind.TIMES), ("{}%", Kind.PERCENT), ("{}원", Kind.PLAIN)]),
)
def test_a_written_number_is_read_back(number: int, form: tuple[str, Kind]) -> None:
    text, kind = form
    for digits in (str(number), f"{number:,}", f"{number:_}"):
        found = prose_numbers(f"종가가 {text.format(digits)} 이상이면")
        scale = 100 if kind is Kind.PERCENT else 1
        assert [(one.value, one.kind, one.sure) for one in found] == [(Fraction(number, scale), kind, True)]


def compared(
    text: str, condition: str, action: str = "require", category: Category = Category.ENTRY, interval: str = "1d"
) -> NumberComparison:
    entry = RuleEntry(id="a", category=category, text=text, condition=condition, action=action, priority=5)
    rules = load_rules_text(add_rule(f"## 투자 원칙 및 규칙\n**주기**: {interval}\n", entry))
    return compare_numbers(rules.rules[0], rules.interval)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("거래량이 20일 평균의 1.5배 이상", "volume_ratio(20) >= 1.5"),
        ("거래량이 20일 평균보다 50% 많으면", "volume_ratio(20) >= 1.5"),
        ("거래량이 20일 평균의 절반보다 적으면", "volume < 0.5 * mean(volume, 20)"),
        ("거래량이 20일 평균의 두 배", "volume_ratio(20) >= 2"),
        ("20일 평균보다 2% 낮으면", "close < 0.98 * mean(close, 20)"),
        ("20일 평균보다 2퍼센트 낮으면", "close < (1 - 2%) * mean(close, 20)"),
        ("60일 수익률이 상위 10%", "rank(returns(60)) >= 90%"),
        ("표준편차의 2배 낮은 20일 자리", "zscore(close, 20) <= -2"),
        ("52주 신고가", "close >= max(close, 252)"),
        ("한 달 평균 위", "close > mean(close, 20)"),
        ("종가가 1만원 이상", "close >= 10000"),
        ("20일 거래대금 평균이 10억 원", "mean(value, 20) >= 10억"),
        ("거래량이 10만 주 이상", "volume >= 100_000주"),
        ("14일 RSI가 30% 아래", "rsi(14) < 30"),
        ("2시 50분 뒤", "time >= 14:50"),
        ("금요일만", "weekday == fri"),
        ("어제보다 오르면", "returns(1) > 0%"),
        ("the 20-day volume doubles", "volume_ratio(20) >= 2"),
    ],
)
def test_a_sentence_that_says_what_the_rule_does(text: str, condition: str) -> None:
    found = compared(text, condition)
    assert (found.missing, found.unsure, found.unmentioned) == ((), (), ())


@pytest.mark.parametrize(
    ("text", "condition", "missing", "unsure", "unmentioned"),
    [
        ("거래량이 20일 평균의 1.5배", "volume_ratio(20) >= 2.5", ("1.5배",), (), ("2.5",)),
        ("거래량이 60일 평균의 2배", "volume_ratio(20) >= 2", ("60일",), (), ("20",)),
        ("손실이 7%", "returns(5) <= -93%", ("7%",), (), ("5", "-93%")),
        ("수익이 15%", "returns(5) >= 85%", ("15%",), (), ("5", "85%")),
        ("1억 원 이상", "mean(value, 20) >= 10억", ("1억 원",), (), ("20", "10억")),
        ("52주 신고가", "close >= max(close, 60)", (), ("52주",), ("60",)),
        ("다섯 번 오르면", "count_if(close > open, 4) >= 4", (), ("다섯 번",), ("4",)),
        ("오르면", "returns(5) > 3%", (), (), ("5", "3%")),
        ("15시 뒤", "time >= 14:50", ("15시",), (), ("14:50",)),
    ],
)
def test_a_sentence_that_says_something_else(
    text: str, condition: str, missing: tuple[str, ...], unsure: tuple[str, ...], unmentioned: tuple[str, ...]
) -> None:
    found = compared(text, condition)
    assert (found.missing, found.unsure, found.unmentioned) == (missing, unsure, unmentioned)


def test_the_action_counts_too() -> None:
    found = compared("종가가 시가보다 높으면 10%를 산다", "close > open", "buy 10% of equity")
    assert (found.missing, found.unmentioned) == ((), ())
    found = compared("손실이면 100% 판다", "pnl < 0%", "sell all", Category.EXIT)
    assert (found.missing, found.unmentioned) == ((), ())


@pytest.mark.parametrize(
    ("text", "interval", "missing", "unsure"),
    [
        ("5분봉 12개 평균 위", "5m", (), ()),
        ("60분 평균 위", "5m", (), ()),
        ("12봉 평균 위", "5m", (), ()),
        ("30분 평균 위", "5m", ("30분",), ()),
        ("3일 평균 위", "5m", (), ("3일",)),
        ("60일 평균 위", "1w", (), ()),
        ("12주 평균 위", "1w", (), ()),
        ("70일 평균 위", "1w", (), ("70일",)),
    ],
)
def test_lengths_are_compared_in_the_bars_of_the_rule(
    text: str, interval: str, missing: tuple[str, ...], unsure: tuple[str, ...]
) -> None:
    found = compared(text, "close > mean(close, 12)", interval=interval)
    assert (found.missing, found.unsure) == (missing, unsure)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_rules_that_come_with_geoul_say_what_they_do(path: Path) -> None:
    rules = load_rules(path)
    found = {rule.id: compare_numbers(rule, rules.interval) for rule in rules.rules}
    assert {rule_id: (one.missing, one.unsure) for rule_id, one in found.items() if one.missing or one.unsure} == {}


def test_the_default_prompt_names_every_number() -> None:
    rules = load_rules(FILES[-1])
    assert [compare_numbers(rule, rules.interval).unmentioned for rule in rules.rules] == [()] * 7
