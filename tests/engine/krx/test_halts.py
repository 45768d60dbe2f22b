"""Volatility interruptions and the circuit breaker."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadInput, UnknownDate
from engine.krx.halts import (
    breaker_fires,
    breaker_steps,
    dynamic_vi_percent,
    starts_vi,
    static_vi_percent,
    vi_group,
    vi_triggers,
)
from engine.krx.instrument_class import InstrumentClass
from engine.krx.sessions import KST
from engine.krx.tables.interruptions import VIGroup
from engine.krx.tick_size import grid_above, grid_below

KOSPI, KOSDAQ = InstrumentClass.KOSPI_STOCK, InstrumentClass.KOSDAQ_STOCK
DAY = date(2024, 8, 5)


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"{DAY} {clock}").replace(tzinfo=KST)


@pytest.mark.parametrize(
    ("group", "continuous", "closing"),
    [
        (VIGroup.KOSPI200, 3, 2),
        (VIGroup.KOSPI_OTHER, 6, 4),
        (VIGroup.KOSDAQ, 6, 4),
        (VIGroup.FUND_BROAD, 3, 2),
        (VIGroup.FUND_OTHER, 6, 4),
    ],
)
def test_dynamic_rates_by_group_and_phase(group: VIGroup, continuous: int, closing: int) -> None:
    assert dynamic_vi_percent(DAY, group) == dynamic_vi_percent(DAY, group, expiry=True) == continuous
    assert dynamic_vi_percent(DAY, group, closing_call=True) == closing
    assert dynamic_vi_percent(DAY, group, closing_call=True, expiry=True) == 1


def test_groups_follow_class_and_index_membership() -> None:
    assert vi_group(KOSPI, in_kospi200=True) is VIGroup.KOSPI200
    assert vi_group(KOSPI) is VIGroup.KOSPI_OTHER
    assert vi_group(KOSDAQ, in_kospi200=True) is VIGroup.KOSDAQ
    assert vi_group(InstrumentClass.ETF, broad_fund=True) is VIGroup.FUND_BROAD
    assert vi_group(InstrumentClass.KONEX_STOCK) is vi_group(InstrumentClass.ELW) is None


def test_vi_started_in_2014_and_2015() -> None:
    with pytest.raises(UnknownDate):
        dynamic_vi_percent(date(2014, 8, 29), VIGroup.KOSDAQ)
    with pytest.raises(UnknownDate):
        static_vi_percent(date(2015, 6, 12))
    assert static_vi_percent(date(2015, 6, 15)) == 10


@settings(deadline=None)  # the first call compiles
@given(st.integers(1_000, 1_000_000), st.sampled_from((2, 3, 6, 10)))
def test_triggers_are_the_first_grid_prices_that_reach_the_percentage(price: int, percent: int) -> None:
    reference = grid_above(price, DAY, KOSDAQ)
    lower, upper = vi_triggers(reference, percent, DAY, KOSDAQ)
    for trigger in (lower, upper):
        assert abs(trigger - reference) * 100 >= percent * reference
        assert starts_vi(
            trigger, reference_won=reference, percent=percent, last_price_won=reference, day=DAY, kind=KOSDAQ
        ) or (trigger < 1_000)
    inner = [grid_above(lower + 1, DAY, KOSDAQ), grid_below(upper - 1, DAY, KOSDAQ)]
    assert all(abs(inside - reference) * 100 < percent * reference for inside in inner if inside != reference)


@pytest.mark.parametrize(("kind", "free", "caught"), [(KOSPI, 53, 54), (KOSDAQ, 55, 56)])
def test_below_1000_won_a_few_ticks_start_no_vi(kind: InstrumentClass, free: int, caught: int) -> None:
    common = {"reference_won": 50, "percent": 6, "last_price_won": 50, "day": DAY, "kind": kind}
    assert not starts_vi(free, **common)  # type: ignore[arg-type]
    assert starts_vi(caught, **common)  # type: ignore[arg-type]


def test_circuit_breaker_steps_of_each_regime() -> None:
    assert [step.drop_percent for step in breaker_steps(date(2015, 6, 12), "KOSPI")] == [10]
    assert [step.drop_percent for step in breaker_steps(date(2015, 6, 15), "KOSDAQ")] == [8, 15, 20]
    with pytest.raises(BadInput, match="KONEX"):
        breaker_steps(DAY, "KONEX")
    with pytest.raises(UnknownDate):
        breaker_steps(date(1998, 12, 5), "KOSPI")


def test_the_first_step_needs_eight_percent_for_the_whole_minute() -> None:
    previous = 267_619  # 2,676.19 points; 8 % lower is 2,462.09
    step = breaker_fires(at("14:14"), "KOSPI", [246_209, 246_100], previous)
    assert step is not None and (step.halt_minutes, step.auction_minutes, step.ends_day) == (20, 10, False)
    assert breaker_fires(at("14:14"), "KOSPI", [246_210, 246_100], previous) is None
    assert breaker_fires(at("14:14"), "KOSPI", [], previous) is None


def test_later_steps_need_one_percent_below_the_step_before() -> None:
    previous = 100_000
    assert breaker_fires(at("13:00"), "KOSPI", [85_000], previous, fired_at=[85_500]) is None
    second = breaker_fires(at("13:00"), "KOSPI", [84_645], previous, fired_at=[85_500])
    assert second is not None and second.drop_percent == 15
    third = breaker_fires(at("15:25"), "KOSPI", [79_000], previous, fired_at=[91_000, 84_000])
    assert third is not None and third.ends_day
    assert breaker_fires(at("13:00"), "KOSPI", [50_000], previous, fired_at=[91_000, 84_000, 79_000]) is None


def test_the_first_steps_do_not_fire_at_the_start_or_in_the_last_forty_minutes() -> None:
    low = ("KOSPI", [90_000], 100_000)
    assert breaker_fires(at("09:01:59"), *low) is None
    assert breaker_fires(at("09:02"), *low) is not None
    assert breaker_fires(at("14:50"), *low) is not None
    assert breaker_fires(at("14:50:01"), *low) is None
