"""Trials are counted once for each variant, for ever, and survive a dataset that grows and a ledger that is old."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data.manifest import Manifest
from engine.errors import BadInput
from engine.ledger import connection, migrations
from engine.ledger.canonical import canonical_json, digest, stamp
from engine.ledger.connection import LedgerError
from engine.ledger.journal import TRIAL_RECORDED
from engine.ledger.ledger import open_ledger
from engine.ledger.lineage import ForeignLedger, dataset_key, require_dataset
from engine.ledger.trials import (
    Trial,
    datasets_tried,
    fdr_history,
    record_trials,
    recorded_trials,
    returns_by_window,
    trial_count,
)
from engine.ledger.verify import verify
from tests.builders_ledger import START, make_clock, make_ledger

DAYS = np.arange(18_000, 18_250)


def make_trial(**changes: Any) -> Trial:
    """A variant of a sweep on one dataset, with 250 daily returns that follow from its name."""
    values: dict[str, Any] = {
        "kind": "sweep",
        "candidate_hash": "c0",
        "data_hash": "content-1",
        "dataset": "krx 1d raw",
        "metrics": {"sharpe": 0.5},
        "sessions": DAYS,
    }
    values |= changes
    if "daily_returns" not in values:
        seed = int(digest(values["candidate_hash"])[:8], 16)
        values["daily_returns"] = np.random.default_rng(seed).normal(0, 0.01, len(values["sessions"]))
    return Trial(**values)


def make_manifest(**changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "name": "krx",
        "source": ("prices.csv",),
        "first": date(2020, 1, 2),
        "last": date(2024, 12, 30),
        "interval": "1d",
        "adjusted": False,
        "content_hash": "ab" * 32,
    }
    return Manifest.model_validate(values | changes)


def test_a_variant_tried_again_is_visible_but_counted_once(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        record_trials(ledger, [make_trial(candidate_hash=f"c{number}") for number in range(3)])
        record_trials(ledger, [make_trial(candidate_hash="c1", metrics={"sharpe": 0.7})])
        assert trial_count(ledger) == trial_count(ledger, dataset="krx 1d raw") == 3
        assert [(trial.candidate_hash, trial.repeated) for trial in recorded_trials(ledger)] == [
            ("c0", False),
            ("c1", False),
            ("c2", False),
            ("c1", True),
        ]
        stored = ledger.connection.execute("SELECT count(*) FROM trial_returns").fetchone()
        assert stored == (3,), "equal returns are stored once"
        assert verify(ledger.connection) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"candidate_hash": "other"},
        {"config_hash": "double costs"},
        {"dataset": "krx 1w raw"},
        {"sessions": DAYS[1:]},
    ],
)
def test_another_candidate_configuration_dataset_or_window_is_another_variant(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    with make_ledger(tmp_path) as ledger:
        record_trials(ledger, [make_trial(), make_trial(**change)])
        assert trial_count(ledger) == 2
        assert not any(trial.repeated for trial in recorded_trials(ledger))


def test_a_new_content_of_the_same_dataset_is_not_another_variant(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        record_trials(ledger, [make_trial(), make_trial(data_hash="content-2")])
        assert trial_count(ledger, dataset="krx 1d raw") == 1
        assert trial_count(ledger, data_hash="content-2") == 1
        assert [trial.data_hash for trial in recorded_trials(ledger)] == ["content-1", "content-2"]


def test_a_sweep_of_a_thousand_variants_is_one_transaction_and_one_note(tmp_path: Path) -> None:
    days = np.arange(10_000, 12_500)
    returns = np.random.default_rng(1).normal(0, 0.01, (1_000, len(days)))
    sweep = [
        make_trial(candidate_hash=f"v{number}", daily_returns=row, sessions=days) for number, row in enumerate(returns)
    ]
    with make_ledger(tmp_path) as ledger:
        events = ledger.head.sequence
        record_trials(ledger, sweep)
        assert ledger.head.sequence == events + 1
        with pytest.raises(BadInput, match="not in order"):
            record_trials(ledger, [make_trial(candidate_hash="good"), make_trial(sessions=DAYS[::-1])])
    with open_ledger(tmp_path / "ledger.db", make_clock()) as ledger:
        assert trial_count(ledger) == 1_000, "the failed batch has left nothing behind"
        (table,) = returns_by_window(ledger)
        assert table.candidates == tuple(f"v{number}" for number in range(1_000))
        np.testing.assert_array_equal(table.returns, returns.T)
        np.testing.assert_array_equal(table.sessions, days)
        assert verify(ledger.connection) == ()


def test_returns_are_grouped_by_window_and_a_variant_counts_with_its_latest(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        record_trials(ledger, [make_trial(), make_trial(sessions=DAYS[50:]), make_trial(candidate_hash="c1")])
        record_trials(ledger, [make_trial(candidate_hash="none", daily_returns=(), sessions=())])
        record_trials(ledger, [make_trial(daily_returns=np.full(250, 0.001))])
        second, first = sorted(returns_by_window(ledger, dataset="krx 1d raw"), key=lambda table: len(table.sessions))
        assert (second.candidates, second.returns.shape) == (("c0",), (200, 1))
        assert first.candidates == ("c1", "c0")
        assert (first.returns[:, 1] == 0.001).all()
        assert returns_by_window(ledger, dataset="unknown") == []


@pytest.mark.parametrize("table", ["rule_trials", "trial_returns", "trial_windows"])
@pytest.mark.parametrize("change", ["DELETE FROM {table}", "UPDATE {table} SET rowid = rowid + 9"])
def test_nothing_about_a_trial_can_be_changed_or_removed(tmp_path: Path, table: str, change: str) -> None:
    with make_ledger(tmp_path) as ledger:
        record_trials(ledger, [make_trial()])
        with pytest.raises(sqlite3.IntegrityError, match="counted for ever"):
            ledger.connection.execute(change.format(table=table))
        assert trial_count(ledger) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "neighbour"}, "placebo worlds and cost stresses are not counted"),
        ({"daily_returns": [0.1, 0.2]}, "one session for each return"),
        ({"daily_returns": [float("nan")] * 250}, "no finite number"),
        ({"p_value": 1.2}, "no p-value"),
        ({"p_value": float("nan")}, "no p-value"),
    ],
)
def test_what_is_no_trial_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        make_trial(**change)


def test_the_fdr_stream_holds_each_gated_candidate_once_in_order(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        for name, p_value, kind in (
            ("a", 0.04, "candidate"),
            ("b", None, "candidate"),
            ("sweep", 0.001, "sweep"),
            ("c", 1e-9, "candidate"),
            ("a", 0.9, "candidate"),
        ):
            record_trials(ledger, [make_trial(candidate_hash=name, kind=kind, p_value=p_value, verdict="reject")])
        record_trials(ledger, [make_trial(candidate_hash="d", dataset="other", kind="candidate", p_value=0.5)])
    with open_ledger(tmp_path / "ledger.db", make_clock()) as ledger:
        stream = fdr_history(ledger)
        assert [(step.candidate_hash, step.p_value) for step in stream] == [("a", 0.04), ("c", 1e-9), ("d", 0.5)]
        assert [step.candidate_hash for step in fdr_history(ledger, dataset="krx 1d raw")] == ["a", "c"]


def test_a_dataset_keeps_its_name_while_it_grows_and_a_synthetic_one_is_its_content() -> None:
    today = make_manifest()
    grown = make_manifest(last=date(2025, 3, 31), content_hash="cd" * 32, source=("more.csv",))
    assert dataset_key(today) == dataset_key(grown) == "krx 1d raw"
    assert dataset_key(today, "1w") == "krx 1w raw"
    assert dataset_key(make_manifest(adjusted=True)) == "krx 1d adjusted"
    worlds = {dataset_key(make_manifest(synthetic=True, content_hash=letter * 64)) for letter in "ab"}
    assert len(worlds) == 2


def test_a_ledger_of_another_dataset_is_refused_unless_the_user_says_otherwise(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        require_dataset(ledger, "krx 1d raw", DAYS)
        record_trials(ledger, [make_trial()])
        require_dataset(ledger, "krx 1d raw", np.append(DAYS, 19_000))
        with pytest.raises(ForeignLedger, match=r"another dataset \(1 of krx 1d raw\)"):
            require_dataset(ledger, "sample 1d raw", DAYS)
        require_dataset(ledger, "sample 1d raw", DAYS, new=True)
        with pytest.raises(ForeignLedger, match="lacks 2 of those sessions"):
            require_dataset(ledger, "krx 1d raw", DAYS[2:])
        record_trials(ledger, [make_trial(dataset="sample 1d raw")])
        require_dataset(ledger, "sample 1d raw", DAYS)
        assert datasets_tried(ledger) == {"krx 1d raw": 1, "sample 1d raw": 1}


@pytest.fixture
def old_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """A ledger of version 3, with one trial as that version wrote it."""

    def make() -> Path:
        with monkeypatch.context() as old:
            for module in (migrations, connection):
                old.setattr(module, "MIGRATIONS", migrations.MIGRATIONS[:3])
            with make_ledger(tmp_path) as ledger, ledger.writing() as file:
                metrics, raw = canonical_json({"sharpe": 0.3}), np.array([0.01, -0.02]).tobytes()
                file.execute(
                    "INSERT INTO rule_trials VALUES (1, ?, 'candidate', 'old', '', 'content-0', 'reject', ?, ?)",
                    (stamp(START), metrics, raw),
                )
                ledger.note(TRIAL_RECORDED, {"trial_id": 1, "hash": digest(metrics, raw.hex())}, START)
        return tmp_path / "ledger.db"

    return make


def test_trials_of_an_older_ledger_are_still_counted_and_verified(old_ledger: Callable[[], Path]) -> None:
    with open_ledger(old_ledger(), make_clock(START + timedelta(days=1))) as ledger:
        record_trials(ledger, [make_trial()])
        assert datasets_tried(ledger) == {"content-0": 1, "krx 1d raw": 1}
        assert returns_by_window(ledger, dataset="content-0")[0].returns.tolist() == [[0.01], [-0.02]]
        assert verify(ledger.connection) == ()


def test_a_ledger_that_may_not_be_written_records_nothing(tmp_path: Path) -> None:
    with make_ledger(tmp_path):
        pass
    with (
        open_ledger(tmp_path / "ledger.db", make_clock(), read_only=True) as ledger,
        pytest.raises(LedgerError, match="Nothing was recorded"),
    ):
        record_trials(ledger, [make_trial()])
