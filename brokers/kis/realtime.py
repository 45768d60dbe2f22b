"""Real-time records of market data as typed values: trades, order books, states of instruments, indices.

`from_fields` reads a record of the wire, `to_fields` writes it, and the second undoes the first as far as the record
holds what the wire says: `from_fields(to_fields(x)) == x`. Prices are int won, quantities shares, times aware.
They are named tuples, because there are tens of thousands a second; the reader looks only at the fields it names.

Source: field lists as in `realtime_fields`; meanings of the codes from the API workbook of 2026-09-11.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from brokers.kis import field_values as fv
from brokers.kis.frames import DataFrame, NoticeCipher, records_of
from brokers.kis.notice import Notice
from brokers.kis.realtime_fields import BOOKS, INDEX, MARKET_STATUSES, NOTICES, TABLES, TRADES
from engine.events import Phase
from engine.order import Side

LEVELS = 10

_SIDE = {"1": Side.BUY, "5": Side.SELL}
_SIDE_CODE = {Side.BUY: "1", Side.SELL: "5", None: "3"}
_FALLING = ("4", "5")
_RISING = ("1", "2")
_CONTINUOUS = ("0", "")

# What the market or the instrument enters with each code of MKOP_CLS_CODE. A code that says something else, or that
# several sources explain differently, is absent: the phase is then unknown and the sessions calendar decides.
PHASES: Mapping[str, Phase] = MappingProxyType(
    {
        "110": Phase.OPENING_AUCTION,
        "112": Phase.CONTINUOUS,
        "121": Phase.CLOSING_AUCTION,
        "129": Phase.CLOSED,
        "130": Phase.AFTER_HOURS,
        "140": Phase.AFTER_HOURS,
        "150": Phase.AFTER_HOURS,
        "149": Phase.CLOSED,
        "159": Phase.CLOSED,
        "164": Phase.HALTED,
        "174": Phase.CIRCUIT_BREAKER,
        "182": Phase.CIRCUIT_BREAKER,
        "184": Phase.CIRCUIT_BREAKER,
    }
)


class Trade(NamedTuple):
    """One trade, and where the instrument stands after it.

    Args:
        tr_id: the message it came with; it tells KRX, NXT and unified apart.
        ticker: KRX short code.
        time: of the exchange, whole seconds.
        received_at: by our clock.
        price: won per share.
        volume: shares of this trade.
        cumulative_volume: shares of the day, this trade included.
        cumulative_value: won of the day.
        side: who took: buyer or seller; None in an auction or where KIS does not say.
        previous_close: won, None if the record does not tell.
        open, high, low: of the day, won; 0 before the first trade.
        ask, bid: best prices, won; 0 = nobody there.
        ask_size, bid_size: shares at the best prices.
        total_ask_size, total_bid_size: shares of all ten levels.
        sell_volume, buy_volume: shares of the day taken by sellers and by buyers.
        trading_strength: 체결강도 in percent, None if blank.
        halted: trading of the instrument stands still.
        hour_code: "0" continuous; A, B, C, D = expected price of an auction, not a trade.
        vi_price: reference price of the static volatility interruption, won.
        market_code: 1 pre-market, 2 regular, 3 after-market, 5 close; "" in records before 2026-09-14.
    """

    tr_id: str
    ticker: str
    time: datetime
    received_at: datetime
    price: int
    volume: int
    cumulative_volume: int
    cumulative_value: int
    side: Side | None = None
    previous_close: int | None = None
    open: int = 0
    high: int = 0
    low: int = 0
    ask: int = 0
    bid: int = 0
    ask_size: int = 0
    bid_size: int = 0
    total_ask_size: int = 0
    total_bid_size: int = 0
    sell_volume: int = 0
    buy_volume: int = 0
    trading_strength: float | None = None
    halted: bool = False
    hour_code: str = "0"
    vi_price: int = 0
    market_code: str = ""

    @property
    def is_expected(self) -> bool:
        """Whether this is the expected outcome of an auction and nothing has been traded."""
        return self.hour_code not in _CONTINUOUS

    @classmethod
    def from_fields(cls, tr_id: str, values: Sequence[str], received_at: datetime) -> Trade:
        """Read a record; a field that is not as documented raises `FrameError`, which names it."""
        figures = fv.wholes(_TRADE_NUMBERS(values)) or tuple(
            fv.whole(tr_id, values, index, blank=None if index in _TRADE_NEEDED else 0) for index in _TRADE_NUMBER_INDEX
        )
        (price, volume, cumulative_volume, cumulative_value, *rest) = figures
        (opening, high, low, ask, bid, ask_size, bid_size, all_asks, all_bids, sold, bought, vi_price) = rest
        return cls(
            tr_id,
            fv.code(tr_id, values, 0),
            fv.instant(tr_id, values, 1, received_at, 33),
            received_at,
            price,
            volume,
            cumulative_volume,
            cumulative_value,
            _SIDE.get(values[21]),
            _previous_close(tr_id, values, price),
            opening,
            high,
            low,
            ask,
            bid,
            ask_size,
            bid_size,
            all_asks,
            all_bids,
            sold,
            bought,
            fv.decimal(tr_id, values, 18),
            values[35] == "Y",
            values[43],
            vi_price,
            values[46] if len(values) > 46 and tr_id in _HAS_MARKET_CODE else "",
        )

    def to_fields(self, length: int | None = None, others: dict[str, str] | None = None) -> list[str]:
        """The record in the layout of `length` fields, by default the newest.

        Args:
            length: 46 or 47 for KRX trades.
            others: fields that this record does not hold, by name, such as `STCK_CNTG_HOUR`'s neighbours
                `PRDY_VRSS_SIGN` "1" at the upper limit; without it they are neutral.
        """
        change = 0 if self.previous_close is None else self.price - self.previous_close
        rate = change / self.previous_close * 100 if self.previous_close else 0.0
        average = self.cumulative_value / self.cumulative_volume if self.cumulative_volume else 0.0
        side = "CCLD_DVSN" if "CCLD_DVSN" in TABLES[self.tr_id].fields else "CNTG_CLS_CODE"
        known = {
            "MKSC_SHRN_ISCD": self.ticker,
            "STCK_CNTG_HOUR": fv.time_text(self.time),
            "STCK_PRPR": str(self.price),
            "PRDY_VRSS_SIGN": _sign(change),
            "PRDY_VRSS": "" if self.previous_close is None else str(change),
            "PRDY_CTRT": f"{rate:.2f}",
            "WGHN_AVRG_STCK_PRC": f"{average:.2f}",
            "STCK_OPRC": str(self.open),
            "STCK_HGPR": str(self.high),
            "STCK_LWPR": str(self.low),
            "ASKP1": str(self.ask),
            "BIDP1": str(self.bid),
            "CNTG_VOL": str(self.volume),
            "ACML_VOL": str(self.cumulative_volume),
            "ACML_TR_PBMN": str(self.cumulative_value),
            "CTTR": "" if self.trading_strength is None else f"{self.trading_strength:.2f}",
            "SELN_CNTG_SMTN": str(self.sell_volume),
            "SHNU_CNTG_SMTN": str(self.buy_volume),
            side: _SIDE_CODE[self.side],
            "BSOP_DATE": fv.day_text(self.time),
            "TRHT_YN": "Y" if self.halted else "N",
            "ASKP_RSQN1": str(self.ask_size),
            "BIDP_RSQN1": str(self.bid_size),
            "TOTAL_ASKP_RSQN": str(self.total_ask_size),
            "TOTAL_BIDP_RSQN": str(self.total_bid_size),
            "HOUR_CLS_CODE": self.hour_code,
            "VI_STND_PRC": str(self.vi_price),
            "MARKET_CLS_CODE": self.market_code,
        }
        for name, price in (("OPRC", self.open), ("HGPR", self.high), ("LWPR", self.low)):
            known[f"{name}_VRSS_PRPR"] = str(self.price - price)
            known[f"{name}_VRSS_PRPR_SIGN"] = _sign(self.price - price)
        return fv.row(self.tr_id, known, length, others)


class Book(NamedTuple):
    """The ten best prices of each side, best first; a price of 0 won is an empty level.

    Args:
        tr_id, ticker, time, received_at: as in `Trade`; the day of `time` is the one nearest to `received_at`.
        asks, ask_sizes, bids, bid_sizes: won and shares, ten each.
        total_ask_size, total_bid_size: shares of each side.
        hour_code: "0" continuous; A, B, C, D = an auction, whose expected outcome the next two tell.
        expected_price, expected_volume: won and shares, 0 outside auctions.
        cumulative_volume: shares of the day.
    """

    tr_id: str
    ticker: str
    time: datetime
    received_at: datetime
    asks: tuple[int, ...]
    ask_sizes: tuple[int, ...]
    bids: tuple[int, ...]
    bid_sizes: tuple[int, ...]
    total_ask_size: int = 0
    total_bid_size: int = 0
    hour_code: str = "0"
    expected_price: int = 0
    expected_volume: int = 0
    cumulative_volume: int = 0

    @classmethod
    def from_fields(cls, tr_id: str, values: Sequence[str], received_at: datetime) -> Book:
        """Read a record; a field that is not as documented raises `FrameError`, which names it."""
        numbers = (*values[3:45], values[47], values[48], values[53])
        figures = fv.wholes(numbers) or tuple(
            fv.whole(tr_id, values, index, blank=0) for index in (*range(3, 45), 47, 48, 53)
        )
        return cls(
            tr_id,
            fv.code(tr_id, values, 0),
            fv.instant(tr_id, values, 1, received_at),
            received_at,
            figures[:10],
            figures[20:30],
            figures[10:20],
            figures[30:40],
            figures[40],
            figures[41],
            values[2],
            figures[42],
            figures[43],
            figures[44],
        )

    def to_fields(self, length: int | None = None, others: dict[str, str] | None = None) -> list[str]:
        """The record in the layout of `length` fields, by default the newest; `others` as for a trade."""
        known = {
            "MKSC_SHRN_ISCD": self.ticker,
            "BSOP_HOUR": fv.time_text(self.time),
            "HOUR_CLS_CODE": self.hour_code,
            "TOTAL_ASKP_RSQN": str(self.total_ask_size),
            "TOTAL_BIDP_RSQN": str(self.total_bid_size),
            "ANTC_CNPR": str(self.expected_price),
            "ANTC_CNQN": str(self.expected_volume),
            "ACML_VOL": str(self.cumulative_volume),
        }
        columns = {"ASKP": self.asks, "BIDP": self.bids, "ASKP_RSQN": self.ask_sizes, "BIDP_RSQN": self.bid_sizes}
        for name, figures in columns.items():
            known |= {f"{name}{level}": str(figure) for level, figure in zip(range(1, 11), figures, strict=True)}
        return fv.row(self.tr_id, known, length, others)


class MarketState(NamedTuple):
    """The state of an instrument, or of its market, has changed. The record has no time of its own.

    Args:
        tr_id, ticker: as in `Trade`.
        received_at: by our clock.
        halted: trading of the instrument stands still.
        halt_reason: KIS's words, "" if none.
        code: MKOP_CLS_CODE, what the market does; "" if this did not change. `phase` explains it.
        expected_code: ANTC_MKOP_CLS_CODE.
        extension_code: MRKT_TRTM_CLS_CODE: an auction that ends at random, or is extended.
        issue_code: ISCD_STAT_CLS_CODE: 51 administrative, 58 halted, 59 overheated, …
        interrupted: a volatility interruption is on.
        exchange_code: 1 KRX, 2 NXT, "" where the record leaves it out.
    """

    tr_id: str
    ticker: str
    received_at: datetime
    halted: bool = False
    halt_reason: str = ""
    code: str = ""
    expected_code: str = ""
    extension_code: str = ""
    issue_code: str = ""
    interrupted: bool = False
    exchange_code: str = ""

    @property
    def phase(self) -> Phase | None:
        """What this instrument is doing now; None if the record does not tell."""
        if self.halted:
            return Phase.HALTED
        return Phase.VOLATILITY_INTERRUPTION if self.interrupted else PHASES.get(self.code)

    @classmethod
    def from_fields(cls, tr_id: str, values: Sequence[str], received_at: datetime) -> MarketState:
        """Read a record; without a ticker it raises `FrameError`."""
        texts = [fv.text(value) for value in values]
        return cls(
            tr_id=tr_id,
            ticker=fv.code(tr_id, values, 0),
            received_at=received_at,
            halted=texts[1] == "Y",
            halt_reason=texts[2],
            code=texts[3],
            expected_code=texts[4],
            extension_code=texts[5],
            issue_code=texts[7],
            interrupted=texts[8] == "Y",
            exchange_code=texts[10] if len(texts) > 10 else "",
        )

    def to_fields(self, length: int | None = None, others: dict[str, str] | None = None) -> list[str]:
        """The record in the layout of 10 or 11 fields; `others` as for a trade."""
        known = {
            "MKSC_SHRN_ISCD": self.ticker,
            "TRHT_YN": "Y" if self.halted else "N",
            "TR_SUSP_REAS_CNTT": self.halt_reason or "(null)",
            "MKOP_CLS_CODE": self.code,
            "ANTC_MKOP_CLS_CODE": self.expected_code,
            "MRKT_TRTM_CLS_CODE": self.extension_code,
            "ISCD_STAT_CLS_CODE": self.issue_code,
            "VI_CLS_CODE": "Y" if self.interrupted else "N",
            "OVTM_VI_CLS_CODE": "N",
            "EXCH_CLS_CODE": self.exchange_code,
        }
        return fv.row(self.tr_id, known, length, others)


class IndexTick(NamedTuple):
    """The level of an index, with the breadth of its market.

    Args:
        code: of the index (업종코드): 0001 KOSPI, 1001 KOSDAQ, 2001 KOSPI 200.
        time, received_at: as in `Book`.
        level: points.
        change: points against the session before.
        open, high, low: points of the day, None if blank.
        cumulative_volume, cumulative_value: as KIS sends them; their unit is not documented.
        advancers, decliners, unchanged: names, the limit-up and limit-down ones included in the first two.
    """

    tr_id: str
    code: str
    time: datetime
    received_at: datetime
    level: float
    change: float = 0.0
    open: float | None = None
    high: float | None = None
    low: float | None = None
    cumulative_volume: int = 0
    cumulative_value: int = 0
    advancers: int = 0
    decliners: int = 0
    unchanged: int = 0

    @classmethod
    def from_fields(cls, tr_id: str, values: Sequence[str], received_at: datetime) -> IndexTick:
        """Read a record; a field that is not as documented raises `FrameError`, which names it."""
        level = fv.decimal(tr_id, values, 2)
        if level is None:
            raise fv.wrong_field(tr_id, values, 2, "a level")
        change = abs(fv.decimal(tr_id, values, 4) or 0.0)
        counts = [fv.whole(tr_id, values, index, blank=0) for index in (5, 6, 22, 23, 24, 25, 26)]
        volume, value, limit_up, rising, unchanged, falling, limit_down = counts
        return cls(
            tr_id,
            fv.code(tr_id, values, 0),
            fv.instant(tr_id, values, 1, received_at),
            received_at,
            level,
            -change if values[3] in _FALLING else change,
            fv.decimal(tr_id, values, 10),
            fv.decimal(tr_id, values, 11),
            fv.decimal(tr_id, values, 12),
            volume,
            value,
            limit_up + rising,
            limit_down + falling,
            unchanged,
        )

    def to_fields(self, length: int | None = None, others: dict[str, str] | None = None) -> list[str]:
        """The record in wire order; `others` as for a trade. Limit-up names are counted as rising ones."""
        before = self.level - self.change
        known = {
            "BSTP_CLS_CODE": self.code,
            "BSOP_HOUR": fv.time_text(self.time),
            "PRPR_NMIX": f"{self.level:.2f}",
            "PRDY_VRSS_SIGN": _sign(self.change),
            "BSTP_NMIX_PRDY_VRSS": f"{self.change:.2f}",
            "ACML_VOL": str(self.cumulative_volume),
            "ACML_TR_PBMN": str(self.cumulative_value),
            "PRDY_CTRT": f"{self.change / before * 100 if before else 0.0:.2f}",
            "OPRC_NMIX": _points(self.open),
            "NMIX_HGPR": _points(self.high),
            "NMIX_LWPR": _points(self.low),
            "ASCN_ISSU_CNT": str(self.advancers),
            "STNR_ISSU_CNT": str(self.unchanged),
            "DOWN_ISSU_CNT": str(self.decliners),
        }
        return fv.row(self.tr_id, known, length, others)


MarketRecord: TypeAlias = Trade | Book | MarketState | IndexTick
Record: TypeAlias = MarketRecord | Notice

_READERS: Mapping[str, Callable[[str, Sequence[str], datetime], Record]] = MappingProxyType(
    {
        **dict.fromkeys(TRADES, Trade.from_fields),
        **dict.fromkeys(BOOKS, Book.from_fields),
        **dict.fromkeys(MARKET_STATUSES, MarketState.from_fields),
        **dict.fromkeys(NOTICES, Notice.from_fields),
        INDEX: IndexTick.from_fields,
    }
)


def read_records(frame: DataFrame, received_at: datetime, cipher: NoticeCipher | None = None) -> list[Record]:
    """The typed records of a data frame; all of them, or `FrameError`.

    Args:
        frame: from `frames.read_frame`.
        received_at: aware; gives the day to records that hold only a time.
        cipher: for encrypted frames.
    """
    read = _READERS.get(frame.tr_id)
    rows = records_of(frame, cipher)  # raises for a message that is in no table
    assert read is not None
    return [read(frame.tr_id, values, received_at) for values in rows]


# Places in a trade, in the order in which `Trade.from_fields` takes them.
_TRADE_NUMBER_INDEX = (2, 12, 13, 14, 7, 8, 9, 10, 11, 36, 37, 38, 39, 19, 20, 45)
_TRADE_NUMBERS = itemgetter(*_TRADE_NUMBER_INDEX)
_TRADE_NEEDED = frozenset({2, 12, 13, 14})
_HAS_MARKET_CODE = frozenset(tr_id for tr_id, table in TABLES.items() if "MARKET_CLS_CODE" in table.fields)


def _previous_close(tr_id: str, values: Sequence[str], price: int) -> int | None:
    """The price less the change; the sign code decides, because the change has been seen with and without a sign."""
    sign, change = values[3], values[4]
    if not change:
        return None
    moved = fv.whole(tr_id, values, 4, blank=0, signed=True)
    if sign in _FALLING:
        moved = -abs(moved)
    elif sign in _RISING:
        moved = abs(moved)
    return price - moved if price > moved else None


def _sign(change: float) -> str:
    return "2" if change > 0 else "5" if change < 0 else "3"


def _points(level: float | None) -> str:
    return "" if level is None else f"{level:.2f}"
