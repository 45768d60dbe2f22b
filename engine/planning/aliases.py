"""Names that tell nothing: a keyed hash of ticker and run seed, short enough for a prompt."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from engine.errors import BadInput

# Letters and digits that nobody confuses; without vowels no alias is a word, and with a letter first none is a number.
FIRST = "BCDFGHJKMNPQRTVWXYZ"
LETTERS = "2346789" + FIRST
PATTERN = re.compile(rf"(?<![0-9A-Za-z])X-[{FIRST}][{LETTERS}]{{4}}(?![0-9A-Za-z])")


class Aliases:
    """One alias for each ticker of a universe.

    An alias depends on the seed and its ticker alone, unless two of the universe collide (three universes of
    2,500 in ten have such a pair); then the later of the two in the order of the tickers takes its next choice.

    Args:
        tickers: the universe, in any order.
        seed: of the run; another seed gives other aliases.

    >>> few = Aliases(["005930", "000660"], seed=7)
    >>> few.ticker(few.of("005930"))
    '005930'
    """

    def __init__(self, tickers: Iterable[str], seed: int) -> None:
        self._of: dict[str, str] = {}
        self._ticker: dict[str, str] = {}
        for ticker in sorted(set(tickers)):
            choice = 0
            while (alias := _alias(ticker, seed, choice)) in self._ticker:
                choice += 1
            self._of[ticker], self._ticker[alias] = alias, ticker

    def of(self, ticker: str) -> str:
        """The alias of a ticker.

        Raises:
            BadInput: the ticker is none of the universe; shown as it is, it would give itself away.
        """
        try:
            return self._of[ticker]
        except KeyError:
            raise BadInput(
                f"{ticker} has no alias: it is none of the {len(self._of):,} names of this run. "
                "Build the mask from all tickers that the prompt can show."
            ) from None

    def ticker(self, alias: str) -> str:
        """The ticker behind an alias.

        Raises:
            BadInput: nobody has this alias; a model made it up or wrote it wrongly.
        """
        try:
            return self._ticker[alias]
        except KeyError:
            raise BadInput(f"{alias!r} is no alias of this run. Use an alias as it stands in the context.") from None

    def knows(self, word: str) -> bool:
        """Whether a word is an alias of this run."""
        return word in self._ticker

    @property
    def tickers(self) -> tuple[str, ...]:
        """The universe, sorted."""
        return tuple(self._of)


def looks_like_alias(text: str) -> list[str]:
    """All words of a text that have the form of an alias, of this run or of another.

    >>> looks_like_alias("buy X-K72QM, not X-RAY")
    ['X-K72QM']
    """
    return PATTERN.findall(text)


def _alias(ticker: str, seed: int, choice: int) -> str:
    key = f"geoul alias {seed}".encode()[:64]
    number = int.from_bytes(hashlib.blake2b(f"{ticker} {choice}".encode(), key=key, digest_size=8).digest())
    letters = ""
    for choices in (FIRST, LETTERS, LETTERS, LETTERS, LETTERS):
        number, place = divmod(number, len(choices))
        letters += choices[place]
    return f"X-{letters}"
