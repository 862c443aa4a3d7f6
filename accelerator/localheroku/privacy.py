"""Keep what the platform knows from other users of the machine, and from what it runs itself."""

from __future__ import annotations

import contextlib
import ctypes
import os

# Builds and dynos make their files as they do on Heroku, whatever is right for our own.
USUAL_MASK = 0o022
_OWNER_ONLY = 0o077
_SET_DUMPABLE = 4  # linux/prctl.h


def keep_private() -> None:
    """Let only its owner read the files this process makes, and nobody its environment or memory.

    Builds and dynos are processes of the same user: where there is a `/proc`, they could read
    there what the platform was started with, the caller's own keys among it.
    """
    os.umask(_OWNER_ONLY)
    with contextlib.suppress(OSError, AttributeError):  # other systems have no such call
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)
