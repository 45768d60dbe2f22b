"""Rows that cannot be imported: collected, reported with file, row, column, value and what to do; dropped
only when told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from engine.data.atomic import atomic_path
from engine.errors import DataError

SHOWN = 5


@dataclass
class Problems:
    """Bad rows of one import.

    Args:
        drop_bad: leave the rows out and go on instead of raising.
        names: per file, what the file calls our columns; messages use the file's words.
    """

    drop_bad: bool = False
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    parts: list[pl.DataFrame] = field(default_factory=list)

    def refuse(
        self, frame: pl.DataFrame, bad: pl.Expr | pl.Series, column: str, reason: str, advice: str
    ) -> pl.DataFrame:
        """Take the rows where `bad` holds out of `frame`.

        Args:
            frame: has the columns `_file` and `_row` besides `column`.
            bad: true for rows to refuse; null counts as false.
            column: the column to blame; its value is reported.
            reason: what is wrong, a clause.
            advice: what to do, a sentence.

        Returns:
            The good rows.

        Raises:
            DataError: there are bad rows and they may not be dropped.
        """
        mask = frame.select(bad.fill_null(False).alias("bad"))["bad"]
        if not mask.any():
            return frame
        value = _as_text(frame, column)
        called = {file: names.get(column, column) for file, names in self.names.items()}
        rows = frame.filter(mask).select(
            pl.col("_file").alias("file"),
            pl.col("_row").alias("row"),
            pl.col("_file").replace_strict(called, default=column, return_dtype=pl.String).alias("column"),
            value.fill_null("(empty)").alias("value"),
            pl.lit(reason).alias("reason"),
        )
        if not self.drop_bad:
            raise DataError(_message(rows, advice))
        self.parts.append(rows)
        return frame.filter(~mask)

    @property
    def count(self) -> int:
        """Number of rows dropped."""
        return sum(part.height for part in self.parts)

    def table(self) -> pl.DataFrame:
        """All dropped rows: file, row, column, value, reason."""
        return pl.concat(self.parts) if self.parts else pl.DataFrame()

    def write(self, path: Path) -> None:
        """Write the report of the dropped rows as CSV."""
        with atomic_path(path) as part:
            self.table().write_csv(part)


def _as_text(frame: pl.DataFrame, column: str) -> pl.Expr:
    """A value as a person would write it; a date without a time of day stays a date."""
    if isinstance(frame.schema[column], pl.Datetime):
        return pl.col(column).dt.strftime("%Y-%m-%d %H:%M").str.strip_suffix(" 00:00")
    if frame.schema[column].is_float():
        return pl.col(column).cast(pl.String).str.strip_suffix(".0")
    return pl.col(column).cast(pl.String)


def _message(rows: pl.DataFrame, advice: str) -> str:
    first = rows.row(0, named=True)
    others = rows.height - 1
    more = ""
    if others:
        places = ", ".join(str(row) for row in rows["row"].slice(1, SHOWN - 1))
        more = f" ({others:,} more: rows {places}{', …' if others >= SHOWN else ''})"
    return (
        f"{first['file']}, row {first['row']}, column {first['column']!r}: value {first['value']!r} — {first['reason']}"
        f"{more}. {advice} Or pass --drop-bad to leave such rows out; a report of them is written."
    )
