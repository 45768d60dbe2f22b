"""What is measured: groups of engines that do the same job on the same bars.

The first engine of a group that gives fills is what the others are checked against; Geoul's row carries the
goals.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from benchmarks.reference import INITIAL_CASH_WON, MINUTE_CASH_WON

# 10 × 10 × 10 values: the window of both means, the surge, the stop.
SURGE_AXES = ("surge-and-cross.1+surge-and-cross.3=10:28:2", "surge-and-cross.2=1.1:2:0.1", "stop.1=-14%:-5%:1%")
PAIR_WINDOWS = (10, 46, 5)  # shortest, how many, step: 1,035 pairs

FILL, DECISION = 4, 3  # columns that must agree: with the quantity, or only row, column and side


@dataclass(frozen=True)
class Engine:
    """One engine's way of doing a job.

    Args:
        label: what the table calls it.
        module: the job module below `benchmarks`.
        options: handed to the job's `prepare`.
        peer: runs in the peers' environment.
        repeat: measured runs in one process.
        rows: takes only this many rows of the market (slow engines; their bars/s is per bar all the same).
        compared: must give the fills of the group's first engine; False for another exchange or other rules.
        goal_ratio: Geoul is to be at least this many times as fast as this engine.
        goal_bars_per_second, goal_memory_bytes, goal_seconds, goal_ours_seconds: Geoul's own goals for
            this row; the last one leaves out the interpreter and the libraries.
    """

    label: str
    module: str
    options: dict = field(default_factory=dict)
    peer: bool = False
    repeat: int = 5
    rows: int | None = None
    compared: bool = True
    goal_ratio: float | None = None
    goal_bars_per_second: float | None = None
    goal_memory_bytes: float | None = None
    goal_seconds: float | None = None
    goal_ours_seconds: float | None = None


@dataclass(frozen=True)
class Case:
    """Engines that are compared, on a market of (rows, tickers); `short` is the size for `--short`.

    Args:
        columns: how many columns of a fill must agree, FILL or DECISION.
    """

    name: str
    title: str
    market: str
    size: tuple[int, int]
    short: tuple[int, int]
    engines: tuple[Engine, ...]
    columns: int = FILL


def _geoul(
    label: str, rules: str, cash_won: int, exchange: str = "bare", tables: bool = False, **goals: float
) -> Engine:
    options = {"rules": rules, "cash_won": cash_won, "exchange": exchange, "tables": tables}
    return Engine(label, "bench_rules", options, compared=exchange == "bare", **goals)


def _vectorbt(module: str, label: str, goal_ratio: float | None = None, **options: str | bool | list[int]) -> Engine:
    return Engine(f"vectorbt {label}", f"peers.{module}", options, peer=True, goal_ratio=goal_ratio)


def _pairs_in_vectorbt(label: str, goal_ratio: float | None = None, **options: str) -> Engine:
    """Two runs: each takes half a minute."""
    engine = _vectorbt("vectorbt_pairs", label, goal_ratio, windows=list(PAIR_WINDOWS), **options)
    return replace(engine, repeat=2)


def _minutes(name: str, title: str, rules: str, windows: tuple[int, int], goal_ratio: float | None = None) -> Case:
    rules, windows_of = f"benchmarks/rules/{rules}", {"windows": list(windows)}
    return Case(
        name=name,
        title=f"one ticker, minute bars, {title}, rules, no costs",
        market="minute",
        size=(1_000_000, 1),
        short=(5_000, 1),
        engines=(
            Engine("plain Python", "bench_reference", {"strategy": "moving_average_cross", **windows_of}, repeat=3),
            _geoul("Geoul", rules, MINUTE_CASH_WON),
            _geoul("Geoul, full exchange", rules, MINUTE_CASH_WON, "full"),
            _vectorbt("vectorbt_minutes", "as documented", goal_ratio=goal_ratio, **windows_of),
            _vectorbt("vectorbt_minutes", "tuned", style="tuned", **windows_of),
            _vectorbt("vectorbt_minutes", "tuned, Rust", style="tuned", engine="auto", **windows_of),
        ),
    )


CASES = (
    Case(
        name="market",
        title="whole market, volume surge and crossing, −7 % / +15 % at the close, 20 positions, no costs",
        market="daily",
        size=(2_500, 2_500),
        short=(300, 150),
        engines=(
            Engine("plain Python", "bench_reference", {"strategy": "surge"}, repeat=3),
            _geoul(
                "Geoul",
                "benchmarks/rules/surge.md",
                INITIAL_CASH_WON,
                goal_bars_per_second=100e6,
                goal_memory_bytes=1.5e9,
            ),
            _geoul("Geoul, full exchange", "benchmarks/rules/surge.md", INITIAL_CASH_WON, "full"),
            _geoul(
                "Geoul, full, default prompt",
                "prompts/core_decision_prompt.md",
                INITIAL_CASH_WON,
                "full",
                goal_bars_per_second=40e6,
            ),
            _vectorbt("vectorbt_documented", "as documented", goal_ratio=35),
            _vectorbt("vectorbt_market", "tuned"),
            _vectorbt("vectorbt_market", "tuned, Rust", engine="auto"),
        ),
    ),
    _minutes("minutes", "crossing averages 60/240", "cross_hours.md", (60, 240), goal_ratio=10),
    _minutes("busy minutes", "crossing averages 10/30, an order every 26 bars", "cross.md", (10, 30)),
    Case(
        name="tables",
        title="the whole market once more, with equity curve and closed trades as tables",
        market="daily",
        size=(2_500, 2_500),
        short=(300, 150),
        engines=(
            _geoul("Geoul", "benchmarks/rules/surge.md", INITIAL_CASH_WON, tables=True),
            _vectorbt("vectorbt_documented", "as documented", tables=True),
            _vectorbt("vectorbt_market", "tuned", tables=True),
        ),
    ),
    Case(
        name="event",
        title="one ticker, minute bars, crossing averages 10/30, Python strategy, costs",
        market="minute",
        size=(1_000_000, 1),
        short=(5_000, 1),
        columns=DECISION,
        engines=(
            Engine("plain Python, no account", "bench_reference", {"strategy": "moving_average_cross"}, repeat=3),
            Engine("Geoul", "bench_event", repeat=3),
            Engine("backtesting.py", "peers.backtesting_minutes", peer=True, repeat=3, goal_ratio=3),
            Engine("backtrader", "peers.backtrader_minutes", peer=True, repeat=3, rows=200_000, goal_ratio=15),
        ),
    ),
    Case(
        name="sweep market",
        title="geoul sweep of three constants, 1,000 variants, full exchange, from the shell to the summary",
        market="sample",
        size=(2_500, 2_500),
        short=(246, 50),
        engines=(
            Engine(
                "Geoul",
                "bench_sweep",
                {"job": "command", "rules": "benchmarks/rules/surge.md", "vary": list(SURGE_AXES)},
                repeat=2,
                goal_seconds=60.0,
                goal_memory_bytes=4e9,
            ),
        ),
    ),
    Case(
        name="sweep pairs",
        title="one ticker, minute bars, all pairs of 46 average lengths from 10 to 235, no costs",
        market="minute",
        size=(100_000, 1),
        short=(3_000, 1),
        engines=(
            Engine(
                "Geoul",
                "bench_sweep",
                {
                    "job": "pairs",
                    "rules": "benchmarks/rules/cross.md",
                    "cash_won": MINUTE_CASH_WON,
                    "windows": list(PAIR_WINDOWS),
                },
                repeat=3,
                goal_memory_bytes=4e9,
            ),
            replace(_pairs_in_vectorbt("as documented", goal_ratio=10), compared=False),
            _pairs_in_vectorbt("tuned", goal_ratio=10, style="tuned"),
            _pairs_in_vectorbt("tuned, Rust", style="tuned", engine="auto"),
        ),
    ),
    Case(
        name="gate",
        title="geoul gate of one added rule, 200 neighbours, 1,000 resamples, from the shell to the verdict",
        market="sample",
        size=(2_500, 2_500),
        short=(984, 100),
        engines=(
            Engine(
                "Geoul",
                "bench_gate",
                {"rule": "benchmarks/rules/candidate.md", "neighbours": 200, "resamples": 1_000},
                repeat=3,
                goal_seconds=15.0,
                goal_memory_bytes=4e9,
            ),
        ),
    ),
    Case(
        name="placebo",
        title="geoul placebo, 200 sign-flipped worlds, from the shell to the verdict on the gate",
        market="sample",
        size=(750, 200),
        short=(750, 80),
        engines=(
            Engine(
                "Geoul, one rule",
                "bench_placebo",
                {"rule": "benchmarks/rules/candidate.md", "worlds": 200},
                repeat=1,
                goal_memory_bytes=4e9,
            ),
            Engine(
                "Geoul, random rules",
                "bench_placebo",
                {"worlds": 200},
                repeat=1,
                goal_memory_bytes=4e9,
            ),
        ),
    ),
    Case(
        name="command",
        title="geoul backtest of the default prompt, second run, from the shell to the table (synthetic market)",
        market="sample",
        size=(2_500, 2_500),
        short=(246, 50),
        engines=(Engine("Geoul", "bench_command", repeat=5, goal_seconds=4.0, goal_ours_seconds=1.5),),
    ),
    Case(
        name="recovery",
        title="start with 1,000,000 events in the ledger to a decision that is ready, libraries left out",
        market="daily",
        size=(2_590, 300),
        short=(190, 300),
        engines=(Engine("Geoul", "recovery", repeat=3, goal_seconds=5.0),),
    ),
)
