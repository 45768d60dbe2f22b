"""Writing a finished backtest into the ledger: once, at its end, in one transaction.

The rows of a run do not pass through the journal one by one; one note carries their hash, so that `geoul
ledger verify` shows any later change.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from engine.ledger.canonical import canonical_json, digest, dump_plain, plain, stamp
from engine.ledger.decisions import DECISION_COLUMNS, Decision, decision_row
from engine.ledger.journal import RUN_RECORDED
from engine.ledger.ledger import Ledger
from engine.ledger.rows import node_json
from engine.log import redact
from engine.result import Result
from engine.rules.tree import Rule

# Tables whose rows are written once and never change afterwards (trades get their outcomes later).
SEALED = ("orders", "fills", "equity", "decisions")
_ROWS_AT_ONCE = 32


def write_run(
    ledger: Ledger,
    result: Result,
    *,
    kind: str = "backtest",
    label: str = "",
    prompt_text: str = "",
    decisions: Sequence[Decision] = (),
) -> int:
    """Write a result with its orders, fills, trades, equity, rules and decisions; all or nothing.

    Args:
        ledger: open for writing.
        result: of the run.
        kind: "backtest", "gate", …
        label: for people, such as the name of the strategy.
        prompt_text: the decision prompt that ran, "" for a Python strategy; each version is kept once.
        decisions: the cycles of the operating graph; empty in batch mode, where trades are justified by their
            rules.

    Returns:
        the number of the run.
    """
    now = stamp(ledger.clock.now())
    prompt_hash = digest(prompt_text) if prompt_text else ""
    with ledger.writing() as connection:
        run_id = _insert_run(connection, result, kind, label, prompt_hash, now)
        if prompt_text:
            connection.execute(
                "INSERT OR IGNORE INTO prompt_versions VALUES (?, ?, NULL, '', ?)",
                (prompt_hash, now, prompt_text),
            )
        connection.executemany(
            "INSERT OR IGNORE INTO rules VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [_rule_row(rule, now) for rule in result.rules],
        )
        connection.executemany(
            f"INSERT INTO decisions ({DECISION_COLUMNS}) VALUES (?{', ?' * 14})",
            (decision_row(decision, run_id, now) for decision in decisions),  # one at a time: each is long
        )
        trade_ids = _insert_trades(connection, result, decisions, now)
        _insert_orders(connection, result, run_id, trade_ids, decisions)
        _insert_fills(connection, result, run_id)
        _insert_equity(connection, result, run_id)
        ledger.note(
            RUN_RECORDED,
            {
                "run_id": run_id,
                "result_hash": result.result_hash,
                "rows_hash": run_digest(connection, run_id),
            },
            ledger.clock.now(),
        )
    return run_id


def run_digest(connection: sqlite3.Connection, run_id: int) -> str:
    """Hash of all sealed rows of a run, as the file holds them."""
    # As `digest` of one document for each table, piece by piece: the documents are large.
    whole = hashlib.sha256()
    for number, table in enumerate(SEALED):
        whole.update(b"\x1f[" if number else b"[")
        cursor = connection.execute(f"SELECT * FROM {table} WHERE run_id = ? ORDER BY 1, 2", (run_id,))
        comma = ""
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            whole.update((comma + dump_plain([list(row) for row in rows])[1:-1]).encode())
            comma = ","
        whole.update(b"]")
    return whole.hexdigest()


def _insert_run(
    connection: sqlite3.Connection, result: Result, kind: str, label: str, prompt_hash: str, now: str
) -> int:
    sessions, values = result.equity["session"], result.equity["equity"]
    cursor = connection.execute(
        "INSERT INTO runs (kind, label, recorded_at, interval, first_session, last_session, initial_cash, "
        "final_equity, price_scale, data_hash, prompt_hash, result_hash, config, data, refusals, warnings) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            kind,
            label,
            now,
            result.interval,
            sessions[0].isoformat() if len(sessions) else None,
            sessions[-1].isoformat() if len(sessions) else None,
            plain(result.initial_cash),
            values[-1] if len(values) else result.initial_cash,
            result.data.get("price_scale", 1),
            result.data.get("content_hash", ""),
            prompt_hash,
            result.result_hash,
            canonical_json(redact(result.config)),
            canonical_json(result.data),
            canonical_json(result.refusals),
            canonical_json(result.warnings),
        ),
    )
    return int(cursor.lastrowid or 0)


def _rule_row(rule: Rule, now: str) -> tuple[Any, ...]:
    sources = (rule.text, rule.condition_source, rule.action_source)
    rule_hash = digest(rule.id, rule.category.value, *sources, str(rule.priority))
    return (rule.id, rule_hash, rule.category.value, *sources, rule.priority, now)


def _time(name: str) -> pl.Expr:
    """A column of times as text, as `stamp` writes it."""
    return pl.col(name).dt.convert_time_zone("Asia/Seoul").dt.to_string("%Y-%m-%dT%H:%M:%S%.6f%:z").alias(name)


def _insert_trades(
    connection: sqlite3.Connection, result: Result, decisions: Sequence[Decision], now: str
) -> dict[str, int]:
    """One row per order with fills; returns the number of the trade of each order."""
    executed = (
        result.fills.group_by("order_id", maintain_order=True)
        .agg(
            pl.col("time").min().alias("first_fill"),
            pl.col("quantity").sum().alias("shares"),
            pl.col("amount").sum().alias("won"),
        )
        .join(
            result.orders.select("id", "ticker", "side", "status", "rule_ids"),
            left_on="order_id",
            right_on="id",
            how="left",
            maintain_order="left",
        )
    )
    before = _portfolios(result, executed["first_fill"])
    executed = executed.with_columns(_time("first_fill"))
    reasons = _Reasons(result.rules, decisions)
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'trades'").fetchone()
    trade_id = row[0] if row else 0
    trade_ids: dict[str, int] = {}
    rows = []
    for index, (order_id, first_fill, shares, won, ticker, side, status, rule_ids) in enumerate(executed.iter_rows()):
        trade_id += 1
        trade_ids[str(order_id)] = trade_id
        justification, market, portfolio = reasons.of(str(order_id), rule_ids)
        rows.append(
            (
                trade_id,
                first_fill,
                ticker,
                side.upper(),
                shares,
                won / shares,
                justification,
                market or before[index][0],
                portfolio or before[index][1],
                str(order_id),
                status,
                now,
                now,
            )
        )
    connection.executemany(
        "INSERT INTO trades (trade_id, timestamp, ticker, action, quantity, price, justification_text, "
        "market_snapshot, portfolio_before, order_number, execution_status, created_at, updated_at) "
        f"VALUES (?{', ?' * 12})",
        rows,
    )
    return trade_ids


def _portfolios(result: Result, first_fill: pl.Series) -> list[tuple[str | None, str | None]]:
    """Market and portfolio at the end of the bar before each trade, as JSON; None before the first bar.

    A stop is sent and filled inside one bar, so the bar of the order would already hold the trade.
    """
    columns = ("session", "cash", "holdings", "equity", "positions", "benchmark")
    bars = result.equity.select("time", *columns)
    rows = bars["time"].search_sorted(first_fill.cast(bars["time"].dtype), side="left")
    texts: dict[int, tuple[str | None, str | None]] = {0: (None, None)}
    for row in rows.unique():
        if row:
            values = bars.row(row - 1, named=True)
            session, benchmark = values["session"], values["benchmark"]
            portfolio = {name: values[name] for name in ("cash", "holdings", "equity", "positions")}
            texts[row] = (
                canonical_json({"session": session, "benchmark": benchmark}),
                canonical_json({"session": session, **portfolio}),
            )
    return [texts[row] for row in rows]


class _Reasons:
    """Why each order was sent: by its decision, or outside the graph by the texts of its rules."""

    def __init__(self, rules: Iterable[Rule], decisions: Iterable[Decision]) -> None:
        self._texts: Mapping[str, str] = {rule.id: f"{rule.id}: {rule.text}" for rule in rules}
        self._decided: dict[str, tuple[str, str | None, str | None]] = {}
        for decision in decisions:
            if not decision.order_ids:
                continue
            nodes = dict(decision.nodes)
            why = decision.justification, node_json(nodes, "analysis"), node_json(nodes, "diagnosis")
            self._decided.update(dict.fromkeys(decision.order_ids, why))

    def of(self, order_id: str, rule_ids: Sequence[str]) -> tuple[str, str | None, str | None]:
        """Justification, market and portfolio, the latter two None without a decision."""
        decided = self._decided.get(order_id)
        return decided or ("\n".join(self._texts.get(name, name) for name in rule_ids), None, None)


def _insert_orders(
    connection: sqlite3.Connection,
    result: Result,
    run_id: int,
    trade_ids: Mapping[str, int],
    decisions: Sequence[Decision],
) -> None:
    decided = {order_id: decision.decision_id for decision in decisions for order_id in decision.order_ids}
    amounts = dict(result.fills.group_by("order_id").agg(pl.col("amount").sum()).iter_rows())
    columns = (
        "id",
        "sent_at",
        "ticker",
        "side",
        "kind",
        "price",
        "quantity",
        "filled",
        "status",
        "reason",
        "rule_ids",
        "done_at",
    )
    orders = result.orders.select(columns).with_columns(_time("sent_at"), _time("done_at"))
    rows = []
    for (
        name,
        sent_at,
        ticker,
        side,
        kind,
        price,
        quantity,
        filled,
        status,
        reason,
        rules,
        done,
    ) in orders.iter_rows():
        order_id = str(name)
        rows.append(
            (
                run_id,
                order_id,
                trade_ids.get(order_id),
                decided.get(order_id, ""),
                sent_at,
                ticker,
                side,
                kind,
                quantity,
                price,
                filled,
                amounts.get(name, 0),
                status,
                reason,
                "",
                order_id,
                dump_plain(rules),
                done,
            )
        )
    connection.executemany(f"INSERT INTO orders VALUES (?{', ?' * 17})", rows)


def _insert_fills(connection: sqlite3.Connection, result: Result, run_id: int) -> None:
    columns = (
        "point",
        "ticker",
        "side",
        "quantity",
        "price",
        "amount",
        "fee",
        "stt",
        "rural",
        "realised",
    )
    fills = result.fills.with_row_index("number").select(
        pl.lit(run_id),
        pl.format("{}:{}", "order_id", "number").alias("key"),
        pl.col("order_id").cast(pl.String),
        _time("time"),
        *columns,
    )
    connection.executemany(f"INSERT INTO fills VALUES (?{', ?' * 13})", fills.iter_rows())


def _insert_equity(connection: sqlite3.Connection, result: Result, run_id: int) -> None:
    sessions = result.equity.group_by("session", maintain_order=True).last()
    points = sessions.select(
        pl.lit(run_id),
        pl.col("session").dt.to_string("iso"),
        _time("time"),
        "cash",
        "holdings",
        "equity",
        "positions",
        "fees",
        (pl.col("stt") + pl.col("rural")).alias("taxes"),
        "realised",
        pl.col("benchmark").cast(pl.Float64).fill_nan(None),
    )
    connection.executemany(f"INSERT INTO equity VALUES (?{', ?' * 10})", points.iter_rows())
