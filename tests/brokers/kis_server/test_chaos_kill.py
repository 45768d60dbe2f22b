"""Every fault on, and the trader killed by SIGKILL again and again: nothing is doubled, lost or resolved wrongly.

The long run is `python -m benchmarks.chaos`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from brokers.kis_server.faults import FAULTS
from engine.order import OrderStatus
from tests.chaos.judge import Verdict
from tests.chaos.run import FAULT_RULES, Run

ORDERS = 70


@pytest.mark.parametrize(("environment", "seed"), [("live", 1), ("paper", 2), ("live", 3), ("paper", 4)])
def test_ledger_and_account_agree_however_often_the_trader_is_killed(
    tmp_path: Path, environment: str, seed: int
) -> None:
    story = Run(environment, seed, ORDERS, tmp_path, orders_per_life=8).run()
    assert not story.crashes, story.crashes[0]
    assert not story.problems, "\n".join(story.problems)
    assert story.verdict.intents >= ORDERS
    assert story.kills.total() >= 3
    assert story.verdict.resolved
    assert len(story.faults) > len(FAULTS) // 2


def test_the_rules_turn_every_fault_on() -> None:
    assert {rule["fault"] for rule in FAULT_RULES} == set(FAULTS)


def test_the_judge_finds_each_thing_that_must_not_be(tmp_path: Path) -> None:
    run = Run("live", 5, 25, tmp_path, orders_per_life=25)
    assert not run.run().problems
    orders, took = run.judge.orders(), run.tags.orders
    filled = next(order for order in orders if order.status is OrderStatus.FILLED)
    cancelled = next(order for order in orders if order.status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED))

    def after(change: Callable[[], None]) -> Verdict:
        kept = {name: list(served) for name, served in took.items()}
        change()
        verdict = run.judge.judge(evening=True)
        took.clear()
        took.update(kept)
        return verdict

    assert after(lambda: took[filled.id].append(took[cancelled.id][0])).duplicates
    assert after(lambda: took.pop(filled.id)).wrong
    assert after(lambda: took.pop(filled.id)).duplicates  # an order without an intent

    def exchange() -> None:
        took[filled.id], took[cancelled.id] = took[cancelled.id], took[filled.id]

    assert after(exchange).wrong
    fills = run.judge.account.orders.between(filled.intended_at.date(), filled.intended_at.date())
    root = next(order for order in fills if order is took[filled.id][0])
    parts, root.parts = root.parts, []
    assert run.judge.judge(evening=True).lost_fills
    root.parts = parts
    assert not run.judge.judge(evening=True).problems
