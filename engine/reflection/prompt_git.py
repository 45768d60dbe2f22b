"""A new version of a prompt as a commit of the repository around it, if there is one."""

from __future__ import annotations

import subprocess

from engine.reflection.prompt_history import PromptFiles
from engine.reflection.prompt_intent import Intent


def commit_to_git(files: PromptFiles, intent: Intent) -> tuple[str, ...]:
    """Commit our files and no others; what went wrong, if anything."""
    names = [files.prompt, files.history, files.changelog]
    names += [files.backups / name for name in (intent.backup, intent.versions[-1].file)]
    paths = [str(path.relative_to(files.folder)) for path in names]
    new = intent.versions[-1]
    message = f"{files.prompt.name} {new.version}: {new.reason}"
    try:
        for command in (["add", "--", *paths], ["commit", "-q", "-m", message, "--", *paths]):
            done = subprocess.run(
                ["git", "-C", str(files.folder), *command], capture_output=True, check=False, timeout=60
            )
            if done.returncode:
                told = (done.stderr or done.stdout).decode(errors="replace").strip()
                if "nothing to commit" in told:
                    return ()
                return (f"git could not commit version {new.version}: {told}. The files themselves are written.",)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        return (f"git could not commit version {new.version}: {error}. The files themselves are written.",)
    return ()
