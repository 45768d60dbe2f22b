"""How apprise is used: one plugin object per message, with a logger of its own that nobody else reads.

Apprise answers True or False and tells the reason to its log, where its lines hold tokens and addresses. Given a
logger of its own, a plugin tells only us: nothing reaches the process's logs, and the reason becomes an answer without
secrets. Hosts are attributes of the plugins, so the webhook's own address and another server of the Bot API are used
as they are.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from engine.ledger.alerts import Urgency
from engine.log import redact_text
from engine.notify.sending import DELIVERED, Answer, Picture, Verdict

if TYPE_CHECKING:
    from apprise import AppriseAsset, AppriseAttachment
    from apprise.plugins.base import NotifyBase

SECONDS = 10.0  # for a connection, and for each answer
_STATUS = re.compile(r"error=(\d{3})\b")
_RETRY_AFTER = re.compile(r"retry[_-]after\D{1,4}(\d{1,6})", re.IGNORECASE)
# The server has understood the message and does not want it; everything else may change without us.
_OF_THE_MESSAGE = frozenset({400, 413, 414, 415, 422})
_MOST_TOLD = 300
_TYPES = {Urgency.INFO: "info", Urgency.WARNING: "warning", Urgency.CRITICAL: "failure"}


class Listener(logging.Handler):
    """Keeps what one plugin says."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.lines.append((record.levelno, record.getMessage()))


def asset() -> AppriseAsset:
    """How apprise presents itself: by our name, and never following a redirect with a secret in the address."""
    from apprise import AppriseAsset  # noqa: PLC0415  (slow to import)

    return AppriseAsset(app_id="Geoul", app_desc="Geoul", app_url="", http_redirects=False)


def attachments(pictures: Sequence[Picture]) -> AppriseAttachment | None:
    """Pictures as apprise takes them."""
    from apprise import AppriseAttachment  # noqa: PLC0415
    from apprise.attachment.memory import AttachMemory  # noqa: PLC0415

    if not pictures:
        return None
    found = AppriseAttachment()
    for picture in pictures:
        found.add(AttachMemory(content=picture.content, name=picture.name, mimetype="image/png"))
    return found


def deliver(
    make: Callable[[], NotifyBase],
    urgency: Urgency,
    secrets: Sequence[str],
    *,
    pictures: Sequence[Picture] = (),
    **content: Any,
) -> Answer:
    """Send one message with a plugin that serves nothing else.

    Args:
        make: makes the plugin; what it refuses is an answer too, for its words may hold a secret.
        urgency: which colour or sign the service shows.
        secrets: appear in no answer.
        pictures: go with it.
        content: title, body and its format, as apprise takes them.
    """
    listener = Listener()
    private = logging.Logger("geoul.notify", logging.DEBUG)  # not of the tree: it has no parent to tell
    private.trace = private.debug  # type: ignore[attr-defined]  # a level of apprise's own
    private.addHandler(listener)
    try:
        plugin = make()
        plugin.logger = private
        plugin.socket_connect_timeout = plugin.socket_read_timeout = SECONDS
        done = plugin.notify(notify_type=_TYPES[urgency], attach=attachments(pictures), **content)
    except Exception as error:  # a library of others: whatever it raises is no reason to stop delivering
        return Answer(verdict=Verdict.LATER, told=_clean(f"{type(error).__name__}: {error}", secrets))
    return DELIVERED if done else read_answer(listener.lines, secrets)


def read_answer(lines: Sequence[tuple[int, str]], secrets: Sequence[str]) -> Answer:
    """What a plugin that failed has said about it."""
    text = "\n".join(line for _, line in lines)
    status = _STATUS.findall(text)
    asked = _RETRY_AFTER.search(text)
    reasons = [line for level, line in lines if level >= logging.WARNING]
    reasons += [line.removeprefix("Socket Exception: ") for _, line in lines if line.startswith("Socket Exception")]
    refused = bool(status) and int(status[-1]) in _OF_THE_MESSAGE
    return Answer(
        verdict=Verdict.REFUSED if refused else Verdict.LATER,
        told=_clean("; ".join(dict.fromkeys(reasons)) or "no reason was given", secrets),
        wait=timedelta(seconds=int(asked[1])) if asked else None,
    )


def _clean(text: str, secrets: Sequence[str]) -> str:
    return redact_text(" ".join(text.split()), secrets)[:_MOST_TOLD]
