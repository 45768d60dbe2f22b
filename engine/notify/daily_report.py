"""The daily report: what an owner reads after the close. Made from the ledger, which is only read.

Account and change, the trades of the day with their reasons, holdings at the closing price, what the decision thought
and what the risk check changed, alerts, and what comes next.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from engine.krx.sessions import next_session, session_hours
from engine.ledger.alerts import Urgency
from engine.ledger.decisions import Decision
from engine.notify.account_days import AccountDays
from engine.notify.closing_prices import Closing
from engine.notify.day_facts import DayFacts, TradeOfDay
from engine.notify.equity_picture import sparkline
from engine.notify.pages import Line, Page, Section, cut, tone_of
from engine.order import UNRESOLVED
from engine.position import Position
from engine.reports.format import count, percent, price, won
from engine.reports.language import Lang, Text

_MOST_TRADES, _MOST_HOLDINGS, _MOST_ALERTS, _MOST_CHECKS = 40, 40, 12, 12
_MOST_WORDS = 600
_SATURDAY = 5

TITLE = Text("일일 거래 보고서 · {session} ({weekday})", "Daily trading report · {session} ({weekday})")
WEEKDAYS = {"ko": "월화수목금토일", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
HEADLINE = Text("평가액 {equity} · 오늘 {earned} ({ratio})", "Equity {equity} · today {earned} ({ratio})")
ACCOUNT = Text("계좌", "Account")
CASH = Text(
    "현금 {cash} · 주식 {holdings} · 보유 {positions}종목", "Cash {cash} · shares {holdings} · {positions} holdings"
)
SINCE = Text(
    "시작부터 {growth} · 고점 대비 {drawdown} · {sessions}거래일째",
    "Since the start {growth} · below the peak {drawdown} · session {sessions}",
)
INDEX = Text("지수 {level} ({change})", "Index {level} ({change})")
PAID_IN = Text("오늘 입출금 {amount} (손익에서 뺌)", "Paid in or out today {amount} (not part of the profit)")
TRADES = Text(
    "거래 {count}건 · 실현 손익 {realised} · 수수료·세금 {costs}",
    "{count} trades · realised {realised} · costs {costs}",
)
TRADE = Text("{side} {name} {quantity}주 @ {price}원", "{side} {quantity} {name} @ {price}")
PARTLY = Text("{filled}/{asked}주만 체결", "{filled} of {asked} shares filled")
SIDES = {"BUY": Text("매수", "Buy"), "SELL": Text("매도", "Sell")}
WHY = Text("사유: {why}", "Why: {why}")
HOLDINGS = Text("보유 {count}종목", "{count} holdings")
HOLDING = Text(
    "{name} {quantity}주 · 평균 {average} · 종가 {price} · 손익 {profit} ({ratio}) · 오늘 {change}",
    "{name} {quantity} shares · average {average} · close {price} · profit {profit} ({ratio}) · today {change}",
)
DECISION = Text("판단 근거 ({planner})", "Why ({planner})")
RISK = Text("리스크 평가: {text}", "Risk: {text}")
EXPECTED = Text("기대: {text}", "Expected: {text}")
NO_PLAN = Text("계획 없음: {failure}. 새 주문은 내지 않았습니다.", "No plan: {failure}. No new orders were sent.")
CHECKS = Text("리스크 점검에서 조정·제외 {count}건", "Resized or dropped by the risk check: {count}")
ALERTS = Text("알림 {count}건", "{count} alerts")
URGENCIES = {
    Urgency.INFO: Text("알림", "notice"),
    Urgency.WARNING: Text("경고", "warning"),
    Urgency.CRITICAL: Text("긴급", "critical"),
}
TOMORROW = Text("다음 거래일 · {session} ({weekday})", "Next session · {session} ({weekday})")
OPENS = Text("{opens:%H:%M} 개장, {closes:%H:%M} 마감", "Opens {opens:%H:%M}, closes {closes:%H:%M}")
BREAK = Text("그 전에 평일 {days}일 휴장", "{days} weekdays without trading before it")
UNRESOLVED_TEXT = Text(
    "결과를 모르는 주문 {count}건: {tickers} — 확인될 때까지 거래하지 않습니다",
    "{count} orders of unknown outcome: {tickers}. These names do not trade until that is known",
)
NOTHING = Text("없음", "none")
MORE = Text("그 밖에 {count}건", "{count} more")


def day_page(facts: DayFacts, lang: Lang) -> Page:
    """The report of a day."""
    point, days = facts.days.points[-1], facts.days
    return Page(
        title=TITLE(lang).format(session=facts.session, weekday=_weekday(facts.session, lang)),
        headline=HEADLINE(lang).format(
            equity=won(point.equity, lang),
            earned=won(days.earned, lang, signed=True),
            ratio=percent(days.day_return, signed=True),
        ),
        tone=tone_of(days.earned),
        sparkline=sparkline(days.growth),
        sections=tuple(_sections(facts, lang)),
    )


def _sections(facts: DayFacts, lang: Lang) -> Iterator[Section]:
    yield Section(title=ACCOUNT(lang), lines=tuple(_account(facts.days, lang)))
    trades = facts.trades
    yield Section(
        title=TRADES(lang).format(
            count=count(len(trades)),
            realised=won(sum(each.realised for each in trades), lang, signed=True),
            costs=won(sum(each.costs for each in trades), lang),
        ),
        lines=_most([_trade(each, lang) for each in trades], _MOST_TRADES, lang),
    )
    held = sorted(facts.days.positions.values(), key=lambda position: position.ticker)
    yield Section(
        title=HOLDINGS(lang).format(count=count(len(held))),
        lines=_most([_holding(each, facts.closings[each.ticker], lang) for each in held], _MOST_HOLDINGS, lang),
    )
    for decision in facts.decisions:
        yield from _decision(decision, lang)
    if facts.alerts:
        # The most urgent are named first, so that what is cut off matters least.
        order = list(Urgency)
        alerts = sorted(facts.alerts, key=lambda alert: (-order.index(alert.urgency), alert.time))
        lines = [
            Line(
                text=f"{alert.time:%H:%M} [{URGENCIES[alert.urgency](lang)}] {cut(alert.text, 200)}",
                tone="down" if alert.urgency is Urgency.CRITICAL else "",
            )
            for alert in alerts
        ]
        yield Section(title=ALERTS(lang).format(count=count(len(lines))), lines=_most(lines, _MOST_ALERTS, lang))
    yield _tomorrow(facts, lang)


def _account(days: AccountDays, lang: Lang) -> Iterator[Line]:
    point = days.points[-1]
    yield Line(
        text=CASH(lang).format(
            cash=won(point.cash, lang), holdings=won(point.holdings, lang), positions=count(point.positions)
        )
    )
    yield Line(
        text=SINCE(lang).format(
            growth=percent(days.growth[-1] - 1, signed=True),
            drawdown=percent(days.drawdown),
            sessions=count(len(days.points)),
        )
    )
    if point.benchmark:
        before = days.points[-2].benchmark if len(days.points) > 1 else None
        change = point.benchmark / before - 1 if before else None
        yield Line(text=INDEX(lang).format(level=f"{point.benchmark:,.2f}", change=percent(change, signed=True)))
    if days.paid_in[-1]:
        yield Line(text=PAID_IN(lang).format(amount=won(days.paid_in[-1], lang, signed=True)))


def _trade(each: TradeOfDay, lang: Lang) -> Line:
    trade = each.trade
    text = TRADE(lang).format(
        side=SIDES[trade.action](lang),
        name=_named(each.name, trade.ticker),
        quantity=count(trade.quantity),
        price=price(trade.price),
    )
    if trade.quantity < each.asked:
        text += f" · {PARTLY(lang).format(filled=count(trade.quantity), asked=count(each.asked))}"
    sells = trade.action == "SELL"
    if sells:
        text += f" · {won(each.realised, lang, signed=True)}"
    # A watched level has no sentence of its own: its reason is the name of its rule.
    why = " · ".join(dict.fromkeys(filter(None, (each.rule_ids, cut(each.why, 200)))))
    return Line(text=text, below=WHY(lang).format(why=why) if why else "", tone=tone_of(each.realised) if sells else "")


def _holding(position: Position, closing: Closing, lang: Lang) -> Line:
    profit = None if closing.price is None else closing.price * position.quantity - position.cost
    return Line(
        text=HOLDING(lang).format(
            name=_named(closing.name, position.ticker),
            quantity=count(position.quantity),
            average=price(position.cost / position.quantity),
            price=price(closing.price),
            profit=won(profit, lang, signed=True),
            ratio=percent(None if profit is None else profit / position.cost if position.cost else None, signed=True),
            change=percent(closing.change, signed=True),
        ),
        tone=tone_of(profit),
    )


def _decision(decision: Decision, lang: Lang) -> Iterator[Section]:
    plan = decision.plan if isinstance(decision.plan, dict) else {}
    lines = [Line(text=cut(part, _MOST_WORDS)) for part in decision.justification.splitlines() if part.strip()]
    if decision.failure:
        lines.append(Line(text=NO_PLAN(lang).format(failure=cut(decision.failure, _MOST_WORDS))))
    for name, text in (("risk_assessment", RISK), ("expected_outcome", EXPECTED)):
        if plan.get(name):
            lines.append(Line(text=text(lang).format(text=cut(str(plan[name]), _MOST_WORDS))))
    yield Section(
        title=DECISION(lang).format(planner=decision.planner),
        lines=_most(lines, _MOST_CHECKS, lang) or (Line(text=NOTHING(lang)),),
    )
    changed = [check for check in decision.risk_checks if check["verdict"] != "passed"]
    if changed:
        checks = [Line(text=f"{check['ticker']} {cut(str(check['text']), 160)}") for check in changed]
        yield Section(title=CHECKS(lang).format(count=count(len(checks))), lines=_most(checks, _MOST_CHECKS, lang))


def _tomorrow(facts: DayFacts, lang: Lang) -> Section:
    coming = next_session(facts.session)
    hours = session_hours(coming)
    lines = [Line(text=OPENS(lang).format(opens=hours.periods[0][0], closes=hours.periods[-1][1]))]
    closed = sum(
        date.fromordinal(day).weekday() < _SATURDAY for day in range(facts.session.toordinal() + 1, coming.toordinal())
    )
    if closed:
        lines.append(Line(text=BREAK(lang).format(days=count(closed))))
    unknown = [order.request.ticker for order in facts.days.active if order.status in UNRESOLVED]
    if unknown:
        text = UNRESOLVED_TEXT(lang).format(count=count(len(unknown)), tickers=", ".join(sorted(set(unknown))))
        lines.append(Line(text=text, tone="down"))
    return Section(title=TOMORROW(lang).format(session=coming, weekday=_weekday(coming, lang)), lines=tuple(lines))


def _most(lines: list[Line], most: int, lang: Lang) -> tuple[Line, ...]:
    if len(lines) <= most:
        return tuple(lines)
    return (*lines[:most], Line(text=MORE(lang).format(count=count(len(lines) - most))))


def _named(name: str, ticker: str) -> str:
    return ticker if name == ticker else f"{name}({ticker})"


def _weekday(day: date, lang: Lang) -> str:
    return WEEKDAYS[lang][day.weekday()]
