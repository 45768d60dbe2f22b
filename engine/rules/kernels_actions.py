"""Kernels that lay out, restate and put back the windows that span corporate actions.

The actions that matter to a block stand side by side in a small matrix of their own, flat and time-major, one column
per action: the series of its instrument with everything before the action scaled. The window's ordinary kernel runs
over it.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from engine.kernel_cache import njit


@njit
def gather(matrix, actions, x, x_at, width, action_column, first_action):
    """Copy a slot's series of each action's instrument; x_at is the first cell of the first row to copy."""
    for row in range(matrix.size // actions):
        for number in range(actions):
            matrix[row * actions + number] = x[x_at + row * width + action_column[first_action + number]]


@njit
def gather_panel(matrix, actions, x, x_at, width, action_column, first_action, state):
    """`gather` from the integers of the panel; unknown where absent and on rows before the panel's first."""
    for row in range(matrix.size // actions):
        for number in range(actions):
            at = x_at + row * width + action_column[first_action + number]
            known = x_at + row * width >= 0 and state[at] & 1
            matrix[row * actions + number] = x[at] if known else np.nan


@njit
def restate(matrix, actions, row_from, first_action, action_row, previous, multiplier, divisor):
    """Scale each column, whose first value stands on row `row_from`, as of its action and earlier ones of the name."""
    rows = matrix.size // actions
    for number in range(actions):
        action = first_action + number
        while action >= 0:
            for row in range(min(action_row[action] - row_from, rows)):
                at = row * actions + number
                matrix[at] = matrix[at] * multiplier[action] / divisor[action]
            action = previous[action]


@njit
def put_back(out, out_at, width, matrix, actions, row_from, span, action_row, action_column, next_row, first_action):
    """Write the rows whose window of `span` rows before them reaches across the action, the latest of its name."""
    rows = matrix.size // actions
    for number in range(actions):
        action = first_action + number
        begin = max(action_row[action] - row_from, 0)
        end = min(min(action_row[action] + span, next_row[action]) - row_from, rows)
        for row in range(begin, end):
            out[out_at + row * width + action_column[action]] = matrix[row * actions + number]
