"""The scanner: whatever the prompt was made of, nothing real leaves a masked run."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from brokers.graph_replay import run_graph
from engine.data.panel import Panel
from engine.model.request import Message, ModelRequest
from engine.operating.desk import NoPlan
from engine.planning.deciles import Deciles
from engine.planning.leak_scan import GuardedAsks, Leak, LeakScanner
from engine.planning.llm_planner import LLMPlanner
from engine.planning.masking import Mask
from engine.planning.opening import names_of
from engine.planning.prompt import PlannerPrompt, read_texts
from tests.engine.operating.builders_graph import busy_rules, make_rules
from tests.planner_world import Model, config, planner, saying, shown
from tests.planning.builders_mask import NAMES, take_every_signal_by_weight, world_context

MASK = Mask(NAMES, 11)


def kinds(text: str, *numbers: str) -> list[tuple[str, str]]:
    return [(found.kind, found.text) for found in LeakScanner(MASK).find(text, numbers)]


def ask(*messages: tuple[str, str], decision_id: str = "2024-03-05T15:30", mask: Mask | None = MASK) -> None:
    request = ModelRequest(
        provider="local",
        model="small",
        messages=tuple(Message(role=role, content=text) for role, text in messages),  # type: ignore[arg-type]
    )
    GuardedAsks(saying("{}"), mask).ask(request, decision_id=decision_id)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("삼성전자를 산다", "name", "삼성전자"),
        ('{"name":"대상"}', "name", "대상"),
        ("sk하이닉스", "name", "sk하이닉스"),
        ("005930", "ticker", "005930"),
        ("2024-03-05", "date", "2024-03-05"),
        ("2024년 3월 5일", "date", "2024년 3월 5일"),
        ("3월 5일에 산다", "date", "3월 5일"),
        ("지난 March 5, 2024에", "date", "March 5, 2024"),
        ("20240305", "date", "20240305"),
        ("２０２４-０３-０５", "date", "2024-03-05"),
        ("종가 70,000원", "money", "70,000원"),
        ("거래대금 30억 이상", "money", "30억"),
    ],
)
def test_a_find_is_named(text: str, kind: str, words: str) -> None:
    assert (kind, words) in kinds(text)


def test_hidden_prices_are_found_with_and_without_separators() -> None:
    assert kinds("131,500 131500 1315 0.131500 X131500", "131500") == [("number", "131,500"), ("number", "131500")]


def test_a_masked_year_and_a_growth_that_equal_a_price_are_no_leaks() -> None:
    mask = Mask(NAMES, 11)
    context = world_context(list(NAMES), NAMES, date(2024, 3, 5))
    year = mask.dates.ahead(date(2024, 3, 5)).year
    context["market"]["risks"][0]["price_won"] = year
    context["market"]["opportunities"][0]["volume_growth"] = 1_250
    context["signals"][0]["order_price_won"] = 1_250
    context["signals"][0]["figures"][0]["value"] = 1_234  # so many entries of a list are cut, too
    text = json.dumps(mask.show(context), ensure_ascii=False)
    assert str(year) in mask.hidden
    assert LeakScanner(mask).find(text, mask.hidden) == []
    assert [found.text for found in LeakScanner(mask).find(f"{text} 131500", mask.hidden)] == ["131500"]


@pytest.mark.parametrize(
    "text",
    [
        "매수 대상 종목은 규칙이 정한다",
        '{"date":"2124-07-18","price_ratio":1.2024,"rank":1,"weight":0.1}',
        "volume_ratio(20) >= 1.5 and crosses_above(close, mean(close, 120))",
        "손실이 7%에 이르면 전량 매도한다",
    ],
)
def test_what_tells_nothing_passes(text: str) -> None:
    assert kinds(text) == []


def test_the_place_of_a_leak_is_told_and_nothing_is_sent() -> None:
    model = saying("{}")
    request = ModelRequest(
        provider="local",
        model="small",
        messages=(
            Message(role="system", content="규칙을 따른다"),
            Message(role="user", content="첫 줄\n지난주 삼성전자는 올랐다, 005930"),
        ),
    )
    with pytest.raises(Leak, match=r"name '삼성전자' and 1 more \(message 2, user, line 2, column 5\)"):
        GuardedAsks(model, MASK).ask(request, decision_id="2024-03-05T15:30")
    assert model.asked == []


def test_what_the_model_has_said_itself_may_be_repeated_to_it() -> None:
    said = ("assistant", '{"ticker":"005930"}')
    ask(("user", "질문"), said, ("user", "005930은(는) 신호가 없다"))
    with pytest.raises(Leak, match="000660"):
        ask(("user", "질문"), said, ("user", "000660은(는) 신호가 없다"))


def test_a_date_after_the_decision_is_refused_with_and_without_a_mask() -> None:
    ask(("system", "2024-03-05까지의 손실에서 배웠다"), mask=None)
    with pytest.raises(Leak, match="2024-03-06"):
        ask(("system", "2024-03-06의 손실에서 배웠다"), mask=None)
    hidden = MASK.texts.hide("2024-03-06의 손실에서 배웠다")
    with pytest.raises(Leak, match="told the future"):
        ask(("system", hidden))
    ask(("system", hidden), decision_id="2024-03-06T15:30")


def test_a_masked_year_leaks_nothing_and_trades_real_names(panel: Panel) -> None:
    mask = Mask(names_of(panel), 5, Deciles(panel))
    model = Model(take_every_signal_by_weight)
    guarded = GuardedAsks(model, mask)
    run = run_graph(busy_rules(), panel, planner=planner(guarded, busy_rules(), mask))  # type: ignore[arg-type]
    assert len(model.asked) > 200
    assert not [cycle for cycle in run.cycles if cycle.failure]
    assert set(run.result.orders["ticker"]) <= set(panel.tickers)
    assert run.result.orders.height > 50
    reasons = [action.justification for cycle in run.cycles if cycle.plan for action in cycle.plan.actions]
    assert reasons and not any("X-" in reason for reason in reasons)
    tenths = {signal["volume_decile"] for request in model.asked for signal in shown(request)["signals"]}
    assert tenths >= set(range(2, 10))


def test_a_name_in_a_prompt_file_ends_the_run(panel: Panel, tmp_path: Path) -> None:
    name = next(iter(names_of(panel).values()))
    for file in ("planner_system.md", "planner_repair.md"):
        text = (Path("prompts") / file).read_text(encoding="utf-8")
        (tmp_path / file).write_text(text + f"\n지난해 {name}에서 크게 잃었다.\n", encoding="utf-8")
    mask = Mask(names_of(panel), 5)
    prompt = PlannerPrompt(busy_rules(), "", read_texts("ko", tmp_path), mask)
    model = saying()
    with pytest.raises(Leak, match="real name"):
        run_graph(busy_rules(), panel, planner=LLMPlanner(GuardedAsks(model, mask), config(), prompt))
    assert model.asked == []


def test_a_leak_is_no_plan_that_merely_failed() -> None:
    assert not issubclass(Leak, NoPlan)


def test_rules_with_names_and_levels_are_shown_masked(panel: Panel) -> None:
    ticker, name = next(iter(names_of(panel).items()))
    rules = make_rules(
        ("Entry Criteria: rise", "close > 3000원", "buy 10% of equity", f"{name}({ticker})이 오르면 2023년처럼 산다")
    )
    mask = Mask(names_of(panel), 5)
    prompt = PlannerPrompt(rules, "", read_texts("ko"), mask)
    assert LeakScanner(mask).find(prompt.system.content) == []
    assert mask.aliases.of(ticker) in prompt.system.content


def test_the_prompt_files_name_no_listed_company(krx_data: Path) -> None:
    table = (
        pl.read_parquet(krx_data / "krx_daily_sections" / "krx_daily_2024.parquet").select("ticker", "name").unique()
    )
    names = dict(table.iter_rows())
    mask = Mask(names, 1)
    assert len(mask.aliases.tickers) > 2_700
    scanner = LeakScanner(mask)
    for lang in ("ko", "en"):
        prompt = PlannerPrompt(busy_rules(), "", read_texts(lang), mask)
        assert scanner.find(prompt.system.content) == []
    every = " ".join(f"{ticker}을 본다" for ticker in mask.aliases.tickers)
    assert len(scanner.find(every)) == len(mask.aliases.tickers)
    missed = [name for name in names.values() if len(name) > 1 and not scanner.find(f'[{{"name":"{name}"}}]')]
    assert missed == []
