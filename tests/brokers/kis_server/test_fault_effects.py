"""Every fault has the effect that it declares, on the books of the real adapter: none, later, or a blocked ticker.

A careful program trades one day at the server (`tests/faulty_day.py`), once without and once with the fault, which
strikes at every place that its kind has. Every fault of the table is tried: a new one runs at the places of its kind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from brokers.kis_server.faults import FAULTS, Effect, Strikes
from engine.broker import Unknown
from engine.order import Approved, OrderKind, OrderRequest, OrderStatus, Side
from tests.faulty_day import AMENDED, CANCELLED, MARKET, READ_SECONDS, Books, FaultyDay

_IMPATIENT, _BEYOND = 0.4, 0.55  # seconds: when the adapter gives up, and a delay that it does not wait for
# A read is asked for three times before it counts as failed.
_ANSWERS: dict[str, dict[str, Any]] = {
    "limit order": {"calls": ["order_cash"], "times": 1},
    "market order": {"calls": ["order_cash"], "every": 2, "times": 1},
    "amend": {"calls": ["order_rvsecncl"], "times": 1},
    "cancel": {"calls": ["order_rvsecncl"], "every": 2, "times": 1},
    "list": {"calls": ["inquire_daily_ccld"], "times": 4},
    "anything": {"calls": ["all"], "chance": 0.3},
}
_NOTICES: dict[str, dict[str, Any]] = {
    "of a new order": {"times": 1},
    "of an amend": {"every": 5, "times": 1},
    "of a cancel": {"every": 6, "times": 1},
    "of a fill": {"every": 7, "times": 1},
    "of every second step": {"every": 2},
}
PLACES: dict[Strikes, dict[str, dict[str, Any]]] = {
    Strikes.ANSWER: _ANSWERS,
    Strikes.NOTICE: _NOTICES,
    Strikes.SOCKET: _NOTICES,
    Strikes.ORDER: {
        "first": {"times": 1},
        "second": {"every": 2, "times": 1},
        "last": {"every": 5, "times": 1},
        "all": {},
    },
    Strikes.PAGE: {"of one row": {"rows": 1}, "of two rows": {"rows": 2}},
}
# What a fault needs beside its place.
_MORE: dict[str, dict[str, Any]] = {
    "late_answer": {"seconds": _BEYOND, "times": 1},
    "slow_answer": {"seconds": _BEYOND, "times": 1},
    "reordered_answer": {"seconds": 0.02},
    "late_notice": {"seconds": 0.2},
    "early_notice": {"calls": ["orders"]},
}
_NEVER = {("cancel_races_fill", "second"), ("cancel_races_fill", "last")}  # the day has one cancel


def cases() -> Iterator[Any]:
    """(fault, place, rule, environment): every fault at every place of its kind, live and paper by turns."""
    for fault, kind in FAULTS.items():
        for number, (place, rule) in enumerate(PLACES[kind.strikes].items()):
            if (fault, place) in _NEVER:
                continue
            environment = ("live", "paper")[number % 2]
            yield pytest.param(fault, {**rule, **_MORE.get(fault, {})}, environment, id=f"{fault} {place}")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Books]]:
    """The books of a day without faults, by environment and part of the day."""
    found: dict[str, dict[str, Books]] = {}
    for environment in ("live", "paper"):
        with contextlib.ExitStack() as stack:
            day = FaultyDay(stack, tmp_path_factory.mktemp(environment), environment)
            seen: dict[str, Books] = {}

            def keep(part: str, day: FaultyDay = day, seen: dict[str, Books] = seen) -> None:
                seen[part] = day.books()
                assert day.differences() == []

            day.run(keep)
            assert (day.alerts(), day.blocked(), len(seen["closed"].orders)) == ([], [], 5)
            found[environment] = seen
    return found


def checker(day: FaultyDay, fault: str, expected: dict[str, Books]) -> Callable[[str], None]:
    """What is looked at after each part of the day."""
    kind = FAULTS[fault]

    def check(part: str) -> None:
        if kind.effect is not Effect.NONE:
            day.let_pass()
            day.ask()
        elif day.server.server.stream._held_back:
            return  # the notice after which the held one comes has not been sent yet
        assert day.differences() == [], part
        assert day.doubled() == [], part
        if kind.strikes is Strikes.ORDER:
            return  # the exchange itself does something else, and the books follow it at once
        if day.blocked():
            assert kind.effect is Effect.BLOCKED, part
            assert "kis_order_blocked" in day.alerts()
            assert all(day.is_refused(ticker) for ticker in day.blocked())
        else:
            assert day.books() == expected[part], part

    return check


@pytest.mark.parametrize(("fault", "rule", "environment"), list(cases()))
def test_fault_has_its_declared_effect(
    tmp_path: Path, undisturbed: dict[str, dict[str, Books]], fault: str, rule: dict[str, Any], environment: str
) -> None:
    with contextlib.ExitStack() as stack:
        waits = rule.get("seconds") == _BEYOND
        day = FaultyDay(stack, tmp_path, environment, _IMPATIENT if waits else READ_SECONDS)
        day.lag = _BEYOND - _IMPATIENT if waits else 0.0
        day.use({"fault": fault, **rule})
        day.run(checker(day, fault, undisturbed[environment]))
        assert day.struck(fault) >= 1


@pytest.mark.parametrize("environment", ["live", "paper"])
@pytest.mark.parametrize("withdrawn", [CANCELLED, AMENDED])
def test_a_cancel_that_races_a_fill_is_booked_as_the_exchange_decides(
    tmp_path: Path, environment: str, withdrawn: str
) -> None:
    with contextlib.ExitStack() as stack:
        day = FaultyDay(stack, tmp_path, environment)
        day.use({"fault": "cancel_races_fill"})
        day.run(checker(day, "cancel_races_fill", {}), withdrawn)
        assert day.struck("cancel_races_fill") == 1
        (status,) = [one.status for one in day.orders() if one.request.ticker == withdrawn]
        assert status is (OrderStatus.FILLED if withdrawn == AMENDED else OrderStatus.CANCELLED)


@pytest.mark.parametrize("environment", ["live", "paper"])
def test_an_order_that_nothing_tells_of_blocks_its_ticker_until_the_list_has_rows_again(
    tmp_path: Path, undisturbed: dict[str, dict[str, Books]], environment: str
) -> None:
    """The answer lost, all notices lost, the list without rows: its sums alone say that there is something."""
    with contextlib.ExitStack() as stack:
        day = FaultyDay(stack, tmp_path, environment)
        day.use(
            {"fault": "lost_answer", "calls": ["order_cash"], "every": 2, "times": 1},
            {"fault": "lost_notice"},
            {"fault": "empty_output1"},
        )
        check = checker(day, "lost_answer", undisturbed[environment])
        parts: list[str] = []

        def look(part: str) -> None:
            if part == "bought":
                day.use()
                day.advance(to=day.clock.now().replace(hour=11, minute=30).isoformat())  # it is looked for again
                day.hear()
                day.ask()
            elif part == "ordered":
                check(part)
                parts.extend(day.blocked())
                assert day.books().positions == ()

        day.run(look)
        assert parts == [MARKET]
        assert day.blocked() == []
        day.let_pass()
        assert day.differences() == []
        assert day.books().orders == undisturbed[environment]["closed"].orders


def test_a_break_of_the_notices_keeps_an_absent_order_blocked_until_its_day_is_past(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        day = FaultyDay(stack, tmp_path, "live")
        day.place(CANCELLED, Side.BUY, 10, 9_000)
        day.use({"fault": "lost_request", "calls": ["order_cash"], "times": 1})
        request = OrderRequest(ticker=MARKET, side=Side.BUY, quantity=5, kind=OrderKind.MARKET)
        outcome = day.broker.submit(Approved(value=request, checked_at=day.clock.now()))
        assert isinstance(outcome, Unknown)
        day.cut_the_socket()
        day.hear()
        day.let_pass()
        assert (day.blocked(), day.alerts()[-1]) == ([MARKET], "kis_order_blocked")
        assert day.is_refused(MARKET) and not day.is_refused(AMENDED)
        assert day.differences() == []
        day.advance(until="evening")
        day.hear()
        assert day.blocked() == [MARKET]
        day.advance(until="morning")  # of the next day: its list is whole, and nothing can be on its way any more
        day.hear()
        assert day.ledger.unresolved_orders() == []
        assert day.alerts()[-1] == "kis_order_absent"


def test_every_kind_of_fault_has_places() -> None:
    assert set(PLACES) == set(Strikes)
    assert {fault for fault, _ in _NEVER} | set(_MORE) <= set(FAULTS)
    tried = {param.values[0] for param in cases()}
    assert tried == set(FAULTS)
