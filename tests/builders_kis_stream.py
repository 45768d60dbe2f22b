"""Records, frames and a strategy for each, as the stream of KIS has them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from brokers.kis.frames import NoticeCipher
from brokers.kis.notice import AMEND, CANCEL, CONFIRMED, NEW, RECEIVED, REST_CANCELLED, Notice
from brokers.kis.realtime import Book, IndexTick, MarketState, Trade
from brokers.kis.realtime_fields import (
    BOOK,
    BOOK_NXT,
    BOOK_UNIFIED,
    INDEX,
    MARKET_STATUS,
    NOTICE,
    NOTICE_PAPER,
    TRADE,
    TRADE_NXT,
    TRADE_UNIFIED,
)
from engine.clock import KST
from engine.order import Side

NINE = datetime(2026, 11, 23, 9, 0, 0, tzinfo=KST)
CIPHER = NoticeCipher("k" * 32, "v" * 16)

# One record of the workbook of KIS, with the field that was added on 2026-09-14.
_WORKBOOK_TRADE = (
    "005930^093354^71900^5^-100^-0.14^72023.83^72100^72400^71700^71900^71800^1^3052507^219853241700^5105^6937^1832"
    "^84.90^1366314^1159996^1^0.39^20.28^090020^5^-200^090820^5^-500^092619^2^200^20230612^20^N^65945^216924^1118750"
    "^2199206^0.05^2424142^125.92^0^^72100^2"
)
WORKBOOK_TRADE = _WORKBOOK_TRADE.split("^")
WORKBOOK_STATUS = ["396300", "N", "(null)", "", "311", "", "", "55", "N", "N"]


def make_trade(cumulative_volume: int = 100, volume: int = 10, **changes: Any) -> Trade:
    """A trade of 005930 at 71,900 won, one of a sequence by its cumulative volume."""
    known: dict[str, Any] = {
        "tr_id": TRADE,
        "ticker": "005930",
        "time": NINE,
        "received_at": NINE,
        "price": 71_900,
        "volume": volume,
        "cumulative_volume": cumulative_volume,
        "cumulative_value": cumulative_volume * 71_900,
    }
    return Trade(**(known | changes))


def make_book(**changes: Any) -> Book:
    """An order book of 005930 around 71,900 won."""
    known: dict[str, Any] = {
        "tr_id": BOOK,
        "ticker": "005930",
        "time": NINE,
        "received_at": NINE,
        "asks": tuple(range(71_900, 72_900, 100)),
        "ask_sizes": tuple(range(1, 11)),
        "bids": tuple(range(71_800, 70_800, -100)),
        "bid_sizes": tuple(range(11, 21)),
    }
    return Book(**(known | changes))


def make_notice(**changes: Any) -> Notice:
    """The receipt of an order for 10 shares; `filled=True` makes a fill of it."""
    known: dict[str, Any] = {
        "tr_id": NOTICE,
        "account": "1234567801",
        "customer": "htsuser1",
        "order_number": "0000117057",
        "side": Side.BUY,
        "ticker": "005930",
        "quantity": 10,
        "price": 71_900,
        "time": NINE,
        "received_at": NINE,
        "branch": "91252",
        "order_quantity": 10,
        "order_price": 71_900,
        "owner": "홍길동",
        "name": "삼성전자",
    }
    return Notice(**(known | changes))


def make_fill(quantity: int, seconds: int = 0, price: int = 71_900, **changes: Any) -> Notice:
    """The notice of a fill."""
    known = {"quantity": quantity, "price": price, "filled": True, "step": CONFIRMED}
    return make_notice(**(known | {"time": NINE + timedelta(seconds=seconds)} | changes))


_won = st.integers(0, 10_000_000)
_shares = st.integers(0, 10**12)
_ticker = st.text("0123456789ABCDEFGHJKLMNPQRSTUVW", min_size=6, max_size=7)
_time = st.integers(-6 * 3600, 11 * 3600).map(lambda seconds: NINE + timedelta(seconds=seconds))
_levels = st.tuples(*[_won] * 10)
_points = st.integers(1, 99_999_999).map(lambda hundredths: hundredths / 100)
_code = st.sampled_from(["", "0", "110", "112", "121", "174", "999"])
_word = st.text(st.characters(codec="utf-8", exclude_characters="^|", exclude_categories=["Cc", "Cs"]), max_size=12)

_STREAM = st.sampled_from([(TRADE, ""), (TRADE, "1"), (TRADE, "2"), (TRADE_UNIFIED, ""), (TRADE_NXT, "")])
TRADES = st.builds(
    lambda stream, **known: Trade(tr_id=stream[0], market_code=stream[1], **known),
    stream=_STREAM,
    ticker=_ticker,
    time=_time,
    received_at=_time,
    price=st.integers(1, 10_000_000),
    volume=_shares,
    cumulative_volume=_shares,
    cumulative_value=_shares,
    side=st.sampled_from([Side.BUY, Side.SELL, None]),
    previous_close=st.none() | st.integers(1, 10_000_000),
    open=_won,
    high=_won,
    low=_won,
    ask=_won,
    bid=_won,
    ask_size=_shares,
    bid_size=_shares,
    total_ask_size=_shares,
    total_bid_size=_shares,
    sell_volume=_shares,
    buy_volume=_shares,
    trading_strength=st.none() | _points,
    halted=st.booleans(),
    hour_code=st.sampled_from(["0", "A", "B", "C", "D"]),
    vi_price=_won,
)
BOOKS = st.builds(
    Book,
    tr_id=st.sampled_from([BOOK, BOOK_UNIFIED, BOOK_NXT]),
    ticker=_ticker,
    time=_time,
    received_at=st.just(NINE),
    asks=_levels,
    ask_sizes=_levels,
    bids=_levels,
    bid_sizes=_levels,
    total_ask_size=_shares,
    total_bid_size=_shares,
    hour_code=st.sampled_from(["0", "A", "B", "C", "D"]),
    expected_price=_won,
    expected_volume=_shares,
    cumulative_volume=_shares,
)
MARKET_STATES = st.builds(
    MarketState,
    tr_id=st.just(MARKET_STATUS),
    ticker=_ticker,
    received_at=st.just(NINE),
    halted=st.booleans(),
    halt_reason=_word.map(str.strip),
    code=_code,
    expected_code=_code,
    extension_code=_code,
    issue_code=_code,
    interrupted=st.booleans(),
    exchange_code=st.sampled_from(["1", "2"]),
)
INDICES = st.builds(
    IndexTick,
    tr_id=st.just(INDEX),
    code=st.sampled_from(["0001", "1001", "2001"]),
    time=_time,
    received_at=st.just(NINE),
    level=_points,
    change=st.integers(-99_999, 99_999).map(lambda hundredths: hundredths / 100),
    open=st.none() | _points,
    high=st.none() | _points,
    low=st.none() | _points,
    cumulative_volume=_shares,
    cumulative_value=_shares,
    advancers=st.integers(0, 3000),
    decliners=st.integers(0, 3000),
    unchanged=st.integers(0, 3000),
)
NOTICES = st.builds(
    Notice,
    tr_id=st.sampled_from([NOTICE, NOTICE_PAPER]),
    account=st.text("0123456789", min_size=10, max_size=10),
    customer=st.text("abcdefgh0123", min_size=1, max_size=8),
    order_number=st.integers(1, 10**10 - 1).map(lambda number: f"{number:010}"),
    original_number=st.just("") | st.integers(1, 10**10 - 1).map(str),
    side=st.sampled_from(Side),
    request=st.sampled_from([NEW, AMEND, CANCEL]),
    order_kind=st.sampled_from(["00", "01", "03", "11"]),
    condition=st.sampled_from(["0", "1", "2"]),
    ticker=_ticker,
    quantity=st.integers(0, 10**10),
    price=_won,
    time=_time,
    received_at=st.just(NINE),
    refused=st.booleans(),
    filled=st.booleans(),
    step=st.sampled_from([RECEIVED, CONFIRMED, REST_CANCELLED]),
    branch=st.sampled_from(["", "91252", "00950"]),
    order_quantity=st.integers(0, 10**10),
    order_price=_won,
    stop_price=_won,
    exchange_code=st.sampled_from(["", "1", "2", "3", "4"]),
    credit=st.sampled_from(["", "21"]),
    owner=_word.map(str.strip).filter(lambda word: word != "(null)"),
    name=_word.map(str.strip).filter(lambda word: word != "(null)"),
)
RECORDS = st.one_of(TRADES, BOOKS, MARKET_STATES, INDICES, NOTICES)
