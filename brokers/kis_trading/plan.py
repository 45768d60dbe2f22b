"""What is traded, where, and by which rules: all that the opening of a trader is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from brokers.kis.config import KisConfig
from brokers.kis.environment import LIVE
from brokers.kis.world_clock import WorldClock
from engine.clock import Clock
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.operating.desk import Planner
from engine.reports.language import Lang
from engine.steady_clock import SteadyClock
from engine.trading.account_jobs import RegularWork
from engine.trading.autonomy import Level
from engine.trading.decision import RulesInForce
from engine.trading.timetable import AFTER_OPEN, Timetable


@dataclass(frozen=True, kw_only=True)
class TradingPlan:
    """What is traded, where, and by which rules.

    Args:
        folder: of the account.
        config: of the adapter.
        prompt: the decision prompt.
        settings: costs and limits.
        tickers: names that are looked at; needed at the first start only.
        clock: of the venue's world.
        sleep: waits that many seconds of its time.
        adopt: holdings that are there at the first start become ours.
        planner: makes the planner of a decision; None lets the rules stand.
        tell: is told one line for people at a time.
        progress: of downloads: what, done, in all.
        lang: of texts.
        first_level: of an account that was never given a level of autonomy; None = LV3 on paper, LV2 live.
        steady: seconds of a clock that never jumps.
        work: backups and the like, beside the decisions; None = nothing.
    """

    folder: Path
    config: KisConfig
    prompt: Path
    settings: BacktestConfig
    tickers: Sequence[str] | None
    clock: Clock
    sleep: Callable[[float], None] = time.sleep
    adopt: bool = False
    planner: Callable[[RulesInForce, Panel], Planner] | None = None
    tell: Callable[[str], None] = print
    progress: Callable[[str, int, int], None] | None = None
    lang: Lang = "ko"
    first_level: Level | None = None
    steady: Callable[[], float] = time.monotonic
    work: RegularWork | None = None

    @property
    def world(self) -> WorldClock | None:
        """The served world whose time this is, if it is one."""
        source = self.clock.machine if isinstance(self.clock, SteadyClock) else self.clock
        return source if isinstance(source, WorldClock) else None

    @property
    def timetable(self) -> Timetable:
        """The paper account takes no orders before the open; a served world takes its next step hours later."""
        waits = AFTER_OPEN if self.world is None else timedelta(0)
        return Timetable(before_open=self.config.world is LIVE, after_open=waits)
