"""The guard: nothing leaves for an environment that it does not belong to, whatever was configured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from brokers.kis.channel import Channel
from brokers.kis.endpoint import Area
from brokers.kis.endpoints import ENDPOINTS, LIVE_QUOTATION_IDS
from brokers.kis.environment import LIVE, PAPER, Environment
from brokers.kis.errors import WrongEnvironment
from brokers.kis.outcome import Delivery, Mishap, NotSent
from brokers.kis.rate_limit import RateLimiter
from brokers.kis.transport import HttpTransport
from tests.scripted_kis import APP_KEY, APP_SECRET, SharedClock

TOKEN = SecretStr("token")
LOOPBACK = "http://127.0.0.1:1"


class Recorder(HttpTransport):
    """Sends nothing and notes what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Delivery:
        self.sent.append((url, headers.get("tr_id", "")))
        return NotSent(mishap=Mishap.NO_CONNECTION)


def make_channel(world: Environment, account: Environment, url: str = "") -> tuple[Channel, Recorder]:
    clock, transport = SharedClock(), Recorder()
    channel = Channel(
        environment=world,
        account_environment=account,
        base_url=url or world.rest_url,
        app_key=SecretStr(APP_KEY),
        app_secret=SecretStr(APP_SECRET),
        limiter=RateLimiter(calls_per_second=1000, clock=clock, sleep=clock.sleep),
        transport=transport,
        user_agent="Geoul",
    )
    return channel, transport


ALL_IDS = sorted({tr for call in ENDPOINTS.values() for name in ("live", "paper") for tr in call.known_ids(name)})  # type: ignore[arg-type]
CALLS = [call for call in ENDPOINTS.values() if call.area is not Area.ACCESS]


@pytest.mark.parametrize("url", ["", LOOPBACK])
@pytest.mark.parametrize(("world", "account"), [(LIVE, LIVE), (PAPER, PAPER), (LIVE, PAPER)])
def test_of_all_calls_and_ids_only_those_that_belong_get_through(
    world: Environment, account: Environment, url: str
) -> None:
    """Every call with every TR id, on every way: what gets through is exactly what the tables allow."""
    channel, transport = make_channel(world, account, url)
    through = set()
    for call in CALLS:
        for tr_id in [*ALL_IDS, ""]:
            try:
                channel.send(call, tr_id=tr_id, values={}, token=TOKEN)
                through.add((call.name, tr_id))
            except WrongEnvironment as error:
                assert call.name in str(error) and "before it was sent" in str(error)
    expected = {
        (call.name, tr_id)
        for call in CALLS
        for tr_id in call.known_ids(world.name)
        if world is account or (call.area is Area.QUOTATION and tr_id in LIVE_QUOTATION_IDS)
    }
    assert through == expected
    assert len(transport.sent) == len(expected)
    trading = {tr_id for name, tr_id in through if ENDPOINTS[name].area is Area.ACCOUNT}
    if world is PAPER:
        assert trading and all(tr_id.startswith("V") for tr_id in trading)
    elif account is LIVE:
        assert trading and not any(tr_id.startswith("V") for tr_id in trading)
    else:
        assert not trading


@pytest.mark.parametrize(("world", "other"), [(LIVE, PAPER), (PAPER, LIVE)])
@pytest.mark.parametrize("name", ["order_cash", "inquire_balance", "inquire_price"])
def test_nothing_goes_to_the_other_environments_host(world: Environment, other: Environment, name: str) -> None:
    channel, transport = make_channel(world, world, other.rest_url)
    variant = "buy" if name == "order_cash" else ""
    with pytest.raises(WrongEnvironment, match=f"not of {world.name}"):
        channel.send(ENDPOINTS[name], tr_id=ENDPOINTS[name].tr_id(world.name, variant), values={}, token=TOKEN)
    with pytest.raises(WrongEnvironment):
        channel.ask_access(ENDPOINTS["tokenP"], {"appkey": "a", "appsecret": "b"})
    assert transport.sent == []


def test_a_channel_does_not_show_its_keys() -> None:
    channel, _ = make_channel(LIVE, LIVE)
    assert APP_KEY not in repr(channel) and APP_SECRET not in repr(channel)
