"""mojito2 0.1.6, as it is on disk, trades at our server.

What it needed: `KoreaInvestment.set_base_url` is replaced before an object is made, because the address is a literal
there and the constructor asks for a token at once; the working directory is a fresh one, because the token is kept in
`token.dat` of it. `KoreaInvestmentWS` is a process whose address is a local variable: a subclass wraps `connect` of
its module `websockets` in `run`, inside that process, and sets `base_url` for the approval key. It subscribes the
notices of live accounts only. The layout of the stream must be `legacy` (46 and 23 fields), the server's default.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mojito
import mojito.koreainvestment
import pytest

from tests.foreign_bots import TICKER, WAIT_SECONDS, eventually, world_of_today
from tests.kis_client import Client, example_accounts


class RedirectedStream(mojito.KoreaInvestmentWS):
    """Its stream, connected to `address` instead of KIS."""

    address = ""

    def run(self) -> None:
        websockets = mojito.koreainvestment.websockets
        connect = websockets.connect
        websockets.connect = lambda _, **options: connect(self.address, **options)  # in the process of the stream
        super().run()


class Bot:
    """One user of mojito."""

    def __init__(self, environment: str, mover: Client) -> None:
        self.mover = mover
        found = next(account for account in example_accounts() if account.environment == environment)
        self.keys = found.app_key.get_secret_value(), found.app_secret.get_secret_value()
        self.hts_id = found.hts_id
        self.api = mojito.KoreaInvestment(*self.keys, f"{found.number}-01", mock=environment == "paper")

    def number(self, answer: Any) -> tuple[str, str]:
        assert answer["rt_cd"] == "0", answer
        return answer["output"]["KRX_FWDG_ORD_ORGNO"], answer["output"]["ODNO"]


@pytest.fixture(params=["live", "paper"])
def bot(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bot]:
    monkeypatch.chdir(tmp_path)
    with world_of_today() as (server, mover):
        monkeypatch.setattr(
            mojito.KoreaInvestment, "set_base_url", lambda self, mock=True: setattr(self, "base_url", server.url)
        )
        yield Bot(request.param, mover)


def test_it_quotes_and_reads_candles(bot: Bot) -> None:
    price = bot.api.fetch_price(TICKER)["output"]
    assert (price["stck_prpr"], price["stck_mxpr"], price["aspr_unit"]) == ("10150", "13130", "10")
    candles = bot.api.fetch_ohlcv(TICKER, start_day="20240101", end_day="20991231")["output2"]
    assert [row["stck_clpr"] for row in candles if row] == ["10150", "10100"]
    assert bot.api.fetch_ohlcv_recent30(TICKER)["output"][0]["stck_clpr"] == "10150"
    minutes = bot.api._fetch_today_1m_ohlcv(TICKER, "153000")
    assert minutes["output2"][0]["stck_cntg_hour"] == "090000"


def test_it_orders_amends_cancels_and_reads_its_balance(bot: Bot) -> None:
    assert bot.api.check_buy_order(TICKER, 10_000, "00")["output"]["nrcvb_buy_qty"] == "1000"
    branch, number = bot.number(bot.api.create_limit_buy_order(TICKER, 9_000, 3))
    branch, amended = bot.number(bot.api.modify_order(branch, number, "00", 9_500, 3, True))
    assert int(amended) == int(number) + 1
    bot.number(bot.api.cancel_order(branch, amended, 3, True))
    assert bot.api.cancel_order(branch, amended, 3, True)["rt_cd"] != "0"
    bot.number(bot.api.create_market_buy_order(TICKER, 5))
    bot.mover.advance(steps=1)
    bot.number(bot.api.create_limit_sell_order(TICKER, 10_300, 2))
    bot.mover.advance(steps=1)
    (held,) = bot.api.fetch_balance()["output1"]
    assert (held["pdno"], held["hldg_qty"], held["pchs_amt"]) == (TICKER, "3", "30000")
    (totals,) = bot.api.fetch_balance()["output2"]
    assert int(totals["prvs_rcdl_excc_amt"]) == 10_000_000 - 50_000 + 20_600


def test_a_refusal_reaches_it_in_the_words_of_kis(bot: Bot) -> None:
    answer = bot.api.create_limit_buy_order(TICKER, 10_001, 1)
    assert answer["rt_cd"] in ("1", "7")
    assert "호가단위" in answer["msg1"]


def test_it_pages_to_the_end_of_a_long_balance(bot: Bot) -> None:
    bot.mover.world("faults", [{"fault": "page_break", "calls": ["inquire_balance"], "rows": 1}])
    for ticker in (TICKER, "000660"):
        bot.number(bot.api.create_market_buy_order(ticker, 1))
    bot.mover.advance(steps=1)
    assert sorted(row["pdno"] for row in bot.api.fetch_balance()["output1"]) == ["000660", TICKER]


def test_its_token_is_kept_and_used_by_the_next_object(bot: Bot) -> None:
    again = mojito.KoreaInvestment(*bot.keys, "60000001-01")
    assert again.access_token == bot.api.access_token
    assert Path("token.dat").exists()


@pytest.mark.parametrize("bot", ["live"], indirect=True)
def test_its_stream_brings_trades_order_book_and_its_own_notices(bot: Bot) -> None:
    stream = RedirectedStream(*bot.keys, ["H0STCNT0", "H0STASP0"], [TICKER], user_id=bot.hts_id)
    stream.base_url = bot.api.base_url
    stream.address = f"ws{bot.api.base_url.removeprefix('http')}"
    stream.start()
    try:
        eventually(lambda: sum(map(len, bot.mover.server.server.stream._heard.values())) == 3, "a subscription")
        bot.number(bot.api.create_market_buy_order(TICKER, 5))
        bot.mover.advance(steps=1)
        told = [stream.queue.get(timeout=WAIT_SECONDS) for _ in range(4)]
    finally:
        stream.terminate()
        stream.join(WAIT_SECONDS)
        stream.queue.close()
    kinds = [kind for kind, _ in told]
    assert sorted(kinds) == sorted(["체잔", "체결", "호가", "체잔"])
    (trade,) = [said for kind, said in told if kind == "체결"]
    assert (trade["유가증권단축종목코드"], trade["주식현재가"], trade["누적거래량"]) == (TICKER, "10000", "500000")
    (book,) = [said for kind, said in told if kind == "호가"]
    assert (book["매도호가01"], book["매수호가01"]) == ("10010", "9990")
    accepted, filled = [said for kind, said in told if kind == "체잔"]
    assert (accepted["체결여부"], accepted["주문수량"], accepted["계좌번호"]) == ("1", "5", "6000000101")
    assert (filled["체결여부"], filled["체결수량"], filled["체결단가"]) == ("2", "5", "10000")
    assert filled["주문번호"] == accepted["주문번호"]
