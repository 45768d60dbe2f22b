"""The account's arrays as one object: allocates them, gives them more room, hands them to the step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.matching import arrays as at

Int64 = NDArray[np.int64]
FIRST_ROOM = 4_096
_LOGS = {"orders": at.ORDER_COUNT, "open": at.OPEN_COUNT, "fills": at.FILL_COUNT, "curve": at.CURVE_COUNT}
_WHOLE = ("account", "positions", "day", "arms", "exits", "refusals")
BARS_AN_ORDER = 16  # a busy strategy on minutes; the logs grow where it is busier


class AccountBook:
    """All state that a run changes; `book` holds the arrays that the step writes.

    Args:
        instruments: number of columns of the panel.
        rows: number of bars, for the marks.
        cash: deposit in price units.
        config: int64[CONFIG_FIELDS], whose limits hold until a decision tightens them.
        exit_rules: int64[exits, 2], rule index and fraction of each exit rule.
        guards: number of guarded exit rules.
        dividend_slots: how many dividends of one name may be owed at once.
    """

    def __init__(
        self,
        instruments: int,
        rows: int,
        cash: int,
        config: Int64,
        exit_rules: Int64,
        guards: int,
        dividend_slots: int = 0,
    ) -> None:
        account = np.zeros(at.ACCOUNT_FIELDS, dtype=np.int64)
        for field in (
            at.CASH,
            at.DEPOSITS,
            at.EQUITY,
            at.DAY_START_EQUITY,
            at.MONTH_START_EQUITY,
            at.PEAK_EQUITY,
        ):
            account[field] = cash
        account[at.LIMIT_POSITIONS] = config[at.CONFIG_MAX_POSITIONS]
        account[at.LIMIT_WEIGHT] = config[at.CONFIG_MAX_WEIGHT]
        account[at.LIMIT_SECTOR] = config[at.CONFIG_MAX_SECTOR]
        account[at.LIMIT_DAY_LOSS] = config[at.CONFIG_MAX_DAY_LOSS]
        account[at.LIMIT_STREAK] = config[at.CONFIG_MAX_STREAK]
        account[at.STREAK_ROW] = -1
        positions = np.zeros((instruments, at.POSITION_FIELDS + dividend_slots), dtype=np.int64)
        positions[:, at.POSITION_LAST_EXIT] = -1
        positions[:, at.POSITION_BUDGET_ROW] = -1
        # One bar can send a sell and a purchase for each name and a sell for each guarded level.
        self.most_per_bar = instruments * (2 + guards)
        room = FIRST_ROOM + rows // BARS_AN_ORDER + 2 * self.most_per_bar
        # Every row of a log is written before it is read, so the logs need not be cleared.
        self.book = at.Book(
            positions=positions,
            orders=np.empty((room, at.ORDER_FIELDS), dtype=np.int64),
            open=np.empty(room, dtype=np.int64),
            fills=np.empty((room + 2 * at.POINTS * self.most_per_bar, at.FILL_FIELDS), dtype=np.int64),
            account=account,
            held=np.zeros(instruments + 1, dtype=np.int64),
            day=np.zeros((12, 4), dtype=np.int64),
            arms=np.zeros((max(instruments * guards, 1), at.ARM_FIELDS), dtype=np.int64),
            exits=np.zeros((instruments, exit_rules.shape[0]), dtype=np.int64),
            exit_rules=np.ascontiguousarray(exit_rules),
            curve=np.empty((min(rows, 2 * room) + 2, at.CURVE_FIELDS), dtype=np.int64),
            marks=np.empty(rows, dtype=np.int64),
            refusals=np.zeros(len(at.REFUSAL_NAMES), dtype=np.int64),
            proposals=np.zeros((2 * instruments + 1, at.PROPOSAL_FIELDS), dtype=np.int64),
        )

    def grow(self) -> None:
        """Double the logs, keeping what they hold."""
        book, account = self.book, self.book.account
        self.book = book._replace(
            orders=_doubled(book.orders, account[at.ORDER_COUNT]),
            open=_doubled(book.open, account[at.OPEN_COUNT]),
            fills=_doubled(book.fills, account[at.FILL_COUNT]),
            curve=_doubled(book.curve, account[at.CURVE_COUNT]),
        )

    def used(self) -> dict[str, Int64]:
        """What the arrays hold, without what they have room for; views. Enough for `take` to go on from.

        Left out are what the configuration and the rules say themselves, and the proposals of the last decision.
        """
        book, account = self.book, self.book.account
        logs = {name: getattr(book, name)[: account[count]] for name, count in _LOGS.items()}
        held = book.held[: account[at.HELD]]
        return {name: getattr(book, name) for name in _WHOLE} | logs | {"held": held, "marks": book.marks}

    def take(self, used: Mapping[str, Any]) -> None:
        """Stand where another account's `used` arrays stood; a long log may come as its columns, marks may be fewer.

        Raises:
            ValueError: they are of another shape.
        """
        book = self.book
        for name in _WHOLE:
            target, source = getattr(book, name), used[name]
            if name == "positions" and target.ndim == source.ndim:  # what is known of later dividends may be more
                target = target[:, : source.shape[1]]
            if target.shape != source.shape:
                raise ValueError(f"{name} of the shape {source.shape}, not {target.shape}")
            target[:] = source
        held, marks = used["held"], used["marks"]
        if len(held) != book.account[at.HELD] or len(marks) > len(book.marks):
            raise ValueError("names held or marks that the account does not have")
        book.held[: len(held)] = held
        book.marks[: len(marks)] = marks
        self.book = book._replace(
            **{name: _log(getattr(book, name), int(book.account[count]), used[name]) for name, count in _LOGS.items()}
        )

    def has_room(self, bars: int = 1) -> bool:
        """Whether the logs can take everything that so many more bars can produce."""
        account = self.book.account
        most = bars * (bars * self.most_per_bar + int(account[at.OPEN_COUNT]))
        return bool(
            account[at.ORDER_COUNT] + most < len(self.book.orders)
            and account[at.OPEN_COUNT] + most < len(self.book.open)
            and account[at.FILL_COUNT] + at.POINTS * most < len(self.book.fills)
            and account[at.CURVE_COUNT] + 2 * bars <= len(self.book.curve)
        )


def _log(empty: Int64, count: int, used: Any) -> Int64:
    """A log with `count` rows of `used`, given whole or as its columns, and the room that the empty one had."""
    log = np.empty((count + len(empty), *empty.shape[1:]), dtype=np.int64)
    targets: list[Int64] = list(log[:count].T) if isinstance(used, list) else [log[:count]]
    columns: list[Any] = used if isinstance(used, list) else [used]
    if [target.shape for target in targets] != [column.shape for column in columns]:
        raise ValueError("a log that has not as many rows or columns as the account tells")
    for target, column in zip(targets, columns, strict=True):
        target[:] = column
    return log


def _doubled(log: Int64, used: int) -> Int64:
    bigger = np.empty((2 * len(log), *log.shape[1:]), dtype=np.int64)
    bigger[:used] = log[:used]
    return bigger
