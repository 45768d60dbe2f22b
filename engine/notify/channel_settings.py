"""The kinds of channels, and what each must be told. Addresses are checked here, secrets are `SecretStr` throughout."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from engine.ledger.alerts import Urgency

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SLACK_PATH = re.compile(r"/services/([A-Z0-9]{8,16})/([A-Z0-9]{8,16})/([A-Za-z0-9]{20,40})/?")
_TELEGRAM_TOKEN = re.compile(r"\d{5,12}:[A-Za-z0-9_-]{30,60}")
_TELEGRAM_CHAT = re.compile(r"-?\d{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31}")
_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")


class _Channel(BaseModel):
    """What all kinds of channels share.

    Args:
        minimum: alerts of less urgency are not sent here.
        reports: the daily and the weekly report are sent here, whatever `minimum` says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    minimum: Urgency = Urgency.INFO
    reports: bool = True


class ConsoleChannel(_Channel):
    """The screen or log of the process that delivers."""

    kind: Literal["console"] = "console"


class SlackChannel(_Channel):
    """An incoming webhook of Slack, or of a server that speaks like it.

    Args:
        webhook: secret address, https://hooks.slack.com/services/T…/B…/….
    """

    kind: Literal["slack"] = "slack"
    webhook: SecretStr

    @field_validator("webhook")
    @classmethod
    def _looks_right(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if not _is_safe(parts.scheme, parts.hostname):
            raise ValueError("a webhook begins with https://")
        if not _SLACK_PATH.fullmatch(parts.path) or parts.query or parts.username:
            raise ValueError(
                "this is no address of a webhook; Slack shows it as https://hooks.slack.com/services/T…/B…/…"
            )
        return value

    @property
    def base(self) -> str:
        """The address up to the three parts that are secret."""
        parts = urlsplit(self.webhook.get_secret_value())
        return f"{parts.scheme}://{parts.netloc}/services"

    @property
    def parts(self) -> tuple[str, str, str]:
        """The three secret parts."""
        found = _SLACK_PATH.fullmatch(urlsplit(self.webhook.get_secret_value()).path)
        assert found is not None  # the validator has seen it
        return found[1], found[2], found[3]


class TelegramChannel(_Channel):
    """A bot of Telegram that writes into one chat.

    Args:
        token: secret, from @BotFather.
        chat: its number (negative for a group), or @name of a public channel.
        server: of the Bot API; one's own server speaks the same.
    """

    kind: Literal["telegram"] = "telegram"
    token: SecretStr
    chat: str
    server: str = "https://api.telegram.org"

    @field_validator("token")
    @classmethod
    def _looks_right(cls, value: SecretStr) -> SecretStr:
        if not _TELEGRAM_TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("this is no token of a bot; @BotFather gives it as 123456789:AA…")
        return value

    @field_validator("chat", mode="before")
    @classmethod
    def _is_chat(cls, value: object) -> str:
        text = str(value)
        if not _TELEGRAM_CHAT.fullmatch(text):
            raise ValueError('give the number of the chat, such as "123456789", or @name of a channel')
        return text

    @field_validator("server")
    @classmethod
    def _is_server(cls, value: str) -> str:
        parts = urlsplit(value)
        if not _is_safe(parts.scheme, parts.hostname) or parts.query or parts.username:
            raise ValueError("give the address of a Bot API, such as https://api.telegram.org")
        return value.rstrip("/")


class EmailChannel(_Channel):
    """Mail through an SMTP server.

    Args:
        host: of the server.
        port: None = the usual one: 587 for starttls, 465 for tls, 25 for none.
        security: none only on this machine, where the password crosses no network.
        user: at the server; "" for one that asks for none.
        password: secret; None with an empty user.
        sender: address that the mail comes from.
        to: one address. Several people are several channels, so that each gets each message once.
    """

    kind: Literal["email"] = "email"
    host: str = Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")
    port: int | None = Field(default=None, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: SecretStr | None = None
    sender: str
    to: str

    @field_validator("sender", "to")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not _ADDRESS.fullmatch(value):
            raise ValueError("give one address, such as me@example.com")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> EmailChannel:
        if self.security == "none" and self.host not in _LOOPBACK:
            raise ValueError("security: none would show mail and password to the network; use starttls or tls")
        if bool(self.user) != (self.password is not None):
            raise ValueError("user and password belong together")
        return self


Channel = Annotated[ConsoleChannel | SlackChannel | TelegramChannel | EmailChannel, Field(discriminator="kind")]


def _is_safe(scheme: str, host: str | None) -> bool:
    """Encrypted, or on this machine."""
    return bool(host) and (scheme == "https" or (scheme == "http" and host in _LOOPBACK))
