"""Which Python the app asks for, and which of this machine's comes nearest to it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from log import CannotBuild, heading, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)(?:\.(0|[1-9]\d*))?")
_OLDEST = (3, 10)  # that Heroku builds with; today's pip installs into none that is much older
_NAME = re.compile(r"python(\d+)\.(\d+)")
_TELL = "import sys, venv; print('.'.join(map(str, sys.version_info[:3])), sys.executable)"


@dataclass(frozen=True)
class Wanted:
    """A version that an app asks for, with or without its last number, and where."""

    origin: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


@dataclass(frozen=True)
class Python:
    """An interpreter of this machine."""

    path: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


def find_wanted(build: Path) -> Wanted | None:
    """Read what the app asks for, in the order in which Heroku's buildpack reads it."""
    if (build / "runtime.txt").is_file():
        return _from_runtime_txt(build / "runtime.txt")
    if (build / ".python-version").is_file():
        return _from_version_file(build / ".python-version")
    if (build / "Pipfile.lock").is_file() and not (build / "requirements.txt").is_file():
        return _from_pipfile_lock(build / "Pipfile.lock")
    return None


def choose(wanted: Wanted | None) -> Python:
    """Return the interpreter to build with, and say in a line which and why."""
    own = Python(sys.executable, tuple(sys.version_info[:3]))
    if wanted is None:
        heading(f"Using Python {own}, this platform's own: the app asks for none")
        return own
    known = {own, *(one for one in _of_this_machine() if one.version >= _OLDEST)}
    for candidate in sorted(known, key=lambda one: _distance(one, wanted, own)):
        found = own if candidate == own else _tried(candidate.path)
        if found is None:
            continue
        if found.version[: len(wanted.version)] == wanted.version:
            heading(f"Using Python {found} specified in {wanted.origin}")
        else:
            warn(f"{wanted.origin} asks for Python {wanted}, which this machine lacks.")
            heading(f"Using Python {found}, the nearest there is")
        return found
    return own


def _distance(python: Python, wanted: Wanted, own: Python) -> tuple[object, ...]:
    """Order: the very version, its minor, older minors, newer ones; ours first among equals."""
    (major, minor), asked = python.version[:2], wanted.version
    is_exact = python.version[: len(asked)] == asked
    away = asked[1] - minor
    patch = python.version[2] if len(python.version) > 2 else -1
    same = (0 if is_exact else 1, major != asked[0])
    return (*same, (away < 0, abs(away)), python != own, -patch, python.path)


def _of_this_machine() -> Iterator[Python]:
    """List interpreters by their names and folders: of the PATH, of pyenv and of uv."""
    folders = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    for folder in folders:
        for file in folder.glob("python*"):
            if found := _NAME.fullmatch(file.name):
                yield Python(str(file), (int(found[1]), int(found[2])))
    home = Path.home()
    roots = {home / ".pyenv", *(each.parent for each in folders if each.name == "shims")}
    kept = [file for root in roots for file in root.glob("versions/*/bin/python")]
    kept += home.glob(".local/share/uv/python/cpython-*/bin/python")
    for file in kept:
        if found := _VERSION.match(file.parent.parent.name.removeprefix("cpython-")):
            yield Python(str(file), tuple(int(part) for part in found.groups() if part))


def _tried(path: str) -> Python | None:
    """Return what an interpreter says of itself; `None` if it does not run or makes no venv."""
    try:
        done = subprocess.run(
            [path, "-c", _TELL], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    version, _, executable = done.stdout.strip().partition(" ")
    return Python(executable, tuple(int(part) for part in version.split(".")))


def _lines(file: Path) -> list[str]:
    lines = (line.strip() for line in file.read_text(errors="replace").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _from_runtime_txt(file: Path) -> Wanted:
    lines = _lines(file)
    found = _VERSION.fullmatch(lines[0].removeprefix("python-")) if len(lines) == 1 else None
    if found is None or not lines[0].startswith("python-"):
        raise CannotBuild(
            "Error: Invalid Python version in runtime.txt.\n"
            "runtime.txt is deprecated: delete it, and write a .python-version file with a\n"
            "version such as 3.13 instead."
        )
    warn("runtime.txt is deprecated: use a .python-version file instead.")
    return _wanted("runtime.txt", found)


def _from_version_file(file: Path) -> Wanted:
    lines = _lines(file)
    for line in lines:
        if not _VERSION.fullmatch(line):
            raise CannotBuild(
                "Error: Invalid Python version in .python-version.\n"
                f"It has {line[:100]!r}. Write a version such as 3.13 or 3.13.5, without quotes\n"
                "or a 'python-' prefix, and comments on lines of their own."
            )
    if len(lines) != 1:
        count = "Multiple Python versions" if lines else "No Python version"
        raise CannotBuild(f"Error: {count} found in .python-version.\nWrite one, such as 3.13.")
    found = _VERSION.fullmatch(lines[0])
    return _wanted(".python-version", found) if found else Wanted("", ())


def _from_pipfile_lock(file: Path) -> Wanted | None:
    try:
        requires = json.loads(file.read_text()).get("_meta", {}).get("requires", {})
    except (ValueError, AttributeError) as error:
        raise CannotBuild(f"Error: Pipfile.lock cannot be read: {error}") from error
    text = str(requires.get("python_full_version") or requires.get("python_version") or "")
    found = _VERSION.fullmatch(text)
    return _wanted("Pipfile.lock", found) if found else None


def _wanted(origin: str, found: re.Match[str]) -> Wanted:
    return Wanted(origin, tuple(int(part) for part in found.groups() if part is not None))
