"""Who imports whom: every arrow between the parts points down, and the vocabulary needs the standard library only."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Part -> its modules or folders of `engine`. A new module must be put into one.
PARTS = {
    "vocabulary": {
        "account",
        "clock",
        "errors",
        "events",
        "fill",
        "instrument",
        "money",
        "order",
        "position",
        "steady_clock",
    },
    "settings": {"cache_root", "config", "kernel_cache", "log", "log_files", "settled_heap"},
    "krx": {"krx"},
    "matching": {"matching"},
    "rules": {"rules"},
    "data": {"data"},
    "running": {
        "backtest",
        "broker",
        "exchange",
        "feature_feed",
        "loop",
        "outcome",
        "result",
        "risk",
        "simulation",
        "trade_rows",
        "strategy",
        "succession",
        "tenure",
        "track",
        "variants",
    },
    "ledger": {"ledger"},
    "metrics": {"metrics"},
    "research": {"research"},
    "reports": {"reports"},
    "operating": {"operating"},
    "model": {"model"},
    "planning": {"planning"},
    "reflection": {"reflection"},
    "trading": {"trading"},
    "notify": {"notify"},
    "service": {"service"},
    "cli": {"cli"},
}

# Outside `engine.cli`: modules and packages that put a broker and the upper parts together, and are no brokers.
ASSEMBLERS = {
    "brokers.graph_replay",
    "brokers.kis_account",
    "brokers.kis_executed",
    "brokers.kis_trading",
    "brokers.learning_demo",
    "brokers.learning_replay",
    "brokers.plan_replay",
}

# Brokers see each other nowhere but here: the server writes what the adapter reads, with the same tables. The replay is
# one broker in three files.
BROKER_SEES = {"kis_server": {"kis"}, "replay": {"replay_market", "replay_records"}}

# Part -> the parts it may import, beside itself.
BASE = {"vocabulary", "settings"}
KERNELS = BASE | {"krx", "matching", "rules"}
PORTS = KERNELS | {"data", "running"}
UPPER = {
    "ledger",
    "metrics",
    "research",
    "reports",
    "operating",
    "model",
    "planning",
    "reflection",
    "trading",
    "notify",
}
MAY_IMPORT = {
    "vocabulary": set[str](),
    "settings": {"vocabulary"},
    "krx": BASE,
    "matching": BASE | {"krx"},
    "rules": BASE | {"krx", "matching"},
    "data": BASE | {"krx"},
    "running": KERNELS | {"data"},
    "ledger": PORTS,
    "metrics": PORTS,
    "research": PORTS | {"ledger", "metrics"},
    "reports": PORTS | {"ledger", "metrics", "research"},
    "operating": PORTS | {"ledger", "metrics", "reports"},
    "model": PORTS | {"ledger"},
    "planning": PORTS | {"ledger", "metrics", "reports", "operating", "model"},
    "reflection": PORTS | {"ledger", "metrics", "research", "reports", "operating", "model"},
    "trading": PORTS | {"ledger", "metrics", "reports", "operating"},
    "notify": PORTS | {"ledger", "metrics", "reports"},
    "service": BASE,
    "cli": PORTS | UPPER | {"brokers", "assembly", "service"},
    "assembly": PORTS | UPPER | {"brokers"},
    "brokers": PORTS,
    "strategies": {"vocabulary", "running"},
}


def part_of(module: str) -> str:
    """The part a module belongs to: `engine.krx.costs` -> "krx", `brokers.replay` -> "brokers".

    >>> part_of("engine.order"), part_of("brokers.replay")
    ('vocabulary', 'brokers')
    """
    package, *rest = module.split(".")
    if ".".join(module.split(".")[:2]) in ASSEMBLERS:
        return "assembly"
    if package != "engine":
        return package
    if not rest:
        return "vocabulary"  # the map in `engine/__init__.py`, which imports nothing
    for part, names in PARTS.items():
        if rest[0] in names:
            return part
    raise AssertionError(f"{module} belongs to no part: put {rest[0]!r} into PARTS of tests/test_import_direction.py")


def module_of(path: Path) -> str:
    """`engine/krx/costs.py` -> `engine.krx.costs`."""
    names = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """All modules that a file imports, inside functions too, with the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                yield "relative import", node.lineno
            elif module.count(".") == 0 and module in ("engine", "brokers", "strategies"):
                yield from ((f"{module}.{name.name}", node.lineno) for name in node.names)
            else:
                yield module, node.lineno


def wrong_import(module: str, imported: str) -> str | None:
    """Why `module` may not import `imported`; None if it may."""
    package = imported.split(".", maxsplit=1)[0]
    if imported == "relative import":
        return "imports are written in full"
    if package in ("tests", "benchmarks"):
        return f"the product never imports {package}"
    mine = part_of(module)
    if package not in ("engine", "brokers", "strategies"):
        outside = mine == "vocabulary" and package not in sys.stdlib_module_names
        return "the vocabulary imports the standard library only" if outside else None
    theirs = part_of(imported)
    if mine == theirs == "brokers":
        broker, other = module.split(".")[1], imported.split(".")[1]
        if other not in {broker, *BROKER_SEES.get(broker, set())}:
            return "brokers never see each other"
    if theirs != mine and theirs not in MAY_IMPORT[mine]:
        return f"{mine} may import {', '.join(sorted(MAY_IMPORT[mine])) or 'nothing of Geoul'}, not {theirs}"
    return None


def sources() -> list[Path]:
    return sorted(path for package in ("engine", "brokers", "strategies") for path in (ROOT / package).rglob("*.py"))


def test_every_import_points_down() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: imports {imported}: {reason}"
        for path in sources()
        for imported, line in imports(ast.parse(path.read_text(encoding="utf-8")))
        if (reason := wrong_import(module_of(path), imported))
    ]
    assert not wrong, "\n".join(wrong)


def test_no_circle_of_parts() -> None:
    seen: set[str] = set()
    while len(seen) < len(MAY_IMPORT):
        ready = {part for part, below in MAY_IMPORT.items() if part not in seen and below <= seen}
        assert ready, f"a circle among {sorted(set(MAY_IMPORT) - seen)}"
        seen |= ready


@pytest.mark.parametrize(
    ("module", "imported", "words"),
    [
        ("engine.krx.costs", "engine.data.panel", "not data"),
        ("engine.loop", "brokers.replay", "not brokers"),
        ("engine.operating.graph", "strategies.pair_switch", "not strategies"),
        ("engine.order", "numpy", "standard library"),
        ("engine.order", "engine.config", "not settings"),
        ("engine.reports.html", "engine.cli.main", "not cli"),
        ("brokers.kis.rest", "brokers.replay", "never see each other"),
        ("brokers.kis.rest", "brokers.kis_server.rest", "never see each other"),
        ("strategies.pair_switch", "engine.matching.step", "not matching"),
        ("engine.metrics.returns", "tests.builders_result", "never imports tests"),
    ],
)
def test_an_import_that_points_up_is_refused(module: str, imported: str, words: str) -> None:
    assert words in (wrong_import(module, imported) or "allowed")


def test_a_module_of_no_part_is_named() -> None:
    with pytest.raises(AssertionError, match="'helpers' into PARTS"):
        part_of("engine.helpers")
