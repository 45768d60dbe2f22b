"""No secret of a channel leaves it: not in what is told, not in the process's logs, not in the files of the account."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from engine.clock import KST, SimulatedClock
from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.ledger import open_ledger
from engine.notify.channels import sender_for
from engine.notify.courier import Courier
from engine.notify.message import test_message as message_of_a_test
from engine.notify.outbox import Outbox
from engine.notify.sending import Verdict
from tests.notify_servers import PASSWORD, SLACK_PARTS, TOKEN, Mailbox, Web, mail_server, settings_for, web_server

NOON = datetime(2024, 5, 2, 12, 0, tzinfo=KST)
SECRETS = ("/".join(SLACK_PARTS), SLACK_PARTS[2], TOKEN, TOKEN.split(":")[1], PASSWORD)


def secrets_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def in_order(web: Web, mailbox: Mailbox) -> None:
    pass


def echoes(web: Web, mailbox: Mailbox) -> None:
    """A server whose answers repeat what it was asked: address and all."""
    web.script.extend([(500, {}, f"cannot POST {web.webhook} {TOKEN}"), (401, {}, f'{{"description": "bad {TOKEN}"}}')])
    mailbox.answers.append(f"451 no, {PASSWORD}")


def is_gone(web: Web, mailbox: Mailbox) -> None:
    web.url = "http://127.0.0.1:9"
    mailbox.port = 9


@pytest.mark.parametrize("trouble", [in_order, echoes, is_gone])
def test_nothing_that_is_told_logged_or_stored_holds_a_secret(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    trouble: Callable[[Web, Mailbox], None],
) -> None:
    lines: list[str] = []
    clock = SimulatedClock(NOON)
    caplog.set_level(logging.DEBUG)
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # the mail server is the test's own
    logging.getLogger("apprise").setLevel(1)
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    with web_server() as web, mail_server() as mailbox, open_ledger(tmp_path / "ledger.db", clock) as ledger:
        trouble(web, mailbox)
        settings = settings_for(web, mailbox)
        record_alert(ledger, Urgency.CRITICAL, "fire", "text", {})
        courier = Courier(tmp_path, settings, clock, tell=lines.append)
        for _ in range(3):
            courier.turn()
        told = [each.told for each in Outbox(tmp_path).deliveries()]
        senders = [sender_for(channel, settings, print) for channel in settings.channels.values()]
        shown = f"{courier.routes!r} {settings!r} {senders!r}"
    out, err = capfd.readouterr()
    files = b"".join(path.read_bytes() for path in tmp_path.glob("deliveries.db*"))
    for text in (*lines, *told, shown, out, err, caplog.text, files.decode(errors="replace")):
        assert secrets_in(text) == []
    delivered = trouble is in_order
    assert ("POST" in caplog.text) is (trouble is not is_gone)  # the libraries' lines were looked at
    assert [bool(each) for each in told] == [not delivered] * 3  # each channel says what is wrong


def test_a_wrong_password_is_told_without_it() -> None:
    with mail_server() as mailbox:
        settings = settings_for(None, mailbox, mail={"user": "somebody-else"})
        answer = sender_for(settings.channels["mail"], settings, print).send(message_of_a_test("mail", "x", "1", "en"))
        assert mailbox.mails == []
    assert answer.verdict is Verdict.LATER
    assert "535" in answer.told
    assert secrets_in(answer.told) == []


def test_a_server_without_encryption_gets_no_password() -> None:
    """`starttls` at a server that offers none: the mail waits, and the password stays here."""
    with mail_server() as mailbox:
        settings = settings_for(None, mailbox, mail={"security": "starttls"})
        answer = sender_for(settings.channels["mail"], settings, print).send(message_of_a_test("mail", "x", "1", "en"))
        assert mailbox.mails == []
    assert answer.verdict is Verdict.LATER
    assert "STARTTLS" in answer.told
