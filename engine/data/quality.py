"""`data check`: what is wrong or remarkable in a dataset, counted, with the first examples.

Findings are errors (the data contradict themselves or the exchange's rules), warnings (the data leave
something unproved) or information (usual, but good to know). Tick and limit rules are asked of unadjusted
data only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.data import catalog
from engine.data.catalog import PRICES
from engine.data.identify import GRID_SURE_FROM
from engine.data.import_options import ImportOptions
from engine.data.importer import Prepared, Progress, prepare
from engine.data.instruments import kinds_by_row
from engine.data.manifest import Manifest, load_manifest
from engine.data.marks import LIQUIDATION_SESSIONS, loose_limits
from engine.data.problems import Problems
from engine.data.timeline import are_sessions, day_numbers
from engine.krx.columns import base_column, first_day_columns, limit_columns, on_grid_column
from engine.krx.instrument_class import InstrumentClass
from engine.krx.sessions import ordinals, session_days

EXAMPLES = 3
# Code -> (severity, Korean, English). The order is the order of the table.
CHECKS: dict[str, tuple[str, str, str]] = {
    "unusable_row": ("error", "읽을 수 없거나 잘못된 행", "rows that cannot be used"),
    "duplicate": ("error", "중복된 (시각, 종목)", "duplicated (time, ticker)"),
    "no_session": ("error", "거래일이 아닌 날짜", "dates that are no session"),
    "negative": ("error", "음수 가격·거래량", "negative price or volume"),
    "high_below_low": ("error", "고가 < 저가", "high below low"),
    "outside_range": ("error", "시가·종가가 고가~저가 밖", "open or close outside low..high"),
    "rounded_range": (
        "warning",
        "수정 반올림으로 시가·종가가 고가~저가 밖",
        "open or close outside low..high (adjusted prices)",
    ),
    "off_grid": ("error", "호가단위에 맞지 않는 체결가", "traded prices off the tick grid"),
    "limit_breach": (
        "error",
        "가격제한폭을 벗어난 체결가 (이후에도 계속 거래)",
        "prices beyond the limits, traded on afterwards",
    ),
    "liquidation": (
        "warning",
        "가격제한폭을 벗어난 체결가 (정리매매로 보임)",
        "prices beyond the limits, likely liquidation",
    ),
    "unexplained_jump": ("warning", "설명되지 않는 가격 급변 (그날 거래 불가)", "unexplained jumps (not tradable)"),
    "doubtful_action": ("warning", "근거가 약한 권리락·분할", "corporate actions of low confidence"),
    "whole_gap": ("warning", "데이터 전체에 없는 거래일", "sessions that the whole dataset lacks"),
    "ticker_gap": ("warning", "종목별로 빠진 거래일", "sessions that single tickers lack"),
    "index_gap": ("warning", "지수 값이 없는 거래일", "sessions without an index value"),
    "unresolved_end": ("warning", "이유 없이 끊긴 종목", "tickers that end for no known reason"),
    "suspended": ("info", "거래 없는 날 (거래정지 등)", "rows without a trade (suspended)"),
    "volume_without_price": (
        "info",
        "시가 0인데 거래량 있음 (정지 중 대량매매)",
        "volume without prices (block trade)",
    ),
    "action": ("info", "권리락·분할·분배금", "corporate actions"),
}


@dataclass(frozen=True)
class Finding:
    """One kind of finding: code, severity, number of rows (or tickers, sessions) and the first examples."""

    code: str
    severity: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """All findings of one dataset.

    Args:
        manifest: what the dataset says about itself, or what an import of the file would say.
        findings: in the order of `CHECKS`, only those with a count.
        not_checked: checks that do not apply, with the reason.
    """

    manifest: Manifest
    findings: tuple[Finding, ...]
    not_checked: dict[str, str]

    @property
    def errors(self) -> int:
        """Number of kinds of errors found."""
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def warnings(self) -> int:
        """Number of kinds of warnings found."""
        return sum(finding.severity == "warning" for finding in self.findings)


def check_dataset(folder: Path) -> Report:
    """Check an imported dataset, its files' hashes included.

    Raises:
        DataError: there is no dataset, or its files are not those of the import.
    """
    manifest = load_manifest(folder)
    catalog.check_contents(folder, manifest)
    ready = Prepared(
        manifest,
        catalog.scan_bars(folder, manifest).collect(),
        catalog.read_instruments(folder),
        catalog.read_actions(folder),
        catalog.read_indices(folder),
        catalog.read_market_changes(folder),
        catalog.read_dividends(folder),
    )
    return check(ready)


def check_source(sources: list[str], options: ImportOptions, progress: Progress | None = None) -> Report:
    """Check foreign files as an import would read them; nothing is written.

    Raises:
        DataError: the files cannot be read at all.
    """
    problems = Problems(drop_bad=True)
    ready = prepare(sources, options, problems, progress, name=Path(sources[0]).name)
    return check(ready, problems.table())


def check(data: Prepared, dropped: pl.DataFrame | None = None) -> Report:
    """Run all checks that apply.

    Args:
        data: bars sorted by (time, ticker) and the tables beside them.
        dropped: rows that the reading refused: file, row, column, value, reason.
    """
    collect = _Collector()
    if dropped is not None and dropped.height:
        _dropped(collect, dropped)
    table = _Table(data)
    _rows(collect, table)
    _calendar(collect, table)
    not_checked = {}
    if data.manifest.adjusted:
        not_checked = dict.fromkeys(("off_grid", "limit_breach"), "adjusted prices")
        _adjusted_jumps(collect, table)
    else:
        _grid(collect, table)
        if data.manifest.interval == "1d":
            _limits(collect, table)
        else:
            not_checked["limit_breach"] = f"limits hold within a session, the bars are {data.manifest.interval}"
        _actions(collect, data.actions)
    _ends(collect, table)
    return Report(data.manifest, collect.findings(), not_checked)


class _Table:
    """Bars as arrays, made once for all checks."""

    def __init__(self, data: Prepared) -> None:
        self.data = data
        self.manifest = data.manifest
        self.bars = data.bars
        self.days = day_numbers(self.bars["time"].dt.date())
        self.kinds = kinds_by_row(self.bars, data.instruments, data.market_changes)
        names = list(data.instruments["ticker"])
        multiples = dict(data.instruments.select("ticker", "multiple").rows())
        self.multiples = (
            self.bars["ticker"]
            .replace_strict(names, [multiples[name] for name in names], return_dtype=pl.Int64)
            .to_numpy()
        )
        self.prices = {name: self.bars[name].to_numpy() for name in PRICES}
        self.volume = self.bars["volume"].to_numpy()
        self.traded: NDArray[np.bool_] = (self.volume > 0) & (self.prices["open"] > 0)

    def examples(self, mask: NDArray[np.bool_], *columns: str) -> list[str]:
        """The first rows of a mask in words: ticker, day and the named columns."""
        head = self.bars.filter(pl.Series(mask)).head(EXAMPLES)
        return [
            " ".join([row["ticker"], str(row["time"].date()), *(f"{name} {row[name]:,}" for name in columns)])
            for row in head.iter_rows(named=True)
        ]


class _Collector:
    def __init__(self) -> None:
        self._found: dict[str, tuple[int, list[str]]] = {}

    def add(self, code: str, count: int, examples: list[str]) -> None:
        if count:
            before, shown = self._found.get(code, (0, []))
            self._found[code] = (before + int(count), (shown + examples)[:EXAMPLES])

    def mask(self, code: str, table: _Table, mask: NDArray[np.bool_], *columns: str) -> None:
        count = int(mask.sum())
        if count:
            self.add(code, count, table.examples(mask, *columns))

    def findings(self) -> tuple[Finding, ...]:
        return tuple(
            Finding(code, severity, *_frozen(self._found[code]))
            for code, (severity, _, _) in CHECKS.items()
            if code in self._found
        )


def _frozen(found: tuple[int, list[str]]) -> tuple[int, tuple[str, ...]]:
    return found[0], tuple(found[1])


def _dropped(collect: _Collector, dropped: pl.DataFrame) -> None:
    """Refused rows by what was wrong with them."""
    reason = pl.col("reason")
    code = (
        pl.when(reason.str.contains("second row"))
        .then(pl.lit("duplicate"))
        .when(reason.str.contains("closed on that day"))
        .then(pl.lit("no_session"))
        .when(reason.str.contains("negative"))
        .then(pl.lit("negative"))
        .otherwise(pl.lit("unusable_row"))
    )
    for key, part in dropped.with_columns(code.alias("code")).partition_by("code", as_dict=True).items():
        shown = [
            f"{row['file']} row {row['row']} {row['column']} {row['value']!r}: {row['reason']}"
            for row in part.head(EXAMPLES).iter_rows(named=True)
        ]
        collect.add(str(key[0]), part.height, shown)


def _rows(collect: _Collector, table: _Table) -> None:
    """What a single row says about itself."""
    bars, prices, traded = table.bars, table.prices, table.traded
    duplicate = bars.select(~pl.struct("time", "ticker").is_first_distinct()).to_series().to_numpy()
    collect.mask("duplicate", table, duplicate, "close", "volume")
    negative = (table.volume < 0) | np.any([prices[name] < 0 for name in PRICES], axis=0)
    collect.mask("negative", table, negative, "close", "volume")
    crossed = traded & (prices["high"] < prices["low"])
    collect.mask("high_below_low", table, crossed, "high", "low")
    top, bottom = np.maximum(prices["open"], prices["close"]), np.minimum(prices["open"], prices["close"])
    outside = traded & ~crossed & ((top > prices["high"]) | (bottom < prices["low"]))
    code = "rounded_range" if table.manifest.adjusted else "outside_range"
    collect.mask(code, table, outside, "open", "high", "low", "close")
    collect.mask("suspended", table, ~traded & (table.volume == 0), "close")
    collect.mask("volume_without_price", table, ~traded & (table.volume > 0), "close", "volume")


def _calendar(collect: _Collector, table: _Table) -> None:
    """Sessions that are missing, and days that are none."""
    collect.mask("no_session", table, ~are_sessions(table.days), "close")
    for gap in table.manifest.gaps:
        collect.add("whole_gap", gap.sessions, [f"{gap.after} … {gap.before}: {gap.sessions:,}"])
    present = np.unique(table.days)
    place = np.searchsorted(present, table.days)
    frame = (
        table.bars.select("ticker", "time")
        .with_columns(pl.Series("place", place))
        .group_by("ticker")
        .agg(
            (pl.col("place").max() - pl.col("place").min() + 1 - pl.col("place").n_unique()).alias("missing"),
            pl.col("time").min().dt.date().alias("first"),
        )
        .filter(pl.col("missing") > 0)
        .sort("missing", "ticker", descending=[True, False])
    )
    collect.add(
        "ticker_gap",
        int(frame["missing"].sum()),
        [f"{ticker}: {missing:,}" for ticker, missing, _ in frame.head(EXAMPLES).rows()],
    )
    sessions = session_days()
    inside = sessions[(sessions >= present[0]) & (sessions <= present[-1])]
    wanted = inside[np.isin(inside, present)]
    for name, series in table.data.indices.items():
        known = day_numbers(series.drop_nulls("close")["time"].dt.date())
        missing = wanted[~np.isin(wanted, known)]
        if name in ("KOSPI", "KOSDAQ"):
            shown = ", ".join(str(np.datetime64(int(day), "D")) for day in missing[:2])
            collect.add("index_gap", len(missing), [f"{name} {len(missing):,} ({shown} …)"] if len(missing) else [])


def _grid(collect: _Collector, table: _Table) -> None:
    """Traded prices off the tick grid; closes at which nothing traded may keep the grid of an older table."""
    sure = (table.days >= GRID_SURE_FROM) | (table.kinds > InstrumentClass.KONEX_STOCK)
    rows = np.nonzero(table.traded & sure)[0]
    bad = np.zeros(len(table.days), dtype=np.bool_)
    for name in PRICES:
        bad[rows] |= ~on_grid_column(table.prices[name][rows], table.days[rows], table.kinds[rows])
    collect.mask("off_grid", table, bad, *PRICES)


def _limits(collect: _Collector, table: _Table) -> None:
    """Traded prices beyond the day's limits: liquidation when the ticker soon disappears, else an error."""
    frame = _with_base(table)
    rows = frame["row"].to_numpy()
    base, first = frame["base"].to_numpy(), frame["first"].to_numpy()
    days, kinds = table.days[rows], table.kinds[rows]
    lower, upper = limit_columns(base, days, kinds, table.multiples[rows])
    issue_lower, issue_upper = first_day_columns(base, days, kinds)
    lower, upper = np.where(first, issue_lower, lower), np.where(first, issue_upper, upper)
    high, low = table.prices["high"][rows], table.prices["low"][rows]
    outside = (base > 0) & ((high > upper) | (low < lower))
    soon_gone = frame["rows_left"].to_numpy() <= LIQUIDATION_SESSIONS
    stated = frame["status"].eq_missing("liquidation").to_numpy()
    for code, part in (
        ("limit_breach", outside & ~soon_gone & ~stated),
        ("liquidation", outside & (soon_gone | stated)),
    ):
        mask = np.zeros(len(table.days), dtype=np.bool_)
        mask[rows[part]] = True
        collect.mask(code, table, mask, "high", "low", "close")


def _with_base(table: _Table) -> pl.DataFrame:
    """Traded rows with a proved base: the source's own, else the close of the session before unless something happened.

    Columns: row (position in the bars), base, first (first row of a listing), rows_left (rows of the ticker
    in its section, this one included), status.
    """
    frame = table.bars.select("ticker", "close", "base_price", "status").with_columns(
        pl.int_range(pl.len()).alias("row"),
        pl.Series("day", table.days),
        pl.Series("session", ordinals(table.days)),
        pl.Series("traded", table.traded),
        pl.Series("kind", table.kinds),
    )
    sessions = frame["session"].unique().sort().to_numpy()
    section = np.concatenate([[0], np.cumsum(np.diff(sessions) > LIQUIDATION_SESSIONS)])
    frame = frame.with_columns(pl.Series("section", section[np.searchsorted(sessions, frame["session"].to_numpy())]))
    acted = table.data.actions.select("ticker", day=pl.col("date").to_physical().cast(pl.Int64), acted=True)
    key = ["ticker", "section"]
    frame = frame.sort("ticker", "row").with_columns(
        previous=pl.col("close").shift(1).over(key),
        traded_before=pl.col("traded").shift(1).over(key),
        step=pl.col("session").diff().over(key),
        rows_left=pl.len().over(key) - pl.col("row").cum_count().over(key) + 1,
        at_start=pl.col("session") == pl.col("session").min().over("section"),
    )
    frame = frame.join(acted, on=["ticker", "day"], how="left").filter("traded")
    previous = base_column(frame["previous"].fill_null(0).to_numpy(), frame["day"].to_numpy(), frame["kind"].to_numpy())
    quiet = pl.col("acted").is_null() & pl.col("traded_before") & (pl.col("step") == 1)
    return frame.with_columns(pl.Series("previous_base", previous)).select(
        "row",
        pl.coalesce("base_price", pl.when(quiet).then("previous_base")).fill_null(0).alias("base"),
        (pl.col("previous").is_null() & ~pl.col("at_start")).alias("first"),
        "rows_left",
        "status",
    )


def _adjusted_jumps(collect: _Collector, table: _Table) -> None:
    """Moves of adjusted prices that no limit allows, however loosely read: missed adjustments, or liquidation."""
    if table.manifest.interval != "1d":
        return
    frame = pl.DataFrame({"row": np.arange(len(table.days)), "ticker": table.bars["ticker"]}).with_columns(
        pl.Series("close", table.prices["close"]), pl.Series("session", ordinals(table.days))
    )
    frame = (
        frame.sort("ticker", "row")
        .with_columns(previous=pl.col("close").shift(1).over("ticker"), step=pl.col("session").diff().over("ticker"))
        .filter(pl.col("previous") > 0, pl.col("step") == 1)
    )
    rows = frame["row"].to_numpy()
    lower, upper = loose_limits(
        frame["previous"].to_numpy(), table.days[rows], table.kinds[rows], table.multiples[rows]
    )
    close = frame["close"].to_numpy()
    mask = np.zeros(len(table.days), dtype=np.bool_)
    mask[rows[(close > upper) | (close < lower)]] = True
    collect.mask("unexplained_jump", table, mask, "open", "close")


def _actions(collect: _Collector, actions: pl.DataFrame) -> None:
    unexplained = pl.col("kind") == "unexplained"
    low = pl.col("confidence") == "low"
    for code, part in (
        ("unexplained_jump", actions.filter(unexplained)),
        ("doubtful_action", actions.filter(low)),
        ("action", actions.filter(~unexplained & ~low)),
    ):
        collect.add(code, part.height, [_action_text(row) for row in part.head(EXAMPLES).iter_rows(named=True)])


def _action_text(row: dict[str, object]) -> str:
    if row["kind"] == "unexplained":
        return f"{row['ticker']} {row['date']}"
    if row["kind"] == "cash":
        return f"{row['ticker']} {row['date']} {row['cash']:,} won"
    return f"{row['ticker']} {row['date']} {row['numerator']}:{row['denominator']} ({row['source']})"


def _ends(collect: _Collector, table: _Table) -> None:
    """Tickers whose rows end before the dataset does, without a known delisting."""
    last = table.bars.group_by("ticker").agg(pl.col("time").max().dt.date().alias("last"))
    known = table.data.instruments.select("ticker", "delisted")
    end = last["last"].max()
    ended = (
        last.join(known, on="ticker").filter(pl.col("last") < end, pl.col("delisted").is_null()).sort("last", "ticker")
    )
    shown = [f"{ticker} … {day}" for ticker, day, _ in ended.head(EXAMPLES).rows()]
    collect.add("unresolved_end", ended.height, shown)
