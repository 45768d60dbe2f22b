"""Builders of results: a small random market traded by random but well-kept books, from a seed.

The books are exact: equity = cash + holdings on every row, and cash = deposit - cost of holdings + realised -
fees - taxes. So figures computed from different tables must agree, and the tests check that they do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from engine.result import Result, RunWarning
from engine.rules.tree import (
    Buy,
    Cadence,
    Call,
    Category,
    Comparison,
    Limit,
    LimitKind,
    Name,
    Number,
    Require,
    Rule,
    Sell,
)

KST = ZoneInfo("Asia/Seoul")
FEE_PPB, STT_PPB, RURAL_PPB = 140_527, 300_000, 1_500_000
NAMES = (
    "거울전자",
    "한빛화학",
    "동해조선",
    "Mirror & Sons",
    "새벽바이오",
    "남산금융",
    "백두중공업",
    "하늘항공",
)


def make_rule(identifier: str, category: Category, action: Any, **changes: Any) -> Rule:
    """One rule whose condition is `close > mean(close, 20)` unless another is given."""
    condition = Comparison(
        operator=">",
        left=Name(name="close"),
        right=Call(function="mean", arguments=(Name(name="close"), Number(value=Fraction(20)))),
    )
    fields: dict[str, Any] = {
        "id": identifier,
        "category": category,
        "text": f"규칙 {identifier}",
        "condition": condition,
        "action": action,
        "priority": 7,
        "cadence": Cadence.CLOSE,
        "condition_source": "close > mean(close, 20)",
        "action_source": "buy 10% of equity",
    }
    return Rule(**(fields | changes))


RULES = (
    make_rule(
        "ma20-cross",
        Category.ENTRY,
        Buy(ratio=Fraction(1, 10)),
        text="종가가 20일 이동평균선을 상향 돌파하면 평가금액의 10%를 매수한다",
        condition_source="crosses_above(close, mean(close, 20))",
    ),
    make_rule(
        "volume-surge",
        Category.ENTRY,
        Require(),
        text="거래량이 직전 20일 평균의 1.5배 이상인 종목만 매수 후보로 삼는다",
        condition_source="volume_ratio(20) >= 1.5",
        action_source="require",
    ),
    make_rule(
        "stop-7",
        Category.EXIT,
        Sell(fraction=Fraction(1)),
        text="손실이 7%에 이르면 예외 없이 전량 매도한다",
        priority=10,
        cadence=Cadence.INTRADAY,
        condition_source="pnl <= -7%",
        action_source="sell all",
    ),
    make_rule(
        "take-15",
        Category.EXIT,
        Sell(fraction=Fraction(1, 2)),
        text="이익이 15%에 이르면 절반을 한 번 매도한다",
        cadence=Cadence.INTRADAY,
        condition_source="pnl >= 15%",
        action_source="sell 50%",
    ),
    make_rule(
        "ma20-break",
        Category.EXIT,
        Sell(fraction=Fraction(1)),
        text="종가가 20일 이동평균선을 하향 이탈하면 매도한다",
        condition_source="crosses_below(close, mean(close, 20))",
        action_source="sell all",
    ),
    make_rule(
        "max-weight",
        Category.RISK,
        Limit(kind=LimitKind.POSITION, ratio=Fraction(1, 10)),
        text="한 종목의 비중은 10%를 넘지 않는다",
        condition_source="true",
        action_source="limit position 10%",
    ),
)


@dataclass
class Lot:
    """Shares of one ticker in the builder's books."""

    quantity: int
    cost: int
    fee: int
    entry: int
    halved: bool = False


@dataclass
class Books:
    """Everything the builder writes down while it trades."""

    cash: int
    fees: int = 0
    stt: int = 0
    rural: int = 0
    realised: int = 0
    lots: dict[int, Lot] = field(default_factory=dict)
    orders: list[dict[str, Any]] = field(default_factory=list)
    fills: list[dict[str, Any]] = field(default_factory=list)
    trades: list[dict[str, Any]] = field(default_factory=list)


def weekdays(first: date, count: int) -> list[date]:
    """The first `count` days from Monday to Friday, beginning at `first`."""
    days = [first + timedelta(days=offset) for offset in range(count * 7 // 5 + 7)]
    return [day for day in days if day.weekday() < 5][:count]


def make_result(
    *,
    seed: int = 7,
    sessions: int = 750,
    tickers: int = 8,
    warmup: int = 20,
    trade_probability: float = 0.06,
    initial_cash: int = 100_000_000,
    drift: float = 0.0004,
    names: tuple[str, ...] = NAMES,
    warnings: tuple[RunWarning, ...] = (),
    synthetic: bool = True,
    rules: tuple[Rule, ...] = RULES,
    first: date = date(2021, 1, 4),
) -> Result:
    """A consistent result of `sessions` daily bars; `trade_probability` is per session and free slot."""
    generator = np.random.default_rng(seed)
    days = weekdays(first, sessions)
    common = generator.standard_t(4, sessions) * 0.007
    moves = common[:, None] + generator.standard_t(4, (sessions, tickers)) * 0.014 + drift
    prices = np.maximum(100, (20_000 * np.exp(np.cumsum(moves, axis=0)) * generator.uniform(0.5, 5, tickers)))
    closes = (prices // 10 * 10).astype(np.int64)
    index = 3_000 * np.exp(np.cumsum(common + 0.0002))
    codes = [f"{5930 + 10 * column:06d}" for column in range(tickers)]
    labels = [names[column % len(names)] for column in range(tickers)]
    books = Books(cash=initial_cash)
    rows = []
    for row, day in enumerate(days):
        if row >= warmup:
            _trade_one_day(books, generator, row, days, closes, codes, labels, trade_probability)
        holdings = sum(lot.quantity * int(closes[row, column]) for column, lot in books.lots.items())
        rows.append(
            {
                "time": datetime.combine(day, time(15, 30), KST),
                "session": day,
                "cash": books.cash,
                "holdings": holdings,
                "equity": books.cash + holdings,
                "positions": len(books.lots),
                "orderable": books.cash,
                "receivable": 0,
                "payable": 0,
                "fees": books.fees,
                "stt": books.stt,
                "rural": books.rural,
                "realised": books.realised,
                **dict.fromkeys(("distributions", "dividends", "dividend_tax"), 0),
                "benchmark": float(index[row]),
                "warmup": row < warmup,
                "blocked": bool(row % 97 == 50),
            }
        )
    return Result(
        equity=pl.DataFrame(rows, schema=EQUITY),
        orders=pl.DataFrame(books.orders, schema=ORDERS),
        fills=pl.DataFrame(books.fills, schema=FILLS),
        trades=pl.DataFrame(books.trades, schema=TRADES),
        positions=pl.DataFrame(_open_positions(books, days, closes, codes, labels), schema=POSITIONS),
        rules=rules,
        refusals={"not_enough_cash": 17, "not_tradable": 4, "quantity_zero": 2},
        warnings=warnings,
        config={
            "prompt": "prompts/core_decision_prompt.md",
            "prompt_hash": "5e" * 32,
            "participation": "10%",
            "path": "low_first",
            "slippage": {"model": "ticks", "ticks": 1},
            "funding": "strict",
            "fee_ppb": FEE_PPB,
        },
        data={
            "name": "sample",
            "source": "geoul data sample --seed 7",
            "adjusted": False,
            "price_scale": 1,
            "synthetic": synthetic,
            "content_hash": "a3" * 32,
            "from": str(days[0]),
            "to": str(days[-1]),
            "columns": ["open", "high", "low", "close", "volume", "base_price", "status"],
            "gaps": [],
            "notes": [{"code": "synthetic", "ko": "합성 시장", "en": "synthetic market"}],
        },
        timings={"load": 0.12, "features": 0.08, "step": 0.05},
        initial_cash=initial_cash,
        interval="1d",
        result_hash="c4" * 32,
    )


def _trade_one_day(
    books: Books,
    generator: np.random.Generator,
    row: int,
    days: list[date],
    closes: np.ndarray[Any, Any],
    codes: list[str],
    labels: list[str],
    probability: float,
) -> None:
    price = closes[row]
    for column in list(books.lots):
        lot = books.lots[column]
        profit = (lot.quantity * int(price[column]) - lot.cost) / lot.cost
        if profit <= -0.07:
            _sell(books, row, days, column, int(price[column]), lot.quantity, "stop-7", codes, labels)
        elif profit >= 0.15 and not lot.halved and lot.quantity > 1:
            lot.halved = True
            _sell(books, row, days, column, int(price[column]), lot.quantity // 2, "take-15", codes, labels)
        elif generator.random() < 0.03:
            _sell(books, row, days, column, int(price[column]), lot.quantity, "ma20-break", codes, labels)
    for column in range(len(codes)):
        if column in books.lots or generator.random() >= probability:
            continue
        quantity = books.cash // 10 // int(price[column])
        if quantity > 0:
            _buy(books, row, days, column, int(price[column]), quantity, codes, labels)


def _buy(
    books: Books,
    row: int,
    days: list[date],
    column: int,
    price: int,
    quantity: int,
    codes: list[str],
    labels: list[str],
) -> None:
    amount = price * quantity
    fee = amount * FEE_PPB // 10**9
    books.cash -= amount + fee
    books.fees += fee
    books.lots[column] = Lot(quantity=quantity, cost=amount, fee=fee, entry=row)
    _write_order(books, row, days, column, "buy", price, quantity, ["ma20-cross", "volume-surge"], codes, labels)
    _write_fill(books, row, days, "buy", price, quantity, (fee, 0, 0), 0, codes[column])


def _sell(
    books: Books,
    row: int,
    days: list[date],
    column: int,
    price: int,
    quantity: int,
    rule: str,
    codes: list[str],
    labels: list[str],
) -> None:
    lot = books.lots[column]
    amount = price * quantity
    fee, stt, rural = (amount * ppb // 10**9 for ppb in (FEE_PPB, STT_PPB, RURAL_PPB))
    cost, buy_fee = lot.cost * quantity // lot.quantity, lot.fee * quantity // lot.quantity
    average = lot.cost / lot.quantity
    profit = amount - cost
    books.cash += amount - fee - stt - rural
    books.fees, books.stt, books.rural = books.fees + fee, books.stt + stt, books.rural + rural
    books.realised += profit
    paid = fee + stt + rural + buy_fee
    closes_position = quantity == lot.quantity
    books.trades.append(
        {
            "ticker": codes[column],
            "name": labels[column],
            "entry_session": days[lot.entry],
            "exit_session": days[row],
            "quantity": quantity,
            "entry_price": average,
            "exit_price": float(price),
            "pnl": profit - paid,
            "return": (profit - paid) / cost,
            "bars_held": row - lot.entry,
            "entry_rules": ["ma20-cross", "volume-surge"],
            "exit_rules": [rule],
            "costs": paid,
            "closes_position": closes_position,
        }
    )
    _write_order(books, row, days, column, "sell", price, quantity, [rule], codes, labels)
    _write_fill(books, row, days, "sell", price, quantity, (fee, stt, rural), profit, codes[column])
    lot.quantity, lot.cost, lot.fee = lot.quantity - quantity, lot.cost - cost, lot.fee - buy_fee
    if closes_position:
        del books.lots[column]


def _write_order(
    books: Books,
    row: int,
    days: list[date],
    column: int,
    side: str,
    price: int,
    quantity: int,
    rule_ids: list[str],
    codes: list[str],
    labels: list[str],
) -> None:
    intraday = rule_ids[0] in ("stop-7", "take-15")
    books.orders.append(
        {
            "id": len(books.orders) + 1,
            "sent_at": datetime.combine(days[row - 1], time(15, 30), KST),
            "session_sent": days[row - 1],
            "ticker": codes[column],
            "name": labels[column],
            "side": side,
            "kind": "guard stop" if intraday else "market",
            "price": price if intraday else None,
            "quantity": quantity,
            "filled": quantity,
            "status": "filled",
            "reason": "",
            "rule_ids": rule_ids,
            "done_at": datetime.combine(days[row], time(9, 0), KST),
        }
    )


def _write_fill(
    books: Books,
    row: int,
    days: list[date],
    side: str,
    price: int,
    quantity: int,
    costs: tuple[int, int, int],
    realised: int,
    ticker: str,
) -> None:
    books.fills.append(
        {
            "order_id": len(books.orders),
            "time": datetime.combine(days[row], time(9, 0), KST),
            "session": days[row],
            "point": "open",
            "ticker": ticker,
            "side": side,
            "quantity": quantity,
            "price": price,
            "amount": price * quantity,
            "fee": costs[0],
            "stt": costs[1],
            "rural": costs[2],
            "realised": realised,
            "slippage": 10 * quantity,
        }
    )


def _open_positions(
    books: Books, days: list[date], closes: np.ndarray[Any, Any], codes: list[str], labels: list[str]
) -> list[dict[str, Any]]:
    rows = []
    for column, lot in sorted(books.lots.items()):
        price = int(closes[-1, column])
        value = price * lot.quantity
        rows.append(
            {
                "ticker": codes[column],
                "name": labels[column],
                "quantity": lot.quantity,
                "average_price": lot.cost / lot.quantity,
                "price": price,
                "value": value,
                "pnl": value - lot.cost,
                "return": (value - lot.cost) / lot.cost,
                "entry_session": days[lot.entry],
                "unresolved": column == 0,
            }
        )
    return rows


MOMENT = pl.Datetime("ns", "Asia/Seoul")
EQUITY = {
    "time": MOMENT,
    "session": pl.Date,
    **dict.fromkeys(("cash", "holdings", "equity", "positions", "orderable", "receivable"), pl.Int64),
    **dict.fromkeys(("payable", "fees", "stt", "rural", "realised"), pl.Int64),
    **dict.fromkeys(("distributions", "dividends", "dividend_tax"), pl.Int64),
    "benchmark": pl.Float64,
    "warmup": pl.Boolean,
    "blocked": pl.Boolean,
}
ORDERS = {
    "id": pl.Int64,
    "sent_at": MOMENT,
    "session_sent": pl.Date,
    **dict.fromkeys(("ticker", "name", "side", "kind"), pl.String),
    **dict.fromkeys(("price", "quantity", "filled"), pl.Int64),
    **dict.fromkeys(("status", "reason"), pl.String),
    "rule_ids": pl.List(pl.String),
    "done_at": MOMENT,
}
FILLS = {
    "order_id": pl.Int64,
    "time": MOMENT,
    "session": pl.Date,
    **dict.fromkeys(("point", "ticker", "side"), pl.String),
    **dict.fromkeys(("quantity", "price", "amount", "fee", "stt", "rural", "realised", "slippage"), pl.Int64),
}
TRADES = {
    "ticker": pl.String,
    "name": pl.String,
    "entry_session": pl.Date,
    "exit_session": pl.Date,
    "quantity": pl.Int64,
    "entry_price": pl.Float64,
    "exit_price": pl.Float64,
    "pnl": pl.Int64,
    "return": pl.Float64,
    "bars_held": pl.Int64,
    "entry_rules": pl.List(pl.String),
    "exit_rules": pl.List(pl.String),
    "costs": pl.Int64,
    "closes_position": pl.Boolean,
}
POSITIONS = {
    "ticker": pl.String,
    "name": pl.String,
    "quantity": pl.Int64,
    "average_price": pl.Float64,
    "price": pl.Int64,
    "value": pl.Int64,
    "pnl": pl.Int64,
    "return": pl.Float64,
    "entry_session": pl.Date,
    "unresolved": pl.Boolean,
}
