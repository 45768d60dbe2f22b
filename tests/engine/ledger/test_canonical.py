"""Canonical JSON: one text for one value, whichever way it is written."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import KST
from engine.errors import BadInput
from engine.ledger.canonical import canonical_json, plain


class Mood(Enum):
    GOOD = "good"
    BOTH = ("good", 1)


class Word(StrEnum):
    YES = "예"


class Number(IntEnum):
    SEVEN = 7


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclass(frozen=True, slots=True)
class Empty:
    pass


@dataclass(frozen=True, slots=True)
class One:
    only: Any


@dataclass(frozen=True, slots=True)
class Record:
    zebra: Any
    apple: Any
    middle: Any = None


_KEYS = (
    st.text(max_size=3) | st.integers(-12, 12) | st.sampled_from([Word.YES, Mood.GOOD, Number.SEVEN, True, None, 1.5])
)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**80), 2**80),
    st.floats(allow_infinity=False),
    st.text(max_size=4),
    st.dates(),
    st.integers(0, 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, KST)),
    st.sampled_from([*Mood, *Word, *Number, Fraction(1, 3), Empty(), {"b", "a"}]),
    st.sampled_from([np.int64(5), np.float64(0.1), np.float64("nan"), np.bool_(True), np.arange(3), np.array([1.5])]),
)


def _holders(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    documents = st.dictionaries(st.text(max_size=3), inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3)
    return st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        documents,
        documents.map(OrderedDict),
        documents.map(MappingProxyType),
        st.builds(One, inner),
        st.builds(Record, inner, inner, inner),
        st.builds(Pair, inner, inner),
    )


@given(value=st.recursive(_LEAVES, _holders, max_leaves=12))
def test_what_is_written_is_the_plain_value_with_sorted_keys(value: Any) -> None:
    wanted = json.dumps(plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    assert canonical_json(value) == wanted
    assert canonical_json([value, Record(value, {"x": value})]) == (
        f'[{wanted},{{"apple":{{"x":{wanted}}},"middle":null,"zebra":{wanted}}}]'
    )


@pytest.mark.parametrize(
    "wrap", [lambda value: value, One, lambda value: Record(1, [value]), lambda value: {"a": value}]
)
def test_an_infinite_number_and_an_unknown_thing_are_refused_wherever_they_are(wrap: Any) -> None:
    for wrong, why in ((float("inf"), "infinite"), (np.float64("-inf"), "infinite"), (object(), "object")):
        with pytest.raises(BadInput, match=why):
            canonical_json(wrap(wrong))


def test_numbers_dates_and_keys_have_one_spelling() -> None:
    value = {
        "b": [1e16, 1e-5, 0.1, -0.0, 10**20, float("nan")],
        10: date(2024, 3, 5),
        9: datetime(2024, 3, 5, 15, 30, tzinfo=KST),
        True: Counter({2: 1}),
    }
    assert canonical_json(One(value)) == (
        '{"only":{"10":"2024-03-05","9":"2024-03-05T15:30:00.000000+09:00","True":{"2":1},'
        '"b":[1e+16,1e-05,0.1,-0.0,100000000000000000000,null]}}'
    )
