"""What a source is: adjusted or not, stock or fund, which interval, which status."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.data.catalog import MARKETS
from engine.data.timeline import day_numbers
from engine.errors import DataError
from engine.krx.columns import tick_column
from engine.krx.dated import days_since_epoch
from engine.krx.instrument_class import InstrumentClass, instrument_class
from engine.krx.sessions import ordinals
from engine.krx.tables.price_grid import OFF_GRID_TRADES

OFF_GRID_SHARE = 0.005
FUND_OFF_GRID_SHARE = 0.05
# Band tables before this day rest on one source or contradict each other (krx/README 12): no evidence.
GRID_SURE_FROM = days_since_epoch(datetime.date(2003, 7, 21))
MARKET_NAMES = {
    "KOSPI": "KOSPI",
    "코스피": "KOSPI",
    "유가증권": "KOSPI",
    "유가증권시장": "KOSPI",
    "STK": "KOSPI",
    "KRX": "KOSPI",
    "KOSDAQ": "KOSDAQ",
    "KOSDAQ GLOBAL": "KOSDAQ",
    "코스닥": "KOSDAQ",
    "코스닥시장": "KOSDAQ",
    "KSQ": "KOSDAQ",
    "KONEX": "KONEX",
    "코넥스": "KONEX",
    "코넥스시장": "KONEX",
    "KNX": "KONEX",
}
STATUS_NAMES = {
    "normal": "normal",
    "정상": "normal",
    "managed": "managed",
    "관리종목": "managed",
    "warning": "warning",
    "투자주의환기종목": "warning",
    "liquidation": "liquidation",
    "정리매매": "liquidation",
    "halted": "halted",
    "거래정지": "halted",
}
# Brand names that fund houses put first in a fund's name.
FUND_NAME = re.compile(
    r"^(KODEX|TIGER|KBSTAR|RISE|ACE|KINDEX|ARIRANG|PLUS|HANARO|SOL|KOSEF|KIWOOM|TIMEFOLIO|TREX|FOCUS|WON|1Q|KoAct|BNK|마이티|파워)\s"
)


def adjusted_from_name(path: Path) -> bool | None:
    """What the file name says: True adjusted, False raw, None nothing.

    >>> adjusted_from_name(Path("krx_unadjusted_2021.csv")), adjusted_from_name(Path("adj_close.csv"))
    (False, True)
    """
    name = path.stem.lower()
    if re.search(r"un-?adj|non-?adj|no-?adj|비수정|무수정|원주가|(?<![a-z])raw(?![a-z])", name):
        return False
    if re.search(r"(?<![a-z])adj|수정", name):
        return True
    return None


def detect_adjusted(bars: pl.DataFrame, kinds: NDArray[np.int64]) -> tuple[bool, str]:
    """Whether prices are adjusted, from the prices themselves, and the code of the note that says why.

    Args:
        bars: day, open, high, low, close, volume, price unit won (Float64 or Int64); base_price if known.
        kinds: int64[rows], class of each row; funds are no evidence, their grid is too fine.
    """
    if not _whole(bars):
        return True, "adjusted_fractions"
    if "base_price" in bars.columns and bars["base_price"].null_count() < bars.height:
        return False, "unadjusted_base"
    if off_grid_share(bars, kinds) > OFF_GRID_SHARE:
        return True, "adjusted_grid"
    return False, "unadjusted_grid"


def off_grid_share(bars: pl.DataFrame, kinds: NDArray[np.int64]) -> float:
    """Share of traded closes off the grid, before trades off the grid became possible; 0 without such rows."""
    days = day_numbers(bars["day"])
    first_off_grid = days_since_epoch(next(row.from_date for row in OFF_GRID_TRADES.rows if row.value))
    evidence = (
        (bars["volume"].to_numpy() > 0)
        & (kinds <= InstrumentClass.KONEX_STOCK)
        & (days >= GRID_SURE_FROM)
        & (days < first_off_grid)
    )
    if not evidence.any():
        return 0.0
    close = bars["close"].cast(pl.Int64).to_numpy()[evidence]
    tick = np.maximum(tick_column(close, days[evidence], kinds[evidence]), 1)
    return float((close % tick != 0).mean())


def looks_like_fund(bars: pl.DataFrame) -> list[str]:
    """Tickers of an unadjusted source whose prices only fit the grid of funds: often off the stock grid, on 5 won.

    Args:
        bars: day, ticker, close, volume in won.
    """
    traded = bars.filter(pl.col("volume") > 0)
    days, close = day_numbers(traded["day"]), traded["close"].cast(pl.Int64).to_numpy()

    def off_grid(kind: InstrumentClass) -> NDArray[np.bool_]:
        tick = tick_column(close, days, np.full(len(days), int(kind)))
        result: NDArray[np.bool_] = close % np.maximum(tick, 1) != 0
        return result

    off_stock = off_grid(InstrumentClass.KOSPI_STOCK) & off_grid(InstrumentClass.KOSDAQ_STOCK)
    off_fund = off_grid(InstrumentClass.ETF)
    shares = (
        traded.select("ticker")
        .with_columns(pl.Series("off_stock", off_stock), pl.Series("off_fund", off_fund))
        .group_by("ticker")
        .agg(pl.col("off_stock", "off_fund").mean(), pl.len())
    )
    wanted = (pl.col("off_stock") > FUND_OFF_GRID_SHARE) & (pl.col("off_fund") < OFF_GRID_SHARE) & (pl.col("len") >= 20)
    return sorted(shares.filter(wanted)["ticker"])


def fund_multiple(name: str) -> int:
    """Leverage of a fund from its name; 1 when the name says nothing.

    >>> fund_multiple("KODEX 레버리지"), fund_multiple("KODEX 200선물인버스2X"), fund_multiple("TIGER 인버스")
    (2, -2, -1)
    """
    factor = 2 if re.search(r"레버리지|2X|2x", name) else 1
    return -factor if "인버스" in name else factor


def market_of(text: str | None, where: str) -> str | None:
    """KOSPI, KOSDAQ or KONEX from the spellings of sources.

    Raises:
        DataError: a market we do not know.
    """
    if text is None:
        return None
    market = MARKET_NAMES.get(text.strip().upper())
    if market is None:
        raise DataError(f"{where}: market {text!r} is not known. Use {', '.join(MARKETS)}.")
    return market


def guess_interval(bars: pl.DataFrame, dated_only: bool) -> str:
    """Interval of bars from the usual distance between rows of one ticker.

    Args:
        bars: stamp (naive, KST), ticker.
        dated_only: the stamps carry no time of day.
    """
    ordered = bars.select("ticker", "stamp").sort("ticker", "stamp")
    if dated_only:
        number = pl.Series(ordinals(day_numbers(ordered["stamp"].dt.date())))
        steps = ordered.with_columns(number.alias("number")).select(pl.col("number").diff().over("ticker")).to_series()
        median = steps.drop_nulls().median()
        return "1w" if isinstance(median, float) and median >= 4 else "1d"
    same_day = pl.col("stamp").dt.date() == pl.col("stamp").dt.date().shift(1).over("ticker")
    step = (
        ordered.select(pl.when(same_day).then(pl.col("stamp").diff().over("ticker").dt.total_minutes()).alias("step"))[
            "step"
        ]
        .drop_nulls()
        .mode()
    )
    return f"{int(step.min())}m" if len(step) else "1d"  # type: ignore[arg-type]


def status_of_department(department: str | None) -> str | None:
    """Status from the department column of KOSDAQ and KONEX.

    >>> status_of_department("관리종목(소속부없음)"), status_of_department("벤처기업부"), status_of_department(None)
    ('managed', 'normal', None)
    """
    if not department:
        return None
    if "관리" in department:
        return "managed"
    return "warning" if "환기" in department else "normal"


def kinds_of(instruments: pl.DataFrame) -> dict[str, InstrumentClass]:
    """Class of every ticker."""
    return {
        ticker: instrument_class(market, product)
        for ticker, market, product in instruments.select("ticker", "market", "product").rows()
    }


def _whole(bars: pl.DataFrame) -> bool:
    for name in ("open", "high", "low", "close"):
        if name in bars.columns and bars[name].dtype.is_float() and not (bars[name] == bars[name].round()).all():
            return False
    return True
