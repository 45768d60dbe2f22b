"""What differs between live and paper."""

from __future__ import annotations

import pytest

from brokers.kis.endpoints import missing_in
from brokers.kis.environment import ENVIRONMENTS, LIVE, PAPER, is_official


def test_every_call_that_paper_lacks_names_what_takes_its_place() -> None:
    assert set(PAPER.lacks) == set(missing_in("paper"))
    assert all(PAPER.lacks.values())
    assert missing_in("live") == ()


def test_trading_ids_of_paper_begin_with_v_and_those_of_live_do_not() -> None:
    assert PAPER.owns_trading_id("VTTC0012U") and not PAPER.owns_trading_id("TTTC0012U")
    assert LIVE.owns_trading_id("TTTC0012U") and LIVE.owns_trading_id("CTRP6548R")
    assert not LIVE.owns_trading_id("VTTC0012U") and not LIVE.owns_trading_id("")


@pytest.mark.parametrize(
    ("name", "url", "owned"),
    [
        ("live", "https://openapi.koreainvestment.com:9443/uapi", True),
        ("live", "https://openapivts.koreainvestment.com:29443/uapi", False),
        ("live", "https://openapi.koreainvestment.com:29443/uapi", False),
        ("live", "http://openapi.koreainvestment.com:9443/uapi", False),
        ("live", "https://OPENAPI.KOREAINVESTMENT.COM:9443/uapi", True),
        ("live", "https://user@openapi.koreainvestment.com:9443/uapi", True),
        ("paper", "https://openapivts.koreainvestment.com:29443/uapi", True),
        ("paper", "https://openapi.koreainvestment.com:9443/uapi", False),
        ("paper", "https://openapi.koreainvestment.com.:9443/uapi", False),
        ("paper", "ws://ops.koreainvestment.com:31000", True),
        ("paper", "ws://ops.koreainvestment.com:21000", False),
        ("live", "ws://ops.koreainvestment.com:31000", False),
        ("paper", "http://127.0.0.1:8000", True),
        ("live", "http://127.0.0.1:8000", True),
        ("live", "nonsense", False),
    ],
)
def test_an_address_of_kis_belongs_to_exactly_one_environment(name: str, url: str, owned: bool) -> None:
    assert ENVIRONMENTS[name].owns_address(url) is owned


def test_a_name_that_only_ends_like_kis_is_not_kis() -> None:
    assert not is_official("https://evilkoreainvestment.com:9443")
    assert not is_official("https://openapi.koreainvestment.com.evil.example:9443")
