"""What is kept is set aside from the collector while a run lasts, and comes back afterwards."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from engine.settled_heap import OFTEN, settled_heap


class Thing:
    def __init__(self) -> None:
        self.other: Thing | None = None


@pytest.fixture(autouse=True)
def nothing_set_aside() -> Iterator[None]:
    gc.unfreeze()
    gc.enable()
    yield
    gc.unfreeze()
    gc.enable()


def test_what_is_kept_is_not_searched_until_the_end() -> None:
    with settled_heap() as settle:
        kept = []
        for _ in range(10 * OFTEN):
            kept.append([Thing()])
            settle()
        searched = {id(each) for each in gc.get_objects()}
        assert not any(id(one) in searched for one in kept)
        assert gc.get_freeze_count() > len(kept)
    assert gc.get_freeze_count() == 0
    searched = {id(each) for each in gc.get_objects()}
    assert all(id(one) in searched for one in kept)


def test_ordinary_garbage_goes_at_once_and_rings_at_the_end() -> None:
    with settled_heap() as settle:
        one, first, second = Thing(), Thing(), Thing()
        first.other, second.other = second, first
        single, ring = weakref.ref(one), weakref.ref(first)
        for _ in range(OFTEN):
            settle()
        del one, first, second
        assert single() is None
        gc.collect()
        assert ring() is not None
    gc.collect()
    assert ring() is None


def test_an_error_sets_everything_free_again() -> None:
    with pytest.raises(ValueError, match="stop"), settled_heap():
        assert gc.get_freeze_count() > 0
        raise ValueError("stop")
    assert gc.get_freeze_count() == 0


def test_a_heap_that_somebody_else_has_settled_is_left_alone() -> None:
    gc.freeze()
    with settled_heap() as settle:
        before = gc.get_freeze_count()
        for _ in range(2 * OFTEN):
            settle()
        assert gc.get_freeze_count() == before
    assert gc.get_freeze_count() == before


def test_one_run_inside_another_leaves_the_outer_one_settled() -> None:
    with settled_heap():
        with settled_heap():
            pass
        assert gc.get_freeze_count() > 0


def test_where_nothing_is_collected_nothing_is_set_aside() -> None:
    gc.disable()
    with settled_heap():
        assert gc.get_freeze_count() == 0
