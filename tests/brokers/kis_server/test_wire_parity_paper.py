"""250 daily sessions of the paper account (모의투자): orders from the opening on, the first price after acceptance.

In process the configuration says `venue: paper`; over the wire the server's paper account plays it. Orders written
after the close go out right behind the opening price. Everything is equal to the won.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from engine.config import BacktestConfig, RiskLimits
from tests.parity.daily import in_process, over_the_wire
from tests.parity.daily_writer import DailyWriter
from tests.parity.market import daily_market, kinds
from tests.parity.record import assert_same, kinds_of_fills

SESSIONS, NAMES, SEED = 250, 12, 11
CONFIG = BacktestConfig(
    cash_won=30_000_000,
    venue="paper",
    participation=0.05,
    limits=RiskLimits(max_positions=10_000, min_order_share=0.0, allow_managed=True),
)


def writer() -> DailyWriter:
    return DailyWriter(kinds(NAMES), SEED, whole_cash=False)


def test_250_daily_sessions_of_the_paper_account_agree_to_the_won(tmp_path: Path) -> None:
    panel = daily_market(NAMES, SESSIONS + 1, SEED)
    replayed = in_process(panel, CONFIG, writer)
    answers = Counter(answer for day in replayed for _, answer in day.answers)
    assert set(answers) == {"accepted", "not_enough_cash", "not_held", "not_tradable"}
    ends = Counter(order[0] for day in replayed for order in day.orders.values())
    assert set(ends) == {"filled", "expired", "cancelled"}
    assert kinds_of_fills(replayed) >= {"buy", "sell", "partly", "without transaction tax"}
    assert sum(len(day.fills) for day in replayed) > 500
    assert_same(over_the_wire(panel, CONFIG, writer, tmp_path, "paper"), replayed)
    assert len(replayed) == SESSIONS
