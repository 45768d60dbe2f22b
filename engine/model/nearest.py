"""The recorded question that is most like a new one, and how they differ, for a person to read."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from typing import Any

_LONGEST_LINE = 160
_MOST_LINES = 80
_CONTEXT = 2
_BETWEEN_VALUES = re.compile(r'(?<=,)(?=["{\[])|(?<=[{\[])(?=["{\[])')


def readable(request_json: str) -> list[str]:
    """A request as lines: its settings, then its messages; JSON inside a message one value a line."""
    request: dict[str, Any] = json.loads(request_json)
    lines = [
        f"{name}: {json.dumps(request[name], ensure_ascii=False, sort_keys=True)}"
        for name in sorted(request)
        if name not in ("messages", "schema", "tools")
    ]
    for name in ("schema", "tools"):
        if request.get(name):
            lines += [f"{name}:", *_broken(json.dumps(request[name], ensure_ascii=False, sort_keys=True))]
    for message in request["messages"]:
        lines.append(f"[{message['role']}]")
        for line in message["content"].splitlines():
            lines += _broken(line)
    return lines


def most_alike(wanted: list[str], candidates: Iterable[tuple[str, list[str]]]) -> tuple[str, list[str]] | None:
    """The candidate (name, lines) that shares most of its lines with `wanted`; None if there is none."""
    target = set(wanted)

    def likeness(candidate: tuple[str, list[str]]) -> tuple[float, str]:
        lines = set(candidate[1])
        return len(target & lines) / max(1, len(target | lines)), candidate[0]

    return max(candidates, key=likeness, default=None)


def difference(recorded: list[str], asked: list[str]) -> str:
    """A unified diff of bounded length from what was recorded to what is asked; it says how much was left out."""
    lines = list(difflib.unified_diff(recorded, asked, "recorded", "asked", lineterm="", n=_CONTEXT))
    shown = [line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…" for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        shown.append(f"… {len(lines) - _MOST_LINES:,} more lines of difference")
    return "\n".join(shown)


def _broken(line: str) -> list[str]:
    """A long line in pieces, so that a diff points at what changed: compact JSON between its values, then by length."""
    if len(line) <= _LONGEST_LINE:
        return [line]
    pieces = _BETWEEN_VALUES.split(line) if line.lstrip()[:1] in ("{", "[") else [line]
    return [piece[start : start + _LONGEST_LINE] for piece in pieces for start in range(0, len(piece), _LONGEST_LINE)]
