"""Recordings written by the real recorder from a few trades in plain tuples, and the daily dataset beside them.

write_recording(folder, [("005930", "09:00:01", 10_000, 5), …], day, {"005930": 9_900})
write_daily(folder, {"005930": [(9_900, 9_900, 9_900, 9_900, 50)]}, before=day)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from brokers.kis.realtime import Trade
from brokers.kis.realtime_fields import TRADE
from brokers.kis.recording import Recorder
from engine.clock import KST, SimulatedClock
from engine.data import catalog
from engine.data.manifest import Manifest
from engine.data.timeline import close_times
from engine.krx.sessions import offset_session

TUESDAY = date(2024, 3, 5)
Tick = tuple[str, str, int, int]  # ticker, time of day, won, shares


def trades_of_day(ticks: Sequence[Tick], day: date, previous: Mapping[str, int], **others: Any) -> list[Trade]:
    """Records of one day in the order given, with the totals of the day."""
    volume, value, records = dict[str, int](), dict[str, int](), []
    for ticker, clock, price, shares in ticks:
        volume[ticker] = volume.get(ticker, 0) + shares
        value[ticker] = value.get(ticker, 0) + shares * price
        at = datetime.combine(day, time.fromisoformat(clock), KST)
        records.append(
            Trade(
                tr_id=TRADE,
                ticker=ticker,
                time=at,
                received_at=at + timedelta(milliseconds=120),
                price=price,
                volume=shares,
                cumulative_volume=volume[ticker],
                cumulative_value=value[ticker],
                previous_close=previous.get(ticker),
            )._replace(**others)
        )
    return records


def write_records(folder: Path, records: Sequence[Trade]) -> Path:
    """A recording with these records, in this order."""
    clock = SimulatedClock(datetime.combine(records[0].received_at.date(), time(8), KST))
    with Recorder(folder, clock) as recorder:
        recorder.take(records)
    return folder


def write_recording(folder: Path, ticks: Sequence[Tick], day: date, previous: Mapping[str, int]) -> Path:
    """A recording of one day."""
    return write_records(folder, trades_of_day(ticks, day, previous))


def write_daily(
    folder: Path,
    bars: Mapping[str, Sequence[tuple[int, int, int, int, int]]],
    *,
    before: date = TUESDAY,
    boards: Mapping[str, tuple[str | None, str | None]] | None = None,
    listed: Mapping[str, date] | None = None,
    actions: pl.DataFrame | None = None,
    adjusted: bool = False,
) -> Path:
    """A daily dataset whose last session is the one before `before`: (open, high, low, close, volume) a session."""
    sessions = max(len(rows) for rows in bars.values())
    days = [offset_session(before, place - sessions) for place in range(sessions)]
    rows = [
        (day, ticker, *bar)
        for ticker, found in bars.items()
        for day, bar in zip(days[-len(found) :], found, strict=True)
    ]
    table = pl.DataFrame(rows, schema=["date", "ticker", "open", "high", "low", "close", "volume"], orient="row")
    table = table.with_columns(close_times(table["date"]).alias("time")).sort("time", "ticker")
    names = sorted({*bars, *(listed or {})})
    board = {name: (boards or {}).get(name, ("KOSPI", "STOCK")) for name in names}
    instruments = pl.DataFrame(
        {
            "ticker": names,
            "market": [board[name][0] for name in names],
            "product": [board[name][1] for name in names],
            "multiple": 1,
            "listed": pl.Series([(listed or {}).get(name) for name in names], dtype=pl.Date),
        }
    )
    folder.mkdir(parents=True)
    catalog.write_dataset(
        folder,
        Manifest(name=folder.name, source=("tests",), first=days[0], last=days[-1], interval="1d", adjusted=adjusted),
        catalog.conform(table, catalog.BARS_SCHEMA),
        instruments,
        pl.DataFrame(schema=catalog.ACTIONS_SCHEMA) if actions is None else actions,
        {},
    )
    return folder
