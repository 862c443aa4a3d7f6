"""What the built-in buildpacks share: the log, commands, files. Standard library only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence


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


def find_program(name: str, language: str) -> str:
    """Return where a program of this machine is; raises `CannotBuild` where it is not."""
    found = shutil.which(name)
    if found is None:
        raise CannotBuild(
            f"Build failed: {name} was not found. This platform builds with the {language} of its"
            " machine: install it, and make sure that it is on the PATH."
        )
    return found


def read_config(directory: Path, bent: Collection[str] = ()) -> dict[str, str]:
    """Return the app's config vars, without those that would bend the tools of the build."""
    names = {"PATH", "GIT_DIR", "LD_PRELOAD", "LIBRARY_PATH", "LD_LIBRARY_PATH", *bent}
    return {file.name: file.read_text() for file in directory.iterdir() if file.name not in names}


def write_release(program: str, types: Mapping[str, str]) -> None:
    """Leave the default process types where `bin/release` of the same buildpack prints them."""
    lines = ["---", "default_process_types:", *(f"  {name}: {types[name]}" for name in types)]
    place = Path(program).resolve().parent.parent / "release.yml"
    place.write_text("\n".join(lines) + "\n")


def write_profile(build: Path, name: str, text: str) -> None:
    """Write what a dyno's shell reads before it starts a process."""
    profile = build / ".profile.d" / f"{name}.sh"
    profile.parent.mkdir(exist_ok=True)
    profile.write_text(text)


def compile_with(main: Callable[[Path, Path, Path], None]) -> None:
    """Run a compile with the arguments of this process; the reason of a failure ends the log."""
    try:
        main(*(Path(argument).resolve() for argument in sys.argv[1:4]))
    except CannotBuild as problem:
        for text in str(problem).splitlines():
            warn(text)
        sys.exit(1)
