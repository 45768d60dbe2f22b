"""The broker's list of orders of a day (inquire_daily_ccld): chains of numbers and the state of an order.

KIS has no field for the state; it follows from the quantities. An amend has a number of its own and points back, and
so has a cancel. On paper the rows may be missing while the sums are right (seen by others), and a page may come without
its rows, or before a fill that the next one has: `is_whole` and `is_consistent` tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from brokers.kis.errors import BadAnswer
from brokers.kis.messages import DailyOrderRow, DailyOrderTotals, number_key
from brokers.kis.order_news import ListedTotal
from brokers.kis.rest import KisRest
from engine.clock import KST
from engine.order import Side

SIDE_CODE = {Side.SELL: "01", Side.BUY: "02"}
_SIDE = {code: side for side, code in SIDE_CODE.items()}
# "Recent" and "older" are two TR ids; KIS speaks of three months, and no range may straddle the border.
_RECENT = timedelta(days=85)


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyList:
    """The orders of one day, as KIS told them at one instant.

    Args:
        day: the day.
        asked_at: when it was asked for, by our clock.
        rows: all orders, whatever became of them; the newest first.
        ordered: shares of all orders by the sums, which cover the same orders as the rows.
        filled, amount: shares filled by the sums, and their won.
    """

    day: date
    asked_at: datetime
    rows: tuple[DailyOrderRow, ...]
    ordered: int
    filled: int
    amount: int

    @property
    def is_consistent(self) -> bool:
        """Whether rows and sums agree about what has been filled."""
        rows = self.rows
        return (self.filled, self.amount) == (sum(row.filled for row in rows), sum(row.filled_amount for row in rows))

    @property
    def is_whole(self) -> bool:
        """Whether the rows are all there, so that what is not among them does not exist.

        KIS does not say whether amends, cancels and refused orders count among the shares ordered: each way will do.
        """
        if not self.is_consistent:
            return False
        new = [row for row in self.rows if original_of(row) is None]
        amends = [row for row in self.rows if _goes_on(row)]
        return any(
            self.ordered in (sum(row.quantity for row in rows), sum(row.quantity - row.rejected for row in rows))
            for rows in (new, new + amends, self.rows)
        )

    def row(self, number: int) -> DailyOrderRow | None:
        """The row of an order number."""
        return next((row for row in self.rows if number_key(row.order_number) == number), None)

    def chain(self, number: int) -> tuple[DailyOrderRow, ...]:
        """The order that has this number: its first row, and those of its amends and cancels, oldest first.

        Empty if its first row is not there: what the others say is then no more than a part.
        """
        back = {number_key(row.order_number): original_of(row) for row in self.rows}
        root, seen = number, {number}
        while (before := back.get(root)) is not None and before not in seen:
            root = before
            seen.add(root)
        if root not in back:
            return ()
        members = {root}
        for _ in self.rows:  # each round reaches one link further
            more = {link for link, before in back.items() if before in members} - members
            if not more:
                break
            members |= more
        found = [row for row in self.rows if number_key(row.order_number) in members]
        return tuple(sorted(found, key=lambda row: number_key(row.order_number)))


def ask_daily_list(rest: KisRest, day: date, now: datetime, ticker: str = "", side: Side | None = None) -> DailyList:
    """Ask for the orders of a day, all of them or those of a ticker and side.

    Raises:
        KisError: the list cannot be had, or makes no sense.
    """
    values = {
        "INQR_STRT_DT": f"{day:%Y%m%d}",
        "INQR_END_DT": f"{day:%Y%m%d}",
        "SLL_BUY_DVSN_CD": "00" if side is None else SIDE_CODE[side],
        "PDNO": ticker,
        "EXCG_ID_DVSN_CD": "KRX" if rest.config.options.exchange == "KRX" else "ALL",
    }
    variant = "recent" if now.date() - day <= _RECENT else "older"
    pages = rest.pages("inquire_daily_ccld", values, variant=variant)
    # The sums stand on every page for the whole list; the last page is the latest word.
    totals = [found for page in pages if (found := page.maybe(DailyOrderTotals)) is not None]
    rows = tuple(row for page in pages for row in page.rows(DailyOrderRow) if row.order_date == day)
    for row in rows:  # a number that is none is an error here, and not where it is looked for
        number_key(row.order_number), original_of(row)
    return DailyList(
        day=day,
        asked_at=now,
        rows=rows,
        ordered=totals[-1].ordered if totals else sum(row.quantity for row in rows),
        filled=totals[-1].filled if totals else sum(row.filled for row in rows),
        amount=totals[-1].filled_amount if totals else sum(row.filled_amount for row in rows),
    )


def original_of(row: DailyOrderRow) -> int | None:
    """The number that an amend or a cancel points back to; None for a new order."""
    text = row.original_number.strip()
    return number_key(text) if text.strip("0") else None


def side_of(row: DailyOrderRow) -> Side | None:
    """Which way its shares move; None for a code that is in no list."""
    return _SIDE.get(row.side_code.strip().zfill(2))


def sent_at(row: DailyOrderRow) -> datetime:
    """When KIS took the order, whole seconds."""
    return datetime.combine(row.order_date, row.order_time, KST)


def is_possible(row: DailyOrderRow) -> bool:
    """Whether the shares of a row can be: none below 0, and no more filled and open than were ordered."""
    return min(row.filled, row.remaining, row.rejected) >= 0 and row.filled + row.remaining <= row.quantity


def listed_total(row: DailyOrderRow, as_of: datetime) -> ListedTotal | None:
    """The row as the book of notices takes it; None where its figures contradict each other."""
    side = side_of(row)
    consistent = 0 <= row.filled <= row.quantity and bool(row.filled) == bool(row.filled_amount)
    if side is None or not consistent or row.filled_amount < 0:
        return None
    return ListedTotal(
        number=number_key(row.order_number),
        ticker=row.ticker,
        side=side,
        order_quantity=row.quantity,
        filled=row.filled,
        amount=row.filled_amount,
        as_of=as_of,
        day=row.order_date,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedState:
    """One order over all its numbers.

    Args:
        latest: number under which its rest goes on, as KIS writes it.
        branch: ORGNO of it.
        price: won of the latest number; 0 for a market order.
        filled, remaining, cancelled, rejected: shares.
    """

    latest: str
    branch: str
    price: int
    filled: int
    remaining: int
    cancelled: int
    rejected: int


def listed_state(chain: Sequence[DailyOrderRow]) -> ListedState:
    """What became of the order whose rows these are, oldest first.

    A row that was amended is over, whatever rest it shows: the rest moved to the new number.

    Raises:
        BadAnswer: every row points back to another one, so that there is no order.
    """
    moved = {original_of(row) for row in chain if row.quantity and _goes_on(row)}
    orders = [row for row in chain if original_of(row) is None or _goes_on(row)]
    if not orders:
        raise BadAnswer("inquire_daily_ccld output1", "orgn_odno", len(chain), "a first order among its rows")
    living = [row for row in orders if number_key(row.order_number) not in moved] or orders
    latest = living[-1]
    return ListedState(
        latest=latest.order_number.strip(),
        branch=latest.branch.strip(),
        price=latest.price,
        filled=sum(row.filled for row in orders),
        remaining=sum(row.remaining for row in living),
        cancelled=sum(row.cancelled_quantity for row in living),
        rejected=sum(row.rejected for row in living),
    )


def _goes_on(row: DailyOrderRow) -> bool:
    """Whether a row that points back is an amend, under which the order goes on, and was not refused.

    A cancel has a row too, but neither a price nor shares that can fill.
    """
    if original_of(row) is None or row.rejected >= row.quantity > 0:
        return False
    if row.filled or row.remaining:
        return True
    return "정정" in row.side_name or "정정" in row.kind_name or (row.price > 0 and "취소" not in row.side_name)


def numbers_of(rows: Iterable[DailyOrderRow]) -> frozenset[int]:
    """The numbers of rows."""
    return frozenset(number_key(row.order_number) for row in rows)
