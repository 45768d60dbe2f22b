"""Where the text of a prompt comes from: a file, or a file at a revision of its git repository."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from engine.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSource:
    """A prompt's text and what to call it."""

    name: str
    text: str


def read_source(source: str, folder: Path) -> PromptSource:
    """Read `path` or `revision:path`; a file of that very name wins.

    Args:
        source: a path, or a git revision, a colon and a path as git writes them.
        folder: paths and the git repository are looked for from here.

    Raises:
        BadInput: there is neither such a file nor such a revision.
    """
    path = folder / source
    if path.is_file():
        return PromptSource(name=source, text=_decoded(path.read_bytes(), source))
    revision, colon, inner = source.partition(":")
    # On Windows "C:/prompts/new.md" is a path with a drive, never a revision.
    if not colon or not revision or not inner or Path(source).drive:
        raise BadInput(
            f"There is no prompt file {source} (looked in {folder}). Give a path, or REVISION:PATH for a file of "
            "an earlier git revision, such as HEAD~1:prompts/core_decision_prompt.md."
        )
    return at_revision(revision, inner, folder)


def at_revision(revision: str, path: str, folder: Path) -> PromptSource:
    """Read a file as it was at a git revision; `path` counts from `folder`.

    Raises:
        BadInput: git is missing, `folder` is in no repository, or the revision has no such file.
    """
    name = f"{revision}:{path}"
    if revision.startswith("-"):
        raise BadInput(f"{revision} is no git revision: revisions do not begin with a minus. Give a hash or a name.")
    # Without "./" git counts the path from the top of the repository, not from the folder the user stands in.
    relative = Path(path).as_posix()
    inner = relative if relative.startswith(("./", "../")) else f"./{relative}"
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "show", f"{revision}:{inner}"], capture_output=True, check=False
        )
    except FileNotFoundError:
        raise BadInput(f"{name} needs git, which is not installed. Install git or give two files.") from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ").rstrip(".")
        raise BadInput(
            f"git cannot show {name} from {folder}: {reason}. `git log -- {path}` lists the revisions of the file."
        )
    return PromptSource(name=name, text=_decoded(done.stdout, name))


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{name} is not UTF-8 text (byte {error.start + 1}). Save it as UTF-8.") from None
