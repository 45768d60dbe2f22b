"""Prices in won: dated, rounded up, refused when unknown; and what a run will cost before it runs."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DataError
from engine.model.config import Caps, ModelConfig
from engine.model.estimate import CallSize, estimate_cost
from engine.model.failure import UnknownPrice
from engine.model.prices import TABLE, Price, Tariff, knowledge_cutoff_of, load_table, prices_for
from engine.model.reply import Usage
from engine.model.request import Message
from engine.model.tokens import input_bytes, likely_input_tokens, most_input_tokens
from tests.builders_transport import SCHEMA, make_config, make_request

TODAY = date(2026, 11, 25)


def luna(**changes: Any) -> ModelConfig:
    return ModelConfig.model_validate({"model": "gpt-6-luna", "krw_per_usd": 1400} | changes)


def cost(usage: Usage, config: ModelConfig, on: date = TODAY) -> int:
    return prices_for(config).tariff(config.provider, config.model, on).won(usage)


def test_a_call_of_the_table_costs_what_a_hand_counts() -> None:
    # 10,000 fresh at the dearer of input (0.1) and cache write (0.125), 90,000 cached at 0.01, 2,000 out at 0.5:
    # 0.00125 + 0.0009 + 0.001 = 0.00315 dollars × 1,400 = 4.41 won, rounded up.
    assert cost(Usage(input_tokens=100_000, cached_tokens=90_000, output_tokens=2_000), luna()) == 5


def test_a_long_question_costs_more_as_a_whole() -> None:
    short, long = (cost(Usage(input_tokens=tokens, output_tokens=1_000), luna()) for tokens in (272_000, 272_001))
    assert short == 49  # (272,000 × 0.125 + 1,000 × 0.5) / 1e6 × 1,400 = 48.3
    assert long == 97  # (272,001 × 0.25 + 1,000 × 0.75) / 1e6 × 1,400 = 96.25


def test_a_price_of_ones_own_goes_before_the_table() -> None:
    own = {"input": "1000", "output": 2000, "currency": "KRW"}
    assert cost(Usage(input_tokens=1_000_000, output_tokens=1), luna(price=own)) == 1_001
    assert cost(Usage(input_tokens=10**9), luna(price="free", krw_per_usd=None)) == 0


@pytest.mark.parametrize(
    ("config", "on", "words"),
    [
        (luna(model="gpt-99"), TODAY, "price of gpt-99"),
        (luna(provider="other"), TODAY, "of other"),
        (luna(), date(2026, 9, 21), "before 2026-09-22"),
        (luna(krw_per_usd=None), TODAY, "krw_per_usd: 1400"),
        (luna(model="gpt-6-luna-2026-09-22"), TODAY, "price of gpt-6-luna-2026"),
    ],
)
def test_what_is_not_known_is_not_guessed(config: ModelConfig, on: date, words: str) -> None:
    with pytest.raises(UnknownPrice, match=words):
        prices_for(config).tariff(config.provider, config.model, on)


def test_every_row_of_the_table_says_where_it_was_read() -> None:
    table = load_table(TABLE)
    assert table
    for _, model, price in table:
        assert re.fullmatch(r"https://developers\.openai\.com/api/docs/models/\S+", price.source)
        assert price.as_of is not None and price.starts <= price.as_of
        assert 0 < price.cached_input <= price.input < price.output, model
        assert price.knowledge_cutoff is not None


def test_a_later_price_leaves_earlier_calls_what_they_cost(tmp_path: Path) -> None:
    row = (
        "- {provider: p, models: [m], from: %s, input: '%s', output: '2', currency: KRW, source: s, "
        "as_of: 2026-01-01}\n"
    )
    file = tmp_path / "prices.yaml"
    file.write_text(row % ("2025-01-01", 1) + row % ("2025-06-01", 3))
    prices = prices_for(make_config(provider="p", model="m", price=None), load_table(file))
    assert prices.tariff("p", "m", date(2025, 5, 31)).price.input == 1
    assert prices.tariff("p", "m", date(2025, 6, 1)).price.input == 3
    file = tmp_path / "twice.yaml"
    file.write_text(row % ("2025-01-01", 1) * 2)
    with pytest.raises(DataError, match="two prices"):
        load_table(file)
    file = tmp_path / "bad.yaml"
    file.write_text("- {provider: p, models: [m]}\n")
    with pytest.raises(DataError, match="incomplete"):
        load_table(file)


def test_the_knowledge_cutoff_comes_from_the_configuration_or_the_table() -> None:
    assert knowledge_cutoff_of(luna()) == date(2026, 5, 18)
    assert knowledge_cutoff_of(luna(knowledge_cutoff=date(2027, 1, 1))) == date(2027, 1, 1)
    assert knowledge_cutoff_of(make_config()) is None


@given(
    st.integers(0, 10**7),
    st.integers(0, 10**7),
    st.integers(0, 10**6),
    st.decimals("0.001", "100", places=3),
    st.decimals("500", "3000", places=1),
)
def test_the_cost_is_the_exact_one_rounded_up_and_never_falls_with_tokens(
    fresh: int, cached: int, output: int, price: Decimal, rate: Decimal
) -> None:
    one = Fraction(price)
    tariff = Tariff(
        price=Price(input=one, cached_input=one, cache_write=one, output=4 * one, currency="USD"),
        krw_per_unit=Fraction(rate),
    )
    won = tariff.won(Usage(input_tokens=fresh + cached, cached_tokens=cached, output_tokens=output))
    exact = Fraction(price) * (fresh + cached + 4 * output) * Fraction(rate) / 1_000_000
    assert exact <= won < exact + 1
    assert won <= tariff.won(Usage(input_tokens=fresh + cached + 1, cached_tokens=cached, output_tokens=output))


@given(st.lists(st.text(max_size=200), min_size=1, max_size=5))
def test_a_text_has_never_more_tokens_than_bytes(texts: list[str]) -> None:
    request = make_request(messages=tuple(Message(role="user", content=text) for text in texts), schema=None)
    assert input_bytes(request) == sum(len(text.encode()) for text in texts)
    assert most_input_tokens(request) >= input_bytes(request) + 3 * len(texts)
    assert 0 < likely_input_tokens(request) <= most_input_tokens(request)


def test_schema_and_tools_are_part_of_the_question() -> None:
    plain = make_request(schema=None)
    assert input_bytes(make_request()) > input_bytes(plain)
    assert input_bytes(make_request(schema=None, tools=(SCHEMA,))) == input_bytes(make_request())


def test_an_estimate_names_a_likely_price_and_one_that_cannot_be_exceeded() -> None:
    prices = prices_for(make_config())
    requests = [make_request() for _ in range(10)]
    estimate = estimate_cost(requests, prices, provider="local", model="small", on=TODAY, caps=Caps(run_won=1_000))
    tariff = prices.tariff("local", "small", TODAY)
    assert estimate.calls == 10
    assert estimate.most_won == 10 * tariff.most_won(make_request())
    assert 0 < estimate.likely_won < estimate.most_won
    assert "run" in estimate.over
    size = CallSize(input_bytes=most_input_tokens(make_request()), max_output_tokens=500, times=10)
    assert estimate_cost([size], prices, provider="local", model="small", on=TODAY) == estimate_cost(
        requests, prices, provider="local", model="small", on=TODAY
    )
    with pytest.raises(UnknownPrice):
        estimate_cost(requests, prices, provider="local", model="big", on=TODAY)
