"""Delivers: one thread for each channel reads the account's ledger and sends what its outbox says is due.

    courier = Courier(folder, settings, clock)
    courier.start()
    ...
    courier.close()

The ledger is only read, the outbox is a file of its own, and every channel has a thread of its own: a channel that is
slow or dead keeps nobody waiting, neither trading nor the others. A message counts as delivered when its channel has
said so; one whose answer was lost is sent again under the same id.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from engine.clock import Clock
from engine.errors import GeoulError
from engine.ledger.alerts import alerts_after, last_alert_id
from engine.ledger.connection import connect, is_copy
from engine.log import redact_text
from engine.notify.channel_settings import Channel
from engine.notify.channels import sender_for
from engine.notify.delivery_file import Delivery
from engine.notify.message import ReportMaker, message_of
from engine.notify.outbox import REPORTS, Outbox
from engine.notify.report_process import report_apart
from engine.notify.sending import Answer, Sender, Verdict
from engine.notify.settings import NotifySettings
from engine.reports.language import Lang, Text

LEDGER, LOCK = "ledger.db", ".notify.lock"
_LOOK_AGAIN_SECONDS = 5.0  # after something unforeseen, or while another process delivers
_MOST_AT_ONCE = 1_000  # alerts taken over in one transaction
_TELL_AGAIN = timedelta(minutes=10)  # the same trouble of our own
MAKERS: Mapping[str, ReportMaker] = dict.fromkeys(REPORTS, report_apart)
_GAVE_UP = Text(
    "알림 {name} 채널 {channel}: 전달하지 못하고 그만둡니다({told})",
    "Alert {name}, channel {channel}: given up ({told})",
)
_TROUBLE = Text("알림 채널 {channel}: {why}", "Notifications, channel {channel}: {why}")


class Courier:
    """All channels of an account.

    Args:
        folder: of the account, with its ledger.
        settings: which channels there are.
        clock: whose hours are quiet, and in whose time attempts are repeated; the one that the ledger is written by.
        tell: takes lines for people: messages of the console channel, and troubles of our own, without secrets.
        lang: of messages, beside the alerts' own text.
        senders: instead of those that the settings ask for, by name of the channel.
        reports: makers of reports by the code of the alert that announces them.
    """

    def __init__(
        self,
        folder: Path,
        settings: NotifySettings,
        clock: Clock,
        *,
        tell: Callable[[str], None] = print,
        lang: Lang = "ko",
        senders: Mapping[str, Sender] | None = None,
        reports: Mapping[str, ReportMaker] = MAKERS,
    ) -> None:
        self._stop, self._mutex = threading.Event(), threading.Lock()
        # Freed by the system when its process dies, however it dies. All threads of this courier share it.
        self._lock = FileLock(folder / LOCK, timeout=0, thread_local=False)
        self._threads: list[threading.Thread] = []
        given = senders or {}
        self.routes = [
            Route(
                name,
                channel,
                given.get(name) or sender_for(channel, settings, tell),
                folder=folder,
                settings=settings,
                clock=clock,
                tell=tell,
                lang=lang,
                reports=dict(reports),
            )
            for name, channel in settings.channels.items()
        ]

    def start(self, pause_seconds: float = 1.0) -> None:
        """Deliver in the background from now on.

        Args:
            pause_seconds: of real time between two messages of a channel; services take about one a second.
        """
        for route in self.routes:
            name = f"notify-{route.name}"
            # A thread that hangs in a socket must not keep the process alive; what it was sending is sent again.
            thread = threading.Thread(target=self._run, args=(route, pause_seconds), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def turn(self) -> int:
        """Take over new alerts and send at most one message on each channel, in this thread; returns how many."""
        return sum(route.turn() for route in self.routes)

    def close(self, timeout_seconds: float = 2.0) -> None:
        """Stop delivering; what has not been sent waits in the outbox. Waits no longer than asked for all channels."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout_seconds / len(self._threads))
        if not any(thread.is_alive() for thread in self._threads):
            self._lock.release()  # else another courier could send what hangs here
        self._threads.clear()

    def _run(self, route: Route, pause_seconds: float) -> None:
        while not self._stop.is_set():
            pause = pause_seconds
            try:
                if self._is_first():
                    route.turn()
                else:
                    pause = _LOOK_AGAIN_SECONDS
            except Exception as error:  # the edge of a thread: one that ended would be silent for ever
                route.trouble(f"{type(error).__name__}: {error}")
                pause = _LOOK_AGAIN_SECONDS
            self._stop.wait(pause)

    def _is_first(self) -> bool:
        """Whether this courier, and none of another process, delivers for the folder; the next one takes over."""
        with self._mutex:
            if not self._lock.is_locked:
                try:
                    self._lock.acquire(timeout=0)
                except Timeout:
                    return False
            return True


class Route:
    """The way of the alerts to one channel. For one thread at a time; arguments as of `Courier`."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        sender: Sender,
        *,
        folder: Path,
        settings: NotifySettings,
        clock: Clock,
        tell: Callable[[str], None],
        lang: Lang,
        reports: dict[str, ReportMaker],
    ) -> None:
        self.name = name
        self._channel, self._sender, self._folder = channel, sender, folder
        self._settings, self._clock, self._tell = settings, clock, tell
        self._lang: Lang = lang
        self._reports = reports
        self._account = settings.account or folder.resolve().name
        self._outbox = Outbox(folder)
        self._told: dict[str, datetime | None] = {}  # trouble -> when it is told again
        self._unwritten: tuple[Delivery, Answer] | None = None
        self._copied: list[tuple[int, int]] = []  # the files of an older ledger as they were when they were copied

    def turn(self) -> int:
        """Take over new alerts, send at most one message; returns how many were delivered.

        What goes wrong on the way is told and tried again at the next turn: no trouble ends the delivery.
        """
        try:
            # An answer that could not be written down (disk full) comes first: else its message would go out again.
            if self._unwritten is not None:
                self._finish(*self._unwritten)
            self._take_in()
            return self._send_one()
        except (GeoulError, OSError, sqlite3.Error) as error:
            self.trouble(f"{type(error).__name__}: {error}")
            return 0

    def _take_in(self) -> None:
        ledger = self._folder / LEDGER
        if not ledger.exists():
            return
        files = _state_of(ledger)
        if files == self._copied:
            return
        now = self._clock.now()
        with closing(connect(ledger, now, read_only=True)) as connection:
            self._read(connection, now)
            if is_copy(connection):  # to make one takes long, and nobody may write into an older ledger for months
                self._copied = files

    def _read(self, connection: sqlite3.Connection, now: datetime) -> None:
        taken, last = self._outbox.taken(self.name), last_alert_id(connection)
        if taken is not None and last < taken:
            self._outbox.rewind(self.name, last)
        if taken is not None and last <= taken:
            return
        after = taken or 0
        while alerts := alerts_after(connection, after, _MOST_AT_ONCE):
            self._outbox.take_in(self.name, self._channel, alerts, self._settings, now)
            after = alerts[-1].alert_id

    def _send_one(self) -> int:
        delivery = self._outbox.next_due(self.name, self._clock.now())
        if delivery is None:
            return 0
        message = message_of(delivery, self._folder, self._account, self._lang, self._reports)
        self._outbox.begin(delivery)
        answer = self._sender.send(message)
        self._finish(delivery, answer)
        return int(answer.verdict is Verdict.DELIVERED)

    def _finish(self, delivery: Delivery, answer: Answer) -> None:
        self._unwritten = delivery, answer
        status = self._outbox.finish(delivery, answer, self._settings, self._clock.now())
        self._unwritten = None
        if status in ("refused", "given up"):
            words = _GAVE_UP(self._lang)
            self._say(words.format(name=delivery.code, channel=self.name, told=answer.told))

    def trouble(self, why: str) -> None:
        """Tell people what is wrong with the delivery itself; the same words once in ten minutes."""
        try:
            now = self._clock.now()
        except GeoulError:  # the clock of a served market that is gone: told once, until it is back
            now = None
        again = self._told.get(why)
        if why not in self._told or (now is not None and again is not None and now >= again):
            self._say(_TROUBLE(self._lang).format(channel=self.name, why=why))
            again = None
        self._told[why] = again or (now + _TELL_AGAIN if now is not None else None)

    def _say(self, line: str) -> None:
        self._tell(redact_text(line, self._settings.secrets()))

    def __repr__(self) -> str:
        return f"Route({self.name!r}, {self._channel.kind})"


def _state_of(ledger: Path) -> list[tuple[int, int]]:
    """When the file and its log of changes were last written, and their sizes."""
    names = (ledger, ledger.with_name(f"{ledger.name}-wal"))
    return [(each.st_mtime_ns, each.st_size) for each in (name.stat() for name in names if name.exists())]
