"""Logs of the libraries that carry messages: they would write addresses with tokens when somebody turns them on."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from engine.log import redact_text

_SILENT = "apprise"  # what its plugins say is read from loggers of our own
_HTTP = "urllib3.connectionpool"  # names the path of every request at debug


class Concealing(logging.Filter):
    """Masks secrets in every line of a logger.

    Args:
        secrets: to mask.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__()
        self.secrets = tuple(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the line by one without secrets; none is left out."""
        record.msg, record.args = redact_text(record.getMessage(), self.secrets), None
        return True


def conceal(secrets: Sequence[str]) -> None:
    """From now on these secrets appear in no line of the libraries' loggers, at whatever level they are."""
    logging.getLogger(_SILENT).disabled = True
    http = logging.getLogger(_HTTP)
    known = {each.secrets for each in http.filters if isinstance(each, Concealing)}
    if secrets and tuple(secrets) not in known:
        http.addFilter(Concealing(secrets))
