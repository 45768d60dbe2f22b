"""Won are integers; each rounding has a direction."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadInput
from engine.money import (
    PPB,
    Rounding,
    divide,
    format_percent,
    format_won,
    format_won_short,
    multiply_ppb,
    ppb_from_percent,
)

amounts = st.integers(-(10**22), 10**22)


@given(amounts, st.integers(0, PPB), st.sampled_from([1, 10]))
def test_ppb_products_are_the_exact_product_rounded_down(amount: int, rate: int, step: int) -> None:
    exact = Fraction(abs(amount) * rate, PPB)
    charge = multiply_ppb(abs(amount), rate, step=step)
    assert charge == floor(exact / step) * step
    assert multiply_ppb(-abs(amount), rate, step=step) == -charge


@given(amounts, st.integers(1, 10**9))
def test_rounding_directions_bracket_the_exact_quotient(numerator: int, denominator: int) -> None:
    exact = Fraction(abs(numerator), denominator)
    sign = 1 if numerator >= 0 else -1
    assert divide(numerator, denominator, Rounding.DOWN) == sign * floor(exact)
    assert divide(numerator, denominator, Rounding.UP) == sign * ceil(exact)
    assert divide(numerator, denominator, Rounding.NEAREST) == sign * floor(exact + Fraction(1, 2))


def test_fee_of_a_known_order() -> None:
    # 0.0140527 % of 7,000,000 won = 983.689 won.
    assert multiply_ppb(7_000_000, ppb_from_percent("0.0140527")) == 983
    assert multiply_ppb(7_000_000, ppb_from_percent("0.0140527"), step=10) == 980
    assert multiply_ppb(7_000_000, ppb_from_percent("0.0140527"), rounding=Rounding.UP) == 984


@pytest.mark.parametrize("text", ["", "abc", "0.00000001", "1,5", "--1", "0.18 %"])
def test_a_rate_that_is_none_is_refused(text: str) -> None:
    if text == "":
        assert ppb_from_percent("0") == 0
    else:
        with pytest.raises(BadInput, match="rate in percent"):
            ppb_from_percent(text)


def test_impossible_arithmetic_is_refused() -> None:
    with pytest.raises(BadInput, match="denominator"):
        divide(1, 0)
    with pytest.raises(BadInput, match="rounding step"):
        multiply_ppb(1, 1, step=0)


@pytest.mark.parametrize(
    ("amount", "korean", "english"),
    [
        (0, "0원", "0 won"),
        (-1_234_567, "-1,234,567원", "-1,234,567 won"),
        (70_000.5, "70,000.50원", "70,000.50 won"),
        (None, "–", "–"),
    ],
)
def test_won_are_written_with_separators(amount: float | None, korean: str, english: str) -> None:
    assert format_won(amount) == korean
    assert format_won(amount, "en") == english


@pytest.mark.parametrize(
    ("amount", "korean", "english"),
    [
        (99_999, "99,999원", "99,999 won"),
        (1_500_000, "150.0만원", "1.500 m won"),
        (-250_000_000, "-2.500억원", "-250.0 m won"),
        (3_200_000_000_000, "3.200조원", "3.200 tn won"),
        (None, "–", "–"),
    ],
)
def test_large_amounts_have_short_names(amount: float | None, korean: str, english: str) -> None:
    assert format_won_short(amount) == korean
    assert format_won_short(amount, "en") == english


def test_unknown_ratios_are_shown_as_unknown() -> None:
    assert format_percent(None) == format_percent(float("nan")) == "–"
    assert format_percent(-0.07, 1) == "-7.0 %"
