"""What the stream says of the market, passed to all who must hear it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from brokers.kis.gap_filling import GapFilled
from brokers.kis.realtime import Trade
from brokers.kis.stream_intake import MarketNews
from brokers.kis.stream_reports import Gap
from brokers.kis.world_clock import WorldClock
from brokers.kis_trading.watching import watch_news
from engine.clock import session_of
from engine.reports.language import Lang
from engine.trading.limits_gate import LimitsGate
from engine.trading.monitor import Monitor
from engine.trading.monitoring import MarketWatch
from engine.trading.trader import Trader

_MINUTE = timedelta(minutes=1)


class MarketRelay:
    """Passes news of the market on; until there is a trader, to the watch only.

    Args:
        watch: over the market, hears everything.
        monitor: hears prices.
        gate: hears prices.
        lang: of texts.
        world: the served world, whose clock is told that time has gone on; None where time is real.
    """

    def __init__(
        self, watch: MarketWatch, monitor: Monitor, gate: LimitsGate, lang: Lang, world: WorldClock | None
    ) -> None:
        self._world = world
        self._watch, self._monitor, self._gate, self._lang = watch, monitor, gate, lang
        self.trader: Trader | None = None

    def __call__(self, news: MarketNews) -> None:
        """Take one piece of news."""
        if self._world is not None and isinstance(news, Trade):
            self._world.heard(news.time)
        watch_news(self._watch, news, self._lang)
        if self.trader is None:
            return
        if isinstance(news, Trade) and not news.is_expected:
            base = news.previous_close if session_of(news.time) == self.trader.orders.session else None
            self.trader.orders.on_trade(news.ticker, news.price, news.open, base)
            self._monitor.on_trade(news.ticker, news.price)
            self._gate.on_trade(news.ticker, news.price)
        elif isinstance(news, GapFilled):
            for price in _prices(news):
                self.trader.orders.on_missed_price(news.ticker, price)
        elif isinstance(news, Gap) and self._hides_a_level(news, self.trader):
            self.trader.has_missed_trades = True

    @staticmethod
    def _hides_a_level(gap: Gap, trader: Trader) -> bool:
        """Whether a level may have been passed unseen; names that are only looked at have none."""
        watched = set(trader.orders.watch.tickers)
        return any(name.tr_key in watched for name in gap.subscriptions)


def _prices(filled: GapFilled) -> Iterator[int]:
    """What was traded inside a gap, oldest first; minutes that reach beyond it hold trades that were heard."""
    inside = [bar for bar in filled.minutes if filled.gap.since <= bar.begins <= filled.gap.until - _MINUTE]
    for bar in inside:
        yield from (bar.low, bar.high)
    yield from (trade.price for trade in filled.trades)
