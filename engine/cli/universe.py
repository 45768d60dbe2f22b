"""Which names: --ticker as often as needed, and --universe for a list in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import BadInput

CodesOption = Annotated[
    list[str] | None, typer.Option("--ticker", help="종목코드(여러 번 가능, 쉼표도 됨) · a code; repeatable, or commas")
]
OldCodesOption = Annotated[str | None, typer.Option("--tickers", hidden=True)]  # what documents showed before
UniverseOption = Annotated[
    Path | None, typer.Option("--universe", help="종목코드 파일(줄마다 하나, 또는 CSV) · file with codes")
]


def universe_codes(given: Sequence[str] | None, universe: Path | None, old: str | None = None) -> list[str] | None:
    """The codes of all options, each once; None if none is given.

    Raises:
        BadInput: the file cannot be read, or no code is named.
    """
    named = [*(given or ()), *(() if old is None else (old,))]
    if not named and universe is None:
        return None
    codes = [code.strip() for text in named for code in text.split(",") if code.strip()]
    if universe is not None:
        try:
            text = universe.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise BadInput(f"The universe {universe} cannot be read: {reason}.") from None
        lines = [line.split("#")[0].split(",")[0].split("\t")[0].strip().strip('"') for line in text.splitlines()]
        # The head of a table is no code: it has no digit.
        codes += [line for line in lines if line and any(sign.isdigit() for sign in line)]
    if not codes:
        raise BadInput("--ticker and --universe name no code.")
    return list(dict.fromkeys(codes))
