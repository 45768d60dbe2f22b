"""`geoul compare`: what a change of the rules changes, on the same data with the same configuration."""

from __future__ import annotations

from pathlib import Path

from engine.cli.revisions import PromptSource, at_revision, read_source
from engine.errors import BadInput


def prompt_pair(
    old: str | None, new: str | None, revisions: tuple[str, str, str] | None, folder: Path
) -> tuple[PromptSource, PromptSource]:
    """The two prompts of the command line: two sources, or two revisions of one file.

    Raises:
        BadInput: neither or both forms were given, or a source cannot be read.
    """
    if revisions and (old or new):
        raise BadInput("Give two prompts, or --revisions A B FILE, not both.")
    if revisions:
        first, second, path = revisions
        return at_revision(first, path, folder), at_revision(second, path, folder)
    if not old or not new:
        raise BadInput(
            "geoul compare needs two prompts: `geoul compare OLD.md NEW.md`, "
            "`geoul compare HEAD~1:prompts/core_decision_prompt.md prompts/core_decision_prompt.md`, "
            "or `geoul compare --revisions HEAD~1 HEAD prompts/core_decision_prompt.md`."
        )
    return read_source(old, folder), read_source(new, folder)
