"""An answer becomes a plan only whole: form, names, shares, ticks, limits and rules are all checked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.operating.state import Plan, Situation
from engine.order import OrderKind, Side
from engine.planning.answer import LONGEST_ANSWER, Reader
from engine.planning.prompt import PlannerPrompt, read_texts
from engine.planning.schema import answer_schema, fit
from engine.planning.view import PLAIN
from tests.engine.operating.builders_graph import busy_rules
from tests.planner_world import HYNIX, NAVER, SAMSUNG, asks_for, holding, plan_text, quote, signal, situation

WORLD = situation(signal(), holdings=[holding()])


class RatioView:
    """A view that hides nothing and asks for weights and ratios."""

    plain = False

    def show(self, context: dict[str, Any]) -> dict[str, Any]:
        return context

    def read(self, answer: dict[str, Any]) -> dict[str, Any]:
        return answer


def read(text: str, world: Situation = WORLD, view: Any = PLAIN, lang: Any = "en") -> Plan | list[str]:
    prompt = PlannerPrompt(busy_rules(), "", read_texts("en"), view)
    reader = Reader(planner="m", view=view, rule_ids=prompt.rule_ids, lang=lang)
    return reader.read(text, prompt.question(world), world)


def plan_of(*actions: dict[str, Any], **options: Any) -> Plan:
    found = read(plan_text(*actions), **options)
    assert isinstance(found, Plan), found
    return found


def errors_of(*actions: dict[str, Any], **options: Any) -> list[str]:
    found = read(plan_text(*actions), **options)
    assert isinstance(found, list)
    return found


def ratio_action(type_: str = "buy", ticker: str = SAMSUNG, **changes: Any) -> dict[str, Any]:
    values = {
        "type": type_,
        "ticker": ticker,
        "weight": 0.05,
        "target_ratio": None,
        "reason": "r",
        "rule_ids": ["rise"],
    }
    return values | {"rule_ids": ["rise"]} | changes


def test_a_good_answer_is_a_plan_with_all_that_was_said() -> None:
    plan = plan_of(asks_for(quantity=100), asks_for("sell", HYNIX, quantity=40, rule_ids=["stop"]))
    buy, sell = plan.actions
    assert (buy.ticker, buy.side, buy.quantity, buy.kind, buy.price) == (SAMSUNG, Side.BUY, 100, OrderKind.MARKET, None)
    assert (sell.ticker, sell.side, sell.quantity, sell.rule_ids) == (HYNIX, Side.SELL, 40, ("stop",))
    assert plan.risk_assessment == "위험"
    assert plan.expected_outcome == "기대"
    assert plan.justification.splitlines()[0] == "이유"
    assert "이름 005930(005930): 신호가 있다" in plan.justification


def test_an_empty_plan_is_a_good_plan() -> None:
    assert plan_of().actions == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "삼성전자를 사는 것이 좋겠습니다.",
        "```json\n" + plan_text() + "\n```",
        plan_text() + " 이상입니다.",
        plan_text()[:-2],
        '{"actions": [], "actions": [], "justification": "", "risk_assessment": "", "expected_outcome": ""}',
        plan_text(asks_for(weight=float("nan"), quantity=None)),
        "[" * 50_000,
        "1" * 5_000,
    ],
)
def test_prose_and_what_is_no_single_document_is_never_read(text: str) -> None:
    found = read(text)
    assert isinstance(found, list)
    assert "not one JSON document" in found[0]


def test_a_huge_answer_is_not_even_parsed() -> None:
    found = read(plan_text(justification="가" * LONGEST_ANSWER))
    assert isinstance(found, list)
    assert "more than 200,000" in found[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "short"}, "actions[0].type"),
        ({"quantity": 10.5}, "actions[0].quantity"),
        ({"quantity": "10"}, "actions[0].quantity"),
        ({"quantity": 0}, "actions[0].quantity"),
        ({"quantity": -5}, "actions[0].quantity"),
        ({"quantity": True}, "actions[0].quantity"),
        ({"quantity": None, "weight": 0.0}, "actions[0].weight"),
        ({"quantity": None, "weight": 1.5}, "actions[0].weight"),
        ({"reason": " "}, "actions[0].reason"),
        ({"rule_ids": []}, "actions[0].rule_ids"),
        ({"leverage": 3}, "actions[0].leverage"),
        ({"quantity": None}, "either quantity or weight"),
        ({"weight": 0.05}, "either quantity or weight"),
        ({"ticker": NAVER}, "035420 has no signal to buy. What can be bought: 005930"),
        ({"ticker": "삼성전자"}, "has no signal"),
        ({"ticker": HYNIX}, "has no signal"),
        ({"quantity": 142}, "142 is more than 141 shares"),
        ({"quantity": None, "weight": 0.2}, "0.2 is more than 0.0997"),
        ({"quantity": None, "weight": 0.0002}, "less than one share"),
        ({"rule_ids": ["rise", "moon"]}, "there is no rule moon. Rules: rise, stop, tired"),
        ({"rule_ids": ["stop"]}, "at least one of the rules that signal 005930: rise"),
        ({"target_price": 70_650}, "off the tick. Use 70600 or 70700"),
        ({"target_price": 70_600.5}, "off the tick"),
        ({"target_price": 7_000_000}, "60% away"),
        ({"target_price": -100}, "actions[0].target_price"),
        ({"type": "sell"}, "005930 is not held and cannot be sold. Held: 000660"),
        ({"type": "sell", "ticker": HYNIX, "quantity": 101}, "101 is more than 100"),
    ],
)
def test_whatever_is_wrong_is_told_with_its_place(change: dict[str, Any], words: str) -> None:
    (error,) = errors_of(asks_for(**change))
    assert words in error


def test_all_errors_are_told_at_once() -> None:
    found = errors_of(asks_for(ticker=NAVER), asks_for(rule_ids=["moon"]), asks_for())
    assert [error.split(".")[0] for error in found] == ["actions[0]", "actions[1]", "actions[2]"]
    assert "has an action before" in found[2]


def test_errors_are_told_in_korean() -> None:
    (error,) = errors_of(asks_for(ticker=NAVER), lang="ko")
    assert "매수 신호가 없다" in error


def test_a_field_that_is_missing_is_wrong() -> None:
    answer = json.loads(plan_text())
    del answer["risk_assessment"]
    assert read(json.dumps(answer)) == ["risk_assessment: Field required"]


@pytest.mark.parametrize(
    ("weight", "shares"),
    [(0.0996, 141), (0.0997, 141), (0.1, 141), (0.05, 70), (0.0008, 1)],
)
def test_a_weight_becomes_whole_shares_and_the_shown_weight_is_the_whole_signal(weight: float, shares: int) -> None:
    """141 shares at 70,700 are 9.9687 % of the account; 0.0996 is what the model was shown."""
    assert plan_of(asks_for(quantity=None, weight=weight)).actions[0].quantity == shares


def test_a_limit_under_a_purchase_is_kept_and_the_rule_s_own_limit_is_never_raised() -> None:
    lower = plan_of(asks_for(target_price=70_000)).actions[0]
    assert (lower.kind, lower.price) == (OrderKind.LIMIT, 70_000)
    world = situation(signal(kind=OrderKind.LIMIT, price=69_000))
    assert plan_of(asks_for(target_price=70_000), world=world).actions[0].price == 69_000
    assert plan_of(asks_for(), world=world).actions[0].price == 69_000


def test_a_price_that_the_rule_sets_inside_the_bar_cannot_be_changed() -> None:
    world = situation(signal(kind=OrderKind.STOP, price=100, from_open=True))
    assert "the rule sets the price" in errors_of(asks_for(target_price=70_000), world=world)[0]
    kept = plan_of(asks_for(), world=world).actions[0]
    assert (kept.kind, kept.price, kept.from_open) == (OrderKind.STOP, 100, True)


def test_ratios_become_prices_on_the_tick_that_are_no_worse_than_asked() -> None:
    """The previous closes are 70,000 and 148,514.85."""
    world = situation(signal(), holdings=[holding()])
    buy, sell = plan_of(
        ratio_action(target_ratio=1.0042), ratio_action("sell", HYNIX, target_ratio=1.02), world=world, view=RatioView()
    ).actions
    assert (buy.quantity, buy.price) == (70, 70_200)
    assert (sell.quantity, sell.price) == (33, 151_500)


def test_shares_and_prices_are_no_part_of_the_masked_form() -> None:
    errors = errors_of(asks_for(weight=0.05), view=RatioView())
    assert {error.split(":")[0] for error in errors} == {
        "actions[0].quantity",
        "actions[0].target_price",
        "actions[0].target_ratio",
    }


def test_a_name_without_a_price_cannot_be_sized_by_weight() -> None:
    world = situation(signal(), quotes={})
    assert "no known price" in errors_of(asks_for(quantity=None, weight=0.05), world=world)[0]
    assert plan_of(asks_for(quantity=5), world=world).actions[0].quantity == 5


def test_quotes_of_others_change_nothing() -> None:
    world = situation(signal(), quotes={SAMSUNG: quote(SAMSUNG, 70_700), NAVER: quote(NAVER, 200_000)})
    assert "has no signal" in errors_of(asks_for(ticker=NAVER), world=world)[0]


@pytest.mark.parametrize("plain", [True, False])
def test_the_schema_that_the_provider_gets_is_the_form_that_is_checked_here(plain: bool) -> None:
    """Every required field is one, no other is allowed, and what is nullable there is nullable here."""
    schema = answer_schema(plain=plain)
    action_schema = schema["properties"]["actions"]["items"]
    action = {name: {"type": "buy", "rule_ids": ["rise"]}.get(name, "x") for name in action_schema["properties"]}
    action["weight"] = 0.1
    for name, rule in action_schema["properties"].items():
        if name != "weight" and isinstance(rule["type"], list):
            action[name] = None
    answer: dict[str, Any] = dict.fromkeys(schema["properties"], "x") | {"actions": [action]}
    assert not isinstance(fit(answer, plain=plain), list)
    for part, target in ((schema, answer), (action_schema, action)):
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])
        for name in part["required"]:
            kept = target.pop(name)
            assert isinstance(fit(answer, plain=plain), list), name
            target[name] = kept
            if name not in ("actions",) and not isinstance(part["properties"][name]["type"], list):
                target[name] = None
                assert isinstance(fit(answer, plain=plain), list), name
                target[name] = kept
