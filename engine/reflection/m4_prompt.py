"""M4: a new version of the prompt file, step by step, so that a crash at any moment loses nothing.

What shall be done is written down first (the intent). Then come the backups, then the prompt itself in one rename, then
history, change log, ledger and git, and at last the intent goes. Whoever finds an intent finishes or undoes it: the
prompt is the old one or the new one, never a part of either, and after a repair all records agree with it.

A person may have edited the prompt while the reflection thought. Then base, theirs and ours are three texts, and no
program may choose: the change is refused with both differences, and our text is kept in `backups/`.
"""

from __future__ import annotations

import contextlib
import difflib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from engine.clock import Clock
from engine.errors import BadInput
from engine.ledger.alerts import Urgency, record_alert
from engine.ledger.canonical import stamp
from engine.ledger.ledger import Ledger
from engine.ledger.reflections import PromptChange, write_prompt_change
from engine.reflection.prompt_git import commit_to_git
from engine.reflection.prompt_history import (
    PromptFiles,
    PromptVersion,
    changelog_with,
    prompt_hash,
    read_history,
    read_text,
    write_history,
    write_text,
)
from engine.reflection.prompt_intent import Intent, Notice, plan_change, read_intent

STEPS = ("intent", "backup", "replace", "history", "changelog", "ledger", "git", "done")
LOCK_SECONDS = 30.0  # a change takes milliseconds
OnStep = Callable[[str], None]


class PromptConflict(BadInput):
    """The prompt was edited by hand meanwhile.

    Args:
        message: what happened, with both differences.
        kept: the file that holds the text which was not written.
    """

    def __init__(self, message: str, kept: Path) -> None:
        super().__init__(message)
        self.kept = kept


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptUpdate:
    """What shall become of a prompt.

    Args:
        files: of the prompt.
        base: the text that the change was made from.
        text: the new text.
        reason: for the history, one line.
        notice: (version, backup file) -> the report that goes to people; None takes the reason.
    """

    files: PromptFiles
    base: str
    text: str
    reason: str
    notice: Notice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatedPrompt:
    """What was done.

    Args:
        version: the new one.
        backup: the file that holds the text before.
        warnings: what did not work and does not matter for the prompt, such as git.
    """

    version: PromptVersion
    backup: Path
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What was found of a change that was interrupted, and what became of it."""

    outcome: Literal["finished", "undone", "kept aside"]
    version: str
    text: str


def update_prompt(
    update: PromptUpdate,
    ledger: Ledger | None,
    clock: Clock,
    *,
    git: bool = False,
    on_step: OnStep | None = None,
) -> UpdatedPrompt:
    """Put a new version of the prompt into force.

    Args:
        update: base and new text.
        ledger: gets the version and an alert; None for a prompt of its own without one.
        clock: dates the version.
        git: commit prompt, backups, history and change log to the repository around them.
        on_step: told the name of each step of `STEPS` after it.

    Raises:
        PromptConflict: the file is not the base any more.
        RuleProblem: base or new text does not compile.
        BadInput: nothing changes, or another process holds the prompt.
        OSError: the system refused, for want of space for instance; the prompt is the old one then.
    """
    if update.base == update.text:
        raise BadInput(f"The new text of {update.files.prompt} is the old one: there is nothing to write.")
    files = update.files
    with prompt_lock(files):
        repair_prompt(files, ledger, clock, git=git)
        if files.text() != update.base:
            raise _conflict(files, update.base, update.text, clock.now())
        notice = update.notice
        intent = plan_change(files, update.base, update.text, update.reason, notice, clock.now())
        return _carry_out(files, intent, ledger, git=git, on_step=on_step or _quiet)


def repair_prompt(files: PromptFiles, ledger: Ledger | None, clock: Clock, *, git: bool = False) -> Repair | None:
    """Finish or undo what an interrupted change has left; None where nothing is left. The lock must be held."""
    if not files.intent.is_file():
        return None
    intent = read_intent(files)
    current = prompt_hash(files.text())
    known = {version.version for version in read_history(files)}
    new = intent.versions[-1]
    if current == new.prompt_hash or new.version in known:
        _carry_out(files, intent, ledger, git=git, on_step=_quiet, replaced=True)
        return Repair(outcome="finished", version=new.version, text=f"Version {new.version} was finished.")
    if current == prompt_hash(intent.base):
        for version in intent.versions:
            if version.version not in known:
                (files.backups / version.file).unlink(missing_ok=True)
        files.intent.unlink()
        return Repair(outcome="undone", version=new.version, text=f"Version {new.version} had not begun.")
    # Edited by hand before the repair: whose text it is cannot be told, so both stay.
    kept = files.backups / new.file
    write_text(kept, intent.text)
    files.intent.unlink()
    told = f"{files.prompt} was edited while version {new.version} was being written; that text is in {kept}."
    if ledger is not None:
        record_alert(ledger, Urgency.WARNING, "prompt_update_kept_aside", told, {"file": str(kept)})
    return Repair(outcome="kept aside", version=new.version, text=told)


@contextlib.contextmanager
def prompt_lock(files: PromptFiles) -> Iterator[None]:
    """Alone with the prompt.

    Raises:
        BadInput: another process has held it for long.
    """
    files.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(files.lock, timeout=LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        raise BadInput(
            f"Another process has been changing {files.prompt} for {LOCK_SECONDS:.0f} seconds. Wait until it has ended."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _carry_out(
    files: PromptFiles,
    intent: Intent,
    ledger: Ledger | None,
    *,
    git: bool,
    on_step: OnStep,
    replaced: bool = False,
) -> UpdatedPrompt:
    """All steps; those that are done already change nothing."""
    new = intent.versions[-1]
    if not replaced:
        try:
            intent.write(files)
            on_step("intent")
            _back_up(files, intent)
            on_step("backup")
            if files.text() != intent.base:  # a person was quicker than the backups
                _undo(files, intent)
                raise _conflict(files, intent.base, intent.text, intent.versions[-1].changed_at)
            write_text(files.prompt, intent.text)
        except OSError:
            _undo(files, intent)
            raise
        on_step("replace")
    _back_up(files, intent)
    history = read_history(files)
    known = {version.version for version in history}
    missing = [version for version in intent.versions if version.version not in known]
    if missing:
        write_history(files, [*history, *missing])
    on_step("history")
    log = read_text(files.changelog) if files.changelog.is_file() else ""
    longer = changelog_with(log, files.prompt.name, intent.versions)
    if longer != log:
        write_text(files.changelog, longer)
    on_step("changelog")
    if ledger is not None:
        _record(files, intent, ledger)
    on_step("ledger")
    warnings = commit_to_git(files, intent) if git else ()
    for warning in warnings:
        if ledger is not None:
            record_alert(ledger, Urgency.WARNING, "prompt_git", warning, {"version": new.version})
    on_step("git")
    files.intent.unlink(missing_ok=True)
    on_step("done")
    return UpdatedPrompt(version=new, backup=files.backups / intent.backup, warnings=tuple(warnings))


def _back_up(files: PromptFiles, intent: Intent) -> None:
    """The text before and the new one, each in a file of its own."""
    for name, text in ((intent.backup, intent.base), (intent.versions[-1].file, intent.text)):
        path = files.backups / name
        if not path.is_file() or prompt_hash(read_text(path)) != prompt_hash(text):
            write_text(path, text)


def _undo(files: PromptFiles, intent: Intent) -> None:
    """The disk refused before the prompt was replaced: take away what was begun, as far as the disk lets us."""
    known = {version.version for version in read_history(files)}
    with contextlib.suppress(OSError):
        for version in intent.versions:
            if version.version not in known:
                (files.backups / version.file).unlink(missing_ok=True)
        files.intent.unlink(missing_ok=True)


def _record(files: PromptFiles, intent: Intent, ledger: Ledger) -> None:
    """Versions and the alert in one transaction; a version that the ledger knows brings no second alert."""
    texts = {intent.versions[-1].prompt_hash: intent.text, prompt_hash(intent.base): intent.base}
    hashes = {version.version: version.prompt_hash for version in read_history(files)}
    new = intent.versions[-1]
    with ledger.writing() as connection:
        news = False
        for version in intent.versions:
            change = PromptChange(
                path=str(files.prompt),
                version=version.version,
                prompt_hash=version.prompt_hash,
                parent_hash=hashes.get(version.parent),
                changed_at=version.changed_at,
                reason=version.reason,
                backup=intent.backup if version is new else "",
                added=version.added,
                removed=version.removed,
            )
            news = write_prompt_change(connection, change, texts[version.prompt_hash])
        if news:
            connection.execute(
                "INSERT INTO alerts (time, urgency, code, text, parameters) VALUES (?, ?, ?, ?, ?)",
                (
                    stamp(ledger.clock.now()),
                    Urgency.INFO.value,
                    "prompt_updated",
                    intent.notice,
                    json.dumps({"path": str(files.prompt), "version": new.version}, ensure_ascii=False),
                ),
            )


def _conflict(files: PromptFiles, base: str, ours: str, moment: datetime) -> PromptConflict:
    """Keep our text, and show what each side changed."""
    kept = files.backups / f"{files.prompt.stem}_{moment:%Y%m%d_%H%M%S}_refused.md"
    write_text(kept, ours)
    return PromptConflict(
        f"{files.prompt} was edited while the new version was being made, so it was left as it is. The new text is in "
        f"{kept}. Put both changes together by hand, or run the reflection again.\n\n"
        f"{difference(base, files.text(), 'read by the reflection', 'now in the file')}\n"
        f"{difference(base, ours, 'read by the reflection', 'not written')}",
        kept,
    )


def difference(old: str, new: str, old_name: str, new_name: str) -> str:
    """Two texts as a unified difference."""
    lines = difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), old_name, new_name, n=2)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def roll_back(
    files: PromptFiles, text: str, version: str, ledger: Ledger | None, clock: Clock, *, git: bool = False
) -> UpdatedPrompt:
    """Put the text of an earlier version into force, as a new version.

    Args:
        files: of the prompt.
        text: of the earlier version, see `engine.reflection.prompt_history.text_of`.
        version: its number.
        ledger, clock, git: as for `update_prompt`.
    """
    reason = f"{version}(으)로 되돌림 · rolled back to {version}"
    update = PromptUpdate(files=files, base=files.text(), text=text, reason=reason)
    return update_prompt(update, ledger, clock, git=git)


def _quiet(_: str) -> None:
    """Nobody wants to know."""
