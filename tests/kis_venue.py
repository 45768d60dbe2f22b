"""A small venue that speaks KIS on loopback: orders, list, balance and notices, and every way to lose one of them.

It matches nothing by itself: a test says what fills. `AccountAtKis` puts a broker, its ledger and a venue together.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from brokers.kis.answer import answer_body
from brokers.kis.backoff import BackOff
from brokers.kis.broker import KisBroker
from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.frames import format_data
from brokers.kis.messages import (
    BalanceRow,
    BalanceTotals,
    BuyingPower,
    DailyOrderRow,
    DailyOrderTotals,
    OrderAnswer,
    PeriodProfitRow,
    PriceQuote,
    SellableQuantity,
)
from brokers.kis.notice import AMEND, CANCEL, CONFIRMED, RECEIVED, Notice
from brokers.kis.stream_settings import StreamSettings
from brokers.kis.websocket import RealtimeSocket
from brokers.kis_account import LedgerBooks
from brokers.kis_server.server import ServerThread
from engine.events import CashMoved, CashReason, Event
from engine.ledger.alerts import all_alerts
from engine.ledger.ledger import Ledger, open_ledger
from engine.order import Approved, Order, OrderKind, OrderRequest, Side
from tests.builders_kis_stream import CIPHER
from tests.kis_client import Client
from tests.kis_stream_server import WAIT_SECONDS, StreamServer
from tests.scripted_kis import ACCOUNT, HTS_ID, LIVE_ACCOUNT, Reply, ScriptedKis, Seen, SharedClock, make_rest, said

CASH = 10_000_000
PRICE = 71_900
TICKER = "005930"
OURS = "OpenAPI"
_SIDE_CODE = {Side.SELL: "01", Side.BUY: "02"}


@dataclass(kw_only=True)
class VenueOrder:
    """One order number."""

    number: int
    side: Side
    ticker: str
    quantity: int
    price: int
    kind: str
    sent_at: datetime
    original: int | None = None
    filled: int = 0
    amount: int = 0
    cancelled: int = 0
    rejected: int = 0
    channel: str = OURS

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled - self.cancelled - self.rejected


class Venue:
    """KIS as far as orders go.

    Args:
        host: answers REST calls.
        stream: sends notices; None = there are none.
        clock: of KIS.
        environment: "paper" or "live".
    """

    def __init__(self, host: ScriptedKis, stream: StreamServer | None, clock: SharedClock, environment: str) -> None:
        self.host, self.stream, self.clock, self.environment = host, stream, clock, environment
        self.orders: dict[int, VenueOrder] = {}
        self.holdings: dict[str, tuple[int, int]] = {}
        self.notes: list[Notice] = []
        self.lose: deque[str] = deque()  # of the coming orders: "before" or "after" they are taken; "" = answered
        self.on_order: Callable[[VenueOrder], None] | None = None  # happens before the answer
        self.lists_rows = True
        self.hidden: set[int] = set()  # numbers whose rows do not come, though the sums hold them
        self.overstates = 0  # shares that the sums have beyond the rows
        self.confirms = True  # amends and cancels are told by notice
        self.charged = 0
        self._next = 117_057
        for name, answer in {
            "order_cash": self._order_cash,
            "order_rvsecncl": self._change,
            "inquire_daily_ccld": self._daily_list,
            "inquire_balance": self._balance,
            "inquire_psbl_order": self._power,
            "inquire_psbl_sell": self._sellable,
            "inquire_price": self._price,
            "inquire_period_profit": self._profit,
        }.items():
            host.on(ENDPOINTS[name].path, answer)

    # What a test does -----------------------------------------------------------------------------------------

    def take(self, side: Side, quantity: int, price: int, ticker: str = TICKER, **changes: Any) -> VenueOrder:
        """An order arrives, from us or from elsewhere."""
        order = VenueOrder(
            number=self._next,
            side=side,
            ticker=ticker,
            quantity=quantity,
            price=price,
            kind=changes.pop("kind", "00" if price else "01"),
            sent_at=self.clock.now(),
            **changes,
        )
        self._next += 1
        self.orders[order.number] = order
        return order

    def fill(self, number: int, quantity: int, price: int = PRICE, tell: int = 1) -> None:
        """Shares change hands; `tell` says how often the notice comes."""
        order = self.orders[number]
        order.filled += quantity
        order.amount += quantity * price
        held, cost = self.holdings.get(order.ticker, (0, 0))
        if order.side is Side.BUY:
            self.holdings[order.ticker] = held + quantity, cost + quantity * price
        else:
            self.holdings[order.ticker] = held - quantity, cost * (held - quantity) // held
        for _ in range(tell):
            self.tell(order, quantity=quantity, price=price, filled=True, step=CONFIRMED)

    def reject(self, number: int) -> None:
        """The exchange says no to what KIS had accepted."""
        order = self.orders[number]
        order.rejected = order.remaining
        self.tell(order, refused=True)

    def tell(self, order: VenueOrder, **changes: Any) -> None:
        """A notice about an order."""
        known: dict[str, Any] = {
            "tr_id": "H0STCNI9" if self.environment == "paper" else "H0STCNI0",
            "account": (ACCOUNT if self.environment == "paper" else LIVE_ACCOUNT) + "01",
            "customer": HTS_ID,
            "order_number": self.text(order.number),
            "side": order.side,
            "ticker": order.ticker,
            "quantity": order.quantity,
            "price": order.price,
            "time": self.clock.now().replace(microsecond=0),
            "received_at": self.clock.now(),
            "order_kind": order.kind,
            "order_quantity": order.quantity,
            "order_price": order.price,
            "step": RECEIVED,
        }
        notice = Notice(**(known | changes))
        self.notes.append(notice)
        if self.stream is not None:
            self.stream.send(format_data(notice.tr_id, [notice.to_fields(26)], CIPHER))

    def text(self, number: int) -> str:
        """A number as this environment writes it."""
        return str(number) if self.environment == "paper" else f"{number:010}"

    # What KIS answers -----------------------------------------------------------------------------------------

    def _order_cash(self, seen: Seen) -> Reply:
        lost = self.lose.popleft() if self.lose else ""
        if lost == "before":
            return Reply(reset=True)
        side = Side.BUY if seen.tr_id in ("VTTC0012U", "TTTC0012U") else Side.SELL
        values = seen.values
        order = self.take(
            side, int(values["ORD_QTY"]), int(values["ORD_UNPR"]), values["PDNO"], kind=values["ORD_DVSN"]
        )
        if self.on_order is not None:
            self.on_order(order)
        if lost == "after":
            return Reply(reset=True)
        return self._accepted(order.number)

    def _accepted(self, number: int) -> Reply:
        row = OrderAnswer(branch="00950", order_number=self.text(number), order_time=self.clock.now().time())
        body = answer_body(
            ENDPOINTS["order_cash"], {"output": row}, code="40600000", text="모의투자 매수주문이 완료 되었습니다."
        )
        return Reply(body=body)

    def _change(self, seen: Seen) -> Reply:
        values = seen.values
        order = self.orders.get(int(values["ORGN_ODNO"]))
        if order is None or order.remaining <= 0:
            return said("40330000", "모의투자 정정/취소할 수량이 없습니다.")
        shares = order.remaining if values["QTY_ALL_ORD_YN"] == "Y" else int(values["ORD_QTY"])
        if values["RVSE_CNCL_DVSN_CD"] == "02":
            change = self.take(order.side, shares, 0, order.ticker, original=order.number, kind=order.kind)
            change.cancelled = shares
            request = CANCEL
        else:
            price = int(values["ORD_UNPR"])
            if price % 100:
                self._next += 1
                return said("40030000", "모의투자 주문처리가 안되었습니다(호가단위 오류)")
            change = self.take(order.side, shares, price, order.ticker, original=order.number)
            request = AMEND
        order.cancelled += shares
        if self.confirms:
            self.tell(
                change,
                request=request,
                original_number=self.text(order.number),
                step=CONFIRMED,
                quantity=shares,
                order_quantity=shares,
            )
        return self._accepted(change.number)

    def _daily_list(self, seen: Seen) -> Reply:
        wanted = seen.values
        chosen = [
            order
            for order in self.orders.values()
            if wanted["INQR_STRT_DT"] <= f"{order.sent_at:%Y%m%d}" <= wanted["INQR_END_DT"]
            and wanted["PDNO"] in ("", order.ticker)
            and wanted["SLL_BUY_DVSN_CD"] in ("00", _SIDE_CODE[order.side])
        ]
        rows = [self._row(order) for order in reversed(chosen) if order.number not in self.hidden]
        counted = [order for order in chosen if order.original is None]
        totals = DailyOrderTotals(
            ordered=sum(order.quantity for order in counted),
            filled=sum(order.filled for order in chosen) + self.overstates,
            filled_amount=sum(order.amount for order in chosen),
        )
        blocks = {"output1": rows if self.lists_rows else [], "output2": totals}
        return Reply(body=answer_body(ENDPOINTS["inquire_daily_ccld"], blocks), headers={"tr_cont": "D"})

    def _row(self, order: VenueOrder) -> DailyOrderRow:
        return DailyOrderRow(
            order_date=order.sent_at.date(),
            order_time=order.sent_at.time().replace(microsecond=0),
            branch="00950",
            order_number=self.text(order.number),
            original_number="" if order.original is None else self.text(order.original),
            side_code=_SIDE_CODE[order.side],
            ticker=order.ticker,
            quantity=order.quantity,
            price=order.price,
            filled=order.filled,
            filled_amount=order.amount,
            kind_code=order.kind,
            cancelled_quantity=0 if order.price == 0 and order.original else order.cancelled,
            remaining=order.remaining,
            rejected=order.rejected,
            channel=order.channel,
        )

    def _balance(self, seen: Seen) -> Reply:
        rows = []
        for ticker, (quantity, cost) in self.holdings.items():
            open_sells = sum(
                order.remaining for order in self.orders.values() if (order.ticker, order.side) == (ticker, Side.SELL)
            )
            traded = {
                side: sum(
                    order.filled for order in self.orders.values() if (order.ticker, order.side) == (ticker, side)
                )
                for side in Side
            }
            rows.append(
                BalanceRow(
                    ticker=ticker,
                    quantity=quantity,
                    sellable=quantity - open_sells,
                    cost=cost,
                    bought_today=traded[Side.BUY],
                    sold_today=traded[Side.SELL],
                )
            )
        totals = BalanceTotals(
            deposit=CASH,
            deposit_d1=CASH,
            deposit_d2=CASH,
            stock_value=0,
            total_value=CASH,
            net_assets=CASH,
            costs_today=self.charged,
        )
        blocks = {"output1": rows, "output2": totals}
        return Reply(body=answer_body(ENDPOINTS["inquire_balance"], blocks), headers={"tr_cont": "D"})

    def _power(self, seen: Seen) -> Reply:
        price = int(seen.values["ORD_UNPR"] or 93_400)
        waiting = sum(order.remaining * order.price for order in self.orders.values() if order.side is Side.BUY)
        cash = CASH - waiting
        row = BuyingPower(orderable_cash=cash, cash_amount=cash, cash_quantity=cash // price)
        return Reply(body=answer_body(ENDPOINTS["inquire_psbl_order"], {"output": row}))

    def _sellable(self, seen: Seen) -> Reply:
        ticker = seen.values["PDNO"]
        row = SellableQuantity(ticker=ticker, sellable=self.holdings.get(ticker, (0, 0))[0])
        return Reply(body=answer_body(ENDPOINTS["inquire_psbl_sell"], {"output": row}))

    def _price(self, seen: Seen) -> Reply:
        ticker = seen.values["FID_INPUT_ISCD"]
        if ticker == "999990":
            return said("MCA05918", "종목코드 오류입니다.")
        row = PriceQuote(
            ticker=ticker,
            price=PRICE,
            change=100,
            change_sign="5",
            volume=1_000,
            upper_limit=93_400,
            lower_limit=50_400,
        )
        return Reply(body=answer_body(ENDPOINTS["inquire_price"], {"output": row}))

    def _profit(self, seen: Seen) -> Reply:
        row = PeriodProfitRow(
            trade_date=self.clock.now().date(), bought=0, sold=0, realized_profit=0, fees=self.charged, taxes=0
        )
        return Reply(body=answer_body(ENDPOINTS["inquire_period_profit"], {"output1": [row]}), headers={"tr_cont": "D"})


@dataclass(kw_only=True)
class AccountAtKis:
    """A broker with its ledger, and the venue behind it."""

    broker: KisBroker
    venue: Venue
    ledger: Ledger
    clock: SharedClock
    told: list[Event] = field(default_factory=list)

    def submit(
        self,
        quantity: int = 10,
        side: Side = Side.BUY,
        price: int | None = PRICE,
        ticker: str = TICKER,
        **options: Any,
    ) -> Any:
        """Send an order as if risk had checked it."""
        kind = OrderKind.MARKET if price is None else OrderKind.LIMIT
        request = OrderRequest(ticker=ticker, side=side, quantity=quantity, kind=kind, price=price)
        return self.broker.submit(Approved(value=request, checked_at=self.clock.now()), **options)

    def hear(self) -> None:
        """Take all notices that the venue has sent, and do what is due."""
        deadline = time.monotonic() + WAIT_SECONDS
        book = self.broker.followed.notices
        while time.monotonic() < deadline:
            self.told += self.broker.poll(0.02)
            if self.venue.stream is None or self.broker.records_taken >= len(self.venue.notes):
                self.told += self.broker.poll(0.0)
                return
        raise AssertionError(
            f"{self.broker.records_taken} of {len(self.venue.notes)} notices arrived; {book.repeated} repeated"
        )

    def let_pass(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass, a second at a time."""
        for _ in range(round(seconds / step)):
            self.clock.sleep(step)
            self.hear()

    def order(self, order_id: str) -> Order:
        """One order of the ledger."""
        found = self.ledger.order(order_id)
        assert found is not None
        return found

    @property
    def only(self) -> Order:
        """The only order there is."""
        (found,) = LedgerBooks(self.ledger).orders_of(self.clock.now().date())
        return found

    def alerts(self) -> list[str]:
        """Codes of the alerts, in order."""
        return [alert.code for alert in all_alerts(self.ledger)]

    def of(self, kind: type) -> list[Any]:
        """The events of a kind that were told."""
        return [event for event in self.told if isinstance(event, kind)]


@contextlib.contextmanager
def account_at_kis(
    folder: Path,
    environment: str = "paper",
    *,
    notices: bool = True,
    clock: SharedClock | None = None,
    venue_of: AccountAtKis | None = None,
    **options: Any,
) -> Iterator[AccountAtKis]:
    """A broker at a venue; `venue_of` starts the broker anew at the venue and with the ledger of another one."""
    with contextlib.ExitStack() as stack:
        clock = clock or (venue_of.clock if venue_of else SharedClock())
        if venue_of is None:
            host = ScriptedKis(clock)
            stack.callback(host.close)
            stream = stack.enter_context(StreamServer()) if notices else None
            venue = Venue(host, stream, clock, environment)
        else:
            venue = venue_of.venue
        rest = make_rest(folder, venue.host, clock, environment, **options)
        ledger = open_ledger(folder / "ledger.db", clock)
        stack.callback(ledger.close)
        if venue_of is None:
            ledger.append(CashMoved(time=clock.now(), reason=CashReason.DEPOSIT, amount=CASH))
        pause = threading.Event()
        socket = None
        if venue.stream is not None:
            socket = RealtimeSocket(
                url=venue.stream.url,
                approval_key=lambda renew: "approval",
                clock=clock,
                generator=np.random.default_rng(1),
                settings=StreamSettings(poll_seconds=0.01, spacing_seconds=0.0),
                back_off=BackOff(spread=0),
                sleep=lambda seconds: pause.wait(0.01),
            )
        broker = KisBroker(rest, LedgerBooks(ledger), clock, stream=socket, sleep=clock.sleep)
        stack.callback(broker.close)
        account = AccountAtKis(broker=broker, venue=venue, ledger=ledger, clock=clock)
        broker.start(wait_seconds=WAIT_SECONDS)
        account.told += broker.poll(0.0)
        if venue_of is not None:
            broker.intake.records_taken = len(venue.notes)
        yield account


def write_server_keys(folder: Path, server: ServerThread, client: Client) -> Path:
    """The official configuration file of a client's account at a KIS-compatible server."""
    live = client.environment == "live"
    keys = ("my_app", "my_sec", "my_acct_stock") if live else ("paper_app", "paper_sec", "my_paper_stock")
    values = dict(zip(keys, (client.app_key, client.app_secret, client.number), strict=True))
    values |= {"my_htsid": client.hts_id, "my_prod": "01", "prod": server.url, "vps": server.url}
    values |= {"ops": server.websocket_url, "vops": server.websocket_url}
    path = folder / "kis_devlp.yaml"
    path.write_text("".join(f'{key}: "{value}"\n' for key, value in values.items()), encoding="utf-8")
    path.chmod(0o600)
    return path
