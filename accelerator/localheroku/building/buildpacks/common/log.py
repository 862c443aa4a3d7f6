"""The build log, and commands whose output goes into it. Standard library only."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class CannotBuild(Exception):
    """The app cannot be built; the text tells its developer why."""


def heading(text: str) -> None:
    """Begin a part of the build log."""
    print(f"-----> {text}", flush=True)


def say(text: str) -> None:
    """Write a line of the build log."""
    print(f"       {text}".rstrip(), flush=True)


def warn(text: str) -> None:
    """Write a line that is not to be missed."""
    print(f" !     {text}", flush=True)


def run(
    command: Sequence[str | Path], cwd: Path | None = None, extra: Mapping[str, str] | None = None
) -> int:
    """Run a command with its output indented, as the build log shows it; return its status."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **(extra or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with process:
        for line in process.stdout or ():
            say(line.rstrip())
    return process.returncode


def run_or_fail(command: Sequence[str | Path], extra: Mapping[str, str] | None = None) -> None:
    """Run a command that has to succeed."""
    if run(command, extra=extra) != 0:
        raise CannotBuild(f"Error: the command failed: {' '.join(map(str, command))}")
