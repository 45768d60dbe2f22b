"""Hard limits that exist only in real time: hours, age of data and plan, orders per minute and day, the price of now.

What a backtest can decide is decided by the compiled risk check before an order comes here. Exits are never held back
by a limit about new risk; one bound holds for them, larger than that of purchases: a fuse against a loop that runs
away. An exit beyond it waits, see `OrderDesk`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from engine.clock import Clock, in_seoul, session_of
from engine.config import RiskLimits
from engine.krx.sessions import is_session, session_hours
from engine.ledger.canonical import unstamp
from engine.ledger.ledger import Ledger
from engine.ledger.rows import ACCOUNT, orders_of_account
from engine.order import OrderKind, OrderRequest, OrderStatus, RefusalReason, Refused, Side
from engine.reports.language import Lang, Text

EXITS_A_PURCHASE = 5  # the bound of exits where the configuration gives only that of purchases
MINUTE = timedelta(seconds=60)
CLOSED = Text("{time:%m-%d %H:%M}에는 장이 열려 있지 않습니다", "the market is closed at {time:%m-%d %H:%M}")
RESTRICTED = Text("{ticker}은(는) 거래 제한 종목입니다", "{ticker} is on the restricted list")
STALE_DATA = Text(
    "{age:,}초 동안 체결 시세가 없습니다(한도 {most:,}초)", "no trade was heard of for {age:,} s (limit {most:,} s)"
)
STALE_PLAN = Text(
    "판단이 {age:,}분 전의 것입니다(한도 {most:,}분)", "the decision is {age:,} minutes old (limit {most:,} minutes)"
)
TOO_FAR = Text(
    "{price:,}원은 현재가 {last:,}원에서 {most:.1%} 넘게 떨어져 있습니다",
    "{price:,} won is more than {most:.1%} from the last price, {last:,} won",
)
TOO_MANY = Text(
    "{count:,}건을 이미 보냈습니다(한도 {most:,}건, {span})", "{count:,} were sent (limit {most:,}, {span})"
)
SPANS = {"minute": Text("1분", "one minute"), "day": Text("하루", "one day")}


class LimitsGate:
    """An `OrderGate` for the trader's thread.

    Args:
        ledger: of the account; orders are counted in it, so a restart forgets none.
        clock: of the venue's world.
        limits: hard limits.
        lang: of texts.
    """

    def __init__(self, ledger: Ledger, clock: Clock, limits: RiskLimits, lang: Lang = "ko") -> None:
        self._ledger, self._clock, self._limits = ledger, clock, limits
        self._lang: Lang = lang
        self._heard = clock.now()  # before the first trade: since when we have been listening
        self._prices: dict[str, int] = {}

    def on_trade(self, ticker: str, price: int) -> None:
        """A trade of the stream."""
        self._heard = self._clock.now()
        self._prices[ticker] = price

    def check(self, request: OrderRequest) -> Refused[OrderRequest] | None:
        """None lets it pass."""
        now = self._clock.now()
        if request.side is Side.BUY:
            refused = self._of_new_risk(request, now)
            if refused is not None:
                return refused
        return self._rate(request, now)

    def _of_new_risk(self, request: OrderRequest, now: datetime) -> Refused[OrderRequest] | None:
        limits, told = self._limits, RefusalReason
        hours = session_hours(session_of(now)) if is_session(session_of(now)) else None
        if hours is None or not (hours.opening_call or hours.periods[0])[0] <= now < hours.periods[-1][1]:
            return self._refused(request, told.MARKET_CLOSED, CLOSED, time=in_seoul(now))
        if request.ticker in limits.restricted:
            return self._refused(request, told.RESTRICTED, RESTRICTED, ticker=request.ticker)
        most = limits.max_data_age_seconds
        silent = int((now - max(self._heard, hours.periods[0][0])).total_seconds())
        if most is not None and silent > most:
            return self._refused(request, told.STALE_DATA, STALE_DATA, age=silent, most=most)
        most, old = limits.max_plan_age_minutes, self._age_of(request.decision_id, now)
        if most is not None and old > timedelta(minutes=most):
            minutes = int(old.total_seconds()) // 60
            return self._refused(request, told.STALE_PLAN, STALE_PLAN, age=minutes, most=most)
        return self._distance(request)

    def _age_of(self, decision_id: str, now: datetime) -> timedelta:
        """How long ago a decision was written down; one that is being made now has no age."""
        query = "SELECT recorded_at FROM decisions WHERE run_id = ? AND decision_id = ?"
        row = self._ledger.connection.execute(query, (ACCOUNT, decision_id)).fetchone()
        return now - unstamp(row[0]) if row else timedelta()

    def _distance(self, request: OrderRequest) -> Refused[OrderRequest] | None:
        most, last = self._limits.max_price_distance, self._prices.get(request.ticker)
        if most is None or last is None or request.kind is OrderKind.MARKET or request.price is None:
            return None
        if abs(request.price - last) <= most * last:
            return None
        return self._refused(request, RefusalReason.PRICE_TOO_FAR, TOO_FAR, price=request.price, last=last, most=most)

    def _rate(self, request: OrderRequest, now: datetime) -> Refused[OrderRequest] | None:
        per_minute, per_day = self._bounds(request.side)
        if per_minute is None and per_day is None:
            return None
        today = orders_of_account(self._ledger.connection, intended_on=session_of(now)).values()
        times = [
            order.intended_at
            for order in today
            if order.request.side is request.side and order.status is not OrderStatus.NOT_SENT
        ]
        lately = sum(now - time < MINUTE for time in times)
        for count, most, span in ((lately, per_minute, "minute"), (len(times), per_day, "day")):
            if most is not None and count >= most:
                words = {"count": count, "most": most, "span": SPANS[span](self._lang)}
                return self._refused(request, RefusalReason.ORDER_RATE_LIMIT, TOO_MANY, **words)
        return None

    def _bounds(self, side: Side) -> tuple[int | None, int | None]:
        """Orders of one side in a minute and in a day."""
        limits = self._limits
        if side is Side.BUY:
            return limits.max_orders_per_minute, limits.max_orders_per_day
        pairs = (
            (limits.max_exits_per_minute, limits.max_orders_per_minute),
            (limits.max_exits_per_day, limits.max_orders_per_day),
        )
        minute, day = (own if own is not None or bound is None else EXITS_A_PURCHASE * bound for own, bound in pairs)
        return minute, day

    def _refused(
        self, request: OrderRequest, reason: RefusalReason, text: Text, **values: object
    ) -> Refused[OrderRequest]:
        return Refused(value=request, reason=reason, message=text(self._lang).format(**values))
