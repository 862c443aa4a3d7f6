"""What `.slugignore` names goes, before a buildpack sees it.

The patterns are those of `.gitignore` without negation, which Heroku does not support. They come
with the source, so matching takes no longer for one than for another: within a name `fnmatch` never
looks back further than the last star, and neither do we from folder to folder.
"""

from __future__ import annotations

import shutil
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from accelerator.localheroku.building.trees import read_inside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

NAME = ".slugignore"
_DEEP = "**"


def apply_slugignore(tree: Path, check: Callable[[], None] = lambda: None) -> int:
    """Remove what `.slugignore` names and return how many entries went.

    `check` is called for each entry and may raise.
    """
    text = read_inside(tree, NAME)
    if text is None:
        return 0
    lines = (line.strip() for line in text.splitlines())
    patterns = [Pattern(line) for line in lines if line and not line.startswith(("#", "!"))]
    removed = 0
    for path in _doomed(tree, patterns, check):
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        else:  # it went with the directory above it
            continue
        removed += 1
    return removed


class Pattern:
    """One line of the file."""

    def __init__(self, line: str) -> None:
        self._only_directories = line.endswith("/")
        bare = line.rstrip("/")
        self._is_anywhere = "/" not in bare
        self._parts = [part for part in bare.split("/") if part]
        if self._parts[-1:] == [_DEEP]:  # what is in a directory, and not the directory
            self._parts.append("*")

    def fits(self, parts: Sequence[str], is_directory: bool) -> bool:
        """Return whether it names the path of these parts."""
        if self._only_directories and not is_directory:
            return False
        if self._is_anywhere:
            return bool(self._parts) and fnmatchcase(parts[-1], self._parts[0])
        return _fits(parts, self._parts)


def _fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Compare part by part; `**` stands for any number of them.

    The first fit behind a `**` is as good as any later one, so only the last `**` is tried again.
    """
    at = behind = 0
    deep = resume = -1
    while at < len(parts):
        if behind < len(wanted) and wanted[behind] == _DEEP:
            deep, resume = behind, at
            behind += 1
        elif behind < len(wanted) and fnmatchcase(parts[at], wanted[behind]):
            at, behind = at + 1, behind + 1
        elif deep >= 0:
            resume += 1
            at, behind = resume, deep + 1
        else:
            return False
    return all(part == _DEEP for part in wanted[behind:])


def _doomed(tree: Path, patterns: Iterable[Pattern], check: Callable[[], None]) -> list[Path]:
    doomed = []
    for path in sorted(tree.rglob("*")):
        check()
        parts = path.relative_to(tree).parts
        is_directory = path.is_dir() and not path.is_symlink()
        if any(pattern.fits(parts, is_directory) for pattern in patterns):
            doomed.append(path)
    return doomed
