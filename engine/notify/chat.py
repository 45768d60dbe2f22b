"""Slack and Telegram."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from engine.ledger.alerts import Urgency
from engine.notify.channel_settings import SlackChannel, TelegramChannel
from engine.notify.plugin import SECONDS, asset, deliver
from engine.notify.sending import Answer, Message, Picture, Verdict

if TYPE_CHECKING:
    import requests

SIGNS = {Urgency.INFO: "🔵", Urgency.WARNING: "🟠", Urgency.CRITICAL: "🔴"}
_TEXT_OF_SLACK = 30_000  # characters; Slack cuts at 40,000
_TEXT_OF_TELEGRAM = 3_000  # of 4,096 with title, id and escapes, so that one message stays one


class SlackSender:
    """Sends through an incoming webhook. A webhook takes no files: pictures are left out, the text stands alone."""

    def __init__(self, channel: SlackChannel, secrets: tuple[str, ...]) -> None:
        self._channel, self._secrets = channel, secrets

    def send(self, message: Message) -> Answer:
        """Post to the webhook."""
        return deliver(
            lambda: _slack_plugin(self._channel),
            message.urgency,
            self._secrets,
            title=f"{SIGNS[message.urgency]} {message.title}",  # escaped there
            body=f"{_slack(_cut(message.text, _TEXT_OF_SLACK))}\n{_slack(message.message_id)}",
            body_passthrough=True,
        )

    def __repr__(self) -> str:
        return "SlackSender(***)"


class TelegramSender:
    """Sends as a bot into one chat: the text, then each picture as a message of its own."""

    def __init__(self, channel: TelegramChannel, secrets: tuple[str, ...]) -> None:
        self._channel, self._secrets = channel, secrets

    def send(self, message: Message) -> Answer:
        """Post to the Bot API. A picture that fails does not bring the text again."""
        mark = f"<i>{escape(message.message_id, quote=False)}</i>"
        title = f"{SIGNS[message.urgency]} <b>{escape(message.title, quote=False)}</b>"
        answer = self._post(message, f"{title}\n{escape(_cut(message.text, _TEXT_OF_TELEGRAM), quote=False)}\n{mark}")
        if answer.verdict is not Verdict.DELIVERED:
            return answer
        for picture in message.pictures:
            shown = self._post(message, mark, picture)
            if shown.verdict is not Verdict.DELIVERED:
                return Answer(verdict=Verdict.DELIVERED, told=f"{picture.name}: {shown.told}")
        return answer

    def _post(self, message: Message, body: str, *pictures: Picture) -> Answer:
        from apprise import NotifyFormat  # noqa: PLC0415  (slow to import)
        from apprise.plugins.telegram import NotifyTelegram  # noqa: PLC0415

        channel = self._channel

        def make() -> NotifyTelegram:
            plugin = NotifyTelegram(
                bot_token=channel.token.get_secret_value(), targets=[channel.chat], detect_owner=False, asset=asset()
            )
            plugin.notify_url = f"{channel.server}/bot"
            return plugin

        return deliver(
            make, message.urgency, self._secrets, pictures=pictures, body=body, body_format=NotifyFormat.HTML
        )

    def __repr__(self) -> str:
        return "TelegramSender(***)"


def _slack_plugin(channel: SlackChannel) -> Any:
    import requests  # noqa: PLC0415
    from apprise.plugins.slack import NotifySlack  # noqa: PLC0415  (slow to import)

    class Webhook(NotifySlack):
        """As apprise's, but it keeps Retry-After, which theirs throws away, and says so in its log."""

        def _send(self, url: str, payload: Any, *_: Any, **__: Any) -> Any:
            try:
                answer = requests.post(
                    url,
                    json=payload,
                    headers={"User-Agent": self.app_id},
                    timeout=(SECONDS, SECONDS),
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                self.logger.warning(f"no connection: {type(error).__name__}")
                return False
            if answer.status_code == requests.codes.ok and answer.content == b"ok":
                return {"ok": True}
            self.logger.warning(f"{_words(answer)} error={answer.status_code}")
            return False

    first, second, third = channel.parts
    plugin = Webhook(
        token_a=first, token_b=second, token_c=third, include_image=False, include_footer=False, asset=asset()
    )
    plugin.webhook_url = channel.base
    return plugin


def _words(answer: requests.Response) -> str:
    """The beginning of the body, and what the server asked for."""
    asked = answer.headers.get("Retry-After", "")
    return f"{answer.text[:100]!r}" + (f" Retry-After: {asked}" if asked.isdigit() else "")


def _slack(text: str) -> str:
    """Text of ours or of others as Slack shows it unchanged: names of rules are no links and no mentions."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 2] + " …"
