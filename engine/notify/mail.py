"""Mail through an SMTP server: text and HTML, with the pictures shown where the page names them."""

from __future__ import annotations

from engine.ledger.alerts import Urgency
from engine.notify.channel_settings import EmailChannel
from engine.notify.plugin import asset, deliver
from engine.notify.sending import Answer, Message

_MARKS = {Urgency.INFO: "", Urgency.WARNING: "[!] ", Urgency.CRITICAL: "[!!!] "}
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_MODES = {"starttls": "starttls", "tls": "ssl", "none": "insecure"}


class MailSender:
    """Sends one mail to one address."""

    def __init__(self, channel: EmailChannel, secrets: tuple[str, ...]) -> None:
        self._channel, self._secrets = channel, secrets

    def send(self, message: Message) -> Answer:
        """Hand the mail to the server; it is delivered when the server has taken it."""
        from apprise import NotifyFormat  # noqa: PLC0415  (slow to import)
        from apprise.plugins.email import NotifyEmail  # noqa: PLC0415

        channel = self._channel
        headers = {"X-Geoul-Message": message.message_id}
        if message.urgency is Urgency.CRITICAL:
            headers["X-Priority"] = "1"

        def make() -> NotifyEmail:
            return NotifyEmail(
                host=channel.host,
                smtp_host=channel.host,
                port=channel.port or _PORTS[channel.security],
                secure_mode=_MODES[channel.security],
                user=channel.user or None,
                password=channel.password.get_secret_value() if channel.password is not None else None,
                from_addr=f"Geoul <{channel.sender}>",
                targets=[channel.to],
                headers=headers,
                inline=True,
                asset=asset(),
            )

        html = bool(message.html)
        return deliver(
            make,
            message.urgency,
            self._secrets,
            pictures=message.pictures if message.html else (),
            title=_MARKS[message.urgency] + message.title,
            body=message.html if html else f"{message.text}\n\n{message.message_id}",
            body_format=NotifyFormat.HTML if html else NotifyFormat.TEXT,
        )

    def __repr__(self) -> str:
        return "MailSender(***)"
