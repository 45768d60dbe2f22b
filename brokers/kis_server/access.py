"""Who may come in: app keys, tokens, approval keys of the stream.

Tokens live by the machine's clock, not by that of the world: a program that reads its own clock would otherwise find
every token expired, because the world lives in the past. Only hashes of keys, secrets and tokens are kept; the text of
a token is remembered in this life of the server alone, to be answered again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from brokers.kis.access_messages import ApprovalAnswer, HashAnswer, RevokeAnswer, TokenAnswer
from brokers.kis.environment import EnvironmentName
from brokers.kis_server.notes import Note, forget
from brokers.kis_server.setup import AccountSetup, ServerSetup
from engine.clock import KST, Clock

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
        key_hash, secret_hash: of the app key and the secret that clients send.
        environment: None until the first call about an account tells it (enrolled keys).
        account: number of its account, None likewise.
        hts_id: the key of its notices, "" until the first subscription names it (enrolled keys).
    """

    key_hash: str
    secret_hash: str
    environment: EnvironmentName | None = None
    account: str | None = None
    hts_id: str = ""


@dataclass(slots=True)
class _Token:
    credential: Credential
    issued_at: datetime
    expires_at: datetime
    text: str | None = None  # None: issued in an earlier life


class Access:
    """Keys and tokens.

    Args:
        setup: which app keys exist, and whether unknown ones are enrolled.
        clock: the machine's.
        note: keeps what was granted.
    """

    def __init__(self, setup: ServerSetup, clock: Clock, note: Note = forget) -> None:
        self._setup, self._clock, self._note = setup, clock, note
        known = (
            Credential(
                hash_text(account.app_key.get_secret_value()),
                hash_text(account.app_secret.get_secret_value()),
                account.environment,
                account.number,
                account.hts_id,
            )
            for account in setup.accounts
        )
        self._credentials = {credential.key_hash: credential for credential in known}
        self._tokens: dict[str, _Token] = {}  # by the hash of its text
        self._approvals: dict[str, Credential] = {}  # likewise

    # What an earlier life granted

    def restore(self, kind: str, content: Mapping[str, Any]) -> None:
        """Grant again what was noted as granted."""
        if kind == "key":
            self._credentials[content["key"]] = Credential(content["key"], content["secret"])
        elif kind == "account":
            self.own(self._credentials[content["key"]], content["account"], content["environment"])
        elif kind == "hts":
            self._credentials[content["key"]].hts_id = content["hts"]
        elif kind == "approval":
            self._approvals[content["approval"]] = self._credentials[content["key"]]
        elif kind == "revoked":
            self._tokens.pop(content["token"], None)
        elif kind == "expired":
            self._expire(_instant(content["at"]))
        elif kind == "token":
            issued, expires = _instant(content["issued"]), _instant(content["expires"])
            self._tokens[content["token"]] = _Token(self._credentials[content["key"]], issued, expires)

    # What is granted now

    def issue_token(self, body: Mapping[str, Any]) -> dict[str, object]:
        """`POST /oauth2/tokenP`."""
        credential = self._identify(str(body.get("appkey", "")), str(body.get("appsecret", "")), 403)
        now = self._clock.now()
        latest = max(
            (token for token in self._tokens.values() if token.credential is credential),
            key=lambda token: token.issued_at,
            default=None,
        )
        if latest is not None:
            if self._setup.token_each_minute and now < latest.issued_at + ISSUE_PAUSE:
                raise AccessError("EGW00133", "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)", 403)
            if now < latest.issued_at + SAME_TOKEN and latest.text is not None:
                return TokenAnswer(token=SecretStr(latest.text), expires_at=latest.expires_at).to_wire(now)
        text, expires = f"eyJ{secrets.token_urlsafe(240)}", now + TOKEN_LIFE
        token = hash_text(text)
        self._tokens[token] = _Token(credential, now, expires, text)
        content = {
            "token": token,
            "key": credential.key_hash,
            "issued": now.isoformat(),
            "expires": expires.isoformat(),
        }
        self._note("token", content)
        return TokenAnswer(token=SecretStr(text), expires_at=now + TOKEN_LIFE).to_wire(now)

    def revoke(self, body: Mapping[str, Any]) -> dict[str, object]:
        """`POST /oauth2/revokeP`."""
        self._identify(str(body.get("appkey", "")), str(body.get("appsecret", "")), 403)
        token = hash_text(str(body.get("token", "")))
        if self._tokens.pop(token, None) is not None:
            self._note("revoked", {"token": token})
        return RevokeAnswer(message="접근토큰 폐기에 성공하였습니다").to_wire()

    def approve(self, body: Mapping[str, Any]) -> dict[str, object]:
        """`POST /oauth2/Approval`; the secret is called `secretkey` here and nowhere else."""
        secret = body.get("secretkey") or body.get("appsecret") or ""
        credential = self._identify(str(body.get("appkey", "")), str(secret), 403)
        key = "-".join(secrets.token_hex(size) for size in (4, 2, 2, 2, 6))
        approval = hash_text(key)
        self._approvals[approval] = credential
        self._note("approval", {"approval": approval, "key": credential.key_hash})
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
        token = self._tokens.get(hash_text(given[7:].strip()))
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
        return self._approvals.get(hash_text(approval_key))

    def expire_tokens(self) -> int:
        """Make every token expire now. Returns how many there were."""
        now = self._clock.now()
        self._expire(now)
        self._note("expired", {"at": now.isoformat()})
        return len(self._tokens)

    @staticmethod
    def own(credential: Credential, account: str, environment: EnvironmentName) -> None:
        """An enrolled app key has named its account; whoever opens that notes it."""
        credential.account, credential.environment = account, environment

    def name(self, credential: Credential, hts_id: str) -> None:
        """An enrolled app key has named the key of its notices."""
        credential.hts_id = hts_id
        self._note("hts", {"key": credential.key_hash, "hts": hts_id})

    def _expire(self, now: datetime) -> None:
        for token in self._tokens.values():
            token.expires_at = now
            token.issued_at = now - SAME_TOKEN

    def _identify(self, app_key: str, app_secret: str, status: int) -> Credential:
        if not app_key:
            raise AccessError("EGW00102", "AppKey가 없습니다.", status)
        if not app_secret:
            raise AccessError("EGW00104", "AppSecret이 없습니다.", status)
        key, secret = hash_text(app_key), hash_text(app_secret)
        credential = self._credentials.get(key)
        if credential is None:
            if not self._setup.enrol:
                raise AccessError("EGW00103", "유효하지 않은 AppKey입니다.", status)
            credential = self._credentials[key] = Credential(key, secret)
            self._note("key", {"key": key, "secret": secret})
        if not hmac.compare_digest(credential.secret_hash, secret):
            raise AccessError("EGW00105", "유효하지 않은 AppSecret입니다.", status)
        return credential


def hash_text(text: str) -> str:
    """What is kept of a secret. Plain SHA-256: KIS's keys, secrets and tokens are long random texts."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def enrolled(number: str, environment: EnvironmentName, hts_id: str) -> AccountSetup:
    """The account of an enrolled app key, once a call has named it; its keys are known by their hashes alone."""
    nothing = SecretStr("")
    return AccountSetup(
        environment=environment, number=number, app_key=nothing, app_secret=nothing, hts_id=hts_id or "geoul"
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(KST)
