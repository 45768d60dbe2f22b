"""The command as a user runs it: arguments in, exit status and text out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.cli.main import main
from engine.data.sample import make_sample


@dataclass(frozen=True)
class Answer:
    """What a command left behind: exit status, standard output, standard error."""

    status: int
    out: str
    err: str


Geoul = Callable[..., Answer]

# Processes of their own take the kernels that are compiled already from where they are.
OUTER_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "200"}


@pytest.fixture(scope="session")
def panel_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Panels of these tests, apart from those of the user."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, panel_cache: Path) -> None:
    """Lines are not wrapped, and nothing is written into the folder the tests were started from."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("GEOUL_CACHE", str(panel_cache))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def geoul(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Geoul:
    """Run `geoul ARGUMENTS` in this process, through the entry point that turns errors into messages."""

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["geoul", *map(str, arguments)])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as stopped:
            status = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
        printed = capsys.readouterr()
        return Answer(status, printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic market."""
    folder = tmp_path_factory.mktemp("market") / "sample"
    make_sample(folder, tickers=12, years=1, seed=3)
    return folder
