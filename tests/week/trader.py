"""A trader as a process of its own that can be told where to die, how wrong its clock goes and how full its disk is.

It reads one JSON line at a time and answers with one. `start` forks the trading process, so that a start costs no
import; what that process knows it has from its folder and from the venue, as after any start.

    {"start": {…}}                        a life
    {"run": […], "told": PATH}            a `geoul` command; its words go to the file
    {"arm": [point, passages, process]}   see `week.death`
    {"shift": seconds}                    the machine's clock goes wrong by so much
    {"pause": true}                       the machine stands still while the world takes its next step; when it goes on,
                                          a time server has set its clock right
    {"pages": n} | {"bytes": n}           the ledger, or any file, may grow by so much; {"room": true}: as it likes
    {"turns": n}                          answer after so many turns
    {"stop": true}                        close all and end

The parent answers {"process": n}, and {"ended": wait status} whatever the reason. The child says {"ready": …}, {"done":
…} when what was asked is so, {"struck": point} just before a kill, {"failed": words} where a user would read an error,
and {"crashed": traceback}, which must never be.
"""

from __future__ import annotations

import os
import resource
import select
import sys
import time
import traceback
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from brokers.kis.config import load_kis_config
from brokers.kis.world_clock import WorldClock
from brokers.kis_trading.opening import open_trading
from brokers.kis_trading.plan import TradingPlan
from brokers.kis_trading.trading import Trading
from engine.clock import to_nanoseconds
from engine.config import BacktestConfig
from engine.errors import BrokenInvariant, GeoulError
from engine.steady_clock import SteadyClock
from engine.trading.account_jobs import RegularWork
from engine.trading.autonomy import Level
from tests.chaos.trader import hear, say
from tests.week.death import Strike

CRASHED, REFUSED = 70, 2
_STEP_SECONDS = 60.0  # a longer step of the world than any waiting in its time
_WAIT_SECONDS = 0.02  # for the next step, so that what it is told is heard soon


class ShiftedClock(WorldClock):
    """The world's clock on a machine whose own clock goes wrong by `shift`."""

    shift = timedelta(0)

    def now(self) -> datetime:
        """The time that this machine believes; it may go back."""
        return super().now() + self.shift


class PausedMachine(ShiftedClock):
    """That clock, and the seconds that pass on the machine; while it is stopped, none do."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.is_paused = False
        self._missed, self._passed = 0.0, self._world_seconds()

    def elapsed(self) -> float:
        """Seconds, less the step of the world that was slept through."""
        with self._lock:
            passed = self._world_seconds()
            if self.is_paused and passed - self._passed > _STEP_SECONDS:
                self._missed, self.is_paused = self._missed + passed - self._passed, False
                self.shift = timedelta(0)
            self._passed = passed
            return passed - self._missed

    def _world_seconds(self) -> float:
        return to_nanoseconds(WorldClock.now(self)) / 1e9


class Life:
    """One life of the trading process.

    Args:
        told: how to start: url, folder, prompt, environment, tickers, settings.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        self._strike = Strike(lambda point: say(struck=point))
        self._turns = 0  # to make before an answer is due
        self._is_over = False

    def live(self) -> None:
        """From the start to the end; raises what ends it."""
        told, began, used = self._told, time.monotonic(), time.process_time()
        folder = Path(told["folder"])
        self._strike.watch()
        if told.get("arm"):
            self._strike.arm(*told["arm"])
        self._machine = PausedMachine(told["url"])
        self._machine.shift = timedelta(seconds=told.get("shift", 0))
        self._clock = SteadyClock(self._machine, self._machine.elapsed)
        options = {"token_folder": folder / "tokens", "calls_per_second": 1000}
        path = folder / "kis_devlp.yaml"
        config = load_kis_config(told["environment"], variables={}, path=path, options=options)
        with (folder / "said.txt").open("a", encoding="utf-8") as lines:

            def tell(line: str) -> None:
                with suppress(OSError):  # the disk may be full
                    lines.write(f"{os.getpid()} {self._clock.now():%m-%d %H:%M:%S} {line}\n")
                    lines.flush()

            plan = TradingPlan(
                folder=folder,
                config=config,
                prompt=Path(told["prompt"]),
                settings=BacktestConfig.model_validate(told["settings"]),
                tickers=told["tickers"],
                clock=self._clock,
                sleep=self._machine.sleep,
                lang="en",
                first_level=Level.ALONE,
                work=RegularWork() if told.get("work") else None,
                tell=tell,
            )
            with open_trading(plan) as trading:
                assert trading.world is not None
                trading.world.wait_seconds = _WAIT_SECONDS
                trading.trader.begin()
                trading.begun = True
                say(ready=[time.monotonic() - began, time.process_time() - used])
                trading.run(lambda: self._listens(trading))

    def _listens(self, trading: Trading) -> bool:
        """Asked before every turn."""
        if self._turns:
            self._turns -= 1
            if not self._turns:
                say(done="turns")
        while not self._is_over and not self._turns and select.select([0], [], [], 0)[0]:
            asked = hear()
            self._is_over = asked is None or "stop" in asked
            if asked and not self._is_over:
                self._do(asked, trading)
        return self._is_over

    def _do(self, asked: dict[str, Any], trading: Trading) -> None:
        if "turns" in asked:
            self._turns = asked["turns"] + 1  # the first of them has been asked for before this turn
            return
        if "arm" in asked:
            self._strike.arm(*asked["arm"])
        if "shift" in asked:
            self._machine.shift = timedelta(seconds=asked["shift"])
        if "pause" in asked:
            self._machine.is_paused = True
        if "pages" in asked:
            connection = trading.ledger.connection
            used = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {used + asked['pages']}")
        if "bytes" in asked:
            log = Path(self._told["folder"]) / "ledger.db-wal"
            most = (log.stat().st_size if log.exists() else 0) + asked["bytes"]
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        if "room" in asked:
            trading.ledger.connection.execute("PRAGMA max_page_count = 1000000000")
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        say(done=next(iter(asked)))


def live(told: dict[str, Any]) -> int:
    """A life; the exit status that a user would see."""
    try:
        Life(told).live()
    except BrokenInvariant:
        raise
    except (GeoulError, OSError) as error:
        say(failed=f"{type(error).__name__}: {error}")
        return REFUSED
    return 0


def run_command(words: list[str], told: str) -> int:
    """A `geoul` command in this process; its words go to a file."""
    from engine.cli.main import main as geoul  # noqa: PLC0415

    target = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.argv = ["geoul", *words]
    try:
        geoul()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def main() -> None:
    """Fork one life after another."""
    import engine.cli.main  # noqa: F401, PLC0415  (a start costs no import)

    while (asked := hear()) is not None:
        if "start" not in asked and "run" not in asked:
            continue  # meant for a process that has died
        process = os.fork()
        if process == 0:
            status = CRASHED
            try:
                status = live(asked["start"]) if "start" in asked else run_command(asked["run"], asked["told"])
            except BaseException:
                say(crashed=traceback.format_exc())
            finally:
                os._exit(status)
        say(process=process)
        say(ended=os.waitpid(process, 0)[1])


if __name__ == "__main__":
    main()
