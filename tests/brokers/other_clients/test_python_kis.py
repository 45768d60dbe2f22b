"""python-kis 2.1.6, as it is on disk, trades at our server.

What it needed: after `import pykis`, the four addresses that it has bound to names are set to the server's
(`pykis.kis.REAL_DOMAIN`, `VIRTUAL_DOMAIN`, `pykis.client.websocket.WEBSOCKET_REAL_DOMAIN`, `WEBSOCKET_VIRTUAL_DOMAIN`);
it has no setting for them. The layout of the stream must be `legacy` (46 and 23 fields), the server's default.
By itself it neither amends nor lists open orders on paper, and says so with NotImplementedError.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pykis
import pykis.client.websocket
import pykis.kis
import pytest
from pykis.responses.exceptions import KisAPIError

from brokers.kis_server.server import ServerThread
from engine.clock import SystemClock
from tests.foreign_bots import TICKER, eventually, world_of_today
from tests.kis_client import Client, example_accounts


class Bot:
    """One user of python-kis with a listener on everything that it streams."""

    def __init__(self, kis: pykis.PyKis, mover: Client) -> None:
        self.kis, self.mover = kis, mover
        self.account, self.stock = kis.account(), kis.stock(TICKER)
        self.trades: list[Any] = []
        self.books: list[Any] = []
        self.notices: list[Any] = []

    def listen(self) -> list[Any]:
        """Subscribe to trades, order book and own executions; returns the tickets."""
        tickets = [
            self.stock.on("price", lambda _, told: self.trades.append(told.response)),
            self.stock.on("orderbook", lambda _, told: self.books.append(told.response)),
            self.account.on("execution", lambda _, told: self.notices.append(told.response)),
        ]
        eventually(lambda: {"H0STCNT0", "H0STASP0", self.notice_id} <= self.registered, "a confirmed subscription")
        return tickets

    @property
    def notice_id(self) -> str:
        return "H0STCNI9" if self.kis.virtual else "H0STCNI0"

    @property
    def registered(self) -> set[str]:
        socket = self.kis.websocket
        sockets = [socket, socket._primary_client] if socket._primary_client else [socket]
        return {tr.id for one in sockets for tr in one._registered_subscriptions}


def auth(environment: str) -> pykis.KisAuth:
    found = next(account for account in example_accounts() if account.environment == environment)
    return pykis.KisAuth(
        id=found.hts_id,
        account=f"{found.number}-01",
        appkey=found.app_key.get_secret_value(),
        secretkey=found.app_secret.get_secret_value(),
        virtual=environment == "paper",
    )


def point_at(server: ServerThread, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REAL_DOMAIN", "VIRTUAL_DOMAIN"):
        monkeypatch.setattr(pykis.kis, name, server.url)
        monkeypatch.setattr(pykis.client.websocket, f"WEBSOCKET_{name}", server.websocket_url)


@pytest.fixture(params=["live", "paper"])
def bot(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bot]:
    pykis.logging.setLevel("CRITICAL")  # it logs to the standard output
    with world_of_today() as (server, mover):
        point_at(server, monkeypatch)
        kis = pykis.PyKis(auth("live"), auth("paper")) if request.param == "paper" else pykis.PyKis(auth("live"))
        yield Bot(kis, mover)
        kis.websocket.disconnect()
        kis.close()


# With the tickets of its user it drops one of its own, for executions abroad, and warns that nobody gave it back.
@pytest.mark.filterwarnings("ignore:Event ticket .*CNI:UserWarning")
def test_it_quotes_orders_cancels_and_reads_its_balance_and_both_streams(bot: Bot) -> None:
    quote = bot.stock.quote()
    assert (quote.price, quote.prev_price, quote.tick) == (10_150, 10_100, 10)
    assert (quote.high_limit, quote.low_limit, quote.market_cap) == (13_130, 7_070, 0)
    assert bot.stock.orderbook().asks[0].price == 10_160
    assert [(bar.open, bar.close) for bar in bot.stock.chart("5d").bars] == [(10_000, 10_100), (10_150, 10_150)]
    assert bot.account.balance().deposits["KRW"].amount == 10_000_000
    tickets = bot.listen()

    waiting = bot.stock.buy(price=9_000, qty=3)
    filling = bot.stock.buy(qty=5)
    assert int(filling.number) == int(waiting.number) + 1
    waiting.cancel()
    eventually(lambda: len(bot.notices) == 3, "the notices of two orders and a cancel")
    assert [(note.receipt, note.quantity) for note in bot.notices] == [(True, 3), (True, 5), (False, 3)]

    bot.mover.advance(steps=1)
    eventually(lambda: len(bot.notices) == 4 and bot.trades and bot.books, "the trade and its notice")
    fill = bot.notices[-1]
    assert (fill.type, fill.executed_qty, fill.price, fill.symbol) == ("buy", 5, 10_000, TICKER)
    assert int(fill.order_number.number) == int(filling.number)
    assert (bot.trades[0].price, bot.trades[0].volume, bot.trades[0].change) == (10_000, 500_000, -100)
    assert bot.trades[0].time.date() == fill.time.date()
    assert (bot.books[0].asks[0].price, bot.books[0].bids[0].price) == (10_010, 9_990)

    (held,) = bot.account.balance().stocks
    assert (held.symbol, held.qty, held.purchase_amount, held.price) == (TICKER, 5, 50_000, 10_000)
    today = SystemClock().now().date()
    orders = {int(order.number): order for order in bot.account.daily_orders(start=today, end=today).orders}
    done = orders[int(filling.number)]
    assert (done.executed_qty, done.executed_amount, done.pending_qty) == (5, 50_000, 0)
    assert orders[int(waiting.number)].executed_qty == 0
    for ticket in tickets:
        ticket.unsubscribe()


def test_it_sells_what_it_has_bought(bot: Bot) -> None:
    bot.stock.buy(qty=5)
    bot.mover.advance(steps=1)
    assert bot.stock.orderable == 5
    bot.stock.sell(price=10_300, qty=2)
    bot.mover.advance(steps=1)
    assert bot.stock.quantity == 3


def test_a_refusal_reaches_it_in_the_words_of_kis(bot: Bot) -> None:
    with pytest.raises(KisAPIError, match="호가단위"):
        bot.stock.buy(price=10_001, qty=1)
    with pytest.raises(KisAPIError, match=r"잔고내역이 없습니다|주문 가능한 수량을 초과"):
        bot.stock.sell(price=10_000, qty=1)


@pytest.mark.parametrize("bot", ["live"], indirect=True)
def test_it_amends_on_live(bot: Bot) -> None:
    order = bot.stock.buy(price=9_000, qty=3)
    assert [(int(one.number), one.pending_qty) for one in bot.account.pending_orders().orders] == [
        (int(order.number), 3)
    ]
    amended = order.modify(price=10_100)
    (open_one,) = bot.account.pending_orders().orders
    assert (int(open_one.number), open_one.price, open_one.qty) == (int(amended.number), 10_100, 3)
    bot.mover.advance(steps=1)
    assert bot.account.pending_orders().orders == []
    (held,) = bot.account.balance().stocks
    assert (held.qty, held.purchase_amount) == (3, 30_300)


@pytest.mark.parametrize("bot", ["live"], indirect=True)
def test_an_expired_token_is_replaced_by_it(bot: Bot) -> None:
    before = bot.kis.token.token
    bot.mover.world("faults", {"now": "token_expired"})
    assert bot.stock.quote().price == 10_150
    assert bot.kis.token.token != before
