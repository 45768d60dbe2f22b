"""Taxes and fees of one order in exact integers, every rounding downwards.

Source: KOSPI/KOSDAQ securities transaction tax rates by settlement date, see `engine.krx.tables.costs`. How a
broker rounds is not an exchange rule, so the step is an argument.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from engine.errors import BadInput
from engine.kernel_cache import njit
from engine.krx.instrument_class import InstrumentClass
from engine.krx.tables.costs import BROKER_FEE_PPB, DIVIDEND_TAX, SELL_TAX

BILLION = 1_000_000_000


class SellTax(NamedTuple):
    """Taxes on one sell order, in won."""

    transaction_won: int
    rural_won: int


@njit
def share_of_amount(amount: int, rate_ppb: int, step: int) -> int:
    """floor(amount × rate / 1e9), then down to a multiple of `step`.

    The amount is split at 1e9, so no product exceeds amount × rate / 1e9 or 1e9 × rate.
    Units: amount and result in won (or price units), rate in parts per billion, step in the unit of the
    amount; all int64, not negative. Bound: rate_ppb <= 9.2e9 and the result < 9.2e18.
    """
    share = amount // BILLION * rate_ppb + amount % BILLION * rate_ppb // BILLION
    return share // step * step


def fee_won(amount_won: int, rate_ppb: int, step_won: int = 1) -> int:
    """Commission on a traded amount, both sides alike.

    Args:
        amount_won: price times shares, not negative.
        rate_ppb: commission in parts per billion; the default of a class is `broker_fee_ppb`.
        step_won: the commission is cut to a multiple of this; some brokers use 10.

    Example:
        >>> fee_won(10_000_000, 140_527)
        1405
    """
    return int(share_of_amount(*_checked(amount_won, rate_ppb, step_won)))


def broker_fee_ppb(kind: InstrumentClass) -> int:
    """Commission that a run uses unless the configuration says otherwise, parts per billion of the amount."""
    return BROKER_FEE_PPB[kind]


def tax_rates_ppb(day: date, kind: InstrumentClass) -> tuple[int, int]:
    """Transaction tax and rural special tax on a sell traded on `day`, parts per billion of the amount."""
    return SELL_TAX[kind].at(day)


def dividend_tax_ppb(day: date) -> tuple[int, int]:
    """Income tax and local income tax on a cash dividend paid on `day`, parts per billion of the dividend.

    Example:
        >>> dividend_tax_ppb(date(2024, 4, 19))
        (140000000, 14000000)
    """
    return DIVIDEND_TAX.at(day)


def sell_tax(amount_won: int, day: date, kind: InstrumentClass, step_won: int = 1) -> SellTax:
    """Both taxes on the amount of one sell order, each cut on its own; buys pay none.

    Example:
        >>> sell_tax(10_000_001, date(2024, 1, 2), InstrumentClass.KOSPI_STOCK)
        SellTax(transaction_won=3000, rural_won=15000)
    """
    transaction_ppb, rural_ppb = tax_rates_ppb(day, kind)
    return SellTax(
        int(share_of_amount(*_checked(amount_won, transaction_ppb, step_won))),
        int(share_of_amount(*_checked(amount_won, rural_ppb, step_won))),
    )


def _checked(amount_won: int, rate_ppb: int, step_won: int) -> tuple[int, int, int]:
    if amount_won < 0 or not 0 <= rate_ppb <= BILLION or step_won < 1:
        raise BadInput(
            f"Costs of {amount_won:,} won at {rate_ppb:,} parts per billion in steps of {step_won} won: the "
            "amount must not be negative, the rate must lie between 0 and 1,000,000,000 and the step must be "
            "at least 1."
        )
    return amount_won, rate_ppb, step_won
