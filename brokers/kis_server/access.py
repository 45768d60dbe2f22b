"""Who may come in: app keys, tokens, approval keys of the stream.

Tokens live by the machine's clock, not by that of the world: a program that reads its own clock would otherwise find
every token expired, because the world lives in the past.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from brokers.kis.access_messages import ApprovalAnswer, HashAnswer, RevokeAnswer, TokenAnswer
from brokers.kis.environment import EnvironmentName
from brokers.kis_server.setup import AccountSetup, ServerSetup
from engine.clock import Clock

TOKEN_LIFE = timedelta(hours=24)
SAME_TOKEN = timedelta(hours=6)  # a new issue within them answers the token that was issued first
ISSUE_PAUSE = timedelta(minutes=1)


class AccessError(Exception):
    """A call that the gateway does not let through.

    Args:
        code: EGW….
        text: KIS's words.
        status: of HTTP.
    """

    def __init__(self, code: str, text: str, status: int = 500) -> None:
        super().__init__(f"{code} {text}")
        self.code, self.text, self.status = code, text, status


@dataclass(slots=True)
class Credential:
    """One app key.

    Args:
        app_key, app_secret: as the client sends them.
        environment: None until the first call about an account tells it (enrolled keys).
        account: number of its account, None likewise.
    """

    app_key: str
    app_secret: str
    environment: EnvironmentName | None = None
    account: str | None = None
    hts_id: str = ""


@dataclass(slots=True)
class _Token:
    credential: Credential
    issued_at: datetime
    expires_at: datetime


class Access:
    """Keys and tokens.

    Args:
        setup: which app keys exist, and whether unknown ones are enrolled.
        clock: the machine's.
    """

    def __init__(self, setup: ServerSetup, clock: Clock) -> None:
        self._setup, self._clock = setup, clock
        self._credentials = {
            account.app_key.get_secret_value(): Credential(
                account.app_key.get_secret_value(),
                account.app_secret.get_secret_value(),
                account.environment,
                account.number,
                account.hts_id,
            )
            for account in setup.accounts
        }
        self._tokens: dict[str, _Token] = {}
        self._approvals: dict[str, Credential] = {}

    def issue_token(self, body: Mapping[str, Any]) -> dict[str, object]:
        """`POST /oauth2/tokenP`."""
        credential = self._identify(str(body.get("appkey", "")), str(body.get("appsecret", "")), 403)
        now = self._clock.now()
        latest = max(
            ((text, token) for text, token in self._tokens.items() if token.credential is credential),
            key=lambda pair: pair[1].issued_at,
            default=None,
        )
        if latest is not None:
            text, token = latest
            if self._setup.token_each_minute and now < token.issued_at + ISSUE_PAUSE:
                raise AccessError("EGW00133", "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)", 403)
            if now < token.issued_at + SAME_TOKEN:
                return TokenAnswer(token=SecretStr(text), expires_at=token.expires_at).to_wire(now)
        text = f"eyJ{secrets.token_urlsafe(240)}"
        self._tokens[text] = _Token(credential, now, now + TOKEN_LIFE)
        return TokenAnswer(token=SecretStr(text), expires_at=now + TOKEN_LIFE).to_wire(now)

    def revoke(self, body: Mapping[str, Any]) -> dict[str, object]:
        """`POST /oauth2/revokeP`."""
        self._identify(str(body.get("appkey", "")), str(body.get("appsecret", "")), 403)
        self._tokens.pop(str(body.get("token", "")), None)
        return RevokeAnswer(message="접근토큰 폐기에 성공하였습니다").to_wire()

    def approve(self, body: Mapping[str, Any]) -> dict[str, object]:
        """`POST /oauth2/Approval`; the secret is called `secretkey` here and nowhere else."""
        secret = body.get("secretkey") or body.get("appsecret") or ""
        credential = self._identify(str(body.get("appkey", "")), str(secret), 403)
        key = "-".join(secrets.token_hex(size) for size in (4, 2, 2, 2, 6))
        self._approvals[key] = credential
        return ApprovalAnswer(approval_key=SecretStr(key)).to_wire()

    @staticmethod
    def hash_of(body: Mapping[str, Any]) -> dict[str, object]:
        """`POST /uapi/hashkey`; nobody checks it."""
        text = "&".join(f"{name}={body[name]}" for name in body)
        return HashAnswer(body=dict(body), hash=hashlib.sha256(text.encode()).hexdigest()).to_wire()

    def admit(self, headers: Mapping[str, str]) -> Credential:
        """Whose call this is.

        Raises:
            AccessError: no token, a wrong or an expired one, or one of another app key.
        """
        given = headers.get("authorization", "")
        if not given:
            raise AccessError("EGW00122", "authorization 헤더에 token이 없습니다.")
        if not given.lower().startswith("bearer "):
            raise AccessError("EGW00205", "credentials_type이 유효하지 않습니다.(Bearer)")
        token = self._tokens.get(given[7:].strip())
        if token is None:
            raise AccessError("EGW00121", "유효하지 않은 token 입니다.")
        if self._clock.now() >= token.expires_at:
            raise AccessError("EGW00123", "기간이 만료된 token 입니다.")
        credential = self._identify(headers.get("appkey", ""), headers.get("appsecret", ""), 500)
        if credential is not token.credential:
            raise AccessError("EGW00121", "유효하지 않은 token 입니다.")
        return credential

    def approved(self, approval_key: str) -> Credential | None:
        """Whose stream an approval key opens."""
        return self._approvals.get(approval_key)

    def expire_tokens(self) -> int:
        """Make every token expire now. Returns how many there were."""
        now = self._clock.now()
        for token in self._tokens.values():
            token.expires_at = now
            token.issued_at = now - SAME_TOKEN
        return len(self._tokens)

    def _identify(self, app_key: str, app_secret: str, status: int) -> Credential:
        if not app_key:
            raise AccessError("EGW00102", "AppKey가 없습니다.", status)
        if not app_secret:
            raise AccessError("EGW00104", "AppSecret이 없습니다.", status)
        credential = self._credentials.get(app_key)
        if credential is None:
            if not self._setup.enrol:
                raise AccessError("EGW00103", "유효하지 않은 AppKey입니다.", status)
            credential = self._credentials[app_key] = Credential(app_key, app_secret)
        if not secrets.compare_digest(credential.app_secret.encode(), app_secret.encode()):
            raise AccessError("EGW00105", "유효하지 않은 AppSecret입니다.", status)
        return credential


def setup_of(credential: Credential, number: str, environment: EnvironmentName) -> AccountSetup:
    """The account of an enrolled app key, once a call has named it."""
    return AccountSetup(
        environment=environment,
        number=number,
        app_key=SecretStr(credential.app_key),
        app_secret=SecretStr(credential.app_secret),
        hts_id=credential.hts_id or "geoul",
    )
