"""A finished backtest is written once, whole or not at all, and quickly."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.clock import KST
from engine.errors import BadInput
from engine.ledger import runs
from engine.ledger.decisions import Decision, decisions_between
from engine.ledger.equity import equity_points, last_equity
from engine.ledger.runs import write_run
from engine.ledger.trades import trades_between
from engine.ledger.verify import verify
from engine.result import Result
from tests.builders_ledger import buy, make_ledger
from tests.builders_result import RULES, make_result

EVER = datetime(1990, 1, 1, tzinfo=KST), datetime(2100, 1, 1, tzinfo=KST)


def count(ledger: Any, table: str) -> int:
    """Rows of a table."""
    found: int = ledger.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return found


def split_fills(result: Result) -> Result:
    """The same result with each order filled in two parts where it can be."""
    fills = result.fills
    first = fills.with_columns(quantity=pl.col("quantity") // 2).filter(pl.col("quantity") > 0)
    second = fills.with_columns(quantity=pl.col("quantity") - pl.col("quantity") // 2)
    both = pl.concat([first, second]).with_columns(amount=pl.col("quantity") * pl.col("price"))
    return replace(result, fills=both.sort("time", "order_id", maintain_order=True))


def test_orders_fills_trades_and_equity_are_those_of_the_result(tmp_path: Path) -> None:
    result = split_fills(make_result(sessions=200))
    with make_ledger(tmp_path) as ledger:
        run = write_run(ledger, result, label="default prompt", prompt_text="## 투자 원칙")
        assert count(ledger, "fills") == result.fills.height
        for column in ("quantity", "amount", "fee", "stt", "rural", "realised"):
            (total,) = ledger.connection.execute(f"SELECT sum({column}) FROM fills").fetchone()
            assert total == result.fills[column].sum()
        points = equity_points(ledger, run_id=run)
        assert [point.equity for point in points] == result.equity["equity"].to_list()
        assert [point.time for point in points] == result.equity["time"].to_list()
        assert last_equity(ledger, run_id=run) == points[-1]
        row = ledger.connection.execute(
            "SELECT kind, label, initial_cash, final_equity, result_hash FROM runs WHERE run_id = ?", (run,)
        ).fetchone()
        final = result.equity["equity"][-1]
        assert row == ("backtest", "default prompt", result.initial_cash, final, result.result_hash)
        assert verify(ledger.connection) == ()


def test_each_executed_order_is_one_trade_with_reasons_and_the_portfolio_before_it(tmp_path: Path) -> None:
    result = split_fills(make_result(sessions=200))
    texts = {rule.id: rule.text for rule in RULES}
    with make_ledger(tmp_path) as ledger:
        run = write_run(ledger, result)
        trades = trades_between(ledger, *EVER, as_of=EVER[1], run_id=run)
    orders = {str(row["id"]): row for row in result.orders.iter_rows(named=True)}
    assert len(trades) == result.fills["order_id"].n_unique() > 30
    for trade in trades:
        order = orders[trade.order_number]
        assert (trade.ticker, trade.action.lower(), trade.quantity) == (
            order["ticker"],
            order["side"],
            order["filled"],
        )
        mine = result.fills.filter(pl.col("order_id") == order["id"])
        assert trade.price == pytest.approx(mine["amount"].sum() / mine["quantity"].sum())
        assert trade.timestamp == mine["time"].min()
        for rule_id in order["rule_ids"]:
            assert f"{rule_id}: {texts[rule_id]}" in trade.justification_text
        before = result.equity.filter(pl.col("time") < trade.timestamp).tail(1)
        portfolio = json.loads(trade.portfolio_before or "")
        assert portfolio["equity"] == before["equity"].item()
        assert portfolio["session"] == before["session"].item().isoformat()


def test_decisions_of_the_graph_explain_their_orders(tmp_path: Path) -> None:
    result = make_result(sessions=120)
    first = str(result.fills["order_id"][0])
    decision = Decision(
        decision_id="d1",
        time=result.orders["sent_at"][0],
        planner="rules",
        nodes={"analysis": {"sentiment": "bullish"}, "diagnosis": {"cash": 1}},
        plan=[],
        justification="왜냐하면",
        order_ids=(first,),
    )
    with make_ledger(tmp_path) as ledger:
        run = write_run(ledger, result, decisions=[decision])
        assert decisions_between(ledger, *EVER, run_id=run) == [
            replace(decision, plan=[], risk_checks=[], nodes=dict(decision.nodes))
        ]
        trade = trades_between(ledger, *EVER, as_of=EVER[1], run_id=run)[0]
        assert (trade.order_number, trade.justification_text) == (first, "왜냐하면")
        assert json.loads(trade.market_snapshot or "") == {"sentiment": "bullish"}
        linked = ledger.connection.execute(
            "SELECT order_id FROM orders WHERE run_id = ? AND decision_id = 'd1'", (run,)
        ).fetchall()
        assert linked == [(first,)]


def test_runs_and_the_account_share_a_file_without_mixing(tmp_path: Path) -> None:
    result = make_result(sessions=100)
    with make_ledger(tmp_path, deposit=10_000_000) as ledger:
        buy(ledger)
        totals, positions = ledger.totals, ledger.positions
        one, two = write_run(ledger, result), write_run(ledger, result)
        buy(ledger)
        assert one != two
        assert (ledger.totals.cash, ledger.positions["005930"].quantity) == (
            totals.cash - 700_098,
            positions["005930"].quantity + 10,
        )
        assert len(trades_between(ledger, *EVER, as_of=EVER[1])) == 2
        assert count(ledger, "trades") == 2 + 2 * result.fills["order_id"].n_unique()
        assert count(ledger, "rules") == len(RULES)
        assert verify(ledger.connection) == ()


def test_a_run_that_fails_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise BadInput("the last table cannot be written")

    monkeypatch.setattr(runs, "_insert_equity", fail)
    with make_ledger(tmp_path) as ledger:
        before = ledger.head
        with pytest.raises(BadInput):
            write_run(ledger, make_result(sessions=100), prompt_text="text")
        for table in ("orders", "fills", "trades", "equity", "rules", "prompt_versions", "events"):
            assert count(ledger, table) == 0
        assert ledger.head == before


def test_secrets_in_the_configuration_do_not_reach_the_file(tmp_path: Path) -> None:
    result = replace(make_result(sessions=30), config={"kis": {"appkey": "very-secret-key", "CANO": "12345678"}})
    with make_ledger(tmp_path) as ledger:
        write_run(ledger, result)
        (config,) = ledger.connection.execute("SELECT config FROM runs WHERE run_id > 0").fetchone()
    assert "very-secret-key" not in config and "12345678" not in config


def test_a_backtest_on_adjusted_data_keeps_fractions_of_a_won(tmp_path: Path) -> None:
    result = make_result(sessions=100)
    money = ["price", "amount", "fee", "stt", "rural", "realised"]
    adjusted = replace(
        result,
        fills=result.fills.with_columns([pl.col(name) / 100 for name in money]),
        data=result.data | {"price_scale": 100, "adjusted": True},
    )
    with make_ledger(tmp_path) as ledger:
        run = write_run(ledger, adjusted)
        (total,) = ledger.connection.execute("SELECT sum(amount) FROM fills").fetchone()
        assert total == pytest.approx(result.fills["amount"].sum() / 100)
        assert ledger.connection.execute("SELECT price_scale FROM runs WHERE run_id = ?", (run,)).fetchone() == (100,)
        assert verify(ledger.connection) == ()


def test_a_run_without_any_trade_is_a_run(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        run = write_run(ledger, make_result(sessions=30, trade_probability=0.0))
        assert trades_between(ledger, *EVER, run_id=run) == []
        assert verify(ledger.connection) == ()


def test_minute_bars_leave_one_equity_point_a_session(tmp_path: Path) -> None:
    result = make_result(sessions=10, trade_probability=0.0)
    minutes = pl.concat(
        [
            result.equity.with_columns(time=pl.col("time") - timedelta(minutes=minute), equity=pl.lit(minute))
            for minute in (3, 2, 1)
        ]
    ).sort("time")
    minutes = minutes.with_columns(equity=pl.col("equity").cast(result.equity.schema["equity"]))
    with make_ledger(tmp_path) as ledger:
        run = write_run(ledger, replace(result, equity=minutes, interval="1m"))
        assert [point.equity for point in equity_points(ledger, run_id=run)] == [1] * 10


def large_result(orders: int) -> Result:
    """`orders` orders with two fills each over 2,500 sessions."""
    base = make_result(sessions=2_500, trade_probability=0.0)
    generator = np.random.default_rng(1)
    bars = np.sort(generator.integers(0, 2_499, orders))
    quantity, price = generator.integers(1, 500, orders) * 2, generator.integers(10, 2_000, orders) * 100
    side = np.where(generator.random(orders) < 0.5, "buy", "sell")
    times = base.equity["time"]
    table = pl.DataFrame(
        {
            "id": np.arange(orders),
            "sent_at": times.gather(bars),
            "session_sent": base.equity["session"].gather(bars),
            "ticker": [f"{number:06d}" for number in generator.integers(0, 2_500, orders)],
            "name": ["이름"] * orders,
            "side": side,
            "kind": ["market"] * orders,
            "price": pl.Series([None] * orders, dtype=pl.Int64),
            "quantity": quantity,
            "filled": quantity,
            "status": ["filled"] * orders,
            "reason": [""] * orders,
            "rule_ids": [["ma20-cross", "volume-surge"]] * orders,
            "done_at": times.gather(bars + 1),
        }
    )
    half = pl.DataFrame(
        {
            "order_id": np.arange(orders),
            "time": times.gather(bars + 1),
            "session": base.equity["session"].gather(bars + 1),
            "point": ["open"] * orders,
            "ticker": table["ticker"],
            "side": side,
            "quantity": quantity // 2,
            "price": price,
            "amount": quantity // 2 * price,
            "fee": price // 1_000,
            "stt": price // 1_000,
            "rural": price // 1_000,
            "realised": price - 50_000,
            "slippage": np.zeros(orders, np.int64),
        }
    )
    return replace(base, orders=table, fills=pl.concat([half, half]).sort("order_id"))


def test_ten_thousand_orders_and_their_fills_are_all_written(tmp_path: Path) -> None:
    result = large_result(10_000)
    with make_ledger(tmp_path) as ledger:
        write_run(ledger, result)
        assert count(ledger, "fills") == 20_000
        assert verify(ledger.connection) == ()


@pytest.mark.parametrize("orders", [0, 1, runs._ROWS_AT_ONCE, runs._ROWS_AT_ONCE + 1, 200])
def test_the_hash_of_a_run_is_that_of_one_document_for_each_table(tmp_path: Path, orders: int) -> None:
    """However it is worked out: it stands in ledgers that were written long ago."""
    result = large_result(orders) if orders else make_result(sessions=30, trade_probability=0.0)
    with make_ledger(tmp_path) as ledger:
        run_id = write_run(ledger, result)
        documents = []
        for table in ("orders", "fills", "equity", "decisions"):
            rows = ledger.connection.execute(f"SELECT * FROM {table} WHERE run_id = ? ORDER BY 1, 2", (run_id,))
            documents.append(json.dumps([list(row) for row in rows], ensure_ascii=False, separators=(",", ":")))
        wanted = hashlib.sha256("\x1f".join(documents).encode()).hexdigest()
        assert runs.run_digest(ledger.connection, run_id) == wanted
