"""A trial is known by what its rules do, not by how they are worded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.config import BacktestConfig
from engine.metrics.rule_changes import same_trading
from engine.research.identity import config_hash, rules_hash
from engine.rules.constants import with_constants
from engine.rules.prompt import load_rules_text
from engine.rules.tree import RuleSet

TEXT = """## 투자 원칙 및 규칙
### Entry Criteria: surge
**규칙**: 거래량이 20일 평균의 1.5배이면 산다
**조건**: `volume_ratio(20) >= 1.5`
**행동**: `buy 10% of equity`
**우선순위**: 5/10

### Exit Criteria: stop
**규칙**: 손실이 7%에 이르면 판다
**조건**: `pnl <= -7%`
**행동**: `sell all`
**우선순위**: 10/10
"""
RULES = load_rules_text(TEXT)


def test_words_and_spaces_make_no_other_rules() -> None:
    same = load_rules_text(TEXT.replace("volume_ratio(20) >= 1.5", "volume_ratio( 20 )>=1.50").replace("산다", "산다."))
    assert rules_hash(same) == rules_hash(RULES)
    assert same_trading(same, RULES)


@pytest.mark.parametrize(
    "other",
    [
        with_constants(RULES, {"surge.2": "1.6"}),
        with_constants(RULES, {"surge.3": "11%"}),
        load_rules_text(TEXT.replace("5/10", "6/10")),
        load_rules_text(TEXT.replace("10/10", "10/10\n**평가**: 종가")),
        replace(RULES, rules=RULES.rules[::-1]),
        replace(RULES, rules=RULES.rules[:1]),
        replace(RULES, interval="5m"),
    ],
)
def test_whatever_can_move_an_order_makes_other_rules(other: RuleSet) -> None:
    assert rules_hash(other) != rules_hash(RULES)
    assert not same_trading(other, RULES)


def test_every_setting_belongs_to_the_configuration() -> None:
    base = BacktestConfig()
    assert config_hash(base) == config_hash(BacktestConfig(cash_won=base.cash_won))
    assert config_hash(base) != config_hash(BacktestConfig(cash_won=base.cash_won + 1))
    assert config_hash(base) != config_hash(BacktestConfig.model_validate({"limits": {"max_positions": 19}}))
