"""Answers that give access: token, approval key, revocation, hash. They have no envelope, and two of them are secret.

Source: official samples (885dd4e), kis_auth.py, and the portal's pages on OAuth; read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr

from brokers.kis.errors import BadAnswer
from engine.clock import KST, in_seoul


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAnswer:
    """An access token and the instant at which it expires. A new issue within six hours answers the same token."""

    token: SecretStr
    expires_at: datetime

    @classmethod
    def read(cls, body: Mapping[str, object]) -> TokenAnswer:
        """From the JSON of the answer.

        Raises:
            BadAnswer: a field is missing or has the wrong form.
        """
        token = _secret(body, "access_token", "tokenP")
        return cls(token=token, expires_at=_korean_time(body, "access_token_token_expired", "tokenP"))

    def to_wire(self, now: datetime) -> dict[str, object]:
        """As KIS sends it."""
        expires = in_seoul(self.expires_at)
        return {
            "access_token": self.token.get_secret_value(),
            "access_token_token_expired": expires.strftime("%Y-%m-%d %H:%M:%S"),
            "token_type": "Bearer",
            "expires_in": max(0, int((expires - now) / timedelta(seconds=1))),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalAnswer:
    """The key with which a stream is opened; valid for 24 hours, checked only when the stream starts."""

    approval_key: SecretStr

    @classmethod
    def read(cls, body: Mapping[str, object]) -> ApprovalAnswer:
        """From the JSON of the answer; a missing key raises `BadAnswer`."""
        return cls(approval_key=_secret(body, "approval_key", "Approval"))

    def to_wire(self) -> dict[str, object]:
        """As KIS sends it."""
        return {"approval_key": self.approval_key.get_secret_value()}


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeAnswer:
    """The token is void."""

    message: str = ""

    @classmethod
    def read(cls, body: Mapping[str, object]) -> RevokeAnswer:
        """From the JSON of the answer; a code other than 200 raises `BadAnswer`."""
        if str(body.get("code")) != "200":
            raise BadAnswer("revokeP", "code", body.get("code"), "200")
        return cls(message=str(body.get("message") or "").strip())

    def to_wire(self) -> dict[str, object]:
        """As KIS sends it."""
        return {"code": 200, "message": self.message}


@dataclass(frozen=True, slots=True, kw_only=True)
class HashAnswer:
    """The hash of an order, which some programs send along. It is accepted and means nothing."""

    body: Mapping[str, object]
    hash: str

    def to_wire(self) -> dict[str, object]:
        """As KIS sends it."""
        return {"BODY": dict(self.body), "HASH": self.hash}


def _secret(body: Mapping[str, object], field: str, where: str) -> SecretStr:
    value = body.get(field)
    # Header values must be printable ASCII; anything else is no token, and could smuggle a header.
    if not isinstance(value, str) or not value or not (value.isascii() and value.isprintable()) or " " in value:
        raise BadAnswer(where, field, "a value that is not shown", "a key of printable characters")
    return SecretStr(value)


def _korean_time(body: Mapping[str, object], field: str, where: str) -> datetime:
    value = body.get(field)
    try:
        return datetime.strptime(str(value).strip(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=KST)
    except ValueError:
        raise BadAnswer(where, field, value, "a Korean time YYYY-MM-DD HH:MM:SS") from None
