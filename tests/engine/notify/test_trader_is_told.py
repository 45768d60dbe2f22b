"""A real trader on a served market, and a courier on its folder: the evening brings the day's report, with prices."""

from __future__ import annotations

from pathlib import Path

from engine.clock import SimulatedClock
from engine.data.panel import CLOSE
from engine.ledger.equity import equity_points
from engine.notify.courier import Courier
from engine.reports.format import won
from tests.kis_client import make_server
from tests.notify_servers import mail_server, settings_for, web_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, market, trader_on, write_prompt


def test_each_evening_brings_the_report_of_the_day(tmp_path: Path) -> None:
    sessions = 2
    panel, prompt = market(1, sessions), write_prompt(tmp_path)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE)) as server,
        trader_on(server, tmp_path / "account", prompt, NAMES, SETTINGS) as running,
        web_server() as web,
        mail_server() as mailbox,
    ):
        clock = SimulatedClock(running.trading.ledger.clock.now())
        courier = Courier(tmp_path / "account", settings_for(web, mailbox), clock, lang="ko")
        for _ in range(sessions):
            advance(server, running, "evening")
            clock.advance_to(running.trading.ledger.clock.now())
            while courier.turn():
                pass
        points = equity_points(running.trading.ledger)
        holdings = running.trading.ledger.positions
    reports = [message for message in web.slack if "일일 거래 보고서" in message["title"]]
    assert len(reports) == len(points) == sessions
    for report, point in zip(reports, points, strict=True):
        assert str(point.session) in report["title"]
        assert f"평가액 {won(point.equity)}" in report["text"]
    assert holdings
    closes = {name: int(panel.bars[CLOSE, -1, panel.tickers.index(name)]) for name in holdings}
    for name, position in holdings.items():
        profit = closes[name] * position.quantity - position.cost
        assert f"종가 {closes[name]:,} · 손익 {won(profit, signed=True)}" in reports[-1]["text"]
    assert len([mail for mail in mailbox.mails if "일일 거래 보고서" in mail["Subject"]]) == sessions
