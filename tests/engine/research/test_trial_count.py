"""Variants that move together are one trial; what cannot be compared is a trial of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.ledger.trials import Trial, WindowReturns, record_trials
from engine.research.trial_count import aligned, count_trials
from tests.builders_ledger import make_ledger

DAYS = np.arange(18_000, 18_300)


def record(ledger: object, name: str, returns: object = (), sessions: object = (), dataset: str = "krx") -> None:
    record_trials(
        ledger,  # type: ignore[arg-type]
        [
            Trial(
                kind="sweep",
                candidate_hash=name,
                data_hash="content",
                dataset=dataset,
                metrics={},
                daily_returns=returns,  # type: ignore[arg-type]
                sessions=sessions,  # type: ignore[arg-type]
            )
        ],
    )


def test_neighbours_count_as_one_and_strangers_apart_even_over_shifted_windows(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    idea, other = generator.normal(0, 0.01, (2, 300))
    with make_ledger(tmp_path) as ledger:
        for number in range(5):
            record(ledger, f"near {number}", idea + generator.normal(0, 0.002, 300), DAYS)
        record(ledger, "later", idea[100:] + generator.normal(0, 0.002, 200), DAYS[100:])
        record(ledger, "stranger", other, DAYS)
        record(ledger, "not kept")
        record(ledger, "elsewhere", idea, DAYS, dataset="sample")
        count = count_trials(ledger, dataset="krx")
        assert (count.raw, count.effective, count.threshold) == (8, 3, 0.5)
        assert count.clusters is not None and count.clusters.raw_trials == 7
        strict = count_trials(ledger, dataset="krx", threshold=0.999)
        assert strict.effective == 8
        coming = WindowReturns(DAYS, ("now",), generator.normal(0, 0.01, (300, 1)))
        more = count_trials(ledger, dataset="krx", also=[coming])
        assert (more.raw, more.effective) == (9, 4)


def test_without_returns_every_variant_is_one(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger:
        record(ledger, "a")
        record(ledger, "b")
        count = count_trials(ledger)
        assert (count.raw, count.effective, count.clusters) == (2, 2, None)
        empty = count_trials(ledger, dataset="unknown")
        assert (empty.raw, empty.effective) == (0, 0)


def test_rows_are_sessions_and_returns_without_sessions_share_none() -> None:
    early = WindowReturns(np.array([10, 11, 13]), ("a", "b"), np.arange(6.0).reshape(3, 2))
    late = WindowReturns(np.array([11, 14]), ("c",), np.array([[7.0], [8.0]]))
    undated = WindowReturns(np.zeros(0, np.int64), ("d",), np.array([[9.0]]))
    unknown = np.nan
    np.testing.assert_array_equal(
        aligned([early, undated, late]),
        [
            [0.0, 1.0, unknown, unknown],
            [2.0, 3.0, unknown, 7.0],
            [4.0, 5.0, unknown, unknown],
            [unknown, unknown, unknown, 8.0],
            [unknown, unknown, 9.0, unknown],
        ],
    )
