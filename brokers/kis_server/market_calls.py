"""The market as a whole: index, rankings, holidays, volatility interruptions, what an instrument is."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from brokers.kis.market_messages import (
    FluctuationRow,
    HolidayRow,
    IndexPrice,
    MarketCapRow,
    ProductInfo,
    StockInfo,
    VolumeRankRow,
)
from brokers.kis_server.call import Call, Handler, Reply, page
from brokers.kis_server.index_names import index_of
from brokers.kis_server.market import Market
from brokers.kis_server.quotation_calls import EOK, change_sign, percent
from engine.data.panel import State
from engine.krx.instrument_class import InstrumentClass
from engine.krx.sessions import LAST_DAY, is_session

Integers = NDArray[np.int64]
_SATURDAY = 5  # as `date.weekday` counts
_DAYS_A_PAGE = 24
_BOARD = {"0001": "KOSPI", "1001": "KOSDAQ"}


def inquire_index_price(call: Call) -> Reply:
    """An index now, with the breadth of its market as far as the data has its names."""
    market, name = call.world.market, index_of(call)
    level, opened, high, low, before = market.index_now(name) or (0.0, 0.0, 0.0, 0.0, None)
    change = 0.0 if before is None else level - before
    up, same, down = breadth(market, name)
    row = IndexPrice(
        level=_points(level),
        change=_points(change),
        change_sign="2" if change > 0 else "5" if change < 0 else "3",
        change_percent=_points(change * 100 / before if before else 0.0),
        open=_points(opened),
        high=_points(high),
        low=_points(low),
        advancers=up,
        at_upper_limit=0,
        unchanged=same,
        decliners=down,
        at_lower_limit=0,
    )
    return Reply(blocks={"output": row})


def breadth(market: Market, board: str) -> tuple[int, int, int]:
    """Names of a board that have traded today: above, at and below their base price."""
    mine = np.array([name == board or not board.startswith("KOS") for name in market.boards])
    change = (market.last - market.base)[mine & (market.open > 0) & (market.base > 0)]
    return int((change > 0).sum()), int((change == 0).sum()), int((change < 0).sum())


def _points(value: float) -> Decimal:
    return Decimal(str(round(value, 4)))


def volume_rank(call: Call) -> Reply:
    """Names by volume, its growth, turnover or value. FID_BLNG_CLS_CODE: 0, 1, 2, 3 (4 = value as well)."""
    market, by = call.world.market, call.values["FID_BLNG_CLS_CODE"]
    shares = np.array([market.shares(col) or 0 for col in range(market.panel.columns)]) if by == "2" else None
    before = np.maximum(market.previous_volume, 1)
    measure = {
        "0": market.volume.astype(np.float64),
        "1": np.where(market.previous_volume > 0, (market.volume - market.previous_volume) / before, -np.inf),
        "2": market.volume / np.maximum(shares, 1) if shares is not None else market.volume.astype(np.float64),
        "3": market.value.astype(np.float64),
        "4": market.value.astype(np.float64),
    }[by]
    rows = [_volume_row(market, col, rank) for rank, col in enumerate(_ranked(call, measure), 1)]
    return Reply(blocks={"output": rows})


def _volume_row(market: Market, col: int, rank: int) -> VolumeRankRow:
    price, base, volume = int(market.last[col]), int(market.base[col]), int(market.volume[col])
    before, shares = int(market.previous_volume[col]), market.shares(col)
    return VolumeRankRow(
        ticker=market.panel.tickers[col],
        name=market.names[col],
        rank=rank,
        price=price,
        change_sign=change_sign(market, col, price),
        change=price - base,
        change_percent=percent(price - base, base),
        volume=volume,
        previous_volume=before,
        shares=shares,
        average_volume=volume,
        growth_percent=percent(volume - before, before),
        turnover_percent=None if shares is None else percent(volume, shares),
        value=int(market.value[col]),
        average_value=int(market.value[col]),
    )


def fluctuation(call: Call) -> Reply:
    """Names by change of price: FID_RANK_SORT_CLS_CODE 0 and 2 rising first, 1 and 3 falling first."""
    market = call.world.market
    base = np.maximum(market.base, 1)
    measure = np.where(market.base > 0, (market.last - market.base) / base, -np.inf)
    if call.values["fid_rank_sort_cls_code"] in ("1", "3"):
        measure = np.where(market.base > 0, -measure, -np.inf)
    rows = [_fluctuation_row(market, col, rank) for rank, col in enumerate(_ranked(call, measure), 1)]
    return Reply(blocks={"output": rows})


def _fluctuation_row(market: Market, col: int, rank: int) -> FluctuationRow:
    price, base = int(market.last[col]), int(market.base[col])
    return FluctuationRow(
        ticker=market.panel.tickers[col],
        rank=rank,
        name=market.names[col],
        price=price,
        change=price - base,
        change_sign=change_sign(market, col, price),
        change_percent=percent(price - base, base),
        volume=int(market.volume[col]),
        high=int(market.high[col]),
        low=int(market.low[col]),
        period_change=price - base,
        period_percent=percent(price - base, base),
    )


def market_cap(call: Call) -> Reply:
    """Names by market value; those whose shares the data does not know are left out."""
    market = call.world.market
    shares = np.array([market.shares(col) or 0 for col in range(market.panel.columns)])
    measure = np.where(shares > 0, shares * market.last, -1).astype(np.float64)
    whole = float(measure[measure > 0].sum())
    rows = []
    for rank, col in enumerate((col for col in _ranked(call, measure, traded=False) if shares[col] > 0), 1):
        price, base = int(market.last[col]), int(market.base[col])
        rows.append(
            MarketCapRow(
                ticker=market.panel.tickers[col],
                rank=rank,
                name=market.names[col],
                price=price,
                change=price - base,
                change_sign=change_sign(market, col, price),
                change_percent=percent(price - base, base),
                volume=int(market.volume[col]),
                shares=int(shares[col]),
                market_cap_eok=int(shares[col]) * price // EOK,
                weight_percent=_points(float(measure[col]) * 100 / whole if whole else 0.0),
            )
        )
    return Reply(blocks={"output": rows})


def _ranked(call: Call, measure: NDArray[np.float64], *, traded: bool = True) -> list[int]:
    """Columns from the highest measure on, by the filters of the call; equal ones by ticker."""
    market = call.world.market
    values = {name.upper(): value for name, value in call.values.items()}
    keep = market.open > 0 if traded else (market.state[market.row] & State.PRESENT) > 0
    keep = keep & np.isfinite(measure)
    board = _BOARD.get(values.get("FID_INPUT_ISCD", ""))
    if board is not None:
        keep = keep & np.array([name == board for name in market.boards])
    for name, column in (("FID_INPUT_PRICE_1", market.last), ("FID_VOL_CNT", market.volume)):
        if values.get(name, "").isdigit():
            keep = keep & (column >= int(values[name]))
    if values.get("FID_INPUT_PRICE_2", "").isdigit() and int(values["FID_INPUT_PRICE_2"]):
        keep = keep & (market.last <= int(values["FID_INPUT_PRICE_2"]))
    columns = np.flatnonzero(keep)
    order = columns[np.argsort(-measure[columns], kind="stable")]
    return [int(col) for col in order[: call.endpoint.most_rows]]


def chk_holiday(call: Call) -> Reply:
    """Days from a date on, and which of them are sessions; after the end of our table every weekday is one."""
    day = call.wire_day("BASS_DT")
    rows = []
    for ahead in range(366):
        date = day + timedelta(days=ahead)
        is_open = is_session(date) if date <= LAST_DAY else date.weekday() < _SATURDAY
        weekday = f"{(date.weekday() + 1) % 7 + 1:02}"  # Source: wday_dvsn_cd, 01 Sunday to 07 Saturday
        rows.append(
            HolidayRow(
                day=date, weekday_code=weekday, business=is_open, trading=is_open, open=is_open, settlement=is_open
            )
        )
    shown, next_page = page(call, rows, _DAYS_A_PAGE)
    return Reply(blocks={"output": shown}, next_page=next_page)


def inquire_vi_status(call: Call) -> Reply:
    """Volatility interruptions: bars do not tell of any."""
    call.day("FID_INPUT_DATE_1")
    return Reply(blocks={"output": []})


def search_info(call: Call) -> Reply:
    """What an instrument is called."""
    market, col = call.world.market, call.column("PDNO")
    ticker, name = market.panel.tickers[col], market.names[col]
    info = ProductInfo(
        product_code=f"00000A{ticker}",
        product_type=call.values["PRDT_TYPE_CD"],
        name=name,
        long_name=name,
        short_name=name,
        english_name=name,
        english_long_name=name,
        english_short_name=name,
        isin=f"KR7{ticker}00",
        ticker=ticker,
    )
    return Reply(blocks={"output": info})


def search_stock_info(call: Call) -> Reply:
    """What a stock is: market, listing, shares, state."""
    market, col = call.world.market, call.column("PDNO")
    ticker, name, board = market.panel.tickers[col], market.names[col], market.boards[col]
    listed, delisted = market.listings[col]
    kosdaq = board.startswith("KOSDAQ")
    known_end = delisted if delisted is not None and delisted <= market.day else None
    info = StockInfo(
        product_code=f"00000A{ticker}",
        product_type=call.values["PRDT_TYPE_CD"],
        name=name,
        long_name=name,
        short_name=name,
        english_name=name,
        market_code="KSQ" if kosdaq else "STK",
        group_code=_GROUP.get(market.kinds[col], "ST"),
        exchange_code="03" if kosdaq else "02",
        shares=market.shares(col),
        listed_kospi=None if kosdaq else listed,
        delisted_kospi=None if kosdaq else known_end,
        listed_kosdaq=listed if kosdaq else None,
        delisted_kosdaq=known_end if kosdaq else None,
        delisted=known_end,
        sector_large=market.sectors[col],
        isin=f"KR7{ticker}00",
        halted=market.is_halted(col),
        managed=market.has(col, State.MANAGED),
        close=int(market.last[col]),
        previous_close=int(market.previous_close[col]),
        on_nxt=False,
        halted_on_nxt=False,
    )
    return Reply(blocks={"output": info})


_GROUP = {InstrumentClass.ETF: "EF", InstrumentClass.ETN: "EN", InstrumentClass.ELW: "EW"}

MARKET_CALLS: dict[str, Handler] = {
    "inquire_index_price": inquire_index_price,
    "volume_rank": volume_rank,
    "fluctuation": fluctuation,
    "market_cap": market_cap,
    "chk_holiday": chk_holiday,
    "inquire_vi_status": inquire_vi_status,
    "search_info": search_info,
    "search_stock_info": search_stock_info,
}
