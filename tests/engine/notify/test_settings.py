"""What the section `notify` may say, and what a mistake in it is told as: never with the secret."""

from __future__ import annotations

import itertools
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.cli.main import app
from engine.clock import KST
from engine.errors import ConfigError
from engine.ledger.alerts import Urgency
from engine.notify.quiet_hours import released_at
from engine.notify.settings import NotifySettings, Quiet, build_notify_settings, load_notify_settings
from tests.notify_servers import PASSWORD, SLACK_PARTS, TOKEN

WEBHOOK = f"https://hooks.slack.com/services/{'/'.join(SLACK_PARTS)}"
SECRETS = {"GEOUL_SLACK_WEBHOOK": WEBHOOK, "GEOUL_TELEGRAM_TOKEN": TOKEN, "GEOUL_SMTP_PASSWORD": PASSWORD}
MAIL = {"kind": "email", "host": "smtp.example.com", "user": "me", "sender": "a@example.com", "to": "b@example.com"}
PHONE = {"kind": "telegram", "chat": 4242}


def build(channel: object = None, variables: dict[str, str] | None = None, **more: Any) -> NotifySettings:
    channels = {} if channel is None else {"one": channel}
    return build_notify_settings(
        {"channels": channels, **more}, SECRETS if variables is None else variables, "geoul.yaml"
    )


def test_a_file_with_every_kind_of_channel_is_read(tmp_path: Path) -> None:
    path = tmp_path / "geoul.yaml"
    path.write_text(
        """
model: {model: some-model}
notify:
  quiet: {start: "23:30", end: "06:00"}
  channels:
    team: {kind: slack}
    phone: {kind: telegram, chat: "-100200", minimum: warning, reports: false}
    mail: {kind: email, host: smtp.example.com, user: me, sender: a@example.com, to: b@example.com}
    screen: {kind: console}
""",
        encoding="utf-8",
    )
    settings = load_notify_settings(path, SECRETS)
    assert [channel.kind for channel in settings.channels.values()] == ["slack", "telegram", "email", "console"]
    assert settings.channels["phone"].minimum is Urgency.WARNING
    assert settings.quiet is not None
    assert f"{settings.quiet.start:%H:%M}" == "23:30"


def test_without_a_section_there_are_no_channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_notify_settings(None, {}).channels == {}
    (tmp_path / "geoul.yaml").write_text("model: {model: some-model}\n", encoding="utf-8")
    assert load_notify_settings(None, {}).channels == {}


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        ({"kind": "slack", "colour": "x"}, "channels.one.colour: there is no such key"),
        ({"kind": "slack", "minimums": "info"}, "did you mean minimum?"),
        ({"kind": "pager"}, "`kind` must be console, slack, telegram or email"),
        ({}, "`kind` must be"),
        ({"kind": "telegram"}, "channels.one.chat: is missing"),
        ({**PHONE, "chat": "my family"}, "the number of the chat"),
        ({**PHONE, "server": "http://example.com"}, "address of a Bot API"),
        ({**PHONE, "minimum": "loud"}, "channels.one.minimum = 'loud'"),
        ({**PHONE, "token": TOKEN}, "token is a secret and does not belong into this file"),
        ({**PHONE, "token_env": "MINE"}, "the variable MINE is not set"),
        ({**PHONE, "token_env": "MINE", "token_file": "x"}, "not both"),
        ({**PHONE, "token_file": "/nowhere/at/all"}, "cannot be read"),
        ({**MAIL, "to": "a@example.com, b@example.com"}, "give one address"),
        ({**MAIL, "security": "none"}, "would show mail and password to the network"),
        ({**MAIL, "port": 0}, "channels.one.port = 0"),
        ({**MAIL, "host": "smtp.example.com/x"}, "channels.one.host"),
    ],
)
def test_a_wrong_channel_is_told_by_its_key(channel: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(channel)
    assert words in str(caught.value)
    assert "geoul.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"channel": {}}, "did you mean channels?"),
        ({"quiet": {"start": 1320, "end": "07:00"}}, 'give a time in quotes, such as "22:00"'),
        ({"quiet": {"start": "22:00", "end": "22:00"}}, "`quiet: null`"),
        ({"quiet": {"from": "22:00"}}, "quiet.from: there is no such key"),
        ({"same_within_minutes": -1}, "same_within_minutes = -1"),
        ({"channels": {"a b": {"kind": "console"}}}, "no name of a channel"),
        ({"channels": ["slack"]}, "channels"),
    ],
)
def test_a_wrong_key_of_the_section_is_told(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_notify_settings(more, SECRETS, "geoul.yaml")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        WEBHOOK.replace("https", "http"),
        WEBHOOK.replace("/services/", "/service/"),
        WEBHOOK + "?x=1",
        f"https://hooks.slack.com/services/{SLACK_PARTS[0]}/{SLACK_PARTS[1]}",
        "hooks.slack.com",
        TOKEN,
    ],
)
def test_a_wrong_webhook_is_refused_and_not_shown(address: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build({"kind": "slack"}, {"GEOUL_SLACK_WEBHOOK": address})
    assert "webhook" in str(caught.value)
    assert address not in str(caught.value)
    assert SLACK_PARTS[1] not in str(caught.value)


def test_a_missing_secret_names_its_variable() -> None:
    for channel, variable in zip(({"kind": "slack"}, PHONE, MAIL), SECRETS, strict=True):
        with pytest.raises(ConfigError, match=variable):
            build(channel, {})


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n", encoding="utf-8")
    assert TOKEN in build({**PHONE, "token_file": str(path)}, {}).secrets()


def test_a_mail_server_that_asks_for_no_password_gets_none() -> None:
    settings = build({**MAIL, "host": "127.0.0.1", "security": "none", "user": ""})
    assert settings.secrets() == ()


def test_no_secret_shows_in_the_settings() -> None:
    for channel in ({"kind": "slack"}, PHONE, MAIL):
        settings = build(channel)
        shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
        assert not [secret for secret in settings.secrets() if secret in shown]


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2024-05-{text}:00").replace(tzinfo=KST)


@pytest.mark.parametrize(
    ("moment", "released"),
    [
        ("02T21:59", "02T21:59"),
        ("02T22:00", "03T07:00"),
        ("02T23:59", "03T07:00"),
        ("03T00:00", "03T07:00"),
        ("03T06:59", "03T07:00"),
        ("03T07:00", "03T07:00"),
        ("31T22:30", "31T22:30"),
    ],
)
def test_quiet_hours_over_midnight(moment: str, released: str) -> None:
    quiet = None if moment == "31T22:30" else Quiet()
    for urgency in (Urgency.INFO, Urgency.WARNING):
        assert released_at(at(moment), urgency, quiet) == at(released)
    assert released_at(at(moment), Urgency.CRITICAL, quiet) == at(moment)


def test_quiet_hours_within_a_day() -> None:
    quiet = Quiet.model_validate({"start": "12:00", "end": "13:00"})
    times = ("02T11:59", "02T12:00", "02T12:59", "02T13:00", "02T23:00")
    found = [released_at(at(time), Urgency.INFO, quiet) for time in times]
    assert found == [at(each) for each in ("02T11:59", "02T13:00", "02T13:00", "02T13:00", "02T23:00")]
    assert all(earlier <= later for earlier, later in itertools.pairwise(found))


def test_an_outbox_without_alerts_says_so_instead_of_the_heads_of_a_table(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["notify", "outbox", str(tmp_path), "--lang", "en"], catch_exceptions=False)
    assert told.output == "There are no alerts to send, and none was sent.\n"
    told = CliRunner().invoke(app, ["notify", "outbox", str(tmp_path), "--waiting"], catch_exceptions=False)
    assert told.output == "아직 못 보낸 알림이 없습니다.\n"
