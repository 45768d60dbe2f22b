"""What a run will cost before it runs: a likely price, and one that it cannot exceed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from engine.model.config import Caps
from engine.model.prices import Prices
from engine.model.reply import Usage
from engine.model.request import ModelRequest
from engine.model.tokens import likely_input_tokens, likely_tokens, most_input_tokens

LIKELY_ANSWER = 0.25  # of the allowed tokens: most answers of a plan are far shorter than the limit


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSize:
    """How big one kind of call is, where the requests themselves do not exist yet.

    Args:
        input_bytes: UTF-8 bytes of the question, schema included.
        max_output_tokens: most tokens of the answer.
        times: how many such calls.
    """

    input_bytes: int
    max_output_tokens: int
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEstimate:
    """Price of a run.

    Args:
        calls: questions; repair rounds are not among them.
        likely_tokens: in and out together, by rule of thumb.
        likely_won: their price, nothing found in a cache.
        most_won: price that these calls cannot exceed: every byte a token, every answer as long as allowed.
        over: caps that `likely_won` alone would break, such as "run"; the run would stop there.
    """

    calls: int
    likely_tokens: int
    likely_won: int
    most_won: int
    over: tuple[str, ...] = ()


def estimate_cost(
    sizes: Iterable[ModelRequest | CallSize],
    prices: Prices,
    *,
    provider: str,
    model: str,
    on: date,
    caps: Caps | None = None,
) -> CostEstimate:
    """The price of asking all these.

    Args:
        sizes: the requests, or their sizes.
        prices: see `engine.model.prices.prices_for`.
        provider: of the model.
        model: that will be asked.
        on: day of the price.
        caps: to compare with.

    Raises:
        UnknownPrice: as for a call.
    """
    tariff = prices.tariff(provider, model, on)
    calls = tokens = likely_won = most_won = 0
    for size in sizes:
        times = size.times if isinstance(size, CallSize) else 1
        likely, most = _usages(size)
        calls += times
        tokens += times * (likely.input_tokens + likely.output_tokens)
        likely_won += times * tariff.won(likely)
        most_won += times * tariff.won(most)
    limits = caps or Caps()
    over = tuple(
        name
        for name, cap in (("run", limits.run_won), ("day", limits.day_won), ("week", limits.week_won))
        if cap is not None and likely_won > cap
    )
    return CostEstimate(calls=calls, likely_tokens=tokens, likely_won=likely_won, most_won=most_won, over=over)


def _usages(size: ModelRequest | CallSize) -> tuple[Usage, Usage]:
    """What a call will likely use, and what it can use at most."""
    if isinstance(size, CallSize):
        likely, most = likely_tokens(size.input_bytes), size.input_bytes
    else:
        likely, most = likely_input_tokens(size), most_input_tokens(size)
    answer = max(1, int(size.max_output_tokens * LIKELY_ANSWER))
    return (
        Usage(input_tokens=likely, output_tokens=answer),
        Usage(input_tokens=most, output_tokens=size.max_output_tokens),
    )
