"""Read files of a tree nobody vouches for: only what is really in it, and not too much."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_MOST = 1 << 20


class Unreadable(Exception):
    """A file of the tree is not one that could be read; the text says why."""


def read_inside(tree: Path, name: str, most: int = _MOST) -> str | None:
    """Return the text of a file in `tree`, None where there is none.

    It may be a link to another file in the tree. One that leads out of it, something that is no
    file, and more than `most` bytes raise `Unreadable`.
    """
    path = tree / name
    if not os.path.lexists(path):
        return None
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(os.path.realpath(tree)):
        raise Unreadable(f"{name} is a link that leaves the app")
    try:
        # A pipe would be waited for.
        file = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        raise Unreadable(f"{name} cannot be read: {problem.strerror}") from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise Unreadable(f"{name} is not a file")
    with os.fdopen(file, "rb") as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        raise Unreadable(f"{name} is larger than {most // 1024} KiB")
    return content.decode(errors="replace")
