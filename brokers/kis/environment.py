"""What differs between KIS's live trading (실전) and its paper trading (모의): this table, and nothing elsewhere.

Source: official samples koreainvestment/open-trading-api (885dd4e, 2026-07-09) for hosts, TR ids and missing calls;
the rate limits are those of KIS's notice of 2026-04-20 (18 and 1 calls a second) with head-room, and configurable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

EnvironmentName = Literal["live", "paper"]

OFFICIAL_DOMAIN = "koreainvestment.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One of the two worlds behind the same interface.

    Args:
        name: "live" or "paper", as in Geoul's configuration.
        korean: what KIS calls it.
        rest_url: base address of its REST calls.
        websocket_url: base address of its stream.
        rest_key: key of the official configuration file that overrides `rest_url`.
        websocket_key: the same for `websocket_url`.
        trading_prefix: first letters of every TR id that reads or changes an account; "" = any but the other's.
        exchanges: where orders may go.
        session_only: orders are taken from 09:00 to 15:30 and at no other time.
        calls_per_second: default of the rate limiter.
        page_rows: rows of one page, by call.
        streams: TR ids of the stream; None = all of them.
        fill_stream: TR id of the account's own fills.
        lacks: calls that do not exist here, and what answers the question instead.
    """

    name: EnvironmentName
    korean: str
    rest_url: str
    websocket_url: str
    rest_key: str
    websocket_key: str
    trading_prefix: str
    exchanges: frozenset[str]
    session_only: bool
    calls_per_second: float
    page_rows: Mapping[str, int]
    streams: frozenset[str] | None
    fill_stream: str
    lacks: Mapping[str, str]

    def owns_trading_id(self, tr_id: str) -> bool:
        """Whether a TR id of an order or an account belongs here: those of paper begin with V, the others do not."""
        if self.trading_prefix:
            return tr_id.startswith(self.trading_prefix)
        return bool(tr_id) and not tr_id.startswith(PAPER.trading_prefix)

    def offers_stream(self, tr_id: str) -> bool:
        """Whether the stream has this message here."""
        return self.streams is None or tr_id in self.streams

    def owns_address(self, url: str) -> bool:
        """Whether a request for this environment may go to `url`.

        An address of KIS must be exactly this environment's own. Any other host is a server of the user's choice.
        """
        asked = urlsplit(url)
        if not is_official(url):
            return bool(asked.hostname)
        own = urlsplit(self.rest_url if asked.scheme in ("http", "https") else self.websocket_url)
        return (asked.scheme, asked.hostname, asked.port) == (own.scheme, own.hostname, own.port)


def is_official(url: str) -> bool:
    """Whether an address is KIS's own.

    >>> is_official("https://openapi.koreainvestment.com:9443"), is_official("http://127.0.0.1:8000")
    (True, False)
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    return host == OFFICIAL_DOMAIN or host.endswith("." + OFFICIAL_DOMAIN)


LIVE = Environment(
    name="live",
    korean="실전투자",
    rest_url="https://openapi.koreainvestment.com:9443",
    websocket_url="ws://ops.koreainvestment.com:21000",
    rest_key="prod",
    websocket_key="ops",
    trading_prefix="",
    exchanges=frozenset({"KRX", "NXT", "SOR"}),
    session_only=False,
    calls_per_second=15.0,
    page_rows=MappingProxyType({"inquire_balance": 50, "inquire_daily_ccld": 100, "inquire_psbl_rvsecncl": 50}),
    streams=None,
    fill_stream="H0STCNI0",
    lacks=MappingProxyType({}),
)

_OWN_FILLS = "computed from the account's own fills in the ledger"
_LIVE_QUOTES = "a live app key for quotations (quotes: live)"

PAPER = Environment(
    name="paper",
    korean="모의투자",
    rest_url="https://openapivts.koreainvestment.com:29443",
    websocket_url="ws://ops.koreainvestment.com:31000",
    rest_key="vps",
    websocket_key="vops",
    trading_prefix="V",
    exchanges=frozenset({"KRX"}),
    session_only=True,
    calls_per_second=1.0,
    page_rows=MappingProxyType({"inquire_balance": 20, "inquire_daily_ccld": 15}),
    streams=frozenset({"H0STCNT0", "H0STASP0", "H0STCNI9"}),
    fill_stream="H0STCNI9",
    lacks=MappingProxyType(
        {
            "inquire_psbl_rvsecncl": "the account's own open orders, its notices and inquire_daily_ccld",
            "inquire_psbl_sell": "ord_psbl_qty of inquire_balance",
            "inquire_account_balance": "the totals of inquire_balance",
            "inquire_balance_rlz_pl": _OWN_FILLS,
            "inquire_period_profit": _OWN_FILLS,
            "inquire_period_trade_profit": _OWN_FILLS,
            "inquire_price_2": "inquire_price",
            "inquire_time_dailychartprice": f"minutes recorded on the day itself, or {_LIVE_QUOTES}",
            "intstock_multprice": f"inquire_price, one ticker a call, or {_LIVE_QUOTES}",
            "volume_rank": f"a ranking of the names that are watched, or {_LIVE_QUOTES}",
            "fluctuation": f"a ranking of the names that are watched, or {_LIVE_QUOTES}",
            "market_cap": f"hts_avls of inquire_price, or {_LIVE_QUOTES}",
            "inquire_index_price": "the first block of inquire_daily_indexchartprice",
            "chk_holiday": "the exchange calendar of Geoul",
            "inquire_vi_status": f"vi_cls_code of inquire_price, or {_LIVE_QUOTES}",
            "search_info": "the list of instruments",
            "search_stock_info": "the list of instruments",
        }
    ),
)

ENVIRONMENTS: Mapping[str, Environment] = MappingProxyType({"live": LIVE, "paper": PAPER})
