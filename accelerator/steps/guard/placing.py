"""Place a note in the lock remote, and look that it stays there.

A push that succeeded is no proof everywhere: where a remote keeps one archive per app, a push that
began before ours and ends after it brings back what was there before. So a note is looked at after
it was written, where that can happen once more after a moment, and written again when it is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.errors import LockUnavailable
from accelerator.models import Swap, Written

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.steps.guard.remote import LockRemote

TRIES = 3
MOMENT_SECONDS = 2.0  # what a push of a note takes that began just before ours


def place(
    remote: LockRemote, ref: str, old: str | None, text: str, sleep: Callable[[float], None]
) -> Written:
    """Write a note in the place of `old`; return what stands there then, as read back.

    Raises `LockUnavailable` where the remote refuses it.
    """
    sha = remote.write(text)
    for _ in range(TRIES):
        end = remote.swap(ref, old, sha)
        try:
            standing = _read_back(remote, ref, sha, sleep)
        except LockUnavailable:
            is_sure = end is Swap.DONE and not remote.is_advisory
            return Written.MADE if is_sure else Written.UNKNOWN
        if standing == sha:
            return Written.MADE
        if standing not in {None, old}:
            return Written.STOOD
        old = standing
    return Written.LOST


def _read_back(
    remote: LockRemote, ref: str, sha: str, sleep: Callable[[float], None]
) -> str | None:
    standing = remote.find().get(ref)
    if standing == sha and remote.is_advisory:
        sleep(MOMENT_SECONDS)
        standing = remote.find().get(ref)
    return standing
