"""How many calls a second a host bears: reads at growing rates until it says EGW00201, or far enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from brokers.kis.config import KisConfig
from brokers.kis.endpoint import Endpoint
from brokers.kis.outcome import Delivery, HttpReply
from brokers.kis.rest import KisRest

_TOO_FAST = b"EGW00201"
_SECONDS = 2.0
_THREADS = 12
HEAD_ROOM = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class RateFound:
    """The rates that were tried.

    Args:
        clean: highest rate without a refusal, calls a second; 0 = even the lowest was refused.
        refused: lowest rate that was refused; None = none was.
        answered: highest rate at which answers came, calls a second.
    """

    clean: float
    refused: float | None
    answered: float

    @property
    def advised(self) -> float | None:
        """A rate with head-room; None if nothing was found."""
        return round(self.clean * HEAD_ROOM, 2) if self.clean else None


class _SteadyClock:
    """The time of another clock, carried on by the machine's: rates are counted in real seconds."""

    def __init__(self, start: datetime) -> None:
        self._start, self._began = start, time.monotonic()

    def now(self) -> datetime:
        """The start and what has passed since."""
        return self._start + timedelta(seconds=time.monotonic() - self._began)


def find_rate(
    config: KisConfig, now: datetime, rates: tuple[float, ...], ask: Callable[[KisRest], object]
) -> RateFound:
    """Try the rates in order, two seconds each, and stop at the first that is refused.

    Args:
        config: whose app key.
        now: by the clock of the probe.
        rates: calls a second, rising.
        ask: makes one read.
    """
    refused: list[bool] = []

    def look(endpoint: Endpoint, delivery: Delivery) -> None:
        if isinstance(delivery, HttpReply) and _TOO_FAST in delivery.body:
            refused.append(True)

    unlimited = config.model_copy(
        update={"options": config.options.model_copy(update={"calls_per_second": 1_000.0, "burst": 100})}
    )
    rest = KisRest(unlimited, _SteadyClock(now), sleep=time.sleep, observe=look)
    clean = answered = 0.0
    try:
        ask(rest)  # the token, and a connection
        time.sleep(1.1)  # what came before this no longer counts
        for rate in rates:
            refused.clear()
            began = time.monotonic()
            with ThreadPoolExecutor(_THREADS) as pool:
                for number in range(int(rate * _SECONDS) + 1):
                    time.sleep(max(began + number / rate - time.monotonic(), 0))
                    if refused:
                        break
                    pool.submit(ask, rest)
            if refused:
                return RateFound(clean=clean, refused=rate, answered=answered)
            clean, answered = rate, (int(rate * _SECONDS) + 1) / (time.monotonic() - began)
            time.sleep(1.1)
        return RateFound(clean=clean, refused=None, answered=answered)
    finally:
        rest.close()
