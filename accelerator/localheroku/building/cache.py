"""The build cache of an app: copied in for each build, swapped out after it.

Builds of one app run side by side, so none works in the shared directory.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def copy_in(cache: Path, to: Path) -> None:
    """Copy the cache to `to`, an empty directory if there is none yet."""
    with _locked(cache, fcntl.LOCK_SH):
        if cache.is_dir():
            shutil.copytree(cache, to, symlinks=True)
        else:
            to.mkdir(parents=True)


def swap_out(fresh: Path, cache: Path) -> None:
    """Put the directory `fresh` in the cache's place; the last build to end wins."""
    with _locked(cache, fcntl.LOCK_EX):
        _remove(cache)
        fresh.rename(cache)


def clear(cache: Path) -> None:
    """Forget the cache; builds that have copied it already keep their copy."""
    with _locked(cache, fcntl.LOCK_EX):
        _remove(cache)


def drop(cache: Path) -> None:
    """Remove the cache of an app that is gone."""
    clear(cache)
    _lock(cache).unlink(missing_ok=True)


def _remove(cache: Path) -> None:
    if not cache.exists():
        return
    # Renamed first, so that a crash in mid-removal leaves no half cache behind.
    with tempfile.TemporaryDirectory(prefix=f".{cache.name}.", dir=cache.parent) as bin_:
        cache.rename(Path(bin_) / "old")


def _lock(cache: Path) -> Path:
    return cache.with_name(f"{cache.name}.lock")


@contextmanager
def _locked(cache: Path, kind: int) -> Iterator[None]:
    cache.parent.mkdir(parents=True, exist_ok=True)
    with _lock(cache).open("w") as lock:
        fcntl.flock(lock, kind)
        yield
