"""A process run to its end, and the memory it and its children took."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from bench_parts.results import BenchFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

KILOBYTE = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss
SAMPLE_SECONDS = 0.02
PROCESSES = Path("/proc")


@dataclass(frozen=True)
class Watched:
    """A process that ended well: seconds, what it printed, and peak memory in MB.

    `largest` is that of its largest process, by the kernel's account. `together` is that of all its
    processes at one moment, sampled; None where there is no /proc.
    """

    seconds: float
    stdout: str
    largest: float
    together: float | None


def run_watched(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Watched:
    """Run a process that must succeed, and watch its memory.

    The kernel's account has the moment before `exec` too, when the child is a copy of this process,
    so it is never below this process's own.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        begun = time.monotonic()
        process = subprocess.Popen(
            command, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
        with Sampler(process.pid) as sampler:
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            said = (err.read() + out.read()).strip()[-1000:]
            raise BenchFailed(f"{Path(command[0]).name} exited {process.returncode}: {said}")
        largest = usage.ru_maxrss * KILOBYTE / 1e6
        return Watched(seconds, out.read(), largest, sampler.peak)


class Sampler:
    """Adds up the resident memory of a process and all below it, every so often."""

    def __init__(self, pid: int) -> None:
        self.peak: float | None = None
        self._pid, self._stop = pid, Event()
        self._thread = Thread(target=self._sample)

    def __enter__(self) -> Sampler:
        if PROCESSES.is_dir():
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _sample(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE") / 1e6
        while not self._stop.wait(SAMPLE_SECONDS):
            pages = sum(_resident_pages(pid) for pid in _tree(self._pid))
            self.peak = max(self.peak or 0.0, pages * page)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for listed in PROCESSES.glob(f"{pid}/task/*/children"):
        try:
            children = listed.read_text().split()
        except OSError:  # it has just ended
            continue
        for child in children:
            yield from _tree(int(child))


def _resident_pages(pid: int) -> int:
    try:
        return int((PROCESSES / str(pid) / "statm").read_text().split()[1])
    except (OSError, IndexError):  # it has just ended
        return 0
