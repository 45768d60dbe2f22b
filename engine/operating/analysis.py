"""Node 2, market analysis: the holdings on the market, opportunities, risks, and the mood.

Breadth counts names that traded. The mood is bullish when at least 60 % of them rose against their base price and the
index stands above its 20-day mean; bearish when at most 40 % rose and it stands below; neutral otherwise; unknown when
either is unknown. Nothing is estimated: what the data cannot tell is None and shown as "–".
"""

from __future__ import annotations

from engine.broker import IndexQuote, Quote
from engine.operating.desk import Desk
from engine.operating.state import Analysis, Cycle, Holding, HoldingView, MarketView, Mover, Sentiment, whole
from engine.reports.format import count, percent
from engine.reports.language import Lang, Text

BULLISH_SHARE, BEARISH_SHARE = 0.6, 0.4
SHOWN = 10

FORMULAS: dict[str, Text] = {
    "opportunities": Text(
        "거래량 증가율 = (거래량 − 전 거래일 거래량) ÷ 전 거래일 거래량, 늘어난 종목 가운데 높은 순 10개",
        "growth of volume = (volume − volume of the session before) ÷ volume of the session before, "
        "the 10 highest of those that grew",
    ),
    "risks": Text(
        "등락률 = (종가 − 기준가) ÷ 기준가, 내린 종목 가운데 낮은 순 10개",
        "change = (close − base price) ÷ base price, the 10 lowest of those that fell",
    ),
    "breadth": Text(
        "상승 종목 비율 = 기준가보다 오른 종목 ÷ 거래가 있었던 종목",
        "share of advancers = names above their base price ÷ names that traded",
    ),
    "volatility": Text(
        "변동성 = 지수의 최근 20개 일간 등락률의 표준편차 × √252",
        "volatility = standard deviation of the index's last 20 daily changes × √252",
    ),
    "sentiment": Text(
        "강세: 상승 종목 비율 60% 이상이고 지수가 20일 평균 위, 약세: 40% 이하이고 아래, "
        "그 밖에는 중립, 어느 하나라도 모르면 알 수 없음",
        "bullish: share of advancers at least 60 % and the index above its 20-day mean; bearish: at most 40 % and "
        "below; else neutral; unknown if either is unknown",
    ),
}
# Bars shorter than a day are compared with the bar before.
OPPORTUNITIES_OF_BARS = Text(
    "거래량 증가율 = (거래량 − 직전 봉 거래량) ÷ 직전 봉 거래량, 늘어난 종목 가운데 높은 순 10개",
    "growth of volume = (volume − volume of the bar before) ÷ volume of the bar before, "
    "the 10 highest of those that grew",
)
GROWTH = Text("거래량 {change} ({volume}주)", "volume {change} ({volume} shares)")
DECLINE = Text("등락률 {change}", "change {change}")


def analyse(cycle: Cycle, desk: Desk) -> None:
    """Fill in `cycle.analysis`; the diagnosis has fetched the quotes of the holdings."""
    holdings = cycle.diagnosis.holdings if cycle.diagnosis is not None else ()
    market = view_market(desk.broker.index(desk.index))
    grown = [quote for quote in desk.broker.rankings("volume_growth", SHOWN) if (quote.volume_growth or 0) > 0]
    fallen = [quote for quote in desk.broker.rankings("decline", SHOWN) if (quote.change_rate or 0) < 0]
    cycle.analysis = Analysis(
        time=cycle.time,
        holdings=tuple(_holding(holding, cycle.quotes.get(holding.ticker)) for holding in holdings),
        opportunities=tuple(_mover(rank, quote, GROWTH, desk) for rank, quote in enumerate(grown, 1)),
        risks=tuple(_mover(rank, quote, DECLINE, desk) for rank, quote in enumerate(fallen, 1)),
        market=market,
        sentiment=sentiment_of(market),
        formulas=formulas(desk.lang, desk.simulation.exchange.panel.interval),
    )


def formulas(lang: Lang, interval: str = "1d") -> dict[str, str]:
    """How each figure is computed from bars of this interval, in words."""
    texts = FORMULAS if interval == "1d" else FORMULAS | {"opportunities": OPPORTUNITIES_OF_BARS}
    return {name: text(lang) for name, text in texts.items()}


def view_market(quote: IndexQuote) -> MarketView:
    """The index and its breadth, with the share of advancers among names that traded."""
    traded = None
    if quote.advancers is not None and quote.decliners is not None and quote.unchanged is not None:
        traded = quote.advancers + quote.decliners + quote.unchanged
    return MarketView(
        index=quote.code,
        level=quote.level,
        change_rate=quote.change_rate,
        mean_20=quote.mean_20,
        volatility_20=quote.volatility_20,
        advancers=quote.advancers,
        decliners=quote.decliners,
        unchanged=quote.unchanged,
        advancer_share=quote.advancers / traded if traded and quote.advancers is not None else None,
    )


def sentiment_of(market: MarketView) -> Sentiment:
    """The mood by the rule at the top of this file."""
    if market.advancer_share is None or market.level is None or market.mean_20 is None:
        return Sentiment.UNKNOWN
    if market.advancer_share >= BULLISH_SHARE and market.level > market.mean_20:
        return Sentiment.BULLISH
    if market.advancer_share <= BEARISH_SHARE and market.level < market.mean_20:
        return Sentiment.BEARISH
    return Sentiment.NEUTRAL


def _holding(holding: Holding, quote: Quote | None) -> HoldingView:
    return HoldingView(
        ticker=holding.ticker,
        name=holding.name,
        price=holding.price,
        change_rate=None if quote is None else quote.change_rate,
        volume=None if quote is None else quote.volume,
        market_cap=None if quote is None else quote.market_cap,
        trading_strength=None if quote is None else quote.trading_strength,
    )


def _mover(rank: int, quote: Quote, reason: Text, desk: Desk) -> Mover:
    change = quote.volume_growth if reason is GROWTH else quote.change_rate
    return Mover(
        rank=rank,
        ticker=quote.ticker,
        name=desk.name(quote.ticker),
        price=whole(quote.price),
        change_rate=quote.change_rate,
        volume=quote.volume,
        volume_growth=quote.volume_growth,
        reason=reason(desk.lang).format(change=percent(change, 1, signed=True), volume=count(quote.volume)),
    )
