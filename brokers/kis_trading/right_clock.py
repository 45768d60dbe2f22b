"""Nothing is traded by a clock that is wrong: orders would be filed under another day than the broker's."""

from __future__ import annotations

from datetime import timedelta

from brokers.kis.rest import KisRest
from engine.errors import ConfigError

MOST = timedelta(minutes=10)  # far more than answers take, far less than what moves an order to another day


def require_right_clock(rest: KisRest) -> None:
    """Nothing, if this machine's clock and KIS's agree.

    Raises:
        ConfigError: they do not.
        KisError: KIS cannot be asked.
    """
    rest.call("inquire_balance")
    difference = rest.clock_difference
    if difference is not None and abs(difference) > MOST:
        minutes = round(abs(difference) / timedelta(minutes=1))
        where = "behind" if difference > timedelta(0) else "ahead of"
        raise ConfigError(
            f"This machine's clock is {minutes:,} minutes {where} KIS's. Nothing was traded: orders would be filed "
            "under the wrong time or day. Set the clock (timedatectl set-ntp true), then start again."
        )
