"""What the file of a strategy does outside its view: changing the data of a run cannot change what it reads there."""

from __future__ import annotations

import ast

# Names of functions that read data or ask somebody, by themselves or as the end of a dotted name.
READERS = frozenset(
    {
        *("open", "read_bytes", "read_text", "load", "loadtxt", "genfromtxt", "fromfile", "memmap"),
        *(
            "read_parquet",
            "scan_parquet",
            "read_csv",
            "scan_csv",
            "read_json",
            "read_excel",
            "read_feather",
            "read_ipc",
        ),
        *(
            "scan_ipc",
            "read_hdf",
            "read_pickle",
            "read_sql",
            "read_table",
            "read_database",
            "read_ndjson",
            "scan_ndjson",
        ),
        *("load_panel", "load_part", "connect", "urlopen", "urlretrieve"),
    }
)
MODULES = frozenset({"requests", "httpx", "urllib", "socket", "sqlite3", "aiohttp", "yfinance", "pykrx", "ftplib"})
OWN = frozenset({"self", "cls", "super"})


def outside_reads(source: str) -> tuple[tuple[int, str], ...]:
    """Lines of Python that read data outside the view, or reach behind it, with the words found there, sorted.

    A list of places to look at, not a proof: a name can be hidden, and an honest strategy may read its parameters.

    >>> outside_reads("import polars as pl\\ntable = pl.read_parquet('x.parquet')\\nlast = view._panel.bars")
    ((2, 'pl.read_parquet'), (3, 'view._panel'))
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in READERS:
                found.add((node.lineno, name))
            case ast.Call(func=ast.Attribute(attr=name)) if name in READERS:
                found.add((node.lineno, ast.unparse(node.func)))
            case ast.Import(names=names):
                found |= {(node.lineno, f"import {each.name}") for each in names if each.name.split(".")[0] in MODULES}
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in MODULES:
                found.add((node.lineno, f"from {module} import"))
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if _is_private(name) and owner not in OWN:
                found.add((node.lineno, f"{owner}.{name}"))
    return tuple(sorted(found))


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
