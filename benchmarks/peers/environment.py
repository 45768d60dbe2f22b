"""The peers' own virtual environment: made on first use, reused until the pinned versions change."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
DONE = "installed.txt"  # written last: without it the folder is half made


def folder_of(cache: Path) -> Path:
    """Where the environment of the present pins and Python version lives below `cache`."""
    pins = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    return cache / f"peers-python{platform.python_version()}-{pins}"


def interpreter(cache: Path) -> Path | None:
    """The environment's Python, or None where it has not been made."""
    folder = folder_of(cache)
    return _python(folder) if (folder / DONE).exists() else None


def create(cache: Path) -> Path:
    """The environment's Python, after making the environment if need be (about a minute).

    Raises:
        RuntimeError: a package could not be installed; the message ends with what pip said.
    """
    ready = interpreter(cache)
    if ready is not None:
        return ready
    folder = folder_of(cache)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    python = _python(folder)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS]
    install = subprocess.run(command, capture_output=True, text=True, check=False)
    if install.returncode != 0:
        raise RuntimeError(
            f"The packages of {REQUIREMENTS} could not be installed into {folder}. "
            f"Run without --peers, or see to this: {install.stderr[-2_000:]}"
        )
    freeze = subprocess.run([python, "-m", "pip", "freeze"], capture_output=True, text=True, check=True)
    (folder / DONE).write_text(freeze.stdout, encoding="utf-8")
    return python


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
