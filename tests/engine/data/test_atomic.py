"""Files and folders appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.data.atomic import atomic_folder, atomic_path
from engine.errors import DataError


def test_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    with atomic_path(target) as part:
        part.write_text("whole")
        assert not target.exists()
        assert part.parent == target.parent
    assert target.read_text() == "whole"
    assert [path.name for path in target.parent.iterdir()] == ["file.txt"]


def test_failure_keeps_the_old_file_and_leaves_no_part(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="stop"), atomic_path(target) as part:
        part.write_text("half")
        raise RuntimeError("stop")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_folder_is_replaced_only_when_told(tmp_path: Path) -> None:
    target = tmp_path / "data"
    with atomic_folder(target) as part:
        (part / "manifest.json").write_text("1")
    with pytest.raises(DataError, match="--overwrite"), atomic_folder(target):
        pass
    with atomic_folder(target, overwrite=True) as part:
        (part / "b").write_text("2")
    assert [path.name for path in target.iterdir()] == ["b"]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_failing_folder_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "data"
    with atomic_folder(target) as part:
        (part / "manifest.json").write_text("1")
    with pytest.raises(RuntimeError, match="stop"), atomic_folder(target, overwrite=True) as part:
        (part / "b").write_text("2")
        raise RuntimeError("stop")
    assert [path.name for path in target.iterdir()] == ["manifest.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(DataError, match="is a file"), atomic_folder(tmp_path / "data", overwrite=True):
        pass


def test_a_folder_of_other_files_is_never_replaced(tmp_path: Path) -> None:
    target = tmp_path / "documents"
    target.mkdir()
    (target / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="is not a dataset"), atomic_folder(target, overwrite=True):
        pass
    assert (target / "thesis.txt").read_text() == "years of work"


def test_a_device_or_a_folder_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    for target, reason in ((Path(os.devnull), "device"), (tmp_path, "is a folder"), (Path(), "names no file")):
        with pytest.raises(DataError, match=reason), atomic_path(target):
            pass
    assert Path(os.devnull).exists() and not Path(os.devnull).is_file()


def test_a_file_where_a_folder_is_needed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(DataError, match="not a folder"), atomic_path(tmp_path / "file" / "page.html"):
        pass
    with pytest.raises(DataError, match="not a folder"), atomic_folder(tmp_path / "file" / "data"):
        pass


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "real.txt")
    with atomic_path(link) as part:
        part.write_text("new")
    assert link.is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"
