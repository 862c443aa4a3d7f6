"""Outlive the platform by a moment, to take everything it started with it.

Run as a program it reads `+PGID` and `-PGID` lines and, when its input ends (the platform is
gone, however it went), kills the process groups still registered and whatever lives in the
directories given as arguments. It imports nothing of ours and only the standard library.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


_LOADER = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # what our interpreter may need to start


class Keeper:
    """The keeper process; `watch` a process group as soon as it exists.

    It has the descriptors `held` open until nothing is left to kill.
    """

    def __init__(self, directory: Path, held: tuple[int, ...] = ()) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(directory)],
            stdin=subprocess.PIPE,
            # Nothing of the platform's environment: it may hold keys, and others can read it here.
            env={name: os.environ[name] for name in _LOADER if name in os.environ},
            # Its own session: Ctrl-C at the terminal must not end it before the platform.
            start_new_session=True,
            pass_fds=held,
        )

    @contextlib.contextmanager
    def watching(self, group: int) -> Iterator[None]:
        """Keep an eye on `group` for the time of the block."""
        self.watch(group)
        try:
            yield
        finally:
            self.forget(group)

    def watch(self, group: int) -> None:
        """Kill this process group when the platform ends."""
        self._send(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Let go of a process group that has ended; its number may be used anew."""
        self._send(f"-{group}\n")

    def close(self) -> None:
        """End the keeper, which kills what is still registered, and wait for it."""
        with self._lock, contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._process.wait()

    def _send(self, line: str) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):
            if self._process.stdin is not None:
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()


def kill_group(group: int, number: int = signal.SIGKILL) -> bool:
    """Send a signal to a process group; return whether it was there."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def kill_strays(directory: Path) -> None:
    """Kill the processes whose `HOME` or `TMPDIR` is inside `directory`.

    Processes that left their group (a daemon calling `setsid`) are found this way, by the
    environment they were started with. Only where there is a `/proc`.
    """
    # A process may fork while we look; look again until there is nothing to see.
    for _ in range(20):
        found = list(_strays(directory))
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            break


def _strays(directory: Path) -> Iterator[int]:
    inside = os.fsencode(directory) + b"/"
    marks = (b"\0HOME=" + inside, b"\0TMPDIR=" + inside)
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = b"\0" + (entry / "environ").read_bytes()
            if int(entry.name) != os.getpid() and any(mark in environment for mark in marks):
                yield int(entry.name)


def main(directories: list[Path]) -> None:
    """Read registrations until the input ends, then kill what is left."""
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line.startswith("+") else groups.discard)(int(line[1:]))
    for group in groups:
        kill_group(group)
    for directory in directories:
        kill_strays(directory)


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
