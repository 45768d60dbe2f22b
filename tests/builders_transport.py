"""Builders of questions to a model, and of transports to the provider on loopback with a clock of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.clock import KST, SimulatedClock
from engine.model.calls import CallLog
from engine.model.cassette import Cassette
from engine.model.client import ModelClient
from engine.model.config import ModelConfig
from engine.model.prices import prices_for
from engine.model.reply import ModelReply, Usage
from engine.model.request import Message, ModelRequest
from engine.model.scrub import Scrubber
from engine.model.transport import Mode, Patience, Transport

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=KST)  # a Wednesday
KEY = "sk-test-0123456789abcdef"
SCHEMA = {
    "type": "object",
    "properties": {"actions": {"type": "array", "items": {"type": "string"}}},
    "required": ["actions"],
    "additionalProperties": False,
}
# 1 won per token in, 2 per token out: costs can be counted by hand.
PRICE = {"input": 1_000_000, "output": 2_000_000, "currency": "KRW"}


def make_config(base_url: str = "http://127.0.0.1:9/v1", **changes: Any) -> ModelConfig:
    """A local model that costs 1 won per token in and 2 per token out, without caps."""
    values: dict[str, Any] = {
        "provider": "local",
        "model": "small",
        "base_url": base_url,
        "api_key": KEY,
        "price": PRICE,
        "max_output_tokens": 500,
        "caps": {"run_won": None, "day_won": None, "week_won": None},
    }
    return ModelConfig.model_validate(values | changes)


def make_request(text: str = "무엇을 살까요?", **changes: Any) -> ModelRequest:
    """A question with a schema."""
    values: dict[str, Any] = {
        "provider": "local",
        "model": "small",
        "messages": (Message(role="system", content="rules"), Message(role="user", content=text)),
        "schema_name": "plan",
        "schema": SCHEMA,
        "max_output_tokens": 500,
        "purpose": "plan",
    }
    return ModelRequest(**(values | changes))


def make_reply(text: str = '{"actions": []}', **changes: Any) -> ModelReply:
    """A reply that no provider gave."""
    values: dict[str, Any] = {
        "text": text,
        "model": "small-2025",
        "request_id": "req_9",
        "usage": Usage(input_tokens=100, cached_tokens=10, output_tokens=20),
        "asked_at": NOON,
    }
    return ModelReply(**(values | changes))


class Seconds:
    """A clock and a sleep that belong together: sleeping moves the clock, nobody waits."""

    def __init__(self, start: datetime = NOON) -> None:
        self.clock = SimulatedClock(start)
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return (self.clock.now() - NOON).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(timedelta(seconds=seconds))


@contextmanager
def transport_to(
    config: ModelConfig,
    folder: Path,
    mode: Mode = "live",
    *,
    seconds: Seconds | None = None,
    run: str | None = "test",
    calls: CallLog | None = None,
) -> Iterator[Transport]:
    """A transport with a ledger and a cassette in `folder`, whose waits take no time."""
    time = seconds or Seconds()
    scrub = Scrubber(config.secrets())
    made = Transport(
        mode,
        time.clock,
        cassette=Cassette(folder / "cassette.db", scrub=scrub) if mode != "live" else None,
        calls=calls or CallLog(folder / "ledger.db", time.clock, run=run, scrub=scrub),
        client=ModelClient(config, time.clock, scrub=scrub),
        prices=prices_for(config),
        caps=config.caps,
        patience=Patience(
            attempts=config.attempts, timeout_seconds=config.timeout_seconds, total_seconds=config.total_seconds
        ),
        monotonic=time.monotonic,
        sleep=time.sleep,
    )
    try:
        yield made
    finally:
        made.close()
