"""The cache of compiled kernels notices a change in a file that another kernel's file calls into."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ENGINE = Path(__file__).parents[2] / "engine"
# `limit_prices` is compiled in price_limit.py and calls `tick_of` of tick_size.py.
ASK = """
from datetime import date
from engine.krx.instrument_class import InstrumentClass
from engine.krx.price_limit import limit_prices
from engine.krx.tick_size import grid_at
print(limit_prices(6_820, 30, 1, *grid_at(date(2024, 1, 12), InstrumentClass.KOSPI_STOCK)))
"""
OLD, NEW = "            return sizes_row[column]\n", "            return sizes_row[column] * 100\n"


def limits(root: Path) -> str:
    """What the copy of the package below `root` answers, in a process of its own with one cache for all."""
    environment = {**os.environ, "PYTHONPATH": str(root), "GEOUL_CACHE": str(root / "cache")}
    run = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, cwd=root, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_an_edited_callee_in_another_file_changes_what_its_caller_computes(tmp_path: Path) -> None:
    shutil.copytree(ENGINE, tmp_path / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    callee = tmp_path / "engine" / "krx" / "tick_size.py"
    source = callee.read_text(encoding="utf-8")
    assert source.count(OLD) == 1
    before = limits(tmp_path)
    assert before == "(4780, 8860)"
    callee.write_text(source.replace(OLD, NEW), encoding="utf-8")
    after = limits(tmp_path)
    assert after != before
    callee.write_text(source, encoding="utf-8")
    assert limits(tmp_path) == before
    assert len(list((tmp_path / "cache" / "kernels").iterdir())) == 2, "one folder for each version of the sources"
