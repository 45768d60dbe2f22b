"""Names and units of the figures of an account, in Korean and English."""

from __future__ import annotations

from collections.abc import Callable

from engine.reports.language import Lang, Text
from engine.trading.health import State

NAMES = {
    "day_loss": Text("오늘 손실", "day loss"),
    "losing_streak": Text("연속 손실 매도", "losing streak"),
    "api_error_rate": Text("API 오류율(5분)", "API errors (5 min)"),
    "api_latency": Text("API 응답 시간(95%)", "API latency (95 %)"),
    "queue_length": Text("대기 중인 시세", "queue of the stream"),
    "feed_age": Text("마지막 수신 뒤", "feed age"),
    "clock_drift": Text("시계 차이", "clock drift"),
    "disk_free": Text("남은 디스크", "disk free"),
    "ledger_size": Text("장부 크기", "ledger size"),
    "differences": Text("장부와 계좌의 차이", "differences to the venue"),
    "unresolved_orders": Text("미확인 주문", "unresolved orders"),
}
STATES = {
    State.GOOD: Text("정상", "good"),
    State.WARNING: Text("주의", "warning"),
    State.BAD: Text("위험", "bad"),
    State.UNKNOWN: Text("–", "–"),
}
_SECONDS = Text("{value:,.1f}초", "{value:,.1f} s")


def _share(value: float, lang: Lang) -> str:
    return f"{value:.2%}"


def _seconds(value: float, lang: Lang) -> str:
    return _SECONDS(lang).format(value=value)


def _bytes(value: float, lang: Lang) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if value >= size:
            return f"{value / size:,.1f} {unit}"
    return f"{value / 1_000:,.1f} kB"


_WORDS: dict[str, Callable[[float, Lang], str]] = {
    "day_loss": _share,
    "api_error_rate": _share,
    "api_latency": _seconds,
    "feed_age": _seconds,
    "clock_drift": _seconds,
    "disk_free": _bytes,
    "ledger_size": _bytes,
}


def value_text(name: str, value: float | None, lang: Lang) -> str:
    """A figure with its unit, "–" where there is none.

    >>> value_text("day_loss", 0.0123, "en"), value_text("disk_free", 3.2e9, "en"), value_text("differences", 1, "en")
    ('1.23%', '3.2 GB', '1')
    """
    if value is None:
        return "–"
    words = _WORDS.get(name)
    return f"{value:,.0f}" if words is None else words(value, lang)
