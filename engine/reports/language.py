"""Two languages for everything a user reads: each text is a pair, Korean first."""

from __future__ import annotations

from typing import Literal, NamedTuple

Lang = Literal["ko", "en"]


class Text(NamedTuple):
    """One text in both languages."""

    ko: str
    en: str

    def __call__(self, lang: Lang) -> str:
        """The text in one language.

        >>> Text("수익", "profit")("en")
        'profit'
        """
        return self.ko if lang == "ko" else self.en
