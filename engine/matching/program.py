"""The interpreter for the parts of rules that depend on a position or the portfolio: flat code on a small stack.

A value is float64; not-a-number is *unknown*; truth is 1.0, falsehood 0.0 (Kleene logic). The parts that depend on
market data alone are features, computed once for all instruments, and enter here as loads from the block.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from engine.kernel_cache import inner
from engine.matching.arrays import (
    CASH,
    CONFIG_SCALE,
    CONSECUTIVE_LOSSES,
    DAY_START_EQUITY,
    EQUITY,
    HELD,
    MONTH_START_EQUITY,
    PAYABLE,
    PEAK_EQUITY,
    POSITION_COST,
    POSITION_LAST_EXIT,
    POSITION_OPENED_ROW,
    POSITION_PEAK,
    POSITION_QUANTITY,
    RECEIVABLE,
)
from engine.matching.grid import mark_price

(
    CONSTANT,
    NUMBER,
    FLAG,
    FIELD,
    ADD,
    SUBTRACT,
    MULTIPLY,
    DIVIDE,
    NEGATE,
    LESS,
    LESS_EQUAL,
    GREATER,
    GREATER_EQUAL,
    EQUAL,
    NOT_EQUAL,
    AND,
    OR,
    NOT,
) = range(18)

FIELDS = (
    "pnl",
    "days_held",
    "drawdown_from_peak",
    "entry_price",
    "weight",
    "bars_since_exit",
    "equity",
    "cash_ratio",
    "positions",
    "day_pnl",
    "month_pnl",
    "drawdown",
    "consecutive_losses",
)
STACK = 64  # deepest expression; the compiler refuses deeper ones


class Features(NamedTuple):
    """The market-dependent parts of all rules for one run of rows."""

    first_row: Any  # row of the panel that stands at index 0
    names: Any  # N, instruments
    candidates: Any  # [rows, N] int8: 1 where some entry trigger and every requirement may hold
    flags: Any  # [slots, rows × N] int8: 0, 1, −1 unknown
    numbers: Any  # [slots, rows × N] float64, NaN unknown


@inner
def ratio(change, start):
    """change / start, unknown where there is nothing to compare with."""
    return change / start if start > 0 else np.nan


@inner
def field(market, book, row, col, number):
    """Value of a position or portfolio field after the bar `row`; `col` −1 asks for the portfolio alone."""
    account = book.account
    if number < 6:
        if col < 0:
            return np.nan
        position = book.positions[col]
        held = position[POSITION_QUANTITY]
        if number == 5:
            last = position[POSITION_LAST_EXIT]
            # Never sold is known, and infinitely long ago: a cooling-off rule must not block a first purchase.
            return float(row - last) if last >= 0 else np.inf
        if held == 0:
            return np.nan
        price = mark_price(market, row, col)
        if number == 0:
            # (value − cost) / cost, from integers: exactly 15 % is 15 %.
            return ratio(price * held - position[POSITION_COST], position[POSITION_COST])
        if number == 1:
            return float(market.session[row] - market.session[position[POSITION_OPENED_ROW]])
        if number == 2:
            return ratio(price - position[POSITION_PEAK], position[POSITION_PEAK])
        if number == 3:
            return position[POSITION_COST] / held / market.config[CONFIG_SCALE]
        return ratio(price * held, account[EQUITY])
    equity = account[EQUITY]
    if number == 6:
        return equity / market.config[CONFIG_SCALE]
    if number == 7:
        return ratio(account[CASH] + account[RECEIVABLE] - account[PAYABLE], equity)
    if number == 8:
        return float(account[HELD])
    if number == 9:
        return ratio(equity - account[DAY_START_EQUITY], account[DAY_START_EQUITY])
    if number == 10:
        return ratio(equity - account[MONTH_START_EQUITY], account[MONTH_START_EQUITY])
    if number == 11:
        return ratio(equity - account[PEAK_EQUITY], account[PEAK_EQUITY])
    return float(account[CONSECUTIVE_LOSSES])


@inner
def both(left, right):
    """Kleene and."""
    if left == 0.0 or right == 0.0:
        return 0.0
    return np.nan if np.isnan(left) or np.isnan(right) else 1.0


@inner
def either(left, right):
    """Kleene or."""
    if left == 1.0 or right == 1.0:
        return 1.0
    return np.nan if np.isnan(left) or np.isnan(right) else 0.0


@inner
def operate(operation, left, right):
    """A binary operation; anything but logic with an unknown is unknown, and so is a division by zero."""
    if operation == AND:
        return both(left, right)
    if operation == OR:
        return either(left, right)
    if np.isnan(left) or np.isnan(right):
        return np.nan
    if operation == ADD:
        return left + right
    if operation == SUBTRACT:
        return left - right
    if operation == MULTIPLY:
        return left * right
    if operation == DIVIDE:
        return left / right if right != 0.0 else np.nan
    if operation == LESS:
        return 1.0 if left < right else 0.0
    if operation == LESS_EQUAL:
        return 1.0 if left <= right else 0.0
    if operation == GREATER:
        return 1.0 if left > right else 0.0
    if operation == GREATER_EQUAL:
        return 1.0 if left >= right else 0.0
    if operation == EQUAL:
        return 1.0 if left == right else 0.0
    return 1.0 if left != right else 0.0


@inner
def evaluate(market, book, features, code, constants, begin, end, row, col):
    """Run code[begin:end] for one instrument (or the portfolio, col −1) after bar `row`. Returns one float."""
    place = (row - features.first_row) * features.names + max(col, 0)
    stack = np.empty(STACK, np.float64)
    top = 0
    for step in range(begin, end):
        operation, argument = code[step, 0], code[step, 1]
        if operation == CONSTANT:
            stack[top] = constants[argument]
            top += 1
        elif operation == NUMBER:
            stack[top] = features.numbers[argument, place]
            top += 1
        elif operation == FLAG:
            value = features.flags[argument, place]
            stack[top] = np.nan if value < 0 else float(value)
            top += 1
        elif operation == FIELD:
            stack[top] = field(market, book, row, col, argument)
            top += 1
        elif operation == NEGATE:
            stack[top - 1] = -stack[top - 1]
        elif operation == NOT:
            stack[top - 1] = 1.0 - stack[top - 1]
        else:
            stack[top - 2] = operate(operation, stack[top - 2], stack[top - 1])
            top -= 1
    return stack[0]
