"""How the parts of the server tell what must outlive it: each notes what it changed, and does not know who keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Note = Callable[[str, Mapping[str, Any]], None]


def forget(kind: str, content: Mapping[str, Any]) -> None:
    """Keep nothing: a server without a folder of its own begins anew every time."""
