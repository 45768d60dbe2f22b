"""The folder of a sweep: it takes up its own work, refuses another's, and never touches what is not its own."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from engine.errors import BadInput, DataError
from engine.research.sweep_store import MANIFEST, PARTS, TABLE, SweepStore, check_folder

IDENTITY = {"rules": "aa", "axes": {"stop.1": {"from": "1", "step": "1", "size": "3"}}, "seed": 1, "config": {"a": 1}}


def rows(*numbers: int) -> pl.DataFrame:
    return pl.DataFrame({"variant": list(numbers), "sharpe": [number / 10 for number in numbers]})


def test_chunks_come_back_and_the_table_is_in_order(tmp_path: Path) -> None:
    store = SweepStore(tmp_path / "a" / "b", IDENTITY)
    store.write(1, rows(0, 3))
    store.write(0, rows(2, 1))
    again = SweepStore(tmp_path / "a" / "b", IDENTITY)
    assert (again.has(0), again.has(1), again.has(2), again.finished) == (True, True, False, False)
    assert again.read(0).equals(rows(2, 1))
    assert again.finish(2)["variant"].to_list() == [0, 1, 2, 3]
    assert SweepStore(tmp_path / "a" / "b", IDENTITY).has(7)  # all of them, the table is whole
    assert not list((tmp_path / "a" / "b").glob(f"{PARTS}/*"))


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"seed": 2}, "seed"),
        ({"rules": "bb", "config": {"a": 2}}, "rules, config"),
        ({"axes": {}}, "axes"),
        ({"window": ["2020-01-02"]}, "window"),
    ],
)
def test_another_sweep_is_refused_and_the_difference_named(
    tmp_path: Path, other: dict[str, object], named: str
) -> None:
    SweepStore(tmp_path, IDENTITY).write(0, rows(1))
    with pytest.raises(BadInput, match=rf"another sweep; it differs in: {named}\. .*--out") as refused:
        SweepStore(tmp_path, IDENTITY | other)
    assert "--overwrite" in str(refused.value)
    assert SweepStore(tmp_path, IDENTITY).has(0)  # nothing was touched


def test_another_sweep_may_be_given_up_but_nothing_else(tmp_path: Path) -> None:
    old = SweepStore(tmp_path, IDENTITY)
    old.write(0, rows(1))
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    new = SweepStore(tmp_path, IDENTITY | {"seed": 2}, replace=True)
    assert not new.has(0)
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
    new.write(0, rows(4))
    assert SweepStore(tmp_path, IDENTITY | {"seed": 2}, replace=True).read(0).equals(rows(4))  # its own is kept


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    for replace in (False, True):
        with pytest.raises(BadInput, match="holds files but no sweep"):
            SweepStore(tmp_path, IDENTITY, replace=replace)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(BadInput, match="is a file"):
        check_folder(tmp_path / "thesis.txt", IDENTITY)


def test_a_dataset_is_no_sweep_though_it_has_a_manifest(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"format": 1, "name": "krx"}', encoding="utf-8")
    with pytest.raises(BadInput, match="no sweep"):
        SweepStore(tmp_path, IDENTITY, replace=True)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    store = SweepStore(tmp_path, IDENTITY)
    store.write(0, rows(1))
    (tmp_path / PARTS / "00000.parquet").write_bytes(b"no parquet")
    with pytest.raises(DataError, match=r"00000\.parquet cannot be read"):
        store.finish(1)
    assert not (tmp_path / TABLE).exists()
    (tmp_path / MANIFEST).write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"manifest\.json cannot be read"):
        SweepStore(tmp_path, IDENTITY)


def test_a_disk_that_is_full_is_told_and_keeps_what_was_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SweepStore(tmp_path / "sweep", IDENTITY)
    store.write(0, rows(1))

    def full(*_: object, **__: object) -> None:
        raise pl.exceptions.ComputeError("No space left on device (os error 28)")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(DataError, match=r"No space left on device.* Free disk space and run the same command again"):
        store.write(1, rows(2))
    again = SweepStore(tmp_path / "sweep", IDENTITY)
    assert (again.has(0), again.has(1)) == (True, False)
