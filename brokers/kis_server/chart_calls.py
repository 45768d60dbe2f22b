"""History: bars of days, weeks, months, years and minutes of an instrument, and of an index."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from itertools import zip_longest

import numpy as np

from brokers.kis.chart_messages import (
    CandleRow,
    ChartHead,
    DailyPriceRow,
    IndexCandleRow,
    IndexChartHead,
    MinuteHead,
    MinuteRow,
)
from brokers.kis_server.call import Call, Handler, Reply
from brokers.kis_server.candles import Candle, Minute, longer_candles, minutes_of
from brokers.kis_server.index_names import index_of
from brokers.kis_server.quotation_calls import EOK, change_sign, percent
from engine.data.panel import CLOSE, HIGH, LOW, OPEN
from engine.krx.dated import days_since_epoch

_FAR = date(1990, 1, 3)


def inquire_daily_price(call: Call) -> Reply:
    """The last 30 days, weeks or months. FID_ORG_ADJ_PRC: 1 is adjusted here."""
    world, col = call.world, call.column("FID_INPUT_ISCD")
    adjusted = call.values["FID_ORG_ADJ_PRC"] == "1"
    most = call.endpoint.most_rows
    candles = longer_candles(
        world, col, _FAR, world.market.day, most + 1, call.values["FID_PERIOD_DIV_CODE"], adjusted=adjusted
    )
    rows = []
    for candle, before in zip_longest(candles, candles[1:]):
        change = _change(candle, before)
        rows.append(
            DailyPriceRow(
                day=world.dates.out_day(candle.day),
                open=candle.open,
                high=candle.high,
                low=candle.low,
                close=candle.close,
                volume=candle.volume,
                volume_percent=Decimal(0) if before is None else percent(candle.volume - before.volume, before.volume),
                change=change,
                change_sign="2" if change > 0 else "5" if change < 0 else "3",
                change_percent=percent(change, candle.close - change),
                adjustment_code="00",
                split_rate=Decimal(0),
            )
        )
    return Reply(blocks={"output": rows[:most]})


def inquire_daily_itemchartprice(call: Call) -> Reply:
    """Up to 100 bars of a range, newest first. FID_ORG_ADJ_PRC: 0 is adjusted here."""
    world, col = call.world, call.column("FID_INPUT_ISCD")
    first, last = call.day("FID_INPUT_DATE_1"), call.day("FID_INPUT_DATE_2")
    adjusted, period = call.values["FID_ORG_ADJ_PRC"] == "0", call.values["FID_PERIOD_DIV_CODE"]
    most = call.endpoint.most_rows
    candles = longer_candles(world, col, first, last, most + 1, period, adjusted=adjusted)
    rows = [_candle_row(call, candle, before) for candle, before in zip_longest(candles, candles[1:])]
    return Reply(blocks={"output1": _chart_head(call, col), "output2": rows[:most]})


def _change(candle: Candle, before: Candle | None) -> int:
    """Won against the base price (기준가격), as the exchange counts it; after a split that is not the last close."""
    base = candle.base or (candle.close if before is None else before.close)
    return candle.close - base


def _candle_row(call: Call, candle: Candle, before: Candle | None) -> CandleRow:
    change = _change(candle, before)
    return CandleRow(
        day=call.world.dates.out_day(candle.day),
        close=candle.close,
        open=candle.open,
        high=candle.high,
        low=candle.low,
        volume=candle.volume,
        value=candle.value,
        adjustment_code="00",
        split_rate=Decimal(0),
        changed=False,
        change_sign="2" if change > 0 else "5" if change < 0 else "3",
        change=change,
        revaluation="",
    )


def _chart_head(call: Call, col: int) -> ChartHead:
    market = call.world.market
    price, base = int(market.last[col]), int(market.base[col])
    limits, shares = market.limits(col), market.shares(col)
    asks, bids = market.ladder(col)
    return ChartHead(
        ticker=market.panel.tickers[col],
        name=market.names[col],
        price=price,
        change=price - base,
        change_sign=change_sign(market, col, price),
        change_percent=percent(price - base, base),
        previous_close=int(market.previous_close[col]),
        volume=int(market.volume[col]),
        value=int(market.value[col]),
        previous_volume=int(market.previous_volume[col]),
        upper_limit=None if limits is None else limits.upper,
        lower_limit=None if limits is None else limits.lower,
        open=int(market.open[col]),
        high=int(market.high[col]),
        low=int(market.low[col]),
        ask=asks[0],
        bid=bids[0],
        shares=shares,
        market_cap_eok=None if shares is None else shares * price // EOK,
    )


def inquire_time_itemchartprice(call: Call) -> Reply:
    """Up to 30 minutes of today, back from an hour."""
    return _minutes(call, call.world.path.number_of(call.world.market.row), call.endpoint.most_rows)


def inquire_time_dailychartprice(call: Call) -> Reply:
    """Up to 120 minutes of a past day, back from an hour."""
    day = call.day("FID_INPUT_DATE_1")
    sessions = call.world.path.sessions
    place = int(np.searchsorted([days_since_epoch(session) for session in sessions], days_since_epoch(day)))
    known = place < len(sessions) and sessions[place] == day
    return _minutes(call, place if known else len(sessions), call.endpoint.most_rows)


def _minutes(call: Call, number: int, most: int) -> Reply:
    market, col = call.world.market, call.column("FID_INPUT_ISCD")
    hour = call.values["FID_INPUT_HOUR_1"] or "235959"
    past = call.values.get("FID_PW_DATA_INCU_YN") == "Y"
    found: list[Minute] = []
    while number >= 0 and len(found) < most:
        found += [minute for minute in minutes_of(call.world, col, number) if f"{minute.begins:%H%M%S}" <= hour]
        if not past:
            break
        number, hour = number - 1, "235959"
    price, base = int(market.last[col]), int(market.base[col])
    head = MinuteHead(
        name=market.names[col],
        price=price,
        change=price - base,
        change_sign=change_sign(market, col, price),
        change_percent=percent(price - base, base),
        previous_close=int(market.previous_close[col]),
        volume=int(market.volume[col]),
        value=int(market.value[col]),
    )
    return Reply(blocks={"output1": head, "output2": [_minute_row(call, minute) for minute in found[:most]]})


def _minute_row(call: Call, minute: Minute) -> MinuteRow:
    begins: datetime = call.world.dates.out(minute.begins)
    return MinuteRow(
        day=begins.date(),
        time=begins.time().replace(microsecond=0),
        close=minute.close,
        open=minute.open,
        high=minute.high,
        low=minute.low,
        volume=minute.volume,
        cumulative_value=minute.value,
    )


def inquire_daily_indexchartprice(call: Call) -> Reply:
    """Up to 50 bars of an index, newest first."""
    world, market = call.world, call.world.market
    name = index_of(call)
    level, opened, high, low, before = market.index_now(name) or (0.0, 0.0, 0.0, 0.0, None)
    change = 0.0 if before is None else level - before
    head = IndexChartHead(
        level=_points(level),
        change=_points(change),
        change_sign="2" if change > 0 else "5" if change < 0 else "3",
        change_percent=_points(change * 100 / before if before else 0.0),
        previous_level=None if before is None else _points(before),
        name=name,
        code=call.values["FID_INPUT_ISCD"],
        open=_points(opened),
        high=_points(high),
        low=_points(low),
    )
    first, last = call.day("FID_INPUT_DATE_1"), call.day("FID_INPUT_DATE_2")
    bars = _index_bars(call, name, last)
    kept = [bar for bar in bars if first <= bar.day][: call.endpoint.most_rows]
    rows = [
        IndexCandleRow(
            day=world.dates.out_day(bar.day),
            close=bar.close,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            changed=False,
        )
        for bar in kept
    ]
    return Reply(blocks={"output1": head, "output2": rows})


def _index_bars(call: Call, name: str, last: date) -> list[IndexCandleRow]:
    """Bars of the sessions up to `last` and to now, newest first, days of the data."""
    world, market = call.world, call.world.market
    series, current = market.panel.indices[name], world.path.number_of(market.row)
    bars = []
    now = market.index_now(name)
    if world.path.sessions[current] <= last and now is not None and market.point >= 0:
        level, opened, high, low, _ = now
        bars.append(_index_bar(world.path.sessions[current], opened, high, low, level))
    most = call.endpoint.most_rows
    for number in range(current - 1, -1, -1):
        day, rows = world.path.sessions[number], world.path.rows(number)
        if day > last:
            continue
        block = series[:, rows[0] : rows[-1] + 1]
        if np.isfinite(block).all():
            prices = (block[OPEN, 0], block[HIGH].max(), block[LOW].min(), block[CLOSE, -1])
            bars.append(_index_bar(day, *(float(price) for price in prices)))
        if len(bars) >= most * 7:
            break
    return bars


def _index_bar(day: date, opened: float, high: float, low: float, close: float) -> IndexCandleRow:
    return IndexCandleRow(day=day, close=_points(close), open=_points(opened), high=_points(high), low=_points(low))


def _points(value: float) -> Decimal:
    return Decimal(str(round(value, 4)))


CHART_CALLS: dict[str, Handler] = {
    "inquire_daily_price": inquire_daily_price,
    "inquire_daily_itemchartprice": inquire_daily_itemchartprice,
    "inquire_time_itemchartprice": inquire_time_itemchartprice,
    "inquire_time_dailychartprice": inquire_time_dailychartprice,
    "inquire_daily_indexchartprice": inquire_daily_indexchartprice,
}
