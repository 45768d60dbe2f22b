"""The cache of compiled kernels: whatever happens to its files costs time and nothing else."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

import engine.kernel_cache  # noqa: F401  (numba reads the name of its folder when this is imported)

SOURCE = """
from engine.kernel_cache import njit


@njit
def twice(number):
    return 2 * number
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own, beside a module with one kernel."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "kernels.py").write_text(SOURCE)
    return tmp_path / "cache"


def fresh_kernel(cache: Path) -> Any:
    """The kernel as a new process would import it."""
    spec = importlib.util.spec_from_file_location("kernels", cache.parent / "source" / "kernels.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.twice


def test_the_second_process_loads_what_the_first_one_compiled(cache: Path) -> None:
    assert fresh_kernel(cache)(21) == 42
    again = fresh_kernel(cache)
    assert again(21) == 42
    assert sum(again.stats.cache_hits.values()) == 1


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("content", [b"", b"\x80\x04garbage", b"!" * 500], ids=["empty", "cut", "other"])
def test_a_damaged_file_is_compiled_again_and_replaced(cache: Path, suffix: str, content: bytes) -> None:
    fresh_kernel(cache)(21)
    for file in cache.rglob(f"*{suffix}"):
        file.write_bytes(content)
    assert fresh_kernel(cache)(21) == 42
    mended = fresh_kernel(cache)
    assert mended(21) == 42
    assert sum(mended.stats.cache_hits.values()) == 1


def test_a_folder_that_cannot_be_written_is_never_swapped_for_another(cache: Path) -> None:
    # numba would write beside the source, where a changed callee goes unnoticed.
    cache.write_text("a file where the folder should be")
    assert fresh_kernel(cache)(21) == 42
    assert not list(cache.parent.rglob("*.nb?"))
