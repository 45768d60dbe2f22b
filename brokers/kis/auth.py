"""Access tokens of one app key: cached on disk, shared between processes, issued at most once a minute.

A token is valid for a day and KIS sends the customer a message for each issue, so it is kept in a file of its own
(per environment, host and app key, readable by the owner alone) and reused until shortly before it expires. Who
needs a new one takes the lock of that file; who comes second finds the token that the first one got.

Source: official samples (885dd4e), kis_auth.py; the limit of one issue a minute (EGW00133) since 2023-10-27.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import SecretStr

from brokers.kis.access_messages import ApprovalAnswer, RevokeAnswer, TokenAnswer
from brokers.kis.channel import Channel
from brokers.kis.codes import Handling
from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.errors import CallFailed, KisError
from brokers.kis.outcome import Failure, Mishap, classify_access, not_carried_out
from brokers.kis.private_files import OWNER_ONLY, tighten, write_private
from brokers.kis.rate_limit import Priority
from engine.clock import Clock, in_seoul
from engine.errors import BadInput

RENEW_BEFORE = timedelta(minutes=10)
BETWEEN_ISSUES = timedelta(seconds=61)
_SHORT_WAIT_SECONDS = 2.0  # for an order, which must not wait for a token
_LONG_WAIT_SECONDS = 180.0  # two issues, each a minute after the one before, and their answers
_NEVER_LEFT = frozenset({Mishap.NO_CONNECTION, Mishap.NO_TLS, Mishap.CONNECT_TIMEOUT})

_TOKEN, _REVOKE, _APPROVAL = ENDPOINTS["tokenP"], ENDPOINTS["revokeP"], ENDPOINTS["Approval"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """What the file holds: a token if there is one, and when one was last asked for."""

    token: SecretStr | None = None
    expires_at: datetime | None = None
    asked_at: datetime | None = None

    def valid_for(self, now: datetime, margin: timedelta) -> SecretStr | None:
        """The token if it is good for `margin` more, else None."""
        good = self.expires_at is not None and now < self.expires_at - margin
        return self.token if good else None


class Tokens:
    """The tokens of one app key.

    Args:
        channel: the way to the host.
        folder: where the file lives.
        clock: decides when a token has expired.
        sleep: waits that many seconds of the clock's time.
        report: is told what a person should know, such as a file that others could read.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        folder: Path,
        clock: Clock,
        sleep: Callable[[float], None],
        report: Callable[[str], None],
    ) -> None:
        self._channel, self._clock, self._sleep, self._report = channel, clock, sleep, report
        key = channel.app_key.get_secret_value()
        name = hashlib.sha256(f"{channel.environment.name}|{channel.base_url}|{key}".encode()).hexdigest()[:24]
        self._path = folder / f"token-{channel.environment.name}-{name}.json"
        self._held = _Stored()
        self._thread_lock = threading.Lock()

    def current(self, *, wait: bool = True) -> SecretStr:
        """A valid token: the one at hand, the one of another process, or a new one.

        Args:
            wait: for the minute between two issues; an order does not wait, because its price would be old.

        Raises:
            CallFailed: KIS gave none, or none may be asked for yet and `wait` is false.
        """
        held, now = self._held, self._clock.now()
        token = held.valid_for(now, RENEW_BEFORE if wait else timedelta(0))
        return token if token is not None else self._obtain(refused=None, wait=wait)

    def renew(self, refused: SecretStr, *, wait: bool = True) -> SecretStr:
        """A token other than the one that KIS just refused (EGW00121 to 00123).

        Raises:
            CallFailed: KIS gave none, or none may be asked for yet and `wait` is false.
        """
        if self._held.token == refused:
            self._held = _Stored()
        return self._obtain(refused=refused, wait=wait)

    def revoke(self) -> bool:
        """Make the token at KIS void and forget it; False if there was none.

        Raises:
            CallFailed: KIS did not do it. The token is forgotten here all the same.
        """
        with self._locked(_LONG_WAIT_SECONDS):
            stored = self._load()
            self._held = _Stored()
            self._save(_Stored(asked_at=stored.asked_at))
        if stored.token is None:
            return False
        token = stored.token.get_secret_value()
        body = self._ask(_REVOKE.name, {**self._keys("appsecret"), "token": token})
        RevokeAnswer.read(body)
        return True

    def approval_key(self) -> SecretStr:
        """A key with which a stream is opened.

        Raises:
            CallFailed: KIS gave none.
        """
        return ApprovalAnswer.read(self._ask(_APPROVAL.name, self._keys("secretkey"))).approval_key

    def _obtain(self, *, refused: SecretStr | None, wait: bool) -> SecretStr:
        with self._locked(_LONG_WAIT_SECONDS if wait else _SHORT_WAIT_SECONDS):
            stored = self._load()
            if refused is not None and stored.token == refused:
                stored = _Stored(asked_at=stored.asked_at)
                self._save(stored)
            token = stored.valid_for(self._clock.now(), RENEW_BEFORE)
            if token is not None:
                self._held = stored
                return token
            try:
                answer = self._issue(stored, wait)
            except CallFailed:
                token = stored.valid_for(self._clock.now(), timedelta(0))
                if token is None:
                    raise
                self._held = stored  # its last minutes are better than none
                return token
            self._held = _Stored(token=answer.token, expires_at=answer.expires_at, asked_at=self._clock.now())
            self._save(self._held)
            return answer.token

    def _issue(self, stored: _Stored, wait: bool) -> TokenAnswer:
        """Ask for a token, not sooner than a minute after the last time anybody asked."""
        self._wait_for_the_minute(stored.asked_at, wait)
        for last in (not wait, True):
            # Noted before it is sent: whatever becomes of it, KIS may have counted it.
            self._save(replace(stored, asked_at=self._clock.now()))
            result = self._try_ask(_TOKEN.name, self._keys("appsecret"))
            if not isinstance(result, Failure):
                return self._believable(TokenAnswer.read(result))
            if result.mishap in _NEVER_LEFT:
                self._save(stored)
            if result.handling is not Handling.WAIT or last:
                raise result.error()
            # Another program, which does not share our file, asked within the minute: wait it out, once.
            self._sleep(BETWEEN_ISSUES.total_seconds())
        raise not_carried_out(_TOKEN, Mishap.NO_TOKEN).error()

    def _believable(self, answer: TokenAnswer) -> TokenAnswer:
        now = self._clock.now()
        if answer.expires_at <= now:
            raise KisError(
                f"KIS gave a token that expires at {answer.expires_at.isoformat()}, but the clock here says "
                f"{now.isoformat()}. Set the machine's clock, or take the server's with --clock world."
            )
        return answer

    def _wait_for_the_minute(self, asked_at: datetime | None, wait: bool) -> None:
        if asked_at is None:
            return
        # A clock that was set back must not make anybody wait for longer than the minute.
        left = min(asked_at + BETWEEN_ISSUES - self._clock.now(), BETWEEN_ISSUES)
        if left > timedelta(0):
            if not wait:
                raise not_carried_out(_TOKEN, Mishap.NO_TOKEN).error()
            self._sleep(left.total_seconds())

    def _keys(self, secret_name: str) -> dict[str, str]:
        return {
            "appkey": self._channel.app_key.get_secret_value(),
            secret_name: self._channel.app_secret.get_secret_value(),
        }

    def _ask(self, name: str, values: dict[str, str]) -> dict[str, object]:
        result = self._try_ask(name, values)
        if isinstance(result, Failure):
            raise result.error()
        return result

    def _try_ask(self, name: str, values: dict[str, str]) -> dict[str, object] | Failure:
        self._channel.limiter.acquire(Priority.ORDER)  # without it no order goes
        endpoint = ENDPOINTS[name]
        return classify_access(
            endpoint, self._channel.ask_access(endpoint, values), (*values.values(), *self._channel.hide)
        )

    @contextmanager
    def _locked(self, seconds: float) -> Iterator[None]:
        """Alone among all threads and processes; unavailable if it does not come about in time."""
        if not self._thread_lock.acquire(timeout=seconds):
            raise not_carried_out(_TOKEN, Mishap.NO_TOKEN).error()
        try:
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                lock = FileLock(self._path.with_suffix(".lock"), mode=OWNER_ONLY, timeout=seconds)
                lock.acquire()
            except Timeout:
                raise not_carried_out(_TOKEN, Mishap.NO_TOKEN).error() from None
            except OSError as error:
                raise _unwritable(self._path, error) from None
            try:
                yield
            finally:
                lock.release()
        finally:
            self._thread_lock.release()

    def _load(self) -> _Stored:
        """What the file holds; nothing if it is missing or damaged."""
        try:
            told = tighten(self._path)
            content = json.loads(self._path.read_text(encoding="utf-8"))
            stored = _Stored(
                token=_token(content.get("token")),
                expires_at=_time(content.get("expires_at")),
                asked_at=_time(content.get("asked_at")),
            )
        except (OSError, ValueError, RecursionError, AttributeError, TypeError, BadInput):
            return _Stored()
        if told is not None:
            self._report(told)
        return stored

    def _save(self, stored: _Stored) -> None:
        content = {
            "token": stored.token.get_secret_value() if stored.token else None,
            "expires_at": stored.expires_at.isoformat() if stored.expires_at else None,
            "asked_at": stored.asked_at.isoformat() if stored.asked_at else None,
        }
        try:
            write_private(self._path, json.dumps(content))
        except OSError as error:
            raise _unwritable(self._path, error) from None


def _token(value: object) -> SecretStr | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value or not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError("no token")
    return SecretStr(value)


def _time(value: object) -> datetime | None:
    return None if value is None else in_seoul(datetime.fromisoformat(str(value)))


def _unwritable(path: Path, error: OSError) -> KisError:
    why = error.strerror or type(error).__name__
    return KisError(
        f"The folder {path.parent} for KIS tokens cannot be used: {why}. Without it each start would ask for a new "
        f"token. Make it writable, or set token_folder under geoul in the KIS configuration."
    )
