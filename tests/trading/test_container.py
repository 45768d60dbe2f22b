"""The container file, as far as it can be checked without a container: what it copies, how it starts and is asked."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from engine.trading.health_http import HealthServer

ROOT = Path(__file__).parents[2]
FILE = ROOT / "engine" / "service" / "Containerfile"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def instructions() -> list[tuple[str, str]]:
    """Instruction and what follows it; lines that go on are joined."""
    text = FILE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in lines)]


def only(name: str) -> str:
    (found,) = [rest for instruction, rest in instructions() if instruction == name]
    return found


def test_an_image_holds_the_package_and_nothing_else_of_a_source_tree() -> None:
    """A folder of an account in it, with its keys, would be in every image that is handed on."""
    copied = [rest.split() for name, rest in instructions() if name == "COPY"]
    sources = [source for *given, _ in copied for source in given]
    metadata = ["pyproject.toml", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]]
    assert sorted(sources) == sorted([*metadata, *PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]])
    assert all((ROOT / source).exists() for source in sources)
    for *given, target in copied:  # a folder's contents are copied, not the folder
        assert target == (f"/source/{given[0]}" if (ROOT / given[0]).is_dir() else "/source/")


def test_it_runs_as_nobody_in_particular_in_the_folder_that_is_kept() -> None:
    made = only("USER")
    assert made.isdigit(), "a number: who checks that it is not root knows no names"
    runs = [rest for name, rest in instructions() if name == "RUN"]
    assert f"--uid {made} geoul" in runs[0]
    assert only("WORKDIR") == only("VOLUME") == "/account"
    assert "mkdir /account && chown geoul /account" in runs[0]
    assert [name for name, _ in instructions()].index("USER") > [name for name, _ in instructions()].index("COPY")
    assert only("STOPSIGNAL") == "SIGTERM"
    variables = dict(pair.split("=", 1) for pair in only("ENV").split())
    assert variables["GEOUL_KIS_CONFIG"] == "/account/kis_devlp.yaml"
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    version = only("FROM").removeprefix("python:").removesuffix("-slim").split(".")
    assert [int(part) for part in version] >= [3, 11]


def test_its_words_start_a_trader_and_a_folder_without_keys_ends_with_2(tmp_path: Path) -> None:
    (script,) = json.loads(only("ENTRYPOINT"))
    assert PROJECT["project"]["scripts"][script] == "engine.cli.main:main"
    words = [word.replace("/account", str(tmp_path)) for word in json.loads(only("CMD"))]
    shown = CliRunner().invoke(app, [*words, "--help"])
    assert shown.exit_code == 0, shown.output
    variables = {"PATH": "", "GEOUL_KIS_CONFIG": str(tmp_path / "kis_devlp.yaml"), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "engine.cli.main", *words]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "kis_devlp.yaml" in done.stderr
    assert not (tmp_path / "ledger.db").exists(), "nothing was begun"


@pytest.mark.parametrize(("silent", "status"), [(1.0, 0), (1e6, 1)])
def test_its_health_check_asks_the_trader(silent: float, status: int) -> None:
    _, _, words = only("HEALTHCHECK").partition("CMD ")
    (_, option, code), port = json.loads(words), json.loads(only("CMD"))[-1]
    server = HealthServer(lambda: (None, 0.0), lambda: silent, 0)
    try:
        asked = code.replace(f"http://127.0.0.1:{port}", server.url)
        assert server.url in asked
        done = subprocess.run([sys.executable, option, asked], capture_output=True, check=False)
        assert done.returncode == status
    finally:
        server.close()
