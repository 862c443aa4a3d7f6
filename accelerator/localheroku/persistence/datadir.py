"""The platform's directory: its own until it ends, or kept and locked by one platform."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from accelerator.localheroku.persistence.database import Database, Keeping, Memory
from accelerator.localheroku.persistence.problems import DataUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATE = "state.sqlite3"
# The platform alone has the one, whatever it started may have the other.
_OWNER, _HELD = "lock", "lock.started"
_OURS = {_OWNER, _HELD, "blobs", "ca.pem", "dynos", "git", "outputs", "server.pem"}
# What a killed platform started is gone within moments.
_PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Place:
    """Where a platform keeps its files and its state.

    While any process has one of the descriptors `held`, no other platform uses the directory:
    processes that could still change files in it after a killed platform inherit them.
    """

    directory: Path
    keeping: Keeping
    held: tuple[int, ...] = ()


@contextlib.contextmanager
def open_place(data: Path | None) -> Iterator[Place]:
    """Open the place for data, or one that is removed afterwards; raise `DataUnusable`."""
    if data is None:
        with tempfile.TemporaryDirectory(
            prefix="localheroku-", ignore_cleanup_errors=True
        ) as directory:
            yield Place(Path(directory), Memory())
        return
    with _locked(data) as lock:
        # Unpacked slugs of dynos that are no more.
        shutil.rmtree(data / "dynos", ignore_errors=True)
        database = Database(data / _STATE)
        try:
            yield Place(data.resolve(), database, (lock,))
        finally:
            database.close()


@contextlib.contextmanager
def _locked(data: Path) -> Iterator[int]:
    with contextlib.ExitStack() as stack:
        try:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_ours(data)
            data.chmod(0o700)
            _check_ours(data)  # what others put there until now
            _make_private(data)
            owner = stack.enter_context(_open_private(data / _OWNER))
            held = stack.enter_context(_open_private(data / _HELD))
        except (FileExistsError, NotADirectoryError):
            raise DataUnusable(f"{data} is not a directory") from None
        except OSError as problem:
            reason = os.strerror(problem.errno) if problem.errno else str(problem)
            raise DataUnusable(f"{data} cannot be used: {reason}") from None
        _own(owner, data)
        _outlast(held.fileno(), data)
        yield held.fileno()


def _check_ours(data: Path) -> None:
    paths = sorted(data.iterdir())
    _check_owner(data.resolve())
    names = {path.name for path in paths}
    foreign = sorted(name for name in names - _OURS if not name.startswith(_STATE))
    if foreign:
        raise DataUnusable(
            f"{data} is not a data directory of the local platform: it holds {foreign[0]}"
        )
    # Where others could write, they may have put something in our way.
    for path in paths:
        if path.is_symlink():
            raise DataUnusable(f"{path} is a link, and that is not of this platform's making")
        _check_owner(path)


def _check_owner(path: Path) -> None:
    owner = path.lstat().st_uid
    if owner != os.geteuid():
        raise DataUnusable(
            f"{path} belongs to another user ({owner}); name a directory that is not there yet"
        )


def _make_private(data: Path) -> None:
    """Take from others what an older platform, or whoever made the directory, let them have."""
    data.chmod(0o700)
    for path in data.iterdir():
        path.chmod(0o700 if path.is_dir() else 0o600)


def _open_private(path: Path) -> TextIO:
    return open(path, "a+", opener=lambda name, flags: os.open(name, flags, 0o600))


def _own(file: TextIO, data: Path) -> None:
    if not _lock(file.fileno()):
        file.seek(0)
        process = file.read(20).strip()
        raise DataUnusable(f"{data} is in use by another local platform (process {process})")
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()


def _outlast(descriptor: int, data: Path) -> None:
    """Wait until nothing is left of a platform that was killed."""
    ends = time.monotonic() + _PATIENCE_SECONDS
    while not _lock(descriptor):
        if time.monotonic() > ends:
            raise DataUnusable(f"{data} is still in use by what a killed platform had started")
        time.sleep(_LOOK_SECONDS)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
