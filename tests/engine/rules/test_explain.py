"""Rules in words."""

from __future__ import annotations

import re

import pytest

from engine.rules.edit import RuleEntry, add_rule
from engine.rules.explain import explain_action, summarise
from engine.rules.features import restart_bars
from engine.rules.interval import INTERVALS, bars_per_year
from engine.rules.parse import parse_action, parse_expression
from engine.rules.prompt import load_rules_text
from engine.rules.tree import Category


@pytest.mark.parametrize(
    ("action", "korean", "english"),
    [
        ("buy 10% of equity", "총자산의 10% 시장가로 매수", "buy 10% of equity at market"),
        ("buy 500만 add", "5,000,000원어치 시장가로 매수, 보유 중이어도 추가", "buy 5,000,000 won worth at market"),
        ("buy at limit 0.98 * close", "`0.98 * close` 이하에 매수", "at `0.98 * close` or below"),
        ("buy 20% of equity at stop high", "가격이 `high`에 오르면 매수", "when the price rises to `high`"),
        ("require", "조건이 참인 종목만", "only names"),
        ("rank by returns(20)", "큰 종목부터", "large `returns(20)` first"),
        ("rank by zscore(close, 20) ascending", "작은 종목부터", "small"),
        ("sell all", "전량 매도", "sell everything"),
        ("sell 50%", "50% 매도(한 번)", "50% of the shares, once"),
        ("size 10% of equity", "총자산의 10%", "10% of equity"),
        ("size volatility target 2% over 20", "20봉 연율 변동성", "volatility over 20 bars"),
        ("size risk 1% at stop 7%", "7% 손절", "stop of 7%"),
        ("block buys", "매수 금지", "no purchases"),
        ("halt", "매수 중단", "until a person resumes"),
        ("limit position 10%", "한 종목은 총자산의 10%까지", "10% of equity per name"),
        ("limit positions 20", "20개까지", "at most 20 names"),
        ("limit sector 30%", "한 업종은", "per sector"),
        ("limit day loss 2%", "하루 손실", "next session"),
    ],
)
def test_every_action_is_told_in_both_languages(action: str, korean: str, english: str) -> None:
    words = explain_action(parse_action(action))
    assert korean in words.ko
    assert english in words.en
    assert not re.search("[가-힣]", words.en)


def _rules(condition: str, interval: str = "1d"):  # type: ignore[no-untyped-def]
    head = f"## 투자 원칙 및 규칙\n**주기**: {interval}\n"
    entry = RuleEntry(id="r", category=Category.EXIT, text="-", condition=condition, action="sell all", priority=5)
    return summarise(load_rules_text(add_rule(head, entry)))[0]


def test_an_intraday_exit_is_told_with_its_level() -> None:
    assert "매입가 대비 -7%" in _rules("pnl <= -7%").timing.ko
    assert "-8% from the highest close" in _rules("drawdown_from_peak <= -8%").timing.en
    assert _rules("days_held >= 3").level is None


@pytest.mark.parametrize("interval", ["1d", "1w", "5m"])
def test_the_restart_is_that_of_the_feature_graph(interval: str) -> None:
    summary = _rules("close < mean(ema(close, 10), 5)", interval)
    node = parse_expression("mean(ema(close, 10), 5)")
    assert summary.restart_bars == restart_bars(node, bars_per_year(interval)) > 0
    assert summary.lookback_bars == 14
    assert _rules("close < mean(close, 5)", interval).restart_bars == 0


def test_every_interval_has_a_number_of_bars_a_year() -> None:
    bars = [bars_per_year(interval) for interval in INTERVALS]
    assert bars[:3] == [252, 52, 252 * 390]
    assert bars[2:] == sorted(bars[2:], reverse=True)
