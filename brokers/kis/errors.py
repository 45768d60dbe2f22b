"""Errors of the KIS adapter. Each names the call and the field, never a key, a token or an account.

KisError(GeoulError)
├── CallFailed            KIS did not do what was asked; carries the `Failure` that `outcome` made of the answer
│   ├── CallRefused       it said no; asking again gives the same
│   ├── CallUnknown       the request was sent and no usable answer came: the order may exist, reconcile first
│   └── CallUnavailable   not sent, or certainly not carried out: it may be asked again later
├── BadAnswer             an answer is not as documented: names call, field and value
├── NotInPaper            the paper environment has no such call: names what answers the question instead
└── WrongEnvironment      (a BrokenInvariant too) a request was about to reach the wrong environment; it was not sent

A configuration that cannot work is `engine.errors.ConfigError`. Orders are answered with values, not with errors:
see `outcome`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.errors import BrokenInvariant, GeoulError
from engine.log import redact_text

if TYPE_CHECKING:
    from brokers.kis.outcome import Failure

_SHOWN = 60


class KisError(GeoulError):
    """Base of all errors of the KIS adapter."""


class CallFailed(KisError):
    """KIS did not do what was asked; `failure` says which of refused, unknown and unavailable it is."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.describe("en"))


class CallRefused(CallFailed):
    """KIS said no."""


class CallUnknown(CallFailed):
    """Sent, but no usable answer came."""


class CallUnavailable(CallFailed):
    """Not sent, or certainly not carried out."""


class BadAnswer(KisError):
    """An answer is not as KIS documents it.

    Args:
        where: call and block, such as "inquire_balance output1 row 2".
        field: name on the wire, "" where the whole block is meant.
        value: what stood there.
        needed: what should stand there.
        hide: values to mask, should they stand there.
    """

    def __init__(self, where: str, field: str, value: object, needed: str, hide: Sequence[str] = ()) -> None:
        self.where, self.field = where, field
        shown = redact_text(repr(value), hide)
        if len(shown) > _SHOWN:
            shown = shown[:_SHOWN] + "…"
        shown = shown.encode("utf-8", "backslashreplace").decode("utf-8")  # half a surrogate pair cannot be printed
        place = f"{where}, field {field}" if field else where
        super().__init__(
            f"KIS {place}: {shown} where {needed} is needed. KIS may have changed its answer: "
            f"run `geoul kis probe`, and report the field if it is still wrong."
        )


class NotInPaper(KisError):
    """The paper environment has no such call."""


class WrongEnvironment(KisError, BrokenInvariant):
    """A request was about to reach an environment it does not belong to. It was not sent."""
