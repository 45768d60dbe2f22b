"""What an account did, as a reflection may know it at a moment: its fills in order, and why each order was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.clock import require_aware
from engine.data.panel import SPLIT, Panel
from engine.errors import BadInput
from engine.events import ActionKind, CorporateAction
from engine.fill import Fill
from engine.ledger import journal
from engine.ledger.canonical import stamp, unstamp
from engine.ledger.ledger import Ledger
from engine.ledger.rows import ACCOUNT
from engine.result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """The order behind fills.

    Args:
        trade_id: number of its row in `trades`.
        order_id: of the order.
        decided_at: when it was intended.
        rule_ids: the rules that asked for it, the deciding one first.
        why: its justification.
        market: the market then, None when it was not recorded.
    """

    trade_id: int
    order_id: str
    decided_at: datetime
    rule_ids: tuple[str, ...]
    why: str = ""
    market: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FillFacts:
    """One fill; money in price units (won × `Executions.scale`), so that it stays a whole number.

    Args:
        time: of the fill.
        order: what it belongs to.
        ticker: KRX short code.
        is_buy: or a sell.
        quantity: shares.
        amount: without costs.
        costs: fees and taxes.
        realised: what the books realised by it, before costs.
    """

    time: datetime
    order: OrderFacts
    ticker: str
    is_buy: bool
    quantity: int
    amount: int
    costs: int
    realised: int


@dataclass(frozen=True, slots=True)
class RatioChange:
    """Shares became others before the session of `time`: `numerator` new for `denominator` old ones."""

    time: datetime
    ticker: str
    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Executions:
    """Everything that had happened at `known_at`, in the order in which it was booked.

    Args:
        known_at: the moment of the reader; nothing later is in here.
        events: fills and changes of ratio.
        scale: price units per won.
    """

    known_at: datetime
    events: tuple[FillFacts | RatioChange, ...]
    scale: int = 1

    @property
    def fills(self) -> tuple[FillFacts, ...]:
        """The fills alone."""
        return tuple(event for event in self.events if isinstance(event, FillFacts))


def executions_of(
    ledger: Ledger, now: datetime, *, run_id: int = ACCOUNT, ratios: Sequence[RatioChange] = ()
) -> Executions:
    """Read a run from the ledger as it was at `now`.

    Args:
        ledger: any ledger.
        now: fills after it, or booked after it, are left out.
        run_id: the account, or a backtest.
        ratios: splits and bonus issues of a backtest (see `ratios_of`), which the ledger does not hold; those of
            the account are in its journal.

    Raises:
        BadInput: there is no such run.
    """
    require_aware(now, "The moment of a reflection")
    row = ledger.connection.execute("SELECT price_scale FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    if row is None:
        known = [str(number) for (number,) in ledger.connection.execute("SELECT run_id FROM runs ORDER BY run_id")]
        raise BadInput(f"The ledger has no run {run_id}. It has: {', '.join(known)}.")
    scale = int(row[0])
    orders = _orders(ledger, run_id)
    told: Iterator[FillFacts | RatioChange]
    told = _of_account(ledger, now, orders) if run_id == ACCOUNT else _of_run(ledger, now, run_id, orders, scale)
    events = list(told)
    if ratios and run_id != ACCOUNT:
        events = _merged(events, [change for change in ratios if change.time <= now])
    return Executions(known_at=now, events=tuple(events), scale=scale)


def executions_of_result(result: Result, scale: int, now: datetime, ratios: Sequence[RatioChange] = ()) -> Executions:
    """Read a backtest that stands at `now`; the numbers of its orders serve as trade ids.

    Args:
        result: of the run so far.
        scale: price units per won of its dataset.
        now: the moment at which the run stands.
        ratios: see `ratios_of`; those after `now` are left out.
    """
    texts = {rule.id: rule.text for rule in result.rules}
    orders = {
        number: OrderFacts(
            trade_id=number,
            order_id=str(number),
            decided_at=sent_at,
            rule_ids=tuple(names),
            why="\n".join(f"{name}: {texts[name]}" for name in names),
        )
        for number, sent_at, names in result.orders.select("id", "sent_at", "rule_ids").iter_rows()
    }
    columns = ("order_id", "time", "ticker", "side", "quantity", "amount", "fee", "stt", "rural", "realised")
    fills: list[FillFacts | RatioChange] = [
        FillFacts(
            time=time,
            order=orders[order_id],
            ticker=ticker,
            is_buy=side == "buy",
            quantity=quantity,
            amount=round(amount * scale),
            costs=round((fee + stt + rural) * scale),
            realised=round(realised * scale),
        )
        for order_id, time, ticker, side, quantity, amount, fee, stt, rural, realised in result.fills.select(
            columns
        ).iter_rows()
    ]
    events = _merged(fills, [change for change in ratios if change.time <= now])
    return Executions(known_at=now, events=tuple(events), scale=scale)


def ratios_of(panel: Panel) -> tuple[RatioChange, ...]:
    """Splits and bonus issues of a dataset, at the moment the first bar that they change has begun."""
    actions = panel.actions
    found = []
    for place in range(len(actions)):
        row = int(actions.row[place])
        if int(actions.kind[place]) != SPLIT:
            continue
        day = datetime.combine(panel.session_date(row), datetime.min.time(), unstamp("1970-01-01T00:00+09:00").tzinfo)
        ratio = int(actions.numerator[place]), int(actions.denominator[place])
        found.append(RatioChange(day, panel.tickers[int(actions.col[place])], *ratio))
    return tuple(sorted(found, key=lambda change: (change.time, change.ticker)))


def _merged(events: list[FillFacts | RatioChange], ratios: list[RatioChange]) -> list[FillFacts | RatioChange]:
    """Changes of ratio come before the fills of their day."""
    both = [
        (event.time, 0 if isinstance(event, RatioChange) else 1, place, event) for place, event in enumerate(events)
    ]
    both += [(change.time, 0, -1, change) for change in ratios]
    return [event for *_, event in sorted(both, key=lambda entry: entry[:3])]


def _orders(ledger: Ledger, run_id: int) -> dict[str, OrderFacts]:
    rows = ledger.connection.execute(
        "SELECT o.order_id, o.trade_id, o.intended_at, o.rule_ids, t.justification_text, t.market_snapshot "
        "FROM orders o JOIN trades t USING (trade_id) WHERE o.run_id = ?",
        (run_id,),
    )
    return {
        order_id: OrderFacts(
            trade_id=int(trade_id),
            order_id=order_id,
            decided_at=unstamp(intended_at),
            rule_ids=tuple(json.loads(rule_ids)),
            why=why or "",
            market=None if market is None else json.loads(market),
        )
        for order_id, trade_id, intended_at, rule_ids, why, market in rows
    }


def _of_account(ledger: Ledger, now: datetime, orders: Mapping[str, OrderFacts]) -> Iterator[FillFacts | RatioChange]:
    """From the journal, which has the corporate actions too, in the order of booking."""
    booked = dict(
        ledger.connection.execute("SELECT fill_key, realised FROM fills WHERE run_id = ?", (ACCOUNT,)).fetchall()
    )
    until = stamp(now)
    for entry in journal.entries(ledger.connection):
        if entry.recorded_at > until or entry.time > until:
            continue
        event = entry.event
        if isinstance(event, CorporateAction) and event.kind is ActionKind.RATIO:
            yield RatioChange(event.time, event.ticker, event.numerator, event.denominator)
        elif isinstance(event, Fill):
            yield FillFacts(
                time=event.time,
                order=orders[event.order_id],
                ticker=event.ticker,
                is_buy=event.side.value == "buy",
                quantity=event.quantity,
                amount=event.amount,
                costs=event.fee + event.stt + event.rural,
                realised=int(booked[event.key]),
            )


def _of_run(
    ledger: Ledger, now: datetime, run_id: int, orders: Mapping[str, OrderFacts], scale: int
) -> Iterator[FillFacts]:
    rows = ledger.connection.execute(
        "SELECT fill_key, order_id, time, ticker, side, quantity, amount, fee + stt + rural, realised FROM fills "
        "WHERE run_id = ? AND time <= ?",
        (run_id, stamp(now)),
    ).fetchall()
    # The key ends in the running number of the fill; times alone leave the order inside a bar open.
    for _, order_id, time, ticker, side, quantity, amount, costs, realised in sorted(
        rows, key=lambda row: int(row[0].rpartition(":")[2])
    ):
        yield FillFacts(
            time=unstamp(time),
            order=orders[order_id],
            ticker=ticker,
            is_buy=side == "buy",
            quantity=int(quantity),
            amount=round(amount * scale),
            costs=round(costs * scale),
            realised=round(realised * scale),
        )
