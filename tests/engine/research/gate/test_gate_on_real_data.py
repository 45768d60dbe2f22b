"""The gate on the real market: a sensible rule waits for more evidence, an absurd one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import BacktestConfig
from engine.data.import_options import ImportOptions
from engine.data.importer import import_dataset
from engine.data.panel import Panel, load_panel
from engine.research.candidate import read_candidate
from engine.research.gate import judge
from engine.research.gate_report import GateReport
from engine.research.gate_settings import GateSettings
from engine.research.workers import InProcess
from tests.builders_ledger import make_ledger
from tests.gate_world import rule

PROMPT = Path(__file__).parents[4] / "prompts" / "core_decision_prompt.md"
PAUSE = rule("bear-pause", "Risk Management", 'index("KOSPI").close < mean(index("KOSPI").close, 60)', "block buys")
WEDNESDAY = rule("wednesday", "Entry Criteria", "weekday == wed", "buy 10% of equity")
SETTINGS = GateSettings(neighbours=16, resamples=200)


@pytest.fixture(scope="module")
def panel(krx_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Panel:
    folder = tmp_path_factory.mktemp("krx") / "large"
    source = krx_data / "krx_daily_long" / "unadjusted_100tk_2021_2026.parquet"
    options = ImportOptions(index=krx_data / "krx_index" / "krx_index_daily.parquet")
    import_dataset([str(source)], folder, options)
    return load_panel(folder)


def gate(panel: Panel, added: str, tmp_path: Path) -> GateReport:
    proposal = read_candidate(PROMPT.read_text(encoding="utf-8"), added)
    with make_ledger(tmp_path) as ledger:
        return judge(proposal, panel, BacktestConfig(), ledger, InProcess(panel), SETTINGS)


def test_an_absurd_rule_is_not_promoted_and_counted(panel: Panel, tmp_path: Path) -> None:
    report = gate(panel, WEDNESDAY, tmp_path)
    assert report.verdict.decision != "promote"
    assert report.counted and not report.synthetic
    firing = report.step("alive")
    assert firing is not None and 0.15 < firing.figures["share"] < 0.25


def test_a_sensible_rule_of_risk_is_judged_by_what_it_does_at_equal_risk(panel: Panel, tmp_path: Path) -> None:
    report = gate(panel, PAUSE, tmp_path)
    assert report.verdict.decision in ("shadow", "reject")
    training = report.step("training")
    assert training is not None and training.figures["risk_adjusted"]
    assert training.figures["trades"] >= SETTINGS.least_trades
    phases = report.step("regimes")
    assert phases is not None and phases.figures["index"] == "KOSPI"
    assert sum(row["sessions"] for row in phases.figures["phases"][:3]) > 0.9 * len(report.sessions) - 60
