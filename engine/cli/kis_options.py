"""The options of commands that speak with KIS: which account, which keys, whose time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine.clock import Clock, SystemClock
from engine.errors import BadInput

if TYPE_CHECKING:
    from brokers.kis.config import KisConfig

EnvironmentOption = Annotated[
    str, typer.Option("--env", help="paper 모의투자 · live 실전투자 (기본 paper) · which account")
]
KisConfigOption = Annotated[
    Path | None,
    typer.Option("--kis-config", help="kis_devlp.yaml 경로(기본: ~/KIS/config) · the official configuration file"),
]
ClockOption = Annotated[str, typer.Option("--clock", help="system 컴퓨터 시각 · world geoul serve의 시각 · whose time")]


def environment_of(text: str) -> Literal["live", "paper"]:
    """The environment that --env names."""
    if text == "live":
        return "live"
    if text == "paper":
        return "paper"
    raise BadInput(f"--env {text!r}: say paper (모의투자) or live (실전투자).")


def clock_chooser(text: str) -> Callable[[KisConfig], tuple[Clock, Callable[[float], None]]]:
    """What gives the clock that --clock names, and what waits in its time, once the configuration is known."""
    if text not in ("system", "world"):
        raise BadInput(f"--clock {text!r}: say system, or world for the time of `geoul serve`.")

    def choose(config: KisConfig) -> tuple[Clock, Callable[[float], None]]:
        from brokers.kis.world_clock import WorldClock  # noqa: PLC0415

        if text == "system":
            return SystemClock(), time.sleep
        world = WorldClock(config.rest_url)
        return world, world.sleep

    return choose
