"""Sentences from programs: every number of the program is in the sentence, and no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.reflection.entry_features import FEATURES
from engine.research.prose_check import compare_numbers
from engine.rules.describe import describe_rule
from engine.rules.prompt import load_rules_text
from engine.rules.tree import Rule

HEAD = "## 투자 원칙 및 규칙\n**주기**: 1d\n"


def rule_of(category: str, condition: str, action: str) -> Rule:
    block = f"### {category}: a\n**규칙**: x\n**조건**: `{condition}`\n**행동**: `{action}`\n**우선순위**: 5/10\n"
    return load_rules_text(HEAD + block).rules[0]


CASES = [
    ("Entry Criteria", "volume_ratio(20) >= 1.5", "require"),
    ("Entry Criteria", "crosses_above(close, mean(close, 20))", "buy 10% of equity"),
    ("Entry Criteria", "close > mean(close, 20) * 1.1 and (weekday == wed or returns(5) <= -3%)", "buy 200만"),
    ("Entry Criteria", "rsi(14) < 30 or not (close < lowest(low, 60))", "buy 5% of equity at limit close * 0.98"),
    ("Entry Criteria", "macd(12, 26) > 0원", "require"),
    ("Entry Criteria", "always", "rank by returns(20)"),
    ("Entry Criteria", "close * 3 > (open + high) * 2 and close >= 12_345", "require"),
    ("Exit Criteria", "pnl <= -7%", "sell all"),
    ("Exit Criteria", "days_held >= 12 and pnl < 2.5%", "sell 50%"),
    ("Risk Management", 'index("KOSPI200").close < mean(index("KOSPI200").close, 60)', "block buys"),
    ("Risk Management", "drawdown <= -15%", "halt"),
    ("Risk Management", "always", "limit day loss 2%"),
    ("Position Sizing", "always", "size risk 1% at stop 7%"),
    *(("Entry Criteria", feature.opposite, "require") for feature in FEATURES),
]


@pytest.mark.parametrize(("category", "condition", "action"), CASES)
def test_the_numbers_of_a_sentence_are_those_of_the_program(category: str, condition: str, action: str) -> None:
    rule = rule_of(category, condition, action)
    text = describe_rule(rule)
    found = compare_numbers(replace(rule, text=text), "1d")
    assert (found.missing, found.unsure, found.unmentioned) == ((), (), ()), text
    assert text.isprintable()
    assert text.endswith("다")


def test_the_sentence_reads_as_korean() -> None:
    texts = [describe_rule(rule_of(*case)) for case in CASES[:4]]
    assert texts == [
        "거래량의 직전 20봉 평균 대비 배율이 1.5 이상인 종목만 매수한다",
        "종가가 종가의 20봉 평균을 상향 돌파한 때이면 총자산의 10% 시장가로 매수한다",
        "종가가 종가의 20봉 평균 × 1.1 초과이고 (요일이 수요일이거나 5봉 수익률이 -3% 이하)이면 "
        "2,000,000원어치 시장가로 매수한다",
        "`rsi(14)`가 30 미만이거나 (종가가 저가의 60봉 최저 미만)이 아닌 때이면 총자산의 5% "
        "`close * 0.98` 이하에 매수한다",
    ]
