"""Run the user's own commands as child processes: tests beside the build, smoke checks."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections import deque
from threading import Thread
from typing import TYPE_CHECKING, cast

from accelerator.events import LogLine
from accelerator.lines import read_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import BufferedReader
    from pathlib import Path

    from accelerator.events import Recorder

GRACE_SECONDS = 5.0
TAIL_LINES = 40


class ChildCommand:
    """A shell command in a process group of its own, its output handed to the listeners.

    The group is what is stopped: a test runner's own children must not stay behind. The caller
    leaves the API key out of ``environment``: such commands have no need of it. ``source`` names
    the lines of its output in the log; ``last`` are the last of them.
    """

    def __init__(
        self,
        command: str,
        directory: Path | None,
        environment: Mapping[str, str],
        events: Recorder,
        source: str = "tests",
    ) -> None:
        self.command = command
        self.last = deque[str](maxlen=TAIL_LINES)
        self._process = subprocess.Popen(  # noqa: S602  # see shell=True
            command,
            shell=True,  # the user's own command line, as in a CI file
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._is_ending = False
        self._reader = Thread(target=self._read, args=(events, source), daemon=True)
        self._reader.start()

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for the end; return the exit status (negative: the signal that ended it).

        None when it has not ended after so many seconds: it goes on then. What the command left
        running is ended too: nobody else would, and it may hold its output.
        """
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._signal(signal.SIGTERM)
        self._reader.join(GRACE_SECONDS)
        self._signal(signal.SIGKILL)
        return status

    def terminate(self) -> None:
        """Ask the group to end, once: test runners take a second time for impatience."""
        if not self._is_ending:
            self._is_ending = True
            self._signal(signal.SIGTERM)

    def stop(self, seconds: float | None = None) -> None:
        """Ask the group to end, and kill what is left of it after so many seconds (five)."""
        patience = GRACE_SECONDS if seconds is None else seconds
        self.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join(patience)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self, events: Recorder, source: str) -> None:
        # stdout=PIPE above, and buffered by default
        with cast("BufferedReader", self._process.stdout) as output:
            for line in read_lines(output):
                self.last.append(line)
                events.emit(LogLine(source, line))
