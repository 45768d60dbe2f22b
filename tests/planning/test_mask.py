"""The mask: what is shown, what is hidden, and that an answer finds its way back."""

from __future__ import annotations

import copy
import json
import re
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.operating.state import label
from engine.planning.context import FIELDS, leaves
from engine.planning.masking import NO_ALIAS, Mask
from engine.planning.text_mask import require_no_alias
from tests.planning.builders_mask import NAMES, OTHER_NAMES, world_context

DAY = date(2024, 3, 5)
TICKERS = list(NAMES)


def masked(seed: int = 7, day: date = DAY, scale: int = 1) -> dict[str, Any]:
    return Mask(NAMES, seed).show(world_context(TICKERS, NAMES, day, scale))


def test_prices_are_ratios_to_the_previous_close_and_money_is_a_share_of_the_account() -> None:
    context = masked()
    (held,) = context["portfolio"].pop("holdings")
    assert context["portfolio"] == {"cash_share": 0.72, "orderable_share": 0.7, "holdings_share": 0.28}
    assert {key: value for key, value in held.items() if key != "ticker"} == {
        "average_price_ratio": 0.9577,  # 65,125.5 / 68,000
        "price_ratio": 1.0294,
        "profit_share": 0.0195,
        "profit_ratio": 0.0748,
        "weight": 0.28,
        "change_rate": 0.0294,
        "volume_decile": None,
        "market_cap_decile": None,
        "trading_strength": None,
    }
    (signal,) = context["signals"]
    assert (signal["price_ratio"], signal["order_price_ratio"]) == (1.052, 1.048)
    assert context["market"]["index"] == {
        "code": "KOSPI",
        "level_to_mean_20": 1.0187,
        "change_rate": 0.0041,
        "volatility_20": 0.151,
    }
    assert context["market"]["breadth"] == {
        "advancer_share": 0.5689,
        "decliner_share": 0.3344,
        "unchanged_share": 0.0967,
    }


def test_figures_of_rules_are_ratios_and_sums_are_not_told() -> None:
    (signal,) = masked()["signals"]
    told = {figure["what"]: (figure["value"], figure["unit"]) for figure in signal["figures"]}
    assert told == {
        "close": (1.052, "ratio to previous close"),
        "mean(close, 20)": (1.0083, "ratio to previous close"),
        "mean(value, 20)": (None, "ratio to previous close"),
        "volume_ratio(20)": (1.8312, "ratio"),
        "volume": (None, "hidden"),
        'index("KOSPI").close': (1, "ratio to index level"),
    }


def test_a_limit_beyond_the_account_does_not_tell_its_size() -> None:
    limits = masked()["limits"]
    assert (limits["max_order_share"], limits["min_order_share"]) == (1, 0.01)
    assert masked(scale=7)["limits"]["max_order_share"] == 1


def test_nothing_of_the_real_world_is_left_in_the_text_of_a_masked_context() -> None:
    text = json.dumps(masked(), ensure_ascii=False)
    for real in [*NAMES, *NAMES.values(), "2024", "131500", "70000", "2650", "9876543"]:
        assert real not in text


def test_dates_move_by_whole_weeks_and_keep_their_weekday_and_hour() -> None:
    mask = Mask(NAMES, 7)
    shown = mask.show(world_context(TICKERS, NAMES, DAY, 1))["time"]
    moved = date.fromisoformat(shown["date"])
    assert (moved - DAY).days == 7 * mask.dates.weeks
    assert moved.weekday() == DAY.weekday()
    assert shown["clock"] == "15:30"
    assert moved.year >= 2_050


def test_the_seed_decides_aliases_and_dates() -> None:
    assert masked(7) == masked(7)
    one, other = masked(7), masked(8)
    assert one["time"]["date"] != other["time"]["date"]
    assert one["signals"][0]["ticker"] != other["signals"][0]["ticker"]


def test_showing_leaves_the_original_as_it_is() -> None:
    context = world_context(TICKERS, NAMES, DAY)
    before = copy.deepcopy(context)
    Mask(NAMES, 1).show(context)
    assert context == before


def anonymous(context: dict[str, Any]) -> str:
    """The context with its aliases numbered as they appear, and without its date."""
    text = json.dumps({**context, "time": {**context["time"], "date": ""}}, ensure_ascii=False, sort_keys=True)
    seen: dict[str, str] = {}
    return re.sub(r"X-\w{5}", lambda match: seen.setdefault(match[0], f"alias {len(seen)}"), text)


@given(
    seeds=st.tuples(st.integers(0, 2**63), st.integers(0, 2**63)),
    days=st.integers(-8_000, 6_000),
    scale=st.sampled_from([1, 2, 10, 1_000]),
)
def test_worlds_that_differ_in_names_dates_and_level_of_prices_look_the_same(
    seeds: tuple[int, int], days: int, scale: int
) -> None:
    one = Mask(NAMES, seeds[0]).show(world_context(TICKERS, NAMES, DAY))
    day = DAY + timedelta(weeks=days // 7)
    context = world_context(list(OTHER_NAMES), OTHER_NAMES, day, scale)
    other = Mask(OTHER_NAMES, seeds[1]).show(context)
    assert anonymous(one) == anonymous(other)


_WORDS = st.sampled_from(["거래가 늘었다", "손절 7%에", "because it rises", "1.5배", "20일선", "·", "목표", "(약세)"])
_MENTIONS = st.sampled_from([label(name, ticker) for ticker, name in NAMES.items()])
_DAYS = st.dates(date(1960, 1, 1), date(2040, 12, 31)).map(date.isoformat)
_TEXTS = st.lists(st.one_of(_WORDS, _MENTIONS, _DAYS), max_size=8).map(" ".join)
_RULES = st.sampled_from(["cross-above-mean", "stop-loss", "buy-005930", "covid-2020", "삼성전자-매수", "top_5000"])
_ACTIONS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["buy", "sell"]),
        "ticker": st.sampled_from(TICKERS),
        "weight": st.floats(0.001, 1.0),
        "target_ratio": st.none() | st.floats(0.7, 1.3),
        "reason": _TEXTS,
        "rule_ids": st.lists(_RULES, max_size=3),
    }
)
_ANSWERS = st.fixed_dictionaries(
    {
        "actions": st.lists(_ACTIONS, max_size=4),
        "justification": _TEXTS,
        "risk_assessment": _TEXTS,
        "expected_outcome": _TEXTS,
    }
)


@given(answer=_ANSWERS, seed=st.integers(0, 2**32))
def test_an_answer_that_is_hidden_and_read_is_the_answer(answer: dict[str, Any], seed: int) -> None:
    mask = Mask(NAMES, seed)
    assert mask.read(mask.hide_answer(answer)) == answer


@given(answer=_ANSWERS, seed=st.integers(0, 2**32))
def test_a_hidden_answer_names_nobody(answer: dict[str, Any], seed: int) -> None:
    mask = Mask(NAMES, seed)
    text = json.dumps(mask.hide_answer(answer), ensure_ascii=False)
    assert not list(mask.names.find(text))
    assert not re.search(r"(?:19[6-9]\d|20[0-4]\d)-", text)


def test_a_ticker_that_was_never_shown_is_nobody() -> None:
    mask = Mask(NAMES, 3)
    read = mask.read({"actions": [{"ticker": "005930"}, {"ticker": "X-B2222"}, {"ticker": mask.aliases.of("000270")}]})
    assert [action["ticker"] for action in read["actions"]] == [NO_ALIAS, NO_ALIAS, "000270"]


def test_rules_pass_the_same_mask() -> None:
    mask = Mask(NAMES, 3)
    rules = {
        "principles": "2020년 3월 폭락을 기억한다. 매수 대상은 규칙이 정한다.",
        "rules": [
            {
                "id": "buy-samsung-2024",
                "category": "entry_criteria",
                "priority": 7,
                "text": "삼성전자(005930)나 기아가 5만 원을 넘으면 산다",
                "condition": "close >= 50000원 and volume_ratio(20) >= 1.5",
                "action": "buy 10% of equity",
                "rationale": "2024-02-13에 SK하이닉스를 131,500원에 산 것이 좋았다",
            },
            {
                "id": "stop-loss",
                "category": "exit_criteria",
                "priority": 10,
                "text": "손실이 7%에 이르면 전량 매도한다",
                "condition": "pnl <= -7%",
                "action": "sell all",
                "rationale": "",
            },
        ],
    }
    shown = mask.show(rules)
    first, second = shown["rules"]
    assert second == rules["rules"][1]
    assert first["id"].startswith("rule-") and mask.read({"rule_ids": [first["id"]]}) == {
        "rule_ids": ["buy-samsung-2024"]
    }
    assert first["text"] == f"{mask.aliases.of('005930')}나 {mask.aliases.of('000270')}가 ○원을 넘으면 산다"
    assert first["condition"] == "close >= ○원 and volume_ratio(20) >= 1.5"
    assert first["action"] == "buy 10% of equity"
    assert "131" not in first["rationale"] and "2024" not in first["rationale"]
    assert "매수 대상은 규칙이 정한다" in shown["principles"] and "2020" not in shown["principles"]


def test_a_field_of_unknown_kind_is_refused() -> None:
    context = world_context(TICKERS, NAMES, DAY)
    context["market"]["news_headline"] = "삼성전자 급등"
    with pytest.raises(BadInput, match="news_headline"):
        Mask(NAMES, 1).show(context)


def test_a_ticker_of_another_universe_is_refused() -> None:
    with pytest.raises(BadInput, match="105560 has no alias"):
        Mask(NAMES, 1).show(world_context(list(OTHER_NAMES), OTHER_NAMES, DAY))


def test_the_built_context_has_a_kind_for_every_field_it_is_tested_with() -> None:
    context = {key: value for key, value in world_context(TICKERS, NAMES, DAY).items() if key != "cut"}
    assert set(leaves(context)) <= set(FIELDS)


@pytest.mark.parametrize(
    "text",
    [
        "X-K72QM이 오르면 산다",
        "2124-03-05처럼 거래가 마른 날에는 쉰다",
        "2131년 5월에는 쉰다",
        "종가가 ○원을 넘으면 산다",
    ],
)
def test_a_rule_that_holds_something_of_the_mask_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="behind the mask of one run"):
        require_no_alias(text)


@pytest.mark.parametrize("text", ["거래량이 20일 평균의 1.5배면 산다", "2024년에는 쉰다", "X-ray", "close > 2124원"])
def test_a_rule_about_the_real_market_passes(text: str) -> None:
    require_no_alias(text)
