"""No secret is written down: keys and account numbers are masked in everything that is stored of a call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from engine.log import MASK, redact_text

_SHORTEST = 6  # a shorter secret would mask ordinary words
# As a shape of engine.log, but inside a JSON text that is itself a string of JSON, at any depth.
_QUOTED = re.compile(
    r"""(?ix)((\\+)"(?:app_?key|app_?secret|secret_?key|api_?key|access_token|approval_key|password)\2"
    \s*:\s*\2")[^"\\]+"""
)


class Scrubber:
    """Masks known secrets by their value and unknown ones by their shape.

    Args:
        secrets: every secret value that the caller holds: model keys, broker keys, account numbers.
    """

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {secret for secret in secrets if len(secret) >= _SHORTEST}
        known |= {json.dumps(secret, ensure_ascii=escaped)[1:-1] for secret in known for escaped in (True, False)}
        self._secrets = sorted(known, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without secrets; a text without any is returned as it is."""
        return _QUOTED.sub(rf"\1{MASK}", redact_text(text, self._secrets))

    def __repr__(self) -> str:
        return f"Scrubber({len(self._secrets)} secrets)"
