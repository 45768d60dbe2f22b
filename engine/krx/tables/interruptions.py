"""Volatility interruption (변동성완화장치, VI), circuit breaker (서킷브레이커) and sidecar (사이드카)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from engine.krx.dated import DatedTable, row
from engine.krx.instrument_class import InstrumentClass


class VIGroup(Enum):
    """Groups of issues with one dynamic VI rate each."""

    KOSPI200 = "KOSPI200 constituents"
    KOSPI_OTHER = "other KOSPI stocks"
    KOSDAQ = "KOSDAQ stocks"
    FUND_BROAD = "ETF or ETN on a broad index or bonds, up to 1x either way"
    FUND_OTHER = "other ETF or ETN"


@dataclass(frozen=True, slots=True)
class DynamicVI:
    """Percent away from the last trade at which a dynamic VI starts.

    Attributes:
        continuous: in continuous matching; the after-hours single price session uses it too.
        closing_call: in the closing call auction.
        closing_call_on_expiry: there, for underlyings on the last trading day of their derivatives.
    """

    continuous: int
    closing_call: int
    closing_call_on_expiry: int = 1


DYNAMIC_VI: DatedTable[dict[VIGroup, DynamicVI]] = DatedTable(
    "dynamic VI",
    (
        row(
            "2014-09-01",
            {
                VIGroup.KOSPI200: DynamicVI(3, 2),
                VIGroup.KOSPI_OTHER: DynamicVI(6, 4),
                VIGroup.KOSDAQ: DynamicVI(6, 4),
                VIGroup.FUND_BROAD: DynamicVI(3, 2),
                VIGroup.FUND_OTHER: DynamicVI(6, 4),
            },
            "KP_ENF §41-2, KQ_ENF, PRESS",
            note="the broad fund group was widened on 2026-04-28",
        ),
    ),
)

# Percent away from the last call-auction price of the day (before the open: from the base price).
STATIC_VI_PERCENT: DatedTable[int] = DatedTable(
    "static VI",
    (
        row("2015-06-15", 10, "KP_ENF, KQ_ENF"),
        row("2026-09-14", 10, "KP_DRAFT_2026", "medium", "also in the after-market"),
    ),
)
VI_AUCTION_SECONDS = 120  # plus the random end of the day

# Below this price an indicative price within so many ticks of the last trade starts no VI. Source: KP_ENF
# §41-2(4)6, KQ_ENF.
VI_SMALL_PRICE_WON = 1_000
VI_SMALL_TICKS = {InstrumentClass.KOSPI_STOCK: 3, InstrumentClass.KOSDAQ_STOCK: 5}


@dataclass(frozen=True, slots=True)
class BreakerStep:
    """One step of the circuit breaker.

    Attributes:
        drop_percent: fall of the index against the previous close that must last one minute.
        further_drop_percent: and this much below the index at which the previous step fired; 0 for the first
            step.
        halt_minutes, auction_minutes: all trading stops, then a call auction; 0 when the day ends.
        ends_day: trading does not resume.
        not_in_last_minutes: the step cannot fire this close to the end of the regular session; 0 = any time.
    """

    drop_percent: int
    further_drop_percent: int
    halt_minutes: int
    auction_minutes: int
    ends_day: bool
    not_in_last_minutes: int


_ONE_STEP = (BreakerStep(10, 0, 20, 10, False, 40),)
_THREE_STEPS = (
    BreakerStep(8, 0, 20, 10, False, 40),
    BreakerStep(15, 1, 20, 10, False, 40),
    BreakerStep(20, 1, 0, 0, True, 0),
)
CIRCUIT_BREAKER: dict[str, DatedTable[tuple[BreakerStep, ...]]] = {
    "KOSPI": DatedTable(
        "circuit breaker of KOSPI",
        (row("1998-12-07", _ONE_STEP, "HK"), row("2015-06-15", _THREE_STEPS, "KP_REG §25, KP_ENF §39")),
    ),
    "KOSDAQ": DatedTable(
        "circuit breaker of KOSDAQ",
        (
            row("2001-10-15", _ONE_STEP, "MEM", "low", "the system was ready in October 2001"),
            row("2015-06-15", _THREE_STEPS, "KQ_REG"),
        ),
    ),
}
BREAKER_LASTS_MINUTES = 1  # counted from one minute after the open


@dataclass(frozen=True, slots=True)
class Sidecar:
    """Program orders of one side stop for five minutes; orders of single issues are not touched.

    Attributes:
        future_percent: move of the leading index future against its base price, for one minute.
        index_percent: and of the index itself; 0 = not asked.
    """

    future_percent: int
    index_percent: int


SIDECAR: dict[str, DatedTable[Sidecar]] = {
    "KOSPI": DatedTable("sidecar of KOSPI", (row("1996-11-25", Sidecar(5, 0), "KP_REG", note="start uncertain"),)),
    "KOSDAQ": DatedTable("sidecar of KOSDAQ", (row("2018-12-10", Sidecar(6, 3), "KQ_REG", "medium"),)),
}

# Issues matched by call auctions only, per kind: minutes between auctions. Daily data cannot show it.
PERIODIC_AUCTION_MINUTES: dict[str, DatedTable[int]] = {
    "short-term overheated": DatedTable("short-term overheated issues", (row("2012-11-05", 30, "KP_ENF", "medium"),)),
    "very illiquid": DatedTable("very illiquid issues", (row("2016-06-27", 30, "PRESS, KP_ENF"),)),
    "abnormal surge": DatedTable("issues with an abnormal surge", (row("2017-03-13", 30, "KP_ENF"),)),
    "few listed shares": DatedTable("class shares with few listed shares", (row("2020-09-28", 30, "KP_ENF"),)),
}
