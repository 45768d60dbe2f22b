"""What users write against: these names stay, and a change of them is meant."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re
from pathlib import Path

import pytest

import engine
from engine.result import Result
from engine.strategy import Strategy, View

ROOT = Path(__file__).parents[1]

PUBLIC = {
    "engine.backtest": ("backtest",),
    "engine.strategy": ("Strategy", "View"),
    "engine.config": ("BacktestConfig", "RiskLimits", "Slippage"),
    "engine.result": ("Result", "RunWarning"),
    "engine.errors": ("BadInput", "BrokenInvariant", "ConfigError", "DataError", "GeoulError", "RuleError"),
    "engine.data.panel": ("Panel", "load_panel"),
    "engine.data.sample": ("make_sample",),
    "engine.data.sample_minutes": ("make_minute_sample",),
    "engine.data.importer": ("import_dataset",),
    "engine.rules.prompt": ("load_rules", "load_rules_text", "parse_prompt", "print_prompt"),
    "engine.metrics.summary": ("Metrics", "summarize"),
    "engine.reports.html": ("write_report",),
    "engine.reports.terminal": ("print_result",),
    "brokers.replay": ("ReplayBroker", "replay"),
}

STRATEGY = {"features", "on_bar", "on_fill", "on_refused", "on_start"}
VIEW = {
    "buy",
    "cash",
    "close",
    "equity",
    "feature",
    "holding",
    "is_last_bar_of_session",
    "is_listed",
    "move_to",
    "now",
    "pending",
    "requests",
    "sell",
    "session",
    "tickers",
    "volume",
}
RESULT = [
    "equity",
    "orders",
    "fills",
    "trades",
    "positions",
    "rules",
    "refusals",
    "warnings",
    "config",
    "data",
    "timings",
    "initial_cash",
    "interval",
    "result_hash",
    "model_costs",
    "model_run",
]


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_a_public_name_exists_and_says_what_it_is(module: str) -> None:
    found = importlib.import_module(module)
    for name in PUBLIC[module]:
        assert (getattr(found, name).__doc__ or "").strip(), f"{module}.{name} has no docstring"


def test_a_strategy_can_override_these() -> None:
    assert public(Strategy) == STRATEGY


def test_a_view_offers_these() -> None:
    assert public(View) == VIEW


def test_a_result_has_these_fields() -> None:
    assert [field.name for field in dataclasses.fields(Result)] == RESULT


@pytest.mark.parametrize("package", ["engine", "brokers", "strategies"])
def test_a_package_file_holds_a_docstring_and_nothing_else(package: str) -> None:
    for path in (ROOT / package).rglob("__init__.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        said = bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
        assert len(body) == said, f"{path.relative_to(ROOT)} has code; a package file is a map, not a program"


def test_every_module_of_the_engine_is_on_its_map() -> None:
    folder = Path(engine.__path__[0])
    words = set((engine.__doc__ or "").replace("/", " ").split())
    modules = {path.stem for path in folder.glob("[!_]*.py")}
    folders = {path.parent.name for path in folder.glob("*/__init__.py")}
    assert modules | folders <= words


def test_the_map_of_a_package_names_each_of_its_files() -> None:
    """A name may be written in two: `gate` and `_view` for `gate_view`."""
    missing = []
    for path in [*(ROOT / "engine").rglob("__init__.py"), *(ROOT / "brokers").rglob("__init__.py")]:
        words = set(re.findall(r"\w+", path.read_text(encoding="utf-8")))
        ends = {word for word in words if word.startswith("_")}
        for each in path.parent.glob("*.py"):
            in_two = any(each.stem.endswith(end) and each.stem.removesuffix(end) in words for end in ends)
            if each != path and each.stem not in words and not in_two:
                missing.append(str(each.relative_to(ROOT)))
    assert not missing, f"not on the map in the `__init__.py` beside it: {sorted(missing)}"
