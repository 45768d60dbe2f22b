"""250 daily sessions of fifty names, live: bars by REST after the close, orders before the open, equal to the won.

The same rules write the orders on both sides, each from what its own broker shows. Over the wire that is the adapter
with its ledger against the server; in process it is the replay broker.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from engine.config import BacktestConfig, RiskLimits
from tests.parity.daily import in_process, over_the_wire
from tests.parity.daily_writer import DailyWriter
from tests.parity.market import daily_market, kinds
from tests.parity.record import assert_same, kinds_of_fills

SESSIONS, NAMES, SEED = 250, 50, 7
CONFIG = BacktestConfig(
    cash_won=50_000_000,
    participation=0.05,
    limits=RiskLimits(max_positions=10_000, min_order_share=0.0, allow_managed=True),
)


def writer() -> DailyWriter:
    return DailyWriter(kinds(NAMES), SEED, whole_cash=True)


def test_250_daily_sessions_of_50_names_agree_to_the_won(tmp_path: Path) -> None:
    panel = daily_market(NAMES, SESSIONS + 1, SEED)
    replayed = in_process(panel, CONFIG, writer)
    answers = Counter(answer for day in replayed for _, answer in day.answers)
    assert set(answers) == {"accepted", "not_enough_cash", "not_held"}
    assert answers["not_enough_cash"] > 100
    ends = Counter(order[0] for day in replayed for order in day.orders.values())
    assert set(ends) == {"filled", "expired", "cancelled"}
    assert kinds_of_fills(replayed) >= {"buy", "sell", "partly", "without transaction tax"}
    assert sum(len(day.fills) for day in replayed) > 2_000
    assert_same(over_the_wire(panel, CONFIG, writer, tmp_path, "live"), replayed)
    assert len(replayed) == SESSIONS
