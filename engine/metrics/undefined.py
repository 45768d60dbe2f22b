"""Why a figure has no value: a reason is an answer, 0 would be a lie."""

from __future__ import annotations

from enum import Enum


class Undefined(Enum):
    """The reason a figure cannot be given; `engine.reports.texts` holds its sentence in both languages."""

    TOO_FEW_SESSIONS = "too_few_sessions"
    UNDER_A_YEAR = "under_a_year"
    NO_VARIATION = "no_variation"
    NO_LOSING_SESSION = "no_losing_session"
    NO_DRAWDOWN = "no_drawdown"
    NO_BENCHMARK = "no_benchmark"
    NO_TRADES = "no_trades"
    NO_WINNERS = "no_winners"
    NO_LOSERS = "no_losers"
    RUINED = "ruined"
    NO_ALTERNATIVE = "no_alternative"


Figure = float | Undefined
"""A number, or the reason why there is none."""
