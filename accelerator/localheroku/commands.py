"""Run the commands of a build: output as it comes, cancellation, a deadline."""

from __future__ import annotations

import codecs
import os
import selectors
import subprocess
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.localheroku.keeper import Keeper, kill_group

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_LOOK_AGAIN_SECONDS = 0.05


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
        process = subprocess.Popen(
            command,
            cwd=self.directory,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        watched = self.keeper.watching(process.pid) if self.keeper else nullcontext()
        lines = _Lines(write or self.write)
        try:
            with watched, process:
                try:
                    self._follow(process, lines)
                finally:
                    kill_group(process.pid)
        finally:
            lines.close()
        return process.returncode

    def capture(self, command: Sequence[str | Path]) -> tuple[int, str]:
        """Run `command` and return its exit status and its output."""
        lines: list[str] = []
        status = self.run(command, lines.append)
        return status, "".join(lines)

    def check(self) -> None:
        """Raise if the build is to stop."""
        if self.cancelled.is_set():
            raise Cancelled
        if time.monotonic() > self.deadline:
            raise TooLong

    def _follow(self, process: subprocess.Popen[bytes], lines: _Lines) -> None:
        """Read until the output ends, or the process has and what it wrote is read."""
        if process.stdout is None:
            return
        descriptor = process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            ended = False
            while True:
                self.check()
                if selector.select(0 if ended else _LOOK_AGAIN_SECONDS):
                    data = os.read(descriptor, 1 << 16)
                    lines.feed(data)
                    if not data:
                        break
                elif ended:  # a child in the background still holds the pipe
                    return
                ended = process.poll() is not None
        self._wait(process)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        while True:
            self.check()
            try:
                process.wait(_LOOK_AGAIN_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return


class _Lines:
    """Cut bytes into whole lines, the last of which may lack its end."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        for line in whole:
            self._write(f"{line}\n")

    def close(self) -> None:
        if self._rest:
            self._write(f"{self._rest}\n")
            self._rest = ""
