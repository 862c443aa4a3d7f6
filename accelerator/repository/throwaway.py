"""Folders for repositories that are thrown away, and those that killed runs have left behind.

A folder holds a file that its process keeps locked. The system lets go of that when the process
ends, however it ends. So a folder whose file can be locked is nobody's any more. The temporary
directory may be everybody's: only folders of this user are looked at, and no link is followed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

PREFIX = "accelerator-refs-"
_OWNER = "owner"
_MOST = 50  # removed by one run: it has something else to do
# One without the file is just being made, or is of a version that had none.
_OLD_SECONDS = 24 * 3600.0


class Throwaway:
    """A folder that is gone when `remove` is called, or the process ends in order.

    Making one begins to remove, in the background, those of processes that were killed.
    """

    def __init__(self) -> None:
        # Removed when the process ends at the latest: a thread may be hanging in a push then.
        self._temporary = tempfile.TemporaryDirectory(prefix=PREFIX)
        self.path = Path(self._temporary.name)
        # It gets its name when it is locked: until then the folder is one that is being made.
        new = self.path / f"{_OWNER}.new"
        self._owner = new.open("wb")
        fcntl.flock(self._owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        new.rename(self.path / _OWNER)
        Thread(
            target=remove_left, args=(self.path.parent,), name="left folders", daemon=True
        ).start()

    def remove(self) -> None:
        """Remove the folder."""
        self._owner.close()
        self._temporary.cleanup()


def remove_left(parent: Path) -> None:
    """Remove what killed processes of this user have left in `parent`; never raises."""
    with suppress(OSError), os.scandir(parent) as entries:
        removed = 0
        for name in sorted(entry.name for entry in entries if entry.name.startswith(PREFIX)):
            with suppress(OSError):
                removed += _remove_where_left(parent / name)
            if removed == _MOST:
                return


def _remove_where_left(path: Path) -> bool:
    folder = path.lstat()
    if not stat.S_ISDIR(folder.st_mode) or folder.st_uid != os.geteuid():
        return False
    try:
        owner = os.open(path / _OWNER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        is_old = time.time() - folder.st_mtime > _OLD_SECONDS
        if is_old:
            shutil.rmtree(path)
        return is_old
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where its process lives
        shutil.rmtree(path)
    finally:
        os.close(owner)
    return True
