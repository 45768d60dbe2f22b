"""A synthetic market that obeys the exchange's rules: the embedded default, and material for tests.

Everything follows from the seed. Names say that they are synthetic; tickers have a `U` in fifth place, which
the exchange never issues (it leaves out I, O and U), so that no one can take them for a listed share.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.data import catalog
from engine.data.atomic import atomic_folder
from engine.data.manifest import Manifest
from engine.data.notes import note
from engine.data.sample_kernels import (
    ABSENT,
    CRASH,
    FIRST_DAY,
    HALTED,
    LIQUIDATION,
    TRADING,
    chain_index,
    simulate,
)
from engine.errors import DataError
from engine.krx.arrays import exchange_arrays, round_up
from engine.krx.dated import date_of, days_since_epoch
from engine.krx.instrument_class import InstrumentClass
from engine.krx.sessions import close_times_ns, session_days
from engine.krx.tables.price_limits import MULTIPLE_APPLIES

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

LAST_YEAR = 2024  # a fixed end: the same seed gives the same market whenever it is run
FIRST_YEAR = 2003
MAX_TICKERS = 9_999
SECTORS = ("반도체", "바이오", "자동차", "은행", "화학", "건설", "유통", "소프트웨어", "조선", "게임")
LIQUIDATION_LENGTH = 7


@dataclass(frozen=True)
class _Market:
    """Instruments and events of a sample before any price exists; T sessions, N instruments."""

    tickers: list[str]
    names: list[str]
    kind: Integers
    multiple: Integers
    sector: Integers
    event: NDArray[np.int8]
    numerator: Integers
    denominator: Integers
    cash: Integers
    listed: list[datetime.date | None]
    delisted: list[datetime.date | None]
    managed: NDArray[np.bool_]


def make_sample(
    destination: str | Path,
    *,
    tickers: int = 200,
    years: int = 5,
    seed: int = 1,
    overwrite: bool = False,
) -> Manifest:
    """Make a daily synthetic dataset.

    Args:
        destination: the dataset's folder.
        tickers: number of instruments: stocks of KOSPI and KOSDAQ, and about one ETF in sixteen.
        years: calendar years of sessions, the last one being 2024.
        seed: equal seeds give equal files.
        overwrite: replace an existing dataset.

    Returns:
        The manifest as written.

    Raises:
        DataError: a number out of range, or the destination exists.
    """
    if not 1 <= tickers <= MAX_TICKERS:
        raise DataError(f"{tickers:,} tickers are out of range. Ask for 1 to {MAX_TICKERS:,}.")
    days = sample_sessions(years)
    generator = np.random.default_rng(seed)
    market = _plan(generator, days, tickers)
    prices, volume, base, shares = _run(generator, market, days)
    bars = _bars(market, days, prices, volume, base, shares)
    with atomic_folder(destination, overwrite=overwrite) as part:
        return catalog.write_dataset(
            part,
            sample_manifest(Path(destination).name, seed, days, "1d"),
            bars,
            _instruments(market),
            _actions(market, days),
            _indices(market, days, prices, base, shares),
        )


def sample_sessions(years: int) -> Integers:
    """Sessions of the last `years` calendar years until 2024, as days since 1970-01-01.

    Raises:
        DataError: years out of range.
    """
    if not 1 <= years <= LAST_YEAR - FIRST_YEAR + 1:
        raise DataError(f"{years} years are out of range. Ask for 1 to {LAST_YEAR - FIRST_YEAR + 1}.")
    sessions = session_days()
    first = days_since_epoch(datetime.date(LAST_YEAR - years + 1, 1, 1))
    last = days_since_epoch(datetime.date(LAST_YEAR, 12, 31))
    return sessions[(sessions >= first) & (sessions <= last)].copy()


def sample_manifest(name: str, seed: int, days: Integers, interval: str) -> Manifest:
    """Manifest of a sample before its files exist."""
    return Manifest(
        name=name,
        source=(f"geoul data sample, seed {seed}",),
        first=date_of(int(days[0])),
        last=date_of(int(days[-1])),
        interval=interval,
        adjusted=False,
        synthetic=True,
        notes=(note("synthetic"),),
    )


def sample_ticker(number: int) -> str:
    """Ticker of the n-th synthetic instrument.

    >>> sample_ticker(1), sample_ticker(250)
    ('0001U0', '0250U0')
    """
    return f"{number:04d}U0"


def _plan(generator: np.random.Generator, days: Integers, count: int) -> _Market:
    """Draw instruments, listings, delistings, halts and splits."""
    rows = len(days)
    funds = count // 16
    kind = np.where(generator.random(count) < 0.4, InstrumentClass.KOSPI_STOCK, InstrumentClass.KOSDAQ_STOCK).astype(
        np.int64
    )
    if funds:
        kind[-funds:] = InstrumentClass.ETF
    if count - funds > 1:  # both markets exist in every sample
        kind[0], kind[1] = InstrumentClass.KOSPI_STOCK, InstrumentClass.KOSDAQ_STOCK
    fund = kind == InstrumentClass.ETF
    multiple = np.where(fund, generator.choice([1, 1, 1, 2, -1], count), 1).astype(np.int64)
    event = np.full((rows, count), TRADING, dtype=np.int8)
    numerator = np.ones((rows, count), dtype=np.int64)
    denominator = np.ones((rows, count), dtype=np.int64)
    cash = np.zeros((rows, count), dtype=np.int64)
    managed = np.zeros((rows, count), dtype=np.bool_)
    listed: list[datetime.date | None] = [None] * count
    delisted: list[datetime.date | None] = [None] * count

    for n in range(2, count):
        fate = generator.random()
        if fate < 0.18 and rows > 80:
            first = int(generator.integers(20, rows - 40))
            event[:first, n] = ABSENT
            event[first, n] = FIRST_DAY if not fund[n] else TRADING
            listed[n] = date_of(int(days[first]))
        elif fate < 0.24 and rows > 160 and not fund[n]:
            delisted[n] = _plan_delisting(generator, days, event[:, n], managed[:, n])
        elif fate < 0.25 and rows > 160:
            event[int(generator.integers(100, rows - 20)) :, n] = ABSENT  # a merger: the rows merely end
        _plan_halts(generator, event[:, n])
        if not fund[n]:
            _plan_splits(generator, event[:, n], numerator[:, n], denominator[:, n])
        elif multiple[n] == 1:
            _plan_distributions(generator, event[:, n], cash[:, n])
    return _Market(
        tickers=[sample_ticker(number + 1) for number in range(count)],
        names=[_name(number + 1, bool(fund[number]), int(multiple[number])) for number in range(count)],
        kind=kind,
        multiple=multiple,
        sector=generator.integers(0, len(SECTORS), count),
        event=event,
        numerator=numerator,
        denominator=denominator,
        cash=cash,
        listed=listed,
        delisted=delisted,
        managed=managed,
    )


def _name(number: int, fund: bool, multiple: int) -> str:
    kind = {2: " 레버리지", -1: " 인버스"}.get(multiple, "")
    return f"합성ETF{number:03d}{kind}" if fund else f"합성{number:03d}"


def _plan_delisting(
    generator: np.random.Generator, days: Integers, event: NDArray[np.int8], managed: NDArray[np.bool_]
) -> datetime.date:
    """Managed, halted, seven sessions of liquidation trading, gone. The date is the last session."""
    last = int(generator.integers(120, len(event) - 10))
    begin = last - LIQUIDATION_LENGTH + 1
    halt = begin - int(generator.integers(10, 25))
    event[halt:begin] = HALTED
    event[begin] = CRASH
    event[begin + 1 : last + 1] = LIQUIDATION
    event[last + 1 :] = ABSENT
    managed[max(halt - 60, 0) : last + 1] = True
    return date_of(int(days[last]))


def _plan_halts(generator: np.random.Generator, event: NDArray[np.int8]) -> None:
    """About one halt in three years, of one session to four weeks, inside ordinary trading."""
    for _ in range(generator.poisson(len(event) / 750)):
        first = int(generator.integers(0, len(event)))
        length = int(min(1 + generator.exponential(4), 20))
        cells = event[first : first + length]
        cells[cells == TRADING] = HALTED


def _plan_splits(
    generator: np.random.Generator,
    event: NDArray[np.int8],
    numerator: Integers,
    denominator: Integers,
) -> None:
    """A split, bonus issue or capital reduction for about one stock in eight every five years."""
    if generator.random() >= len(event) / 1230 / 8:
        return
    row = int(generator.integers(1, len(event)))
    if event[row] != TRADING or event[row - 1] == ABSENT:
        return
    ratios = ((5, 1), (2, 1), (10, 1), (3, 2), (1, 5), (1, 10))
    numerator[row], denominator[row] = ratios[int(generator.integers(0, len(ratios)))]
    if numerator[row] < denominator[row]:  # shares are exchanged during a halt
        before = event[max(row - 12, 1) : row]
        before[before == TRADING] = HALTED


def _plan_distributions(generator: np.random.Generator, event: NDArray[np.int8], cash: Integers) -> None:
    """A plain fund pays a little every quarter."""
    for row in range(60 + int(generator.integers(0, 20)), len(event), 62):
        if event[row] == TRADING and event[row - 1] == TRADING:
            cash[row] = int(generator.integers(2, 12)) * 10


def _run(
    generator: np.random.Generator, market: _Market, days: Integers
) -> tuple[Integers, Integers, Integers, Integers]:
    """Draw all random numbers and run the kernel; arrays as `simulate` returns them."""
    rows, count = market.event.shape
    rules = exchange_arrays(days)
    fund = market.kind == InstrumentClass.ETF
    first_price = np.exp(generator.normal(9.4, 0.9, count)).clip(900, 400_000).astype(np.int64)
    first_price[fund] = generator.integers(8_000, 30_000, int(fund.sum()))
    for n in range(count):
        table = rules.tick_table[market.kind[n], 0]
        first_price[n] = round_up(first_price[n], rules.tick_bounds[table], rules.tick_sizes[table])
    market_return = _market_returns(generator, rows)
    sector_return = 0.005 * _student(generator, (rows, len(SECTORS) + 1))
    sector_return[:, -1] = 0.0  # funds follow no sector
    volatility = np.where(fund, 0.0015, generator.uniform(0.014, 0.034, count))
    value_won = np.exp(generator.normal(25.8, 1.2, count))  # market value at the start, around 160 bn won
    shares = np.maximum((value_won / first_price).astype(np.int64), 100_000)
    turnover = np.exp(generator.normal(-5.2, 0.8, count))
    return simulate(
        market.event,
        first_price,
        market.numerator,
        market.denominator,
        market.cash,
        market.kind,
        market.multiple,
        np.where(fund, len(SECTORS), market.sector),
        np.where(fund, market.multiple, generator.normal(1.0, 0.3, count)),
        volatility,
        turnover,
        shares,
        market_return,
        sector_return,
        _student(generator, (rows, count)),
        generator.uniform(0.0, 0.7, (rows, count)),
        np.abs(generator.standard_normal((rows, count))),
        np.abs(generator.standard_normal((rows, count))),
        generator.standard_normal((rows, count)),
        rules.tick_bounds,
        rules.tick_sizes,
        rules.tick_table,
        rules.limit_pct,
        rules.first_day_pct,
        _multiple_applies(days),
    )


def _student(generator: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Fat-tailed shocks of unit variance: Student's t with five degrees of freedom."""
    draws: Floats = generator.standard_t(5, shape) * np.sqrt(3 / 5)
    return draws


def _market_returns(generator: np.random.Generator, rows: int) -> Floats:
    """Common factor: fat tails, volatility that wanders slowly around one percent a day, a small drift."""
    shocks = _student(generator, (rows, 2))
    log_volatility = np.empty(rows)
    level = 0.0
    for row in range(rows):
        level = 0.97 * level + 0.12 * shocks[row, 1]
        log_volatility[row] = level
    returns: Floats = 0.0002 + 0.0095 * np.exp(log_volatility) * shocks[:, 0]
    return returns.clip(-0.12, 0.12)


def _multiple_applies(days: Integers) -> NDArray[np.bool_]:
    starts = MULTIPLE_APPLIES.verified_from
    return np.array(
        [date_of(int(day)) >= starts and MULTIPLE_APPLIES.at(date_of(int(day))) for day in days], dtype=np.bool_
    )


def _bars(
    market: _Market, days: Integers, prices: Integers, volume: Integers, base: Integers, shares: Integers
) -> pl.DataFrame:
    """Present cells as catalog rows, in order of (time, ticker)."""
    row, col = np.nonzero(market.event != ABSENT)
    event, cells = market.event[row, col], (row, col)
    quantity = volume[cells]
    opened, high, low, close = (prices[k][cells] for k in range(4))
    # The average of the four prices lies inside the bar, as the traded amount of a regular session does.
    value = (opened + high + low + close) * quantity // 4
    status = np.zeros(len(row), dtype=np.int64)
    status[market.managed[cells]] = 1
    status[(event == LIQUIDATION) | (event == CRASH)] = 2
    status[event == HALTED] = 3
    times = pl.Series(close_times_ns(days) // 1000).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone("Asia/Seoul")
    return pl.DataFrame(
        {
            "time": times.gather(row),
            "ticker": pl.Series(market.tickers).gather(col),
            "open": opened,
            "high": high,
            "low": low,
            "close": close,
            "volume": quantity,
            "value": value,
            "base_price": base[cells],
            "shares": shares[cells],
            "status": pl.Series(["normal", "managed", "liquidation", "halted"]).gather(status),
        }
    )


def _instruments(market: _Market) -> pl.DataFrame:
    fund = market.kind == InstrumentClass.ETF
    kosdaq = market.kind == InstrumentClass.KOSDAQ_STOCK
    return pl.DataFrame(
        {
            "ticker": market.tickers,
            "name": market.names,
            "market": ["KOSDAQ" if flag else "KOSPI" for flag in kosdaq],
            "product": ["ETF" if flag else "STOCK" for flag in fund],
            "sector": [None if flag else f"합성 {SECTORS[at]}" for flag, at in zip(fund, market.sector, strict=True)],
            "multiple": market.multiple,
            "listed": market.listed,
            "delisted": market.delisted,
        },
        schema=catalog.INSTRUMENTS_SCHEMA,
    )


def _actions(market: _Market, days: Integers) -> pl.DataFrame:
    present = market.event != ABSENT
    acted = present & ((market.numerator != market.denominator) | (market.cash > 0))
    row, col = np.nonzero(acted)
    cash = market.cash[row, col]
    return pl.DataFrame(
        {
            "date": [date_of(int(days[at])) for at in row],
            "ticker": [market.tickers[at] for at in col],
            "kind": ["cash" if amount else "split" for amount in cash],
            "numerator": market.numerator[row, col],
            "denominator": market.denominator[row, col],
            "cash": cash,
            "source": ["generated"] * len(row),
            "confidence": ["high"] * len(row),
        },
        schema=catalog.ACTIONS_SCHEMA,
    )


def _indices(
    market: _Market, days: Integers, prices: Integers, base: Integers, shares: Integers
) -> dict[str, pl.DataFrame]:
    times = pl.Series(close_times_ns(days) // 1000).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone("Asia/Seoul")
    members = {"KOSPI": (InstrumentClass.KOSPI_STOCK, 2000.0), "KOSDAQ": (InstrumentClass.KOSDAQ_STOCK, 700.0)}
    result = {}
    for name, (kind, start) in members.items():
        points = chain_index(prices, base, shares, market.kind == kind, start).round(2)
        result[name] = pl.DataFrame(
            {"time": times, **{field: points[at] for at, field in enumerate(("open", "high", "low", "close"))}}
        )
    return result
