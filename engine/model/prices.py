"""What a call costs in won: a dated table of prices, or the price that the user configured. Always rounded up."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from engine.errors import DataError
from engine.model.config import ModelConfig, OwnPrice
from engine.model.failure import UnknownPrice
from engine.model.reply import Usage
from engine.model.request import ModelRequest
from engine.model.tokens import most_input_tokens

TABLE = Path(__file__).with_name("prices.yaml")
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Price of a model per million tokens.

    Args:
        input: of the question.
        cached_input: of what the provider found in its cache.
        cache_write: of what it puts there; answers do not say how much that was, so everything that was not found in
            the cache is charged the dearer of `input` and this.
        output: of the answer, thinking included.
        currency: "USD" or "KRW".
        long_above_tokens: a question with more tokens costs more as a whole; None = never.
        long_input: factor on input and cache then.
        long_output: factor on output then.
        starts: first day of the price.
        source: page it was read on.
        as_of: day it was read.
        knowledge_cutoff: of the model, as that page says.
    """

    input: Fraction
    cached_input: Fraction
    cache_write: Fraction
    output: Fraction
    currency: str
    long_above_tokens: int | None = None
    long_input: Fraction = Fraction(1)
    long_output: Fraction = Fraction(1)
    starts: date = date.min
    source: str = "configuration"
    as_of: date | None = None
    knowledge_cutoff: date | None = None

    @property
    def is_free(self) -> bool:
        """Whether nothing is ever charged."""
        return not (self.input or self.cached_input or self.cache_write or self.output)

    def amount(self, usage: Usage) -> Fraction:
        """Price of a call in `currency`, exact."""
        long = self.long_above_tokens is not None and usage.input_tokens > self.long_above_tokens
        question, answer = (self.long_input, self.long_output) if long else (Fraction(1), Fraction(1))
        cached = min(usage.cached_tokens, usage.input_tokens)
        fresh = usage.input_tokens - cached
        asked = fresh * max(self.input, self.cache_write) + cached * self.cached_input
        return (asked * question + usage.output_tokens * self.output * answer) / _MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """A price and the rate that turns it into won."""

    price: Price
    krw_per_unit: Fraction

    def won(self, usage: Usage) -> int:
        """Cost of a call, rounded up to a whole won."""
        return math.ceil(self.price.amount(usage) * self.krw_per_unit)

    def most_won(self, request: ModelRequest) -> int:
        """What a call can cost at most: every byte a token, nothing cached, the answer as long as allowed."""
        return self.won(Usage(input_tokens=most_input_tokens(request), output_tokens=request.max_output_tokens))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """All prices that are known: the user's own first, then the table.

    Args:
        table: rows of (provider, model, price).
        own: price that the configuration gives, with the provider and model it is for.
        krw_per_usd: won per dollar; None = not configured.
    """

    table: tuple[tuple[str, str, Price], ...]
    own: tuple[str, str, Price] | None = None
    krw_per_usd: Fraction | None = None

    def tariff(self, provider: str, model: str, on: date) -> Tariff:
        """The price of a model on a day.

        Raises:
            UnknownPrice: it is neither in the table nor configured, or the rate of its currency is not configured.
        """
        price = self._price(provider, model, on)
        if price.currency == "KRW" or price.is_free:
            return Tariff(price=price, krw_per_unit=Fraction(1))
        if self.krw_per_usd is None:
            raise UnknownPrice(
                f"{model} is charged in dollars, and the won per dollar are not configured, so no cap in won can be "
                f"kept. Put krw_per_usd into the section `model`, such as krw_per_usd: 1400."
            )
        return Tariff(price=price, krw_per_unit=self.krw_per_usd)

    def _price(self, provider: str, model: str, on: date) -> Price:
        if self.own is not None and self.own[:2] == (provider, model):
            return self.own[2]
        rows = [price for owner, name, price in self.table if (owner, name) == (provider, model)]
        known = [price for price in rows if price.starts <= on]
        if not known:
            when = f" before {min(row.starts for row in rows)}" if rows else ""
            raise UnknownPrice(
                f"The price of {model} of {provider}{when} is not known, so no cap can be kept and the model is not "
                f"asked. Configure `price: {{input: …, output: …}}` per million tokens in the section `model`, or "
                f"`price: free` for a server of your own."
            )
        return max(known, key=lambda price: price.starts)

    def knowledge_cutoff(self, provider: str, model: str) -> date | None:
        """Last day the model may have read about, as its page says; None = the table does not know the model."""
        days = [price.knowledge_cutoff for owner, name, price in self.table if (owner, name) == (provider, model)]
        return max((day for day in days if day is not None), default=None)


def prices_for(config: ModelConfig, table: tuple[tuple[str, str, Price], ...] | None = None) -> Prices:
    """The prices as configured; `table` is that of this package by default."""
    own = (config.provider, config.model, _own(config.price)) if config.price is not None else None
    rate = Fraction(config.krw_per_usd) if config.krw_per_usd is not None else None
    return Prices(table=load_table(TABLE) if table is None else table, own=own, krw_per_usd=rate)


def knowledge_cutoff_of(config: ModelConfig) -> date | None:
    """The configured cutoff, else the one of the table; None = unknown, and then nothing is evidence."""
    return config.knowledge_cutoff or prices_for(config).knowledge_cutoff(config.provider, config.model)


@cache
def load_table(path: Path) -> tuple[tuple[str, str, Price], ...]:
    """Read a price table.

    Raises:
        DataError: a row is incomplete, or two rows say different things of one model and day.
    """
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = [entry for row in rows for entry in _row(row, path)]
    places = [(provider, model, price.starts) for provider, model, price in found]
    twice = [place for place in places if places.count(place) > 1]
    if twice:
        raise DataError(f"{path}: {twice[0][1]} has two prices from {twice[0][2]}. Remove one.")
    return tuple(found)


def _row(row: dict[str, Any], path: Path) -> Iterable[tuple[str, str, Price]]:
    try:
        long = row.get("long") or {}
        price = Price(
            input=Fraction(row["input"]),
            cached_input=Fraction(row.get("cached_input", row["input"])),
            cache_write=Fraction(row.get("cache_write", row["input"])),
            output=Fraction(row["output"]),
            currency=row["currency"],
            long_above_tokens=long.get("above_tokens"),
            long_input=Fraction(long.get("input", 1)),
            long_output=Fraction(long.get("output", 1)),
            starts=row["from"],
            source=row["source"],
            as_of=row["as_of"],
            knowledge_cutoff=row.get("knowledge_cutoff"),
        )
        names = [(row["provider"], model, price) for model in row["models"]]
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path}: the row of {row.get('models', row)} is incomplete or wrong: {error}.") from None
    return names


def _own(price: OwnPrice) -> Price:
    def exact(value: Decimal | None) -> Fraction:
        return Fraction(price.input if value is None else value)

    return Price(
        input=exact(price.input),
        cached_input=exact(price.cached_input),
        cache_write=exact(price.cache_write),
        output=exact(price.output),
        currency=price.currency,
    )
