"""The versions of a prompt file, beside the file: the text of each in `backups/`, their list, and a change log.

    prompts/core_decision_prompt.md                                  the prompt in force
    prompts/core_decision_prompt.history.json                        its versions, for programs
    prompts/CHANGELOG.md                                             the same, for people
    prompts/backups/core_decision_prompt_20260104_180000_v1.1.0.md   the text of one version

Versions are semantic: a rule that is removed or trades otherwise makes a new major version, a rule that is added a new
minor one, new words alone a new patch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from engine.data.atomic import atomic_path
from engine.errors import BadInput, DataError
from engine.ledger.canonical import digest, stamp, unstamp
from engine.metrics.rule_changes import rule_changes
from engine.rules.prompt import load_rules_text

FIRST = "1.0.0"
Level = Literal["major", "minor", "patch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVersion:
    """One version.

    Args:
        version: "1.1.0".
        prompt_hash: of its text.
        parent: version before it, "" for the first.
        changed_at: aware.
        reason: in words.
        file: name of the file in `backups/` that holds its text.
        added, removed: ids of rules; a rule that changed is in both.
    """

    version: str
    prompt_hash: str
    parent: str
    changed_at: datetime
    reason: str
    file: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def as_plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "version": self.version,
            "prompt_hash": self.prompt_hash,
            "parent": self.parent,
            "changed_at": stamp(self.changed_at),
            "reason": self.reason,
            "file": self.file,
            "added": list(self.added),
            "removed": list(self.removed),
        }


def version_from(values: dict[str, Any]) -> PromptVersion:
    """The version that `as_plain` wrote."""
    return PromptVersion(
        version=values["version"],
        prompt_hash=values["prompt_hash"],
        parent=values["parent"],
        changed_at=unstamp(values["changed_at"]),
        reason=values["reason"],
        file=values["file"],
        added=tuple(values["added"]),
        removed=tuple(values["removed"]),
    )


@dataclass(frozen=True, slots=True)
class PromptFiles:
    """Where the files of one prompt are."""

    prompt: Path

    @property
    def folder(self) -> Path:
        """That holds the prompt."""
        return self.prompt.parent

    @property
    def history(self) -> Path:
        """The list of versions."""
        return self.folder / f"{self.prompt.stem}.history.json"

    @property
    def changelog(self) -> Path:
        """The versions for people."""
        return self.folder / "CHANGELOG.md"

    @property
    def backups(self) -> Path:
        """The folder of all texts."""
        return self.folder / "backups"

    @property
    def lock(self) -> Path:
        """Held while the prompt is changed."""
        return self.folder / f".{self.prompt.name}.lock"

    @property
    def intent(self) -> Path:
        """There while a change is being made, or after one that was interrupted."""
        return self.folder / f".{self.prompt.name}.update.json"

    def text(self) -> str:
        """The prompt in force, with its line ends as they are.

        Raises:
            DataError: it cannot be read.
        """
        return read_text(self.prompt)

    def file_name(self, version: str, moment: datetime) -> str:
        """The name of the file in `backups/` for a version."""
        return f"{self.prompt.stem}_{moment:%Y%m%d_%H%M%S}_v{version}.md"


def read_text(path: Path) -> str:
    """A text file with its line ends as they are.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check the path and its rights.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start + 1}). Save it as UTF-8.") from None


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all, with its line ends as they are."""
    with atomic_path(path) as part:
        part.write_bytes(text.encode("utf-8"))


def prompt_hash(text: str) -> str:
    """As the ledger names a prompt's text."""
    return digest(text)


def read_history(files: PromptFiles) -> tuple[PromptVersion, ...]:
    """The versions so far, oldest first; none where nothing has been changed yet.

    Raises:
        DataError: the list is damaged.
    """
    if not files.history.is_file():
        return ()
    try:
        return tuple(version_from(entry) for entry in json.loads(read_text(files.history))["versions"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{files.history} cannot be read ({error!r}). Restore it from git or a backup; the texts of all versions "
            f"are in {files.backups}."
        ) from None


def write_history(files: PromptFiles, versions: Sequence[PromptVersion]) -> None:
    """Replace the list of versions."""
    plain = {"schema": 1, "versions": [version.as_plain() for version in versions]}
    write_text(files.history, json.dumps(plain, ensure_ascii=False, indent=1) + "\n")


def find_version(files: PromptFiles, name: str) -> PromptVersion:
    """A version by its number, or by `current`.

    Raises:
        BadInput: there is none.
    """
    versions = read_history(files)
    found = versions[-1] if name == "current" and versions else None
    found = found or next((version for version in versions if version.version == name.removeprefix("v")), None)
    if found is None:
        known = ", ".join(version.version for version in versions) or "none yet"
        raise BadInput(f"{files.prompt} has no version {name}. It has: {known}. geoul rules history lists them.")
    return found


def text_of(files: PromptFiles, version: PromptVersion) -> str:
    """The text of a version.

    Raises:
        DataError: its file is missing or was changed.
    """
    text = read_text(files.backups / version.file)
    if prompt_hash(text) != version.prompt_hash:
        raise DataError(
            f"{files.backups / version.file} was changed since version {version.version} was written: its hash is "
            f"another one. Restore it from git or from another backup."
        )
    return text


def changed_rules(old: str, new: str) -> tuple[Level, tuple[str, ...], tuple[str, ...]]:
    """How far two prompts differ, and the ids of rules that came and went.

    Raises:
        RuleProblem: one of them does not compile.
    """
    changes = [change for change in rule_changes(load_rules_text(old), load_rules_text(new)) if change.trades]
    added = tuple(change.rule_id for change in changes if change.kind in ("added", "changed"))
    removed = tuple(change.rule_id for change in changes if change.kind in ("removed", "changed"))
    breaking = any(change.kind != "added" for change in changes)
    return ("major" if breaking else "minor" if changes else "patch"), added, removed


def next_version(version: str, level: Level) -> str:
    """The number after a version.

    >>> next_version("1.2.3", "major"), next_version("1.2.3", "minor"), next_version("1.2.3", "patch")
    ('2.0.0', '1.3.0', '1.2.4')
    """
    major, minor, patch = (int(part) for part in version.split("."))
    if level == "major":
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if level == "minor" else f"{major}.{minor}.{patch + 1}"


def changelog_with(text: str, name: str, versions: Sequence[PromptVersion]) -> str:
    """The change log with entries for versions that it lacks, newest first, below its title."""
    title, rest = _split_title(text)
    for version in versions:
        heading = f"## {name} {version.version} ({version.changed_at:%Y-%m-%d %H:%M})"
        if f"## {name} {version.version} (" in text:
            continue
        lines = [heading, "", version.reason]
        lines += [f"- 추가 · added: {', '.join(version.added)}"] if version.added else []
        lines += [f"- 제거 · removed: {', '.join(version.removed)}"] if version.removed else []
        lines += [f"- 파일 · file: backups/{version.file}", ""]
        rest = "\n".join(lines) + "\n" + rest
    return title + rest


def _split_title(text: str) -> tuple[str, str]:
    if not text.startswith("# "):
        return "# 프롬프트 변경 기록 · changes of the prompts\n\n", text
    first, _, rest = text.partition("\n")
    return first + "\n\n", rest.lstrip("\n")
