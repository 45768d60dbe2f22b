"""What is proposed against what: the base and the candidate that a command's arguments name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.options import prompt_path
from engine.cli.revisions import PromptSource, read_source
from engine.errors import BadInput

if TYPE_CHECKING:
    from engine.research.candidate import Candidate


def read_proposal(command: str, prompts: list[str], rule: Path | None) -> tuple[tuple[str, str], Candidate]:
    """What the base and the candidate are called, and the candidate as read.

    Args:
        command: named in the message when sources are missing.
        prompts: candidate, or base and candidate: files or REVISION:PATH.
        rule: a file with one rule to add to the base instead.

    Raises:
        BadInput: too many or no sources, one that cannot be read, or rules in force that do not compile.
    """
    from engine.cli.compare import rules_of  # noqa: PLC0415  (keeps --help fast)
    from engine.research.candidate import read_candidate  # noqa: PLC0415
    from engine.rules.problem import RuleProblem  # noqa: PLC0415

    sources = [read_source(prompt, Path()) for prompt in prompts]
    if rule is not None:
        sources.append(read_source(str(rule), Path()))
    if not 1 <= len(sources) <= 2:
        raise BadInput(
            f"geoul {command} needs a candidate: `geoul {command} NEW.md`, `geoul {command} OLD.md NEW.md`, "
            f"`geoul {command} HEAD~1:prompts/core_decision_prompt.md prompts/core_decision_prompt.md`, "
            f"or `geoul {command} --rule RULE.md` to add one rule to the current prompt."
        )
    if len(sources) == 1:
        sources.insert(0, current_prompt())
    base, proposed = sources
    rules_of(base)
    try:
        return (base.name, proposed.name), read_candidate(base.text, proposed.text)
    except RuleProblem as problem:
        raise problem.found_in(proposed.name, problem.source) from None


def current_prompt(given: str | None = None) -> PromptSource:
    """The prompt that is named, or the one in force here."""
    if given is not None:
        return read_source(given, Path())
    path = prompt_path(None)
    return PromptSource(name=str(path), text=path.read_text(encoding="utf-8"))
