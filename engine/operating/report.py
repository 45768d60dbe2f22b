"""One cycle in words: what an owner reads in the evening."""

from __future__ import annotations

from collections.abc import Iterator

from engine.operating.state import Action, Analysis, Check, Cycle, Diagnosis, Sentiment, SentOrder, Verdict, label
from engine.order import Side
from engine.reports.format import count, number, percent, price, won
from engine.reports.language import Lang, Text
from engine.reports.texts import refusal

MOVERS_NAMED = 3

TITLE = Text("일일 거래 보고서 · {time}", "Daily trading report · {time}")
ACCOUNT = Text(
    "계좌: 총자산 {total}, 현금 {cash}(주문 가능 {orderable}), 보유 {held}종목",
    "Account: total {total}, cash {cash} (orderable {orderable}), {held} holdings",
)
HOLDING = Text(
    "- {name} {quantity}주, 평균 {average}, 현재가 {price}, 손익 {profit}({ratio})",
    "- {name} {quantity} shares, average {average}, price {price}, profit {profit} ({ratio})",
)
MARKET = Text(
    "시장: {index} {level}({change}), 20일 평균 {mean}, 변동성 {volatility}, 상승 종목 비율 {breadth} → {mood}",
    "Market: {index} {level} ({change}), 20-day mean {mean}, volatility {volatility}, advancers {breadth} → {mood}",
)
MOODS = {
    Sentiment.BULLISH: Text("강세", "bullish"),
    Sentiment.NEUTRAL: Text("중립", "neutral"),
    Sentiment.BEARISH: Text("약세", "bearish"),
    Sentiment.UNKNOWN: Text("알 수 없음", "unknown"),
}
OPPORTUNITIES = Text("기회: {movers}", "Opportunities: {movers}")
RISKS = Text("위험: {movers}", "Risks: {movers}")
ORDERS = Text("주문 {count}건", "Orders: {count}")
ORDER = Text("- {side} {name} {quantity}주, {how}", "- {side} {quantity} of {name}, {how}")
SIDES = {Side.BUY: Text("매수", "buy"), Side.SELL: Text("매도", "sell")}
MARKET_ORDER = Text("시장가", "at market")
LIMITED = {
    "limit": Text("지정가 {price}", "limit {price}"),
    "stop": Text("조건가 {price}", "stop {price}"),
}
FROM_OPEN = Text("시가 {price}", "open {price}")
STATUSES = {
    "accepted": Text("접수", "accepted"),
    "refused": Text("거부", "refused"),
    "unknown": Text("결과 모름", "outcome unknown"),
    "unavailable": Text("보내지 못함", "not sent"),
}
CHANGED = Text("조정·제외 {count}건", "Resized or dropped: {count}")
TURNED_AWAY = Text(
    "신호가 있으나 살 수 없음 {count}종목: {reason}", "Signalled but not bought: {count} names, {reason}"
)
REASONS = Text("근거:", "Why:")
FAILED = Text("계획 없음: {failure}. 새 주문은 내지 않았다", "No plan: {failure}. No new orders were sent")


def write_report(cycle: Cycle, lang: Lang) -> str:
    """The report of a finished cycle, as plain text of several lines."""
    return "\n".join(_lines(cycle, lang))


def _lines(cycle: Cycle, lang: Lang) -> Iterator[str]:
    yield TITLE(lang).format(time=f"{cycle.time:%Y-%m-%d %H:%M}")
    if cycle.diagnosis is not None:
        yield from account_lines(cycle.diagnosis, lang)
    if cycle.analysis is not None:
        yield from _market(cycle.analysis, lang)
    if cycle.failure:
        yield FAILED(lang).format(failure=cycle.failure)
    yield ORDERS(lang).format(count=count(len(cycle.orders)))
    asked = {(check.action.ticker, check.action.side): check.action for check in cycle.checks}
    for order in cycle.orders:
        yield _order(order, asked[order.ticker, order.side], lang)
    changed = [check for check in cycle.checks if check.verdict is not Verdict.PASSED]
    if changed:
        yield CHANGED(lang).format(count=count(len(changed)))
        yield from (_changed(check) for check in changed)
    turned_away = cycle.plan.turned_away if cycle.plan is not None else {}
    for code, names in turned_away.items():
        yield TURNED_AWAY(lang).format(count=count(names), reason=refusal(code, lang))
    reasons = [check.action.justification for check in cycle.checks if check.quantity and check.action.justification]
    if reasons:
        yield REASONS(lang)
        yield from (f"- {reason}" for reason in reasons)


def account_lines(diagnosis: Diagnosis, lang: Lang) -> Iterator[str]:
    """The account and its holdings, one line each."""
    yield ACCOUNT(lang).format(
        total=won(diagnosis.total, lang),
        cash=won(diagnosis.cash, lang),
        orderable=won(diagnosis.orderable, lang),
        held=count(len(diagnosis.holdings)),
    )
    for holding in diagnosis.holdings:
        yield HOLDING(lang).format(
            name=label(holding.name, holding.ticker),
            quantity=count(holding.quantity),
            average=price(holding.average_price),
            price=price(holding.price),
            profit=won(holding.profit, lang, signed=True),
            ratio=percent(holding.profit_ratio, 1, signed=True),
        )


def _market(analysis: Analysis, lang: Lang) -> Iterator[str]:
    market = analysis.market
    yield MARKET(lang).format(
        index=market.index,
        level=number(market.level),
        change=percent(market.change_rate, signed=True),
        mean=number(market.mean_20),
        volatility=percent(market.volatility_20, 1),
        breadth=percent(market.advancer_share, 0),
        mood=MOODS[analysis.sentiment](lang),
    )
    for title, movers in ((OPPORTUNITIES, analysis.opportunities), (RISKS, analysis.risks)):
        if movers:
            named = ", ".join(f"{mover.name} {mover.reason}" for mover in movers[:MOVERS_NAMED])
            yield title(lang).format(movers=named)


def _order(order: SentOrder, action: Action, lang: Lang) -> str:
    line = ORDER(lang).format(
        side=SIDES[order.side](lang),
        name=label(action.name, order.ticker),
        quantity=count(order.quantity),
        how=how(action, lang),
    )
    answer = STATUSES[order.status](lang) + (f": {order.message}" if order.message else "")
    return f"{line} — {answer}"


def how(action: Action, lang: Lang) -> str:
    """At market, or at which price."""
    if action.price is None:
        return MARKET_ORDER(lang)
    level = FROM_OPEN(lang).format(price=f"{action.price:+,g}") if action.from_open else price(action.price)
    return LIMITED[action.kind.value](lang).format(price=level)


def _changed(check: Check) -> str:
    return f"- {label(check.action.name, check.action.ticker)} {check.text}"
