"""One day of a careful program at the KIS server while something goes wrong, and what its books say at the end.

The day: a purchase that is cancelled, one at the market, one that is amended and fills, one that nothing fills; then a
sale of what was bought. The program never sends an order again before it knows that the first one is not there.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from brokers.kis.backoff import BackOff
from brokers.kis.broker import KisBroker
from brokers.kis.config import load_kis_config
from brokers.kis.errors import KisError
from brokers.kis.rest import KisRest
from brokers.kis.stream_settings import StreamSettings
from brokers.kis.websocket import RealtimeSocket
from brokers.kis.world_clock import WorldClock
from brokers.kis_account import LedgerBooks
from brokers.kis_server.access import hash_text
from brokers.kis_server.served_account import ServedAccount
from engine.broker import Accepted, RefusedByVenue, Unavailable, Unknown
from engine.clock import session_of
from engine.events import CashMoved, CashReason
from engine.ledger.alerts import all_alerts
from engine.ledger.ledger import open_ledger
from engine.order import UNRESOLVED, Approved, Order, OrderKind, OrderRequest, OrderStatus, RefusalReason, Side
from tests.builders_panel import make_config, make_panel
from tests.kis_client import Client, make_server
from tests.kis_venue import write_server_keys

CASH = 10_000_000
CANCELLED, MARKET, AMENDED, RESTING = NAMES = ("005930", "000660", "035420", "051910")
# The second bar is traded: 10,150 at 09:00, 10,000 at 11:10, 10,500 at 13:20, 10,400 at 15:30.
BARS = [(10_000, 10_200, 9_900, 10_100), (10_150, 10_500, 10_000, 10_400), (10_300, 10_600, 10_250, 10_500)]
WAIT_SECONDS = 20
READ_SECONDS = 5.0
LOOKS = (1, 1, 2, 4, 8, 15, 30, 15)  # seconds between two looks, beyond the last one of the search
_QUIET_LOOKS = 15
_TRIES = 8
_A_MINUTE = 61


class Books(NamedTuple):
    """What a ledger says that must not depend on accidents: orders that never left are not among it."""

    orders: tuple[tuple[str, str, int, str, int, int], ...]
    positions: tuple[tuple[str, int, int], ...]
    cash: int


class FaultyDay:
    """A broker with its ledger at a server of its own.

    Args:
        stack: closes everything.
        folder: for the ledger, keys and tokens.
        environment: "live" or "paper".
        read_seconds: patience of the adapter, in real time.
    """

    def __init__(
        self, stack: contextlib.ExitStack, folder: Path, environment: str, read_seconds: float = READ_SECONDS
    ) -> None:
        panel = make_panel(dict.fromkeys(NAMES, BARS))
        self.server = stack.enter_context(make_server(panel, make_config(cash_won=CASH, costs=True), seed=3))
        self.clock = WorldClock(self.server.url, fresh_seconds=3600.0)  # moved by nobody but this program
        stack.callback(self.clock.close)
        self.client = Client(self.server, environment)
        stack.callback(self.client.session.close)
        path = write_server_keys(folder, self.server, self.client)
        options = {"token_folder": folder / "tokens", "calls_per_second": 1000, "read_seconds": read_seconds}
        config = load_kis_config(environment, variables={}, path=path, options=options)  # type: ignore[arg-type]
        self.rest = KisRest(config, self.clock, sleep=self._pass)
        self.ledger = open_ledger(folder / "ledger.db", self.clock)
        stack.callback(self.ledger.close)
        self.ledger.append(CashMoved(time=self.clock.now(), reason=CashReason.DEPOSIT, amount=CASH))
        self.socket = RealtimeSocket(
            url=config.websocket_url,
            approval_key=lambda renew: self.rest.approval_key().get_secret_value(),
            clock=self.clock,
            generator=np.random.default_rng(1),
            settings=StreamSettings(poll_seconds=0.01, spacing_seconds=0.0),
            back_off=BackOff(spread=0),
            sleep=lambda seconds: time.sleep(0.01),
        )
        self.books_of_broker = LedgerBooks(self.ledger)
        self.broker = KisBroker(self.rest, self.books_of_broker, self.clock, stream=self.socket, sleep=self._pass)
        stack.callback(self.broker.close)
        self.broker.start(wait_seconds=WAIT_SECONDS)
        self.advance(until="open")
        self.hear()
        self.broker.sellable(MARKET)  # the first call about an account compiles its exchange
        self.numbers: dict[str, str] = {}
        self.lag = 0.0

    # Time and news ------------------------------------------------------------------------------------------

    def advance(self, **how: Any) -> None:
        """Move the world."""
        answer = self.client.session.post(f"{self.server.url}/_world/advance", json=how)
        assert answer.status_code == 200, answer.text
        self.clock.refresh()

    def _pass(self, seconds: float) -> None:
        self.advance(to=(self.clock.now() + timedelta(seconds=max(seconds, 0.001))).isoformat())

    def let_pass(self) -> None:
        """Let time pass until nothing is left to find out, at most longer than the longest search."""
        for seconds in LOOKS:
            self._pass(seconds)
            self.hear()
            if not self.broker.reconciler.undecided and not self.broker.followed.unsettled:
                return

    def ask(self) -> None:
        """The question more that a careful program has: what has become of its orders of the day."""
        with contextlib.suppress(KisError):  # a list that cannot be had now is asked for again
            self.broker.orders(session_of(self.clock.now()))

    def hear(self) -> None:
        """Take all that is on its way; what was lost on it is given up after a while of silence."""
        deadline, quiet = time.monotonic() + WAIT_SECONDS, 0
        while time.monotonic() < deadline and quiet < _QUIET_LOOKS:
            had = self._arrived
            self.broker.poll(0.02)
            if self._arrived >= self.server.server.stream.frames(hash_text(self.client.app_key)):
                break
            quiet = quiet + 1 if self._arrived == had else 0
        while not self.broker.channel.is_up and time.monotonic() < deadline:
            self.broker.poll(0.02)  # the socket was cut; it comes back by itself
        self.broker.poll(0.0)

    @property
    def _arrived(self) -> int:
        return self.broker.records_taken + self.socket.status().bad_frames

    # What goes wrong ----------------------------------------------------------------------------------------

    def use(self, *rules: dict[str, Any]) -> None:
        """Replace the faults in force."""
        answer = self.client.session.post(f"{self.server.url}/_world/faults", json=list(rules))
        assert answer.status_code == 200, answer.text

    def cut_the_socket(self) -> None:
        """Cut the stream now; it comes back by itself."""
        sessions = self.socket.status().sessions
        self.client.session.post(f"{self.server.url}/_world/faults", json={"now": "socket_cut"})
        deadline = time.monotonic() + WAIT_SECONDS
        while self.socket.status().sessions == sessions and time.monotonic() < deadline:
            self.broker.poll(0.02)

    def struck(self, fault: str) -> int:
        """How often a fault has struck."""
        return self.server.server.faults.struck.get(fault, 0)

    # The careful program ------------------------------------------------------------------------------------

    def place(self, ticker: str, side: Side, quantity: int, price: int | None = None) -> None:
        """Send an order; again only if it certainly is not there."""
        kind = OrderKind.MARKET if price is None else OrderKind.LIMIT
        request = OrderRequest(ticker=ticker, side=side, quantity=quantity, kind=kind, price=price)
        for _ in range(_TRIES):
            outcome = self.broker.submit(Approved(value=request, checked_at=self.clock.now()))
            order = self.orders()[-1]
            self.hear()
            if isinstance(outcome, Unknown):
                time.sleep(self.lag)  # what the server still holds back in real time arrives before the search ends
                self.let_pass()
                order = self.ledger.order(order.id) or order
            if isinstance(outcome, RefusedByVenue) or order.status is not OrderStatus.NOT_SENT:
                self.numbers[ticker] = order.id
                return
            assert isinstance(outcome, Unavailable | Unknown)
            self._pass(_A_MINUTE)  # a new token may be that far away
        raise AssertionError(f"the order for {ticker} did not leave in {_TRIES} tries")

    def change(self, ticker: str, what: Callable[[str], Any], done: Callable[[Order], bool]) -> None:
        """Amend or cancel; again only if the broker's list says that nothing has changed."""
        for _ in range(_TRIES):
            order = self.ledger.order(self.numbers[ticker])
            if order is None or order.status in UNRESOLVED or not order.is_active:
                return
            outcome = what(order.order_number)
            self.hear()
            if isinstance(outcome, Accepted):
                return
            time.sleep(self.lag)
            self._pass(_A_MINUTE if isinstance(outcome, Unavailable) else 1)
            self.ask()
            after = self.ledger.order(order.id)
            if after is None or done(after):
                return
        raise AssertionError(f"the order for {ticker} was not changed in {_TRIES} tries")

    def orders(self) -> list[Order]:
        """All orders of the ledger."""
        return list(self.books_of_broker.orders_of(session_of(self.clock.now())))

    def run(self, check: Callable[[str], None], withdrawn: str = CANCELLED) -> None:
        """The whole day; `check` is called after its parts, and `withdrawn` is the ticker whose order is cancelled."""
        self.place(CANCELLED, Side.BUY, 10, 9_000)
        self.place(MARKET, Side.BUY, 5)
        self.place(AMENDED, Side.BUY, 7, 9_500)
        self.place(RESTING, Side.BUY, 4, 9_100)
        self.change(
            AMENDED, lambda number: self.broker.amend(number, price=10_100), lambda order: order.request.price == 10_100
        )
        self.change(withdrawn, self.broker.cancel, lambda order: not order.is_active)
        check("ordered")
        self.advance(until="step")
        self.hear()
        check("bought")
        if self.ledger.positions.get(MARKET):
            self.place(MARKET, Side.SELL, 2)
        self.advance(until="step")
        self.hear()
        check("sold")
        self.advance(until="evening")
        self.hear()
        self.ask()
        self.hear()
        check("closed")

    # What there is at the end -------------------------------------------------------------------------------

    def books(self) -> Books:
        """What the ledger says."""
        orders = [
            (one.request.ticker, one.request.side.value, one.filled, one.status.value, one.filled_amount, one.remaining)
            for one in self.orders()
            if one.status is not OrderStatus.NOT_SENT
        ]
        held = self.ledger.positions.values()
        positions = sorted((one.ticker, one.quantity, one.cost) for one in held if one.quantity)
        return Books(tuple(sorted(orders)), tuple(positions), self.ledger.totals.cash)

    def account(self) -> ServedAccount:
        """The account as the exchange has it."""
        return self.server.server.world.accounts[self.client.number]

    def differences(self) -> list[str]:
        """Where the ledger says something else than the exchange; orders that it calls unknown are left out."""
        account, found = self.account(), []
        unknown = {one.request.ticker for one in self.orders() if one.status in UNRESOLVED}
        served = account.orders.between(*(session_of(self.clock.now()),) * 2)
        for ticker in NAMES:
            for side in Side:
                ours = [one for one in self.orders() if (one.request.ticker, one.request.side) == (ticker, side)]
                there = [one for one in served if (one.ticker, one.side) == (ticker, side) and not one.is_cancel]
                told = sum(one.filled for one in ours), sum(one.filled_amount for one in ours)
                true = sum(map(account.filled, there)), sum(map(account.amount, there))
                if told != true and (told > true or ticker not in unknown):
                    found.append(f"{ticker} {side.value}: {told} shares and won are booked, {true} were traded")
        if not unknown:
            held = {self.server.server.world.market.panel.tickers[col]: account.held(col) for col in account.holdings()}
            booked = {one.ticker: one.quantity for one in self.ledger.positions.values() if one.quantity}
            if held != booked:
                found.append(f"{booked} is booked, {held} is held")
            if account.money().deposit_d2 != self.ledger.totals.cash:
                found.append(f"{self.ledger.totals.cash} won are booked, there are {account.money().deposit_d2}")
            working = sorted(one.remaining for one in self.orders() if one.is_active)
            resting = sorted(account.rest(one) for one in account.open_orders())
            if working != resting:
                found.append(f"{working} shares are open in the books, {resting} at the exchange")
        return found

    def doubled(self) -> list[str]:
        """Tickers of which the exchange was sent more new orders than the day has."""
        served = account_orders(self.account(), self)
        wanted = {CANCELLED: 1, MARKET: 2, AMENDED: 1, RESTING: 1}
        return [ticker for ticker in NAMES if served.count(ticker) > wanted[ticker]]

    def blocked(self) -> list[str]:
        """Tickers whose order nobody knows about."""
        return [one.request.ticker for one in self.orders() if one.status in UNRESOLVED]

    def is_refused(self, ticker: str) -> bool:
        """Whether a further order of a ticker is held back because of one whose fate is not known."""
        request = OrderRequest(ticker=ticker, side=Side.BUY, quantity=1, kind=OrderKind.LIMIT, price=9_000)
        outcome = self.broker.submit(Approved(value=request, checked_at=self.clock.now()))
        return isinstance(outcome, RefusedByVenue) and outcome.reason is RefusalReason.UNRESOLVED_ORDER

    def alerts(self) -> list[str]:
        """Codes of the alerts, in order."""
        return [alert.code for alert in all_alerts(self.ledger)]


def account_orders(account: ServedAccount, day: FaultyDay) -> list[str]:
    """Tickers of the new orders that the exchange was sent, those that it refused later left out."""
    served = account.orders.between(*(session_of(day.clock.now()),) * 2)
    return [one.ticker for one in served if one.original is None and not one.rejected]
