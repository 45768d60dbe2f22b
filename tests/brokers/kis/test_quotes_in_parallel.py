"""Many quotes: thirty a call on live, one a call on paper, several calls in flight where the rate is worth it."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest

from brokers.kis.config import load_kis_config
from brokers.kis.errors import CallFailed
from brokers.kis.quotes import KisQuotes
from brokers.kis.rest import KisRest
from brokers.kis.world_clock import WorldClock
from tests.builders_panel import flat, make_panel
from tests.kis_client import Client, make_server
from tests.kis_venue import write_server_keys

NAMES = [f"{number:06}" for number in range(100_000, 100_095)]
PANEL = make_panel({name: flat(10_000 + 10 * place, 4) for place, name in enumerate(NAMES)})


@pytest.mark.parametrize(
    ("environment", "rate", "call", "calls", "most_threads"),
    [
        ("live", 1000, "intstock_multprice", 4, 4),
        ("paper", 1000, "inquire_price", 95, 4),
        ("paper", 1, "inquire_price", 95, 1),
    ],
)
def test_quotes_come_in_the_order_asked_by_as_many_calls_as_the_host_needs(
    tmp_path: Path, environment, rate, call, calls, most_threads
):
    seen: Counter[str] = Counter()
    threads: set[str] = set()

    def look(endpoint, delivery):
        seen[endpoint.name] += 1
        threads.add(threading.current_thread().name)

    with make_server(PANEL) as server, Client(server, environment) as client:
        client.advance(until="open")
        client.world("faults", [{"fault": "slow_answer", "calls": ["reads"], "seconds": 0.02 if rate > 1 else 0}])
        options = {"token_folder": tmp_path / "tokens", "calls_per_second": rate}
        path = write_server_keys(tmp_path, server, client)
        config = load_kis_config(environment, variables={}, path=path, options=options)
        clock = WorldClock(server.url)
        rest = KisRest(config, clock, sleep=clock.sleep, observe=look)
        asked = list(reversed(NAMES))
        quotes = KisQuotes(rest, clock).quotes(asked)
        client.world("faults", [{"fault": "server_error", "calls": ["reads"]}])
        with pytest.raises(CallFailed):
            KisQuotes(rest, clock).quotes(asked[:60])
        rest.close()
        clock.close()
    assert [quote.ticker for quote in quotes] == asked
    assert quotes[0].price == 10_940
    assert set(seen) == {call}
    assert seen[call] >= calls
    assert len(threads) > 1 or most_threads == 1
