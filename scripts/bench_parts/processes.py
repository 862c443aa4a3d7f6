"""Processes as a user would start them, timed from outside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench_parts.results import BenchFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
LIMIT_SECONDS = 300.0


@dataclass(frozen=True)
class Ended:
    """A process that ended: when it began, how long it took, what it said, its memory."""

    began_at: datetime
    seconds: float
    status: int
    stdout: str
    stderr: str


def environment(home: Path, **more: str) -> dict[str, str]:
    """Give a small environment of its own: no CI variables, no keys, no user's settings."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "HOME": str(home), **more}


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Ended:
    """Run a process to its end; the clock starts just before it does."""
    began_at, begun = datetime.now(UTC), time.monotonic()
    done = subprocess.run(
        command,
        cwd=cwd,
        env=dict(env),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    return Ended(began_at, time.monotonic() - begun, done.returncode, done.stdout, done.stderr)


def run_well(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Ended:
    """Run a process that must succeed; raises `BenchFailed` with what it said."""
    ended = run(command, cwd, env)
    if ended.status != 0:
        said = (ended.stderr + ended.stdout).strip()[-1000:]
        raise BenchFailed(f"{Path(command[0]).name} exited {ended.status}: {said}")
    return ended


def find_accelerator() -> str:
    """Find the installed command, as a pipeline would call it."""
    found = shutil.which("accelerator", path=str(Path(sys.executable).parent))
    if found is None:
        raise BenchFailed("the accelerator command is not installed beside this Python")
    return found
