"""The plan for the last bar of a dataset: nodes 1 to 4 on the account of a ledger, and nothing sent."""

from __future__ import annotations

from pathlib import Path

from brokers.replay import ReplayBroker
from engine.broker import Outcome, Unavailable
from engine.clock import SimulatedClock, from_nanoseconds
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.events import CashMoved, CashReason, Event
from engine.ledger.history import account_events
from engine.ledger.ledger import open_ledger
from engine.operating.desk import Planner
from engine.operating.state import Cycle, Proposal
from engine.order import Approved
from engine.reports.language import Lang
from engine.rules.tree import RuleSet
from engine.trading.decision import Decision, RulesInForce

NOT_SENT = Unavailable(text="dry run")


def last_cycle(
    rules: RuleSet,
    panel: Panel,
    config: BacktestConfig,
    ledger: Path | None = None,
    *,
    planner: Planner | None = None,
    lang: Lang = "ko",
) -> Cycle:
    """Decide on the last bar, check it and send nothing.

    Args:
        rules: in force.
        panel: raw bars; the last is the one that is decided on.
        config: costs and limits; its cash is the account where there is no ledger.
        ledger: of the account; it is only read.
        planner: chooses among the purchases that the rules signal; None lets the rules stand.
        lang: of sentences.

    Raises:
        BadInput: the ledger has no deposit, or none before the last bar.
        ConfigError: adjusted prices.
    """
    clock = SimulatedClock(from_nanoseconds(int(panel.closed_at_ns[-1])))
    history: list[Event]
    if ledger is None:
        history = [CashMoved(time=clock.now(), amount=config.cash_won, reason=CashReason.DEPOSIT)]
    else:
        with open_ledger(ledger, clock, read_only=True) as book:
            history = account_events(book)
    finished: list[Cycle] = []

    def submit(order: Approved[Proposal]) -> Outcome:
        return NOT_SENT

    Decision(
        RulesInForce(rules=rules),
        panel,
        config,
        history,
        view_of=ReplayBroker,
        clock=clock,
        submit=submit,
        record=finished.append,
        planner=planner,
        lang=lang,
    ).run()
    return finished[0]
