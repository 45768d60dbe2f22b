"""What decides the bytes of an answer beside the market: two machines that differ in it must not share a table."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
from dataclasses import dataclass, fields
from pathlib import Path

import engine

ROOT = Path(engine.__path__[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Software:
    """One machine's programs.

    Args:
        geoul: hash of the engine's sources.
        python, numpy, numba, polars, scipy: versions.
    """

    geoul: str
    python: str
    numpy: str
    numba: str
    polars: str
    scipy: str


@functools.cache
def software() -> Software:
    """What this process runs."""
    libraries = {name: importlib.metadata.version(name) for name in ("numpy", "numba", "polars", "scipy")}
    return Software(geoul=_source_hash(ROOT), python=platform.python_version(), **libraries)


def difference(here: Software, there: Software) -> str:
    """In what two machines differ, as the end of a sentence; empty if in nothing.

    >>> same = {"geoul": "4a…", "python": "3.11.7", "numba": "0.61", "polars": "1.20", "scipy": "1.16"}
    >>> difference(Software(numpy="2.1.0", **same), Software(numpy="2.4.6", **same))
    'numpy 2.4.6 there, 2.1.0 here'
    """
    pairs = [(field.name, getattr(here, field.name), getattr(there, field.name)) for field in fields(Software)]
    return "; ".join(f"{name} {theirs} there, {ours} here" for name, ours, theirs in pairs if ours != theirs)


def _source_hash(root: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
