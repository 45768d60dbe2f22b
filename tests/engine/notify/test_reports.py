"""The daily and the weekly report against figures worked out by hand."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import notify as notify_cli
from engine.cli import report as report_cli
from engine.clock import KST, SimulatedClock
from engine.errors import DataError
from engine.events import CashMoved, CashReason
from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.decisions import Decision, record_decision
from engine.ledger.equity import EquityPoint, record_equity
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.reflections import ReflectionRecord, RuleProposal, record_reflection
from engine.notify.account_days import account_days
from engine.notify.courier import Courier
from engine.notify.daily_report import day_page
from engine.notify.day_facts import day_facts
from engine.notify.equity_picture import equity_picture
from engine.notify.pages import Line, Page, Section, as_html, as_text
from engine.notify.weekly_report import announce_week, week_facts, week_page
from engine.order import Side
from tests.builders_reflection import Story
from tests.notify_servers import mail_server, settings_for, web_server

THURSDAY, FRIDAY = date(2024, 5, 2), date(2024, 5, 3)  # Monday the 6th was a holiday


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=KST)


def close(ledger: Ledger, day: date, cash: int, holdings: int, positions: int, level: float) -> None:
    ledger.clock.advance_to(at(day, 15, 40))  # type: ignore[attr-defined]
    values = {"cash": cash, "holdings": holdings, "equity": cash + holdings, "positions": positions}
    record_equity(ledger, EquityPoint(session=day, time=at(day, 15, 30), benchmark=level, **values))
    record_alert(ledger, Urgency.INFO, "day_report", f"End of {day}", {"session": day.isoformat()})


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Two sessions. Thursday: 10,000,000 won paid in, 100 shares bought at 70,000, closing at 71,000.
    Friday: 1,000,000 won more, 50 shares sold at 72,000, closing at 69,000."""
    clock = SimulatedClock(at(THURSDAY, 8))
    path = tmp_path / "paper"
    with open_ledger(path / "ledger.db", clock) as ledger:
        story = Story(ledger, clock).deposit(10_000_000)
        story.trade(at(THURSDAY, 9), Side.BUY, "005930", 100, 70_000, ["surge"], fee=983)
        close(ledger, THURSDAY, 2_999_017, 7_100_000, 1, 2_700.0)
        clock.advance_to(at(FRIDAY, 8, 30))
        ledger.append(CashMoved(time=clock.now(), reason=CashReason.DEPOSIT, amount=1_000_000))
        record_decision(
            ledger,
            Decision(
                decision_id="d2",
                time=at(THURSDAY, 15, 30),
                planner="some-model",
                plan={
                    "actions": [{"ticker": "005930", "side": "sell", "justification": "The wave is over <b>"}],
                    "risk_assessment": "A gap at the open",
                    "expected_outcome": "",
                },
                justification="Half of it goes",
                risk_checks=[{"ticker": "000660", "verdict": "dropped", "text": "over the limit of the sector"}],
            ),
        )
        story.trade(at(FRIDAY, 9), Side.SELL, "005930", 50, 72_000, ["rest"], fee=505, tax=6_480)
        clock.advance_to(at(FRIDAY, 11))
        record_alert(ledger, Urgency.WARNING, "cash_differs", "Cash differs", {})
        close(ledger, FRIDAY, 7_592_032, 3_450_000, 1, 2_673.0)
    yield path


def read(folder: Path) -> Ledger:
    return open_ledger(folder / "ledger.db", SimulatedClock(at(FRIDAY, 20)), read_only=True)


def test_the_day_is_told_with_money_paid_in_left_out(folder: Path) -> None:
    with read(folder) as ledger:
        text = as_text(day_page(day_facts(ledger, folder / "data"), "en"))
        days = account_days(ledger)
    assert (days.earned, days.paid_in) == (-56_985, (10_000_000, 1_000_000))
    assert days.growth == pytest.approx((1.0099017, 1.0099017 * 11_042_032 / 11_099_017))
    for part in (
        "Equity ₩11,042,032 · today -₩56,985 (-0.51%)",
        "Cash ₩7,592,032 · shares ₩3,450,000 · 1 holdings",
        "Since the start +0.47% · below the peak -0.51% · session 2",
        "Index 2,673.00 (-1.00%)",
        "Paid in or out today +₩1,000,000",
        "1 trades · realised +₩100,000 · costs ₩6,985",
        "Sell 50 005930 @ 72,000 · +₩100,000",
        "Why: rest · The wave is over <b>",
        "005930 50 shares · average 70,000 · close – · profit –",  # there is no history here: unknown, not zero
        "Why (some-model)\n- Half of it goes\n- Risk: A gap at the open",
        "000660 over the limit of the sector",
        "11:00 [warning] Cash differs",
        "Next session · 2024-05-07 (Tue)",
        "1 weekdays without trading before it",
    ):
        assert part in text
    assert "Expected" not in text
    assert "End of" not in text  # the alert that announces the report is not one of its alerts


def test_a_past_day_is_told_as_it_was(folder: Path) -> None:
    with read(folder) as ledger:
        page = day_page(day_facts(ledger, folder / "data", THURSDAY), "ko")
    text = as_text(page)
    assert page.title == "일일 거래 보고서 · 2024-05-02 (목)"
    assert "평가액 10,099,017원 · 오늘 +99,017원 (+0.99%)" in text
    assert "매수 005930 100주 @ 70,000원" in text
    assert "005930 100주" in text  # not the 50 that are left on Friday


def test_a_day_whose_books_are_open_has_no_report(folder: Path) -> None:
    with read(folder) as ledger, pytest.raises(DataError, match="It has 2024-05-02 … 2024-05-03"):
        day_facts(ledger, folder / "data", date(2024, 5, 7))


def test_what_others_wrote_is_no_markup_in_the_mail() -> None:
    evil = "<script>alert(1)</script>"
    page = Page(title=evil, headline=evil, sections=(Section(title=evil, lines=(Line(text=evil, below=evil),)),))
    html = as_html(page, "ko", "equity.png")
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 6  # the title stands twice
    assert 'src="cid:equity.png"' in html


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_the_picture_is_a_png_of_its_size_and_has_every_letter(folder: Path, lang: str) -> None:
    """A letter that the font lacks is a warning of matplotlib, and a warning fails a test."""
    with read(folder) as ledger:
        for days in (account_days(ledger), account_days(ledger, THURSDAY)):
            png = equity_picture(days, lang)  # type: ignore[arg-type]
            assert png[:8] == b"\x89PNG\r\n\x1a\n"
            assert struct.unpack(">II", png[16:24]) == (1000, 500)


def record_week(ledger: Ledger) -> int:
    trade = {
        "ticker": "005930",
        "pnl": 93_000,
        "entered_at": "2024-05-02T09:00:00+09:00",
        "exited_at": "2024-05-03T09:00:00+09:00",
        "entry_rules": ["surge"],
        "why": "volume",
    }
    record = ReflectionRecord(
        time=at(date(2024, 5, 5), 18),
        first=at(date(2024, 4, 28), 18),
        last=at(date(2024, 5, 5), 18),
        writer="some-model",
        status="updated",
        prompt_hash="a",
        new_prompt_hash="b",
        figures={
            "trades": 1,
            "wins": 1,
            "win_rate": 1.0,
            "win_interval": [0.2, 1.0],
            "pnl": 93_000,
            "costs": 7_968,
            "held_days": 1.0,
            "bought": 1,
            "best": [{"trade": trade}],
            "worst": [],
        },
        analysis={"patterns": [{"pattern": "late entries", "priority": 7, "frequency": 3, "lost": 50_000}]},
        proposals=(
            RuleProposal(
                kind="add",
                rule_id="early",
                rule={"text": "buy early", "condition": "x > 1"},
                decision="promote",
                reason="",
            ),
            RuleProposal(kind="remove", rule_id="surge", rule={"reason": "too late"}, decision="reject", reason="luck"),
        ),
    )
    return record_reflection(ledger, record)


def test_the_week_is_told_with_its_rules(folder: Path) -> None:
    clock = SimulatedClock(at(date(2024, 5, 5), 18, 30))
    with open_ledger(folder / "ledger.db", clock) as ledger:
        record_week(ledger)
        page = week_page(week_facts(ledger), "en")
    text = as_text(page)
    assert page.title == "Weekly reflection · 2024-04-28 … 2024-05-05"
    for part in (
        "This week +0.47% · 1 closed trades · win rate 100% · profit +₩93,000",
        "95% 20% – 100%",
        "005930 +₩93,000 · 1 days · surge",
        "[7/10] late entries · 3 trades · lost -₩50,000",
        "[promoted] add early: buy early\n  x > 1",
        "[rejected] remove surge: too late\n  luck",
        "The decision prompt was updated",
    ):
        assert part in text


def test_reports_arrive_by_mail_with_the_picture_and_on_the_phone(folder: Path) -> None:
    clock = SimulatedClock(at(date(2024, 5, 5), 18, 30))
    with open_ledger(folder / "ledger.db", clock) as ledger:
        announce_week(ledger, record_week(ledger), "The week is over")
    with web_server() as web, mail_server() as mailbox:
        settings = settings_for(web, mailbox, mail={"minimum": "critical"}, team={"reports": False}, oldest_hours=100)
        courier = Courier(folder, settings, clock, lang="ko")
        while courier.turn():
            pass
        mails = mailbox.mails
        posts = [path.rsplit("/", 1)[1] for path, _ in web.got if path.startswith("/bot")]
        assert [message["title"] for message in web.slack] == ["🟠 [paper] 경고 · cash_differs"]
    assert [mail["Subject"] for mail in mails] == [
        "[paper] 일일 거래 보고서 · 2024-05-02 (목)",
        "[paper] 일일 거래 보고서 · 2024-05-03 (금)",
        "[paper] 주간 성찰 보고서 · 2024-04-28 … 2024-05-05",
    ]
    for mail in mails:
        (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
        assert picture["Content-ID"] == "<equity.png>"
        assert picture.get_content()[:4] == b"\x89PNG"
        (html,) = [part for part in mail.walk() if part.get_content_type() == "text/html"]
        assert "cid:equity.png" in html.get_content()
    assert posts == ["sendMessage", "sendPhoto", "sendMessage", "sendMessage", "sendPhoto", "sendMessage", "sendPhoto"]


def test_a_report_that_cannot_be_made_leaves_the_alert_with_the_reason(folder: Path) -> None:
    clock = SimulatedClock(at(FRIDAY, 20))
    with open_ledger(folder / "ledger.db", clock) as ledger:
        record_alert(ledger, Urgency.INFO, "day_report", "End of May 7", {"session": "2024-05-07"})
    with web_server() as web:
        courier = Courier(folder, settings_for(web, without=("phone",)), clock, lang="en")
        while courier.turn():
            pass
        assert "End of May 7\nThe report could not be made: The account has no closed books" in web.slack[-1]["text"]


def test_whoever_delivers_a_report_has_not_drawn_it(folder: Path) -> None:
    """A trader that delivers its own messages stays as small and as quick as it was."""
    deliver = f"""
import sys
from datetime import datetime
from pathlib import Path
from engine.clock import KST, SimulatedClock
from engine.notify.courier import Courier
from engine.notify.settings import NotifySettings
settings = NotifySettings.model_validate({{"channels": {{"here": {{"kind": "console"}}}}}})
courier = Courier(Path({str(folder)!r}), settings, SimulatedClock(datetime(2024, 5, 3, 20, tzinfo=KST)))
while courier.turn():
    pass
print([name for name in ("matplotlib", "polars") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", deliver], capture_output=True, text=True, check=True, timeout=120)
    assert "일일 거래 보고서 · 2024-05-03 (금)" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_the_commands_show_reports_and_the_outbox(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = CliRunner(env={"COLUMNS": "200"})
    picture, page = folder / "equity.png", folder / "day.html"
    arguments = ["day", str(folder), "--lang", "en", "--picture", str(picture), "--html", str(page)]
    result = runner.invoke(report_cli.app, arguments)
    assert result.exit_code == 0, result.output
    assert "Equity ₩11,042,032" in result.output
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert "11,042,032" in page.read_text(encoding="utf-8")
    with web_server() as web:
        (folder / "geoul.yaml").write_text("notify: {channels: {team: {kind: slack}}}\n", encoding="utf-8")
        monkeypatch.chdir(folder)
        monkeypatch.setenv("GEOUL_SLACK_WEBHOOK", web.webhook)
        result = runner.invoke(notify_cli.app, ["test", "--lang", "en"])
        assert (result.exit_code, "✓ team (slack)  sent" in result.output) == (0, True), result.output
        web.script.append((404, {}, "no_service"))
        result = runner.invoke(notify_cli.app, ["test", "--channel", "team"])
        assert (result.exit_code, "no_service" in result.output) == (1, True), result.output
        assert web.webhook not in result.output
        Courier(folder, settings_for(web, without=("phone",)), SimulatedClock(at(FRIDAY, 20))).turn()
    result = runner.invoke(notify_cli.app, ["outbox", str(folder), "--lang", "en"])
    assert result.exit_code == 0, result.output
    assert [word in result.output for word in ("cash_differs", "delivered", "waiting")] == [True] * 3
