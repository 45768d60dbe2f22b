"""Random JSON, and real JSON with something missing, added, replaced or cut out: what parsers are shown."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

_words = st.text(max_size=12) | st.sampled_from(
    [
        "",
        " ",
        "0",
        "-1",
        "1_000",
        "７",
        "1e9",
        "nan",
        "(null)",
        "20261399",
        "999999",
        "9" * 40,
        "\ud800",
        "true",
        "A" * 200,
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | _words
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_words, inner, max_size=4), max_leaves=8
)


@st.composite
def damaged(draw: st.DrawFn, value: Any, times: int = 3) -> Any:
    """The JSON value with up to `times` places missing, replaced, doubled or joined by another one."""
    copy = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, times))):
        copy = _damage(draw, copy)
    return copy


def _damage(draw: st.DrawFn, value: Any) -> Any:
    inside = isinstance(value, dict | list) and len(value) > 0
    what = draw(st.sampled_from(["inside", "inside", "inside", "replace", "remove", "add"])) if inside else "replace"
    if what == "replace":
        return draw(JSON)
    if isinstance(value, dict):
        key = draw(st.sampled_from(sorted(value)))
        if what == "remove":
            return {name: item for name, item in value.items() if name != key}
        if what == "add":
            return {**value, draw(_words): draw(JSON)}
        return {**value, key: _damage(draw, value[key])}
    place = draw(st.integers(0, len(value) - 1))
    if what == "remove":
        return value[:place] + value[place + 1 :]
    if what == "add":
        return [*value, draw(JSON | st.just(value[place]))]
    return [*value[:place], _damage(draw, value[place]), *value[place + 1 :]]


@st.composite
def damaged_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes with a piece cut out, overwritten or doubled."""
    start = draw(st.integers(0, len(content)))
    end = draw(st.integers(start, min(len(content), start + 30)))
    middle = draw(st.binary(max_size=12) | st.just(content[start:end] * 2))
    rest = content[end : draw(st.integers(end, len(content)))] if draw(st.booleans()) else content[end:]
    return content[:start] + middle + rest
