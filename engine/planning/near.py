"""A slow pattern looked for only where a fast one says that it can be."""

from __future__ import annotations

import re
from collections.abc import Iterator

AROUND = 40


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
