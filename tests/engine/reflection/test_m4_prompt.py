"""M4: nothing is lost, whoever interferes: a person, a full disk, another process, a kill at any step."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.clock import SimulatedClock
from engine.errors import BadInput, DataError
from engine.ledger.alerts import all_alerts
from engine.ledger.ledger import Ledger, open_ledger
from engine.ledger.reflections import prompt_changes
from engine.ledger.verify import verify
from engine.reflection.m4_prompt import STEPS, PromptConflict, PromptUpdate, prompt_lock, repair_prompt, roll_back
from engine.reflection.m4_prompt import update_prompt as change
from engine.reflection.prompt_history import PromptFiles, find_version, prompt_hash, read_history, text_of
from tests.builders_reflection import at
from tests.gate_world import BASE, GOOD, rule

SUNDAY = at(13, 18)
ROOT = Path(__file__).parents[3]
NEW = BASE + "\n" + GOOD
NEWER = NEW + "\n" + rule("third", "Entry Criteria", "returns(3) > 1%", "require")


@pytest.fixture
def files(tmp_path: Path) -> PromptFiles:
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "core.md").write_text(BASE, encoding="utf-8")
    return PromptFiles(folder / "core.md")


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(SUNDAY)


@pytest.fixture
def ledger(tmp_path: Path, clock: SimulatedClock) -> Ledger:
    return open_ledger(tmp_path / "ledger.db", clock)


def update(files: PromptFiles, text: str, base: str = BASE) -> PromptUpdate:
    return PromptUpdate(files=files, base=base, text=text, reason="시험")


def everything_agrees(files: PromptFiles, ledger: Ledger, text: str, versions: list[str]) -> None:
    """Prompt, history, backups, change log and ledger tell one story."""
    assert files.text() == text
    history = read_history(files)
    assert [version.version for version in history] == versions
    if history:
        assert history[-1].prompt_hash == prompt_hash(text)
    log = files.changelog.read_text(encoding="utf-8") if versions else ""
    for version in history:
        assert prompt_hash(text_of(files, version)) == version.prompt_hash
        assert log.count(f"## core.md {version.version} (") == 1
    assert [one.version for one in prompt_changes(ledger, str(files.prompt))] == versions
    assert not files.intent.exists()
    assert not list(files.folder.rglob("*.part"))
    assert verify(ledger.connection) == ()


def test_a_new_version_has_a_backup_a_number_a_log_and_a_notice(
    files: PromptFiles, ledger: Ledger, clock: SimulatedClock
) -> None:
    steps: list[str] = []
    done = change(update(files, NEW), ledger, clock, on_step=steps.append)
    assert tuple(steps) == STEPS
    assert done.version.version == "1.1.0"
    assert (done.version.added, done.version.removed) == (("burst",), ())
    assert done.backup.name == "core_20240519_180000_v1.0.0.md"
    assert done.backup.read_text(encoding="utf-8") == BASE
    everything_agrees(files, ledger, NEW, ["1.0.0", "1.1.0"])
    (alert,) = all_alerts(ledger)
    assert (alert.code, alert.parameters["version"]) == ("prompt_updated", "1.1.0")


def test_versions_are_semantic(files: PromptFiles, ledger: Ledger, clock: SimulatedClock) -> None:
    change(update(files, NEW), ledger, clock)
    words = NEW.replace("**규칙**: 시험", "**규칙**: 다른 말", 1)
    change(update(files, words, NEW), ledger, clock)
    other = words.replace("2.5", "3.5")
    change(update(files, other, words), ledger, clock)
    done = roll_back(files, text_of(files, find_version(files, "1.0.0")), "1.0.0", ledger, clock)
    assert done.version.removed == ("burst",)
    everything_agrees(files, ledger, BASE, ["1.0.0", "1.1.0", "1.1.1", "2.0.0", "3.0.0"])


def test_line_ends_and_letters_stay_byte_for_byte(files: PromptFiles, clock: SimulatedClock) -> None:
    dos = BASE.replace("\n", "\r\n")
    files.prompt.write_bytes(dos.encode())
    change(update(files, dos + GOOD.replace("\n", "\r\n"), dos), None, clock)
    assert files.prompt.read_bytes() == (dos + GOOD.replace("\n", "\r\n")).encode()
    assert text_of(files, find_version(files, "1.0.0")) == dos


def test_a_prompt_edited_by_hand_meanwhile_is_left_alone(
    files: PromptFiles, ledger: Ledger, clock: SimulatedClock
) -> None:
    theirs = BASE.replace("-4%", "-9%")
    files.prompt.write_text(theirs, encoding="utf-8")
    with pytest.raises(PromptConflict, match="-9%") as caught:
        change(update(files, NEW), ledger, clock)
    assert "burst" in str(caught.value)
    assert caught.value.kept.read_text(encoding="utf-8") == NEW
    everything_agrees(files, ledger, theirs, [])


def test_an_edit_in_the_last_moment_is_seen_too(files: PromptFiles, ledger: Ledger, clock: SimulatedClock) -> None:
    theirs = BASE.replace("-4%", "-9%")

    def edit(step: str) -> None:
        if step == "backup":
            files.prompt.write_text(theirs, encoding="utf-8")

    with pytest.raises(PromptConflict) as caught:
        change(update(files, NEW), ledger, clock, on_step=edit)
    assert caught.value.kept.read_text(encoding="utf-8") == NEW
    everything_agrees(files, ledger, theirs, [])


def test_an_edit_between_two_versions_becomes_a_version_of_its_own(
    files: PromptFiles, ledger: Ledger, clock: SimulatedClock
) -> None:
    change(update(files, NEW), ledger, clock)
    theirs = NEW.replace("-4%", "-9%")
    files.prompt.write_text(theirs, encoding="utf-8")
    change(update(files, NEWER, theirs), ledger, clock)
    everything_agrees(files, ledger, NEWER, ["1.0.0", "1.1.0", "1.1.1", "2.0.0"])
    assert text_of(files, find_version(files, "1.1.1")) == theirs


def test_a_changed_backup_is_not_shown_as_a_version(files: PromptFiles, clock: SimulatedClock) -> None:
    done = change(update(files, NEW), None, clock)
    done.backup.write_text("other", encoding="utf-8")
    with pytest.raises(DataError, match="changed since"):
        text_of(files, find_version(files, "1.0.0"))
    with pytest.raises(BadInput, match=r"It has: 1\.0\.0, 1\.1\.0"):
        find_version(files, "7.0.0")


def test_nothing_to_write_is_said(files: PromptFiles, clock: SimulatedClock) -> None:
    with pytest.raises(BadInput, match="nothing to write"):
        change(update(files, BASE), None, clock)


def test_git_commits_our_files_and_no_others(files: PromptFiles, ledger: Ledger, clock: SimulatedClock) -> None:
    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(files.folder), *words], capture_output=True, check=True, text=True)
        return done.stdout

    git("init", "-q")
    git("config", "user.email", "a@b.c")
    git("config", "user.name", "n")
    (files.folder / "other.txt").write_text("mine")
    git("add", "other.txt")
    done = change(update(files, NEW), ledger, clock, git=True)
    assert done.warnings == ()
    assert "1.1.0" in git("log", "-1", "--format=%s")
    assert "other.txt" not in git("show", "--stat", "--name-only", "HEAD")
    assert "A  other.txt" in git("status", "--short")
    assert git("show", "HEAD:./core.md") == NEW


def test_git_that_cannot_commit_is_a_warning(files: PromptFiles, ledger: Ledger, clock: SimulatedClock) -> None:
    done = change(update(files, NEW), ledger, clock, git=True)
    assert "git could not commit" in done.warnings[0]
    everything_agrees(files, ledger, NEW, ["1.0.0", "1.1.0"])


SCRIPT = """
import os, signal, sys
from pathlib import Path
from engine.clock import SimulatedClock
from engine.ledger.ledger import open_ledger
from engine.reflection.m4_prompt import PromptUpdate, update_prompt
from engine.reflection.prompt_history import PromptFiles
from tests.builders_reflection import at

prompt, ledger, new, last = sys.argv[1:]
clock = SimulatedClock(at(13, 18))
files = PromptFiles(Path(prompt))

def step(name):
    if name == last:
        os.kill(os.getpid(), signal.SIGKILL)

update = PromptUpdate(files=files, base=files.text(), text=Path(new).read_text(encoding="utf-8"), reason="kill")
with open_ledger(Path(ledger), clock) as opened:
    update_prompt(update, opened, clock, on_step=step)
"""


def run_in_a_process(files: PromptFiles, text: str, last: str) -> int:
    new = files.folder.parent / "new.md"
    new.write_text(text, encoding="utf-8")
    ledger = files.folder.parent / "ledger.db"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, str(files.prompt), str(ledger), str(new), last]
    return subprocess.run(command, env=environment, check=False).returncode


@pytest.mark.parametrize("last", STEPS)
def test_a_kill_after_any_step_leaves_before_or_after_and_the_next_run_repairs(files: PromptFiles, last: str) -> None:
    assert run_in_a_process(files, NEW, last) == -signal.SIGKILL
    begun = STEPS.index(last) >= STEPS.index("replace")
    assert files.text() == (NEW if begun else BASE)
    clock = SimulatedClock(SUNDAY)
    with open_ledger(files.folder.parent / "ledger.db", clock) as ledger:
        with prompt_lock(files):
            repaired = repair_prompt(files, ledger, clock)
        expected = None if last == "done" else "finished" if begun else "undone"
        assert (repaired.outcome if repaired else None) == expected
        everything_agrees(files, ledger, NEW if begun else BASE, ["1.0.0", "1.1.0"] if begun else [])
        assert len(all_alerts(ledger)) == int(begun)
        change(update(files, NEWER, files.text()), ledger, clock)
        everything_agrees(files, ledger, NEWER, ["1.0.0", "1.1.0", "1.2.0"] if begun else ["1.0.0", "1.1.0"])


def test_an_edit_after_a_kill_loses_neither_text(files: PromptFiles) -> None:
    assert run_in_a_process(files, NEW, "backup") == -signal.SIGKILL
    theirs = BASE.replace("-4%", "-9%")
    files.prompt.write_text(theirs, encoding="utf-8")
    clock = SimulatedClock(SUNDAY)
    with open_ledger(files.folder.parent / "ledger.db", clock) as ledger, prompt_lock(files):
        repaired = repair_prompt(files, ledger, clock)
        assert repaired is not None
        assert repaired.outcome == "kept aside"
        assert files.text() == theirs
        assert NEW in [path.read_text(encoding="utf-8") for path in files.backups.iterdir()]
        assert [alert.code for alert in all_alerts(ledger)] == ["prompt_update_kept_aside"]


def test_a_full_disk_leaves_the_old_prompt(files: PromptFiles, ledger: Ledger, clock: SimulatedClock) -> None:
    """The system refuses files beyond a size, as a full disk does: after the intent, before the prompt."""
    filler = NEW + "\n## 참고\n" + "가" * 60_000 + "\n"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(filler.encode()) // 2, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            change(update(files, filler), ledger, clock)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    everything_agrees(files, ledger, BASE, [])
    change(update(files, filler), ledger, clock)
    everything_agrees(files, ledger, filler, ["1.0.0", "1.1.0"])


def test_two_processes_take_their_turns(files: PromptFiles) -> None:
    """Both begin from the same text: one writes, the other is told of it, and no version is lost."""
    new = files.folder.parent / "new.md"
    new.write_text(NEW, encoding="utf-8")
    script = SCRIPT.replace("update = Prompt", "base = files.text(); sys.stdin.read(1); update = Prompt").replace(
        "base=files.text()", "base=base"
    )
    command = [sys.executable, "-c", script, str(files.prompt), str(files.folder.parent / "l.db"), str(new), "never"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    both = [subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    told = [process.communicate(b"x")[1].decode() for process in both]
    assert sorted(process.returncode for process in both) == [0, 1]
    assert any("PromptConflict" in words or "nothing to write" in words for words in told)
    assert json.loads(files.history.read_text(encoding="utf-8"))["versions"][-1]["version"] == "1.1.0"
    assert files.text() == NEW
