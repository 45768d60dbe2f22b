"""Each candidate looks at an untouched window once; what it saw is written down and read again, not evaluated again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engine.errors import BadInput
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.looks import Look, Outcome, Window, WindowLooks, WindowUsedUp, look, window_looks
from engine.ledger.verify import verify
from tests.builders_ledger import START, make_clock, make_ledger

SPRING = Window(date(2024, 1, 2), date(2024, 6, 28))
AUTUMN = Window(date(2024, 7, 1), date(2024, 12, 30))


class Gate:
    """An evaluation that counts how often it ran and says something else each time."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self) -> Outcome:
        self.runs += 1
        return Outcome(passed=self.runs % 2 == 1, figures={"sharpe": self.runs / 10})


def look_at(ledger: Ledger, gate: Gate, candidate: str = "c", window: Window = SPRING, limit: int = 20) -> Look:
    return look(
        ledger,
        dataset="krx 1d raw",
        data_hash="content",
        window=window,
        candidate_hash=candidate,
        evaluate=gate,
        limit=limit,
    )


def test_a_second_look_returns_the_first_outcome_without_evaluating(tmp_path: Path) -> None:
    gate = Gate()
    with make_ledger(tmp_path) as ledger:
        first = look_at(ledger, gate)
        assert (first.repeated, first.outcome) == (False, Outcome(True, {"sharpe": 0.1}))
        assert (first.looked_at, first.data_hash) == (START, "content")
    with open_ledger(tmp_path / "ledger.db", make_clock()) as ledger:
        again = look_at(ledger, gate)
        assert (again.repeated, again.outcome, gate.runs) == (True, first.outcome, 1)
        assert window_looks(ledger) == {"krx 1d raw": [WindowLooks(SPRING, 1)]}
        assert verify(ledger.connection) == ()


def test_a_used_up_window_lets_no_new_candidate_look_but_old_ones_read(tmp_path: Path) -> None:
    gate = Gate()
    with make_ledger(tmp_path) as ledger:
        for number in range(3):
            look_at(ledger, gate, f"c{number}", limit=3)
        with pytest.raises(WindowUsedUp, match="3 candidates have looked"):
            look_at(ledger, gate, "c3", limit=3)
        assert gate.runs == 3
        assert look_at(ledger, gate, "c1", limit=3).repeated
        assert not look_at(ledger, gate, "c3", AUTUMN, limit=3).repeated
        assert window_looks(ledger)["krx 1d raw"] == [WindowLooks(SPRING, 3), WindowLooks(AUTUMN, 1)]


def test_a_window_that_overlaps_a_seen_one_is_not_untouched(tmp_path: Path) -> None:
    gate = Gate()
    with make_ledger(tmp_path) as ledger:
        look_at(ledger, gate)
        with pytest.raises(BadInput, match="Begin after 2024-06-28"):
            look_at(ledger, gate, "c1", Window(date(2024, 6, 28), date(2024, 12, 30)))
        assert gate.runs == 1


def test_an_evaluation_that_fails_is_no_look(tmp_path: Path) -> None:
    def broken() -> Outcome:
        raise BadInput("no trades")

    with make_ledger(tmp_path) as ledger:
        with pytest.raises(BadInput, match="no trades"):
            look(ledger, dataset="d", data_hash="", window=SPRING, candidate_hash="c", evaluate=broken)
        assert window_looks(ledger) == {}


def test_of_two_processes_that_look_at_once_the_first_outcome_stands(tmp_path: Path) -> None:
    with make_ledger(tmp_path) as ledger, open_ledger(tmp_path / "ledger.db", make_clock()) as other:

        def meanwhile() -> Outcome:
            look_at(other, Gate())
            return Outcome(passed=False, figures={"sharpe": -1})

        seen = look(
            ledger,
            dataset="krx 1d raw",
            data_hash="content",
            window=SPRING,
            candidate_hash="c",
            evaluate=meanwhile,
        )
        assert (seen.repeated, seen.outcome.passed) == (True, True)
        assert window_looks(ledger) == {"krx 1d raw": [WindowLooks(SPRING, 1)]}


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(BadInput, match="Exchange the dates"):
        Window(SPRING.last, SPRING.first)
