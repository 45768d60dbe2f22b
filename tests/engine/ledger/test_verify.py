"""`verify` finds every change that was made outside Geoul, and nothing in a ledger that was left alone."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from pathlib import Path

import pytest

from engine.ledger.connection import connect
from engine.ledger.decisions import Decision, record_decision
from engine.ledger.looks import Outcome, Window, look
from engine.ledger.runs import write_run
from engine.ledger.trades import mature_outcomes
from engine.ledger.trials import Trial, record_trials
from engine.ledger.verify import verify
from tests.builders_ledger import START, Market, buy, make_ledger
from tests.builders_result import make_result


def full_ledger(folder: Path) -> Path:
    """A ledger with something in every table that is checked."""
    with make_ledger(folder, deposit=100_000_000) as ledger:
        buy(ledger)
        record_decision(ledger, Decision(decision_id="d1", time=START, planner="rules", plan=[]))
        tried = {"kind": "sweep", "data_hash": "d", "metrics": {"sharpe": 1}, "sessions": [19_800, 19_801]}
        record_trials(ledger, [Trial(candidate_hash=name, daily_returns=[0.01, 0.02], **tried) for name in "cd"])
        look(
            ledger,
            dataset="d",
            data_hash="d",
            window=Window(date(2024, 1, 2), date(2024, 4, 30)),
            candidate_hash="c",
            evaluate=lambda: Outcome(passed=False, figures={"sharpe": 0.4}),
        )
        run = write_run(ledger, make_result(sessions=60, trade_probability=0.3))
        mature_outcomes(ledger, START + timedelta(days=8), lambda ticker, traded_at, at: 71_000)
        mature_outcomes(ledger, START, lambda ticker, traded_at, at: 71_000, run_id=run)
    return folder / "ledger.db"


def codes(path: Path) -> set[str]:
    """What `verify` finds."""
    connection = connect(path, START, read_only=True)
    try:
        return {finding.code for finding in verify(connection)}
    finally:
        connection.close()


def test_a_ledger_that_was_left_alone_is_clean(tmp_path: Path) -> None:
    assert codes(full_ledger(tmp_path)) == set()


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE events SET payload = '{}' WHERE sequence = 2", "chain"),
        ("UPDATE events SET recorded_at = time || ' ' WHERE sequence = 3", "chain"),
        ("DELETE FROM events WHERE sequence = (SELECT max(sequence) FROM events)", "cut"),
        ("DELETE FROM events", "orders"),
        ("UPDATE orders SET status = 'cancelled' WHERE run_id = 0", "orders"),
        ("UPDATE fills SET price = price - 1 WHERE run_id = 0", "fills"),
        ("UPDATE fills SET realised = realised + 1 WHERE run_id = 0", "fills"),
        ("UPDATE trades SET quantity = quantity + 1 WHERE trade_id = 1", "trades"),
        ("UPDATE trades SET price = price * 0.99 WHERE trade_id = 1", "trades"),
        ("UPDATE trades SET pnl_7_days = 50 WHERE trade_id = 1", "trades"),
        ("UPDATE trades SET pnl_30_days = 50 WHERE trade_id = 1", "trades"),
        ("UPDATE equity SET equity = equity * 2 WHERE run_id = 1", "run"),
        ("UPDATE fills SET fee = 0 WHERE run_id = 1", "run"),
        ("UPDATE orders SET reason = 'halted' WHERE run_id = 1", "run"),
        ("UPDATE decisions SET justification_text = 'hindsight'", "decision"),
        ("DELETE FROM decisions", "decision"),
        ("UPDATE rule_trials SET metrics = '{}'", "trial"),
        ("UPDATE rule_trials SET verdict = 'promote' WHERE trial_id = 2", "trial"),
        ("UPDATE rule_trials SET candidate_hash = 'c' WHERE trial_id = 2", "trial"),
        ("UPDATE rule_trials SET p_value = 0.0001", "trial"),
        ("DELETE FROM rule_trials WHERE trial_id = 1", "trial"),
        ("DELETE FROM rule_trials", "cut"),
        ("UPDATE trial_returns SET daily_returns = zeroblob(16)", "trial"),
        ("DELETE FROM trial_returns", "trial"),
        ("UPDATE trial_windows SET first_session = '2020-01-02'", "trial"),
        (
            "INSERT INTO rule_trials (trial_id, recorded_at, kind, candidate_hash, baseline_hash, data_hash, verdict, "
            "metrics) VALUES (99, '', 'sweep', 'x', '', '', '', '{}')",
            "cut",
        ),
        ("UPDATE window_looks SET passed = 1", "look"),
        ("UPDATE window_looks SET figures = '{}'", "look"),
        ("DELETE FROM window_looks", "look"),
        (
            "INSERT INTO window_looks SELECT 9, looked_at, dataset, data_hash, first_session, last_session, 'x', 1, "
            "'{}' FROM window_looks",
            "cut",
        ),
    ],
)
def test_a_change_from_outside_is_found(tmp_path: Path, statement: str, code: str) -> None:
    path = full_ledger(tmp_path)
    outsider = sqlite3.connect(path)
    triggers = [name for (name,) in outsider.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    outsider.executescript("".join(f"DROP TRIGGER {name};" for name in triggers) + statement)
    outsider.close()
    assert code in codes(path)


def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    path = full_ledger(tmp_path)
    raw = bytearray(path.read_bytes())
    page = 4096 * (len(raw) // 8192)
    raw[page : page + 400] = b"\xff" * 400
    path.write_bytes(raw)
    assert codes(path) == {"file"}


def test_a_changed_checkpoint_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ledger.ledger.CHECKPOINT_EVERY", 10)
    with make_ledger(tmp_path) as ledger:
        ledger.append_all(Market().events(list(range(3, 60))))
        ledger.connection.execute("UPDATE checkpoints SET state = replace(state, '\"cash\":', '\"cash\":1')")
    assert codes(tmp_path / "ledger.db") == {"checkpoint"}
