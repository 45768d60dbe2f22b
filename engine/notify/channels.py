"""Which sender serves which kind of channel."""

from __future__ import annotations

from collections.abc import Callable

from engine.notify.channel_settings import Channel, ConsoleChannel, EmailChannel, SlackChannel, TelegramChannel
from engine.notify.chat import SIGNS, SlackSender, TelegramSender
from engine.notify.library_logs import conceal
from engine.notify.mail import MailSender
from engine.notify.sending import DELIVERED, Answer, Message, Sender
from engine.notify.settings import NotifySettings


class ConsoleSender:
    """Writes to the screen, or to wherever this process writes.

    Args:
        tell: takes the lines.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def send(self, message: Message) -> Answer:
        """Write it; what is written has arrived."""
        self._tell(f"{SIGNS[message.urgency]} {message.title}\n{message.text}\n{message.message_id}")
        return DELIVERED


def sender_for(channel: Channel, settings: NotifySettings, tell: Callable[[str], None]) -> Sender:
    """The sender of a channel. The library is loaded now, and not in the middle of a session.

    Args:
        channel: as configured.
        settings: of all channels, whose secrets appear in no answer.
        tell: where the console is.
    """
    secrets = settings.secrets()
    conceal(secrets)
    if not isinstance(channel, ConsoleChannel):
        import apprise  # noqa: F401, PLC0415  (slow to import)
    if isinstance(channel, SlackChannel):
        return SlackSender(channel, secrets)
    if isinstance(channel, TelegramChannel):
        return TelegramSender(channel, secrets)
    if isinstance(channel, EmailChannel):
        return MailSender(channel, secrets)
    return ConsoleSender(tell)
