"""Corporate actions follow the base price and the shares, and nothing is guessed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data import catalog
from engine.data.adjust import Row, Verdict, find_actions, judge, share_ratio, simplest_between
from engine.data.identify import kinds_of
from engine.krx.instrument_class import InstrumentClass

DAY = 19_758  # 2024-02-05
QUIET = Row(
    day=DAY,
    ticker="005930",
    kind=InstrumentClass.KOSPI_STOCK,
    previous_close=10_000,
    expected_base=10_000,
    base=10_000,
    open=10_000,
    high=10_100,
    low=9_900,
    close=10_000,
    tick=10,
    limit_pct=30,
    missing_sessions=0,
    previous_traded=True,
    previous_shares=1_000_000,
    shares=1_000_000,
)

# What happened (real cases, prices as published) -> what it proves.
CASES: list[tuple[str, Row, Verdict | tuple[str, Fraction, str] | None]] = [
    ("base is the previous close", QUIET, None),
    ("base is the off-grid close rounded up", replace(QUIET, previous_close=9_995, expected_base=10_000), None),
    (
        "bonus issue, new shares listed later (216080, 2025-01-03)",
        replace(QUIET, previous_close=15_250, base=7_630, open=7_660, tick=10),
        ("split", Fraction(2), "medium"),
    ),
    (
        "capital reduction with shares (355150, 2024-02-02)",
        replace(QUIET, previous_close=2_290, base=11_450, open=10_840, previous_shares=37_603_850, shares=7_520_770),
        ("split", Fraction(1, 5), "high"),
    ),
    (
        "opening price became the base and shares shrank (177350, 2025-01-22)",
        replace(
            QUIET,
            previous_close=202,
            base=1_009,
            open=1_009,
            tick=1,
            previous_traded=False,
            previous_shares=89_372_043,
            shares=17_874_408,
        ),
        ("split", Fraction(1, 5), "high"),
    ),
    (
        "opening price became the base, shares unchanged: the loss is real (178780, 2025-01-15)",
        replace(QUIET, previous_close=8_650, base=4_750, open=4_750, previous_traded=False),
        None,
    ),
    (
        "a rights issue that opened at its base, no halt before (323280, 2025-01-03)",
        replace(QUIET, previous_close=26_250, base=25_150, open=25_150, tick=50),
        ("split", Fraction(23, 22), "medium"),
    ),
    (
        "reduction during a halt (054630, 2025-01-10)",
        replace(
            QUIET,
            previous_close=158,
            base=1_580,
            open=0,
            high=0,
            low=0,
            tick=1,
            previous_traded=False,
            previous_shares=79_709_461,
            shares=7_970_946,
        ),
        ("split", Fraction(1, 10), "high"),
    ),
    (
        "base up without fewer shares is doubtful",
        replace(QUIET, base=20_000, open=21_000),
        ("split", Fraction(1, 2), "low"),
    ),
    (
        "fund distribution",
        replace(QUIET, kind=InstrumentClass.ETF, base=9_900),
        Verdict("cash", cash=100, source="base price of a fund", confidence="high"),
    ),
    (
        "missing sessions explain a base inside their limits",
        replace(QUIET, base=13_500, missing_sessions=1),
        None,
    ),
    (
        "missing sessions do not explain half the price, shares do",
        replace(QUIET, previous_close=10_000, base=2_100, missing_sessions=1, shares=5_000_000),
        ("split", Fraction(5), "medium"),
    ),
    (
        "missing sessions, nothing explains the base",
        replace(QUIET, base=2_100, missing_sessions=1),
        ("unexplained", Fraction(1), "none"),
    ),
    (
        "no base, no shares: a forbidden price stays unexplained (086280, 2024-07-12)",
        replace(
            QUIET,
            previous_close=252_500,
            expected_base=252_500,
            base=0,
            open=127_900,
            high=129_200,
            low=120_100,
            close=124_900,
            tick=500,
            previous_shares=0,
            shares=0,
        ),
        ("unexplained", Fraction(1), "none"),
    ),
    (
        "no base, but shares prove the forbidden price",
        replace(QUIET, base=0, open=2_010, high=2_050, low=1_950, close=2_000, tick=1, shares=5_000_000),
        ("split", Fraction(5), "medium"),
    ),
    (
        "no base, shares change but the price does not follow",
        replace(QUIET, base=0, open=2_010, high=2_050, low=1_950, close=2_000, shares=3_000_000),
        ("unexplained", Fraction(1), "none"),
    ),
    ("no base, price inside the limits", replace(QUIET, base=0, high=13_000, shares=1_100_000), None),
    (
        "no base, a weekly row with twice the shares at half the price",
        replace(QUIET, base=0, open=5_000, high=5_000, low=5_000, close=5_000, missing_sessions=4, shares=2_000_000),
        ("split", Fraction(2), "medium"),
    ),
    (
        "liquidation from a known base is no action",
        replace(QUIET, open=3_000, high=3_500, low=1_000, close=1_200),
        None,
    ),
]


@pytest.mark.parametrize(("row", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_one_row(row: Row, expected: Verdict | tuple[str, Fraction, str] | None) -> None:
    verdict = judge(row)
    if isinstance(expected, tuple):
        assert verdict is not None
        assert (verdict.kind, verdict.ratio, verdict.confidence) == expected
    else:
        assert verdict == expected


POSITIVE = st.fractions(min_value=Fraction(1, 50), max_value=50, max_denominator=60)


@given(POSITIVE, POSITIVE)
def test_simplest_fraction_has_the_smallest_denominator(one: Fraction, other: Fraction) -> None:
    smallest, largest = sorted((one, other))
    found = simplest_between(smallest, largest)
    assert smallest <= found <= largest
    for denominator in range(1, found.denominator):
        numerator = -(-smallest.numerator * denominator // smallest.denominator)
        assert Fraction(numerator, denominator) > largest


@given(st.integers(1_000_000, 10**10), st.sampled_from([(5, 1), (2, 1), (3, 2), (1, 5), (1, 10), (7, 10)]))
def test_share_ratio_ignores_fractional_shares(before: int, ratio: tuple[int, int]) -> None:
    assert share_ratio(before, before * ratio[0] // ratio[1]) == Fraction(*ratio)


def test_actions_of_the_sample_are_found_in_its_prices(sample: Path) -> None:
    """The generator knows its splits and distributions; the importer's rules must find the same ones."""
    manifest = catalog.open_dataset(sample)[1]
    instruments = catalog.read_instruments(sample)
    found = find_actions(
        catalog.scan_bars(sample, manifest).collect(),
        kinds_of(instruments),
        dict(instruments.select("ticker", "multiple").rows()),
    )
    columns = ["date", "ticker", "kind", "numerator", "denominator"]
    made = catalog.read_actions(sample)
    assert {"split", "cash"} == set(made["kind"])
    assert found.filter(pl.col("confidence") == "high").select(columns).rows() == made.select(columns).rows()
    assert found.height == made.height
