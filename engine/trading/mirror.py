"""The mirror: what a session would have been in a replay that begins in the morning with the same account.

    day = mirror_day(ledger, panel, config, session)

The account is folded up to the close before, the rules decide again, and what they decide trades against the session's
bars as in a backtest. Each decision and each fill is then compared with what happened at the venue. A difference has a
cause where one is known: other data, a decision that came too late, a gate or a venue that said no, a level that was
passed inside a bar. What has none is unexplained, and a reason not to trust the replay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from engine.clock import from_nanoseconds
from engine.config import BacktestConfig
from engine.data.panel import Panel
from engine.errors import DataError
from engine.exchange import EPOCH
from engine.ledger.decisions import decisions_between
from engine.ledger.history import orders_of_decision
from engine.ledger.ledger import Ledger
from engine.matching import arrays as at
from engine.operating.data_seen import DataSeen
from engine.operating.graph import decision_id_of
from engine.operating.plan import RulePlanner
from engine.order import Order, OrderStatus, Side
from engine.simulation import Simulation
from engine.trading.account_history import history_of
from engine.trading.mirrored_day import Cause, DayMirror, OrderMirror
from engine.trading.no_purchases import NoPurchases
from engine.trading.prompts import latest_rules, rules_of
from engine.trading.standing import resumes_of
from engine.trading.told_account import GUARD, told_account


def mirror_day(ledger: Ledger, panel: Panel, config: BacktestConfig, session: date) -> DayMirror:
    """Compare a closed session with its replay.

    Args:
        ledger: of the account; only read.
        panel: raw daily bars, the session's included.
        config: as the account traded; its venue decides when orders take part.
        session: the day.

    Raises:
        DataError: the data does not have the session, or nothing before it.
    """
    row = int(np.searchsorted(panel.session, (session - EPOCH).days))
    if row >= panel.rows or panel.session_date(row) != session or row == 0:
        raise DataError(f"{panel.manifest.name} has no bar of {session} with a session before it.")
    name = decision_id_of(from_nanoseconds(int(panel.closed_at_ns[row - 1])))
    rules = rules_of(ledger, name) or latest_rules(ledger)
    resumed = resumes_of(ledger.connection)
    simulation = told_account(rules.rules, panel, config, history_of(ledger), rules.since, until=row, resumed=resumed)
    before = simulation.book.account[at.ORDER_COUNT], simulation.book.account[at.FILL_COUNT]
    recorded = _recorded(ledger, panel, row, name)
    _decide_and_trade(simulation, row, _chosen(recorded))
    decision = _decision_cause(recorded, panel, row)
    venue = [*orders_of_decision(ledger, name), *orders_of_decision(ledger, f"{GUARD}:{name}")]
    orders = _orders(simulation, venue, ledger, recorded, decision, before)
    return DayMirror(session=session, decision_id=name, decision=decision, orders=tuple(orders))


def _decide_and_trade(simulation: Simulation, row: int, chosen: Mapping[str, int] | None) -> None:
    """The rules decide after the close before `row`, and what they decide trades in it.

    `chosen` are the shares that another planner chose among the purchases; None lets the rules stand.
    """
    count, tickers = simulation.decide(), simulation.exchange.panel.tickers
    if chosen is not None:
        for proposal in simulation.book.proposals[:count]:
            if proposal[at.PROPOSAL_SIDE] == at.BUY:
                wanted = chosen.get(tickers[proposal[at.PROPOSAL_COL]], 0)
                proposal[at.PROPOSAL_QUANTITY] = min(int(proposal[at.PROPOSAL_QUANTITY]), wanted)
    verdicts = simulation.check_all(count).tolist()
    for place, (code, quantity) in enumerate(verdicts):
        if code == at.ACCEPTED:
            simulation.accept(place, quantity)
    simulation.trade(row + 1)


def _chosen(recorded: dict[str, Any] | None) -> dict[str, int] | None:
    """Shares of each purchase in the plan of a planner other than the rules."""
    if recorded is None or recorded["plan"] is None or recorded["planner"] in (RulePlanner.name, NoPurchases.name):
        return None
    return {each["ticker"]: each["quantity"] for each in recorded["plan"]["actions"] if each["side"] == Side.BUY.value}


def _recorded(ledger: Ledger, panel: Panel, row: int, name: str) -> dict[str, Any] | None:
    """The decision as the ledger has it: its hash of the data, its checks and what was answered."""
    close = from_nanoseconds(int(panel.closed_at_ns[row - 1]))
    after = from_nanoseconds(int(panel.closed_at_ns[row - 1]) + 1_000)
    for decision in decisions_between(ledger, close, after):
        if decision.decision_id == name:
            answers = {(each["ticker"], each["side"]): each["status"] for each in decision.nodes.get("execution") or ()}
            return {
                "hash": decision.data_hash,
                "failure": decision.failure,
                "answers": answers,
                "planner": decision.planner,
                "plan": decision.plan,
            }
    return None


def _decision_cause(recorded: dict[str, Any] | None, panel: Panel, row: int) -> Cause:
    if recorded is None or recorded["failure"] or recorded["planner"] == NoPurchases.name:
        return Cause.TIMING
    seen = DataSeen(panel, row).up_to(row - 1)
    return Cause.NONE if recorded["hash"] == seen else Cause.DATA


def _orders(
    simulation: Simulation,
    venue: Sequence[Order],
    ledger: Ledger,
    recorded: dict[str, Any] | None,
    decision: Cause,
    before: tuple[int, int],
) -> list[OrderMirror]:
    book, panel, rules = simulation.book, simulation.exchange.panel, simulation.rules.source
    replayed: dict[tuple[str, Side], dict[str, Any]] = {}
    for index in range(int(before[0]), int(book.account[at.ORDER_COUNT])):
        order = book.orders[index]
        side = Side.BUY if order[at.ORDER_SIDE] == at.BUY else Side.SELL
        entry = replayed.setdefault((panel.tickers[order[at.ORDER_COL]], side), _nothing())
        entry["asked"] += int(order[at.ORDER_QUANTITY])
        entry["guarded"] |= int(order[at.ORDER_KIND]) in (at.GUARD_STOP, at.GUARD_TARGET, at.STOP)
        if order[at.ORDER_RULE] >= 0:
            entry["rules"].append(rules[order[at.ORDER_RULE]].id)
    for place in range(int(before[1]), int(book.account[at.FILL_COUNT])):
        fill = book.fills[place]
        side = Side.BUY if fill[at.FILL_SIDE] == at.BUY else Side.SELL
        entry = replayed[panel.tickers[fill[at.FILL_COL]], side]
        entry["filled"] += int(fill[at.FILL_QUANTITY])
        entry["amount"] += int(fill[at.FILL_PRICE] * fill[at.FILL_QUANTITY])
        entry["costs"] += int(fill[at.FILL_FEE] + fill[at.FILL_TAX] + fill[at.FILL_RURAL])
    told: dict[tuple[str, Side], dict[str, Any]] = {}
    for order in venue:
        if order.status in (OrderStatus.NOT_SENT, OrderStatus.REFUSED):
            continue
        entry = told.setdefault((order.request.ticker, order.request.side), _nothing())
        entry["asked"] += order.request.quantity
        entry["filled"] += order.filled
        entry["amount"] += order.filled_amount
        entry["costs"] += _costs_of(ledger, order.id)
        entry["guarded"] |= order.request.decision_id.startswith(GUARD)
        entry["rules"] += order.request.rule_ids
    answers = recorded["answers"] if recorded is not None else {}
    return [
        _compare(
            key, told.get(key, _nothing()), replayed.get(key, _nothing()), answers.get((key[0], key[1].value)), decision
        )
        for key in sorted(told.keys() | replayed.keys(), key=lambda key: (key[0], key[1].value))
    ]


def _nothing() -> dict[str, Any]:
    return {"asked": 0, "filled": 0, "amount": 0, "costs": 0, "guarded": False, "rules": []}


def _compare(
    key: tuple[str, Side],
    at_venue: dict[str, Any] | None,
    in_replay: dict[str, Any] | None,
    answer: str | None,
    decision: Cause,
) -> OrderMirror:
    told, replayed = at_venue or _nothing(), in_replay or _nothing()
    return OrderMirror(
        ticker=key[0],
        side=key[1],
        rules=tuple(dict.fromkeys([*told["rules"], *replayed["rules"]])),
        asked=told["asked"],
        asked_in_replay=replayed["asked"],
        filled=told["filled"],
        filled_in_replay=replayed["filled"],
        amount=told["amount"],
        amount_in_replay=replayed["amount"],
        costs=told["costs"],
        costs_in_replay=replayed["costs"],
        cause=_order_cause(told, replayed, answer, decision),
    )


def _order_cause(told: dict[str, Any], replayed: dict[str, Any], answer: str | None, decision: Cause) -> Cause:
    figures = ("asked", "filled", "amount", "costs")
    if all(told[name] == replayed[name] for name in figures):
        return Cause.NONE
    if decision is not Cause.NONE:
        return decision
    if told["guarded"] or replayed["guarded"]:
        return Cause.INSIDE_THE_BAR
    if told["asked"] != replayed["asked"]:
        return Cause.LIMIT if answer in ("refused", "unavailable", "unknown") else Cause.UNEXPLAINED
    if told["filled"] != replayed["filled"]:
        return Cause.LIQUIDITY
    return Cause.PRICE if told["amount"] != replayed["amount"] else Cause.UNEXPLAINED


def _costs_of(ledger: Ledger, order_id: str) -> int:
    row = ledger.connection.execute(
        "SELECT coalesce(sum(fee + stt + rural), 0) FROM fills WHERE run_id = 0 AND order_id = ?", (order_id,)
    ).fetchone()
    return int(row[0])
