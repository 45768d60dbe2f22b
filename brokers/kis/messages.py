"""Every message of the REST side, in one place to import from; the files behind it go by subject.

The adapter reads them with `Answer`, the KIS-compatible server writes them with `answer_body`.
"""

from __future__ import annotations

from brokers.kis.access_messages import ApprovalAnswer, HashAnswer, RevokeAnswer, TokenAnswer
from brokers.kis.account_messages import (
    ASSET_CLASSES,
    AssetRow,
    AssetTotals,
    BalanceRow,
    BalanceTotals,
    PeriodProfitRow,
    PeriodProfitTotals,
    RealizedBalanceTotals,
    TradeProfitRow,
    TradeProfitTotals,
    short_ticker,
)
from brokers.kis.answer import Answer, answer_body
from brokers.kis.chart_messages import (
    CandleRow,
    ChartHead,
    DailyPriceRow,
    IndexCandleRow,
    IndexChartHead,
    MinuteHead,
    MinuteRow,
)
from brokers.kis.market_messages import (
    FluctuationRow,
    HolidayRow,
    IndexPrice,
    InterruptionRow,
    MarketCapRow,
    ProductInfo,
    StockInfo,
    VolumeRankRow,
)
from brokers.kis.order_messages import (
    BuyingPower,
    DailyOrderRow,
    DailyOrderTotals,
    OpenOrderRow,
    OrderAnswer,
    SellableQuantity,
    number_key,
)
from brokers.kis.quote_messages import (
    ExpectedTrade,
    MultiQuoteRow,
    OrderBook,
    PriceDetail,
    PriceQuote,
    TimedTradeRow,
    TimedTradesHead,
    TradeRow,
)
from brokers.kis.wire import Record

__all__ = [
    "ASSET_CLASSES",
    "Answer",
    "ApprovalAnswer",
    "AssetRow",
    "AssetTotals",
    "BalanceRow",
    "BalanceTotals",
    "BuyingPower",
    "CandleRow",
    "ChartHead",
    "DailyOrderRow",
    "DailyOrderTotals",
    "DailyPriceRow",
    "ExpectedTrade",
    "FluctuationRow",
    "HashAnswer",
    "HolidayRow",
    "IndexCandleRow",
    "IndexChartHead",
    "IndexPrice",
    "InterruptionRow",
    "MarketCapRow",
    "MinuteHead",
    "MinuteRow",
    "MultiQuoteRow",
    "OpenOrderRow",
    "OrderAnswer",
    "OrderBook",
    "PeriodProfitRow",
    "PeriodProfitTotals",
    "PriceDetail",
    "PriceQuote",
    "ProductInfo",
    "RealizedBalanceTotals",
    "Record",
    "RevokeAnswer",
    "SellableQuantity",
    "StockInfo",
    "TimedTradeRow",
    "TimedTradesHead",
    "TokenAnswer",
    "TradeProfitRow",
    "TradeProfitTotals",
    "TradeRow",
    "VolumeRankRow",
    "answer_body",
    "number_key",
    "short_ticker",
]
