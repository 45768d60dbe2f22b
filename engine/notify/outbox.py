"""What is still to be sent on each channel: `deliveries.db` beside the ledger.

The ledger has one writer, the trader; this file has the threads that deliver, each for its own channel. An alert is
taken over from the ledger once (`take_in`), in the transaction that notes how far the channel has read. An attempt is
written down before it is made and its answer after it: what lies in between is sent again, under the same id.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from engine.ledger.alerts import Alert, Urgency
from engine.ledger.canonical import canonical_json, stamp, unstamp
from engine.ledger.connection import all_or_nothing
from engine.notify.backoff import LONGEST_ASKED, wait_after
from engine.notify.channel_settings import Channel
from engine.notify.delivery_file import COLUMNS, Delivery, delivery_of, opened
from engine.notify.quiet_hours import released_at
from engine.notify.sending import Answer, Verdict
from engine.notify.settings import NotifySettings

FILE_NAME = "deliveries.db"
DAY_REPORT, WEEK_REPORT = "day_report", "week_report"  # codes of alerts that become reports
REPORTS = frozenset({DAY_REPORT, WEEK_REPORT})
CHANNEL_DOWN = "notify_channel_down"
_MOST_REFUSALS = 3  # attempts at a message that the channel will not take
_TELL_OTHERS_AFTER = timedelta(minutes=15)
# Parameters that say what an alert is about; the others say how much, which differs between alerts that are alike.
ABOUT = ("ticker", "session", "order_id", "decision_id", "run_id", "rule_id", "what", "job", "limit", "channel", "kind")
RANK = {Urgency.INFO: 0, Urgency.WARNING: 1, Urgency.CRITICAL: 2}


def about(alert: Alert) -> str:
    """What an alert is about: its code and key parameters; alerts that are alike are sent once with their count."""
    return canonical_json([alert.code, {name: alert.parameters[name] for name in ABOUT if name in alert.parameters}])


class Outbox:
    """The file of an account's folder; every call opens it anew, so that any thread may call."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME

    def taken(self, channel: str) -> int | None:
        """The number of the last alert that a channel has taken over; None for a new channel."""
        with opened(self.path) as connection:
            row = connection.execute("SELECT taken FROM channels WHERE name = ?", (channel,)).fetchone()
        return None if row is None else int(row[0])

    def rewind(self, channel: str, last: int) -> None:
        """The ledger ends earlier than the channel has read: a backup was restored, and its numbers begin again."""
        with opened(self.path) as connection, all_or_nothing(connection):
            connection.execute("UPDATE channels SET taken = ? WHERE name = ? AND taken > ?", (last, channel, last))

    def take_in(
        self, name: str, channel: Channel, alerts: Iterable[Alert], settings: NotifySettings, now: datetime
    ) -> None:
        """Take over alerts of the ledger, all of them or none."""
        with opened(self.path) as connection, all_or_nothing(connection):
            row = connection.execute("SELECT taken FROM channels WHERE name = ?", (name,)).fetchone()
            is_new, taken = row is None, 0 if row is None else row[0]
            if is_new:
                connection.execute("INSERT INTO channels VALUES (?, 0, 0, NULL, 0, NULL)", (name,))
            oldest = now - timedelta(hours=settings.oldest_hours)
            for alert in alerts:
                if alert.alert_id <= taken:
                    continue  # another process was faster
                taken = alert.alert_id
                is_report = alert.code in REPORTS
                if not (channel.reports if is_report else RANK[alert.urgency] >= RANK[channel.minimum]):
                    continue
                too_old = alert.time < oldest and (is_new or alert.urgency is not Urgency.CRITICAL)
                _add(connection, name, alert, settings, now, too_old=too_old)
            connection.execute("UPDATE channels SET taken = ? WHERE name = ?", (taken, name))

    def next_due(self, channel: str, now: datetime) -> Delivery | None:
        """What a channel should send now: what is critical first, then in the order in which it happened."""
        with opened(self.path) as connection:
            row = connection.execute("SELECT next_at FROM channels WHERE name = ?", (channel,)).fetchone()
            # A clock that was set back must not silence a channel: no wait is longer than the longest.
            if row is not None and row[0] and now < unstamp(row[0]) <= now + LONGEST_ASKED:
                return None
            found = connection.execute(
                f"SELECT {COLUMNS} FROM deliveries WHERE channel = ? AND status = 'waiting' AND due_at <= ? "
                "ORDER BY urgency != 'critical', delivery_id LIMIT 1",
                (channel, stamp(now)),
            ).fetchone()
        return None if found is None else delivery_of(found)

    def begin(self, delivery: Delivery) -> None:
        """Write down that an attempt is made. Alerts that come now make a message of their own."""
        with opened(self.path) as connection, all_or_nothing(connection):
            connection.execute(
                "UPDATE deliveries SET attempts = attempts + 1 WHERE delivery_id = ?", (delivery.delivery_id,)
            )

    def finish(self, delivery: Delivery, answer: Answer, settings: NotifySettings, now: datetime) -> str:
        """Write down what an attempt came to, and when the next one may be made; returns the message's status."""
        attempts = delivery.attempts + 1
        late = now >= delivery.due_at + timedelta(hours=settings.give_up_hours)
        status = "waiting"
        if answer.verdict is Verdict.DELIVERED:
            status = "delivered"
        elif answer.verdict is Verdict.REFUSED and attempts >= _MOST_REFUSALS:
            status = "refused"
        elif late:
            status = "given up"
        with opened(self.path) as connection, all_or_nothing(connection):
            connection.execute(
                "UPDATE deliveries SET status = ?, told = ?, done_at = ? WHERE delivery_id = ?",
                (status, answer.told, None if status == "waiting" else stamp(now), delivery.delivery_id),
            )
            if status == "delivered":
                connection.execute(
                    "UPDATE channels SET failures = 0, failing_since = NULL, others_told = 0, next_at = NULL "
                    "WHERE name = ?",
                    (delivery.channel,),
                )
            else:
                _count_failure(connection, delivery.channel, answer, settings, now)
        return status

    def deliveries(self, *, status: str | None = None, most: int = 100) -> list[Delivery]:
        """The newest deliveries of all channels, oldest of them first; empty before there is a file."""
        if not self.path.exists():
            return []
        with opened(self.path) as connection:
            condition, values = ("", ()) if status is None else ("WHERE status = ?", (status,))
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM deliveries {condition} ORDER BY delivery_id DESC LIMIT ?", (*values, most)
            ).fetchall()
        return [delivery_of(row) for row in reversed(rows)]

    def failing(self) -> list[tuple[str, int, str]]:
        """Name, failures in a row, and since when, of every channel that could not be reached last."""
        if not self.path.exists():
            return []
        with opened(self.path) as connection:
            return connection.execute(
                "SELECT name, failures, failing_since FROM channels WHERE failures > 0 ORDER BY name"
            ).fetchall()


def _add(
    connection: sqlite3.Connection,
    channel: str,
    alert: Alert,
    settings: NotifySettings,
    now: datetime,
    *,
    too_old: bool = False,
) -> None:
    """Put one alert into a channel's queue: into a message that waits and is alike, or as a new one."""
    subject, window = about(alert), timedelta(minutes=settings.same_within_minutes)
    alike = connection.execute(
        "SELECT delivery_id, urgency, due_at, window_ends, status, attempts FROM deliveries "
        "WHERE channel = ? AND about = ? AND status IN ('waiting', 'delivered') ORDER BY delivery_id DESC LIMIT 1",
        (channel, subject),
    ).fetchone()
    due, urgency = now, alert.urgency
    if alike is not None and not too_old:
        number, before, due_before, window_ends, status, attempts = alike
        worse = RANK[urgency] > RANK[Urgency(before)]
        if status == "waiting" and attempts == 0:
            urgency = urgency if worse else Urgency(before)
            due = released_at(now, urgency, settings.quiet) if worse else unstamp(due_before)
            connection.execute(
                "UPDATE deliveries SET last_alert = ?, last_time = ?, text = ?, parameters = ?, count = count + 1, "
                "urgency = ?, due_at = ? WHERE delivery_id = ?",
                (
                    alert.alert_id,
                    stamp(alert.time),
                    alert.text,
                    canonical_json(alert.parameters),
                    urgency.value,
                    stamp(due),
                    number,
                ),
            )
            return
        if not worse and now < unstamp(window_ends) <= now + window + timedelta(days=1):
            due = unstamp(window_ends)
    due = released_at(due, urgency, settings.quiet)
    connection.execute(
        "INSERT INTO deliveries (channel, first_alert, last_alert, count, about, urgency, code, time, last_time, text, "
        "parameters, due_at, window_ends, status, attempts, told, done_at) "
        "VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', ?)",
        (
            channel,
            alert.alert_id,
            alert.alert_id,
            subject,
            urgency.value,
            alert.code,
            stamp(alert.time),
            stamp(alert.time),
            alert.text,
            canonical_json(alert.parameters),
            stamp(due),
            stamp(due + window),
            "too old" if too_old else "waiting",
            stamp(now) if too_old else None,
        ),
    )


def _count_failure(
    connection: sqlite3.Connection, channel: str, answer: Answer, settings: NotifySettings, now: datetime
) -> None:
    failures, since, others_told = connection.execute(
        "SELECT failures, failing_since, others_told FROM channels WHERE name = ?", (channel,)
    ).fetchone()
    began = unstamp(since) if since else now
    tells = not others_told and now >= began + _TELL_OTHERS_AFTER
    connection.execute(
        "UPDATE channels SET failures = ?, failing_since = ?, others_told = ?, next_at = ? WHERE name = ?",
        (
            failures + 1,
            stamp(began),
            int(others_told or tells),
            stamp(now + wait_after(failures + 1, answer.wait)),
            channel,
        ),
    )
    if not tells:
        return
    notice = Alert(
        time=now,
        urgency=Urgency.WARNING,
        code=CHANNEL_DOWN,
        text=answer.told,
        parameters={"channel": channel, "since": stamp(began)},
    )
    for other in settings.channels:
        if other != channel:
            _add(connection, other, notice, settings, now)
