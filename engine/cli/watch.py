"""`geoul watch`: a process of its own that raises an alarm when the trader shows no sign of life.

It tells its own channels, and leaves the alarm in the account: in `control.db` until the next trader writes it down.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from engine.cli.options import AccountFolderArgument, Lang, LangOption
from engine.clock import SystemClock
from engine.errors import BadInput, DataError
from engine.reports.language import Text

if TYPE_CHECKING:
    from engine.ledger.alerts import Urgency
    from engine.notify.settings import NotifySettings

_LOOK_SECONDS = 0.5
_AGAIN_SECONDS = 60.0  # a channel that did not take the alarm
_TITLE = Text("[{folder}] 거래 프로세스 무응답", "[{folder}] the trader is silent")
_SILENT = Text(
    "{seconds:.0f}초 동안 거래 프로세스의 신호가 없습니다. 보유 종목이 지켜지지 않습니다. 확인하고 다시 시작하세요.",
    "No sign of life from the trader for {seconds:.0f} s. Holdings are not guarded. Look at it and start it again.",
)
_ENDED = Text(
    "거래 프로세스가 스스로 끝났고 {seconds:.0f}초 동안 다시 시작되지 않았습니다.",
    "The trader ended on purpose and has not been started again for {seconds:.0f} s.",
)
_BACK = Text("거래 프로세스가 다시 신호를 보냅니다.", "The trader shows signs of life again.")
_NOT_SENT = Text("알림 채널 {name}: {told}", "Channel {name}: {told}")


def watch_command(
    folder: AccountFolderArgument,
    silent_after: Annotated[
        float, typer.Option("--silent-after", min=0.1, help="이만큼(초) 신호가 없으면 알림 · seconds of silence")
    ] = 60.0,
    once: Annotated[
        bool, typer.Option("--once", help="첫 알림 뒤에 상태 1로 끝냄 · end with status 1 at the first alarm")
    ] = False,
    config: Annotated[
        Path | None, typer.Option("--config", help="알림 설정(notify) YAML · channels of the alarm")
    ] = None,
    lang: LangOption = Lang.ko,
) -> None:
    """거래 프로세스가 살아 있는지 지켜봅니다 · raise an alarm when the trader falls silent."""
    from engine.ledger.alerts import Urgency  # noqa: PLC0415
    from engine.notify.settings import load_notify_settings  # noqa: PLC0415  (keeps --help fast)
    from engine.trading.heartbeat import SilenceWatch  # noqa: PLC0415

    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}.")
    console, clock, words = Console(highlight=False), SystemClock(), lang.language

    def tell(line: str) -> None:
        console.print(f"{clock.now():%m-%d %H:%M:%S} {line}", markup=False, soft_wrap=True)

    alarm = Alarm(folder, load_notify_settings(config, os.environ), tell, lang)
    watched = SilenceWatch(folder, silent_after, time.monotonic)
    told, again_at = False, 0.0
    while True:
        if watched.is_silent:
            if not told or time.monotonic() >= again_at:
                text, urgency = (_ENDED, Urgency.WARNING) if watched.has_ended else (_SILENT, Urgency.CRITICAL)
                line = text(words).format(seconds=watched.silent_for)
                if not told:
                    tell(line)
                    alarm.begin()
                    alarm.write_down(line, has_ended=watched.has_ended)
                told, again_at = True, time.monotonic() + _AGAIN_SECONDS
                alarm.send(line, urgency)
                if once:
                    raise typer.Exit(1)
        elif told:
            told = False
            tell(_BACK(words))
        time.sleep(_LOOK_SECONDS)


class Alarm:
    """Sends on every channel of the settings until each has taken it; the trader's own outbox needs the trader.

    Args:
        folder: of the account.
        settings: channels.
        tell: is told what a channel would not take.
        lang: of texts.
    """

    def __init__(self, folder: Path, settings: NotifySettings, tell: Callable[[str], None], lang: Lang) -> None:
        from engine.notify.channels import sender_for  # noqa: PLC0415

        self._folder, self._account = folder, settings.account or folder.resolve().name
        self._tell, self._lang = tell, lang
        self._senders = {
            name: sender_for(channel, settings, tell)
            for name, channel in settings.channels.items()
            if channel.kind != "console"  # the watcher prints every alarm itself
        }
        self._owed: set[str] = set()
        self._number = ""

    def begin(self) -> None:
        """A new silence: every channel is to hear of it."""
        self._owed = set(self._senders)
        self._number = f"{SystemClock().now():%Y%m%d%H%M%S}"

    def write_down(self, text: str, *, has_ended: bool) -> None:
        """Leave the alarm in the account, whose next trader puts it into the ledger."""
        from engine.trading.control import SILENT, ControlFile  # noqa: PLC0415

        try:
            values = {"text": text, "has_ended": has_ended}
            ControlFile(self._folder).ask(SILENT, "geoul watch", values, SystemClock().now())
        except DataError as error:  # the channels come first: whoever reads them can act
            self._tell(str(error))

    def send(self, text: str, urgency: Urgency) -> None:
        """Send on the channels that have not taken it yet."""
        from engine.notify.sending import Message, Verdict  # noqa: PLC0415

        message = Message(
            message_id=f"{self._account}-silent-{self._number}",
            urgency=urgency,
            title=_TITLE(self._lang.language).format(folder=self._account),
            text=text,
        )
        for name in sorted(self._owed):
            answer = self._senders[name].send(message)
            if answer.verdict is not Verdict.LATER:
                self._owed.discard(name)
            if answer.verdict is not Verdict.DELIVERED:
                self._tell(_NOT_SENT(self._lang.language).format(name=name, told=answer.told))
