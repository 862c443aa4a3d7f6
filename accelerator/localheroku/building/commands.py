"""Run the commands of a build: output as it comes, cancellation, a deadline."""

from __future__ import annotations

import codecs
import errno
import os
import selectors
import subprocess
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.localheroku.keeper import Keeper, kill_group
from accelerator.localheroku.privacy import USUAL_MASK

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_MOST_CAPTURED = 1 << 20
_LOOK_AGAIN_SECONDS = 0.05
_BUSY_SECONDS = 10.0
_LONGEST_LINE = 1 << 16


class Cancelled(Exception):
    """Somebody cancelled the build."""


class TooLong(Exception):
    """The build took longer than it may."""


@dataclass(frozen=True)
class Shell:
    """Where and how the commands of one build run."""

    directory: Path
    environment: Mapping[str, str]
    write: Callable[[str], None]
    cancelled: threading.Event
    deadline: float
    keeper: Keeper | None

    def run(self, command: Sequence[str | Path], write: Callable[[str], None] | None = None) -> int:
        """Run `command`, hand its output on line by line and return its exit status.

        Whatever it leaves running is killed. Raises `Cancelled` or `TooLong`.
        """
        process = self._start(command)
        watched = self.keeper.watching(process.pid) if self.keeper else nullcontext()
        lines = Lines(write or self.write)
        try:
            with watched, process:
                try:
                    follow(process, lines, self.check)
                finally:
                    kill_group(process.pid)
        finally:
            lines.close()
        return process.returncode

    def _start(self, command: Sequence[str | Path]) -> subprocess.Popen[bytes]:
        """Start a command that may have been written just now.

        A child that another thread is starting has our open files until it runs its own program;
        while it holds one that was open for writing, the system refuses to run that file.
        """
        patience = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                return subprocess.Popen(
                    command,
                    cwd=self.directory,
                    env=dict(self.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    umask=USUAL_MASK,
                )
            except OSError as problem:
                if problem.errno != errno.ETXTBSY or time.monotonic() > patience:
                    raise
            time.sleep(_LOOK_AGAIN_SECONDS / 5)

    def capture(self, command: Sequence[str | Path]) -> tuple[int, str]:
        """Run `command` and return its exit status and the first MiB of its output."""
        lines: list[str] = []
        room = _MOST_CAPTURED

        def keep(line: str) -> None:
            nonlocal room
            lines.append(line[:room])
            room -= len(lines[-1])

        status = self.run(command, keep)
        return status, "".join(lines)

    def check(self) -> None:
        """Raise if the build is to stop."""
        if self.cancelled.is_set():
            raise Cancelled
        if time.monotonic() > self.deadline:
            raise TooLong


def follow(
    process: subprocess.Popen[bytes], lines: Lines, check: Callable[[], None] = lambda: None
) -> None:
    """Read a process's output until it ends, or the process has and what it wrote is read.

    A child left in the background may hold the pipe for ever. `check` is called all the time
    and may raise.
    """
    if process.stdout is not None:
        descriptor = process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            _read(process, lines, check, lambda wait: bool(selector.select(wait)))
    while process.poll() is None:
        check()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_AGAIN_SECONDS)


def _read(
    process: subprocess.Popen[bytes],
    lines: Lines,
    check: Callable[[], None],
    readable: Callable[[float], bool],
) -> None:
    ended = False
    while process.stdout is not None:
        check()
        if readable(0 if ended else _LOOK_AGAIN_SECONDS):
            data = os.read(process.stdout.fileno(), 1 << 16)
            lines.feed(data)
            if not data:
                return
        elif ended:
            return
        else:
            ended = process.poll() is not None


class Lines:
    """Cut bytes into whole lines, the last of which may lack its end.

    A line that is very long becomes several, so that one without end is not kept for ever.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> None:
        """Write the lines that `data` completes."""
        *whole, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        for line in whole:
            self._write(f"{line}\n")
        if len(self._rest) > _LONGEST_LINE:
            self.close()

    def close(self) -> None:
        """Write what is left."""
        if self._rest:
            self._write(f"{self._rest}\n")
            self._rest = ""
