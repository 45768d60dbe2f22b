"""What is said about a strategy file that cannot be used, and which class is taken from one that can."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli.load_strategy import load_strategy
from engine.errors import BadInput

HEAD = "from engine.strategy import Strategy\n"
FOLDER = Path(__file__).parents[3] / "strategies"


def written(tmp_path: Path, text: str, name: str = "mine.py") -> str:
    """A strategy file; its path as the command line gives it."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def refusal(source: str) -> str:
    with pytest.raises(BadInput) as caught:
        load_strategy(source)
    return str(caught.value)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("[!_]*.py")), ids=lambda path: path.stem)
def test_every_strategy_of_the_folder_loads(path: Path) -> None:
    assert type(load_strategy(str(path))).__name__ == path.stem.title().replace("_", "")


def test_the_only_strategy_of_a_file_needs_no_name(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "class Mine(Strategy):\n    pass\n")
    assert type(load_strategy(path)).__name__ == "Mine"


def test_one_of_several_is_named_after_a_colon(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "class One(Strategy):\n    pass\nclass Two(One):\n    pass\n")
    assert type(load_strategy(f"{path}:Two")).__name__ == "Two"


def test_a_colon_inside_the_path_separates_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "a:b"
    folder.mkdir()
    assert type(load_strategy(written(folder, HEAD + "class Mine(Strategy):\n    pass\n"))).__name__ == "Mine"


def test_an_imported_strategy_is_not_one_of_the_file(tmp_path: Path) -> None:
    text = "from strategies.pair_switch import PairSwitch\nclass Wide(PairSwitch):\n    gap = 0.1\n"
    assert type(load_strategy(written(tmp_path, text))).__name__ == "Wide"


def test_several_strategies_are_listed(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "class One(Strategy):\n    pass\nclass Two(Strategy):\n    pass\n")
    assert f"several strategies: One, Two. Name one: --strategy {path}:One" in refusal(path)


def test_a_wrong_name_is_answered_with_the_right_ones(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "class One(Strategy):\n    pass\n")
    assert "no strategy Wun; it has One" in refusal(f"{path}:Wun")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert f"no strategy file {tmp_path / 'absent.py'}" in refusal(str(tmp_path / "absent.py"))


def test_a_file_of_another_kind_is_no_python(tmp_path: Path) -> None:
    assert "must end in .py" in refusal(written(tmp_path, "## 규칙\n", "rules.md"))


def test_a_file_without_a_strategy_says_what_to_write(tmp_path: Path) -> None:
    assert "class Mine(Strategy):" in refusal(written(tmp_path, "x = 1\n"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import no_such_module_of_anybody\n", ("ModuleNotFoundError", "no_such_module_of_anybody", "(line 1)")),
        ("x = 1\ny = x / 0\n", ("ZeroDivisionError", "(line 2)")),
        ("x = 1\n\ndef broken(:\n", ("SyntaxError", "(line 3)")),
        ("raise SystemExit(0)\n", ("SystemExit", "(line 1)")),
    ],
)
def test_an_error_of_the_file_tells_its_line(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    told = refusal(written(tmp_path, text))
    assert all(word in told for word in ("cannot be imported", *words))


def test_a_strategy_that_needs_arguments_is_refused(tmp_path: Path) -> None:
    text = HEAD + "class Mine(Strategy):\n    def __init__(self, days):\n        self.days = days\n"
    assert "made without arguments" in refusal(written(tmp_path, text))


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ("men(close, 5)", ("'fast'", "men", "mean")),
        ("close > 7%", ("'fast'", "7%")),
        ("pnl", ("'fast'", "the account")),
        ("session_open", ("'fast'", "still to come")),
    ],
)
def test_a_feature_that_cannot_be_computed_is_named(tmp_path: Path, feature: str, words: tuple[str, ...]) -> None:
    text = HEAD + f"class Mine(Strategy):\n    features = {{'fast': {feature!r}}}\n"
    told = refusal(written(tmp_path, text))
    assert all(word in told for word in words)
