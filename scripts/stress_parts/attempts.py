"""One job of a runner as a process of its own: killed when it is to die, or when it hangs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LIMIT_SECONDS = 240.0
KEPT_LETTERS = 3000


@dataclass(frozen=True)
class Attempt:
    """How one job of a runner went; `ended` is by the stream's clock, `moment` by the platform's.

    `serves` is what each target answered over HTTP as soon as the job said that it is done.
    """

    link: str
    kind: str
    number: int
    status: int
    began: float
    ended: float
    moment: str
    stdout: str
    stderr: str
    was_killed: bool = False
    has_hung: bool = False
    serves: Mapping[str, int | None] = field(default_factory=dict)

    @property
    def is_green(self) -> bool:
        """Say whether CI shows it green."""
        return self.status == 0

    @property
    def document(self) -> dict[str, Any]:
        """Give the JSON document on its stdout; empty when there is none."""
        with suppress(ValueError):
            found = json.loads(self.stdout)
            if isinstance(found, dict):
                return found
        return {}

    @property
    def reason(self) -> str | None:
        """Give the reason its document names."""
        return self.document.get("reason")

    @property
    def is_superseded(self) -> bool:
        """Say whether it ended because newer code is there: then it did nothing, as it should."""
        return self.status in {0, 3} and self.reason == "superseded"


@dataclass(frozen=True)
class Work:
    """What a runner is to run, where, and after how many seconds it dies."""

    command: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    dies: float | None = None


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    status: int
    stdout: str
    stderr: str
    was_killed: bool
    has_hung: bool


class Processes:
    """All jobs that run now, each with everything it started in a process group of its own."""

    def __init__(self) -> None:
        self._living: set[int] = set()
        self._guard = Lock()
        self._is_closed = False

    def run(self, work: Work, logs: Path) -> Ended:
        """Run a job to its end, which may be sudden. Its output goes to files: it never waits."""
        logs.mkdir(parents=True)
        out, err = logs / "stdout", logs / "stderr"
        limit = LIMIT_SECONDS if work.dies is None else min(work.dies, LIMIT_SECONDS)
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = self._start(work, stdout, stderr)
            is_over = _ends_within(process, limit)
            if not is_over:
                _kill(process.pid)
            status = process.wait()
        with self._guard:
            self._living.discard(process.pid)
        texts = [each.read_text(errors="replace") for each in (out, err)]
        has_hung = not is_over and work.dies is None
        return Ended(status, texts[0], texts[1][-KEPT_LETTERS:], not is_over, has_hung)

    def close(self) -> None:
        """Kill whatever still runs, and let nothing start any more."""
        with self._guard:
            self._is_closed = True
            for pid in self._living:
                _kill(pid)

    def _start(self, work: Work, stdout: Any, stderr: Any) -> subprocess.Popen[bytes]:
        with self._guard:
            if self._is_closed:
                raise InterruptedError("the stress run is over")
            process = subprocess.Popen(
                work.command,
                cwd=work.cwd,
                env=dict(work.env),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
            self._living.add(process.pid)
        return process


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
