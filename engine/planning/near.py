"""A slow pattern looked for only where a fast one says that it can be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

AROUND = 40
MOST_PLACES = 24  # with more of them a pattern finds its anchors faster

_SHAPE = bytes(
    ord("9") if chr(code) in "0123456789" else ord("-") if chr(code) in "-./" else ord(",") if code == ord(",") else 32
    for code in range(256)
)


def matches_near(anchor: re.Pattern[str], pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """All matches of a pattern, none of which is without a match of the anchor within 40 letters.

    >>> [found[0] for found in matches_near(re.compile("kg"), re.compile(r"[0-9]+ ?kg"), "1 2 3 " * 20 + "4 kg")]
    ['4 kg']
    """
    start = end = 0
    for found in anchor.finditer(text):
        if found.start() - AROUND > end:
            yield from pattern.finditer(text, start, end)
            start = found.start() - AROUND
        end = min(found.end() + AROUND, len(text))
    if end:
        yield from pattern.finditer(text, start, end)


def places_in(text: str, *shapes: bytes) -> list[int] | None:
    """Where a text has one of some shapes; None where they are many, or the text holds letters beyond ASCII.

    Looking for bytes in a translated text takes a tenth of the time of a pattern.

    Args:
        text: to search.
        shapes: 9 is any digit, - one of -./, a comma itself.

    >>> places_in("2125-03-05, 1,234", b"9999", b"9,999")
    [0, 12]
    """
    if not text.isascii():
        return None
    shape = text.encode("ascii").translate(_SHAPE)
    places: list[int] = []
    for wanted in shapes:
        place = shape.find(wanted)
        while place >= 0:
            places.append(place)
            if len(places) > MOST_PLACES:
                return None
            place = shape.find(wanted, place + 1)
    return sorted(places)


def matches_around(places: Iterable[int], pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """All matches of a pattern, none of which begins 40 letters before or after any of the places, in order."""
    start = end = 0
    for place in places:
        if place - AROUND > end:
            yield from pattern.finditer(text, start, end)
            start = place - AROUND
        end = min(place + 2 * AROUND, len(text))
    if end:
        yield from pattern.finditer(text, start, end)
