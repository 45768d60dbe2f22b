"""The folder of an account: what its files are called, whose it is, and that one process trades in it."""

from __future__ import annotations

import hashlib
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from brokers.kis.config import KisConfig
from engine.data.atomic import atomic_path
from engine.errors import ConfigError

LEDGER, DATA, LOCK, OWNER = "ledger.db", "data", ".lock", "account.json"


def hold_folder(folder: Path) -> AbstractContextManager[object]:
    """Make the folder if need be, and keep every other process out of it for as long as the context lasts.

    Raises:
        ConfigError: another process trades in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return FileLock(folder / LOCK, timeout=0).acquire()
    except Timeout:
        raise ConfigError(
            f"Another process is trading in {folder}. Stop it first: two would send every order twice."
        ) from None


def claim_folder(folder: Path, config: KisConfig) -> None:
    """Note whose folder this is; another account, or the same in the other environment, is refused.

    Raises:
        ConfigError: the folder belongs to another account.
    """
    number = config.account.get_secret_value() + config.product
    mark = hashlib.sha256(f"{config.environment} {number}".encode()).hexdigest()[:16]  # the number itself is a secret
    path = folder / OWNER
    if not path.is_file():
        with atomic_path(path) as part:
            part.write_text(json.dumps({"environment": config.environment, "account": mark}) + "\n", encoding="utf-8")
        return
    if json.loads(path.read_text(encoding="utf-8")) != {"environment": config.environment, "account": mark}:
        raise ConfigError(
            f"{folder} holds the ledger of another account or environment. Give each account a --folder of its own."
        )


def venue_of(folder: Path) -> Literal["krx", "paper"]:
    """The venue profile under which the account of a folder trades."""
    told = json.loads((folder / OWNER).read_text(encoding="utf-8"))
    return "paper" if told["environment"] == "paper" else "krx"


def place_digest(folder: Path) -> bytes:
    """The same bytes at every start from this place, others for every other place; it says nothing of the path."""
    return hashlib.sha256(str(folder.resolve()).encode()).digest()
