"""What `geoul kis probe` has found out about one host, in a file that the configuration then reads.

The file lies beside the tokens, one for each host, is its owner's alone and holds no secret. A value that the user has
set under `geoul` in the configuration wins. What the adapter takes from it:

calls_per_second   rate of the app key
most_rows          rows of one answer, by call: where KIS gives fewer than documented, history goes on asking
silence_seconds    of the stream, before the link counts as dead

Field counts of the stream (46 or 47, 23 or 26, …) are recognised record by record; here they are only written down.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brokers.kis.environment import EnvironmentName
from brokers.kis.private_files import write_private
from engine.errors import ConfigError


class Answered(BaseModel):
    """One question and what was found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    question_ko: str
    question_en: str
    finding_ko: str
    finding_en: str
    evidence: str = ""
    is_open: bool = False


class Findings(BaseModel):
    """All that a probe has found; None and empty = nothing.

    Args:
        environment: "live" or "paper".
        host: base address of the REST calls; of another host nothing is believed.
        probed_at: by the clock of the probe.
        calls_per_second: that the host bore, with head-room.
        most_rows: rows of one answer, by call.
        field_counts: fields of a record, by message of the stream.
        silence_seconds: after which a silent stream is dead.
        lists_rows: whether the list of orders had its rows.
        notices: whether notices of orders came.
        questions: all of them, for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    environment: EnvironmentName
    host: str
    probed_at: str
    calls_per_second: float | None = Field(default=None, gt=0, le=1_000)
    most_rows: dict[str, int] = {}
    field_counts: dict[str, int] = {}
    silence_seconds: float | None = Field(default=None, gt=0, le=3_600)
    lists_rows: bool | None = None
    notices: bool | None = None
    questions: tuple[Answered, ...] = ()

    def save(self, path: Path) -> None:
        """Replace the file in one step, readable by its owner alone."""
        head = "# Written by `geoul kis probe` for the KIS adapter. Without this file the documented values hold.\n"
        write_private(path, head + yaml.safe_dump(self.model_dump(mode="json"), allow_unicode=True, sort_keys=False))


def findings_path(folder: Path, environment: EnvironmentName, host: str) -> Path:
    """Where the findings about a host are kept."""
    return folder / f"probe-{environment}-{hashlib.sha256(host.encode()).hexdigest()[:12]}.yaml"


def load_findings(path: Path, host: str) -> Findings | None:
    """The findings in a file; None if there is none, or it is about another host.

    Raises:
        ConfigError: it cannot be read.
    """
    if not path.is_file():
        return None
    try:
        found = Findings.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        reason = f"{len(error.errors())} impossible values" if isinstance(error, ValidationError) else "it is no YAML"
        raise ConfigError(f"The findings {path} cannot be read: {reason}. Run `geoul kis probe` again.") from None
    return found if found.host == host else None
