"""Synthetic minute bars of one or a few tickers, inside the exchange's hours, grid and limits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.data import catalog
from engine.data.atomic import atomic_folder
from engine.data.manifest import Manifest
from engine.data.sample import SECTORS, sample_manifest, sample_sessions, sample_ticker
from engine.data.sample_kernels import simulate_minutes
from engine.errors import DataError
from engine.krx.arrays import exchange_arrays, round_up
from engine.krx.dated import date_of
from engine.krx.instrument_class import InstrumentClass
from engine.krx.sessions import session_hours

Integers = NDArray[np.int64]

MAX_TICKERS = 50
CLOSING_CALL_MINUTES = 10
MINUTE_NS = 60_000_000_000
SESSION_MINUTES = 381


def make_minute_sample(
    destination: str | Path,
    *,
    tickers: int = 1,
    years: int = 5,
    seed: int = 1,
    bars: int | None = None,
    overwrite: bool = False,
) -> Manifest:
    """Make a synthetic dataset of one-minute bars: one per minute until the closing call, and one for the call.

    Args:
        destination: the dataset's folder.
        tickers: number of instruments.
        years: calendar years of sessions, the last one being 2024.
        seed: equal seeds give equal files.
        bars: stop after this many bars per ticker; None keeps all years.
        overwrite: replace an existing dataset.

    Raises:
        DataError: a number out of range, or the destination exists.
    """
    if not 1 <= tickers <= MAX_TICKERS:
        raise DataError(f"{tickers:,} tickers of minute bars are out of range. Ask for 1 to {MAX_TICKERS}.")
    days = sample_sessions(years)
    session, closed_at_ns, weight = _timetable(days)
    if bars is not None:
        if not 1 <= bars <= len(session):
            raise DataError(
                f"{bars:,} bars are out of range: {years} years have {len(session):,} minutes. Ask for more years."
            )
        session, closed_at_ns, weight = session[:bars], closed_at_ns[:bars], weight[:bars]
    generator = np.random.default_rng(seed)
    prices, volume = _simulate(generator, days, session, weight, tickers)
    names = [sample_ticker(number + 1) for number in range(tickers)]
    table = _bars(names, closed_at_ns, prices, volume)
    with atomic_folder(destination, overwrite=overwrite) as part:
        return catalog.write_dataset(
            part,
            sample_manifest(Path(destination).name, seed, days[: session[-1] + 1], "1m"),
            table,
            _instruments(names),
            pl.DataFrame(schema=catalog.ACTIONS_SCHEMA),
            {},
        )


def _timetable(days: Integers) -> tuple[Integers, Integers, NDArray[np.float64]]:
    """Row of the session, closing time and weight of variance for every minute bar.

    The first and last half hours are the busiest; the closing call prints in the minute after the nominal end.
    """
    session: list[Integers] = []
    closes: list[Integers] = []
    weights: list[NDArray[np.float64]] = []
    for row, day in enumerate(days):
        periods = session_hours(date_of(int(day))).periods
        begin = int(periods[0][0].timestamp()) * 1_000_000_000
        end = int(periods[-1][1].timestamp()) * 1_000_000_000
        minutes = (end - begin) // MINUTE_NS - CLOSING_CALL_MINUTES
        stamps = begin + MINUTE_NS * np.arange(1, minutes + 1, dtype=np.int64)
        closes.append(np.append(stamps, end + MINUTE_NS))
        session.append(np.full(minutes + 1, row, dtype=np.int64))
        place = np.linspace(-1.0, 1.0, minutes + 1)
        weights.append(0.5 + 1.5 * place**2)
    return np.concatenate(session), np.concatenate(closes), np.concatenate(weights)


def _simulate(
    generator: np.random.Generator, days: Integers, session: Integers, weight: NDArray[np.float64], count: int
) -> tuple[Integers, Integers]:
    rules = exchange_arrays(days)
    kind = np.full(count, int(InstrumentClass.KOSPI_STOCK), dtype=np.int64)
    table = int(rules.tick_table[InstrumentClass.KOSPI_STOCK, 0])
    drawn = generator.integers(40_000, 150_000, count)
    first = np.array(
        [round_up(int(price), rules.tick_bounds[table], rules.tick_sizes[table]) for price in drawn], dtype=np.int64
    )
    shape = (len(session), count)
    daily = generator.uniform(0.015, 0.022, count)
    return simulate_minutes(
        session,
        weight,
        first,
        kind,
        daily / np.sqrt(SESSION_MINUTES),
        generator.uniform(300, 3_000, count),
        generator.standard_t(5, shape) * np.sqrt(3 / 5),
        np.abs(generator.standard_normal(shape)) * 0.5,
        generator.standard_normal(shape),
        rules.tick_bounds,
        rules.tick_sizes,
        rules.tick_table,
        rules.limit_pct,
    )


def _bars(names: list[str], closed_at_ns: Integers, prices: Integers, volume: Integers) -> pl.DataFrame:
    rows, count = volume.shape
    time = pl.Series(closed_at_ns // 1000).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone("Asia/Seoul")
    opened, high, low, close = (prices[k].reshape(-1) for k in range(4))
    quantity = volume.reshape(-1)
    return pl.DataFrame(
        {
            "time": time.gather(np.repeat(np.arange(rows), count)),
            "ticker": pl.Series(names).gather(np.tile(np.arange(count), rows)),
            "open": opened,
            "high": high,
            "low": low,
            "close": close,
            "volume": quantity,
            "value": (opened + high + low + close) * quantity // 4,
        }
    )


def _instruments(names: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "ticker": names,
            "name": [f"합성{number:03d}" for number in range(1, len(names) + 1)],
            "market": ["KOSPI"] * len(names),
            "product": ["STOCK"] * len(names),
            "sector": [f"합성 {SECTORS[number % len(SECTORS)]}" for number in range(len(names))],
            "multiple": [1] * len(names),
        }
    )
