"""The documents keep up with the product: their commands parse, their code runs, their links lead somewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from brokers.replay import replay
from engine.cli.load_strategy import load_strategy
from engine.cli.main import app
from engine.data.panel import load_panel
from engine.data.sample import make_sample

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.ko.md")
DOCUMENTS = (*READMES, "CONTRIBUTING.md", "CHANGELOG.md", "DECISIONS.md", "datasets/README.md")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(geoul [^`…]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """Fenced blocks of one language."""
    return [body for found, body in FENCE.findall(text_of(name)) if found == language]


def commands(name: str) -> Iterator[str]:
    """Every `geoul …` of a document: lines of shell blocks, and commands inside sentences."""
    for block in blocks(name, "sh"):
        for line in block.splitlines():
            for part in line.split("&&"):
                if part.strip().removeprefix(".venv/bin/").startswith("geoul "):
                    yield part.strip().removeprefix(".venv/bin/")
    yield from INLINE.findall(FENCE.sub("", text_of(name)))


def example_commands() -> Iterator[tuple[str, str]]:
    """(document, command) of all documents, and of the strategies' docstrings."""
    for name in DOCUMENTS:
        yield from ((name, command) for command in commands(name))
    for path in sorted((ROOT / "strategies").glob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        yield from ((path.name, line.strip()) for line in lines if line.startswith("    geoul "))


def parse(command: str) -> None:
    """Parse a command line without running it; the bare name of a command is enough. Raises what a user would read."""
    found: Any = typer.main.get_command(app)
    words, path = shlex.split(command, comments=True)[1:], "geoul"
    while hasattr(found, "get_command"):
        name = words.pop(0)
        found, above = found.get_command(None, name), path
        assert found is not None, f"`{command}`: {above} has no command {name}"
        path = f"{path} {name}"
        if not words:
            return
    found.make_context(path, words)


@pytest.mark.parametrize(("document", "command"), sorted(set(example_commands())))
def test_a_command_of_the_documents_parses(document: str, command: str) -> None:
    parse(command)


@pytest.mark.parametrize("wrong", ["geoul backtest --strategie x.py", "geoul data fetch x", "geoul rules check a b"])
def test_a_command_that_does_not_exist_would_be_noticed(wrong: str) -> None:
    with pytest.raises(Exception, match=r"strategie|no command fetch|unexpected extra argument"):
        parse(wrong)


def test_both_readmes_give_the_same_commands_and_code() -> None:
    english, korean = (
        [command.removesuffix("--lang en").split("#")[0].replace("--lang en", "").split() for command in commands(name)]
        for name in READMES
    )
    assert english == korean
    assert blocks("README.md", "python") == blocks("README.ko.md", "python")


@pytest.mark.parametrize("name", READMES)
def test_the_ci_script_runs_the_two_commands_of_the_readme(name: str) -> None:
    first, second = (block.strip() for block in blocks(name, "sh")[:2])
    lines = text_of(".ci/run").splitlines()
    assert first in lines
    assert second in lines


@pytest.mark.parametrize("name", READMES)
def test_the_strategy_of_the_readme_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_sample(tmp_path / "datasets" / "mine", tickers=4, years=1, seed=3)
    monkeypatch.chdir(tmp_path)
    strategy, run = blocks(name, "python")
    body = [line for line in strategy.splitlines() if line.strip() and not line.startswith(("from ", "import "))]
    assert len(body) <= 10
    (tmp_path / "cross.py").write_text(strategy, encoding="utf-8")
    loaded = replay(load_strategy("cross.py"), load_panel("datasets/mine", tickers=["0001U0"]))
    names: dict[str, Any] = {}
    exec(compile(strategy + run, name, "exec"), names)
    assert names["result"].result_hash == loaded.result_hash
    assert loaded.fills.height


def test_the_rule_of_the_readme_is_one_of_the_default_prompt() -> None:
    prompt = text_of("prompts/core_decision_prompt.md")
    for name in READMES:
        (change,) = blocks(name, "diff")
        old = [line[1:] for line in change.splitlines() if not line.startswith("+")]
        assert "\n".join(old) in prompt


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_relative_link_leads_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    for target in LINK.findall(text_of(document)):
        if "://" not in target:
            assert (folder / target).exists(), f"{document} links to {target}, which does not exist"
