"""Bad input, from both sides, through the adapter and a server on loopback: each becomes the right one of refused,
unknown and unavailable, with its code, its meaning and the next step in Korean and English."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from brokers.kis.answer import answer_body
from brokers.kis.broker import KisBroker
from brokers.kis.config import KisConfig, load_kis_config
from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.errors import BadAnswer, CallFailed, CallRefused, CallUnavailable, WrongEnvironment
from brokers.kis.messages import BalanceRow, BalanceTotals
from brokers.kis.outcome import Failure, FailureKind
from brokers.kis.refusal_text import explain_refusal
from brokers.kis.rest import KisRest
from brokers.kis.world_clock import WorldClock
from brokers.kis_account import LedgerBooks
from brokers.kis_server.server import ServerThread
from engine.broker import Accepted, RefusedByVenue, Unavailable, Unknown
from engine.clock import Clock
from engine.errors import BadInput
from engine.ledger.ledger import Ledger, open_ledger
from engine.order import Approved, OrderKind, OrderRequest, OrderStatus, RefusalReason, Side
from tests.builders_panel import make_config, make_panel
from tests.kis_client import Client, make_server
from tests.kis_venue import account_at_kis, write_server_keys
from tests.scripted_kis import Reply, good

TICKER, HALTED = "005930", "000660"
BARS = [(10_000, 10_200, 9_900, 10_100), (10_150, 10_500, 10_000, 10_400), (10_300, 10_600, 10_250, 10_500)]
SHARES = 1_000_000


class ShiftedClock:
    """A machine whose clock is wrong."""

    def __init__(self, clock: Clock, shift: timedelta) -> None:
        self._clock, self._shift = clock, shift

    def now(self) -> datetime:
        return self._clock.now() + self._shift


@dataclasses.dataclass
class Trader:
    """An adapter with its ledger."""

    broker: KisBroker
    rest: KisRest
    ledger: Ledger
    clock: Any
    client: Client

    def submit(self, quantity: int = 1, price: int | None = 10_000, ticker: str = TICKER, side: Side = Side.BUY) -> Any:
        kind = OrderKind.MARKET if price is None else OrderKind.LIMIT
        request = OrderRequest(ticker=ticker, side=side, quantity=quantity, kind=kind, price=price)
        return self.broker.submit(Approved(value=request, checked_at=self.clock.now()))

    def advance(self, **how: Any) -> None:
        self.client.session.post(f"{self.client.url}/_world/advance", json=how).raise_for_status()
        self.clock.refresh()

    def use(self, *rules: dict[str, Any]) -> None:
        self.client.session.post(f"{self.client.url}/_world/faults", json=list(rules)).raise_for_status()


@pytest.fixture
def server() -> Iterator[ServerThread]:
    panel = make_panel({TICKER: BARS, HALTED: [BARS[0], "halt", BARS[1]]})
    shares = np.full((len(BARS), 2), SHARES, np.int64)
    with make_server(dataclasses.replace(panel, shares=shares), make_config(), enrol=False) as running:
        yield running


@contextlib.contextmanager
def trader_at(
    folder: Path, server: ServerThread, environment: str, shift: timedelta = timedelta(0), **changes: Any
) -> Iterator[Trader]:
    """An adapter at the server whose clock is wrong by `shift`; `changes` are made to its configuration."""
    client = Client(server, environment)
    path = write_server_keys(folder, server, client)
    options = {"token_folder": folder / "tokens", "calls_per_second": 1000}
    config: KisConfig = load_kis_config(environment, variables={}, path=path, options=options)  # type: ignore[arg-type]
    with contextlib.ExitStack() as stack:
        stack.callback(client.session.close)
        world = WorldClock(server.url)
        stack.callback(world.close)
        used = ShiftedClock(world, shift)
        rest = KisRest(config.model_copy(update=changes), used, sleep=world.sleep)
        ledger = open_ledger(folder / "ledger.db", used)
        stack.callback(ledger.close)
        broker = KisBroker(rest, LedgerBooks(ledger), used, sleep=world.sleep)
        stack.callback(broker.close)
        yield Trader(broker, rest, ledger, world, client)


@pytest.fixture(params=["live", "paper"])
def environment(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def trader(tmp_path: Path, server: ServerThread, environment: str) -> Iterator[Trader]:
    with trader_at(tmp_path, server, environment) as opened:
        opened.advance(until="open")
        yield opened


def check_refusal(outcome: object, code: str, reason: RefusalReason, *words: str) -> None:
    """It is refused, with this code and reason, and both languages say what it means and what to do."""
    assert isinstance(outcome, RefusedByVenue), outcome
    assert (outcome.code, outcome.reason) == (code, reason)
    check_words(explain_refusal(outcome, "ko"), explain_refusal(outcome, "en"), code, *words)


def check_failure(failure: Failure, kind: FailureKind, code: str, *words: str) -> None:
    """It failed in this way, with this code, and both languages say what it means and what to do."""
    assert (failure.kind, failure.code) == (kind, code)
    check_words(failure.describe("ko"), failure.describe("en"), code, *words)


def check_words(korean: str, english: str, code: str, *words: str) -> None:
    assert code in korean and code in english
    assert any("가" <= letter <= "힣" for letter in korean) and korean.rstrip().endswith(".")
    for word in words:
        assert word in english, english


def failure_of(call: Any) -> Failure:
    with pytest.raises(CallFailed) as caught:
        call()
    return caught.value.failure


# Keys, accounts, tokens ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "code", "word"),
    [
        ("app_key", "x" * 36, "EGW00103", "app key missing or invalid"),
        ("app_secret", "x" * 180, "EGW00105", "app secret missing or invalid"),
    ],
)
def test_a_wrong_key_is_refused(
    tmp_path: Path, server: ServerThread, environment: str, field: str, value: str, code: str, word: str
) -> None:
    with trader_at(tmp_path, server, environment, **{field: SecretStr(value)}) as trader:
        failure = failure_of(trader.broker.account)
        check_failure(failure, FailureKind.REFUSED, code, word, "Check the app key and the app secret.")
        trader.clock.sleep(61)  # nobody asks for a token twice within a minute
        check_refusal(trader.submit(), code, RefusalReason.VENUE, word)
        (order,) = trader.ledger.open_orders() or [trader.broker.orders(trader.clock.now().date())[0]]
        assert order.status is OrderStatus.REFUSED


def test_a_wrong_account_is_refused(tmp_path: Path, server: ServerThread, environment: str) -> None:
    with trader_at(tmp_path, server, environment, account=SecretStr("70000009")) as trader:
        trader.advance(until="open")
        failure = failure_of(trader.broker.account)
        check_failure(failure, FailureKind.REFUSED, "OPSQ2000", "wrong account number", "Check the account number")
        check_refusal(trader.submit(), "OPSQ2000", RefusalReason.VENUE, "wrong account number")
        assert server.server.world.accounts.keys() == {"60000001", "50000001"}


@pytest.mark.parametrize(
    ("environment", "code", "word"),
    [("live", "EGW02006", "a live call with a paper key"), ("paper", "EGW02004", "app key of the other environment")],
)
def test_a_key_of_the_other_environment_is_refused(
    tmp_path: Path, server: ServerThread, environment: str, code: str, word: str
) -> None:
    other = Client(server, "paper" if environment == "live" else "live")
    other.session.close()
    keys = {"app_key": SecretStr(other.app_key), "app_secret": SecretStr(other.app_secret)}
    with trader_at(tmp_path, server, environment, **keys) as trader:
        trader.advance(until="open")
        check_failure(failure_of(trader.broker.account), FailureKind.REFUSED, code, word)
        check_refusal(trader.submit(), code, RefusalReason.VENUE, word)


def test_a_paper_account_never_reaches_the_live_host(tmp_path: Path, server: ServerThread) -> None:
    with trader_at(tmp_path, server, "paper", rest_url="https://openapi.koreainvestment.com:9443") as trader:
        with pytest.raises(WrongEnvironment, match=r"stopped before it was sent.*geoul kis doctor"):
            trader.submit()
        (order,) = trader.broker.orders(trader.clock.now().date())
        assert order.status is OrderStatus.NOT_SENT
        trader.clock.sleep(61)
        with pytest.raises(WrongEnvironment):
            trader.broker.account()


def test_an_expired_token_makes_an_order_unavailable_and_a_read_ask_again(trader: Trader) -> None:
    trader.broker.account()
    trader.client.session.post(f"{trader.client.url}/_world/faults", json={"now": "token_expired"})
    outcome = trader.submit()
    assert isinstance(outcome, Unavailable)
    assert "EGW00123" in outcome.text and "기간이 만료된 토큰" in outcome.text and "새 토큰" in outcome.text
    trader.clock.sleep(61)  # tokens are issued once a minute
    assert trader.broker.account().orderable > 0
    assert isinstance(trader.submit(), Accepted)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_off_by_an_hour_loses_no_order(
    tmp_path: Path, server: ServerThread, environment: str, hours: int
) -> None:
    with trader_at(tmp_path, server, environment, timedelta(hours=hours)) as trader:
        trader.advance(until="open")
        trader.broker.account()
        difference = trader.rest.clock_difference
        assert difference is not None and abs(difference + timedelta(hours=hours)) < timedelta(seconds=5)
        trader.use({"fault": "lost_answer", "calls": ["order_cash"], "times": 1})
        outcome = trader.submit()
        assert isinstance(outcome, Unknown) and "다시 보내지 말고" in outcome.text
        trader.clock.sleep(2)
        trader.broker.poll(0.0)
        (order,) = trader.broker.orders(trader.clock.now().date())
        assert order.status is OrderStatus.OPEN  # found by what it is, and by KIS's own clock


# Orders ----------------------------------------------------------------------------------------------------

# What a rule of the exchange forbids: the order, code on live, code on paper, reason, words.
FORBIDDEN: dict[str, tuple[dict[str, Any], str, str, RefusalReason, str]] = {
    "price off the tick": ({"price": 10_001}, "APBK9001", "40030000", RefusalReason.BAD_PRICE, "off the tick"),
    "price beyond the limit": ({"price": 20_000}, "APBK9002", "40990001", RefusalReason.BAD_PRICE, "beyond the limits"),
    "halted": ({"ticker": HALTED}, "APBK9003", "40070000", RefusalReason.NOT_TRADABLE, "trad"),
    "unknown": ({"ticker": "999990"}, "APBK0656", "40070000", RefusalReason.NOT_TRADABLE, "trad"),
    "beyond the largest order": (
        {"quantity": SHARES, "price": 10_000},
        "APBK9006",
        "40990004",
        RefusalReason.VENUE,
        "change the order",
    ),
    "beyond the cash": ({"quantity": 2_000}, "APBK0952", "40990002", RefusalReason.NOT_ENOUGH_CASH, "not enough cash"),
    "not held": ({"side": Side.SELL}, "APBK0400", "40240000", RefusalReason.NOT_HELD, "Change the order"),
}


@pytest.mark.parametrize("case", FORBIDDEN)
def test_what_the_exchange_forbids_is_refused_and_stays_refused(trader: Trader, environment: str, case: str) -> None:
    order, live, paper, reason, word = FORBIDDEN[case]
    check_refusal(trader.submit(**order), live if environment == "live" else paper, reason, word)
    (booked,) = trader.broker.orders(trader.clock.now().date())
    assert booked.status is OrderStatus.REFUSED
    assert trader.broker.account().orderable == 10_000_000


@pytest.mark.parametrize(
    ("until", "live", "paper"),
    [(None, "APBK0919", "40580000"), ("morning", "", "40570000"), ("evening", "APBK0919", "40580000")],
)
def test_outside_sessions_an_order_is_refused(
    tmp_path: Path, server: ServerThread, environment: str, until: str | None, live: str, paper: str
) -> None:
    with trader_at(tmp_path, server, environment) as trader:
        if until:
            trader.advance(until="morning")
        if until == "evening":
            trader.advance(until="evening")
        outcome = trader.submit()
        code = live if environment == "live" else paper
        if not code:
            assert isinstance(outcome, Accepted)  # the opening call of live trading
            return
        check_refusal(outcome, code, RefusalReason.MARKET_CLOSED, "Order again during the session")


@pytest.mark.parametrize("quantity", [0, -1])
def test_no_shares_are_no_order(quantity: int) -> None:
    with pytest.raises(BadInput, match="ask for at least 1"):
        OrderRequest(ticker=TICKER, side=Side.BUY, quantity=quantity, kind=OrderKind.LIMIT, price=10_000)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"quantity": 10**10}, RefusalReason.VENUE),
        ({"ticker": "0593"}, RefusalReason.NOT_TRADABLE),
        ({"ticker": "KR7005930003"}, RefusalReason.NOT_TRADABLE),
        ({"price": 10**19}, RefusalReason.BAD_PRICE),
    ],
)
def test_what_no_wire_can_carry_never_leaves(trader: Trader, order: dict[str, Any], reason: RefusalReason) -> None:
    outcome = trader.submit(**order)
    check_refusal(outcome, "", reason)
    assert " · " in outcome.text  # Korean and English
    assert not trader.broker.orders(trader.clock.now().date())


# What comes back -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["server_error", "server_error_after", "broken_json", "lost_answer", "lost_request"])
def test_a_page_a_half_json_and_a_broken_line_are_unknown_for_an_order_and_unavailable_for_a_read(
    trader: Trader, fault: str
) -> None:
    trader.use({"fault": fault, "calls": ["orders"]}, {"fault": fault, "calls": ["inquire_balance"]})
    outcome = trader.submit()
    assert isinstance(outcome, Unknown)
    assert "다시 보내지 말고 주문 내역과 체결통보에서 먼저 찾으세요" in outcome.text
    (order,) = trader.ledger.unresolved_orders()
    assert order.status is OrderStatus.UNKNOWN
    check_refusal(trader.submit(), "", RefusalReason.UNRESOLVED_ORDER, "geoul kis resolve")
    with pytest.raises(CallUnavailable) as caught:
        trader.broker.positions()
    check_failure(caught.value.failure, FailureKind.UNAVAILABLE, "", "Try again later")
    page = fault.startswith("server_error")
    assert ("HTML page" in caught.value.failure.describe("en")) is page


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"pdno": TICKER, "ord_psbl_qty": "1", "pchs_amt": "10"}, "hldg_qty"),
        ({"pdno": TICKER, "hldg_qty": "", "ord_psbl_qty": "1", "pchs_amt": "10"}, "hldg_qty"),
        ({"pdno": TICKER, "hldg_qty": "1", "ord_psbl_qty": "1", "pchs_amt": "1.000,00"}, "pchs_amt"),
        ({"hldg_qty": "1", "ord_psbl_qty": "1", "pchs_amt": "10"}, "pdno"),
    ],
)
def test_a_holding_with_a_missing_or_unclear_field_is_an_error_that_names_it(
    tmp_path: Path, row: dict[str, str], field: str
) -> None:
    with account_at_kis(tmp_path, notices=False) as account:
        account.venue.host.on(ENDPOINTS["inquire_balance"].path, good(output1=[row], output2=[]))
        with pytest.raises(BadAnswer, match=f"inquire_balance output1 row 1, field {field}.*geoul kis probe"):
            account.broker.positions()


def test_fields_that_nobody_knows_are_left_out(tmp_path: Path) -> None:
    holding = BalanceRow(ticker=TICKER, quantity=3, sellable=3, cost=30_000)
    totals = BalanceTotals(
        deposit=1, deposit_d1=1, deposit_d2=1, stock_value=0, total_value=1, net_assets=1, costs_today=0
    )
    body: Any = answer_body(ENDPOINTS["inquire_balance"], {"output1": [holding], "output2": totals})
    body |= {"output9": [{"new": 1}], "note": {"deep": [None]}}
    body["output1"][0] |= {"next_year": "7", "nested": {"a": [1]}}
    with account_at_kis(tmp_path, notices=False) as account:
        account.venue.host.on(ENDPOINTS["inquire_balance"].path, Reply(body=body))
        (position,) = account.broker.positions()
        assert (position.ticker, position.quantity, position.cost) == (TICKER, 3, 30_000)


@pytest.mark.parametrize("output", [{}, {"ODNO": ""}, {"ODNO": "12a"}, {"ODNO": "0000000000"}, [], "0000117057", None])
def test_an_accepted_order_without_a_readable_number_is_unknown(tmp_path: Path, output: object) -> None:
    with account_at_kis(tmp_path, notices=False) as account:
        account.venue.host.on(ENDPOINTS["order_cash"].path, good(output=output))
        outcome = account.submit()
        assert isinstance(outcome, Unknown)
        assert "주문번호가 없습니다" in outcome.text and "no order number" in outcome.text
        assert account.only.status is OrderStatus.UNKNOWN


def test_a_truncated_frame_is_reported_in_both_languages_and_the_list_is_asked(tmp_path: Path) -> None:
    told: list[Any] = []
    with account_at_kis(tmp_path) as account:
        account.broker.intake.on_market = told.append
        account.submit()
        stream = account.venue.stream
        assert stream is not None
        stream.send("1|H0STCNI9|001|Zm9v")
        account.venue.fill(account.venue.orders[117_057].number, 10, tell=0)
        account.let_pass(5)
        assert account.only.status is OrderStatus.FILLED
    texts = [(one.text("ko"), one.text("en")) for one in told if hasattr(one, "text")]
    assert any("읽을 수 없는" in korean and "could not be read" in english for korean, english in texts)


def test_a_refused_read_names_what_to_do_even_where_the_code_is_not_known(tmp_path: Path) -> None:
    with account_at_kis(tmp_path, notices=False) as account:
        body = {"rt_cd": "7", "msg_cd": "APBK7777", "msg1": "알 수 없는 거절"}
        account.venue.host.on(ENDPOINTS["inquire_balance"].path, Reply(body=body))
        with pytest.raises(CallRefused) as caught:
            account.broker.positions()
        check_failure(caught.value.failure, FailureKind.REFUSED, "APBK7777", "Read what KIS says")
