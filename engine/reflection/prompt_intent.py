"""What a change of a prompt will write, put down before anything is written, so that another process can finish it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.ledger.canonical import stamp, unstamp
from engine.reflection.prompt_history import (
    FIRST,
    PromptFiles,
    PromptVersion,
    changed_rules,
    next_version,
    prompt_hash,
    read_history,
    read_text,
    version_from,
    write_text,
)

Notice = Callable[[str, str], str]
"""(version, backup file) -> the message to people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Everything that a change will write, so that another process can finish it.

    Args:
        base, text: the prompt before and after.
        versions: that the history lacks: the base, where it was first seen or edited by hand, then the new one.
        parent: version of the base.
        backup: name of the file with the text before.
        notice: for people.
    """

    base: str
    text: str
    versions: tuple[PromptVersion, ...]
    backup: str
    notice: str

    def write(self, files: PromptFiles) -> None:
        """Write it down beside the prompt."""
        plain = {
            "base": self.base,
            "text": self.text,
            "versions": [version.as_plain() for version in self.versions],
            "backup": self.backup,
            "notice": self.notice,
        }
        write_text(files.intent, json.dumps(plain, ensure_ascii=False))


def read_intent(files: PromptFiles) -> Intent:
    """The intent of a change that was interrupted."""
    plain: dict[str, Any] = json.loads(read_text(files.intent))
    return Intent(**plain | {"versions": tuple(version_from(entry) for entry in plain["versions"])})


def plan_change(
    files: PromptFiles, base: str, text: str, reason: str, notice: Notice | None, moment: datetime
) -> Intent:
    """What a change will write.

    Raises:
        RuleProblem: base or new text does not compile.
    """
    now = unstamp(stamp(moment))
    level, added, removed = changed_rules(base, text)
    history = read_history(files)
    base_hash = prompt_hash(base)
    versions: list[PromptVersion] = []
    if history and history[-1].prompt_hash == base_hash:
        parent = history[-1]
    else:
        number = next_version(history[-1].version, "patch") if history else FIRST
        parent = PromptVersion(
            version=number,
            prompt_hash=base_hash,
            parent=history[-1].version if history else "",
            changed_at=now,
            reason="손으로 고침 · edited by hand" if history else "처음 기록 · first seen",
            file=files.file_name(number, now),
        )
        versions.append(parent)
    number = next_version(parent.version, level)
    new = PromptVersion(
        version=number,
        prompt_hash=prompt_hash(text),
        parent=parent.version,
        changed_at=now,
        reason=reason,
        file=files.file_name(number, now),
        added=added,
        removed=removed,
    )
    return Intent(
        base=base,
        text=text,
        versions=(*versions, new),
        backup=parent.file,
        notice=reason if notice is None else notice(number, str(files.backups / parent.file)),
    )
