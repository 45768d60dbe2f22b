"""Hard limits in the configuration: unknown keys and contradictions are refused at the start, in words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from engine.cli.main import main
from engine.config import BacktestConfig, RiskLimits, build_config, load_config
from engine.errors import ConfigError


def refusal(**limits: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        build_config({"limits": limits}, "geoul.yaml")
    return str(caught.value)


def test_an_unknown_limit_names_the_one_that_was_meant():
    assert "did you mean max_losing_streak?" in refusal(max_loosing_streak=3)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"min_order_won": 2_000_000, "max_order_won": 1_000_000}, "nothing could be bought"),
        ({"losing_streak_pause": 3}, "losing_streak_pause without max_losing_streak"),
        ({"max_orders_per_minute": 10, "max_orders_per_day": 5}, "the first could never be reached"),
        ({"max_exits_per_minute": 10, "max_exits_per_day": 5}, "the first could never be reached"),
        ({"max_orders_per_minute": 10, "max_exits_per_minute": 5}, "the first could never be reached"),
        ({"max_orders_per_day": 10, "max_exits_per_day": 5}, "the first could never be reached"),
    ],
)
def test_limits_that_contradict_each_other_are_refused(limits, words):
    said = refusal(**limits)
    assert words in said
    assert "geoul.yaml" in said
    assert all(name in said for name in limits)


def test_tickers_without_quotes_are_no_numbers(tmp_path: Path):
    file = tmp_path / "geoul.yaml"
    file.write_text('limits:\n  restricted: ["005930", 000660]\n', encoding="utf-8")  # YAML: octal 660 = 432
    with pytest.raises(ConfigError, match="432 is no ticker: write six characters in quotes"):
        build_config(load_config(file), str(file))
    assert "'abc' is no ticker" in refusal(restricted=["abc"])


def test_limits_that_are_off_leave_the_stored_configuration_as_it_was():
    stored = BacktestConfig().model_dump(mode="json")["limits"]
    assert len(stored) == 9
    assert not {"restricted", "allow_warned", "max_orders_per_day"} & set(stored)
    limits = RiskLimits(restricted=("005930",), max_losing_streak=3, allow_warned=False, max_data_age_seconds=30)
    told = limits.model_dump(mode="json")
    assert {name: told[name] for name in told if name not in stored} == {
        "restricted": ["005930"],
        "max_losing_streak": 3,
        "allow_warned": False,
        "max_data_age_seconds": 30,
    }
    assert RiskLimits.model_validate(told) == limits


@pytest.mark.parametrize("command", ["backtest", "paper"])
@pytest.mark.parametrize("line", ["min_order_won: 2000", "max_posisions: 3"])
def test_commands_end_with_status_2_before_anything_is_traded(command, line, tmp_path, monkeypatch, capsys):
    file, account = tmp_path / "geoul.yaml", tmp_path / "account"
    file.write_text(f"limits:\n  {line}\n  max_order_won: 1000\n", encoding="utf-8")
    where = ["--folder", str(account)] if command == "paper" else []
    monkeypatch.setattr(sys, "argv", ["geoul", command, "--config", str(file), *where])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert str(file) in said
    assert "nothing could be bought" in said or "did you mean max_positions?" in said
    assert not account.exists()


def test_a_configuration_that_is_not_there_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as told:
        load_config(tmp_path / "nothere.yaml")
    path = tmp_path / "nothere.yaml"
    assert str(told.value) == f"The configuration {path} cannot be read: No such file or directory."
