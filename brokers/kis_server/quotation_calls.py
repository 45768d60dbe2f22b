"""One instrument at this instant: price, order book, last trades, and many prices in one call."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np

from brokers.kis.quotation_endpoints import MOST_TICKERS
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
from brokers.kis_server.call import Call, Handler, Refusal, Reply
from brokers.kis_server.candles import Trade, trades_of
from brokers.kis_server.market import LEVELS, Market
from brokers.kis_server.session_path import CLOSED, OPENING_CALL
from engine.data.panel import HIGH, LOW, State
from engine.krx.tick_size import NO_BOUND

EOK = 100_000_000
_YEAR = 250  # sessions of "52 weeks"
_NEWEST = 30


def change_sign(market: Market, col: int, price: int) -> str:
    """PRDY_VRSS_SIGN: 1 upper limit, 2 up, 3 unchanged, 4 lower limit, 5 down."""
    base = int(market.base[col])
    limits = market.limits(col)
    if limits is not None and price == limits.upper:
        return "1"
    if limits is not None and price == limits.lower:
        return "4"
    return "2" if price > base else "5" if price < base else "3"


def percent(part: int, whole: int) -> Decimal:
    """A share in per cent, 0 of nothing."""
    return Decimal(part) * 100 / whole if whole else Decimal(0)


def status_code(market: Market, col: int) -> str:
    """ISCD_STAT_CLS_CODE: 51 administrative, 52 alert, 58 halted, 55 ordinary."""
    if market.is_halted(col):
        return "58"
    if market.has(col, State.MANAGED):
        return "51"
    return "52" if market.has(col, State.WARNING) else "55"


def market_code(phase: str) -> str:
    """NEW_MKOP_CLS_CODE: the first digit is 1 before the session, 2 in it, 3 after it; the second 0, ordinary."""
    return {OPENING_CALL: "10", CLOSED: "30"}.get(phase, "20")


def inquire_price(call: Call) -> Reply:
    """The price and the state of one instrument.

    What the data does not know (ratios to earnings, shares, limits of a day without any) is 0, never blank: python-kis
    takes a quote with a blank number for broken.
    """
    market, col = call.world.market, call.column("FID_INPUT_ISCD")
    price, base, volume = int(market.last[col]), int(market.base[col]), int(market.volume[col])
    limits, shares, value = market.limits(col), market.shares(col), int(market.value[col])
    (high, high_day), (low, low_day) = _year(market, col)
    quote = PriceQuote(
        ticker=market.panel.tickers[col],
        price=price,
        change=price - base,
        change_sign=change_sign(market, col, price),
        change_percent=percent(price - base, base),
        volume=volume,
        value=value,
        volume_percent=percent(volume, int(market.previous_volume[col])),
        open=int(market.open[col]),
        high=int(market.high[col]),
        low=int(market.low[col]),
        upper_limit=0 if limits is None else limits.upper,
        lower_limit=0 if limits is None else limits.lower,
        base_price=base,
        tick=market.tick(col, price) if price > 0 else 0,
        average_price=Decimal(value) / volume if volume else Decimal(0),
        shares=shares or 0,
        market_cap_eok=(shares or 0) * price // EOK,
        turnover_percent=percent(volume, shares or 0),
        per=Decimal(0),
        pbr=Decimal(0),
        eps=Decimal(0),
        bps=Decimal(0),
        high_52_weeks=high,
        high_52_weeks_date=call.world.dates.out_day(high_day),
        low_52_weeks=low,
        low_52_weeks_date=call.world.dates.out_day(low_day),
        market_name=market.boards[col],
        sector_name=market.sectors[col],
        status_code=status_code(market, col),
        halted=market.is_halted(col),
        interruption_code="N",
        warning_code="00",
        overheated=False,
        liquidation=market.has(col, State.LIQUIDATION),
        managed_code="Y" if market.has(col, State.MANAGED) else "N",
        caution=market.has(col, State.WARNING),
        margin_percent=Decimal(100),
    )
    return Reply(blocks={"output": quote})


def _year(market: Market, col: int) -> tuple[tuple[int, date], tuple[int, date]]:
    """Highest and lowest price, and their days, of the last 250 bars and of today."""
    first = max(market.row - _YEAR, int(market.panel.first_row[col]))
    past = market.bars[:, first : market.row, col]
    today = (int(market.high[col]), int(market.low[col])) if market.has_opened(col) else (int(market.last[col]),) * 2
    highest, lowest = (today[0], market.day), (today[1], market.day)
    if past.shape[1]:
        at_high, at_low = int(past[HIGH].argmax()), int(np.where(past[LOW] > 0, past[LOW], NO_BOUND).argmin())
        if past[HIGH, at_high] > highest[0]:
            highest = (int(past[HIGH, at_high]), market.panel.session_date(first + at_high))
        if 0 < past[LOW, at_low] < lowest[0]:
            lowest = (int(past[LOW, at_low]), market.panel.session_date(first + at_low))
    return highest, lowest


def inquire_price_2(call: Call) -> Reply:
    """More of the state of one instrument."""
    market, col = call.world.market, call.column("FID_INPUT_ISCD")
    price, base, volume = int(market.last[col]), int(market.base[col]), int(market.volume[col])
    limits, before = market.limits(col), int(market.previous_volume[col])
    detail = PriceDetail(
        price=price,
        previous_close=int(market.previous_close[col]),
        change=price - base,
        change_sign=change_sign(market, col, price),
        change_percent=percent(price - base, base),
        volume=volume,
        value=int(market.value[col]),
        previous_volume=before,
        volume_percent=percent(volume, before),
        open=int(market.open[col]),
        high=int(market.high[col]),
        low=int(market.low[col]),
        upper_limit=None if limits is None else limits.upper,
        lower_limit=None if limits is None else limits.lower,
        base_price=base,
        market_name=market.boards[col],
        sector_name=market.sectors[col],
        halted=market.is_halted(col),
        managed=market.has(col, State.MANAGED),
        liquidation=market.has(col, State.LIQUIDATION),
        overheated=False,
        caution=market.has(col, State.WARNING),
        warning_code="00",
        interruption_code="N",
        illiquid=False,
    )
    return Reply(blocks={"output": detail})


def inquire_asking_price(call: Call) -> Reply:
    """The order book: prices of the grid without shares, because bars have no book."""
    market, col = call.world.market, call.column("FID_INPUT_ISCD")
    asks, bids = market.ladder(col)
    nothing = (0,) * LEVELS
    book = OrderBook(
        time=call.now.time().replace(microsecond=0),
        asks=asks,
        bids=bids,
        ask_quantities=nothing,
        bid_quantities=nothing,
        ask_changes=nothing,
        bid_changes=nothing,
        ask_total=0,
        bid_total=0,
        net_bid_quantity=0,
        phase_code=market_code(call.world.phase),
    )
    expected = ExpectedTrade(
        phase_code=market_code(call.world.phase),
        ticker=market.panel.tickers[col],
        price=int(market.last[col]),
        open=int(market.open[col]),
        high=int(market.high[col]),
        low=int(market.low[col]),
        base_price=int(market.base[col]),
        expected_price=0,
        expected_change=0,
        expected_sign="3",
        expected_change_percent=Decimal(0),
        expected_volume=0,
        interruption_code="N",
    )
    return Reply(blocks={"output1": book, "output2": expected})


def _today(call: Call, col: int) -> list[Trade]:
    """Prints of the present session, newest first."""
    return trades_of(call.world, col, call.world.path.number_of(call.world.market.row))[::-1]


def inquire_ccnl(call: Call) -> Reply:
    """The last trades, newest first. Who took is not known, so there is no strength."""
    market, col = call.world.market, call.column("FID_INPUT_ISCD")
    base = int(market.base[col])
    rows = [
        TradeRow(
            time=trade.time.time(),
            price=trade.price,
            change=trade.price - base,
            change_sign=change_sign(market, col, trade.price),
            quantity=trade.quantity,
            change_percent=percent(trade.price - base, base),
        )
        for trade in _today(call, col)[:_NEWEST]
    ]
    return Reply(blocks={"output": rows})


def inquire_time_itemconclusion(call: Call) -> Reply:
    """Trades of today up to an hour, newest first."""
    market, col = call.world.market, call.column("FID_INPUT_ISCD")
    base, price = int(market.base[col]), int(market.last[col])
    hour = call.values["FID_INPUT_HOUR_1"] or "235959"
    rows = [
        TimedTradeRow(
            time=trade.time.time(),
            price=trade.price,
            change=trade.price - base,
            change_sign=change_sign(market, col, trade.price),
            change_percent=percent(trade.price - base, base),
            ask=0,
            bid=0,
            volume=trade.volume,
            quantity=trade.quantity,
        )
        for trade in _today(call, col)
        if f"{trade.time:%H%M%S}" <= hour
    ]
    head = TimedTradesHead(
        price=price,
        change=price - base,
        change_sign=change_sign(market, col, price),
        change_percent=percent(price - base, base),
        volume=int(market.volume[col]),
        previous_volume=int(market.previous_volume[col]),
        market_name=market.boards[col],
    )
    return Reply(blocks={"output1": head, "output2": rows[:_NEWEST]})


def intstock_multprice(call: Call) -> Reply:
    """Up to thirty instruments in one call."""
    market = call.world.market
    rows = []
    for number in range(1, MOST_TICKERS + 1):
        ticker = call.values.get(f"FID_INPUT_ISCD_{number}", "")
        if ticker in market.column:
            rows.append(_multi_row(market, market.column[ticker]))
        elif ticker:
            raise Refusal("MCA05918", f"종목코드 오류입니다.({ticker})")
    return Reply(blocks={"output": rows})


def _multi_row(market: Market, col: int) -> MultiQuoteRow:
    price, base = int(market.last[col]), int(market.base[col])
    limits = market.limits(col)
    asks, bids = market.ladder(col)
    return MultiQuoteRow(
        ticker=market.panel.tickers[col],
        name=market.names[col],
        price=price,
        change=price - base,
        change_sign=change_sign(market, col, price),
        change_percent=percent(price - base, base),
        volume=int(market.volume[col]),
        value=int(market.value[col]),
        open=int(market.open[col]),
        high=int(market.high[col]),
        low=int(market.low[col]),
        lower_limit=None if limits is None else limits.lower,
        upper_limit=None if limits is None else limits.upper,
        ask=asks[0],
        bid=bids[0],
        ask_quantity=0,
        bid_quantity=0,
        ask_total=0,
        bid_total=0,
        previous_close=int(market.previous_close[col]),
        base_price=base,
        market_name=market.boards[col],
    )


QUOTATION_CALLS: dict[str, Handler] = {
    "inquire_price": inquire_price,
    "inquire_price_2": inquire_price_2,
    "inquire_asking_price_exp_ccn": inquire_asking_price,
    "inquire_ccnl": inquire_ccnl,
    "inquire_time_itemconclusion": inquire_time_itemconclusion,
    "intstock_multprice": intstock_multprice,
}
