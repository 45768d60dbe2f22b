"""An audit as JSON, for programs that decide by it."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from typing import Any

from engine.research.audit_report import Audit


def audit_text(audit: Audit, *, title: str) -> str:
    """All fields of the audit, times in ISO format with their offset; `title` is what the user calls the strategy."""
    document = {"strategy": title, "passed": audit.passed, **dataclasses.asdict(audit)}
    return json.dumps(document, ensure_ascii=False, indent=2, default=_plain)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in the JSON of an audit")
