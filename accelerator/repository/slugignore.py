"""What `.slugignore` surely removes before a build; where there is any doubt, nothing.

Heroku's documentation calls the format "roughly the same as .gitignore", without negation. The one
implementation it has published globs instead: a star stands for no dot at the beginning of a name,
nothing below a folder with such a name is found, a pattern with a slash anywhere is looked for at
the root only, blanks part patterns. So only what both ways of reading remove counts as removed, and
a line with anything else in it than names, stars and slashes removes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = ".slugignore"
MOST_BYTES = 1 << 16
MOST_PATTERNS = 1000
_DEEP = "**"
_UNDERSTOOD = re.compile(
    r"/?(?:(?:\*\*|[A-Za-z0-9._@+=,~%*-]+)/)*(?:\*\*|[A-Za-z0-9._@+=,~%*-]+)/?"
)
# The platform itself, or git, reads these at the root, perhaps before anything is removed.
_ALWAYS_READ = frozenset(
    {NAME, "Procfile", "app.json", "heroku.yml", "project.toml", ".buildpacks", ".gitmodules"}
)
_ATTRIBUTES = ".gitattributes"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line: the parts of a path it names, from the root, or one name that may be anywhere."""

    parts: tuple[str, ...]
    is_anywhere: bool
    only_folders: bool

    def names(self, path: Sequence[str], *, is_folder: bool) -> bool:
        """Return whether it names this very path, not only a folder above it."""
        if self.only_folders and not is_folder:
            return False
        if self.is_anywhere:
            is_hidden = any(part.startswith(".") for part in path[:-1])
            return not is_hidden and _fits(path[-1], self.parts[0])
        return _fit_all(path, self.parts)


@dataclass(frozen=True, slots=True)
class Ignored:
    """All patterns of a file."""

    patterns: tuple[Pattern, ...] = ()

    def names(self, path: Sequence[str], *, is_folder: bool) -> bool:
        """Return whether a path is surely removed."""
        if path[-1] == _ATTRIBUTES or (len(path) == 1 and path[0] in _ALWAYS_READ):
            return False
        return any(pattern.names(path, is_folder=is_folder) for pattern in self.patterns)


def parse_slugignore(content: bytes) -> Ignored:
    """Read a `.slugignore`; one with a negated pattern, or too long a one, removes nothing."""
    if len(content) > MOST_BYTES:
        return Ignored()
    lines = content.decode("utf-8", "replace").split("\n")
    if len(lines) > MOST_PATTERNS or any(line.lstrip().startswith("!") for line in lines):
        return Ignored()
    parsed = (_parse(line.rstrip(" \t\r")) for line in lines)
    return Ignored(tuple(pattern for pattern in parsed if pattern is not None))


def _parse(line: str) -> Pattern | None:
    if not _UNDERSTOOD.fullmatch(line):
        return None
    parts = tuple(line.strip("/").split("/"))
    if any(part in {".", ".."} or (_DEEP in part and part != _DEEP) for part in parts):
        return None
    if parts[-1] == _DEEP:  # all that is in a folder; the other way of reading: but hidden names
        parts = (*parts[:-1], "*")
        if len(parts) == 1:
            return None
    return Pattern(parts, "/" not in line, line.endswith("/"))


def _fits(name: str, pattern: str) -> bool:
    """Compare a name with a pattern of stars, which never stand for a dot that hides it.

    Never looks back further than the last star: matching one takes no longer than another.
    """
    if pattern.startswith("*") and name.startswith("."):
        return False
    pieces = pattern.split("*")
    if len(pieces) == 1:
        return name == pattern
    first, *middle, last = pieces
    if not name.startswith(first) or not name.endswith(last):
        return False
    at, stop = len(first), len(name) - len(last)
    for piece in middle:
        found = name.find(piece, at, max(at, stop))
        if found < 0:
            return False
        at = found + len(piece)
    return at <= stop


def _fit_all(path: Sequence[str], wanted: Sequence[str]) -> bool:
    """Compare part by part; ``**`` stands for any number of folders that are not hidden."""
    reached = {0}
    for part in path:
        reached = _step(reached, part, wanted)
    return len(wanted) in reached


def _step(reached: set[int], part: str, wanted: Sequence[str]) -> set[int]:
    """Return where in `wanted` one may be after one more part of the path."""
    after = set()
    for at in _skip_deep(reached, wanted):
        if at == len(wanted):
            continue
        if wanted[at] == _DEEP:
            if not part.startswith("."):
                after.add(at)
        elif _fits(part, wanted[at]):
            after.add(at + 1)
    return after


def _skip_deep(reached: set[int], wanted: Sequence[str]) -> set[int]:
    """Return the places, and those behind each ``**``, which may stand for nothing."""
    found = set()
    for start in reached:
        at = start
        found.add(at)
        while at < len(wanted) and wanted[at] == _DEEP:
            at += 1
            found.add(at)
    return found
