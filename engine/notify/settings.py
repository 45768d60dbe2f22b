"""Who is told what, how, and when: the section `notify` of the configuration, with secrets from the environment.

    notify:
      quiet: {start: "22:00", end: "07:00"}
      channels:
        team:  {kind: slack}                                    # GEOUL_SLACK_WEBHOOK
        phone: {kind: telegram, chat: "123456789", minimum: warning}   # GEOUL_TELEGRAM_TOKEN
        mail:  {kind: email, host: smtp.example.com, user: me, sender: me@example.com, to: me@example.com}

No secret stands in the file: a key such as `webhook_env` or `webhook_file` names where it is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from engine.config import load_config
from engine.errors import ConfigError
from engine.notify.channel_settings import Channel, ConsoleChannel, EmailChannel, SlackChannel, TelegramChannel

DEFAULT_FILE = Path("geoul.yaml")
FILE_VARIABLE = "GEOUL_NOTIFY_CONFIG"
_SECTION = "notify"
_NAME = re.compile(r"[A-Za-z0-9가-힣][A-Za-z0-9가-힣_-]{0,39}")

# Kind of channel -> its secret, and the variable in which it is looked for when nothing else is said.
SECRETS = {
    "slack": ("webhook", "GEOUL_SLACK_WEBHOOK"),
    "telegram": ("token", "GEOUL_TELEGRAM_TOKEN"),
    "email": ("password", "GEOUL_SMTP_PASSWORD"),
}


class Quiet(BaseModel):
    """Hours in Seoul in which only what is critical is sent; the rest waits for their end.

    Args:
        start: of the night.
        end: the morning; before `start`, it is that of the next day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: time = time(22, 0)
    end: time = time(7, 0)

    @field_validator("start", "end", mode="before")
    @classmethod
    def _clock(cls, value: object) -> object:
        # YAML reads 22:00 without quotes as a number of base sixty.
        if not isinstance(value, str) or not re.fullmatch(r"\d{2}:\d{2}", value):
            raise ValueError('give a time in quotes, such as "22:00"')
        return value

    @model_validator(mode="after")
    def _differ(self) -> Quiet:
        if self.start == self.end:
            raise ValueError("start and end are the same; write `quiet: null` for no quiet hours")
        return self


class NotifySettings(BaseModel):
    """Everything about notifications.

    Args:
        channels: by the name under which their state is kept; a renamed channel is a new one.
        quiet: hours in Seoul in which only what is critical is sent; None = there are none.
        same_within_minutes: an alert like one that was sent is counted so long, then sent once with the count.
        give_up_hours: a message that no attempt delivered in so long is given up; 0.1 is six minutes.
        oldest_hours: alerts older than this are not sent any more when they are first seen, after a long stop; critical
            ones are, unless the channel is new.
        account: name of the account in messages; "" = the name of its folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: dict[str, Channel] = Field(default_factory=dict)
    quiet: Quiet | None = Quiet()
    same_within_minutes: float = Field(default=10, ge=0, le=1_440)
    give_up_hours: float = Field(default=24, gt=0, le=720)
    oldest_hours: float = Field(default=72, gt=0, le=8_760)
    account: str = Field(default="", max_length=40)

    @field_validator("channels")
    @classmethod
    def _names(cls, value: dict[str, Channel]) -> dict[str, Channel]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a channel; use letters, digits, - and _")
        return value

    def secrets(self) -> tuple[str, ...]:
        """Every value that must be masked wherever it appears, in parts too: a path of a webhook is as good as it."""
        found: list[str] = []
        for channel in self.channels.values():
            if isinstance(channel, SlackChannel):
                found += [channel.webhook.get_secret_value(), "/".join(channel.parts), channel.parts[2]]
            elif isinstance(channel, TelegramChannel):
                token = channel.token.get_secret_value()
                found += [token, token.partition(":")[2]]
            elif isinstance(channel, EmailChannel) and channel.password is not None:
                found.append(channel.password.get_secret_value())
        return tuple(found)


def load_notify_settings(path: Path | None, variables: Mapping[str, str]) -> NotifySettings:
    """The settings of a YAML file; without a section `notify` there are no channels.

    Args:
        path: the file; None = the variable GEOUL_NOTIFY_CONFIG, else geoul.yaml of this folder if it is there.
        variables: the environment, for secrets.

    Raises:
        ConfigError: an unknown key, an impossible value, a missing secret. It names the key, never a secret.
    """
    named = path or (Path(variables[FILE_VARIABLE]) if variables.get(FILE_VARIABLE) else None)
    file = named or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    if file is None:
        return NotifySettings()
    section = load_config(file).get(_SECTION)
    if section is None:
        return NotifySettings()
    if not isinstance(section, dict):
        raise ConfigError(f"{file}: the section `{_SECTION}` must hold keys, such as `channels:`, indented.")
    return build_notify_settings({str(key): value for key, value in section.items()}, variables, str(file))


def build_notify_settings(values: Mapping[str, object], variables: Mapping[str, str], where: str) -> NotifySettings:
    """Validate the values of a section.

    Raises:
        ConfigError: as `load_notify_settings`.
    """
    given = dict(values)
    channels = given.get("channels")
    if isinstance(channels, dict):
        given["channels"] = {
            str(name): _with_secret(str(name), channel, variables, where) for name, channel in channels.items()
        }
    problems: list[str] = []
    try:
        return NotifySettings.model_validate(given)
    except ValidationError as error:
        problems = [_told(dict(problem), given) for problem in error.errors()]
    raise ConfigError(f"{where}: impossible notifications:\n  " + "\n  ".join(problems))


def _with_secret(name: str, channel: object, variables: Mapping[str, str], where: str) -> object:
    """The channel's values with its secret, from where `…_env` or `…_file` says."""
    if not isinstance(channel, dict) or channel.get("kind") not in SECRETS:
        return channel
    key, usual = SECRETS[str(channel["kind"])]
    values = {str(each): value for each, value in channel.items()}
    place = f"{where}: {_SECTION}.channels.{name}"
    if key in values:
        raise ConfigError(
            f"{place}: {key} is a secret and does not belong into this file. Put it into an environment variable and "
            f"name that in {key}_env (without it, {usual} is used), or into a file and name that in {key}_file."
        )
    variable, file = values.pop(f"{key}_env", None), values.pop(f"{key}_file", None)
    if variable is not None and file is not None:
        raise ConfigError(f"{place}: give {key}_env or {key}_file, not both.")
    if file is not None:
        try:
            secret = Path(str(file)).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{place}: the file {file} of {key}_file cannot be read ({type(error).__name__})."
            ) from None
        said = f"the file {file} is empty"
    else:
        secret = variables.get(str(variable or usual), "").strip()
        said = f"the variable {variable or usual} is not set"
    if not secret and (key != "password" or values.get("user") or variable or file):
        raise ConfigError(f"{place}: {said}, and it should hold the {key}. Set it, or take the channel out.")
    # The usual variable of a password is not read for a server that asks for none.
    if secret and (key != "password" or values.get("user")):
        values[key] = SecretStr(secret)
    return values


def _told(problem: dict[str, Any], given: Mapping[str, object]) -> str:
    place = tuple(part for part in problem["loc"] if part not in SECRETS and part != "console")
    name = ".".join(str(part) for part in place) or _SECTION
    kind = problem["type"]
    if kind == "extra_forbidden":
        keys = _keys_at(place, given)
        near = difflib.get_close_matches(str(place[-1]), keys, n=1)
        return f"{name}: there is no such key; " + (
            f"did you mean {near[0]}?" if near else f"known are {', '.join(keys)}"
        )
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return f"{name}: `kind` must be console, slack, telegram or email"
    if kind == "missing":
        return f"{name}: is missing"
    shown = problem["input"]
    # A value that may be a secret, or hold one, is not shown.
    hidden = isinstance(shown, dict | SecretStr) or str(place[-1:]).find("channels") >= 0 or len(place) < 1
    words = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name}: {words}" if hidden else f"{name} = {shown!r}: {words}"


def _keys_at(place: tuple[Any, ...], given: Mapping[str, object]) -> list[str]:
    if place[:1] == ("quiet",):
        return [*Quiet.model_fields]
    if place[:1] != ("channels",) or len(place) < 3:
        return [*NotifySettings.model_fields]
    channels = given.get("channels")
    channel = channels.get(place[1]) if isinstance(channels, dict) else None
    kind = str(channel.get("kind")) if isinstance(channel, dict) else ""
    models: dict[str, type[BaseModel]] = {
        "console": ConsoleChannel,
        "slack": SlackChannel,
        "telegram": TelegramChannel,
        "email": EmailChannel,
    }
    secret = SECRETS.get(kind, ("", ""))[0]
    names = [key for key in models[kind].model_fields if key != secret]
    return names + ([f"{secret}_env", f"{secret}_file"] if secret else [])
