"""Prices, rankings and indices as the engine knows them; each environment asks what it has.

                live                                        paper
quotes          intstock_multprice, 30 a call               inquire_price, one a call
rankings        volume_rank, fluctuation: the whole market  own ranking of the watched names, or after the close of all
index           inquire_index_price and daily bars          daily bars; no breadth

With `quotes: live` the paper account asks the live host and has the left column too. KIS gives no time of the last
trade in these calls, so a quote bears the time at which it was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Literal, TypeVar

import numpy as np

from brokers.kis.codes import Handling
from brokers.kis.environment import LIVE
from brokers.kis.errors import CallRefused
from brokers.kis.messages import (
    DailyPriceRow,
    FluctuationRow,
    IndexCandleRow,
    IndexChartHead,
    IndexPrice,
    MultiQuoteRow,
    PriceQuote,
    VolumeRankRow,
)
from brokers.kis.quotation_endpoints import MOST_TICKERS
from brokers.kis.rest import KisRest
from engine.broker import IndexQuote, Quote
from engine.clock import Clock
from engine.errors import BadInput
from engine.krx.sessions import is_session, session_close
from engine.rules.interval import bars_per_year

INDEX_CODES = {"KOSPI": "0001", "KOSDAQ": "1001", "KOSPI200": "2001"}
_WINDOW = 20  # sessions
_EOK = 100_000_000
_FALLING = ("4", "5")
MARKET_OF = {"KRX": "J", "NXT": "NX", "SOR": "UN"}
_GROWTH, _DECLINE = "volume_growth", "decline"
A = TypeVar("A")
B = TypeVar("B")


class Ranking(tuple[Quote, ...]):
    """Quotes in order, and of which names they are the first.

    Attributes:
        universe: "market" = all listed names, "watched" = those that this account looks at.
        names: how many were compared; None where KIS did it.
    """

    universe: Literal["market", "watched"]
    names: int | None

    @classmethod
    def of(cls, quotes: Iterable[Quote], universe: Literal["market", "watched"], names: int | None) -> Ranking:
        """A ranking from quotes that are in order."""
        ranking = cls(quotes)
        ranking.universe, ranking.names = universe, names
        return ranking


class KisQuotes:
    """The market as KIS tells it.

    Args:
        rest: asks.
        clock: time of quotes.
        universe: all names of the market, for a ranking after the close where KIS has none.
    """

    def __init__(self, rest: KisRest, clock: Clock, universe: Sequence[str] = ()) -> None:
        self._rest, self._clock, self._universe = rest, clock, tuple(universe)
        config = rest.config
        self._has_live = config.world is LIVE or config.options.quotes == "live"
        self._market = MARKET_OF[config.options.exchange]
        self._volumes: dict[str, tuple[date, int | None]] = {}
        self._after_close: tuple[date, tuple[Quote, ...]] | None = None

    def quotes(self, tickers: Sequence[str]) -> list[Quote]:
        """Last prices in the order asked; names that KIS does not know, or that have no price, are left out.

        Raises:
            KisError: the prices cannot be had.
        """
        if not self._has_live:
            return [quote for quote in self._each(self._single, tickers) if quote is not None]
        parts = [tickers[start : start + MOST_TICKERS] for start in range(0, len(tickers), MOST_TICKERS)]
        return [quote for part in self._each(self._many, parts) for quote in part]

    def rankings(self, kind: str, count: int, watched: Sequence[str]) -> Ranking:
        """The first `count` names by "volume_growth" or "decline".

        Args:
            kind: what is compared.
            count: at most so many; KIS itself gives 30.
            watched: names to rank where KIS ranks nothing.

        Raises:
            BadInput: no such ranking.
            KisError: the figures cannot be had.
        """
        if kind not in (_GROWTH, _DECLINE):
            raise BadInput(f"There is no ranking {kind!r}. Ask for {_GROWTH!r} or {_DECLINE!r}.")
        if self._has_live:
            return Ranking.of(_first(kind, self._ranked(kind), count), "market", None)
        now = self._clock.now()
        is_after = not is_session(now.date()) or now >= session_close(now.date())
        if is_after and self._universe:
            if self._after_close is None or self._after_close[0] != now.date():
                self._after_close = now.date(), tuple(self._with_growth(self._universe))
            quotes: Sequence[Quote] = self._after_close[1]
            return Ranking.of(_first(kind, quotes, count), "market", len(self._universe))
        quotes = self._with_growth(watched) if kind == _GROWTH else self.quotes(watched)
        return Ranking.of(_first(kind, quotes, count), "watched", len(watched))

    def index(self, name: str) -> IndexQuote:
        """An index by its name ("KOSPI") or KIS's code ("0001").

        Raises:
            KisError: it cannot be had.
        """
        now = self._clock.now()
        code = INDEX_CODES.get(name, name)
        chart = self._rest.call(
            "inquire_daily_indexchartprice",
            {
                "FID_INPUT_ISCD": code,
                "FID_INPUT_DATE_1": f"{now.date() - timedelta(days=60):%Y%m%d}",
                "FID_INPUT_DATE_2": f"{now.date():%Y%m%d}",
            },
        )
        head = chart.maybe(IndexChartHead)
        rows = sorted(chart.rows(IndexCandleRow), key=lambda row: row.day)
        breadth = None
        level = float(head.level) if head is not None else None
        if self._has_live:
            breadth = self._rest.call("inquire_index_price", {"FID_INPUT_ISCD": code}).one(IndexPrice)
            level = float(breadth.level)
        closes = [float(row.close) for row in rows if row.day < now.date()][-_WINDOW:]
        if level is None and closes:
            level = closes.pop()
        # Before the first trade of a day the level is still that of the session before.
        if rows and rows[-1].day < now.date() and closes and level == closes[-1]:
            closes = [float(row.close) for row in rows[:-1]][-_WINDOW:]
        change, mean, volatility = _figures(closes, level)
        return IndexQuote(
            code=name,
            time=now,
            level=level,
            change_rate=change,
            mean_20=mean,
            volatility_20=volatility,
            advancers=breadth.advancers if breadth else None,
            decliners=breadth.decliners if breadth else None,
            unchanged=breadth.unchanged if breadth else None,
        )

    # The work -----------------------------------------------------------------------------------------------

    def _each(self, ask: Callable[[A], B], things: Sequence[A]) -> list[B]:
        """What each thing gives, in order; several calls in flight where the rate is worth it, all within it."""
        workers = min(self._rest.config.quote_workers, len(things))
        if workers < 2:
            return [ask(thing) for thing in things]
        with ThreadPoolExecutor(workers, thread_name_prefix="kis-quotes") as pool:
            return self._rest.wait_for(lambda: list(pool.map(ask, things)))

    def _single(self, ticker: str) -> Quote | None:
        values = {"FID_INPUT_ISCD": ticker, "FID_COND_MRKT_DIV_CODE": self._market}
        try:
            row = self._rest.call("inquire_price", values).maybe(PriceQuote)
        except CallRefused as error:
            if error.failure.handling is Handling.STOP and not error.failure.code.startswith("EGW"):
                return None  # no such name
            raise
        if row is None or row.price <= 0:
            return None
        return Quote(
            ticker=ticker,
            time=self._clock.now(),
            price=row.price,
            previous_close=_before(row.price, row.change, row.change_sign),
            volume=row.volume,
            previous_volume=None,
            market_cap=row.market_cap_eok * _EOK if row.market_cap_eok else None,  # 0 is what nobody knows
        )

    def _many(self, tickers: Sequence[str]) -> list[Quote]:
        values = {}
        for number, ticker in enumerate(tickers, start=1):
            values[f"FID_COND_MRKT_DIV_CODE_{number}"] = self._market
            values[f"FID_INPUT_ISCD_{number}"] = ticker
        try:
            rows = self._rest.call("intstock_multprice", values).rows(MultiQuoteRow)
        except CallRefused:  # one name that KIS does not know spoils the whole call
            return [quote for ticker in tickers if (quote := self._single(ticker)) is not None]
        known = {row.ticker.strip(): row for row in rows if row.price > 0}
        return [
            Quote(
                ticker=ticker,
                time=self._clock.now(),
                price=row.price,
                previous_close=_before(row.price, row.change, row.change_sign),
                volume=row.volume,
                previous_volume=None,
            )
            for ticker in tickers
            if (row := known.get(ticker)) is not None
        ]

    def _ranked(self, kind: str) -> list[Quote]:
        rows: Sequence[VolumeRankRow | FluctuationRow]
        if kind == _GROWTH:
            rows = self._rest.call("volume_rank", {"FID_BLNG_CLS_CODE": "1"}).rows(VolumeRankRow)
        else:
            rows = self._rest.call("fluctuation", {"fid_rank_sort_cls_code": "1"}).rows(FluctuationRow)
        return [
            Quote(
                ticker=row.ticker.strip(),
                time=self._clock.now(),
                price=row.price,
                previous_close=_before(row.price, row.change, row.change_sign),
                volume=row.volume,
                previous_volume=row.previous_volume if isinstance(row, VolumeRankRow) else None,
            )
            for row in rows
        ]

    def _with_growth(self, tickers: Sequence[str]) -> list[Quote]:
        """Quotes with the volume of the session before, which a call of its own tells, once a day and name."""
        quotes = self.quotes(tickers)
        before = self._each(self._volume_before, [quote.ticker for quote in quotes])
        return [
            Quote(
                ticker=quote.ticker,
                time=quote.time,
                price=quote.price,
                previous_close=quote.previous_close,
                volume=quote.volume,
                previous_volume=volume,
                market_cap=quote.market_cap,
            )
            for quote, volume in zip(quotes, before, strict=True)
        ]

    def _volume_before(self, ticker: str) -> int | None:
        today = self._clock.now().date()
        known = self._volumes.get(ticker)
        if known is None or known[0] != today:
            values = {"FID_INPUT_ISCD": ticker, "FID_COND_MRKT_DIV_CODE": self._market, "FID_ORG_ADJ_PRC": "1"}
            rows = self._rest.call("inquire_daily_price", values).rows(DailyPriceRow)
            # The quote is of the last session that has begun; what lies before is the second row then.
            days = sorted(rows, key=lambda row: row.day, reverse=True)
            known = today, days[1].volume if len(days) > 1 else None
            self._volumes[ticker] = known
        return known[1]


def _first(kind: str, quotes: Iterable[Quote], count: int) -> list[Quote]:
    """The quotes that can be compared, in order; ties by ticker."""
    if kind == _GROWTH:
        grown = [quote for quote in quotes if quote.volume_growth is not None]
        return sorted(grown, key=lambda quote: (-(quote.volume_growth or 0.0), quote.ticker))[:count]
    moved = [quote for quote in quotes if quote.change_rate is not None and quote.volume > 0]
    return sorted(moved, key=lambda quote: (quote.change_rate or 0.0, quote.ticker))[:count]


def _before(price: int, change: int | None, sign: str) -> float | None:
    """The price of the session before; the sign code decides, because the change is seen with and without a sign."""
    if change is None:
        return None
    moved = -abs(change) if sign in _FALLING else abs(change) if sign in ("1", "2") else change
    return float(price - moved) if price > moved else None


def _figures(closes: Sequence[float], level: float | None) -> tuple[float | None, float | None, float | None]:
    """Change, 20-day mean, volatility, as the replay counts them: closes of sessions before, and the level now."""
    if level is None or not closes:
        return None, None, None
    levels = np.append(np.array(closes), level)
    changes = np.diff(levels) / levels[:-1]
    mean = float(levels[-_WINDOW:].mean()) if len(levels) >= _WINDOW else None
    volatility = float(changes.std(ddof=1) * bars_per_year("1d") ** 0.5) if len(levels) > _WINDOW else None
    return float(changes[-1]), mean, volatility
