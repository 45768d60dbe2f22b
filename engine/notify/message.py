"""An alert, or several that are alike, as one message; alerts that announce a report become the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.clock import in_seoul
from engine.ledger.alerts import Urgency
from engine.ledger.canonical import unstamp
from engine.notify.delivery_file import Delivery
from engine.notify.outbox import CHANNEL_DOWN
from engine.notify.sending import Message
from engine.reports.language import Lang, Text

URGENCIES = {
    Urgency.INFO: Text("알림", "Notice"),
    Urgency.WARNING: Text("경고", "Warning"),
    Urgency.CRITICAL: Text("긴급", "Critical"),
}
COUNTED = Text(
    "같은 알림 {count:,}건 · 처음 {first:%m-%d %H:%M} · 마지막 {last:%m-%d %H:%M}",
    "{count:,} alerts like this · first {first:%m-%d %H:%M} · last {last:%m-%d %H:%M}",
)
HAPPENED = Text("{time:%Y-%m-%d %H:%M:%S} 일어남", "happened {time:%Y-%m-%d %H:%M:%S}")
DOWN = Text(
    "알림 채널 {channel}에 {since:%m-%d %H:%M}부터 보내지 못하고 있습니다: {told}",
    "The channel {channel} has not been reached since {since:%m-%d %H:%M}: {told}",
)
NO_REPORT = Text("보고서를 만들지 못했습니다: {why}", "The report could not be made: {why}")
TEST_TITLE = Text("알림 시험", "Test of the notifications")
TEST = Text("이 메시지가 보이면 {channel} 채널이 동작합니다.", "If you can read this, the channel {channel} works.")

# Makes a report of an account's folder: title, text, HTML and pictures; the id and urgency are put in afterwards.
ReportMaker = Callable[[Path, Delivery, Lang], Message]


def message_of(delivery: Delivery, folder: Path, account: str, lang: Lang, reports: dict[str, ReportMaker]) -> Message:
    """The message of a delivery; the same whenever it is made, as far as its sources are.

    Args:
        delivery: from the outbox.
        folder: of the account, where a report finds ledger and history.
        account: name in front of the title.
        lang: of everything that is not the alert's own text.
        reports: makers by the code of the alert. One that fails leaves the alert's own text, with the reason.
    """
    name = f"{account}-{delivery.first_alert}" if delivery.first_alert else _of_ours(delivery, account)
    text = delivery.text
    if delivery.code == CHANNEL_DOWN:
        values = delivery.parameters
        text = DOWN(lang).format(channel=values["channel"], since=unstamp(values["since"]), told=delivery.text)
    maker = reports.get(delivery.code)
    if maker is not None:
        try:
            made = maker(folder, delivery, lang)
        except Exception as error:  # whatever is wrong with a report, its alert must go out and let the others pass
            text = f"{text}\n{NO_REPORT(lang).format(why=error)}"
        else:
            return Message(
                message_id=name,
                urgency=delivery.urgency,
                title=f"[{account}] {made.title}",
                text=made.text,
                html=made.html,
                pictures=made.pictures,
            )
    first, last = in_seoul(delivery.time), in_seoul(delivery.last_time)
    if delivery.count > 1:
        when = COUNTED(lang).format(count=delivery.count, first=first, last=last)
    else:
        when = HAPPENED(lang).format(time=first)
    return Message(
        message_id=name,
        urgency=delivery.urgency,
        title=f"[{account}] {URGENCIES[delivery.urgency](lang)} · {delivery.code}",
        text=f"{text}\n{when}",
    )


def test_message(channel: str, account: str, moment: str, lang: Lang) -> Message:
    """What `geoul notify test` sends."""
    return Message(
        message_id=f"{account}-test-{moment}",
        urgency=Urgency.INFO,
        title=f"[{account}] {TEST_TITLE(lang)}",
        text=TEST(lang).format(channel=channel),
    )


def _of_ours(delivery: Delivery, account: str) -> str:
    """Messages that no alert of the ledger stands behind are counted by channel."""
    return f"{account}-{delivery.channel}-{delivery.delivery_id}"
