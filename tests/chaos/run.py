"""A chaos run: the KIS server with every fault on, a trading process that is killed again and again, and a judge.

The server lives in this process, the trader in one of its own (`chaos.trader`), which is started, told to trade, and
killed: by itself at a drawn passage of a drawn point (`chaos.death`), or from here after a drawn time. In between the
world goes on. Everything is drawn from one seed; which request meets which fault still depends on the machine's speed.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from brokers.kis_server.faults import read_rules
from brokers.kis_server.session_path import CLOSED
from brokers.kis_server.world import World
from engine.config import BacktestConfig
from engine.data.panel import Panel
from tests.builders_panel import make_panel
from tests.chaos.death import POINTS
from tests.chaos.judge import Judge, TagReader, Verdict
from tests.kis_client import Client, make_server
from tests.kis_venue import write_server_keys

ROOT = Path(__file__).parents[2]
CASH = 10**11
TICKERS = tuple(f"{number:05}0" for number in range(10, 34))
READ_SECONDS = 0.4  # the trader's patience with an answer
MINUTES = 120  # bars of a session
_PATIENCE_SECONDS = 120.0
_MOST_EVENINGS = 30

FAULT_RULES: list[dict[str, Any]] = [
    *(
        {"fault": fault, "calls": ["orders"], "chance": chance, "seconds": seconds}
        for fault, chance, seconds in (
            ("lost_request", 0.03, 0.0),
            ("lost_answer", 0.03, 0.0),
            ("late_answer", 0.004, READ_SECONDS + 0.1),
            ("late_answer", 0.02, 0.02),
            ("slow_answer", 0.02, 0.02),
            ("reordered_answer", 0.02, 0.02),
            ("server_error", 0.01, 0.0),
            ("server_error_after", 0.02, 0.0),
            ("gateway_timeout", 0.02, 0.0),
            ("rate_limited", 0.02, 0.0),
            ("token_expired", 0.005, 0.0),
            ("broken_json", 0.02, 0.0),
            ("reject_after_accept", 0.03, 0.0),
            ("cancel_races_fill", 0.25, 0.0),
            ("early_notice", 0.1, 0.0),
        )
    ),
    *(
        {"fault": fault, "calls": ["reads"], "chance": chance, "seconds": 0.01}
        for fault, chance in (
            ("lost_request", 0.01),
            ("lost_answer", 0.01),
            ("slow_answer", 0.01),
            ("server_error", 0.01),
            ("server_error_after", 0.01),
            ("gateway_timeout", 0.01),
            ("rate_limited", 0.01),
            ("token_expired", 0.001),
            ("broken_json", 0.01),
            ("empty_output1", 0.1),
        )
    ),
    {"fault": "page_break", "calls": ["inquire_daily_ccld"], "chance": 0.2, "rows": 2},
    {"fault": "lost_answer", "calls": ["Approval", "tokenP"], "chance": 0.02},
    *(
        {"fault": fault, "chance": chance, "seconds": 0.05}
        for fault, chance in (
            ("lost_notice", 0.05),
            ("late_notice", 0.05),
            ("duplicate_notice", 0.08),
            ("reordered_notice", 0.05),
            ("truncated_frame", 0.02),
            ("socket_cut", 0.01),
        )
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one life of the trader ends.

    Args:
        point, passages: it kills itself there; "" = it does not.
        kill_in: the round in which we kill it, from 1; 0 = while it starts; None = we do not.
        delay: seconds into that round.
        rounds: after so many it is stopped in order; killed from here, if it was meant to die and has not.
    """

    point: str = ""
    passages: int = 0
    kill_in: int | None = None
    delay: float = 0.0
    rounds: int = 12

    @property
    def is_peaceful(self) -> bool:
        """Whether nobody is killed."""
        return not self.point and self.kill_in is None


@dataclass(slots=True)
class Story:
    """What happened in a run.

    Args:
        environment: live or paper.
        verdict: of the end.
        counts: orders, changes and outcomes by name, as the trader told them; those of a killed round are not in it.
        kills: by point; "by time" from outside.
        starts: of the trader.
        failed_starts: that ended with an error of the adapter, and were tried again.
        faults: how often each struck.
        recovery: real seconds and seconds of the world of each start that found an unresolved order.
        crashes: tracebacks of the trader; must be empty.
        problems: what the judge found on the way; must be empty.
    """

    environment: str
    verdict: Verdict = field(default_factory=Verdict)
    counts: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    failed_starts: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    recovery: list[tuple[float, float]] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Life:
    """The trader process, one life after another."""

    def __init__(self, environment_variables: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.trader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment_variables,
        )
        self._unread = b""
        self._heard: deque[dict[str, Any]] = deque()
        self.number = 0  # of the process that trades, 0 = none

    def close(self) -> None:
        """End both processes."""
        if self.number:
            os.kill(self.number, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def tell(self, **what: Any) -> None:
        """Send one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        self._process.stdin.flush()

    def start(self, **what: Any) -> None:
        """Begin a life; returns when its process exists."""
        self.tell(start=what)
        while not self.number:
            told = self._line(_PATIENCE_SECONDS)
            if told is None:
                raise AssertionError("the trader's parent process says nothing")
            if "process" in told:
                self.number = told["process"]
            else:
                self._heard.append(told)

    def kill(self) -> None:
        """SIGKILL to the process that trades."""
        assert self.number, "nobody lives"
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.number, signal.SIGKILL)

    def hear(self, seconds: float = _PATIENCE_SECONDS) -> dict[str, Any] | None:
        """What it says next, None if that does not come in time."""
        told = self._heard.popleft() if self._heard else self._line(seconds)
        if told is not None and "ended" in told:
            self.number = 0
        return told

    def _line(self, seconds: float) -> dict[str, Any] | None:
        assert self._process.stdout is not None
        while b"\n" not in self._unread:
            if not select.select([self._process.stdout], [], [], seconds)[0]:
                return None
            more = os.read(self._process.stdout.fileno(), 1 << 16)
            if not more:
                raise AssertionError("the trader's parent process has ended")
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)


class Run:
    """One run in one environment.

    Args:
        environment: live or paper.
        seed: of everything that is drawn.
        orders: ends when so many have been intended.
        folder: for ledger, keys and tokens.
        orders_per_life: about so many orders between two kills.
        sessions: of the market; the run ends with the last one at the latest.
        go_on: asked every evening, with the number of orders; no ends the run with the next one.

    Attributes:
        story: what happened so far.
        tags, judge: once it runs, for whoever wants to look again.
    """

    def __init__(
        self,
        environment: str,
        seed: int,
        orders: int,
        folder: Path,
        *,
        orders_per_life: int = 25,
        sessions: int = 4,
        go_on: Callable[[int], bool] = lambda orders: True,
    ) -> None:
        self._draw = np.random.default_rng(seed)
        self._orders, self._folder, self._seed, self._go_on = orders, folder, seed, go_on
        self._rounds = max(2, round(orders_per_life / 3))
        self._panel = market(seed, sessions)
        self.story = Story(environment)
        self._days: list[str] = []
        self._lives = self._lived = 0
        self._ready = self._killed_from_here = False
        self._plan = Plan()

    def run(self) -> Story:
        """From the first order to the last verdict."""
        folder, story = self._folder, self.story
        folder.mkdir(parents=True, exist_ok=True)
        config = BacktestConfig(cash_won=CASH, participation=0.05)
        with contextlib.ExitStack() as stack:
            self._server = stack.enter_context(make_server(self._panel, config, seed=self._seed))
            self._client = Client(self._server, story.environment)
            stack.callback(self._client.session.close)
            self._world = self._server.server.world
            self._account = self._world.accounts[self._client.number]
            write_server_keys(folder, self._server, self._client)
            self.tags = TagReader(self._server.server, self._account)
            self.judge = Judge(self.tags, self._account, folder / "ledger.db", _WorldTime(self._world))
            self._advance(until="open")  # compiles what is not compiled yet
            self._server.server.faults.use(read_rules(FAULT_RULES))
            self._life = Life({**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"})
            stack.callback(self._life.close)
            while not self._is_over():
                self._step()
            if not story.crashes and not story.problems:
                if self._world.phase != CLOSED:
                    self._advance(until="close")
                self._evening(last=True)
            story.faults = dict(self._server.server.faults.struck)
        return story

    def _is_over(self) -> bool:
        if self.story.crashes or self.story.problems:
            return True
        ended = self._world.session == len(self._world.path) - 1 and self._world.phase == CLOSED
        return ended or self._intended() >= self._orders

    def _intended(self) -> int:
        ledger = self._folder / "ledger.db"
        if not ledger.exists():
            return 0
        with contextlib.closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'orders'").fetchone()[0]
            return int(connection.execute("SELECT count(*) FROM orders").fetchone()[0]) if found else 0

    # What the trader does

    def _step(self) -> None:
        """One start or one round of the trader; then the world goes on."""
        if self._world.phase == CLOSED:
            self._evening()
            live = self.story.environment == "live"
            self._advance(until="morning" if live and self._draw.random() < 0.5 else "open")
        elif not self._ready:
            self._start(self._drawn_plan())
            self._pass_minutes(3)
        elif self._lived >= self._plan.rounds:
            self._stop()
        else:
            self._round()
            self._pass_minutes(6)

    def _drawn_plan(self) -> Plan:
        draw, rounds = self._draw, self._rounds
        kind = draw.random()
        if kind < 0.1:
            return Plan(rounds=int(draw.integers(1, rounds + 1)))
        if kind < 0.35:
            in_start = draw.random() < 0.3
            return Plan(
                kill_in=0 if in_start else int(draw.integers(1, rounds + 1)),
                delay=float(draw.uniform(0.0, 0.3 if in_start else 0.06)),
                rounds=rounds,
            )
        point = str(draw.choice(list(POINTS)))
        return Plan(point=point, passages=int(draw.integers(1, POINTS[point] + 1)), rounds=rounds)

    def _start(self, plan: Plan) -> None:
        self._plan, self._lived, self._killed_from_here = plan, 0, False
        self._lives += 1
        self.story.starts += 1
        self._life.start(
            seed=[self._seed, self._lives],
            tickers=TICKERS,
            environment=self.story.environment,
            folder=str(self._folder),
            url=self._server.url,
            cash=CASH,
            point=plan.point,
            passages=plan.passages,
            read_seconds=READ_SECONDS,
        )
        told = self._answer(plan.delay if plan.kill_in == 0 else None)
        if told is not None and "ready" in told:
            self._ready = True
            if told["ready"]:
                self.story.recovery.append((told["seconds"], told["world_seconds"]))

    def _round(self) -> None:
        self._lived += 1
        market = self._world.market
        prices = {ticker: int(market.last[market.column[ticker]]) for ticker in TICKERS}
        self._life.tell(do="round", prices=prices)
        if self._draw.random() < 0.3:
            self._pass_minutes(2)  # while the trader is at work
        told = self._answer(self._plan.delay if self._lived == self._plan.kill_in else None)
        if told is not None:
            self.story.counts.update(told["done"])

    def _stop(self) -> None:
        if self._plan.is_peaceful:
            self._life.tell(do="stop")
        else:
            self._life.kill()
            self._killed_from_here = True
        self._answer()

    def _answer(self, delay: float | None = None) -> dict[str, Any] | None:
        """What the trader says; None if it has died, of its own or of our hand after the delay."""
        told = self._life.hear(_PATIENCE_SECONDS if delay is None else delay)
        if told is None:
            if delay is None:
                raise AssertionError(f"the trader said nothing for {_PATIENCE_SECONDS:.0f} seconds")
            self._life.kill()
            self._killed_from_here = True
            while (told := self._life.hear()) is None or "ended" not in told:
                pass  # its last words came too late
        while told is not None and "ended" not in told:
            if "failed" in told:
                self.story.failed_starts.append(told["failed"])
            elif "crashed" in told:
                self.story.crashes.append(told["crashed"])
            else:
                return told
            told = self._life.hear()
        assert told is not None, "the trader said that it failed, and goes on"
        self._ready = False
        if os.WIFSIGNALED(told["ended"]):
            self.story.kills["by time" if self._killed_from_here else self._plan.point] += 1
        return None

    # What the world does

    def _evening(self, *, last: bool = False) -> None:
        """After the close: the trader settles, however often it is killed meanwhile; then the judge looks."""
        self._advance(until="evening")
        today = self._world.now().date().isoformat()
        self._days.append(today)
        days = [today] if self.story.environment == "paper" or not last else self._days
        for attempt in range(_MOST_EVENINGS):
            if self.story.crashes:
                return
            if not self._ready:
                self._start(self._drawn_plan() if attempt < _MOST_EVENINGS // 2 else Plan())
                continue
            self._life.tell(do="evening", days=days)
            told = self._answer()
            if told is not None and "evening" in told:
                break
        else:
            self.story.problems.append(f"{today}: no evening of {_MOST_EVENINGS} came to its end")
            return
        exact = last and self.story.environment == "live"
        self.story.verdict = self.judge.judge(evening=True, costs_settled=exact, thorough=last)
        self.story.problems += [f"{today}: {problem}" for problem in self.story.verdict.problems]
        if not self._go_on(self.story.verdict.intents):
            self._orders = 0

    def _pass_minutes(self, most: float) -> None:
        """Let up to so many minutes pass; often none."""
        minutes = float(self._draw.uniform(-most / 2, most))
        if minutes > 0 and self._world.phase != CLOSED:
            self._advance(to=(self._world.wire_now() + timedelta(minutes=minutes)).isoformat())

    def _advance(self, **how: str) -> None:
        self._client.advance(**how)
        status = self._client.last.status_code
        if status != 200 and "to" not in how:  # the trader may have moved the world beyond `to` meanwhile
            raise AssertionError(self._client.last.text)


class _WorldTime:
    """The clock of a world in this process."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.wire_now()


def market(seed: int, sessions: int) -> Panel:
    """Minutes of prices that wander a little, with volumes so thin that orders fill in parts."""
    draw = np.random.default_rng(seed)
    rows = (sessions + 1) * MINUTES
    bars: dict[str, list[Any]] = {}
    for ticker in TICKERS:
        start = draw.uniform(8_000, 40_000)
        path = start * np.exp(np.cumsum(draw.normal(0, 0.001, rows * 4)))
        step = np.where(path < 50_000, 50, 100)  # on the grid of prices from 2,000 to 200,000 won
        grid = (path // step * step).astype(np.int64).reshape(-1, 4)
        volume = draw.integers(100, 20_000, rows)
        bars[ticker] = list(
            zip(
                grid[:, 0].tolist(),
                grid.max(axis=1).tolist(),
                grid.min(axis=1).tolist(),
                grid[:, 3].tolist(),
                volume.tolist(),
                strict=True,
            )
        )
    return make_panel(bars, bars_a_session=MINUTES)
