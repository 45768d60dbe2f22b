"""Two days with every fault there is, and a run in which trader and venue are killed in turn: the books agree.

The long version is `python -m benchmarks.trading_week`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.week.courier import ANYWHERE, UNANSWERED
from tests.week.story import CORRUPT, COURIER, DISK, FAULTS, SECOND, SERVER_KILLED, TRADER_KILLED, Story
from tests.week.trading_week import Week


def lived_through(story: Story, faults: tuple[str, ...]) -> None:
    """Everything was injected, and nothing came of it."""
    assert not story.problems, "\n".join(story.problems)
    assert not story.crashes, "\n".join(story.crashes)
    assert {fault for fault in faults if story.row(fault).injected} == {*faults}
    assert story.orders > 0
    assert story.alerts > 0
    assert set(story.messages) == {"team", "mail"}
    assert min(story.messages.values()) > 0


def test_trader_and_venue_killed_in_turn_double_nothing_and_lose_nothing(tmp_path: Path) -> None:
    faults = (TRADER_KILLED, SERVER_KILLED)
    story = Week(31, tmp_path / "week", faults, kills=12, sessions=2).run()
    lived_through(story, faults)
    assert story.points.total() == 12
    assert story.points.total() > story.points["between two steps"], "no point of the trader's work was met"


@pytest.mark.parametrize("seed", [32])
def test_every_fault_once(tmp_path: Path, seed: int) -> None:
    story = Week(seed, tmp_path / "week", FAULTS, kills=4, sessions=3).run()
    lived_through(story, FAULTS)
    assert any("Another process is trading" in said for said in story.refused), SECOND
    assert story.limits_reached
    assert {ANYWHERE, UNANSWERED} & story.points.keys(), COURIER
    assert any("damaged" in said for said in story.refused), CORRUPT
    assert any("could not be written" in said for said in story.refused) == bool(story.row(DISK).recovery)
