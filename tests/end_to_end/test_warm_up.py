"""Idle days must not flatter, and days on which something was earned or lost must not vanish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Geoul

RULE = "### {kind}: {name}\n**규칙**: r\n**조건**: `{condition}`\n**행동**: `{action}`\n**우선순위**: 5/10\n\n"
HEAD = "## 투자 원칙 및 규칙\n**주기**: 1d\n\n"


def run(geoul: Geoul, market: Path, folder: Path, *conditions: str, options: tuple[str, ...] = ()) -> dict[str, Any]:
    """A backtest with one entry rule for each condition, and one exit."""
    entries = [
        RULE.format(kind="Entry Criteria", name=f"rule-{place}", condition=condition, action="buy 20% of equity")
        for place, condition in enumerate(conditions)
    ]
    leave = RULE.format(kind="Exit Criteria", name="leave", condition="days_held >= 5", action="sell all")
    (folder / "prompt.md").write_text(HEAD + "".join(entries) + leave, encoding="utf-8")
    answer = geoul("backtest", "prompt.md", "--data", market, "--json", *options)
    assert answer.status == 0, answer.err
    found: dict[str, Any] = json.loads(answer.out)
    return found


def test_waiting_for_full_windows_is_left_out(geoul: Geoul, market: Path, tmp_path: Path) -> None:
    found = run(geoul, market, tmp_path, "close > mean(close, 60)")
    assert found["metrics"]["warmup_sessions"] == 59
    assert {row["equity"] for row in found["equity"][:59]} == {100_000_000}


def test_a_rule_that_trades_ends_the_wait_for_the_others(geoul: Geoul, market: Path, tmp_path: Path) -> None:
    found = run(geoul, market, tmp_path, "close > mean(close, 2)", "close > mean(close, 150)")
    metrics = found["metrics"]
    assert metrics["warmup_sessions"] < 10
    assert metrics["total_return"] == pytest.approx(metrics["final_equity"] / metrics["initial_equity"] - 1)


def test_a_few_weeks_are_not_stretched_to_a_year(geoul: Geoul, market: Path, tmp_path: Path) -> None:
    found = run(geoul, market, tmp_path, "always", options=("--from", "2024-11-01"))
    for name in ("annual_return", "alpha"):
        assert (found["metrics"][name], found["metrics"]["undefined"][name]) == (None, "under_a_year")
