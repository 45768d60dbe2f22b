"""Who holds one of the 41 places: by priority, and in turn at the edge."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.kis.ack_codes import ACK_CODES, Reaction, explain_ack
from brokers.kis.backoff import BackOff
from brokers.kis.subscriptions import Subscription, SubscriptionPlan
from engine.errors import BadInput, ConfigError
from tests.builders_kis_stream import NINE


def trades(count: int, start: int = 0) -> list[Subscription]:
    return [Subscription("H0STCNT0", f"{number:06}") for number in range(start, start + count)]


NOTICE = Subscription("H0STCNI0", "htsuser1")


def test_all_are_steady_while_there_are_places() -> None:
    plan = SubscriptionPlan()
    plan.want([*trades(40), NOTICE])
    assert plan.division().is_complete
    assert plan.holders(NINE) == plan.wanted


def test_the_least_important_turn_and_the_rest_waits() -> None:
    plan = SubscriptionPlan(places=5)
    plan.want(trades(3), priority=9)
    plan.want(trades(4, 10), priority=5)
    plan.want(trades(2, 20), priority=1)
    plan.want([NOTICE], priority=1)
    division = plan.division()
    assert division.steady == frozenset([*trades(3), NOTICE])
    assert division.turning == tuple(trades(4, 10))
    assert division.waiting == frozenset(trades(2, 20))
    assert division.turning_places == 1


def test_each_turning_one_gets_its_turn() -> None:
    plan = SubscriptionPlan(places=4, turn=timedelta(seconds=60))
    plan.want(trades(1), priority=9)
    plan.want(trades(7, 10))
    held: dict[Subscription, int] = {}
    for minute in range(7):
        holders = plan.holders(NINE + timedelta(minutes=minute))
        assert len(holders) == 4
        for name in holders:
            held[name] = held.get(name, 0) + 1
    assert held == {**dict.fromkeys(trades(1), 7), **dict.fromkeys(trades(7, 10), 3)}


def test_a_turn_lasts_its_time() -> None:
    plan = SubscriptionPlan(places=1, turn=timedelta(seconds=60))
    plan.want(trades(2))
    first = plan.holders(NINE)
    assert plan.holders(NINE + timedelta(seconds=59)) == first
    assert plan.holders(NINE + timedelta(seconds=60)) != first


def test_raising_the_priority_gives_a_place() -> None:
    plan = SubscriptionPlan(places=1)
    plan.want(trades(2))
    plan.want(trades(1, 1), priority=8)
    assert plan.holders(NINE) == frozenset(trades(1, 1))
    plan.drop(trades(1, 1))
    assert plan.holders(NINE) == frozenset(trades(1))


@given(
    places=st.integers(1, 10),
    groups=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 10)), max_size=4),
    minutes=st.integers(0, 20),
)
def test_places_are_neither_exceeded_nor_wasted(places: int, groups: list[tuple[int, int]], minutes: int) -> None:
    plan = SubscriptionPlan(places)
    for index, (count, priority) in enumerate(groups):
        plan.want(trades(count, 100 * index), priority)
    for minute in range(minutes + 1):
        holders = plan.holders(NINE + timedelta(minutes=minute))
    assert len(holders) == min(places, len(plan.wanted))
    division = plan.division()
    assert division.steady <= holders
    assert not holders & division.waiting


@pytest.mark.parametrize("priority", [0, 11])
def test_a_priority_outside_the_scale_is_refused(priority: int) -> None:
    with pytest.raises(BadInput, match="from 1 to 10"):
        SubscriptionPlan().want(trades(1), priority)


def test_the_hts_id_is_not_shown() -> None:
    assert "htsuser1" not in repr(NOTICE)
    assert "005930" in repr(Subscription("H0STCNT0", "005930"))


def test_waits_double_up_to_a_cap_and_are_repeatable() -> None:
    back_off = BackOff(first_seconds=1, most_seconds=20, spread=0.5)
    waits = [back_off.seconds(failures, np.random.default_rng(7)) for failures in range(1, 9)]
    assert waits == [back_off.seconds(failures, np.random.default_rng(7)) for failures in range(1, 9)]
    for wait, longest in zip(waits, [1, 2, 4, 8, 16, 20, 20, 20], strict=True):
        assert longest / 2 <= wait <= longest
    assert BackOff(spread=0).seconds(10**9, np.random.default_rng(7)) == 60


def test_waits_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError):
        BackOff(first_seconds=5, most_seconds=1)


def test_every_code_explains_itself_in_both_languages() -> None:
    for code in ACK_CODES.values():
        assert code.text("ko") != code.text("en")
    assert explain_ack("OPSP9993", "1").reaction is Reaction.TRY_AGAIN
    assert explain_ack("OPSP7777", "1").reaction is Reaction.TRY_AGAIN
    assert explain_ack("OPSP7777", "0").reaction is Reaction.REGISTERED
