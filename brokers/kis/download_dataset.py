"""From downloaded pages to a dataset of the catalog, as `geoul data import` would have written it.

The dataset is made anew each time from the one before and the pages, so that its bytes depend on nothing but the bars:
not on interruptions, nor on the number of steps in which it grew. Beside the catalog's files it holds

download.json       what has been asked, so that only missing days are asked again
holidays.parquet    weekdays on which the exchange was closed
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from brokers.kis.download_journal import Bar, Pages, Span
from engine.data import catalog
from engine.data.convert import build_actions, find_gaps, recognise_funds
from engine.data.import_options import ImportOptions
from engine.data.instruments import build_instruments, mark_delisted
from engine.data.manifest import Manifest
from engine.data.notes import Note, note
from engine.data.timeline import close_times
from engine.errors import DataError
from engine.krx.sessions import is_session

STATE = "download.json"
HOLIDAYS = "holidays.parquet"
_SATURDAY = 5
_FIGURES: dict[str, pl.DataType] = {
    "open": pl.Int64(),
    "high": pl.Int64(),
    "low": pl.Int64(),
    "close": pl.Int64(),
    "volume": pl.Int64(),
    "value": pl.Int64(),
    "base_price": pl.Int64(),
    "marked": pl.Boolean(),
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a dataset is a download of; it never changes.

    Args:
        interval: "1d" or "1m".
        adjusted: prices in the shares of the last download.
        exchange: KRX, NXT or SOR, whose bars these are.
    """

    interval: str
    adjusted: bool
    exchange: str

    @property
    def series(self) -> str:
        """What its pages are called in the journal."""
        return "minute" if self.interval == "1m" else "daily"

    def as_json(self) -> dict[str, Any]:
        """For the files."""
        return {"interval": self.interval, "adjusted": self.adjusted, "exchange": self.exchange}


@dataclass(kw_only=True)
class State:
    """What has been asked of KIS for a dataset.

    Args:
        plan: of what.
        codes: by ticker, what KIS calls it (ETN: Q500001).
        covered: by ticker or index, the days that were asked for.
        instruments: by ticker, what KIS says that it is.
        doubtful: "ticker day" of base prices that KIS contradicts.
        calendar: days on which KIS's calendar differs from ours, and whether KIS says open.
    """

    plan: Plan
    codes: dict[str, str] = field(default_factory=dict)
    covered: dict[str, Span] = field(default_factory=dict)
    indices: dict[str, Span] = field(default_factory=dict)
    instruments: dict[str, dict[str, Any]] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)
    calendar: dict[date, bool] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write `download.json`."""
        content = {
            "format": 1,
            **self.plan.as_json(),
            "codes": {ticker: code for ticker, code in sorted(self.codes.items()) if ticker != code},
            "covered": _spans(self.covered),
            "indices": _spans(self.indices),
            "instruments": [self.instruments[ticker] for ticker in sorted(self.instruments)],
            "doubtful": sorted(self.doubtful),
            "calendar": {str(day): is_open for day, is_open in sorted(self.calendar.items())},
        }
        (folder / STATE).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> State | None:
        """What `folder` holds; None if there is nothing.

        Raises:
            DataError: there is something else.
        """
        path = folder / STATE
        if not path.is_file():
            if folder.is_dir() and any(folder.iterdir()):
                raise DataError(
                    f"{folder} was not made by `geoul data download`, so it cannot be continued by it. Choose another "
                    "folder."
                )
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            plan = Plan(**{name: content[name] for name in ("interval", "adjusted", "exchange")})
            covered = _read_spans(content["covered"])
            return cls(
                plan=plan,
                codes={ticker: content["codes"].get(ticker, ticker) for ticker in covered},
                covered=covered,
                indices=_read_spans(content["indices"]),
                instruments={row["ticker"]: row for row in content["instruments"]},
                doubtful=set(content["doubtful"]),
                calendar={date.fromisoformat(day): bool(is_open) for day, is_open in content["calendar"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path} cannot be read ({error}). Download into another folder.") from None


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """All that the pages and the dataset before hold together.

    Args:
        state: what has been asked by now; `write` adds the doubtful base prices.
        bars: pages by ticker.
        bases: daily pages by ticker, for the base prices of minutes.
        indices: pages by index.
    """

    state: State
    bars: Mapping[str, Pages]
    bases: Mapping[str, Pages]
    indices: Mapping[str, Pages]


def write(part: Path, name: str, fetched: Fetched, before: Path | None) -> tuple[Manifest, int]:
    """Write the dataset into the empty folder `part`; the manifest and the number of bars that were not there before.

    Args:
        part: where to.
        name: of the dataset.
        fetched: what is new.
        before: folder of the dataset so far.

    Raises:
        DataError: there is not one bar.
    """
    plan = fetched.state.plan
    bars, added = _bars(fetched, before)
    if bars.is_empty():
        raise DataError("KIS has no finished bar of these tickers on these days. Check the codes and the days.")
    notes: list[Note] = [
        note("kis_adjusted" if plan.adjusted else "kis_raw", exchange=plan.exchange),
        note("kis_unknown"),
    ]
    if fetched.state.doubtful:
        notes.append(note("kis_doubtful", count=len(fetched.state.doubtful)))
    instruments = _instruments(fetched.state, bars, notes)
    no_product = [ticker for ticker, row in fetched.state.instruments.items() if row.get("product") is None]
    if no_product and not plan.adjusted and plan.interval == "1d":  # on paper KIS may leave open what is a fund
        dated = bars.filter(pl.col("ticker").is_in(no_product)).with_columns(pl.col("time").dt.date().alias("day"))
        instruments = recognise_funds(dated, instruments, notes)
    actions = build_actions(bars, instruments, plan.interval, plan.adjusted, None, ImportOptions(), notes)
    if plan.interval == "1d":
        instruments = mark_delisted(bars, instruments, actions, plan.adjusted, notes)
    indices = _indices(fetched, before)
    if not indices:
        notes.append(note("no_index"))
    if fetched.state.calendar:
        shown = ", ".join(f"{day}" for day in sorted(fetched.state.calendar)[:5])
        notes.append(note("kis_calendar", count=len(fetched.state.calendar), shown=shown))
    _write_holidays(part, fetched.state)
    fetched.state.save(part)
    days = bars["time"].dt.date()
    manifest = Manifest(
        name=name,
        source=(f"KIS Open API {'inquire_time_dailychartprice' if plan.interval == '1m' else _DAILY}",),
        first=days.min(),  # type: ignore[arg-type]
        last=days.max(),  # type: ignore[arg-type]
        interval=plan.interval,
        adjusted=plan.adjusted,
        gaps=find_gaps(bars, plan.interval),
        notes=tuple(dict.fromkeys(notes)),
    )
    return catalog.write_dataset(part, manifest, bars, instruments, actions, indices), added


_DAILY = "inquire_daily_itemchartprice"


def bars_frame(bars: Mapping[str, Mapping[str, Bar]]) -> pl.DataFrame:
    """Pages as bars of the catalog, with `marked`; sorted by (ticker, time)."""
    frames = []
    for ticker in sorted(bars):
        rows = [bars[ticker][stamp] for stamp in sorted(bars[ticker])]
        if rows:
            frame = pl.DataFrame(rows, schema={"stamp": pl.String(), **_FIGURES}, orient="row")
            frames.append(frame.with_columns(pl.lit(ticker).alias("ticker")))
    if not frames:
        return pl.DataFrame(schema={**catalog.BARS_SCHEMA, "marked": pl.Boolean()})
    table = pl.concat(frames)
    return table.with_columns(_times(table["stamp"]).alias("time")).drop("stamp")


def _bars(fetched: Fetched, before: Path | None) -> tuple[pl.DataFrame, int]:
    """All bars, and how many are new."""
    new = bars_frame({ticker: pages.bars for ticker, pages in fetched.bars.items()})
    doubtful = fetched.state.doubtful
    if fetched.bases:
        daily = bars_frame({ticker: pages.bars for ticker, pages in fetched.bases.items()})
        daily = _without_doubtful(daily, doubtful)
        of_day = daily.select("ticker", pl.col("time").dt.date().alias("day"), "base_price")
        new = new.with_columns(pl.col("time").dt.date().alias("day")).drop("base_price")
        new = new.join(of_day, on=["ticker", "day"], how="left", maintain_order="left").drop("day")
    new = new.select(*catalog.conform(new, catalog.BARS_SCHEMA), new["marked"])
    known = pl.DataFrame(schema=new.schema)
    if before is not None:
        folder, manifest = catalog.open_dataset(before)
        known = catalog.scan_bars(folder, manifest).collect()
        anew = [ticker for ticker, pages in fetched.bars.items() if pages.is_anew]
        known = known.filter(~pl.col("ticker").is_in(anew)).with_columns(pl.lit(False).alias("marked"))
    key = ["ticker", "time"]
    added = new.join(known, on=key, how="anti").height
    table = pl.concat([known.join(new, on=key, how="anti"), new]).sort(key)
    if not fetched.bases and not fetched.state.plan.adjusted:
        table = _without_doubtful(table, doubtful)
    return catalog.conform(table, catalog.BARS_SCHEMA).sort("time", "ticker"), added


def _without_doubtful(table: pl.DataFrame, found: set[str]) -> pl.DataFrame:
    """Base prices that equal the previous close on a day that KIS itself marks as ex-rights or split are unknown."""
    previous = pl.col("close").shift(1).over("ticker")
    doubtful = pl.col("marked") & (pl.col("base_price") == previous).fill_null(False)
    days = table.filter(doubtful).select("ticker", pl.col("time").dt.date())
    found.update(f"{ticker} {day}" for ticker, day in days.rows())
    return table.with_columns(pl.when(doubtful).then(None).otherwise(pl.col("base_price")).alias("base_price"))


def _times(stamps: pl.Series) -> pl.Series:
    if stamps[0] is not None and "T" in stamps[0]:
        return stamps.str.to_datetime("%Y-%m-%dT%H:%M:%S").dt.replace_time_zone("Asia/Seoul")
    return close_times(stamps.str.to_date("%Y-%m-%d"))


def _instruments(state: State, bars: pl.DataFrame, notes: list[Note]) -> pl.DataFrame:
    columns = [name for name in catalog.INSTRUMENTS_SCHEMA if name != "multiple"]
    rows = [[state.instruments[ticker].get(name) for name in columns] for ticker in bars["ticker"].unique().sort()]
    table = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String()), orient="row")
    table = table.with_columns(pl.col("listed", "delisted").str.to_date("%Y-%m-%d"))
    return build_instruments(table, None, None, None, notes)


def _indices(fetched: Fetched, before: Path | None) -> dict[str, pl.DataFrame]:
    known = catalog.read_indices(before) if before is not None else {}
    for name, pages in fetched.indices.items():
        rows = [pages.bars[stamp][:5] for stamp in sorted(pages.bars)]
        if not rows:
            continue
        texts = {"stamp": pl.String(), **{column: pl.String() for column in catalog.PRICES}}
        new = pl.DataFrame(rows, schema=texts, orient="row")
        new = new.with_columns(_times(new["stamp"]).alias("time"), pl.col(*catalog.PRICES).cast(pl.Float64))
        new = catalog.conform(new, catalog.INDEX_SCHEMA)
        if name in known:
            new = pl.concat([known[name].join(new, on="time", how="anti"), new])
        known[name] = new.sort("time")
    return known


def _write_holidays(part: Path, state: State) -> None:
    """Weekdays without a session, from the first to the last day that was asked for."""
    spans = list(state.covered.values())
    day, last = min(span.first for span in spans), max(span.last for span in spans)
    closed = []
    while day <= last:
        if day.weekday() < _SATURDAY and not state.calendar.get(day, is_session(day)):
            closed.append(day)
        day += timedelta(days=1)
    pl.DataFrame({"date": pl.Series(closed, dtype=pl.Date)}).write_parquet(part / HOLIDAYS, compression="zstd")


def _spans(spans: Mapping[str, Span]) -> dict[str, list[str]]:
    return {name: [str(span.first), str(span.last)] for name, span in sorted(spans.items())}


def _read_spans(content: Mapping[str, Sequence[str]]) -> dict[str, Span]:
    return {name: Span(date.fromisoformat(ends[0]), date.fromisoformat(ends[1])) for name, ends in content.items()}
