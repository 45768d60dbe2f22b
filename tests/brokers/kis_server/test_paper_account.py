"""The paper account of the server: no order before the opening, and none that meets the opening price."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config import BacktestConfig
from tests.builders_panel import make_config, make_panel
from tests.kis_client import Client, make_server

BARS = [(10_000, 10_000, 10_000, 10_000), (10_200, 10_300, 9_800, 10_100), (10_000, 10_400, 9_900, 10_200)]


def bought(environment: str, config: BacktestConfig, until: str, **options: Any) -> tuple[str, int]:
    """The answer to a market order of ten shares, and won paid for them that day."""
    with make_server(make_panel({"005930": BARS}), config, **options) as server, Client(server, environment) as client:
        client.advance(until=until)
        answer = client.order("buy", "005930", 10)
        client.advance(until="evening")
        rows = client.balance()["output1"]
        return answer["rt_cd"], sum(int(row["pchs_amt"]) for row in rows)


def test_paper_takes_orders_from_the_opening_on_and_fills_them_at_the_next_price() -> None:
    assert bought("paper", make_config(), "morning") == ("1", 0)
    assert bought("paper", make_config(), "open") == ("0", 98_000)
    assert bought("paper", make_config(path="high_first"), "open") == ("0", 103_000)


@pytest.mark.parametrize("venue", ["krx", "paper"])
def test_each_account_plays_its_own_venue_whatever_the_configuration_says(venue: str) -> None:
    assert bought("live", make_config(venue=venue), "morning") == ("0", 102_000)
    assert bought("paper", make_config(venue=venue), "open") == ("0", 98_000)


def test_without_order_hours_a_paper_order_of_the_morning_still_meets_nothing_before_the_opening_price() -> None:
    assert bought("paper", make_config(), "morning", order_hours="any") == ("0", 98_000)
    assert bought("live", make_config(), "morning", order_hours="any") == ("0", 102_000)


def test_the_evening_of_the_last_day_can_be_gone_to_from_its_close() -> None:
    with make_server(make_panel({"005930": BARS}), make_config()) as server, Client(server, "paper") as client:
        client.advance(until="close")
        client.advance(until="close")
        assert client.world("clock")["ended"]
        assert client.advance(until="evening")["time"] == "2024-03-06T18:00:00+09:00"
        assert "ended" in client.advance(until="open")["error"]
