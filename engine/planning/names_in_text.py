"""Real names and tickers in a text, found in one pass.

A table of the first two letters of all names is laid over the text with numpy, and only where it says "perhaps" are
names compared, longest first. What counts as a mention depends on how much of a name there is: four letters of Korean
are a name anywhere, also inside a longer word; two are one only as a word of their own, with or without a particle.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Listed names that are everyday words besides. They count only in quotes or before their ticker: "대상", 대상(001680).
EVERYDAY_WORDS = frozenset(
    (
        *(
            "대상",
            "동서",
            "선진",
            "전방",
            "진도",
            "태양",
            "신원",
            "남성",
            "노을",
            "레몬",
            "씨앗",
            "핑거",
            "대동",
            "아하",
        ),
        *(
            "나노",
            "한창",
            "우성",
            "파수",
            "정다운",
            "유니온",
            "이루다",
            "나무가",
            "사람인",
            "바른손",
            "상상인",
            "오로라",
        ),
        *("NEW", "NICE", "MIT"),
    )
)
# It begins with what it looks for, which is found fast; what stands before is looked at afterwards.
_TICKER = re.compile(r"[0-9](?<![0-9A-Za-z.,][0-9])[0-9A-Z]{5}(?![0-9A-Za-z]|[.,]\d)")
# Letters of which a ticker is made become a 0.
_LIKE_A_TICKER = bytes(
    ord("0") if chr(code).isascii() and re.match("[0-9A-Z]", chr(code)) else 32 for code in range(256)
)
_PARTICLE = re.compile(
    r"(?:은|는|이|가|을|를|의|와|과|도|에|로|으로|에서|에게|만|까지|부터|보다|처럼|주|우|이나|나|랑|하고)?(?![가-힣0-9A-Za-z])"
)
# Names that could lie in or across a number of a JSON document: mere numbers, and what holds a sign around values.
_NUMERIC = re.compile(r'[-+.\d]+|.*[:"{}\[\]].*', re.DOTALL)
_OPENING, _CLOSING = "\"'“‘「", "\"'”’」"
_SLOTS, _SPREAD = 1 << 16, np.uint16(31_337)


@dataclass(frozen=True, slots=True)
class FoundName:
    """A mention.

    Args:
        start: first character.
        end: behind the last character.
        text: as it stands there.
        ticker: whose name or ticker it is.
    """

    start: int
    end: int
    text: str
    ticker: str


class NamesInText:
    """Finds names and tickers of a universe.

    Args:
        names: ticker -> name; a name that equals its ticker counts as unknown.
        everyday: names that are words of the language besides.
    """

    def __init__(self, names: Mapping[str, str], everyday: frozenset[str] = EVERYDAY_WORDS) -> None:
        self.tickers = frozenset(names)
        self._everyday = frozenset(map(_folded, everyday))
        owner: dict[str, tuple[str, str]] = {}
        for ticker, name in names.items():
            whole = normal(name).strip()
            for spelling in (whole, whole.replace(" ", "")) if whole != ticker else ():
                if len(spelling) > 1:
                    owner.setdefault(_folded(spelling), (spelling, ticker))
        self._by_start: dict[str, list[tuple[str, str, str]]] = {}
        for folded in sorted(owner, key=lambda text: (-len(text), text)):
            self._by_start.setdefault(folded[:2], []).append((folded, *owner[folded]))
        self._some_are_ascii = any(start.isascii() for start in self._by_start)
        self._starts = np.zeros(_SLOTS, dtype=np.bool_)
        for start in self._by_start:
            self._starts[_slots(start)] = True
        self.lie_in_numbers = any(_NUMERIC.fullmatch(name) for name in owner)
        """Whether a name could lie in or across a number of a JSON document."""

    def find(self, text: str) -> Iterator[FoundName]:
        """All mentions in order, none inside another; the text must be `normal`."""
        found = sorted((*self._names(text), *self._codes(text)), key=lambda name: (name.start, -name.end))
        last = 0
        for name in found:
            if name.start >= last:
                yield name
                last = name.end

    def _codes(self, text: str) -> Iterator[FoundName]:
        if text.isascii() and b"0" * 6 not in text.encode("ascii").translate(_LIKE_A_TICKER):
            return
        for match in _TICKER.finditer(text):
            if match[0] in self.tickers:
                yield FoundName(match.start(), match.end(), match[0], match[0])

    def _names(self, text: str) -> Iterator[FoundName]:
        if text.isascii() and not self._some_are_ascii:
            return
        folded = _folded(text)
        by_start = self._by_start
        for place in np.flatnonzero(self._starts[_slots(folded)]).tolist():
            for name, spelling, ticker in by_start.get(folded[place : place + 2], ()):
                if folded.startswith(name, place) and self._counts(text, place, name, spelling, ticker):
                    end = place + len(name)
                    yield FoundName(place, end, text[place:end], ticker)
                    break

    def _counts(self, text: str, start: int, name: str, spelling: str, ticker: str) -> bool:
        """Whether a spelling at a place is a mention of the name."""
        end = start + len(name)
        before, behind = text[start - 1 : start], text[end : end + 1]
        if name in self._everyday:
            quoted = before in _OPENING and behind in _CLOSING and before != "" and behind != ""
            return text[start:end] == spelling and (quoted or text.startswith(f"({ticker})", end))
        korean = any("가" <= letter <= "힣" for letter in name)
        if not korean:
            exact = len(name) > 3 or text[start:end] == spelling
            return exact and not _latin(before) and not _latin(behind)
        if len(name) >= 4:
            return True
        apart = not (before.isalnum())
        return apart and (len(name) == 3 or _PARTICLE.match(text, end) is not None)


def normal(text: str) -> str:
    """The text with every letter in its composed form, which is how names are compared."""
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def _folded(text: str) -> str:
    """Small letters, as many as there were letters."""
    lower = text.lower()
    return (
        lower if len(lower) == len(text) else "".join(low if len(low := char.lower()) == 1 else char for char in text)
    )


def _latin(char: str) -> bool:
    return char == "&" or (char.isascii() and char.isalnum())


def _slots(text: str) -> NDArray[np.uint16]:
    """A number below 2**16 for each pair of neighbouring letters. Shape: (len - 1,)."""
    if text.isascii():
        codes = np.frombuffer(text.encode("ascii"), dtype=np.uint8).astype(np.uint16)
    else:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint16)
    return codes[:-1] * _SPREAD + codes[1:]  # only the lowest 16 bits count, so it may overflow
