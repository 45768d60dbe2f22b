"""Reports explain themselves in Korean and English, and settings that make no sense are refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from brokers.kis.frames import FrameError
from brokers.kis.stream_reports import (
    BadFrame,
    DivisionChange,
    Gap,
    GapReason,
    LinkChange,
    LinkState,
    Report,
    SubscriptionRefused,
)
from brokers.kis.stream_settings import StreamSettings
from brokers.kis.subscriptions import Subscription, SubscriptionPlan
from engine.errors import BadInput, ConfigError
from tests.builders_kis_stream import NINE

NAMES = tuple(Subscription("H0STCNT0", f"{number:06}") for number in range(7))
LATER = NINE + timedelta(seconds=40)


def division_of(places: int) -> DivisionChange:
    plan = SubscriptionPlan(places)
    plan.want(NAMES)
    return DivisionChange(division=plan.division(), at=NINE)


@pytest.mark.parametrize(
    ("report", "korean", "english"),
    [
        (
            Gap(reason=GapReason.DISCONNECTED, subscriptions=NAMES, since=NINE, until=LATER),
            "09:00:00–09:00:40, 연결이 끊겼던 동안: H0STCNT0 000000",
            "and 2 more",
        ),
        (
            Gap(reason=GapReason.JUMP, subscriptions=NAMES[:1], since=NINE, until=LATER, lost=1234),
            "(1,234 주)",
            "shares",
        ),
        (
            LinkChange(state=LinkState.LOST, at=NINE, why="cut", failures=2, wait_seconds=4),
            "4초 뒤 3번째",
            "attempt 3 in 4 s",
        ),
        (LinkChange(state=LinkState.CONNECTED, at=NINE), "연결됨", "connected"),
        (
            SubscriptionRefused(subscription=NAMES[0], code="OPSP8993", message="invalid tr_key", at=NINE),
            "설정과 종목을 확인",
            "check the configuration",
        ),
        (division_of(41), "실시간 7건 모두 등록", "All 7 subscriptions"),
        (division_of(5), "0건 고정, 7건이 5자리를 교대", "7 take turns on 5"),
        (BadFrame(error=FrameError("too short", where="payload"), at=NINE), "읽을 수 없는", "too short"),
    ],
)
def test_a_report_speaks_both_languages(report: Report, korean: str, english: str) -> None:
    assert korean in report.text()
    assert english in report.text("en")


def test_a_gap_needs_aware_times() -> None:
    with pytest.raises(BadInput, match="no time zone"):
        Gap(reason=GapReason.TURN, subscriptions=NAMES, since=NINE.replace(tzinfo=None), until=NINE)


@pytest.mark.parametrize("change", [{"poll_seconds": 0}, {"spacing_seconds": -1}, {"ping_seconds": 60}])
def test_settings_that_make_no_sense_are_refused(change: dict) -> None:
    with pytest.raises(ConfigError):
        StreamSettings(**change)
