"""News of the KIS stream for the watch over the market."""

from __future__ import annotations

from brokers.kis.quotes import INDEX_CODES
from brokers.kis.realtime import IndexTick, MarketState, Trade
from brokers.kis.stream_intake import MarketNews
from brokers.kis.stream_reports import DivisionChange, Gap, GapReason, SubscriptionRefused
from engine.krx.sessions import is_session, session_hours
from engine.reports.language import Lang
from engine.trading.monitoring import MarketWatch, Seen

_INDEX_NAMES = {code: name for name, code in INDEX_CODES.items()}
_AFTER_NINE = "C"  # HOUR_CLS_CODE: an expected price after nine o'clock, as of a volatility interruption


def watch_news(watch: MarketWatch, news: MarketNews, lang: Lang) -> None:
    """Tell the watch what it wants to know; turns of registration are no gaps."""
    if isinstance(news, Trade):
        watch.on_trade(
            Seen(
                ticker=news.ticker,
                time=news.time,
                price=news.price,
                previous_close=news.previous_close,
                cumulative_volume=news.cumulative_volume,
                is_expected=news.is_expected,
                is_halted=news.halted,
                is_interrupted=news.hour_code == _AFTER_NINE and _is_continuous(news),
            )
        )
    elif isinstance(news, MarketState):
        watch.on_state(news.ticker, is_halted=news.halted, is_interrupted=news.interrupted)
    elif isinstance(news, IndexTick):
        watch.on_index(_INDEX_NAMES.get(news.code, news.code), news.time, news.level, news.change)
    elif isinstance(news, DivisionChange):
        if not news.division.is_complete:
            watch.on_crowding(news.text(lang))
    elif isinstance(news, SubscriptionRefused):
        watch.on_refusal(f"{news.subscription.tr_id} {news.subscription.label}", news.text(lang))
    elif isinstance(news, Gap) and news.reason is not GapReason.TURN:
        watch.on_gap(news.reason.value, news.since, news.until, news.text(lang))


def _is_continuous(news: Trade) -> bool:
    """Whether the market as a whole trades continuously: then an auction is this name's own."""
    if not is_session(news.time.date()):
        return False
    hours = session_hours(news.time.date())
    ends = hours.closing_call[0] if hours.closing_call is not None else hours.periods[-1][1]
    return hours.periods[0][0] < news.time < ends
