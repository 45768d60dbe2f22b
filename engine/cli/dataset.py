"""Which dataset a command runs on: the folder the user names, or the embedded synthetic market."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import engine.data
from engine.cache_root import cache_root
from engine.data.catalog import open_dataset
from engine.errors import DataError

SAMPLE_TICKERS, SAMPLE_YEARS, SAMPLE_SEED = 200, 5, 1


def dataset_folder(given: Path | None, announce: Callable[[str], None], cache: Path | None = None) -> Path:
    """The dataset's folder; the synthetic market is made once and kept in the user's cache.

    Args:
        given: the folder the user named, None for the synthetic market.
        announce: told in Korean that the market is being made, which takes a few seconds.
        cache: where the synthetic market is kept; None takes the user's cache folder.

    Raises:
        DataError: the named folder is no dataset (raised by the reader), or the synthetic market cannot be kept.
    """
    if given is not None:
        return given
    root = cache or cache_root() / "datasets"
    folder = root / f"sample-{_generator_version()}"
    if not _is_whole(folder):
        from engine.data.sample import make_sample  # noqa: PLC0415  (compiles kernels: only when needed)

        announce("합성 시장을 만드는 중입니다(처음 한 번) · making the synthetic market (once)")
        shutil.rmtree(folder, ignore_errors=True)  # what is left of a damaged one
        try:
            make_sample(folder, tickers=SAMPLE_TICKERS, years=SAMPLE_YEARS, seed=SAMPLE_SEED)
        except (DataError, OSError) as error:
            if not _is_whole(folder):  # else another process has just made the same one
                raise DataError(
                    f"The synthetic market cannot be kept in {root}: {error} "
                    "Set GEOUL_CACHE to a folder that can be written, or name a dataset with --data."
                ) from None
    return folder


def _is_whole(folder: Path) -> bool:
    try:
        open_dataset(folder)
    except DataError:
        return False
    return True


def _generator_version() -> str:
    """Hash of the generator's sources: a new generator makes a new market instead of finding the old one."""
    sources = sorted(Path(engine.data.__path__[0]).glob("sample*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources))
    return digest.hexdigest()[:12]
