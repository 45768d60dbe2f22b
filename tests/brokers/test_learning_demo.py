"""The demo that ships: its tape fits this Geoul, says of itself what it is, and is made again by its script."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from pathlib import Path

import pytest

from benchmarks.make_demo_cassette import record
from brokers.learning_demo import demo_panel, run_demo
from engine.cli.dataset import dataset_folder
from engine.clock import SystemClock
from engine.data.panel import Panel
from engine.errors import DataError
from engine.model.cassette import Cassette
from engine.model.failure import ReplayMiss
from engine.reflection import learning_view
from engine.reflection.demo import tape as demo
from engine.reflection.demo.tape import REMAKE, TAPE, DemoAnswers, open_tape, pack_tape
from engine.reflection.gating import quick
from engine.research.gate_settings import GateSettings

SELECT = "SELECT key, request, response, model, purpose, recorded_at FROM answers ORDER BY key"


@pytest.fixture(scope="module")
def panel() -> Panel:
    """The embedded market, as the command takes it."""
    return demo_panel(dataset_folder(None, lambda text: None))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cassette = tmp_path_factory.mktemp("tape") / "answers.cassette"
    cassette.write_bytes(gzip.decompress(TAPE.read_bytes()))
    return cassette


def rows(cassette: Path) -> dict[str, tuple[object, ...]]:
    with sqlite3.connect(cassette) as file:
        found = {row[0]: row[1:] for row in file.execute(SELECT)}
    file.close()
    return found


def test_a_year_replays_under_the_gate_and_no_rule_of_random_prices_comes_in(panel: Panel) -> None:
    with open_tape(SystemClock()) as answers:
        run = run_demo(panel, lambda clock: DemoAnswers(answers), quick(GateSettings()))
        assert answers.tally.asked == 0
        assert answers.tally.replayed > 50
    assert len(run.weeks) == 52
    assert {fate.proposal.decision for fate in run.fates} == {"shadow", "reject"}
    assert all(fate.proposal.verdict["steps"] for fate in run.fates)
    assert (run.births, run.earned_won) == ((), 0)
    assert (run.writer, run.masked, run.gated, run.overruled) == ("scripted-demo", True, True, False)
    for lang, words in (("ko", "언어 모델이 아니라"), ("en", "Scripted answers, no model")):
        assert any(words in line for line in learning_view.warnings(run, lang))  # type: ignore[arg-type]


def test_the_script_records_the_answers_that_ship(panel: Panel, unpacked: Path, tmp_path: Path) -> None:
    record(panel, tmp_path / "again.cassette", (None,))
    again, shipped = rows(tmp_path / "again.cassette"), rows(unpacked)
    assert len(again) > 50
    stale = [key[:12] for key, row in again.items() if shipped.get(key) != row]
    assert not stale, f"{len(stale)} answers of the demo are not those that ship. Record them again with `{REMAKE}`."


def test_every_answer_says_that_no_model_gave_it_and_no_question_shows_the_market(panel: Panel, unpacked: Path) -> None:
    with Cassette(unpacked, read_only=True) as cassette:
        info = cassette.info()
        assert info.by_model == {"scripted-demo": info.answers}
        assert info.cost_won == 0
    asked = "\n".join(str(row[0]) for row in rows(unpacked).values())
    assert '"provider":"geoul"' in asked
    assert not any(ticker in asked for ticker in panel.tickers)
    assert "2024-" not in asked
    assert TAPE.stat().st_size < 1_000_000


def test_a_prompt_that_has_changed_says_how_to_record_again(
    panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "prompts"
    shutil.copytree(demo.PROMPTS, changed)
    with (changed / "reflection_analysis.md").open("a", encoding="utf-8") as file:
        file.write("- 새 문장\n")
    monkeypatch.setattr(demo, "PROMPTS", changed)
    with open_tape(SystemClock()) as answers, pytest.raises(ReplayMiss) as miss:
        run_demo(panel, lambda clock: DemoAnswers(answers), None)
    assert f"record it again with `{REMAKE}`" in str(miss.value)
    assert "+- 새 문장" in str(miss.value)


def test_a_damaged_tape_is_told(tmp_path: Path) -> None:
    cut = tmp_path / "cut.gz"
    cut.write_bytes(TAPE.read_bytes()[:5_000])
    for path in (cut, tmp_path / "missing.gz", Path(__file__)):
        with pytest.raises(DataError, match="Install Geoul anew"), open_tape(SystemClock(), path):
            pass


def test_equal_cassettes_are_packed_into_equal_bytes(unpacked: Path, tmp_path: Path) -> None:
    for name in ("one.gz", "other.gz"):
        pack_tape(unpacked, tmp_path / name)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "other.gz").read_bytes()
    with open_tape(SystemClock(), tmp_path / "one.gz") as answers:
        assert answers.cassette is not None
        assert len(answers.cassette) == len(rows(unpacked))
