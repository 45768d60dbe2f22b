"""From the ledger to the channels: what arrives, how often, in which order, and what a channel in trouble does."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine.clock import KST, SimulatedClock
from engine.ledger import connection, migrations
from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.ledger import Ledger, open_ledger
from engine.notify.courier import Courier
from engine.notify.outbox import Outbox
from engine.notify.sending import DELIVERED, Answer, Message
from engine.notify.settings import NotifySettings
from tests.notify_servers import Web, mail_server, settings_for, web_server

NOON = datetime(2024, 5, 2, 12, 0, tzinfo=KST)


class Account:
    """A folder with a ledger, a stepped clock, and couriers on it."""

    def __init__(self, folder: Path, start: datetime = NOON) -> None:
        self.folder = folder / "paper"
        self.clock = SimulatedClock(start)
        self.ledger: Ledger = open_ledger(self.folder / "ledger.db", self.clock)
        self.lines: list[str] = []

    def alert(self, text: str, urgency: Urgency = Urgency.INFO, code: str = "", **parameters: object) -> int:
        return record_alert(self.ledger, urgency, code or text.replace(" ", "_"), text, parameters)

    def courier(self, settings: NotifySettings) -> Courier:
        return Courier(self.folder, settings, self.clock, tell=self.lines.append, lang="en")

    def deliver(self, settings: NotifySettings, turns: int = 20) -> int:
        """Turns of a new courier, as after a restart."""
        courier = self.courier(settings)
        return sum(courier.turn() for _ in range(turns))

    def later(self, **step: float) -> None:
        self.clock.advance(timedelta(**step))


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    made = Account(tmp_path)
    yield made
    made.ledger.close()


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as server:
        yield server


def only_slack(web: Web, **more: object) -> NotifySettings:
    return settings_for(web, without=("phone",), **more)


def titles(web: Web) -> list[str]:
    return [message["title"].split("· ")[1] for message in web.slack]


def statuses(account: Account) -> list[tuple[str, int, str]]:
    return [(each.code, each.attempts, each.status) for each in Outbox(account.folder).deliveries()]


def test_alerts_reach_every_channel_once_and_in_order(account: Account, web: Web) -> None:
    numbers = [account.alert(f"alert {number}") for number in range(5)]
    with mail_server() as mailbox:
        settings = settings_for(web, mailbox)
        assert account.deliver(settings) == 15
        assert account.deliver(settings) == 0  # after a restart nothing is sent again
        subjects = [mail["Subject"].split("· ")[1] for mail in mailbox.mails]
        marks = [mail["X-Geoul-Message"] for mail in mailbox.mails]
    wanted = [f"alert_{number}" for number in range(5)]
    assert titles(web) == subjects == wanted
    assert marks == [f"paper-{number}" for number in numbers]
    assert [message["text"].splitlines()[-1] for message in web.slack] == marks
    phone = [body for path, body in web.got if path.endswith("/sendMessage")]
    assert [mark in body for mark, body in zip(marks, phone, strict=True)] == [True] * 5


def test_a_slow_channel_holds_up_neither_the_ledger_nor_the_other_channel(account: Account, web: Web) -> None:
    hangs, goes_on = threading.Event(), threading.Event()

    def hang() -> None:
        if web.got[-1][0].startswith("/services/"):
            hangs.set()
            goes_on.wait(30)

    web.before_answer = hang
    courier = account.courier(settings_for(web))
    courier.start(pause_seconds=0.01)
    account.alert("first")
    assert hangs.wait(30)
    account.alert("second")  # the trader's ledger takes entries while Slack hangs
    phone_has_both = threading.Event()
    while not phone_has_both.wait(0.02):
        if len([path for path, _ in web.got if path.endswith("/sendMessage")]) == 2:
            phone_has_both.set()
    assert len(web.slack) == 1
    courier.close(timeout_seconds=0.1)
    goes_on.set()


def test_a_channel_that_is_down_is_asked_again_later_and_later_and_keeps_the_order(account: Account, web: Web) -> None:
    account.alert("one")
    account.alert("two")
    web.script.extend([(500, {}, "oops")] * 3)
    settings = only_slack(web)
    courier = account.courier(settings)
    asked_at = []
    while len(web.slack) < 5:
        before = len(web.got)
        courier.turn()
        if len(web.got) > before:
            asked_at.append((account.clock.now() - NOON).total_seconds())
        account.later(seconds=1)
    assert asked_at[:4] == [0, 5, 15, 35]  # waits of 5, 10 and 20 seconds
    assert titles(web) == ["one", "one", "one", "one", "two"]
    assert statuses(account) == [("one", 4, "delivered"), ("two", 1, "delivered")]


def test_a_server_that_says_how_long_to_wait_is_left_alone_so_long(account: Account, web: Web) -> None:
    account.alert("one")
    web.script.append((429, {"Retry-After": "42"}, "slow down"))
    courier = account.courier(only_slack(web))
    courier.turn()
    account.later(seconds=41)
    assert (courier.turn(), len(web.got)) == (0, 1)
    account.later(seconds=1)
    assert (courier.turn(), len(web.got)) == (1, 2)


def test_telegram_says_how_long_to_wait_in_its_answer(account: Account, web: Web) -> None:
    account.alert("one")
    answer = '{"ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 33}}'
    web.script.append((429, {}, answer))
    courier = account.courier(settings_for(web, without=("team",)))
    courier.turn()
    account.later(seconds=32)
    assert (courier.turn(), len(web.got)) == (0, 1)
    account.later(seconds=1)
    assert (courier.turn(), len(web.got)) == (1, 2)


def test_a_page_that_says_200_but_is_not_slack_is_no_delivery(account: Account, web: Web) -> None:
    account.alert("one")
    web.script.append((200, {}, "<html>Please log in to the hotel's network</html>"))
    courier = account.courier(only_slack(web))
    assert courier.turn() == 0
    assert statuses(account) == [("one", 1, "waiting")]


def test_a_message_that_the_channel_does_not_want_is_dropped_after_three_attempts(account: Account, web: Web) -> None:
    account.alert("poison")
    account.alert("healthy")
    web.script.extend([(400, {}, "invalid_payload")] * 3)
    courier = account.courier(only_slack(web))
    for _ in range(60):
        courier.turn()
        account.later(seconds=1)
    assert statuses(account) == [("poison", 3, "refused"), ("healthy", 1, "delivered")]
    assert any("poison" in line and "invalid_payload" in line for line in account.lines)


def test_a_dead_channel_is_given_up_after_a_day_and_the_others_are_told_before(account: Account, web: Web) -> None:
    account.alert("one")
    settings = settings_for(web, quiet=None)
    courier = account.courier(settings)
    for _ in range(24 * 2 + 2):
        if not web.script:
            web.script.append((503, {}, "down"))
        # The phone's turn comes after Slack's, which uses the scripted answer up.
        courier.turn()
        web.script.clear()
        account.later(minutes=30)
    found = {(each.channel, each.code): each.status for each in Outbox(account.folder).deliveries()}
    assert found == {
        ("team", "one"): "given up",
        ("phone", "one"): "delivered",
        ("phone", "notify_channel_down"): "delivered",
    }
    assert any("team" in body and "503" in body for path, body in web.got if path.endswith("/sendMessage"))


def test_at_night_only_what_is_critical_is_sent(account: Account, web: Web) -> None:
    account.clock.advance_to(datetime(2024, 5, 2, 22, 0, tzinfo=KST))
    account.alert("a note")
    account.alert("a warning", Urgency.WARNING)
    account.alert("a fire", Urgency.CRITICAL)
    settings = only_slack(web)
    account.deliver(settings)
    assert titles(web) == ["a_fire"]
    account.clock.advance_to(datetime(2024, 5, 3, 6, 59, 59, tzinfo=KST))
    assert account.deliver(settings) == 0
    account.later(seconds=1)
    account.deliver(settings)
    assert titles(web) == ["a_fire", "a_note", "a_warning"]


def test_alerts_that_are_alike_are_sent_at_once_and_then_counted(account: Account, web: Web) -> None:
    settings = only_slack(web, same_within_minutes=10)
    for cash in range(4):
        account.alert("cash differs", Urgency.WARNING, "cash_differs", ours=cash)
        account.deliver(settings)
        account.later(minutes=1)
    account.alert("other name", Urgency.WARNING, "cash_differs", ticker="005930")
    account.deliver(settings)
    assert titles(web) == ["cash_differs", "cash_differs"]  # the first, and the one about another name
    account.later(minutes=6)
    account.deliver(settings)
    assert "3 alerts like this" in web.slack[-1]["text"]
    assert len(web.slack) == 3
    account.later(hours=1)
    assert account.deliver(settings) == 0


def test_an_alert_that_has_become_worse_does_not_wait_for_the_window(account: Account, web: Web) -> None:
    settings = only_slack(web)
    for urgency in (Urgency.WARNING, Urgency.WARNING, Urgency.CRITICAL):
        account.alert("feed", urgency, "feed_silent", ticker="005930")
        account.deliver(settings)
    assert len(web.slack) == 2
    assert web.slack[-1]["title"].startswith("🔴")


def test_each_channel_has_its_own_least_urgency(account: Account, web: Web) -> None:
    for urgency in Urgency:
        account.alert(urgency.value, urgency)
    account.deliver(settings_for(web, team={"minimum": "critical"}, phone={"minimum": "warning"}))
    assert titles(web) == ["critical"]
    assert len([path for path, _ in web.got if path.endswith("/sendMessage")]) == 2


def test_after_a_long_stop_old_alerts_stay_unsent_but_critical_ones_go_out(account: Account, web: Web) -> None:
    settings = only_slack(web)
    account.alert("known")
    account.deliver(settings)
    account.alert("old note")
    account.alert("old fire", Urgency.CRITICAL)
    account.later(days=4)
    account.deliver(settings)
    assert titles(web) == ["known", "old_fire"]
    assert ("old_note", 0, "too old") in statuses(account)


def test_a_ledger_restored_from_a_backup_is_read_from_its_end(account: Account, web: Web, tmp_path: Path) -> None:
    settings = only_slack(web)
    for number in range(5):
        account.alert(f"alert {number}")
    account.deliver(settings)
    fresh = Account(tmp_path / "fresh")
    fresh.alert("older")
    fresh.ledger.close()
    account.ledger.close()
    for path in account.folder.glob("ledger.db*"):
        path.unlink()
    (fresh.folder / "ledger.db").rename(account.folder / "ledger.db")
    account.deliver(settings)
    account.ledger = open_ledger(account.folder / "ledger.db", account.clock)
    account.alert("newer")
    account.deliver(settings)
    assert titles(web)[-1] == "newer"
    assert "older" not in titles(web)


def test_nothing_is_sent_while_the_attempt_cannot_be_written_down(account: Account, web: Web) -> None:
    account.alert("one")
    courier = account.courier(only_slack(web))
    outbox = account.folder / "deliveries.db"
    outbox.write_bytes(b"no database " * 1_000)
    assert (courier.turn(), courier.turn(), web.got) == (0, 0, [])
    assert [line.split(": ")[0] for line in account.lines] == ["Notifications, channel team"]  # told once
    assert "Move it away" in account.lines[0]
    outbox.unlink()
    assert courier.turn() == 1


def test_an_outbox_of_a_newer_geoul_is_left_alone(account: Account, web: Web) -> None:
    account.alert("one")
    with sqlite3.connect(account.folder / "deliveries.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert (account.deliver(only_slack(web)), web.got) == (0, [])
    assert "newer Geoul" in account.lines[0]


def test_a_ledger_that_does_not_exist_yet_is_waited_for(tmp_path: Path, web: Web) -> None:
    lines: list[str] = []
    courier = Courier(tmp_path, only_slack(web), SimulatedClock(NOON), tell=lines.append)
    assert (courier.turn(), lines) == (0, [])
    with open_ledger(tmp_path / "ledger.db", SimulatedClock(NOON)) as ledger:
        record_alert(ledger, Urgency.INFO, "hello", "hello")
    assert courier.turn() == 1


def test_two_couriers_on_one_account_send_each_message_once(account: Account, web: Web) -> None:
    settings = settings_for(web)
    couriers = [account.courier(settings) for _ in range(2)]
    for courier in couriers:
        courier.start(pause_seconds=0.001)
    for number in range(10):
        account.alert(f"alert {number}")
    while [status for _, _, status in statuses(account)] != ["delivered"] * 20:
        assert not threading.Event().wait(0.02)
    for courier in couriers:
        courier.close()
    assert titles(web) == [f"alert_{number}" for number in range(10)]
    assert len(web.got) == 20


class Surprised:
    """A sender with a fault of its own."""

    def __init__(self) -> None:
        self.calls = 0

    def send(self, message: Message) -> Answer:
        self.calls += 1
        if self.calls == 1:
            raise KeyError("nobody thought of this")
        return DELIVERED


def test_a_fault_of_ours_does_not_end_the_delivery(account: Account, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.notify.courier._LOOK_AGAIN_SECONDS", 0.01)
    account.alert("one")
    sender = Surprised()
    courier = Courier(
        account.folder, only_slack(web), account.clock, tell=account.lines.append, lang="en", senders={"team": sender}
    )
    courier.start(pause_seconds=0.001)
    while [status for _, _, status in statuses(account)] != ["delivered"]:
        assert not threading.Event().wait(0.02)
    courier.close()
    assert sender.calls == 2
    assert account.lines == ["Notifications, channel team: KeyError: 'nobody thought of this'"]


def test_closing_does_not_wait_for_a_channel_that_hangs(account: Account, web: Web) -> None:
    hangs, goes_on = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        goes_on.wait(30)

    web.before_answer = hang
    account.alert("one")
    courier = account.courier(only_slack(web))
    courier.start()
    assert hangs.wait(30)
    courier.close(timeout_seconds=0.05)
    assert not goes_on.is_set()  # the channel still hangs, and we are here
    assert statuses(account)[0][1:] == (1, "waiting")  # nobody knows whether it arrived: it will be sent again
    goes_on.set()


def test_an_older_ledger_is_copied_once_and_again_when_it_has_changed(
    account: Account, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = (*migrations.MIGRATIONS, ("a later step", "CREATE TABLE later (value TEXT) STRICT;"))
    for module in (migrations, connection):
        monkeypatch.setattr(module, "MIGRATIONS", later)
    copies: list[int] = []
    migrate = connection.migrate
    monkeypatch.setattr(connection, "migrate", lambda *given: (copies.append(1), migrate(*given)))
    courier = account.courier(only_slack(web))
    account.alert("first")
    assert sum(courier.turn() for _ in range(5)) == 1
    assert len(copies) == 1
    account.alert("second")  # by a trader of the older Geoul, which has not been stopped yet
    assert sum(courier.turn() for _ in range(5)) == 1
    assert (titles(web), len(copies)) == (["first", "second"], 2)
