"""From where on a figure of a running account is a warning, and from where on it is bad: `health.yaml` in its folder.

day_loss: {warning: 0.02, bad: 0.05}
disk_free: {warning: 5000000000, bad: 500000000}
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.config import load_config
from engine.errors import ConfigError

FILE = "health.yaml"


class Bounds(BaseModel):
    """A figure that reaches `warning` or `bad`; both are reached from below unless the figure counts what is left."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    warning: float = Field(ge=0)
    bad: float = Field(ge=0)


class HealthLimits(BaseModel):
    """Bounds of every figure that is judged.

    Args:
        day_loss: share of the last closing equity, money paid in or out left out.
        losing_streak: sells in a row that ended with a loss.
        api_error_rate: share of the calls of five minutes.
        api_latency: seconds, 95th percentile of five minutes.
        queue_length: items of the stream that wait.
        feed_age: seconds since the last frame of the stream, in a session.
        clock_drift: seconds between the venue's clock and ours.
        disk_free: bytes that are left; bad is less than warning.
        ledger_size: bytes.
        differences: between ledger and venue.
        unresolved_orders: orders of which nobody knows whether the venue has them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    day_loss: Bounds = Bounds(warning=0.02, bad=0.05)
    losing_streak: Bounds = Bounds(warning=3, bad=6)
    api_error_rate: Bounds = Bounds(warning=0.05, bad=0.3)
    api_latency: Bounds = Bounds(warning=2.0, bad=8.0)
    queue_length: Bounds = Bounds(warning=5_000, bad=50_000)
    feed_age: Bounds = Bounds(warning=30, bad=120)
    clock_drift: Bounds = Bounds(warning=2.0, bad=30.0)
    disk_free: Bounds = Bounds(warning=2 * 10**9, bad=2 * 10**8)
    ledger_size: Bounds = Bounds(warning=2 * 10**9, bad=2 * 10**10)
    differences: Bounds = Bounds(warning=1, bad=1)
    unresolved_orders: Bounds = Bounds(warning=1, bad=3)

    @model_validator(mode="after")
    def _warns_first(self) -> HealthLimits:
        for name in type(self).model_fields:
            bounds: Bounds = getattr(self, name)
            turned = name == COUNTS_WHAT_IS_LEFT
            if (bounds.bad < bounds.warning) if not turned else (bounds.bad > bounds.warning):
                way = "more" if turned else "less"
                raise ValueError(f"{name}: bad = {bounds.bad:g} is {way} than warning = {bounds.warning:g}")
        return self


COUNTS_WHAT_IS_LEFT = "disk_free"


def load_health_limits(folder: Path) -> HealthLimits:
    """The limits of an account's folder; the usual ones where it has no file.

    Raises:
        ConfigError: the file cannot be read, has unknown keys, or warns after it is too late.
    """
    path = folder / FILE
    if not path.is_file():
        return HealthLimits()
    try:
        return HealthLimits.model_validate(load_config(path))
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(str(part) for part in each['loc'])} {each['msg']}" for each in error.errors())
        raise ConfigError(
            f"{path} has impossible limits: {told.strip()}. Each figure takes warning and bad; the figures are "
            f"{', '.join(HealthLimits.model_fields)}."
        ) from None
