"""Two runs of the same strategy: what was decided differently, and where first."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from engine.result import Result

ORDER = ("sent_at", "ticker", "side", "kind", "quantity", "price", "rule_ids", "done_at")
FILL = ("time", "ticker", "side", "point", "quantity", "price", "fee", "stt", "rural")
ACCOUNT = ("time", "equity", "cash", "holdings", "positions", "orderable")
SAME_ORDER = 7  # columns that make two orders the same; what became of them later does not count
WHAT = 4  # columns that say which order it is: time, ticker, side, kind


@dataclass(frozen=True, slots=True)
class Decision:
    """One order, or one fill, as the account's journal has it.

    Args:
        time: close of the bar after which, or in which, it was sent or filled.
        ticker: of the instrument.
        side: "buy" or "sell".
        kind: "market", "limit", …; "fill" for a fill.
        quantity: shares.
        price: won; None where the order has none.
        rule_ids: the rules that asked for it, the deciding one first; empty for a strategy in Python.
    """

    time: datetime.datetime
    ticker: str
    side: str
    kind: str
    quantity: int
    price: float | None
    rule_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """The first thing that two runs did differently.

    Args:
        what: "order", "fill", "account" (equity or cash alone), "price" (an order that waits at the end of what is
            compared; a split or an opening price may have restated it since) or "error" (one run failed).
        time: of the bar.
        before: the decision as it was; None where there was none.
        after: the decision as it became; None where there is none any more.
        error: what the failed run said.
    """

    what: str
    time: datetime.datetime
    before: Decision | None = None
    after: Decision | None = None
    error: str = ""


def first_move(
    before: Result,
    after: Result,
    until: datetime.datetime,
    since: datetime.datetime | None = None,
    *,
    accounts: bool = True,
) -> Move | None:
    """The first difference between two runs, None where they agree.

    Args:
        before: the run as it was.
        after: the run to compare with it.
        until: the last bar that counts; what happens to an order afterwards is no decision.
        since: the first bar that counts.
        accounts: compare fills and equity too.
    """
    pairs: list[tuple[pl.DataFrame, pl.DataFrame, Sequence[str], str]] = [(before.orders, after.orders, ORDER, "order")]
    if accounts:
        pairs += [(before.fills, after.fills, FILL, "fill"), (before.equity, after.equity, ACCOUNT, "account")]
    moves = [
        _difference(_rows(old, columns, since, until), _rows(new, columns, since, until), what, until)
        for old, new, columns, what in pairs
    ]
    found = [move for move in moves if move is not None]
    firm = [move for move in found if move.what != "price"]
    return min(firm or found, key=lambda move: move.time, default=None)


def _rows(
    frame: pl.DataFrame, columns: Sequence[str], since: datetime.datetime | None, until: datetime.datetime
) -> pl.DataFrame:
    time = pl.col(columns[0])
    inside = time <= until if since is None else (time <= until) & (time >= since)
    return frame.lazy().filter(inside).select(columns).collect()


Row = tuple[Any, ...]


def _difference(before: pl.DataFrame, after: pl.DataFrame, what: str, until: datetime.datetime) -> Move | None:
    if before.equals(after):
        return None
    old, new = before.rows(), after.rows()
    length = SAME_ORDER if what == "order" else len(before.columns)
    waiting: Move | None = None
    for place in range(max(len(old), len(new))):
        a, b = (rows[place] if place < len(rows) else None for rows in (old, new))
        if a is not None and b is not None:
            if a[:length] == b[:length]:
                continue
            if what == "order" and a[:WHAT] == b[:WHAT] and (_waits(a, until) or _waits(b, until)):
                waiting = waiting or Move(what="price", time=a[0], before=_decision(a, what), after=_decision(b, what))
                continue
        return _first_of_bar(old[place:], new[place:], what, length)
    return waiting


def _waits(order: Row, until: datetime.datetime) -> bool:
    """Whether an order was still open when the comparison ends: its price and quantity may have been restated since."""
    return order[-1] is None or order[-1] > until


def _first_of_bar(old: list[Row], new: list[Row], what: str, length: int) -> Move:
    """The move of the first instrument, among those that differ on the first bar that differs."""
    time = min(rows[0][0] for rows in (old, new) if rows)
    if what == "account":
        return Move(what=what, time=time)
    here = [[row for row in rows if row[0] == time] for rows in (old, new)]
    for key in dict.fromkeys(row[1:WHAT] for row in (*here[0], *here[1])):
        a, b = ([row for row in rows if row[1:WHAT] == key] for rows in here)
        for place in range(max(len(a), len(b))):
            one, other = (rows[place] if place < len(rows) else None for rows in (a, b))
            if one is None or other is None or one[:length] != other[:length]:
                return Move(what=what, time=time, before=_decision(one, what), after=_decision(other, what))
    # The same orders in another order: the queue moved.
    return Move(what=what, time=time, before=_decision(here[0][0], what), after=_decision(here[1][0], what))


def _decision(row: Row | None, what: str) -> Decision | None:
    if row is None:
        return None
    if what == "fill":
        time, ticker, side, _, quantity, price, *_ = row
        return Decision(time=time, ticker=ticker, side=side, kind="fill", quantity=quantity, price=price)
    time, ticker, side, kind, quantity, price, rules, _ = row
    return Decision(
        time=time, ticker=ticker, side=side, kind=kind, quantity=quantity, price=price, rule_ids=tuple(rules)
    )
