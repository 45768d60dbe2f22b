"""Corporate actions from base prices and share counts, at import, for unadjusted data.

The base price (기준가격) alone misleads: after a halt the opening price becomes the base (시가기준가) whether
or not the number of shares changed. The rules, in order, for a row whose base is not the previous close
(rounded up to the grid):

(a) the base equals the previous close: nothing happened.
(b) the base equals the open after a halt: the ratio is the change in shares; unchanged shares mean that the
profit or
    loss is real.
(c) ETF and ETN: a cash distribution.
(d) otherwise: previous close / base, as the simplest fraction that the rounding of the base allows.

Where sessions are missing before the row, unseen trading may explain the base: only a move beyond what the
limits of those sessions allow is an action, and only shares prove its ratio. Without base prices the same
holds for a traded price that the limits forbid. What stays unproved is `unexplained`: the ticker is not
tradable across that row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import polars as pl

from engine.data.catalog import ACTIONS_SCHEMA
from engine.data.timeline import day_numbers
from engine.krx.arrays import exchange_arrays
from engine.krx.columns import base_column, limit_columns, tick_column
from engine.krx.instrument_class import InstrumentClass
from engine.krx.sessions import ordinals

FUNDS = (InstrumentClass.ETF, InstrumentClass.ETN)
# A fund that loses more than this overnight has been split: yearly distributions stay far below.
LARGEST_DISTRIBUTION = Fraction(3, 10)
# Holders of fractions are paid in cash, so a share count may miss the exact ratio by a few parts in 100,000.
SHARES_TOLERANCE = Fraction(1, 100_000)
# Converted bonds and options add a few shares on any day; a larger change that fits no ratio makes the ratio doubtful.
LARGEST_CONVERSION = Fraction(1, 20)
# New shares of a bonus issue are listed up to two months after the day without the right, and reference files may be
# quarterly. Options and bonds add a little in that time, which the wider tolerance takes out.
REFERENCE_DAYS = 120
REFERENCE_TOLERANCE = Fraction(1, 100)
# A dataset-wide gap longer than this starts a new section: nothing is concluded across it.
SECTION_SESSIONS = 20
# After a long halt the opening call may price between half and twice the appraisal (krx/rules:
# opening_price_becomes_base).
REOPENING_FACTOR = 2


@dataclass(frozen=True)
class Row:
    """One row of one ticker beside the row before it. Prices in won, shares in shares, 0 = unknown."""

    day: int
    ticker: str
    kind: InstrumentClass
    previous_close: int
    expected_base: int
    base: int
    open: int
    high: int
    low: int
    close: int
    tick: int
    limit_pct: int
    missing_sessions: int
    previous_traded: bool
    previous_shares: int
    shares: int


@dataclass(frozen=True)
class Verdict:
    """What a row proves: kind, ratio of quantities (new / old), cash per share in won, and on what grounds."""

    kind: str
    ratio: Fraction = Fraction(1)
    cash: int = 0
    source: str = ""
    confidence: str = ""


UNEXPLAINED = Verdict(
    "unexplained", source="price beyond the limits, no base price or shares to prove why", confidence="none"
)


def find_actions(
    bars: pl.DataFrame,
    kinds: Mapping[str, InstrumentClass],
    multiples: Mapping[str, int],
    reference: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Corporate actions of an unadjusted dataset.

    Args:
        bars: daily or weekly bars by the catalog's columns, prices in won.
        kinds: class of every ticker.
        multiples: leverage of every ticker.
        reference: dated share counts from another source (date, ticker, shares), used where the bars have
            none.

    Returns:
        The catalog's actions table; `unexplained` rows have no ratio.
    """
    table = _candidates(bars, kinds, multiples)
    lookup = None if reference is None else ReferenceShares(reference)
    found = []
    for values in table.iter_rows(named=True):
        row = Row(**{**values, "kind": InstrumentClass(values["kind"])})
        verdict = judge(row, lookup)
        if verdict is not None:
            found.append(
                {
                    "date": row.day,
                    "ticker": row.ticker,
                    "kind": verdict.kind,
                    "numerator": verdict.ratio.numerator,
                    "denominator": verdict.ratio.denominator,
                    "cash": verdict.cash,
                    "source": verdict.source,
                    "confidence": verdict.confidence,
                }
            )
    schema = {**ACTIONS_SCHEMA, "date": pl.Int64()}
    return (
        pl.DataFrame(found, schema=schema)
        .with_columns(pl.col("date").cast(pl.Int32).cast(pl.Date))
        .sort("date", "ticker")
    )


def judge(row: Row, reference: ReferenceShares | None = None) -> Verdict | None:
    """What one row proves; None when nothing happened."""
    if row.base > 0 and row.missing_sessions == 0:
        return _from_base(row)
    if row.base > 0:
        return _across_missing_sessions(row)
    return _without_base(row, reference)


def _from_base(row: Row) -> Verdict | None:
    if row.base in (row.expected_base, row.previous_close):
        return None
    drop = row.previous_close - row.base
    if row.kind in FUNDS and 0 < drop <= row.previous_close * LARGEST_DISTRIBUTION:
        return Verdict("cash", cash=drop, source="base price of a fund", confidence="high")
    ratio_of_shares = share_ratio(row.previous_shares, row.shares)
    # Without a halt before it, a base equal to the open is chance: an ex-rights day that opened unchanged.
    if row.base == row.open and not row.previous_traded:
        if ratio_of_shares is None:
            return Verdict("unexplained", source="opening price became the base, shares unknown", confidence="none")
        if ratio_of_shares == 1:
            return None
        return Verdict("split", ratio_of_shares, source="shares, opening price became the base", confidence="high")
    # The theoretical price lost its fraction of a won and went up to the grid: it lies in [base - tick + 1,
    # base + 1).
    smallest = Fraction(1000 * row.previous_close, 1000 * row.base + 999)
    largest = Fraction(row.previous_close, max(row.base - max(row.tick, 1) + 1, 1))
    if ratio_of_shares is not None and ratio_of_shares != 1 and _near(ratio_of_shares, smallest, largest):
        return Verdict("split", ratio_of_shares, source="base price and shares", confidence="high")
    ratio = simplest_between(smallest, largest)
    # New shares of a bonus or rights issue are listed weeks later, so an unchanged count is no contradiction.
    doubtful = ratio < 1 or (ratio_of_shares is not None and abs(ratio_of_shares - 1) > LARGEST_CONVERSION)
    return Verdict("split", ratio, source="base price", confidence="low" if doubtful else "medium")


def _across_missing_sessions(row: Row) -> Verdict | None:
    """Trading on the missing sessions may have moved the price; only more than their limits allow is an action."""
    ratio = share_ratio(row.previous_shares, row.shares)
    if _reachable(row.base, row.previous_close, row):
        return None
    if ratio is not None and ratio != 1 and _reachable(row.base * ratio, row.previous_close, row):
        return Verdict("split", ratio, source="shares, sessions missing before", confidence="medium")
    return Verdict("unexplained", source="base price beyond the limits of the missing sessions", confidence="none")


def _without_base(row: Row, reference: ReferenceShares | None) -> Verdict | None:
    ratio = share_ratio(row.previous_shares, row.shares)
    source = "shares and a price beyond the limits"
    forbidden = not all(
        _allowed(price, row.expected_base, row) for price in (row.low, row.high, row.close) if price > 0
    )
    if not forbidden:
        return _multiple_of_shares(row, ratio)
    if ratio is None and reference is not None:
        ratio, source = (
            reference.ratio(row.ticker, row.day),
            "shares of the reference file and a price beyond the limits",
        )
    price = row.open if row.open > 0 else row.close
    if ratio is not None and ratio != 1:
        factor = REOPENING_FACTOR if not row.previous_traded else 1
        base = row.previous_close / ratio
        if any(_allowed(price, base * scale, row) for scale in (Fraction(1), Fraction(1, factor), Fraction(factor))):
            return Verdict("split", ratio, source=source, confidence="medium")
    return UNEXPLAINED


def _multiple_of_shares(row: Row, ratio: Fraction | None) -> Verdict | None:
    """Weekly rows: five sessions of limits allow almost any price, but doubled shares at half the price are a split."""
    if ratio is None or row.missing_sessions == 0 or ratio == 1:
        return None
    whole = ratio.denominator == 1 or ratio.numerator == 1
    moved = Fraction(row.close, row.previous_close)
    if whole and not Fraction(2, 3) < moved < Fraction(3, 2) and Fraction(3, 5) < moved * ratio < Fraction(5, 3):
        return Verdict("split", ratio, source="shares changed by a whole factor, price inversely", confidence="medium")
    return None


def _allowed(price: int, base: Fraction | int, row: Row) -> bool:
    """Whether `price` lies inside the limits around `base`, with one tick of slack when the base is not exact."""
    if row.limit_pct == 0:
        return True
    if row.missing_sessions:
        return _reachable(price, base, row)
    slack = 0 if base == row.expected_base else row.tick
    lower, upper = _limits(base, row)
    return lower - slack <= price <= upper + slack


def _limits(base: Fraction | int, row: Row) -> tuple[int, int]:
    """The day's limit prices around a base that may not be a whole number of won."""
    days, kinds = np.array([row.day]), np.array([int(row.kind)])
    lower, upper = limit_columns(np.array([int(base)]), days, kinds)
    return int(lower[0]), int(upper[0])


def _reachable(price: Fraction | int, previous: Fraction | int, row: Row) -> bool:
    """Whether limit moves on this and the missing sessions can lead from `previous` to `price`."""
    if row.limit_pct == 0:
        return True
    sessions = min(row.missing_sessions + 1, 60)
    up = Fraction(100 + row.limit_pct + 1, 100) ** sessions
    down = Fraction(100 - row.limit_pct - 1, 100) ** sessions
    return previous * down <= price <= previous * up


def share_ratio(before: int, after: int, tolerance: Fraction = SHARES_TOLERANCE) -> Fraction | None:
    """Change of a share count as the simplest fraction within the tolerance for fractional shares; None if unknown.

    >>> share_ratio(185_660_126, 18_566_012), share_ratio(4_468_968, 8_937_936), share_ratio(0, 5)
    (Fraction(1, 10), Fraction(2, 1), None)
    """
    if before <= 0 or after <= 0:
        return None
    if before == after:
        return Fraction(1)
    exact = Fraction(after, before)
    slack = max(exact * tolerance, Fraction(1, before))
    return simplest_between(exact - slack, exact + slack)


def simplest_between(smallest: Fraction, largest: Fraction) -> Fraction:
    """The fraction with the smallest denominator in a closed interval of positive numbers.

    >>> simplest_between(Fraction(299, 100), Fraction(301, 100)), simplest_between(Fraction(30, 100), Fraction(34, 100))
    (Fraction(3, 1), Fraction(1, 3))
    """
    whole = -(-smallest.numerator // smallest.denominator)
    if whole <= largest:
        return Fraction(max(whole, 1))
    floor = smallest.numerator // smallest.denominator
    return floor + 1 / simplest_between(1 / (largest - floor), 1 / (smallest - floor))


def _near(ratio: Fraction, smallest: Fraction, largest: Fraction) -> bool:
    """Inside the interval, give or take half a percent: the issue price of a rights issue shifts the base a little."""
    return smallest * Fraction(995, 1000) <= ratio <= largest * Fraction(1005, 1000)


class ReferenceShares:
    """Dated share counts of another source.

    Args:
        table: date, ticker, shares; any order.
    """

    def __init__(self, table: pl.DataFrame) -> None:
        ordered = table.drop_nulls().sort("ticker", "date")
        self._by_ticker = {
            str(key[0]): (day_numbers(part["date"]), part["shares"].to_numpy())
            for key, part in ordered.partition_by("ticker", as_dict=True).items()
        }

    def ratio(self, ticker: str, day: int) -> Fraction | None:
        """Change of the share count around `day`; None when either side is unknown or unchanged within the window."""
        if ticker not in self._by_ticker:
            return None
        days, shares = self._by_ticker[ticker]
        at = int(np.searchsorted(days, day))
        before = shares[:at][days[:at] >= day - REFERENCE_DAYS]
        after = shares[at:][days[at:] <= day + REFERENCE_DAYS]
        if not len(before) or not len(after):
            return None
        changed = [int(count) for count in after if count != before[-1]]
        return share_ratio(int(before[-1]), changed[0], REFERENCE_TOLERANCE) if changed else Fraction(1)


def _candidates(bars: pl.DataFrame, kinds: Mapping[str, InstrumentClass], multiples: Mapping[str, int]) -> pl.DataFrame:
    """Rows on which the base is not the expected one, or a price lies outside the limits; one `Row` each."""
    names = list(kinds)
    frame = (
        bars.select(
            pl.col("time").dt.date().to_physical().cast(pl.Int64).alias("day"),
            "ticker",
            *(pl.col(name).fill_null(0) for name in ("open", "high", "low", "close", "volume")),
            pl.col("base_price").fill_null(0).alias("base"),
            pl.col("shares").fill_null(0),
        )
        .with_columns(
            pl.col("ticker")
            .replace_strict(names, [int(kinds[name]) for name in names], return_dtype=pl.Int64)
            .alias("kind"),
            pl.col("ticker")
            .replace_strict(names, [multiples.get(name, 1) for name in names], return_dtype=pl.Int64)
            .alias("multiple"),
        )
        .sort("ticker", "day")
    )
    frame = frame.with_columns(pl.Series("session", ordinals(frame["day"].to_numpy())))
    sessions = frame["session"].unique().sort()
    new_section = sessions.filter(sessions.diff().fill_null(0) - 1 > SECTION_SESSIONS)
    frame = frame.with_columns(
        previous_close=pl.col("close").shift(1).over("ticker"),
        previous_traded=((pl.col("volume") > 0) & (pl.col("open") > 0)).shift(1).over("ticker"),
        previous_shares=pl.col("shares").shift(1).over("ticker"),
        missing_sessions=pl.col("session").diff().over("ticker") - 1,
        section=pl.Series(np.searchsorted(new_section.to_numpy(), frame["session"].to_numpy(), side="right")),
    )
    frame = frame.filter(pl.col("previous_close") > 0, pl.col("section") == pl.col("section").shift(1).over("ticker"))
    days, kind = frame["day"].to_numpy(), frame["kind"].to_numpy()
    expected = base_column(frame["previous_close"].to_numpy(), days, kind)
    lower, upper = limit_columns(expected, days, kind, frame["multiple"].to_numpy())
    rules, place = exchange_arrays(days), (kind, np.arange(len(days)))
    base = frame["base"].to_numpy()
    frame = frame.with_columns(
        pl.Series("expected_base", expected),
        pl.Series("tick", tick_column(np.where(base > 0, base, expected), days, kind)),
        pl.Series("limit_pct", rules.limit_pct[place] * np.where(rules.multiple_applies[place], _leverage(frame), 1)),
        pl.Series("lower", lower),
        pl.Series("upper", upper),
    )
    jumped = (pl.col("base") > 0) & (pl.col("base") != pl.col("expected_base"))
    traded = (pl.col("volume") > 0) & (pl.col("high") > 0)
    outside = (pl.col("base") == 0) & traded & ((pl.col("high") > pl.col("upper")) | (pl.col("low") < pl.col("lower")))
    refounded = (
        (pl.col("base") == 0) & (pl.col("shares") != pl.col("previous_shares")) & (pl.col("missing_sessions") > 0)
    )
    return frame.filter(jumped | outside | refounded).select(list(Row.__dataclass_fields__))


def _leverage(frame: pl.DataFrame) -> np.ndarray:
    return np.maximum(np.abs(frame["multiple"].to_numpy()), 1)
