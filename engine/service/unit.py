"""The systemd unit of an account: restarted whatever happens but for a wrong configuration, and shut in its folder.

Source: systemd.service(5), systemd.exec(5) and systemd.syntax(7), read 2026-11-23.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from engine.errors import BadInput

# Of the system's manager only: a user's own may not change what a process sees of the file system.
_SANDBOX = """\
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={writable}
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictNamespaces=yes
CapabilityBoundingSet=
"""


def unit_name(folder: Path, mode: str) -> str:
    """The file name of an account's unit.

    >>> unit_name(Path("/home/kim/my account"), "paper")
    'geoul-paper-my-account.service'
    """
    return f"geoul-{mode}-{re.sub(r'[^A-Za-z0-9_.-]+', '-', folder.name)}.service"


def unit_text(
    folder: Path, mode: str, program: Sequence[str], *, options: Sequence[str] = (), user: str = "", cache: Path
) -> str:
    """A unit.

    Args:
        folder: of the account, absolute.
        mode: "paper" or "live".
        program: what runs `geoul`.
        options: more words for the command.
        user: whom the system's manager runs it as; "" = a unit of the user's own manager.
        cache: folder of compiled code, which must be writable.

    Raises:
        BadInput: a path or word that no unit can hold.
    """
    words = [*program, mode, "--folder", str(folder), *options]
    for word in (*words, user, str(cache)):
        if re.search(r"[\x00-\x1f\x7f]", word):
            raise BadInput(f"{word!r} has a control character, which no systemd unit can hold. Rename it.")
    template = files("engine.service").joinpath("geoul.service").read_text(encoding="utf-8")
    writable = f"{_quoted(str(folder))} {_quoted('-' + str(cache))}"
    return template.format(
        mode=mode,
        name=folder.name.replace("%", "%%"),
        user=f"User={user}\n" if user else "",
        folder=str(folder).replace("%", "%%"),
        command=" ".join(_quoted(word.replace("$", "$$")) for word in words),
        sandbox=_SANDBOX.format(writable=writable) if user else "",
        target="multi-user.target" if user else "default.target",
    )


def _quoted(word: str) -> str:
    """A word of a unit: quotes, backslashes and specifiers escaped."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if re.search(r"[^A-Za-z0-9_./:=@%+,$-]", escaped) or not word else escaped
