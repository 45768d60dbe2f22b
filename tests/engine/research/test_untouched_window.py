"""The untouched window stays while candidates may look at it, and rolls forward to sessions that nobody has seen."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput, DataError
from engine.ledger.looks import Window, WindowLooks
from engine.research.untouched_window import untouched_window

EPOCH = date(1970, 1, 1)
FIRST = 19_000
SESSIONS = np.arange(FIRST, FIRST + 100)


def days(first: int, last: int) -> Window:
    """The window from the first to the last of the numbered sessions."""
    return Window(EPOCH + timedelta(FIRST + first), EPOCH + timedelta(FIRST + last))


def test_the_first_window_ends_with_the_data_and_stays_when_the_data_grow() -> None:
    first = untouched_window(SESSIONS, [], 20)
    assert (first.window, first.number, first.looks_left, first.missing_sessions) == (days(80, 99), 1, 20, 0)
    grown = np.arange(FIRST, FIRST + 110)
    later = untouched_window(grown, [WindowLooks(days(80, 99), 3)], 20)
    assert (later.window, later.looks_used, later.looks_left) == (days(80, 99), 3, 17)


def test_after_k_looks_it_rolls_to_what_came_after_it() -> None:
    used_up = [WindowLooks(days(80, 99), 5)]
    waiting = untouched_window(np.arange(FIRST, FIRST + 112), used_up, 20, k=5)
    assert (waiting.window, waiting.missing_sessions, waiting.looks_left) == (None, 8, 0)
    rolled = untouched_window(np.arange(FIRST, FIRST + 150), used_up, 20, k=5)
    assert (rolled.window, rolled.number, rolled.looks_left) == (days(100, 119), 2, 5)


def test_a_reserve_keeps_older_windows_waiting() -> None:
    first = untouched_window(SESSIONS, [], 20, reserve=2)
    assert first.window == days(60, 79)
    second = untouched_window(SESSIONS, [WindowLooks(days(60, 79), 20)], 20, reserve=2)
    assert second.window == days(80, 99)


def test_a_changed_length_does_not_move_a_window_in_use() -> None:
    assert untouched_window(SESSIONS, [WindowLooks(days(80, 99), 1)], 50).window == days(80, 99)


@pytest.mark.parametrize(
    "arguments",
    [
        {"length": 100},
        {"length": 50, "reserve": 2},
        {"length": 0},
        {"length": 10, "k": 0},
        {"length": 10, "reserve": 0},
    ],
)
def test_a_window_that_cannot_be_is_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(BadInput):
        untouched_window(SESSIONS, [], **arguments)


def test_looks_beyond_the_end_of_the_data_belong_to_another_dataset() -> None:
    with pytest.raises(
        DataError, match=r"do not reach\. Let the range end later \(--to\), or use the ledger that belongs"
    ):
        untouched_window(SESSIONS, [WindowLooks(days(90, 109), 1)], 20)


@given(
    growth=st.lists(st.integers(0, 40), min_size=1, max_size=30),
    length=st.integers(1, 40),
    k=st.integers(1, 4),
    reserve=st.integers(1, 2),
)
def test_no_session_is_ever_in_two_windows_and_none_gets_more_than_k_looks(
    growth: list[int], length: int, k: int, reserve: int
) -> None:
    looks: dict[Window, int] = {}
    end = 100
    for more in growth:
        end += more
        state = untouched_window(
            np.arange(FIRST, FIRST + end),
            [WindowLooks(window, count) for window, count in looks.items()],
            length,
            k,
            reserve=reserve,
        )
        if state.window is None:
            assert 0 < state.missing_sessions <= length
            continue
        assert state.window.last <= EPOCH + timedelta(FIRST + end - 1)
        assert (state.window.last - state.window.first).days + 1 == length
        looks[state.window] = looks.get(state.window, 0) + 1
    assert max(looks.values()) <= k
    windows = sorted(looks)
    assert not any(early.overlaps(late) for early, late in pairwise(windows))
