"""What makes a masked run fast finds the same as the slow way: anchors of dates, lists cut by their shown entries."""

from __future__ import annotations

import numpy as np
import pytest

from brokers.replay import _lowest
from engine.planning.date_shift import _ANCHOR, _PATTERN
from engine.planning.near import matches_near
from engine.planning.prompt import _shortened

PIECES = ["0", "1", "2", "9", "20", "2013", "1999", "05", "12", "31", "0.", ".", ",", "-", "/", " ", "월", "년", "일"]
PIECES += ["}", "]", "[", ":", "(", ")", "Q1", "Mar", "a", "가", "원"]


@pytest.mark.parametrize("seed", range(5))
def test_no_date_is_without_its_anchor(seed: int) -> None:
    """Short texts made of parts of dates and numbers: every match of the close reading is found from the anchors."""
    draw, dated = np.random.default_rng(seed), 0
    for _ in range(5_000):
        text = "".join(draw.choice(PIECES, draw.integers(1, 15)))
        wanted = [(found.start(), found[0]) for found in _PATTERN.finditer(text)]
        assert [(found.start(), found[0]) for found in matches_near(_ANCHOR, _PATTERN, text)] == wanted, text
        dated += bool(wanted)
    assert dated > 100


def test_decimals_in_a_list_are_no_anchor_and_dates_behind_them_are() -> None:
    assert _ANCHOR.search('{"weight":0.2013,"part":0.1999}') is None
    assert _ANCHOR.search("0.2013-05-06") is not None
    assert _ANCHOR.search("5.10.2013,") is not None


@pytest.mark.parametrize("count", [1, 3, 10, 50])
def test_the_lowest_are_those_of_a_stable_sort(count: int) -> None:
    values = np.random.default_rng(count).integers(0, 12, 40) / 4.0
    assert _lowest(values, count).tolist() == np.argsort(values, kind="stable")[:count].tolist()


def test_a_shown_context_is_shortened_at_the_ends_of_its_lists() -> None:
    shown = {
        "portfolio": {"total_won": 1, "holdings": [{"ticker": "a"}, {"ticker": "b"}]},
        "market": {"sentiment": "neutral", "risks": [{"rank": 1}], "opportunities": [{"rank": 1}]},
        "signals": [{"ticker": "c"}, {"ticker": "d"}, {"ticker": "e"}],
        "cut": {"risks": 2},
    }
    shorter = _shortened(shown, {"risks": 3, "holdings": 1, "signals": 2})
    assert shorter == {
        "portfolio": {"total_won": 1, "holdings": [{"ticker": "a"}]},
        "market": {"sentiment": "neutral", "risks": [], "opportunities": [{"rank": 1}]},
        "signals": [{"ticker": "c"}],
        "cut": {"risks": 3, "holdings": 1, "signals": 2},
    }
    assert len(shown["signals"]) == 3
