"""Trading hours (KST) of the exchange and of the alternative trading system.

A clock time is written "HH:MM"; a window is (start, end). Days with other hours are in `special_days`.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.krx.dated import DatedTable, row

Window = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RegularHours:
    """The regular session.

    Attributes:
        periods: windows of trading on a weekday, in order.
        saturday: the same on a Saturday; empty when Saturdays are closed.
    """

    periods: tuple[Window, ...]
    saturday: tuple[Window, ...] = ()


REGULAR: DatedTable[RegularHours] = DatedTable(
    "regular trading hours",
    (
        row(
            "1990-01-01",
            RegularHours((("09:40", "11:40"), ("13:20", "15:20")), (("09:40", "11:40"),)),
            "XC",
            "low",
            "one secondary list of hours; Saturday hours assumed to be the morning",
        ),
        row(
            "1995-01-01",
            RegularHours((("09:30", "11:30"), ("13:00", "15:00")), (("09:30", "11:30"),)),
            "XC, HK",
            "medium",
            "HK 1998-12-07 confirms 09:30-11:30; Saturdays traded (data), their hours are recalled",
        ),
        row("1998-12-07", RegularHours((("09:00", "12:00"), ("13:00", "15:00"))), "HK"),
        row("2000-05-22", RegularHours((("09:00", "15:00"),)), "XC"),
        row("2016-08-01", RegularHours((("09:00", "15:30"),)), "KP_REG, KQ_REG, KN_REG, PRESS"),
    ),
)

# Orders are collected and one price opens the day (시가단일가).
OPENING_CALL: DatedTable[Window] = DatedTable(
    "opening call auction",
    (
        row("1998-12-07", ("08:00", "09:00"), "PRESS", "medium"),
        row("2019-04-29", ("08:30", "09:00"), "KP_ENF, PRESS"),
    ),
)

# First broadcast of the indicative opening price.
INDICATIVE_PRICE_FROM: DatedTable[str] = DatedTable(
    "start of the indicative opening price",
    (
        row("1998-12-07", "08:10", "PRESS", "medium"),
        row("2019-04-29", "08:40", "KP_ENF, PRESS"),
        row("2025-03-04", "08:50", "PRESS"),
    ),
)

CLOSING_CALL: DatedTable[Window] = DatedTable(
    "closing call auction",
    (
        row("2000-05-22", ("14:50", "15:00"), "PRESS", "medium"),
        row("2016-08-01", ("15:20", "15:30"), "KP_ENF, PRESS"),
    ),
)


@dataclass(frozen=True, slots=True)
class RandomEnd:
    """A call auction ends at a random moment after its nominal end (임의종료).

    Attributes:
        within_seconds: longest extension.
        from_jump_percent: the extension happens only when the indicative price jumps by this much; 0 =
            always.
    """

    within_seconds: int
    from_jump_percent: int


RANDOM_END: DatedTable[RandomEnd] = DatedTable(
    "random end of call auctions",
    (
        row("2004-01-26", RandomEnd(300, 5), "PRESS", note="KOSPI opening and closing call only"),
        row("2015-06-15", RandomEnd(30, 0), "KP_ENF", "medium", "exact first day inferred"),
    ),
)


@dataclass(frozen=True, slots=True)
class SinglePriceHours:
    """The after-hours single-price session (시간외단일가).

    Attributes:
        window: first and last moment.
        every_minutes: one auction per this many minutes.
        limit_percent: limit around the close of the day, inside the day's own limits.
        without_nextrade_issues: issues that trade on the alternative system that day are left out.
    """

    window: Window
    every_minutes: int
    limit_percent: int
    without_nextrade_issues: bool = False


AFTER_HOURS_SINGLE_PRICE: DatedTable[SinglePriceHours | None] = DatedTable(
    "after-hours single price session",
    (
        row("2005-05-30", SinglePriceHours(("15:30", "18:00"), 30, 5), "PRESS"),
        row("2014-09-01", SinglePriceHours(("15:30", "18:00"), 10, 10), "PRESS, KP_REG"),
        row("2016-08-01", SinglePriceHours(("16:00", "18:00"), 10, 10), "KP_ENF"),
        row("2025-03-04", SinglePriceHours(("16:00", "18:00"), 10, 10, True), "KP_ENF"),
        row("2026-09-14", None, "KP_DRAFT_2026, FIELD_2026_09", note="abolished for the after-market"),
    ),
)

# Trades at the previous close (장개시전 시간외종가).
PRE_HOURS_CLOSE_PRICE: DatedTable[Window] = DatedTable(
    "pre-hours closing price session",
    (
        row("2005-05-30", ("07:30", "08:30"), "PRESS", "medium"),
        row("2019-04-29", ("08:30", "08:40"), "KP_REG"),
    ),
)

# Trades at the close of the day (장종료후 시간외종가); orders are taken from ten minutes before since 2016.
AFTER_HOURS_CLOSE_PRICE: DatedTable[Window] = DatedTable(
    "after-hours closing price session",
    (
        row("2005-05-30", ("15:10", "15:30"), "PRESS, MEM", "medium"),
        row("2016-08-01", ("15:40", "16:00"), "KP_ENF"),
    ),
)

# Continuous matching after the close (애프터마켓); it never changes the official close. No market orders, no
# ETF or ETN.
AFTER_MARKET: DatedTable[Window | None] = DatedTable(
    "after-market of the exchange",
    (
        row("1990-01-01", None, "KP_REG"),
        row("2026-09-14", ("16:00", "20:00"), "KP_DRAFT_2026, FIELD_2026_09"),
    ),
)

BLOCK_TRADING: DatedTable[tuple[Window, ...]] = DatedTable(
    "off-hours block trading",
    (
        row("2016-08-01", (("07:30", "09:00"), ("15:40", "18:00")), "PRESS", "medium"),
        row("2019-04-29", (("08:00", "09:00"), ("15:40", "18:00")), "KP_REG"),
        row("2026-09-14", (("08:00", "09:00"), ("15:40", "20:00")), "KP_DRAFT_2026"),
    ),
)

# Minutes between KONEX call auctions; 0 = continuous matching, limit and market orders only.
KONEX_AUCTION_MINUTES: DatedTable[int] = DatedTable(
    "matching on KONEX",
    (row("2013-07-01", 30, "MEM", "medium"), row("2014-06-30", 0, "KN_REG, KN_ENF")),
)


@dataclass(frozen=True, slots=True)
class NextradeHours:
    """Hours of the alternative trading system (넥스트레이드), which never sets the close or the base price.

    Attributes:
        pre_market, main_market, after_market: windows of continuous matching; main starts 30 seconds late.
        after_market_orders_from: orders wait from here and meet in one auction when the after-market starts.
        closing_price_market: window of matching at the exchange's close.
    """

    pre_market: Window
    main_market: Window
    after_market: Window
    after_market_orders_from: str
    closing_price_market: Window


NEXTRADE: DatedTable[NextradeHours] = DatedTable(
    "hours of the alternative trading system",
    (
        row(
            "2025-03-04",
            NextradeHours(("08:00", "08:50"), ("09:00:30", "15:20"), ("15:40", "20:00"), "15:30", ("15:30", "16:00")),
            "PRESS, FIELD_2026_09",
            note="no pre-market on 2025-03-04",
        ),
    ),
)
