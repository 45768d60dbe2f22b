"""What looks only back is found clean: every strategy that comes with Geoul, and random rules on random markets."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.import_options import ImportOptions
from engine.data.importer import import_dataset
from engine.data.panel import Panel, load_panel
from engine.rules.prompt import load_rules
from engine.strategy import Strategy
from strategies.buy_and_hold import BuyAndHold
from strategies.etf_rotation import EtfRotation
from strategies.intraday_momentum import IntradayMomentum
from strategies.moving_average_cross import MovingAverageCross
from strategies.pair_switch import PairSwitch
from tests.engine.research.audit.auditing import audit_rules, audit_strategy, check_of
from tests.random_panels import configs, panels
from tests.rule_strategies import Taste, rule_sets

ROOT = Path(__file__).parents[4]
PROMPTS = [*sorted((ROOT / "strategies").glob("*.md")), ROOT / "prompts" / "core_decision_prompt.md"]
# How many names each strategy is for; None takes all.
STRATEGIES: list[tuple[type[Strategy], int | None]] = [
    (BuyAndHold, 8),
    (BuyAndHold, None),
    (EtfRotation, 8),
    (EtfRotation, None),
    (MovingAverageCross, 1),
    (PairSwitch, 2),
]


@pytest.fixture(scope="module")
def real(krx_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighty large names, 2021 to 2026, unadjusted."""
    folder = tmp_path_factory.mktemp("real") / "large"
    options = ImportOptions(
        index=krx_data / "krx_index" / "krx_index_daily.parquet",
        reference=krx_data / "krx_weekly_sections" / "krx_weekly.parquet",
    )
    import_dataset([str(krx_data / "krx_daily_long" / "unadjusted_100tk_2021_2026.parquet")], folder, options)
    return folder


def names_of(folder: Path, count: int | None) -> Panel:
    """All names, or the first few that have bars throughout."""
    panel = load_panel(folder)
    if count is None:
        return panel
    ends = zip(panel.tickers, panel.first_row, panel.last_row, strict=True)
    whole = [ticker for ticker, first, last in ends if first == 0 and last == panel.rows - 1]
    return load_panel(folder, tickers=whole[:count])


@pytest.mark.parametrize("path", PROMPTS, ids=lambda path: path.stem)
def test_rule_files_pass_every_check(path: Path, daily: Panel) -> None:
    found = audit_rules(load_rules(path), daily)
    assert found.orders > 50
    assert {check.name: check.status for check in found.checks} == dict.fromkeys(
        ("repeat", "future", "history", "names", "start"), "clean"
    )


@pytest.mark.parametrize("path", PROMPTS, ids=lambda path: path.stem)
def test_rule_files_pass_every_check_on_real_data(path: Path, real: Path) -> None:
    found = audit_rules(load_rules(path), load_panel(real), cuts=3)
    assert found.orders > 50
    assert {check.status for check in found.checks} == {"clean"}


@pytest.mark.parametrize(("kind", "count"), STRATEGIES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_strategies_pass(kind: type[Strategy], count: int | None, dataset: Path) -> None:
    found = audit_strategy(lambda _: kind(), names_of(dataset, count))
    assert found.passed
    assert check_of(found, "future").status == check_of(found, "history").status == "clean"


@pytest.mark.parametrize(("kind", "count"), STRATEGIES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_strategies_pass_on_real_data(kind: type[Strategy], count: int | None, real: Path) -> None:
    found = audit_strategy(lambda _: kind(), names_of(real, count), cuts=3)
    assert found.passed
    assert check_of(found, "future").status == check_of(found, "history").status == "clean"


def test_a_strategy_of_minutes_passes(minutes: Panel) -> None:
    class Eager(IntradayMomentum):
        rise = -1.0  # buys every day, so that there is something to compare

    found = audit_strategy(lambda _: Eager(), minutes)
    assert found.orders > 6
    assert found.passed
    assert check_of(found, "future").status == check_of(found, "history").status == "clean"


TASTE = Taste(depth=1, window=4, money=False)


@settings(max_examples=20)
@given(st.data())
def test_random_rules_on_random_markets_pass_every_check(data: st.DataObject) -> None:
    panel = data.draw(panels(most_rows=40))
    rules, config = data.draw(rule_sets(TASTE, interval=panel.interval)), data.draw(configs())
    found = audit_rules(rules, panel, config, cuts=2, seed=data.draw(st.integers(0, 99)))
    assert {check.status for check in found.checks} <= {"clean", "skipped"}
