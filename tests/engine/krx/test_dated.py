"""Dated tables: which row holds, and the refusal outside the verified range."""

from __future__ import annotations

import importlib
import pkgutil
from datetime import date

import numpy as np
import pytest

import engine.krx.tables as tables_package
from engine.errors import UnknownDate
from engine.krx.dated import VERIFIED_UNTIL, DatedTable, date_of, days_since_epoch, row

TABLE = DatedTable("unit of examples", (row("2000-01-03", 10, "A"), row("2014-06-02", 1, "B", "medium")))


def every_table() -> list[DatedTable]:
    found: list[DatedTable] = []
    for module in pkgutil.iter_modules(tables_package.__path__):
        for value in vars(importlib.import_module(f"engine.krx.tables.{module.name}")).values():
            entries = value.values() if isinstance(value, dict) else (value,)
            found += [entry for entry in entries if isinstance(entry, DatedTable)]
    return found


def test_a_row_holds_from_its_date_until_the_next_row() -> None:
    assert [TABLE.at(date(2000, 1, 3)), TABLE.at(date(2014, 6, 1)), TABLE.at(date(2014, 6, 2))] == [10, 10, 1]
    assert TABLE.row_at(date(2020, 1, 1)).source == "B"


@pytest.mark.parametrize("day", [date(2000, 1, 2), date(2028, 1, 1)])
def test_a_date_outside_the_range_is_refused_with_table_date_and_range(day: date) -> None:
    with pytest.raises(UnknownDate) as caught:
        TABLE.at(day)
    for part in ("unit of examples", str(day), "2000-01-03", str(VERIFIED_UNTIL)):
        assert part in str(caught.value)


def test_row_numbers_agree_with_at_and_mark_unknown_days() -> None:
    days = np.array([days_since_epoch(date(2000, 1, 1)) + 100 * step for step in range(110)], dtype=np.int64)
    for day, number in zip(days, TABLE.row_numbers(days), strict=True):
        if number < 0:
            with pytest.raises(UnknownDate):
                TABLE.at(date_of(int(day)))
        else:
            assert TABLE.at(date_of(int(day))) == TABLE.rows[number].value


@pytest.mark.parametrize(
    "rows", [(), (row("2001-01-01", 1, "A"), row("2000-01-01", 2, "A")), (row("2000-01-01", 1, "A"),) * 2]
)
def test_rows_out_of_order_are_refused(rows: tuple) -> None:
    with pytest.raises(ValueError, match="broken"):
        DatedTable("broken", rows)


def test_every_row_of_every_table_names_its_source() -> None:
    tables = every_table()
    assert len(tables) > 40
    documents = {line.split()[0].strip(",") for line in (tables_package.__doc__ or "").splitlines() if line.strip()}
    documents |= {"KP_ENF", "KQ_ENF", "KN_ENF"}  # second on their lines
    for table in tables:
        for entry in table.rows:
            named = {name.split()[0] for name in entry.source.split(", ")}
            assert named and named <= documents, (table.name, entry)
