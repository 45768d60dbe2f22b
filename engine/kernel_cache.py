"""Compiled kernels, cached on disk in a folder that is named by everything that decides their machine code.

Numba's own cache looks only at the file that defines a function: when a callee in another file changes, it loads the
old machine code and would trade with old rules. Here the folder's name is the hash of all kernel sources, the numba and
llvmlite versions and the processor, so any edit starts a new folder. Import `njit` from here, never from numba.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.cache_root import cache_root

ENGINE = Path(__file__).parent
MARK = "from engine.kernel_cache import"  # every file that defines or calls kernels imports from here


def kernel_sources(root: Path = ENGINE) -> list[Path]:
    """All files below `root` (and the brokers and strategies beside it) that hold kernels, sorted."""
    return sorted(path for path in root.rglob("*.py") if MARK in path.read_text(encoding="utf-8"))


def cache_key(sources: list[Path]) -> str:
    """Hash of the kernel sources, the compiler's versions and the processor."""
    digest = hashlib.sha256()
    for package in ("numba", "llvmlite", "numpy"):
        digest.update(f"{package}={importlib.metadata.version(package)};".encode())
    digest.update(f"{platform.machine()};{_processor()};{platform.python_version()}".encode())
    for path in sources:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


def _processor() -> str:
    cpu = Path("/proc/cpuinfo")
    if cpu.is_file():
        wanted = ("model name", "flags", "Features", "CPU part")
        lines = cpu.read_text(encoding="utf-8", errors="replace").split("\n\n", 1)[0].splitlines()
        return ";".join(line for line in lines if line.startswith(wanted))
    return platform.processor()


def cache_folder() -> Path:
    """Where the machine code of the present sources is kept; `GEOUL_CACHE` overrides the user's cache folder."""
    return cache_root() / "kernels" / cache_key(kernel_sources())


def is_warm() -> bool:
    """Whether machine code of the present sources is on disk, so that nothing long has to be compiled."""
    return any(cache_folder().rglob("*.nbi"))


# numba reads this when it is imported, so it must be set first.
os.environ["NUMBA_CACHE_DIR"] = str(cache_folder())

import numba  # noqa: E402
import numba.core.caching  # noqa: E402
import numba.core.registry  # noqa: E402
import numba.core.sigutils  # noqa: E402

# What follows is numba's own machinery, which has no types.
_Dispatcher: Any = numba.core.registry.CPUDispatcher
_plain: Any = numba.types.unliteral
_normal: Any = numba.core.sigutils.normalize_signature


_FunctionCache: Any = numba.core.caching.FunctionCache
_CacheImpl: Any = numba.core.caching.CompileResultCacheImpl
_GivenFolder: Any = _CacheImpl._locator_classes[0]  # the one that reads NUMBA_CACHE_DIR


def njit(function: Callable[..., Any] | None = None, *, cache: bool = True, **options: Any) -> Any:
    """`numba.njit` with the cache on, for functions that Python calls; bare or with options."""
    options.setdefault("error_model", "numpy")

    def compiled(plain: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(**options)(plain)
        if cache:
            dispatcher._cache = _KernelCache(plain)
        return dispatcher

    return compiled if function is None else compiled(function)


class _OurFolder(_GivenFolder):  # type: ignore[misc]
    """Our folder and no other: where it cannot be written numba would turn to one that is not named by our hash."""

    def ensure_cache_path(self) -> None:
        with contextlib.suppress(OSError):
            super().ensure_cache_path()


class _InOurFolder(_CacheImpl):  # type: ignore[misc]
    _locator_classes = [_OurFolder]  # noqa: RUF012  (numba reads it from the class)


class _KernelCache(_FunctionCache):  # type: ignore[misc]
    """The machine code of one kernel on disk; a damaged or closed folder costs the time to compile, nothing else."""

    _impl_class = _InOurFolder

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # a damaged file can raise anything while it is unpickled and linked
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


def inner(function: Callable[..., Any]) -> Any:
    """A kernel that only other kernels call: Python runs its plain source.

    It is compiled as a part of its callers, without an entry point, machine code or cache file of its own and once for
    all integers (numba would compile it again for each literal argument). That takes half the time that `njit` takes.
    """
    return _Inner(function)


def inline(function: Callable[..., Any]) -> Any:
    """As `inner`, and always copied into its callers: for a few instructions in a hot loop."""
    return _Inner(function, forceinline=True)


class _Inner(_Dispatcher):  # type: ignore[misc]
    """A dispatcher whose results are linked into callers only."""

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        super().__init__(function, targetoptions={"nopython": True, "error_model": "numpy", **options})
        self._compiler._customize_flags = _without_entry_point

    def get_call_template(self, args: Any, kws: Any) -> Any:
        return super().get_call_template(
            tuple(_plain(kind) for kind in args), {name: _plain(kind) for name, kind in kws.items()}
        )

    def add_overload(self, cres: Any) -> None:
        # No entry point exists that could name the overload inside the compiler, so the result itself does.
        self.overloads[tuple(cres.signature.args)] = cres
        self.targetctx.insert_user_function(id(cres), cres.fndesc, [cres.library])

    def get_overload(self, sig: Any) -> int:
        args, _ = _normal(sig)
        return id(self.overloads[tuple(args)])

    def __call__(self, *args: Any, **kws: Any) -> Any:
        return self.py_func(*args, **kws)


def _without_entry_point(flags: Any) -> Any:
    flags.no_cpython_wrapper = True
    flags.no_cfunc_wrapper = True
    flags.no_compile = True
    return flags
