"""Names and indices that somebody wants to be told about though nothing is held of them: `watch_list.yaml` in the
account's folder.

tickers: ["005930", "000660"]
indices: [KOSPI, KOSDAQ]
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from engine.config import load_config
from engine.errors import ConfigError
from engine.instrument import TICKER
from engine.ledger.ledger import Ledger
from engine.trading.watch import Level

FILE = "watch_list.yaml"


class Rank(IntEnum):
    """Why a name is listened to. Where there are more names than places, the higher ranks are heard all the time."""

    WATCHED = 1  # on the watch list
    HELD = 2  # without a level
    LEVEL = 3  # something is sent when a price is reached
    ORDERED = 4  # an order is open
    GUARDED = 5  # a level guards a holding


class WatchList(BaseModel):
    """What the file says.

    Args:
        tickers: KRX short codes, the most important first.
        indices: KOSPI, KOSDAQ, KOSPI200, or codes of the venue.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tickers: tuple[str, ...] = ()
    indices: tuple[str, ...] = ()

    @field_validator("tickers")
    @classmethod
    def _are_codes(cls, tickers: tuple[str, ...]) -> tuple[str, ...]:
        for ticker in tickers:
            if not TICKER.fullmatch(ticker):
                raise ValueError(f'{ticker!r} is no KRX short code; write codes in quotes, such as "005930"')
        return tuple(dict.fromkeys(tickers))

    @field_validator("indices")
    @classmethod
    def _have_names(cls, indices: tuple[str, ...]) -> tuple[str, ...]:
        if not all(indices):
            raise ValueError("an index needs a name, such as KOSPI")
        return tuple(dict.fromkeys(indices))


def load_watch_list(folder: Path) -> WatchList:
    """The watch list of an account's folder; empty where it has no file.

    Raises:
        ConfigError: the file cannot be read, has unknown keys, or names what is no code.
    """
    path = folder / FILE
    if not path.is_file():
        return WatchList()
    try:
        return WatchList.model_validate(load_config(path))
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors())
        raise ConfigError(f"{path} is no watch list: {told}. It takes tickers and indices, both lists.") from None


def ranks_of(levels: Iterable[Level], ledger: Ledger, listed: WatchList) -> dict[str, Rank]:
    """Every name that an account wants to hear, with its rank."""
    ranks = dict.fromkeys(listed.tickers, Rank.WATCHED)
    found = [(ticker, Rank.HELD) for ticker in sorted(ledger.positions)]
    found += [(level.ticker, Rank.GUARDED if level.is_guard else Rank.LEVEL) for level in levels]
    found += [(order.request.ticker, Rank.ORDERED) for order in ledger.open_orders()]
    for ticker, rank in found:
        ranks[ticker] = max(rank, ranks.get(ticker, rank))
    return ranks
