"""The clients of others are as they were published: each file has the hash that its package lists."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from importlib.metadata import distribution

import pytest


@pytest.mark.parametrize(("name", "version", "most"), [("python-kis", "2.1.6", 40), ("mojito2", "0.1.6", 3)])
def test_no_file_was_changed(name: str, version: str, most: int) -> None:
    found = distribution(name)
    assert found.version == version
    listed = [path for path in found.files or [] if path.hash is not None and path.suffix == ".py"]
    assert len(listed) >= most
    for path in listed:
        assert path.hash is not None and path.hash.mode == "sha256"
        digest = hashlib.sha256(path.read_binary()).digest()
        assert urlsafe_b64encode(digest).decode().rstrip("=") == path.hash.value, path
