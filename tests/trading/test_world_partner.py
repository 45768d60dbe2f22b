"""A served world goes on although frames were on their way to its trader when the line was cut: they never come."""

from __future__ import annotations

from pathlib import Path

import requests

from tests.kis_client import make_server
from tests.trading_world import BEFORE, NAMES, SETTINGS, advance, market, trader_on, write_prompt


def test_frames_that_a_cut_line_has_swallowed_are_not_waited_for(tmp_path: Path) -> None:
    panel, prompt = market(1, 3), write_prompt(tmp_path)
    with (
        make_server(panel, SETTINGS, start=panel.session_date(BEFORE), answer_seconds=15.0) as server,
        trader_on(server, tmp_path / "a", prompt, NAMES, SETTINGS) as running,
    ):
        advance(server, running, "evening")
        stream = server.server.stream
        for key in stream._sent_to:
            stream._sent_to[key] += 3  # counted, and lost on the way
        assert (
            requests.post(f"{server.url}/_world/faults", json={"now": "socket_cut"}, timeout=60).json()["struck"] == 1
        )
        advance(server, running, "evening")
        advance(server, running, "evening")
        assert not running.trading.trader.differences
