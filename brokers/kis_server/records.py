"""Frames of the stream: what one step of the world says about an instrument, an index, the state of the market."""

from __future__ import annotations

from datetime import datetime

from brokers.kis.frames import NoticeCipher, format_data
from brokers.kis.notice import Notice
from brokers.kis.realtime import Book, IndexTick, MarketState, Trade
from brokers.kis.realtime_fields import BOOK, INDEX, MARKET_STATUS, TRADE
from brokers.kis_server.index_names import INDICES
from brokers.kis_server.market import LEVELS, Print
from brokers.kis_server.market_calls import breadth
from brokers.kis_server.quotation_calls import change_sign, market_code, status_code
from brokers.kis_server.world import World

_NOBODY = (0,) * LEVELS


def trade_frame(world: World, ticker: str, printed: Print, fields: int) -> str | None:
    """The trade that a point of the path made, None if there was none."""
    market = world.market
    col = market.column[ticker]
    volume = int(printed.volume[col])
    if volume == 0:
        return None
    now, price = world.wire_now(), int(printed.price[col])
    trade = Trade(
        tr_id=TRADE,
        ticker=ticker,
        time=now,
        received_at=now,
        price=price,
        volume=volume,
        cumulative_volume=int(market.volume[col]),
        cumulative_value=int(market.value[col]),
        previous_close=int(market.base[col]) or None,
        open=int(market.open[col]),
        high=int(market.high[col]),
        low=int(market.low[col]),
        market_code="2",
    )
    others = {"PRDY_VRSS_SIGN": change_sign(market, col, price), "NEW_MKOP_CLS_CODE": market_code(world.phase)}
    return format_data(TRADE, [trade.to_fields(fields, others)])


def book_frame(world: World, ticker: str) -> str:
    """The grid around the last price, without shares."""
    market = world.market
    col = market.column[ticker]
    asks, bids = market.ladder(col)
    now = world.wire_now()
    book = Book(
        tr_id=BOOK,
        ticker=ticker,
        time=now,
        received_at=now,
        asks=asks,
        ask_sizes=_NOBODY,
        bids=bids,
        bid_sizes=_NOBODY,
        hour_code="A" if world.is_auction else "0",
        cumulative_volume=int(market.volume[col]),
    )
    return format_data(BOOK, [book.to_fields()])


def status_frame(world: World, ticker: str) -> str:
    """The phase that the market has entered, for one instrument."""
    market = world.market
    col = market.column[ticker]
    state = MarketState(
        tr_id=MARKET_STATUS,
        ticker=ticker,
        received_at=world.wire_now(),
        halted=market.is_halted(col),
        halt_reason="거래정지" if market.is_halted(col) else "",
        code=world.phase,
        issue_code=status_code(market, col),
        exchange_code="1",
    )
    return format_data(MARKET_STATUS, [state.to_fields()])


def index_frame(world: World, code: str) -> str | None:
    """The level of an index, None where the data has none."""
    name, market = INDICES[code], world.market
    found = market.index_now(name)
    if found is None:
        return None
    level, opened, high, low, before = found
    up, same, down = breadth(market, name)
    now: datetime = world.wire_now()
    tick = IndexTick(
        tr_id=INDEX,
        code=code,
        time=now,
        received_at=now,
        level=level,
        change=0.0 if before is None else level - before,
        open=opened,
        high=high,
        low=low,
        advancers=up,
        decliners=down,
        unchanged=same,
    )
    return format_data(INDEX, [tick.to_fields()])


def notice_frame(notice: Notice, fields: int, cipher: NoticeCipher) -> str:
    """An encrypted notice."""
    return format_data(notice.tr_id, [notice.to_fields(fields)], cipher)
